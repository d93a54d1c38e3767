//! A CMDB that answers as a test wants, and notes what it was asked.

use std::convert::Infallible;
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
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

/// One question that came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

/// What to answer.
#[derive(Debug, Clone)]
pub enum Reply {
    Status(u16, String),
    /// 307 to another place of the same server.
    Redirect,
    /// 200, and then `1` for ever.
    Endless,
    /// 200, some bytes, and then nothing for ever.
    Dawdle,
    /// 200 and a length that the body does not reach.
    BrokenOff,
    /// No answer at all.
    Hang,
    /// 200 and `{}`, once the test lets go.
    Hold,
}

pub fn ok(json: &str) -> Reply {
    Reply::Status(200, json.to_owned())
}

type Plan = dyn Fn(usize, &Seen) -> Reply + Send + Sync;

pub struct Stub {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    plan: Box<Plan>,
    seen: Mutex<Vec<Seen>>,
    under_way: AtomicUsize,
    most: AtomicUsize,
    gate: Semaphore,
    came: Notify,
}

impl Stub {
    /// `plan` decides by the number of the question, from 0.
    pub async fn start(plan: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            plan: Box::new(plan),
            seen: Mutex::default(),
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            gate: Semaphore::new(0),
            came: Notify::new(),
        });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let state = shared.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(state.clone(), request));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(tcp), service).await;
                });
            }
        });
        Self { address, state }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// How many questions were under way at once, at most.
    pub fn most(&self) -> usize {
        self.state.most.load(Ordering::SeqCst)
    }

    pub fn let_go(&self, count: usize) {
        self.state.gate.add_permits(count);
    }

    /// Once `count` questions have come; a test that waits ten seconds has failed.
    pub async fn until(&self, count: usize) {
        let waiting = async {
            loop {
                let mut came = std::pin::pin!(self.state.came.notified());
                came.as_mut().enable();
                if self.seen().len() >= count {
                    return;
                }
                came.await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        found.unwrap_or_else(|_| panic!("only {} of {count} questions came", self.seen().len()));
    }
}

type Answered = Response<Either<Full<Bytes>, Slow>>;

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Answered, Infallible> {
    let under_way = state.under_way.fetch_add(1, Ordering::SeqCst) + 1;
    state.most.fetch_max(under_way, Ordering::SeqCst);
    let answer = reply(&state, request).await;
    state.under_way.fetch_sub(1, Ordering::SeqCst);
    Ok(answer)
}

async fn reply(state: &State, request: Request<Incoming>) -> Answered {
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        bytes.extend(frame.data_ref().into_iter().flatten());
    }
    let seen = Seen {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers,
        body: String::from_utf8(bytes).unwrap(),
    };
    let number = {
        let mut all = state.seen.lock().unwrap();
        all.push(seen.clone());
        all.len() - 1
    };
    state.came.notify_waiters();
    let whole = |text: String| Either::Left(Full::from(text));
    let (status, body) = match (state.plan)(number, &seen) {
        Reply::Status(status, text) => (status, whole(text)),
        Reply::Redirect => (307, whole(String::new())),
        Reply::Endless => (200, Either::Right(Slow { left: usize::MAX, breaks: None })),
        Reply::Dawdle => (200, Either::Right(Slow { left: 1, breaks: None })),
        Reply::BrokenOff => (200, Either::Right(Slow { left: 1, breaks: Some(false) })),
        Reply::Hang => std::future::pending().await,
        Reply::Hold => {
            state.gate.acquire().await.unwrap().forget();
            (200, whole("{}".to_owned()))
        }
    };
    Response::builder().status(status).header("location", "/elsewhere").body(body).unwrap()
}

/// So many pieces of a body, which then breaks off or never ends.
pub struct Slow {
    left: usize,
    /// Whether it was asked for more before it breaks off: what came before has left by then.
    breaks: Option<bool>,
}

impl Body for Slow {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match (self.left, self.breaks) {
            (0, Some(true)) => Poll::Ready(Some(Err(std::io::Error::other("gone")))),
            (0, Some(false)) => {
                self.breaks = Some(true);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            (0, None) => Poll::Pending,
            _ => {
                self.left -= 1;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'1'; 1024])))))
            }
        }
    }
}
