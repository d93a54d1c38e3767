//! Which addresses the gateway may connect to.
//!
//! Judged twice, and never before connecting: [`Guarded`] judges addresses that a URL names
//! literally, [`Resolver`] those that a name resolves to, so that a name which changes its
//! address between two looks (DNS rebinding) gains nothing.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use http::{Request, Uri};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use ipnet::IpNet;
use tower::{BoxError, Service};

use super::classify::Unusable;

/// The rules of the section `egress` about addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// Loopback and private ranges that may be reached; public addresses always may.
    pub allow: Vec<IpNet>,
    /// Wins over `allow`.
    pub deny: Vec<IpNet>,
}

/// Why an address is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Whatever the config says.
    Never(&'static str),
    /// A range of `egress.deny`.
    Denied(IpNet),
    /// Loopback or private, and in no range of `egress.allow`.
    NotAllowed(&'static str),
}

/// None of the addresses of a host may be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address {address} of {host} {}", .why.text())]
pub struct Refused {
    pub host: String,
    pub address: IpAddr,
    pub why: Why,
}

/// A name that has no address.
#[derive(Debug, thiserror::Error)]
#[error("could not resolve {host}: {cause}")]
pub struct Unresolved {
    host: String,
    cause: io::Error,
}

impl Why {
    fn text(self) -> String {
        match self {
            Self::Never(kind) => format!("is {kind} and is never connected to"),
            Self::Denied(range) => format!("is in {range} of egress.deny"),
            Self::NotAllowed(kind) => format!("is {kind} and in no range of egress.allow"),
        }
    }
}

impl Refused {
    /// One sentence: what to do about it.
    pub fn remedy(&self) -> String {
        match self.why {
            Why::Never(_) => "give the destination another address; no setting opens this one".to_owned(),
            Why::Denied(range) => format!("take {range} off egress.deny if {} is meant", self.address),
            Why::NotAllowed(_) => {
                format!("add {} (or its range) to egress.allow if it is meant", IpNet::from(self.address))
            }
        }
    }
}

/// Ranges that no setting opens.
const NEVER: &[(&str, &str)] = &[
    ("169.254.0.0/16", "link-local (cloud metadata)"),
    ("100.100.100.200/32", "a cloud metadata service"),
    ("168.63.129.16/32", "a cloud metadata service"),
    ("fd00:ec2::254/128", "a cloud metadata service"),
    ("fd20:ce::254/128", "a cloud metadata service"),
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
const PRIVATE: &[(&str, &str)] = &[
    ("127.0.0.0/8", "loopback"),
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/10", "private (carrier-grade NAT)"),
    ("198.18.0.0/15", "private (benchmarks)"),
    ("::1/128", "loopback"),
    ("fc00::/7", "private"),
    ("fec0::/10", "private"),
    ("64:ff9b:1::/48", "private (local NAT64)"),
];

impl Guard {
    /// Whether `address` may be connected to. An IPv6 address that carries an IPv4 one
    /// (mapped, compatible, NAT64, 6to4) is judged by what it carries.
    pub fn check(&self, address: IpAddr) -> Result<(), Why> {
        let inner = carried(address).unwrap_or(address);
        let any = |ranges: &[IpNet]| {
            ranges.iter().find(|range| range.contains(&address) || range.contains(&inner)).copied()
        };
        if let Some(kind) = kind(NEVER, inner).or_else(|| kind(NEVER, address)) {
            return Err(Why::Never(kind));
        }
        if let Some(range) = any(&self.deny) {
            return Err(Why::Denied(range));
        }
        match kind(PRIVATE, inner) {
            Some(kind) if any(&self.allow).is_none() => Err(Why::NotAllowed(kind)),
            _ => Ok(()),
        }
    }

    /// Keeps what may be connected to; an error if that is nothing of something.
    fn filter(&self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let mut refused = None;
        let mut kept = Vec::with_capacity(found.len());
        for socket in found {
            match self.check(socket.ip()) {
                Ok(()) => kept.push(socket),
                Err(why) => {
                    refused.get_or_insert(Refused { host: host.to_owned(), address: socket.ip(), why });
                }
            }
        }
        match refused {
            Some(refused) if kept.is_empty() => Err(refused),
            _ => Ok(kept),
        }
    }

    /// Judges the scheme of a URL, and its host where that is a literal address.
    fn check_url(&self, url: &Uri) -> Result<(), BoxError> {
        if !matches!(url.scheme_str(), Some("http" | "https")) {
            let error = "the URL's scheme is neither http nor https";
            return Err(Unusable::new(error, "give the destination an http:// or https:// URL").into());
        }
        let Some(host) = url.host().filter(|host| !host.is_empty()) else {
            return Err(Unusable::new("the URL names no host", "give the destination a whole URL").into());
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let Ok(address) = bare.parse::<IpAddr>() else { return Ok(()) };
        self.check(address).map_err(|why| Refused { host: host.to_owned(), address, why }.into())
    }
}

fn kind(table: &[(&str, &'static str)], address: IpAddr) -> Option<&'static str> {
    let is_in = |range: &str| range.parse::<IpNet>().is_ok_and(|range| range.contains(&address));
    table.iter().find(|(range, _)| is_in(range)).map(|(_, kind)| *kind)
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

/// The layer above the client: schemes and literal addresses.
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    pub inner: S,
    pub guard: Arc<Guard>,
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.guard.check_url(request.uri()) {
            Ok(()) => Box::pin(self.inner.call(request)),
            Err(error) => Box::pin(async move { Err(error) }),
        }
    }
}

/// The platform's resolver, its answers filtered at the moment of connecting.
#[derive(Debug, Clone)]
pub struct Resolver {
    guard: Arc<Guard>,
}

impl Resolver {
    pub fn new(guard: Arc<Guard>) -> Self {
        Self { guard }
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = self.guard.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = match GaiResolver::new().call(name).await {
                Ok(found) => found.collect::<Vec<_>>(),
                Err(cause) => return Err(Unresolved { host, cause }.into()),
            };
            if found.is_empty() {
                let cause = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                return Err(Unresolved { host, cause }.into());
            }
            Ok(guard.filter(&host, found)?.into_iter())
        })
    }
}
