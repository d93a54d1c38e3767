//! One request and its answer, over pooled connections, directly or through a proxy.
//!
//! Redirects are not followed, and no body is read beyond a bound in size and time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};
use tower::{BoxError, Service};

use super::classify::{ConnectTimeout, Unusable};
use super::client::{Answer, Way};
use super::guard::{Guard, Resolver};
use super::leg::Leg;
use super::proxy::{ProxyError, Via};
use super::tls;

/// How much more is read so that the connection can be used again.
const DRAIN: usize = 64 * 1024;
/// Shorter than what usual servers keep a connection open for.
const IDLE: Duration = Duration::from_secs(30);
/// For the head of an answer.
const HEAD_BYTES: usize = 64 * 1024;

type Https = HttpsConnector<Dialer>;
type Pooled = legacy::Client<Connector, Full<Bytes>>;

/// How much of an answer's body is read, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How many bytes are kept.
    pub keep: usize,
    /// Whoever calls gives up then.
    pub until: Instant,
    /// How long the body may take once the status is known.
    pub body_time: Duration,
}

/// Made on first use, and made again until that succeeds, so that a certificate file that was
/// mended is found without a restart. Copies share the connections.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    way: Arc<Way>,
    made: Arc<OnceCell<Made>>,
}

#[derive(Debug)]
struct Made {
    client: Pooled,
    via: Option<Arc<Via>>,
}

impl Exchange {
    pub fn new(way: Arc<Way>) -> Self {
        Self { way, made: Arc::default() }
    }

    /// Sends a request whose literal address has been judged.
    pub async fn send(&self, request: Request<Full<Bytes>>, bounds: Bounds) -> Result<Answer, BoxError> {
        let made = self.made.get_or_try_init(|| make(self.way.clone())).await?;
        let reader = made.via.as_ref().filter(|via| via.forwards(request.uri()));
        let (head, body) = match reader {
            Some(via) => self.forwarded(made, via, request).await?,
            None => made.client.request(request).await?,
        }
        .into_parts();
        // The status decides; a body that dawdles must not turn it into a timeout.
        let left = bounds.until.saturating_duration_since(Instant::now()) * 9 / 10;
        let (body, whole) = read(body, bounds.keep, left.min(bounds.body_time)).await;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body, whole })
    }

    /// By way of a proxy that reads the request. It looks the name up for each, so each is judged.
    async fn forwarded(
        &self,
        made: &Made,
        via: &Via,
        mut request: Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, BoxError> {
        let within = self.way.connect_timeout;
        timeout(within, via.admit(request.uri())).await.map_err(|_| ConnectTimeout(within))??;
        if let Some(authorization) = via.authorization() {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let answer =
            made.client.request(request).await.map_err(|error| ProxyError::Unreached(error.into()))?;
        match answer.status().as_u16() {
            407 => Err(ProxyError::Status(407).into()),
            _ => Ok(answer),
        }
    }
}

async fn make(way: Arc<Way>) -> Result<Made, BoxError> {
    let settings = way.clone();
    // Reads files.
    let read = tokio::task::spawn_blocking(move || {
        let way = settings;
        let tls = if way.secure { tls::client_config(&way.tls)? } else { tls::bare()? };
        let within = way.connect_timeout;
        let via = |proxy| Via::new(proxy, way.guard.clone(), within, |guard| tcp(guard, within));
        Ok::<_, Unusable>((tls, way.proxy.clone().map(via).transpose()?))
    });
    let (tls, via) = read.await.map_err(|_| Unusable::new("could not set up TLS", "report this"))??;
    let via = via.map(Arc::new);
    let dialer = Dialer { direct: tcp(way.guard.clone(), way.connect_timeout), via: via.clone() };
    let https = HttpsConnector::from((dialer, tls));
    let connector = Connector { https, via: via.clone(), within: way.connect_timeout };
    let client = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(way.idle)
        .http1_max_buf_size(HEAD_BYTES)
        .build(connector);
    Ok(Made { client, via })
}

fn tcp(guard: Arc<Guard>, within: Duration) -> HttpConnector<Resolver> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new(guard));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp.set_connect_timeout(Some(within));
    tcp
}

/// The start of the body. The rest is read up to a bound, so that the connection can be used
/// again; beyond the bound the body is dropped, and the connection with it.
async fn read(mut body: Incoming, keep: usize, within: Duration) -> (Vec<u8>, bool) {
    let mut kept = Vec::new();
    let mut seen = 0;
    let until = Instant::now() + within;
    while seen <= keep + DRAIN {
        match tokio::time::timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let Some(data) = frame.data_ref() else { continue };
                seen += data.len();
                let room = keep - kept.len();
                kept.extend(data.iter().take(room));
            }
            Ok(None) => return (kept, seen <= keep),
            // An error or a late frame ends the reading; the status stands all the same.
            Ok(Some(Err(_))) | Err(_) => break,
        }
    }
    (kept, false)
}

/// The way to the other side, below its TLS: by TCP, or through the proxy.
#[derive(Debug, Clone)]
struct Dialer {
    direct: HttpConnector<Resolver>,
    via: Option<Arc<Via>>,
}

impl Service<Uri> for Dialer {
    type Response = Leg;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Leg, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        if let Some(via) = self.via.clone().filter(|via| via.serves(&url)) {
            return Box::pin(async move { via.open(&url).await });
        }
        let connecting = self.direct.call(url);
        Box::pin(async move { Ok(Leg::through(MaybeHttpsStream::Http(connecting.await?))) })
    }
}

/// Bounds resolving, connecting and the TLS handshake together.
#[derive(Debug, Clone)]
struct Connector {
    https: Https,
    via: Option<Arc<Via>>,
    within: Duration,
}

impl Service<Uri> for Connector {
    type Response = <Https as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let within = self.within;
        let carried = self.via.as_ref().is_some_and(|via| via.serves(&url));
        let connecting = self.https.call(url);
        Box::pin(async move {
            match timeout(within, connecting).await {
                Ok(connected) => connected,
                Err(_) if carried => Err(ProxyError::Slow(within).into()),
                Err(_) => Err(ConnectTimeout(within).into()),
            }
        })
    }
}
