//! A receiver that believes nothing: it proves every signature and counts every event once.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::event::MARK;

/// Of the destination; behind `whsec_` stands the key in base64.
pub const SECRET: &str = "whsec_YmVuY2gtb3V0Ym91bmQta2V5LTMyLWJ5dGVzLWxvbmc=";
const PATIENCE: Duration = Duration::from_secs(60);

/// A running receiver; dropping it closes its port.
pub struct Sink {
    pub port: u16,
    ledger: Arc<Ledger>,
    door: JoinHandle<()>,
}

struct Ledger {
    key: Hmac<Sha256>,
    arrived: Mutex<Arrived>,
}

struct Arrived {
    /// When each event came, by its number.
    at: Vec<Option<Instant>>,
    count: usize,
    /// What was wrong with the first delivery that was wrong.
    fault: Option<String>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.door.abort();
    }
}

impl Sink {
    /// Waits until all came; when each of them did. It ends the benchmark if one was wrong, came
    /// twice, or if for a minute none came.
    pub async fn all(&self) -> Vec<Instant> {
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            {
                let arrived = self.ledger.arrived.lock().unwrap();
                let expected = arrived.at.len();
                assert_eq!(arrived.fault, None, "a delivery was wrong");
                if arrived.count == expected {
                    return arrived.at.iter().flatten().copied().collect();
                }
                if arrived.count != seen {
                    (seen, since) = (arrived.count, Instant::now());
                }
                assert!(since.elapsed() < PATIENCE, "{seen} of {expected} arrived, then none for a minute");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Opens a receiver for so many events, on a port of its own (0) or on a given one.
pub async fn start(port: u16, expected: usize) -> Sink {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let ledger = Arc::new(Ledger {
        key: Hmac::new_from_slice(&key).unwrap(),
        arrived: Mutex::new(Arrived { at: vec![None; expected], count: 0, fault: None }),
    });
    let door = tokio::spawn(serve(listener, ledger.clone()));
    Sink { port, ledger, door }
}

async fn serve(listener: TcpListener, ledger: Arc<Ledger>) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let ledger = ledger.clone();
        let service = service_fn(move |request| {
            let ledger = ledger.clone();
            async move { Ok::<_, Infallible>(ledger.take(request).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Ledger {
    async fn take(&self, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let now = Instant::now();
        let mut body = BytesMut::new();
        while let Some(frame) = request.body_mut().frame().await {
            let Ok(frame) = frame else { return Response::new(Full::default()) };
            body.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
        let read = self.check(&request, &body).and_then(|()| number(&body));
        let mut arrived = self.arrived.lock().unwrap();
        if let Err(fault) = read.and_then(|number| arrived.note(number, now)) {
            arrived.fault.get_or_insert(fault);
        }
        Response::new(Full::default())
    }

    /// HMAC-SHA256 over id, timestamp and body, as Standard Webhooks has it.
    fn check(&self, request: &Request<Incoming>, body: &[u8]) -> Result<(), String> {
        let header = |name: &str| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.ok_or_else(|| format!("it has no {name}"))
        };
        let mut mac = self.key.clone();
        for part in [header("webhook-id")?, ".", header("webhook-timestamp")?, "."] {
            mac.update(part.as_bytes());
        }
        mac.update(body);
        let signature =
            header("webhook-signature")?.strip_prefix("v1,").and_then(|tag| STANDARD.decode(tag).ok());
        let tag = signature.ok_or("its signature is no `v1,` and base64")?;
        mac.verify_slice(&tag).map_err(|_| "its signature does not match".to_owned())
    }
}

impl Arrived {
    fn note(&mut self, number: usize, now: Instant) -> Result<(), String> {
        match self.at.get_mut(number) {
            None => Err(format!("nobody sent event {number}")),
            Some(Some(_)) => Err(format!("event {number} came twice")),
            Some(place) => {
                *place = Some(now);
                self.count += 1;
                Ok(())
            }
        }
    }
}

fn number(body: &[u8]) -> Result<usize, String> {
    let text = std::str::from_utf8(body).map_err(|_| "its body is no text")?;
    let digits = text.find(MARK).and_then(|at| text.get(at + MARK.len()..at + MARK.len() + 9));
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| "it tells of no event that was sent".to_owned())
}
