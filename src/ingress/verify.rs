//! Proof that the sender sent these bytes. Whoever holds a [`Verified`] has it.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tower::{BoxError, Layer, Service};

use super::Shared;
use super::collect::Collected;
use crate::model::{Proof, Timestamp};
use crate::reply::Rejection;
use crate::rules::Gate;
use crate::signature::Refusal;

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

/// Why a request proved nothing; for the log and the metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    #[error("the address {0} is not among allow_addresses")]
    Address(String),
    #[error("the path token is missing")]
    MissingToken,
    #[error("the path token is wrong")]
    WrongToken,
    #[error(transparent)]
    Signature(#[from] Refusal),
}

impl Unproved {
    /// The label in metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::MissingToken => "missing_token",
            Self::WrongToken => "wrong_token",
            Self::Signature(refusal) => refusal.code(),
        }
    }
}

/// Checks every proof that the gate asks for.
pub fn prove(
    gate: &Gate,
    headers: &HeaderMap,
    token: Option<&str>,
    client: Option<IpAddr>,
    body: &[u8],
    now: Timestamp,
) -> Result<Proof, Unproved> {
    let mut proof = Proof { scheme: "open".to_owned(), variant: None, secret: None };
    if !gate.addresses.is_empty() {
        let allowed = client.is_some_and(|client| gate.addresses.iter().any(|net| net.contains(&client)));
        if !allowed {
            return Err(Unproved::Address(client.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())));
        }
        proof.scheme = "address".to_owned();
    }
    if let Some(wanted) = &gate.token {
        let token = token.ok_or(Unproved::MissingToken)?;
        if !same(token, wanted.expose()) {
            return Err(Unproved::WrongToken);
        }
        proof.scheme = "token".to_owned();
    }
    match &gate.signature {
        Some(verifier) => Ok(verifier.verify(headers, body, now)?),
        None => Ok(proof),
    }
}

/// Equal, in a time that tells neither where the texts differ nor how long the secret is.
fn same(given: &str, wanted: &str) -> bool {
    Sha256::digest(given).ct_eq(&Sha256::digest(wanted)).into()
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
        match prove(&source.gate, headers, token.as_deref(), request.client, body, now) {
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
