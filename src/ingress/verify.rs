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
use crate::gate::Unproved;
use crate::model::{Proof, Timestamp};
use crate::reply::Rejection;

/// A request whose sender is proved. Only this file can make one.
#[derive(Debug)]
pub struct Verified {
    collected: Collected,
    proof: Proof,
}

impl Verified {
    /// Whether the threads that serve sockets may work on it.
    pub fn is_small(&self) -> bool {
        self.collected.body.len() <= SMALL
    }

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
    S: Service<Verified, Response = Response<Full<Bytes>>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, collected: Collected) -> Self::Future {
        // The clone that was polled ready does the call; the fresh one waits for its own turn.
        let fresh = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, fresh);
        let shared = self.shared.clone();
        Box::pin(async move {
            // The clock is read again: the body may have taken its time.
            let (collected, proved) = prove(collected, shared.clock.now()).await?;
            let source = &collected.source.name;
            match proved {
                Ok(proof) => {
                    let variant = proof.variant.as_deref().unwrap_or("-");
                    shared.metrics.verified(source, &proof.scheme, variant);
                    ready.call(Verified { collected, proof }).await
                }
                Err(cause) => {
                    shared.metrics.refusal(source, cause.code());
                    Err(refusal(source, &cause).into())
                }
            }
        })
    }
}

/// Bodies up to this size are verified (and processed, while that is quick) where they are; the rest
/// not on the threads that serve sockets: hashing some MiB under several keys, and writing their
/// variants, takes a while, and anybody may ask for it.
const SMALL: usize = 64 * 1024;

async fn prove(
    collected: Collected,
    now: Timestamp,
) -> Result<(Collected, Result<Proof, Unproved>), tokio::task::JoinError> {
    let check = move |collected: Collected| {
        let Collected { source, headers, token, request, body, .. } = &collected;
        let proved = source.gate.prove(headers, token.as_deref(), request.client, body, now);
        (collected, proved)
    };
    match collected.body.len() <= SMALL {
        true => Ok(check(collected)),
        false => tokio::task::spawn_blocking(move || check(collected)).await,
    }
}

/// One text for every cause: whoever guesses learns nothing.
fn refusal(source: &str, cause: &Unproved) -> Rejection {
    let detail = "the request could not be verified";
    Rejection::new(StatusCode::UNAUTHORIZED, "not_verified", detail)
        .because(format!("source {source}: {cause}"))
}
