//! The end of the stack: a proved request becomes durable, then the sender is answered.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tokio::sync::Semaphore;
use tower::{BoxError, Service};

use super::pace::Pace;
use super::verify::Verified;
use super::{Shared, front};
use crate::model::{Outcome, Receipt, ReceiptId};
use crate::pipeline::{self, Incoming};
use crate::reply::{self, Rejection};
use crate::store::Accepted;

/// What the answer said, for the metrics; an extension of the answer.
#[derive(Debug, Clone, Copy)]
pub struct Said(pub &'static str);

/// So many receipts are processed at once, however few cores there are: one slow script shall not
/// hold up the others.
const MIN_TURNS: usize = 8;

/// Reads, processes, stores and answers.
#[derive(Debug, Clone)]
pub struct Intake {
    shared: Shared,
    turns: Arc<Semaphore>,
    pace: Arc<Pace>,
}

impl Intake {
    pub fn new(shared: Shared) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let turns = Arc::new(Semaphore::new((cores * 4).max(MIN_TURNS)));
        Self { shared, turns, pace: Arc::default() }
    }
}

impl Service<Verified> for Intake {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, verified: Verified) -> Self::Future {
        let intake = self.clone();
        Box::pin(async move { Ok(intake.take_in(verified).await?) })
    }
}

impl Intake {
    async fn take_in(self, verified: Verified) -> Result<Response<Full<Bytes>>, Rejection> {
        let (receipt, outcome) = self.processed(verified).await?;
        let accepted = self.shared.store.accept(&receipt, &outcome).await.map_err(|error| {
            tracing::warn!(source = &*receipt.source, %error, "a webhook could not be stored, its sender gets 503");
            front::unavailable().because(error.to_string())
        })?;
        log(&receipt, &outcome, accepted);
        Ok(answer(&receipt, &outcome, accepted))
    }

    async fn processed(&self, verified: Verified) -> Result<(Receipt, Outcome), Rejection> {
        let now = self.shared.clock.now();
        let (pace, is_small) = (self.pace.clone(), verified.is_small());
        let work = move || pace.timed(|| process(verified, now));
        if is_small && self.pace.is_quick() {
            return work();
        }
        // Scripts may run for as long as their limit allows: not on the threads that serve sockets, and
        // not on more threads than the cores can use, each of which would hold memory of its own.
        let turn = self.turns.acquire().await;
        let processed = tokio::task::spawn_blocking(work).await;
        drop(turn);
        processed.map_err(|error| {
            let detail = "an internal error; see the gateway's log";
            Rejection::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).because(error.to_string())
        })?
    }
}

fn process(verified: Verified, now: crate::model::Timestamp) -> Result<(Receipt, Outcome), Rejection> {
    let (collected, proof) = verified.into_parts();
    let incoming = Incoming {
        id: ReceiptId::new(collected.received_at),
        received_at: collected.received_at,
        request: collected.request,
        body: collected.body,
        proof,
    };
    let (receipt, document) = pipeline::receive(&collected.source, incoming)
        .map_err(|error| Rejection::new(StatusCode::BAD_REQUEST, "invalid_json", error.to_string()))?;
    let outcome = pipeline::process(&collected.rules, &collected.source, &receipt, document, now);
    Ok((receipt, outcome))
}

fn answer(receipt: &Receipt, outcome: &Outcome, accepted: Accepted) -> Response<Full<Bytes>> {
    let (said, body) = match accepted {
        Accepted::New => (
            "accepted",
            json!({
                "status": "accepted",
                "receipt": receipt.id,
                "events": outcome.events.len(),
                "deliveries": outcome.deliveries.len(),
            }),
        ),
        Accepted::Duplicate(first) => ("duplicate", json!({"status": "duplicate", "receipt": first})),
    };
    // Always 200, never 202: DATAGERRY takes nothing else for success.
    let mut response = reply::json(StatusCode::OK, &body);
    response.extensions_mut().insert(Said(said));
    response
}

fn log(receipt: &Receipt, outcome: &Outcome, accepted: Accepted) {
    let source = &*receipt.source;
    let proof = &receipt.proof;
    let variant = proof.variant.as_deref().unwrap_or("-");
    match (accepted, outcome.first_failure()) {
        (Accepted::Duplicate(first), _) => {
            tracing::info!(source, receipt = %first, "duplicate webhook");
        }
        (Accepted::New, None) => tracing::info!(
            source,
            receipt = %receipt.id,
            scheme = proof.scheme,
            variant,
            events = outcome.events.len(),
            deliveries = outcome.deliveries.len(),
            "webhook accepted"
        ),
        (Accepted::New, Some(failure)) => tracing::warn!(
            source,
            receipt = %receipt.id,
            place = failure.place.as_deref().unwrap_or("-"),
            reason = failure.message,
            "webhook accepted, but it could not be processed; replay it after the fix"
        ),
    }
}
