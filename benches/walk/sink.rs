//! A receiver that counts.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

pub struct Sink {
    pub port: u16,
    count: Arc<AtomicUsize>,
    last: Arc<Mutex<Instant>>,
}

impl Sink {
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// When the last delivery arrived.
    pub fn last(&self) -> Instant {
        *self.last.lock().unwrap()
    }
}

pub async fn start() -> Sink {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sink = Sink {
        port: listener.local_addr().unwrap().port(),
        count: Arc::default(),
        last: Arc::new(Mutex::new(Instant::now())),
    };
    let (count, last) = (sink.count.clone(), sink.last.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (count, last) = (count.clone(), last.clone());
            let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
                let (count, last) = (count.clone(), last.clone());
                async move {
                    while request.body_mut().frame().await.is_some() {}
                    *last.lock().unwrap() = Instant::now();
                    count.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    sink
}
