//! A receiver of webhooks: records what comes, verifies signatures, fails on purpose.
//!
//! The reusable part; the command is in [`command`]. It keeps nothing and trusts nobody.

pub mod command;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::clock::{Clock, SystemClock};
use crate::model::{Proof, Timestamp, json};
use crate::secret::{REDACTED, Secret};
use crate::signature::{Refusal, Scheme, TOKEN_HEADER, Variant, Verifier};

/// How many requests may wait to be read from [`Receiver::received`] before senders wait too.
const BACKLOG: usize = 1024;
/// For the headers and for the body, each.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// For answers under way when the receiver ends, beyond its own delay.
const GRACE: Duration = Duration::from_secs(5);

/// How the receiver behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Of those whose prefix fits the path, the ones with the longest prefix count; one of them
    /// must accept the request. A path that none fits is not verified.
    pub checks: Vec<Check>,
    /// Answers this many of the first requests with this status instead of 200.
    pub failure: Option<Failure>,
    /// Waits before each answer; the request is recorded before.
    pub delay: Duration,
    /// In bytes; larger ones are answered 413.
    pub max_body: usize,
    /// By which timestamps are judged.
    pub clock: Arc<dyn Clock>,
}

/// What requests below a path must be signed with.
#[derive(Debug, Clone)]
pub struct Check {
    /// Such as `/awx`; empty: every path.
    pub prefix: String,
    pub verifier: Verifier,
}

/// A failure on purpose.
#[derive(Debug, Clone, Copy)]
pub struct Failure {
    pub status: StatusCode,
    /// `None`: always.
    pub times: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            checks: Vec::new(),
            failure: None,
            delay: Duration::ZERO,
            max_body: 32 << 20,
            clock: Arc::new(SystemClock),
        }
    }
}

impl Check {
    /// Signatures over the raw body, at most `tolerance` off (`None`: any distance).
    pub fn new(prefix: &str, scheme: Scheme, secrets: Vec<Secret>, tolerance: Option<Duration>) -> Self {
        let variants: Vec<Variant> = Vec::new();
        Self { prefix: prefix.to_owned(), verifier: Verifier { scheme, secrets, tolerance, variants } }
    }
}

/// One request, as it came, and what it was answered.
#[derive(Debug, Clone)]
pub struct Received {
    pub at: Timestamp,
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case; values that are no UTF-8 with replacement characters, and tokens that
    /// are a secret themselves redacted.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// `None`: no check fits the path.
    pub verified: Option<Result<Proof, Refusal>>,
    /// The status it was answered.
    pub answered: u16,
}

/// A running receiver; it stops when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens, with the port it got.
    pub addr: SocketAddr,
    /// What came, in the order of arrival.
    pub received: mpsc::Receiver<Received>,
    server: AbortOnDropHandle<()>,
    stop: CancellationToken,
}

impl Receiver {
    /// Binds and starts. Port 0 takes any free port.
    #[expect(clippy::disallowed_methods, reason = "owned by the receiver, ended by its drop")]
    pub async fn start(addr: SocketAddr, options: Options) -> std::io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let (sender, received) = mpsc::channel(BACKLOG);
        let stop = CancellationToken::new();
        let desk = Arc::new(Desk { options, count: AtomicU64::new(0), sender });
        let server = AbortOnDropHandle::new(tokio::spawn(serve(listener, desk, stop.clone())));
        Ok(Self { addr, received, server, stop })
    }

    /// Takes no more requests and waits until those under way are answered.
    pub async fn finish(self) {
        // Whoever still waits for room in the channel shall not wait for us.
        drop(self.received);
        self.stop.cancel();
        let _ = self.server.await;
    }
}

/// What all connections share.
#[derive(Debug)]
struct Desk {
    options: Options,
    count: AtomicU64,
    sender: mpsc::Sender<Received>,
}

async fn serve(listener: TcpListener, desk: Arc<Desk>, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(READ_TIMEOUT);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = stop.cancelled() => break,
        };
        let Ok((stream, _)) = stream else {
            // Out of file descriptors, most likely: some will come back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let desk = desk.clone();
        let service = service_fn(move |request| {
            let desk = desk.clone();
            async move { Ok::<_, Infallible>(desk.handle(request).await) }
        });
        connections.spawn(graceful.watch(builder.serve_connection(TokioIo::new(stream), service)));
    }
    let _ = tokio::time::timeout(desk.options.delay + GRACE, graceful.shutdown()).await;
}

impl Desk {
    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = match tokio::time::timeout(READ_TIMEOUT, read(body, self.options.max_body)).await {
            Ok(Ok(body)) => body,
            Ok(Err(status)) => return answer(status, "could not read the body"),
            Err(_) => return answer(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
        };
        let at = self.options.clock.now();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let verified = self.options.verify(parts.uri.path(), &parts.headers, &body, at);
        let status = self.status(&verified);
        let received = Received {
            at,
            method: parts.method.to_string(),
            path,
            headers: plain(&parts.headers),
            body,
            verified,
            answered: status.as_u16(),
        };
        // Nobody reading any more is no reason to refuse a sender.
        let _ = self.sender.send(received).await;
        tokio::time::sleep(self.options.delay).await;
        answer(status, if status.is_success() { "received" } else { "refused" })
    }

    /// A failure on purpose comes first, so that it may be counted on.
    fn status(&self, verified: &Option<Result<Proof, Refusal>>) -> StatusCode {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        match self.options.failure {
            Some(Failure { status, times }) if times.is_none_or(|times| count < times) => status,
            _ if matches!(verified, Some(Err(_))) => StatusCode::UNAUTHORIZED,
            _ => StatusCode::OK,
        }
    }
}

impl Options {
    /// The first check that accepts, else the most telling refusal.
    fn verify(
        &self,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Option<Result<Proof, Refusal>> {
        let fitting = || self.checks.iter().filter(|check| is_below(path, &check.prefix));
        let longest = fitting().map(|check| check.prefix.len()).max()?;
        let mut refused = None;
        for check in fitting().filter(|check| check.prefix.len() == longest) {
            match check.verifier.verify(headers, body, now) {
                Ok(proof) => return Some(Ok(proof)),
                // A header of another scheme being absent tells less than a signature being wrong.
                Err(Refusal::MissingHeader(_)) if refused.is_some() => {}
                Err(refusal) => refused = Some(refusal),
            }
        }
        refused.map(Err)
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

async fn read(mut body: Incoming, max: usize) -> Result<Bytes, StatusCode> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() {
            if bytes.len() + data.len() > max {
                return Err(StatusCode::PAYLOAD_TOO_LARGE);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.freeze())
}

fn plain(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = |name: &http::HeaderName, value: &http::HeaderValue| match name {
        token if token.as_str().eq_ignore_ascii_case(TOKEN_HEADER) => REDACTED.to_owned(),
        _ => String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    headers.iter().map(|(name, value)| (name.to_string(), shown(name, value))).collect()
}

fn answer(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let body = json!({"status": text}).to_string();
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::http::Http;

    async fn post(addr: SocketAddr, path: &str, body: &'static str) -> StatusCode {
        let request = Request::post(format!("http://{addr}{path}")).body(Full::from(body)).unwrap();
        Http::new(Duration::from_secs(10)).unwrap().send(request).await.unwrap().status
    }

    fn loopback() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[tokio::test]
    async fn a_request_is_recorded_as_it_came() {
        let mut receiver = Receiver::start(loopback(), Options::default()).await.unwrap();
        assert_eq!(post(receiver.addr, "/a/b?c=d", "{\"e\": 1}").await, 200);
        let got = receiver.received.recv().await.unwrap();
        assert_eq!(
            (got.method.as_str(), got.path.as_str(), &got.body[..]),
            ("POST", "/a/b?c=d", &b"{\"e\": 1}"[..])
        );
        assert!(got.headers.iter().any(|(name, value)| name == "content-length" && value == "8"));
        assert!(got.verified.is_none());
    }

    #[tokio::test]
    async fn it_fails_as_often_as_it_was_told_and_then_no_more() {
        let failure = Some(Failure { status: StatusCode::INTERNAL_SERVER_ERROR, times: Some(2) });
        let receiver = Receiver::start(loopback(), Options { failure, ..Options::default() }).await.unwrap();
        let mut answers = Vec::new();
        for _ in 0..4 {
            answers.push(post(receiver.addr, "/", "x").await.as_u16());
        }
        assert_eq!(answers, [500, 500, 200, 200]);
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_refused_and_not_recorded() {
        let mut receiver =
            Receiver::start(loopback(), Options { max_body: 4, ..Options::default() }).await.unwrap();
        assert_eq!(post(receiver.addr, "/", "12345").await, 413);
        assert_eq!(post(receiver.addr, "/", "1234").await, 200);
        assert_eq!(&receiver.received.recv().await.unwrap().body[..], b"1234");
    }

    #[test]
    fn a_prefix_ends_where_a_segment_of_the_path_ends() {
        assert!(is_below("/awx", "/awx") && is_below("/awx/7", "/awx/") && is_below("/x", ""));
        assert!(!is_below("/awxyz", "/awx"));
    }
}
