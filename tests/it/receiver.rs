//! A recording receiver on loopback that answers as it is told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use crossconnect::serve::{self, Limits};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    /// Empty if there is none.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What was answered.
    pub status: u16,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Answers that are held back.
#[derive(Debug, Clone)]
pub struct Held(tokio::sync::watch::Sender<bool>);

impl Held {
    /// Lets go those that wait and all that come.
    pub fn release(&self) {
        self.0.send_replace(true);
    }
}

type Plan = Arc<dyn Fn(usize, &Received) -> u16 + Send + Sync>;

#[derive(Clone)]
pub struct Receiver {
    pub addr: SocketAddr,
    log: Arc<Mutex<Vec<Received>>>,
    plan: Arc<Mutex<Plan>>,
    location: Arc<Mutex<Option<&'static str>>>,
    held: Arc<Mutex<Option<Held>>>,
    says: Arc<Mutex<Bytes>>,
    stop: CancellationToken,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let receiver = Self {
            addr,
            log: Arc::default(),
            plan: Arc::new(Mutex::new(Arc::new(|_, _| 200))),
            location: Arc::default(),
            held: Arc::default(),
            says: Arc::new(Mutex::new(Bytes::from_static(b"seen"))),
            stop: CancellationToken::new(),
        };
        let seen = receiver.clone();
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let seen = seen.clone();
            async move { Ok::<_, Infallible>(seen.take(request).await) }
        });
        let limits = Limits {
            max_connections: 10_000,
            header_timeout: Duration::from_secs(60),
            grace: Duration::from_millis(100),
        };
        tokio::spawn(serve::run(listener, service, limits, receiver.stop.clone()));
        receiver
    }

    /// Redirects every request.
    pub fn answer_with_location(&self, location: &'static str) {
        self.answer(|_, _| 301);
        *self.location.lock().unwrap() = Some(location);
    }

    /// The status of the n-th request (from 0).
    pub fn answer(&self, plan: impl Fn(usize, &Received) -> u16 + Send + Sync + 'static) {
        *self.plan.lock().unwrap() = Arc::new(plan);
    }

    /// The body of every answer.
    pub fn say(&self, body: impl Into<Bytes>) {
        *self.says.lock().unwrap() = body.into();
    }

    /// From now on requests are recorded and wait for their answer.
    pub fn hold(&self) -> Held {
        let held = Held(tokio::sync::watch::channel(false).0);
        *self.held.lock().unwrap() = Some(held.clone());
        held
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn received(&self) -> Vec<Received> {
        self.log.lock().unwrap().clone()
    }

    async fn take(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, mut body) = request.into_parts();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            // A sender that was killed half-way said nothing, and hears nothing.
            let Ok(frame) = frame else { return Response::default() };
            if let Ok(data) = frame.into_data() {
                bytes.extend_from_slice(&data);
            }
        }
        let mut received = Received {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body: bytes.freeze(),
            status: 0,
        };
        let plan = self.plan.lock().unwrap().clone();
        let status = {
            let mut log = self.log.lock().unwrap();
            received.status = plan(log.len(), &received);
            let status = received.status;
            log.push(received);
            status
        };
        let held = self.held.lock().unwrap().clone();
        if let Some(Held(released)) = held {
            let _ = released.subscribe().wait_for(|released| *released).await;
        }
        let mut response = Response::new(Full::from(self.says.lock().unwrap().clone()));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        if let Some(location) = *self.location.lock().unwrap() {
            response.headers_mut().insert(http::header::LOCATION, http::HeaderValue::from_static(location));
        }
        response
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // The last one but the service's own.
        if Arc::strong_count(&self.log) <= 2 {
            self.stop.cancel();
        }
    }
}
