//! The accept loop and the draining of any HTTP/1.1 service; used by ingress and admin.
//!
//! Knows sockets, connection limits and timers; nothing of webhooks.

mod tap;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

pub use tap::Head;

/// At most this many header lines are read; hyper answers 431 beyond. Services may want fewer, and
/// can say so in words.
const MAX_HEADER_LINES: usize = 200;
/// At most this many bytes of request line and headers are read; hyper answers 431 beyond.
const MAX_HEADER_BYTES: usize = 128 * 1024;

/// What every answer's body is.
pub type Body = Full<Bytes>;

/// Limits of a listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Further connections wait in the kernel's backlog.
    pub max_connections: usize,
    /// From the connection (or the end of the last answer) to the end of the headers.
    pub header_timeout: Duration,
    /// For connections under way once draining begins.
    pub grace: Duration,
}

/// The socket's peer; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Serves until `stop` is cancelled, then drains: no new connections, the requests under way are
/// answered, idle connections close; after the grace period whatever is left is cut off.
pub async fn run<S, F>(listener: TcpListener, service: S, limits: Limits, stop: CancellationToken)
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future = F>,
    S: Clone + Send + 'static,
    F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.max_connections));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = next(&listener, &slots) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else { continue };
        let (stream, head) = tap::watch(stream);
        let service = WithConnection { inner: service.clone(), peer: Peer(peer), head: head.clone() };
        let connection = http1::Builder::new()
            // Without a timer hyper ignores the timeout silently.
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_headers(MAX_HEADER_LINES)
            .max_buf_size(MAX_HEADER_BYTES)
            .half_close(false)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let stop = stop.clone();
        connections.spawn(async move {
            if let Err(error) = converse(connection, &head, &stop).await {
                tracing::debug!(%peer, %error, "connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.grace, connections.wait()).await.is_err() {
        tracing::warn!(left = connections.len(), "the grace period is over, cutting off connections");
    }
}

type Connection<S> = http1::Connection<TokioIo<tap::Tap<TcpStream>>, TowerToHyperService<WithConnection<S>>>;

/// Serves one connection until it ends; once `stop` is cancelled the request under way is the last.
async fn converse<S, F>(
    mut connection: Connection<S>,
    head: &Head,
    stop: &CancellationToken,
) -> hyper::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future = F>,
    S: Clone + Send + 'static,
    F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    // hyper closes without a word. An idle connection deserves none; half a head does.
    if ended.as_ref().is_err_and(hyper::Error::is_timeout) && head.is_unfinished() {
        let mut stream = connection.into_parts().io.into_inner();
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(TOO_SLOW)).await;
        let _ = stream.shutdown().await;
    }
    ended
}

const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\n\
connection: close\r\ncontent-length: 147\r\n\r\n\
{\"type\":\"urn:crossconnect:problem:too_slow\",\"title\":\"Request Timeout\",\"status\":408,\
\"detail\":\"the headers did not arrive in time\",\"code\":\"too_slow\"}";

type Slot = tokio::sync::OwnedSemaphorePermit;

/// The next connection, once there is a slot for it. `None`: this accept failed, try again.
async fn next(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, Slot)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are small and written whole; waiting to fill a segment only delays them.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "could not accept a connection");
            // Out of file descriptors does not pass by itself at once: do not spin on it.
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// Adds what is known of the connection to each of its requests.
#[derive(Clone)]
struct WithConnection<S> {
    inner: S,
    peer: Peer,
    head: Head,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for WithConnection<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> S::Future {
        request.extensions_mut().insert(self.peer);
        request.extensions_mut().insert(self.head.clone());
        self.inner.call(request)
    }
}
