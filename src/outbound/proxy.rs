//! The way through a proxy. What it is told about a target has been judged before
//! ([`Guard::clear`]); what is sent through it never enters here.

mod clear;
mod connect;
mod error;
mod socks;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::{BoxError, Service};

pub use self::clear::NotByProxy;
pub use self::error::ProxyError;

use self::clear::Told;
use super::classify::Unusable;
use super::guard::{Guard, Resolver};
use super::leg::Leg;
use super::tls;
use crate::config::{Proxy, ProxyKind, Tls};

/// How long a name is looked up that may be left to the proxy anyway; less where connecting may
/// take little.
const LOOKUP: Duration = Duration::from_secs(2);
/// Through SOCKS, which takes one address at a time.
const MOST_ADDRESSES: usize = 4;

type Wire = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A proxy, ready to be connected to.
#[derive(Clone)]
pub(super) struct Via {
    proxy: Arc<Proxy>,
    guard: Arc<Guard>,
    /// To the proxy itself.
    connector: HttpsConnector<HttpConnector<Resolver>>,
    url: Uri,
    authorization: Option<HeaderValue>,
    /// Set where names are left to the proxy.
    leave: Option<Duration>,
}

/// Without what it logs in with.
impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Via").field(&self.proxy.to_string()).finish()
    }
}

impl Via {
    /// `guard` judges targets; `tcp` makes connectors with a guard of their own; connecting may
    /// take `within`. Reads files.
    pub fn new(
        proxy: Arc<Proxy>,
        guard: Arc<Guard>,
        within: Duration,
        tcp: impl FnOnce(Arc<Guard>) -> HttpConnector<Resolver>,
    ) -> Result<Self, Unusable> {
        let tls = match proxy.kind {
            ProxyKind::Https => tls::client_config(&Tls { ca: proxy.ca.clone(), ..Tls::default() })?,
            _ => tls::bare()?,
        };
        // The operator typed the proxy's address, which opens all but what nothing opens.
        let connector = HttpsConnector::from((tcp(Arc::new(Guard::of_proxy())), tls));
        let scheme = if proxy.kind == ProxyKind::Https { Scheme::HTTPS } else { Scheme::HTTP };
        let url =
            Uri::builder().scheme(scheme).authority(proxy.authority.clone()).path_and_query("/").build();
        let url =
            url.map_err(|_| Unusable::new("the proxy's URL is none", "write it as http://host:port"))?;
        let authorization = authorization(&proxy);
        let leave = proxy.resolves.then(|| LOOKUP.min(within / 2));
        Ok(Self { proxy, guard, connector, url, authorization, leave })
    }

    pub fn serves(&self, target: &Uri) -> bool {
        self.proxy.serves(target)
    }

    /// Whether requests to `target` are read by the proxy itself. They have to be
    /// [admitted](Self::admit) one by one.
    pub fn forwards(&self, target: &Uri) -> bool {
        self.proxy.forwards(target)
    }

    /// What a request that the proxy reads carries for it.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// Judges a target whose name the proxy is about to be told.
    pub async fn admit(&self, target: &Uri) -> Result<Vec<IpAddr>, BoxError> {
        self.guard.clear(target, Told::Name, self.leave).await
    }

    /// A connection for requests to `target`.
    pub async fn open(&self, target: &Uri) -> Result<Leg, BoxError> {
        if self.forwards(target) {
            return Ok(Leg::to_reader(self.reach().await?));
        }
        match self.proxy.kind {
            ProxyKind::Http | ProxyKind::Https => {
                self.admit(target).await?;
                let mut wire = TokioIo::new(self.reach().await?);
                connect::tunnel(&mut wire, target, self.authorization.as_ref()).await?;
                Ok(Leg::through(wire.into_inner()))
            }
            ProxyKind::Socks5h => {
                self.admit(target).await?;
                Ok(Leg::through(self.socks(target, socks::Host::of(target)?).await?))
            }
            ProxyKind::Socks5 => self.by_address(target).await,
        }
    }

    /// One address after the other, as long as the proxy cannot reach them.
    async fn by_address(&self, target: &Uri) -> Result<Leg, BoxError> {
        let addresses = self.guard.clear(target, Told::Address, None).await?;
        let mut last = None;
        for address in addresses.into_iter().take(MOST_ADDRESSES) {
            match self.socks(target, socks::Host::Address(address)).await {
                Ok(wire) => return Ok(Leg::through(wire)),
                Err(error) if error.is_about_the_target() => last = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(last.unwrap_or(ProxyError::Silent).into())
    }

    async fn socks(&self, target: &Uri, host: socks::Host) -> Result<Wire, ProxyError> {
        let mut wire = TokioIo::new(self.reach().await?);
        let port = port(target);
        socks::open(&mut wire, &host, port, self.proxy.credentials.as_ref()).await?;
        Ok(wire.into_inner())
    }

    async fn reach(&self) -> Result<Wire, ProxyError> {
        let mut connector = self.connector.clone();
        connector.call(self.url.clone()).await.map_err(ProxyError::Unreached)
    }
}

fn authorization(proxy: &Proxy) -> Option<HeaderValue> {
    let (user, password) = proxy.credentials.as_ref()?;
    super::auth::basic(user, password).ok()
}

/// The port that a URL means.
fn port(url: &Uri) -> u16 {
    let usual = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    url.port_u16().unwrap_or(usual)
}
