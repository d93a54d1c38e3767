//! Addresses and networks, IPv4 and IPv6.

use std::net::IpAddr;

use ipnet::IpNet;
use rhai::{Dynamic, Engine, INT, Map};

use super::{Given, value::refuse};
use crate::script::value::shortened;

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_fn("ip", |text: &str| network(text).map(described))
        .register_fn("is_ip", |text: &str| text.trim().parse::<IpAddr>().is_ok())
        .register_fn("is_cidr", |text: &str| text.trim().parse::<IpNet>().is_ok())
        .register_fn("ip_address", |text: &str| network(text).map(|net| net.addr().to_string()))
        .register_fn("ip_version", |text: &str| network(text).map(|net| version(&net)))
        .register_fn("cidr_network", |text: &str| network(text).map(|net| net.trunc().to_string()))
        .register_fn("cidr_prefix_len", |text: &str| network(text).map(|net| INT::from(net.prefix_len())))
        .register_fn("cidr_netmask", |text: &str| network(text).map(|net| net.netmask().to_string()))
        .register_fn("cidr_broadcast", |text: &str| network(text).map(|net| net.broadcast().to_string()))
        .register_fn("cidr_contains", |outer: &str, inner: &str| -> Given<bool> {
            let (outer, inner) = (network(outer)?, network(inner)?);
            // `10.0.0.5/24` as it stands on an interface is the address, not its network.
            let host = inner.addr() != inner.network();
            Ok(if host { outer.contains(&inner.addr()) } else { outer.contains(&inner) })
        });
}

/// A network, or an address as the network of itself alone.
fn network(text: &str) -> Given<IpNet> {
    let text = text.trim();
    text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        refuse(format!(
            "`{}` is no address or network; write one like 10.0.0.1 or 10.0.0.0/24",
            shortened(text, 60)
        ))
    })
}

fn version(network: &IpNet) -> INT {
    if network.addr().is_ipv4() { 4 } else { 6 }
}

fn described(network: IpNet) -> Map {
    let text = |key: &str, value: String| (key.into(), Dynamic::from(value));
    Map::from([
        text("address", network.addr().to_string()),
        text("network", network.trunc().to_string()),
        text("netmask", network.netmask().to_string()),
        text("broadcast", network.broadcast().to_string()),
        ("version".into(), Dynamic::from(version(&network))),
        ("prefix_len".into(), Dynamic::from(INT::from(network.prefix_len()))),
    ])
}
