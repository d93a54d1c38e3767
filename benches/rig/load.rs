//! Signed webhooks over kept-alive connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::event::Signed;

pub const CONNECTIONS: usize = 32;
const LONGEST_START: Duration = Duration::from_secs(120);

pub type Sender = SendRequest<Full<Bytes>>;

/// What a run took.
pub struct Run {
    /// From a request's sending to the end of its answer.
    pub latencies: Vec<Duration>,
    pub took: Duration,
}

/// Waits until `/readyz` or its like is answered with 200.
pub async fn ready(port: u16, path: &str) {
    let start = Instant::now();
    while start.elapsed() < LONGEST_START {
        if let Ok(mut sender) = connect(port).await {
            let request = http::Request::get(path).header("host", "bench").body(Full::default()).unwrap();
            if sender.send_request(request).await.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the server on port {port} did not become ready within {LONGEST_START:?}");
}

pub async fn connect(port: u16) -> std::io::Result<Sender> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends one webhook and reads the answer, which has to be 200.
pub async fn send(sender: &mut Sender, webhook: &Signed) {
    let request = http::Request::post("/hooks/netbox")
        .header("host", "bench")
        .header("content-type", "application/json")
        .header("x-hook-signature", &webhook.signature)
        .body(Full::new(webhook.body.clone()))
        .unwrap();
    let mut answer = sender.send_request(request).await.expect("a webhook got no answer");
    assert_eq!(answer.status(), 200, "a webhook was refused");
    while answer.frame().await.is_some() {}
}

/// Sends every webhook once, each connection the next one as soon as its last was answered. The
/// connections are spread over the ports.
pub async fn run(ports: &[u16], webhooks: &Arc<Vec<Signed>>) -> Run {
    let (next, start) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let mut tasks = Vec::new();
    for connection in 0..CONNECTIONS {
        let (webhooks, next) = (webhooks.clone(), next.clone());
        let mut sender = connect(ports[connection % ports.len()]).await.unwrap();
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(webhooks.len() / CONNECTIONS * 2);
            while let Some(webhook) = webhooks.get(next.fetch_add(1, Ordering::Relaxed)) {
                let sent = Instant::now();
                send(&mut sender, webhook).await;
                latencies.push(sent.elapsed());
            }
            latencies
        }));
    }
    let mut latencies = Vec::with_capacity(webhooks.len());
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    Run { latencies, took: start.elapsed() }
}
