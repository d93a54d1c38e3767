//! The bottom of the stack: one destination's pooled HTTP/1.1 client.
//!
//! A request goes in, an answer's head and the first 4 KiB of its body come out. Redirects
//! are not followed, and no body is read beyond a bound in size and time.

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
use crate::config::{Destination, Tls};

/// How much of an answer's body is kept.
pub const EXCERPT: usize = 4 * 1024;
/// How much more is read so that the connection can be used again.
const DRAIN: usize = 64 * 1024;
/// How long the body may take once the status is known.
const BODY_TIME: Duration = Duration::from_secs(5);
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
    /// At most [`EXCERPT`] bytes.
    pub excerpt: Vec<u8>,
}

/// The client. Made on first use, and made again until that succeeds, so that a certificate
/// file that was mended is found without a restart. Copies share the connections.
#[derive(Debug, Clone)]
pub struct Client {
    settings: Arc<Settings>,
    made: Arc<OnceCell<Pooled>>,
}

#[derive(Debug)]
struct Settings {
    guard: Arc<Guard>,
    tls: Tls,
    /// Only then are certificates read.
    secure: bool,
    timeout: Duration,
    connect_timeout: Duration,
    idle: usize,
}

impl Client {
    pub fn new(destination: &Destination, guard: Arc<Guard>) -> Self {
        let settings = Settings {
            guard,
            tls: destination.tls.clone(),
            secure: destination.url.may_be_https(),
            timeout: destination.timeout,
            connect_timeout: destination.connect_timeout.min(destination.timeout),
            idle: destination.in_flight,
        };
        Self { settings: Arc::new(settings), made: Arc::default() }
    }

    async fn send(self, request: Request<Full<Bytes>>) -> Result<Answer, BoxError> {
        let began = Instant::now();
        let client = self.made.get_or_try_init(|| make(self.settings.clone())).await?;
        let (head, body) = client.request(request).await?.into_parts();
        // The status decides; a body that dawdles must not turn it into a timeout.
        let left = self.settings.timeout.saturating_sub(began.elapsed()) * 9 / 10;
        let excerpt = read(body, left.min(BODY_TIME)).await;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, excerpt })
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

async fn make(settings: Arc<Settings>) -> Result<Pooled, BoxError> {
    let (tls, secure) = (settings.tls.clone(), settings.secure);
    // Reads files.
    let tls = tokio::task::spawn_blocking(move || match secure {
        true => tls::client_config(&tls),
        false => tls::bare(),
    });
    let tls = tls.await.map_err(|_| Unusable::new("could not set up TLS", "report this"))??;
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new(settings.guard.clone()));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp.set_connect_timeout(Some(settings.connect_timeout));
    let connector = Connector { https: HttpsConnector::from((tcp, tls)), within: settings.connect_timeout };
    Ok(legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(settings.idle)
        .http1_max_buf_size(HEAD_BYTES)
        .build(connector))
}

/// The start of the body. The rest is read up to a bound, so that the connection can be used
/// again; beyond the bound the body is dropped, and the connection with it.
async fn read(mut body: Incoming, within: Duration) -> Vec<u8> {
    let mut excerpt = Vec::new();
    let mut seen = 0;
    let until = Instant::now() + within;
    while seen <= EXCERPT + DRAIN {
        // An error or a late frame ends the reading; the status stands all the same.
        let Ok(Some(Ok(frame))) = tokio::time::timeout_at(until, body.frame()).await else { break };
        let Some(data) = frame.data_ref() else { continue };
        seen += data.len();
        let room = EXCERPT - excerpt.len();
        excerpt.extend(data.iter().take(room));
    }
    excerpt
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
