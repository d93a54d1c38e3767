//! Which addresses the egress guard refuses whatever their name, as far as a config can tell.
//!
//! The guard judges resolved addresses when it connects; this is for addresses typed out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Egress;

/// Why `egress` refuses an address; `None`: it may be reached.
pub(super) fn refused(address: IpAddr, egress: &Egress) -> Option<String> {
    let address = address.to_canonical();
    let within = |nets: &[ipnet::IpNet]| nets.iter().any(|net| net.contains(&address));
    if let Some(class) = always(address) {
        return Some(format!("is {class}, which is never reached"));
    }
    if within(&egress.deny) {
        return Some("stands in egress.deny".to_owned());
    }
    let class = class(address)?;
    (!within(&egress.allow)).then(|| format!("is {class} and not in egress.allow"))
}

fn always(address: IpAddr) -> Option<&'static str> {
    const METADATA: [IpAddr; 3] = [
        IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
        IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    ];
    if METADATA.contains(&address) {
        return Some("cloud metadata");
    }
    match address {
        IpAddr::V4(v4) if v4.is_link_local() => Some("link-local"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("link-local"),
        _ if address.is_multicast() => Some("multicast"),
        _ if address.is_unspecified() => Some("no address of a receiver"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("broadcast"),
        _ => None,
    }
}

fn class(address: IpAddr) -> Option<&'static str> {
    match address {
        _ if address.is_loopback() => Some("loopback"),
        IpAddr::V4(v4) if v4.is_private() => Some("private"),
        IpAddr::V4(v4) if matches!(v4.octets(), [100, 64..=127, ..]) => Some("private (carrier-grade NAT)"),
        IpAddr::V6(v6) if v6.is_unique_local() => Some("private (unique local)"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(address: &str, allow: &[&str], deny: &[&str]) -> Option<String> {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        refused(address.parse().unwrap(), &Egress { allow: nets(allow), deny: nets(deny), in_flight: 1 })
    }

    #[test]
    fn public_addresses_are_reached_unless_denied() {
        assert_eq!(verdict("93.184.216.34", &[], &[]), None);
        assert_eq!(verdict("2606:4700::1", &[], &[]), None);
        assert_eq!(verdict("93.184.216.34", &[], &["93.0.0.0/8"]).as_deref(), Some("stands in egress.deny"));
    }

    #[test]
    fn loopback_and_private_ranges_are_reached_only_when_allowed() {
        for address in ["127.0.0.1", "10.1.2.3", "::1", "fd12::1", "100.64.0.1", "::ffff:127.0.0.1"] {
            let why = verdict(address, &[], &[]).unwrap();
            assert!(why.ends_with("and not in egress.allow"), "{address} {why}");
        }
        assert_eq!(verdict("::ffff:127.0.0.1", &["127.0.0.0/8"], &[]), None);
        assert!(verdict("10.1.2.3", &["10.0.0.0/8"], &["10.1.0.0/16"]).is_some());
    }

    #[test]
    fn link_local_and_metadata_are_never_reached() {
        for address in
            ["169.254.169.254", "169.254.1.1", "fe80::1", "fd00:ec2::254", "100.100.100.200", "0.0.0.0"]
        {
            let why = verdict(address, &["0.0.0.0/0", "::/0"], &[]).unwrap();
            assert!(why.ends_with("never reached"), "{address} {why}");
        }
    }
}
