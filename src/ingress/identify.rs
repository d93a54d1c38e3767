//! Path → source, its rate, its method: all that can be refused before a body is read.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tower::{BoxError, Layer, Service};

use super::rate::Buckets;
use super::{Shared, front, linger};
use crate::model::Timestamp;
use crate::percent;
use crate::reply::Rejection;
use crate::rules::{Rules, Source};

/// A request for a known source; the body is still on the wire.
#[derive(Debug)]
pub struct Identified {
    pub rules: Arc<Rules>,
    pub source: Arc<Source>,
    /// The path segment behind the source's name, decoded.
    pub token: Option<String>,
    pub received_at: Timestamp,
    pub request: Request<Incoming>,
}

/// What NetBox's webhooks may use.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

pub fn layer<S>(shared: Shared) -> impl Layer<S, Service = Identify<S>> + Clone {
    let buckets = Arc::new(Buckets::default());
    tower::layer::layer_fn(move |inner| Identify { shared: shared.clone(), buckets: buckets.clone(), inner })
}

#[derive(Debug, Clone)]
pub struct Identify<S> {
    shared: Shared,
    buckets: Arc<Buckets>,
    inner: S,
}

type Answer = Response<Full<Bytes>>;

impl<S> Service<Request<Incoming>> for Identify<S>
where
    S: Service<Identified, Response = Answer, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let rules = self.shared.rules.borrow().clone();
        let now = self.shared.clock.now();
        match self.identify(&rules, &request, now) {
            Ok((source, token)) => {
                let identified = Identified { rules, source, token, received_at: now, request };
                let (metrics, source) = (self.shared.metrics.clone(), identified.source.name.clone());
                let clock = self.shared.clock.clone();
                let answer = self.inner.call(identified);
                Box::pin(async move {
                    let answer = answer.await;
                    let seconds = clock.now().duration_since(now).as_secs_f64();
                    metrics.request(&source, label(&answer), seconds);
                    answer
                })
            }
            Err(rejection) => {
                linger::discard(request.into_body());
                Box::pin(async move { Err(rejection.into()) })
            }
        }
    }
}

/// What the answer is called in the metrics.
fn label(answer: &Result<Answer, BoxError>) -> &'static str {
    match answer {
        Ok(answer) => answer.extensions().get::<super::intake::Said>().map_or("ok", |said| said.0),
        Err(error) => error.downcast_ref::<Rejection>().map_or("internal", |rejection| rejection.code),
    }
}

impl<S> Identify<S> {
    fn identify(
        &self,
        rules: &Rules,
        request: &Request<Incoming>,
        now: Timestamp,
    ) -> Result<(Arc<Source>, Option<String>), Rejection> {
        if self.shared.draining.has_begun() {
            return Err(front::draining());
        }
        let (name, token) = segments(request.uri().path(), &rules.config.ingress.base_path)
            .ok_or_else(|| Rejection::new(StatusCode::NOT_FOUND, "not_found", "no such path").close())?;
        let source = rules.sources.get(name.as_str()).cloned().ok_or_else(|| {
            Rejection::new(StatusCode::NOT_FOUND, "unknown_source", "there is no source of this name").close()
        })?;
        if !METHODS.contains(request.method()) {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            let mut refusal =
                Rejection::new(status, "method_not_allowed", "webhooks use other methods").close();
            refusal.allow = Some("GET, POST, PUT, PATCH, DELETE");
            return Err(refusal);
        }
        plain(request)?;
        if let Some(rate) = source.rate {
            self.buckets.take(&source.name, rate, now).map_err(|seconds| {
                let status = StatusCode::TOO_MANY_REQUESTS;
                Rejection::new(status, "rate_limited", "this source sends faster than it is allowed to")
                    .retry_after(seconds)
                    .close()
            })?;
        }
        Ok((source, token))
    }
}

/// Signatures are over plain bytes: an encoded body could not be verified, or would have to be
/// unpacked before it is.
fn plain(request: &Request<Incoming>) -> Result<(), Rejection> {
    let encoded = request.headers().get_all(CONTENT_ENCODING).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
    });
    if encoded {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(
            Rejection::new(status, "unsupported_encoding", "send the body without Content-Encoding").close()
        );
    }
    Ok(())
}

/// `{base}/hooks/{source}` and `{base}/hooks/{source}/{token}`, percent-decoded.
fn segments(path: &str, base: &str) -> Option<(String, Option<String>)> {
    let rest = path.strip_prefix(base)?.strip_prefix("/hooks/")?;
    let (name, token) = match rest.split_once('/') {
        Some((name, token)) => (name, Some(token)),
        None => (rest, None),
    };
    if token.is_some_and(|token| token.contains('/')) {
        return None;
    }
    let token = token.filter(|token| !token.is_empty());
    Some((percent::decode(name)?, token.map(percent::decode).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::segments;

    fn read(path: &str, base: &str) -> Option<(String, Option<String>)> {
        segments(path, base)
    }

    #[test]
    fn source_and_token_are_read_from_the_path() {
        assert_eq!(read("/hooks/netbox", ""), Some(("netbox".into(), None)));
        assert_eq!(read("/hooks/netbox/", ""), Some(("netbox".into(), None)));
        assert_eq!(read("/gw/hooks/d/s%20%C3%A9", "/gw"), Some(("d".into(), Some("s é".into()))));
    }

    #[test]
    fn anything_else_is_no_webhook_path() {
        for path in ["/", "/hooks", "/hooks2/x", "/hooks/a/b/c", "/other/hooks/a", "/hooks/%zz"] {
            assert_eq!(read(path, ""), None, "{path}");
        }
        assert_eq!(read("/hooks/a", "/gw"), None);
    }
}
