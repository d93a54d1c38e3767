//! Proof that the sender sent these bytes. Whoever holds a [`Verified`] has it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use tower::{BoxError, Layer, Service};

use super::Shared;
use super::collect::Collected;
use crate::model::Proof;
use crate::reply::Rejection;

/// A request whose sender is proved. Only this file can make one.
#[derive(Debug)]
pub struct Verified {
    collected: Collected,
    proof: Proof,
}

impl Verified {
    pub fn into_parts(self) -> (Collected, Proof) {
        (self.collected, self.proof)
    }
}

pub fn layer<S>(shared: Shared) -> impl Layer<S, Service = Verify<S>> + Clone {
    tower::layer::layer_fn(move |inner| Verify { shared: shared.clone(), inner })
}

#[derive(Debug, Clone)]
pub struct Verify<S> {
    shared: Shared,
    inner: S,
}

impl<S> Service<Collected> for Verify<S>
where
    S: Service<Verified, Response = Response<Full<Bytes>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, collected: Collected) -> Self::Future {
        let Collected { source, headers, token, request, body, .. } = &collected;
        // The clock is read again: the body may have taken its time.
        let now = self.shared.clock.now();
        match source.gate.prove(headers, token.as_deref(), request.client, body, now) {
            Ok(proof) => {
                let variant = proof.variant.as_deref().unwrap_or("-");
                self.shared.metrics.verified(&source.name, &proof.scheme, variant);
                Box::pin(self.inner.call(Verified { collected, proof }))
            }
            Err(cause) => {
                self.shared.metrics.refusal(&source.name, cause.code());
                // One text for every cause: whoever guesses learns nothing.
                let detail = "the request could not be verified";
                let because = format!("source {}: {cause}", source.name);
                let refusal =
                    Rejection::new(StatusCode::UNAUTHORIZED, "not_verified", detail).because(because);
                Box::pin(async move { Err(refusal.into()) })
            }
        }
    }
}
