//! Signed NetBox webhooks in a closed loop over kept-alive connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossconnect::secret::Secret;
use crossconnect::signature::{Scheme, Signer};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A body and its signature.
pub struct Signed {
    body: Bytes,
    signature: String,
}

/// What a run took.
pub struct Run {
    pub latencies: Vec<Duration>,
    pub took: Duration,
}

/// Unique bodies: another object, request id and time each.
pub fn bodies(count: usize, batch: usize) -> Vec<Signed> {
    let template = include_str!("device_update.json");
    let signer = Signer { scheme: Scheme::Netbox, secrets: vec![Secret::new(super::super::SECRET)] };
    (0..count)
        .map(|n| {
            let body = template
                .replace("@ID@", &(n % 2000 + 1).to_string())
                .replace("@REQUEST@", &format!("{batch:08x}-0000-4000-8000-{n:012x}"))
                .replace("@MICROS@", &format!("{:06}", n % 1_000_000));
            let headers = signer.sign("unused", 0, body.as_bytes());
            let signature =
                headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("x-hook-signature"));
            Signed { body: Bytes::from(body), signature: signature.unwrap().1 }
        })
        .collect()
}

/// Waits until a path is answered with 200.
pub async fn ready(port: u16, path: &str) {
    for _ in 0..500 {
        if let Ok(mut sender) = connect(port).await {
            let request = http::Request::get(path).header("host", "bench").body(Full::default()).unwrap();
            if sender.send_request(request).await.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the server on port {port} did not become ready");
}

async fn connect(port: u16) -> std::io::Result<http1::SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends every body once; the connections are spread over the ports.
pub async fn run(ports: &[u16], path: &'static str, bodies: Vec<Signed>, connections: usize) -> Run {
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let mut tasks = Vec::new();
    for connection in 0..connections {
        let port = ports[connection % ports.len()];
        let (bodies, next) = (bodies.clone(), next.clone());
        let mut sender = connect(port).await.unwrap();
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(bodies.len() / connections * 2);
            while let Some(signed) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let request = http::Request::post(path)
                    .header("host", "bench")
                    .header("content-type", "application/json")
                    .header("x-hook-signature", &signed.signature)
                    .body(Full::new(signed.body.clone()))
                    .unwrap();
                let sent = Instant::now();
                let mut answer = sender.send_request(request).await.unwrap();
                assert_eq!(answer.status(), 200);
                while answer.frame().await.is_some() {}
                latencies.push(sent.elapsed());
            }
            latencies
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    Run { latencies, took: start.elapsed() }
}
