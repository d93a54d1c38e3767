//! Which addresses the gateway may connect to.
//!
//! Judged twice, and never before connecting: [`Guarded`] judges addresses that a URL names
//! literally, [`Resolver`] those that a name resolves to, so that a name which changes its
//! address between two looks (DNS rebinding) gains nothing.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use http::{Request, Uri};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use ipnet::IpNet;
use tower::{BoxError, Service};

use super::classify::Unusable;
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
}

impl Refused {
    /// One sentence: what to do about it.
    pub fn remedy(&self) -> String {
        match self.why {
            Why::Never(_) => "give the destination another address; no setting opens this one".to_owned(),
            Why::Denied(range) => format!("take {range} off egress.deny if {} is meant", self.address),
            Why::NotAllowed(_) | Why::NotListed => {
                format!("add {} (or its range) to egress.allow if it is meant", IpNet::from(self.address))
            }
        }
    }
}

impl Guard {
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
