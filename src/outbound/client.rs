//! A pooled HTTP/1.1 client for one way out.
//!
//! A request goes in, an answer's head and the beginning of its body come out. Redirects are not
//! followed, and no body is read beyond a bound in size and time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};
use tower::{BoxError, Service};

use super::classify::{ConnectTimeout, Unusable};
use super::guard::{Guard, Resolver};
use super::tls;
use crate::config::{Auth, Proxy, Tls};

/// How much more is read so that the connection can be used again.
const DRAIN: usize = 64 * 1024;
/// Shorter than what usual servers keep a connection open for.
const IDLE: Duration = Duration::from_secs(30);
/// For the head of an answer.
const HEAD_BYTES: usize = 64 * 1024;

type Https = HttpsConnector<HttpConnector<Resolver>>;
type Pooled = legacy::Client<Connector, Full<Bytes>>;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Its beginning, at most [`Way::keep`] bytes.
    pub body: Vec<u8>,
    /// Whether that is all of it: it was not longer, broken off or too slow.
    pub whole: bool,
}

/// Everything about one way out.
#[derive(Debug, Clone)]
pub struct Way {
    pub guard: Arc<Guard>,
    pub tls: Tls,
    /// Whether URLs may be `https`; only then are certificates read.
    pub secure: bool,
    pub proxy: Option<Arc<Proxy>>,
    pub auth: Option<Auth>,
    /// For the whole exchange; whoever calls ends it then. Here it bounds the reading of a body.
    pub timeout: Duration,
    /// For resolving, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// How many idle connections are kept.
    pub idle: usize,
    /// How many bytes of an answer's body are kept.
    pub keep: usize,
    /// How long the body may take once the status is known.
    pub body_time: Duration,
}

/// The client. Made on first use, and made again until that succeeds, so that a certificate
/// file that was mended is found without a restart. Copies share the connections.
#[derive(Debug, Clone)]
pub struct Client {
    way: Arc<Way>,
    made: Arc<OnceCell<Pooled>>,
}

impl Client {
    pub fn new(way: Way) -> Self {
        Self { way: Arc::new(way), made: Arc::default() }
    }

    async fn send(self, request: Request<Full<Bytes>>) -> Result<Answer, BoxError> {
        let began = Instant::now();
        let client = self.made.get_or_try_init(|| make(self.way.clone())).await?;
        let (head, body) = client.request(request).await?.into_parts();
        // The status decides; a body that dawdles must not turn it into a timeout.
        let left = self.way.timeout.saturating_sub(began.elapsed()) * 9 / 10;
        let (body, whole) = read(body, self.way.keep, left.min(self.way.body_time)).await;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body, whole })
    }
}

impl Service<Request<Full<Bytes>>> for Client {
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

async fn make(way: Arc<Way>) -> Result<Pooled, BoxError> {
    let (tls, secure) = (way.tls.clone(), way.secure);
    // Reads files.
    let tls = tokio::task::spawn_blocking(move || match secure {
        true => tls::client_config(&tls),
        false => tls::bare(),
    });
    let tls = tls.await.map_err(|_| Unusable::new("could not set up TLS", "report this"))??;
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new(way.guard.clone()));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp.set_connect_timeout(Some(way.connect_timeout));
    let connector = Connector { https: HttpsConnector::from((tcp, tls)), within: way.connect_timeout };
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(way.idle)
        .http1_max_buf_size(HEAD_BYTES)
        .build(connector))
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

/// Bounds resolving, connecting and the TLS handshake together.
#[derive(Debug, Clone)]
struct Connector {
    https: Https,
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
        let (connecting, within) = (self.https.call(url), self.within);
        Box::pin(async move {
            match timeout(within, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(ConnectTimeout(within).into()),
            }
        })
    }
}
