//! Whose address a request really comes from.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

/// The client's address. `X-Forwarded-For` is believed from right to left for as long as the
/// reporting hop is a trusted proxy; without trusted proxies it is ignored.
pub fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut client = peer.to_canonical();
    if !is_trusted(&client) {
        return client;
    }
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Some(address) = parse(hop.trim()) else { return client };
        client = address;
        if !is_trusted(&client) {
            return client;
        }
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`.
fn parse(hop: &str) -> Option<IpAddr> {
    let address: IpAddr = hop
        .parse()
        .or_else(|_| hop.parse().map(|socket: std::net::SocketAddr| socket.ip()))
        .or_else(|_| hop.trim_matches(['[', ']']).parse())
        .ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_claim_another_address() {
        assert_eq!(client("192.0.2.9", &["10.1.2.3"], &["127.0.0.0/8"]), "192.0.2.9");
        assert_eq!(client("192.0.2.9", &["10.1.2.3"], &[]), "192.0.2.9");
    }

    #[test]
    fn behind_trusted_proxies_the_nearest_untrusted_hop_is_the_client() {
        let trusted = &["127.0.0.0/8", "10.0.0.0/8"];
        assert_eq!(client("127.0.0.1", &["6.6.6.6, 192.0.2.7, 10.0.0.2"], trusted), "192.0.2.7");
        assert_eq!(client("127.0.0.1", &["6.6.6.6", "192.0.2.7:4711"], trusted), "192.0.2.7");
        assert_eq!(client("::ffff:127.0.0.1", &["[2001:db8::1]:99"], trusted), "2001:db8::1");
    }

    #[test]
    fn an_unreadable_hop_ends_the_belief() {
        assert_eq!(client("127.0.0.1", &["192.0.2.7, unknown"], &["127.0.0.0/8"]), "127.0.0.1");
    }
}
