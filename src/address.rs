//! Which addresses deliveries may go to: the one judgement for addresses typed out in a config
//! and for those that names resolve to when connecting.
//!
//! Pure: an address and the operator's ranges in, a reason why not out.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use ipnet::IpNet;

/// Why an address is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Whatever the config says.
    Never(&'static str),
    /// A range of `egress.deny`.
    Denied(IpNet),
    /// Loopback or private, and in no range of `egress.allow`.
    NotAllowed(&'static str),
    /// Public, where only ranges of `egress.allow` may be reached.
    NotListed,
}

/// Ranges that no setting opens.
const NEVER_TEXT: &[(&str, &str)] = &[
    ("169.254.169.254/32", "cloud metadata"),
    ("169.254.0.0/16", "link-local"),
    ("100.100.100.200/32", "cloud metadata"),
    ("168.63.129.16/32", "cloud metadata"),
    ("fd00:ec2::254/128", "cloud metadata"),
    ("fd20:ce::254/128", "cloud metadata"),
    ("0.0.0.0/8", "unspecified"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("240.0.0.0/4", "reserved"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "reserved for documentation"),
    ("198.51.100.0/24", "reserved for documentation"),
    ("203.0.113.0/24", "reserved for documentation"),
    ("::/128", "unspecified"),
    ("fe80::/10", "link-local"),
    ("ff00::/8", "multicast"),
    ("100::/64", "reserved"),
    ("2001::/32", "a Teredo tunnel"),
    ("2001:db8::/32", "reserved for documentation"),
    ("3fff::/20", "reserved for documentation"),
];

/// Ranges that are reached only when allowed.
const PRIVATE_TEXT: &[(&str, &str)] = &[
    ("127.0.0.0/8", "loopback"),
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/10", "private (carrier-grade NAT)"),
    ("198.18.0.0/15", "private (benchmarks)"),
    ("::1/128", "loopback"),
    ("fc00::/7", "private (unique local)"),
    ("fec0::/10", "private (site-local)"),
    ("64:ff9b:1::/48", "private (local NAT64)"),
];

/// Every delivery is judged by them, so they are read once.
static NEVER: LazyLock<Vec<(IpNet, &str)>> = LazyLock::new(|| read(NEVER_TEXT));
static PRIVATE: LazyLock<Vec<(IpNet, &str)>> = LazyLock::new(|| read(PRIVATE_TEXT));

fn read(table: &[(&str, &'static str)]) -> Vec<(IpNet, &'static str)> {
    table.iter().filter_map(|(range, kind)| Some((range.parse().ok()?, *kind))).collect()
}

/// Whether `address` may be connected to. `deny` wins over `allow`; `allow` opens loopback and
/// private ranges, public addresses need none. An IPv6 address that carries an IPv4 one (mapped,
/// compatible, NAT64, 6to4) is judged by what it carries.
pub fn check(address: IpAddr, allow: &[IpNet], deny: &[IpNet]) -> Result<(), Why> {
    let inner = carried(address).unwrap_or(address);
    let any = |ranges: &[IpNet]| find(ranges, address);
    if let Some(kind) = kind(&NEVER, inner).or_else(|| kind(&NEVER, address)) {
        return Err(Why::Never(kind));
    }
    if let Some(range) = any(deny) {
        return Err(Why::Denied(range));
    }
    match kind(&PRIVATE, inner) {
        Some(kind) if any(allow).is_none() => Err(Why::NotAllowed(kind)),
        _ => Ok(()),
    }
}

/// The same for hosts that an event names: public addresses, too, must be in `allow`.
pub fn check_listed(address: IpAddr, allow: &[IpNet], deny: &[IpNet]) -> Result<(), Why> {
    check(address, allow, deny)?;
    find(allow, address).map(|_| ()).ok_or(Why::NotListed)
}

/// Whether an address is reached over the public network.
pub fn is_public(address: IpAddr) -> bool {
    check(address, &[], &[]).is_ok()
}

fn find(ranges: &[IpNet], address: IpAddr) -> Option<IpNet> {
    let inner = carried(address).unwrap_or(address);
    ranges.iter().find(|range| range.contains(&address) || range.contains(&inner)).copied()
}

fn kind(ranges: &[(IpNet, &'static str)], address: IpAddr) -> Option<&'static str> {
    ranges.iter().find(|(range, _)| range.contains(&address)).map(|(_, kind)| *kind)
}

/// The IPv4 address inside an IPv6 one.
fn carried(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else { return None };
    let [a, b, .., g, h] = v6.segments();
    let v4 = |high: u16, low: u16| Some(IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => v4(g, h),
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => v4(g, h),
        [0x2002, _, c, ..] if a == 0x2002 => v4(b, c),
        _ => None,
    }
}

impl Why {
    /// What comes after the address in a sentence.
    pub fn text(self) -> String {
        match self {
            Self::Never(kind) => format!("is {kind}, which is never reached"),
            Self::Denied(range) => format!("is in {range} of egress.deny"),
            Self::NotAllowed(kind) => format!("is {kind} and not in egress.allow"),
            Self::NotListed => "is not in egress.allow, as a host named by an event must be".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
