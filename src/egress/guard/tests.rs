//! The judgement of addresses, range by range.

use super::*;

fn verdict(guard: &Guard, address: &str) -> &'static str {
    match guard.check(address.parse().unwrap()) {
        Ok(()) => "ok",
        Err(Why::Never(_)) => "never",
        Err(Why::Denied(_)) => "denied",
        Err(Why::NotAllowed(_)) => "not allowed",
    }
}

fn guard(allow: &[&str], deny: &[&str]) -> Guard {
    let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Guard { allow: nets(allow), deny: nets(deny) }
}

#[test]
fn every_range_of_the_tables_is_a_range() {
    for (range, _) in NEVER.iter().chain(PRIVATE) {
        assert!(range.parse::<IpNet>().is_ok(), "{range}");
    }
}

#[test]
fn no_setting_opens_link_local_metadata_and_reserved_addresses() {
    let open = guard(&["0.0.0.0/0", "::/0"], &[]);
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
        assert_eq!(verdict(&open, address), "never", "{address}");
    }
}

#[test]
fn an_ipv4_address_inside_an_ipv6_one_is_what_counts() {
    let closed = guard(&[], &[]);
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
        assert_eq!(verdict(&closed, address), expected, "{address}");
    }
    assert_eq!(verdict(&guard(&["127.0.0.0/8"], &[]), "::ffff:127.0.0.1"), "ok");
    assert_eq!(verdict(&guard(&[], &["8.8.8.0/24"]), "::ffff:8.8.8.8"), "denied");
}

#[test]
fn loopback_and_private_addresses_need_to_be_allowed() {
    let closed = guard(&[], &[]);
    for address in
        ["127.0.0.1", "::1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "fec0::1"]
    {
        assert_eq!(verdict(&closed, address), "not allowed", "{address}");
        let open = Guard { allow: vec![IpNet::from(address.parse::<IpAddr>().unwrap())], deny: vec![] };
        assert_eq!(verdict(&open, address), "ok", "{address}");
    }
}

#[test]
fn deny_wins_over_allow_and_over_public() {
    let guard = guard(&["10.0.0.0/8"], &["10.9.0.0/16", "1.1.1.1/32"]);
    assert_eq!(verdict(&guard, "10.9.1.1"), "denied");
    assert_eq!(verdict(&guard, "10.8.1.1"), "ok");
    assert_eq!(verdict(&guard, "1.1.1.1"), "denied");
    assert_eq!(verdict(&guard, "1.0.0.1"), "ok");
    assert_eq!(verdict(&guard, "2606:4700::1111"), "ok");
}

#[test]
fn of_several_addresses_the_allowed_ones_remain() {
    let socket = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
    let guard = guard(&[], &[]);
    let kept = guard.filter("mixed", vec![socket("127.0.0.1"), socket("9.9.9.9")]).unwrap();
    assert_eq!(kept, [socket("9.9.9.9")]);
    let refused = guard.filter("inner", vec![socket("10.0.0.1"), socket("127.0.0.1")]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the address 10.0.0.1 of inner is private and in no range of egress.allow"
    );
    assert_eq!(refused.remedy(), "add 10.0.0.1/32 (or its range) to egress.allow if it is meant");
}

#[test]
fn a_url_may_only_be_http_and_its_literal_address_is_judged() {
    let guard = guard(&[], &[]);
    let check = |url: &str| guard.check_url(&url.parse().unwrap()).map_err(|error| error.to_string());
    assert!(check("https://example.org/x").is_ok());
    assert!(check("ftp://example.org/x").unwrap_err().contains("neither http nor https"));
    assert!(check("/only/a/path").unwrap_err().contains("neither http nor https"));
    assert!(check("http://127.0.0.1:9/").unwrap_err().contains("loopback"));
    assert!(check("http://[::1]:9/").unwrap_err().contains("loopback"));
    assert!(check("http://[::ffff:169.254.169.254]/").unwrap_err().contains("never"));
}
