//! The one place where refusals become answers: RFC 9457 problem documents.
//!
//! What a sender reads (`detail`) and what the operator reads (`cause`) are two texts.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tower::{BoxError, Layer, Service};

/// Why a request is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {detail}")]
pub struct Rejection {
    pub status: StatusCode,
    /// Stable; for programs.
    pub code: &'static str,
    /// For the sender.
    pub detail: String,
    /// For the log; may say more than the sender should know.
    pub cause: Option<String>,
    /// Seconds.
    pub retry_after: Option<u64>,
    /// For 405.
    pub allow: Option<&'static str>,
    /// The connection's state is not to be trusted, or its body was not read.
    pub close: bool,
}

impl Rejection {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { status, code, detail, cause: None, retry_after: None, allow: None, close: false }
    }

    /// Something for the log only.
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// When to try again, in seconds.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Ends the connection after the answer.
    pub fn close(mut self) -> Self {
        self.close = true;
        self
    }

    /// The answer.
    pub fn response(&self) -> Response<Full<Bytes>> {
        let body = json!({
            "type": format!("urn:crossconnect:problem:{}", self.code),
            "title": self.status.canonical_reason().unwrap_or("error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
        });
        let mut response = Response::new(Full::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A JSON answer.
pub fn json(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Turns whatever error reaches it into the answer for it, so that the service cannot fail.
#[derive(Debug, Clone, Copy, Default)]
pub struct RescueLayer;

impl<S> Layer<S> for RescueLayer {
    type Service = Rescue<S>;

    fn layer(&self, inner: S) -> Rescue<S> {
        Rescue { inner }
    }
}

/// See [`RescueLayer`].
#[derive(Debug, Clone)]
pub struct Rescue<S> {
    inner: S,
}

impl<S, R> Service<R> for Rescue<S>
where
    S: Service<R, Response = Response<Full<Bytes>>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
    R: Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The inner service's readiness is awaited in `call`, where its error can be answered.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        let service = self.inner.clone();
        Box::pin(async move {
            let answer = caught(tower::ServiceExt::oneshot(service, request)).await;
            Ok(answer.unwrap_or_else(|error| rejection_of(error).response()))
        })
    }
}

/// A bug costs one answer, not the connection's task.
async fn caught<T>(future: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(move |cx| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| {
            Poll::Ready(Err("the request made the gateway panic; please report this".into()))
        })
    })
    .await
}

fn rejection_of(error: BoxError) -> Rejection {
    let error = match error.downcast::<Rejection>() {
        Ok(rejection) => {
            log(&rejection);
            return *rejection;
        }
        Err(other) => other,
    };
    let rejection = if error.is::<tower::load_shed::error::Overloaded>() {
        Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "too many requests at once")
            .retry_after(1)
    } else if error.is::<tower::timeout::error::Elapsed>() {
        Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "the request took too long")
            .retry_after(5)
            .close()
    } else {
        Rejection::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "an internal error; see the gateway's log",
        )
        .because(error.to_string())
        .close()
    };
    log(&rejection);
    rejection
}

fn log(rejection: &Rejection) {
    let Rejection { status, code, detail, cause, .. } = rejection;
    let cause = cause.as_deref().unwrap_or_default();
    if status.is_server_error() {
        tracing::warn!(status = status.as_u16(), code, detail, cause, "request not served");
    } else {
        tracing::info!(status = status.as_u16(), code, detail, cause, "request refused");
    }
}
