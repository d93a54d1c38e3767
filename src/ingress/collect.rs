//! The body, under limits of size and time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tower::{BoxError, Layer, Service};

use super::identify::Identified;
use super::{client, linger};
use crate::model::{Request, Timestamp};
use crate::reply::Rejection;
use crate::rules::{Rules, Source};
use crate::secret::{REDACTED, shown_query};
use crate::serve::Peer;

/// A whole request in memory; nothing about it is proved yet.
#[derive(Debug)]
pub struct Collected {
    pub rules: Arc<Rules>,
    pub source: Arc<Source>,
    pub token: Option<String>,
    pub received_at: Timestamp,
    pub headers: http::HeaderMap,
    /// What may be stored of the request line and the headers.
    pub request: Request,
    pub body: Bytes,
}

pub fn layer<S>() -> impl Layer<S, Service = Collect<S>> + Clone {
    tower::layer::layer_fn(|inner| Collect { inner })
}

#[derive(Debug, Clone)]
pub struct Collect<S> {
    inner: S,
}

impl<S> Service<Identified> for Collect<S>
where
    S: Service<Collected, Response = Response<Full<Bytes>>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, identified: Identified) -> Self::Future {
        // The clone that was polled ready does the call; the fresh one waits for its own turn.
        let fresh = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, fresh);
        Box::pin(async move {
            let collected = collect(identified).await?;
            ready.call(collected).await
        })
    }
}

async fn collect(identified: Identified) -> Result<Collected, Rejection> {
    let Identified { rules, source, token, received_at, request } = identified;
    let (parts, body) = request.into_parts();
    let body = read(&parts, body, source.max_body, rules.config.ingress.request_timeout).await?;
    let request = facts(&parts, token.as_deref(), &rules);
    Ok(Collected { rules, source, token, received_at, headers: parts.headers, request, body })
}

async fn read(parts: &Parts, mut body: Incoming, limit: usize, within: Duration) -> Result<Bytes, Rejection> {
    let too_large = || {
        let detail = format!("the body is larger than the {limit} bytes this source may send");
        Rejection::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail).close()
    };
    let announced =
        parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        linger::discard(body);
        return Err(too_large());
    }
    let frames = async {
        // Grows with what arrives, not with what was announced.
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Rejection::new(
                    StatusCode::BAD_REQUEST,
                    "incomplete_body",
                    "the body ended early or was malformed",
                )
                .because(error.to_string())
                .close()
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
        }
        Ok(bytes.freeze())
    };
    let read = tokio::time::timeout(within, frames).await.unwrap_or_else(|_| {
        let detail = format!("the body did not arrive within {} s", within.as_secs());
        Err(Rejection::new(StatusCode::REQUEST_TIMEOUT, "too_slow", detail).close())
    });
    if matches!(&read, Err(refusal) if refusal.code == "too_large") {
        linger::discard(body);
    }
    read
}

/// Words in the names of headers that hold somebody's credentials: kept by name only. Signatures
/// and idempotency keys are none.
const CREDENTIALS: [&str; 8] =
    ["authorization", "cookie", "token", "secret", "password", "credential", "api-key", "apikey"];

fn facts(parts: &Parts, token: Option<&str>, rules: &Rules) -> Request {
    let path = parts.uri.path();
    let path = match token {
        Some(_) => format!("{}/…", path.rsplit_once('/').map_or(path, |(before, _)| before)),
        None => path.to_owned(),
    };
    let headers = parts.headers.iter().map(|(name, value)| {
        let secret = CREDENTIALS.iter().any(|word| name.as_str().contains(word));
        let value = if secret { REDACTED.into() } else { String::from_utf8_lossy(value.as_bytes()) };
        (name.as_str().to_owned(), value.into_owned())
    });
    let peer = parts.extensions.get::<Peer>();
    let trusted = &rules.config.ingress.trusted_proxies;
    Request {
        method: parts.method.to_string(),
        path,
        query: parts.uri.query().map(shown_query),
        headers: headers.collect(),
        client: peer.map(|peer| client::address(peer.0.ip(), &parts.headers, trusted)),
    }
}
