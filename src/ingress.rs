//! The ingress stack: what happens to a request between the socket and the answer.
//!
//! Layers that prove something hand their inner service a new type, so the compiler checks
//! their order: `Request` → `Identified` → `Collected` → `Verified` → answer.

mod client;
mod collect;
mod front;
mod identify;
mod intake;
mod linger;
mod pace;
mod rate;
mod verify;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};

pub use front::ready;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::reply::RescueLayer;
use crate::rules;
use crate::store::Store;

/// Requests under way at once; beyond, senders get 503 `overloaded`. Bounds the memory that
/// bodies can take, together with `max_body`.
const MAX_CONCURRENT: usize = 1024;

/// What the stack needs from outside.
#[derive(Debug, Clone)]
pub struct Shared {
    pub rules: rules::Watch,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub draining: Draining,
}

/// Set once the gateway is on its way out.
#[derive(Debug, Clone, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Names requests by UUIDs. They are no secret, so no random bytes of the system are spent on them.
#[derive(Debug, Clone, Copy)]
struct Names;

impl MakeRequestId for Names {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        let id = uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid();
        HeaderValue::from_str(&id.to_string()).ok().map(RequestId::new)
    }
}

/// The service that answers every request.
pub type Service = BoxCloneSyncService<Request<Incoming>, Response<Full<Bytes>>, Infallible>;

/// THE INGRESS STACK, top to bottom.
pub fn stack(shared: &Shared) -> Service {
    // Longer than `collect` gives a body, so that a slow sender gets its own answer (408) first.
    let whole = shared.rules.borrow().config.ingress.request_timeout + Duration::from_secs(10);
    let service = ServiceBuilder::new()
        // Probes are answered even when everything below is busy; unlawful framing goes no further.
        .layer(front::layer(shared.clone()))
        // A name for this request in logs and answers; a proxy's own is kept.
        .layer(SetRequestIdLayer::x_request_id(Names))
        .layer(PropagateRequestIdLayer::x_request_id())
        // From here on errors may be raised; this is where they, and panics, become answers.
        .layer(RescueLayer)
        // More than can be handled is refused at once rather than queued without bound.
        .load_shed()
        .concurrency_limit(MAX_CONCURRENT)
        // Nothing below may take for ever, the store included.
        .timeout(whole)
        // Path → source; refuses before a byte of the body is read.
        .layer(identify::layer(shared.clone()))
        // Body under limits of size and time → bytes.
        .layer(collect::layer())
        // Bytes → proof that the sender sent them.
        .layer(verify::layer(shared.clone()))
        // Proved request → receipt, outcome, durable write, answer.
        .service(intake::Intake::new(shared.clone()));
    Service::new(service)
}
