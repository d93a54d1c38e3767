//! Which addresses the gateway may connect to.
//!
//! Judged twice, and never before connecting: [`Guarded`] judges addresses that a URL names
//! literally, [`Resolver`] those that a name resolves to, so that a name which changes its
//! address between two looks (DNS rebinding) gains nothing. Where a proxy connects instead, its
//! targets are judged before it hears of them (`proxy/clear.rs`).

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use http::{Request, Uri};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tower::{BoxError, Service};

use super::classify::Unusable;
use super::party::Party;
use crate::address::{self, Why};

/// The rules of the section `egress` about addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// Loopback and private ranges that may be reached; public addresses always may.
    pub allow: Vec<IpNet>,
    /// Wins over `allow`.
    pub deny: Vec<IpNet>,
    /// For URLs whose host comes from an event: nothing but what `allow` lists is reached.
    pub listed_only: bool,
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
    asked: Asked,
}

/// Why a name was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    ToConnect,
    /// To judge it before a proxy is told.
    BeforeProxy,
    /// The same, for a host that an event names.
    BeforeProxyListed,
}

impl Unresolved {
    fn new(host: &str, cause: io::Error) -> Self {
        Self { host: host.to_owned(), cause, asked: Asked::ToConnect }
    }

    pub(super) fn before_proxy(self, listed_only: bool) -> Self {
        let asked = if listed_only { Asked::BeforeProxyListed } else { Asked::BeforeProxy };
        Self { asked, ..self }
    }

    /// One sentence: what to do about it.
    pub(super) fn remedy(&self, party: Party) -> String {
        let check = format!("check the host name in the {} and this machine's DNS", party.url());
        match self.asked {
            Asked::ToConnect => check,
            Asked::BeforeProxy => {
                format!("{check}, or leave such names to the proxy: `proxy: {{ url: …, resolve: proxy }}`")
            }
            Asked::BeforeProxyListed => {
                format!("{check}: a host from an event is judged by its address, also before a proxy")
            }
        }
    }
}

impl Refused {
    /// One sentence: what to do about it.
    pub fn remedy(&self) -> String {
        match self.why {
            Why::Never(_) => "give the url another address; no setting opens this one".to_owned(),
            Why::Denied(range) => format!("take {range} off egress.deny if {} is meant", self.address),
            Why::NotAllowed(_) | Why::NotListed => {
                format!("add {} (or its range) to egress.allow if it is meant", IpNet::from(self.address))
            }
        }
    }
}

impl Guard {
    /// For the proxy that an operator typed: everything but what no setting opens.
    pub(super) fn of_proxy() -> Self {
        let everything = |address| match address {
            IpAddr::V4(address) => IpNet::V4(Ipv4Net::new_assert(address, 0)),
            IpAddr::V6(address) => IpNet::V6(Ipv6Net::new_assert(address, 0)),
        };
        let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        Self { allow: any.map(everything).to_vec(), deny: Vec::new(), listed_only: false }
    }

    /// Whether `address` may be connected to.
    pub fn check(&self, address: IpAddr) -> Result<(), Why> {
        let check = if self.listed_only { address::check_listed } else { address::check };
        check(address, &self.allow, &self.deny)
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
    pub(super) fn check_url(&self, url: &Uri) -> Result<(), BoxError> {
        if !matches!(url.scheme_str(), Some("http" | "https")) {
            let error = "the URL's scheme is neither http nor https";
            return Err(Unusable::new(error, "write it with http:// or https://").into());
        }
        let Some(host) = url.host().filter(|host| !host.is_empty()) else {
            return Err(Unusable::new("the URL names no host", "write the whole URL").into());
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let Ok(address) = bare.parse::<IpAddr>() else { return Ok(()) };
        self.check(address).map_err(|why| Refused { host: host.to_owned(), address, why }.into())
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
            let found = resolve(name.clone()).await?;
            Ok(guard.filter(name.as_str(), found)?.into_iter())
        })
    }
}

/// The addresses of a host, one at least; their ports mean nothing.
pub(super) async fn lookup(host: &str) -> Result<Vec<SocketAddr>, Unresolved> {
    match host.parse::<Name>() {
        Ok(name) => resolve(name).await,
        Err(error) => Err(Unresolved::new(host, io::Error::other(error))),
    }
}

async fn resolve(name: Name) -> Result<Vec<SocketAddr>, Unresolved> {
    let host = name.as_str().to_owned();
    match GaiResolver::new().call(name).await.map(Iterator::collect::<Vec<_>>) {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => {
            Err(Unresolved::new(&host, io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
        }
        Err(cause) => Err(Unresolved::new(&host, cause)),
    }
}
