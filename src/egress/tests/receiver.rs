//! A receiver that records what came and answers as a test wants.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// One request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What to answer.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    Status(u16, &'static [(&'static str, &'static str)], &'static str),
    /// 200, and then `x` for ever.
    Endless,
    /// 200, one KiB, and then nothing for ever.
    Dawdle,
    /// No answer at all.
    Hang,
    /// 200, once the receiver is told to let go.
    Hold,
}

pub const OK: Reply = Reply::Status(200, &[], "ok");

/// Decides by the number of the request, from 0.
type Plan = dyn Fn(usize, &Seen) -> Reply + Send + Sync;

pub struct Receiver {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    plan: Box<Plan>,
    seen: Mutex<Vec<Seen>>,
    accepted: AtomicUsize,
    under_way: AtomicUsize,
    most: AtomicUsize,
    /// Requests waiting on [`Reply::Hold`] are let go one by one.
    gate: tokio::sync::Semaphore,
    came: Notify,
}

impl Receiver {
    pub async fn start(plan: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::behind(plan, |tcp| async move { Some(tcp) }).await
    }

    /// `wrap` makes of a TCP connection what HTTP is spoken on.
    pub async fn behind<F, W, S>(
        plan: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static,
        wrap: W,
    ) -> Self
    where
        W: Fn(tokio::net::TcpStream) -> F + Clone + Send + 'static,
        F: Future<Output = Option<S>> + Send + 'static,
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
        TokioIo<S>: Read + Write,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            plan: Box::new(plan),
            seen: Mutex::default(),
            accepted: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            gate: tokio::sync::Semaphore::new(0),
            came: Notify::new(),
        });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                let (wrap, state) = (wrap.clone(), shared.clone());
                tokio::spawn(async move {
                    let Some(stream) = wrap(tcp).await else { return };
                    let service = service_fn(move |request| answer(state.clone(), request));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Once `count` requests have come; a test that waits ten seconds has failed.
    pub async fn until(&self, count: usize) -> Vec<Seen> {
        let waiting = async {
            loop {
                let mut came = std::pin::pin!(self.state.came.notified());
                came.as_mut().enable();
                if self.seen().len() >= count {
                    return self.seen();
                }
                came.await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        found.unwrap_or_else(|_| panic!("only {} of {count} requests came", self.seen().len()))
    }

    pub fn let_go(&self, count: usize) {
        self.state.gate.add_permits(count);
    }

    /// How many connections were made.
    pub fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// How many requests were under way at once, at most.
    pub fn most(&self) -> usize {
        self.state.most.load(Ordering::SeqCst)
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Either<Full<Bytes>, Slow>>, Infallible> {
    let under_way = state.under_way.fetch_add(1, Ordering::SeqCst) + 1;
    state.most.fetch_max(under_way, Ordering::SeqCst);
    let response = reply(&state, request).await;
    state.under_way.fetch_sub(1, Ordering::SeqCst);
    Ok(response)
}

async fn reply(state: &State, request: Request<Incoming>) -> Response<Either<Full<Bytes>, Slow>> {
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        bytes.extend(frame.data_ref().into_iter().flatten());
    }
    let seen = Seen {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers,
        body: bytes.into(),
    };
    let number = {
        let mut all = state.seen.lock().unwrap();
        all.push(seen.clone());
        all.len() - 1
    };
    state.came.notify_waiters();
    let (status, headers, body) = match (state.plan)(number, &seen) {
        Reply::Status(status, headers, text) => (status, headers, Either::Left(Full::from(text))),
        Reply::Endless => (200, &[][..], Either::Right(Slow { left: usize::MAX })),
        Reply::Dawdle => (200, &[][..], Either::Right(Slow { left: 1 })),
        Reply::Hang => pending().await,
        Reply::Hold => {
            state.gate.acquire().await.unwrap().forget();
            (200, &[][..], Either::Left(Full::from("held")))
        }
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body).unwrap()
}

/// So many pieces of a body, which then never ends.
pub struct Slow {
    left: usize,
}

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Pending;
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1024])))))
    }
}
