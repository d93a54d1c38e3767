//! The probes, and what no request may do whatever its path: see the checks of [`lawful`].

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;
use tower::{Layer, Service};

use super::Shared;
use crate::reply::{self, Rejection};
use crate::serve::Head;

pub fn layer<S>(shared: Shared) -> impl Layer<S, Service = Front<S>> + Clone {
    tower::layer::layer_fn(move |inner| Front { shared: shared.clone(), inner })
}

#[derive(Debug, Clone)]
pub struct Front<S> {
    shared: Shared,
    inner: S,
}

type Answer = Response<Full<Bytes>>;

impl<S> Service<Request<Incoming>> for Front<S>
where
    S: Service<Request<Incoming>, Response = Answer, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        if let Err(rejection) = lawful(&request) {
            tracing::info!(code = rejection.code, detail = rejection.detail, "request refused");
            return Box::pin(async move { Ok(rejection.response()) });
        }
        let probe = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/livez" if probe => {
                Box::pin(async { Ok(reply::json(StatusCode::OK, &json!({"status": "ok"}))) })
            }
            "/readyz" if probe => {
                let shared = self.shared.clone();
                Box::pin(async move { Ok(ready(&shared).await) })
            }
            _ => Box::pin(self.inner.call(request)),
        }
    }
}

const MAX_HEADER_LINES: usize = 100;
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Bytes of all header lines. Signatures do not count: how many there may be is the verifier's word,
/// and its refusal is the same 401 as for any other wrong signature.
fn size(headers: &HeaderMap) -> usize {
    let counted = headers.iter().filter(|(name, _)| *name != "webhook-signature");
    counted.map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// What makes a request ambiguous between us and the proxy before us ends the connection.
fn lawful(request: &Request<Incoming>) -> Result<(), Rejection> {
    let bad = |detail: &str| Err(Rejection::new(StatusCode::BAD_REQUEST, "bad_request", detail).close());
    let headers = request.headers();
    if headers.len() > MAX_HEADER_LINES || size(headers) > MAX_HEADER_BYTES {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        let detail = "at most 100 header lines and 32 KiB of them are served";
        return Err(Rejection::new(status, "headers_too_large", detail).close());
    }
    if headers.get_all(HOST).iter().count() != 1 {
        return bad("exactly one Host header is needed");
    }
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(encoding) = encodings.next() else { return Ok(()) };
    if encodings.next().is_some() || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return bad("the only Transfer-Encoding served is `chunked`");
    }
    let head = request.extensions().get::<Head>();
    if head.is_none_or(|head| !head.has_only_transfer_encoding(request.method().as_str())) {
        return bad("Content-Length and Transfer-Encoding exclude one another");
    }
    Ok(())
}

/// Whether a webhook sent now would be accepted.
pub async fn ready(shared: &Shared) -> Answer {
    if shared.draining.has_begun() {
        return draining().response();
    }
    match tokio::time::timeout(Duration::from_secs(2), shared.store.ping()).await {
        Ok(Ok(())) => reply::json(StatusCode::OK, &json!({"status": "ok"})),
        Ok(Err(error)) => unavailable().because(error.to_string()).response(),
        Err(_) => unavailable().response(),
    }
}

/// The gateway is on its way out.
pub fn draining() -> Rejection {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Rejection::new(status, "draining", "the gateway is shutting down").retry_after(5).close()
}

/// Nothing can be made durable now.
pub fn unavailable() -> Rejection {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Rejection::new(status, "state_unavailable", "the webhook could not be stored, please send it again")
        .retry_after(5)
}
