//! `no_proxy`: what is reached directly although there is a proxy.
//!
//! Judged by how the URL names its host; names are not looked up for it.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::units::Parsed;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bypass {
    host: Host,
    /// `None`: any.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// `*`
    Any,
    /// `example.com`: the host itself and all below it. In small letters, as the next.
    Domain(String),
    /// `.example.com`: all below it.
    Below(String),
    Network(IpNet),
}

impl Bypass {
    /// `*`, `host`, `.domain`, `*.domain`, an address or a network; with `:port` or without.
    pub(super) fn parse(text: &str) -> Parsed<Self> {
        if let Some(network) = network(text) {
            return Ok(Self { host: Host::Network(network), port: None });
        }
        if text.contains("://") {
            return Err(Some("leave out the scheme: hosts alone are compared".to_owned()));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => match port.parse::<u16>() {
                Ok(port @ 1..) => (host, Some(port)),
                _ => return Err(Some("ports go from 1 to 65535".to_owned())),
            },
            None => (text, None),
        };
        let host = match super::bare(host) {
            bracketed if bracketed.len() < host.len() => Host::Network(network(bracketed).ok_or(None)?),
            _ => named(host)?,
        };
        Ok(Self { host, port })
    }

    /// Whether a host, without brackets, is meant.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let below = |domain: &str| {
            host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        };
        let meant = match &self.host {
            Host::Any => true,
            Host::Domain(domain) => host == *domain || below(domain),
            Host::Below(domain) => below(domain),
            Host::Network(network) => {
                host.parse::<IpAddr>().is_ok_and(|address| network.contains(&address.to_canonical()))
            }
        };
        meant && self.port.is_none_or(|only| only == port)
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn named(text: &str) -> Parsed<Host> {
    if text == "*" {
        return Ok(Host::Any);
    }
    if let Some(network) = network(text) {
        return Ok(Host::Network(network));
    }
    let domain = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
    let name = domain.unwrap_or(text);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if !name.split('.').all(is_label) {
        let only_first = name.contains('*').then(|| "a `*` stands alone or as `*.domain`".to_owned());
        return Err(only_first);
    }
    // No name ends in a number: this was meant to be an address or a network.
    if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(Some("that is no address".to_owned()));
    }
    Ok(if domain.is_some() { Host::Below(name) } else { Host::Domain(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_match_hosts_by_name_domain_address_network_and_port() {
        for (entry, matches, others) in [
            ("*", &["a.example", "10.0.0.1", "fd00::1"][..], &[][..]),
            ("awx.lan", &["awx.lan", "AWX.LAN.", "eu.awx.lan"], &["xawx.lan", "lan", "awx.lan.example"]),
            (".lan", &["awx.lan", "a.b.lan"], &["lan", "wlan", ".lan"]),
            ("*.lan", &["awx.lan"], &["lan"]),
            ("localhost", &["localhost"], &["127.0.0.1"]),
            ("10.1.2.3", &["10.1.2.3", "::ffff:10.1.2.3"], &["10.1.2.4", "a10.1.2.3"]),
            ("10.0.0.0/8", &["10.9.9.9"], &["11.0.0.1", "ten.example"]),
            ("::1", &["::1"], &["::2"]),
            ("fd00::/8", &["fd12::1"], &["fe80::1"]),
            ("awx.lan:80", &["awx.lan"], &["other.lan"]),
            ("[fd00::1]:80", &["fd00::1"], &["fd00::2"]),
            ("10.1.2.3:80", &["10.1.2.3"], &[]),
        ] {
            let bypass = Bypass::parse(entry).unwrap();
            matches.iter().for_each(|host| assert!(bypass.matches(host, 80), "{entry} {host}"));
            others.iter().for_each(|host| assert!(!bypass.matches(host, 80), "{entry} {host}"));
        }
        for entry in ["awx.lan:81", "[fd00::1]:81", "10.1.2.3:81", "*:81"] {
            let bypass = Bypass::parse(entry).unwrap();
            assert!(
                !["awx.lan", "fd00::1", "10.1.2.3"].iter().any(|host| bypass.matches(host, 80)),
                "{entry}"
            );
        }
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for entry in [
            "",
            ".",
            "*.",
            "a b",
            "http://a",
            "a:0",
            "a:b",
            "10.0.0.0/40",
            "10.0.0.256",
            "a.*",
            "*a",
            "[::1",
            "[a]",
            "a/b",
        ] {
            assert!(Bypass::parse(entry).is_err(), "{entry}");
        }
    }
}
