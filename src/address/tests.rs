//! The judgement of addresses, range by range.

use super::*;

fn verdict(allow: &[&str], deny: &[&str], address: &str) -> &'static str {
    let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>();
    named(check(address.parse().unwrap(), &nets(allow), &nets(deny)))
}

fn named(verdict: Result<(), Why>) -> &'static str {
    match verdict {
        Ok(()) => "ok",
        Err(Why::Never(_)) => "never",
        Err(Why::Denied(_)) => "denied",
        Err(Why::NotAllowed(_)) => "not allowed",
        Err(Why::NotListed) => "not listed",
    }
}

#[test]
fn a_host_that_an_event_names_reaches_only_what_is_listed() {
    let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>();
    for (address, wanted) in [
        ("8.8.8.8", "not listed"),
        ("9.9.9.9", "ok"),
        ("::ffff:9.9.9.9", "ok"),
        ("10.1.2.3", "ok"),
        ("10.6.6.6", "denied"),
        ("192.168.0.1", "not allowed"),
        ("169.254.169.254", "never"),
    ] {
        let (allow, deny) = (nets(&["9.9.9.0/24", "10.0.0.0/8", "169.254.0.0/16"]), nets(&["10.6.6.6/32"]));
        assert_eq!(named(check_listed(address.parse().unwrap(), &allow, &deny)), wanted, "{address}");
    }
}

#[test]
fn every_range_of_the_tables_is_a_range() {
    for (range, kind) in NEVER_TEXT.iter().chain(PRIVATE_TEXT) {
        assert!(range.parse::<IpNet>().is_ok(), "{range} ({kind})");
    }
}

#[test]
fn no_setting_opens_link_local_metadata_and_reserved_addresses() {
    for address in [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "240.0.0.1",
        "192.0.2.1",
        "2001:db8::1",
    ] {
        assert_eq!(verdict(&["0.0.0.0/0", "::/0"], &[], address), "never", "{address}");
    }
}

#[test]
fn an_ipv4_address_inside_an_ipv6_one_is_what_counts() {
    for (address, expected) in [
        ("::ffff:169.254.169.254", "never"),
        ("::169.254.169.254", "never"),
        ("64:ff9b::a9fe:a9fe", "never"),
        ("2002:a9fe:a9fe::1", "never"),
        ("::ffff:0:169.254.169.254", "never"),
        ("::ffff:127.0.0.1", "not allowed"),
        ("64:ff9b::10.0.0.1", "not allowed"),
        ("2002:0a00:0001::", "not allowed"),
        ("64:ff9b::8.8.8.8", "ok"),
    ] {
        assert_eq!(verdict(&[], &[], address), expected, "{address}");
    }
    assert_eq!(verdict(&["127.0.0.0/8"], &[], "::ffff:127.0.0.1"), "ok");
    assert_eq!(verdict(&[], &["8.8.8.0/24"], "::ffff:8.8.8.8"), "denied");
}

#[test]
fn loopback_and_private_addresses_need_to_be_allowed() {
    for address in
        ["127.0.0.1", "::1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "fec0::1"]
    {
        assert_eq!(verdict(&[], &[], address), "not allowed", "{address}");
        let range = IpNet::from(address.parse::<IpAddr>().unwrap()).to_string();
        assert_eq!(verdict(&[&range], &[], address), "ok", "{address}");
    }
}

#[test]
fn deny_wins_over_allow_and_over_public() {
    let verdict = |address| verdict(&["10.0.0.0/8"], &["10.9.0.0/16", "1.1.1.1/32"], address);
    assert_eq!(verdict("10.9.1.1"), "denied");
    assert_eq!(verdict("10.8.1.1"), "ok");
    assert_eq!(verdict("1.1.1.1"), "denied");
    assert_eq!(verdict("1.0.0.1"), "ok");
    assert_eq!(verdict("2606:4700::1111"), "ok");
}

#[test]
fn the_reason_is_told_in_words() {
    let why = |address: &str, deny: &[IpNet]| check(address.parse().unwrap(), &[], deny).unwrap_err().text();
    assert_eq!(why("10.1.2.3", &[]), "is private and not in egress.allow");
    assert_eq!(why("169.254.169.254", &[]), "is cloud metadata, which is never reached");
    assert_eq!(why("93.184.216.34", &["93.0.0.0/8".parse().unwrap()]), "is in 93.0.0.0/8 of egress.deny");
}
