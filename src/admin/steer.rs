//! The acting half of the API: replay, retry, cancel, dry run, reload.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{DeliveryQuery, id};
use super::{Problem, Shared, Try};
use crate::model::{DeliveryId, DeliveryState};
use crate::pipeline;
use crate::reply::Rejection;
use crate::store::PageRequest;

type Result = std::result::Result<Answer<Value>, Problem>;

/// Runs a stored receipt through the current rules again.
pub async fn replay(State(shared): State<Shared>, Path(asked): Path<String>) -> Result {
    let stored = shared.store.receipt(id(&asked)?).await?;
    let rules = shared.rules.borrow().clone();
    let source = rules.sources.get(&stored.receipt.source).cloned().ok_or_else(|| {
        let detail = format!("the source `{}` is no longer configured", stored.receipt.source);
        Problem(Rejection::new(StatusCode::CONFLICT, "conflict", detail))
    })?;
    let (receipt, seen) = (stored.receipt.id, stored.replays);
    let now = shared.clock.now();
    let outcome = tokio::task::spawn_blocking(move || {
        pipeline::replay(&rules, &source, &stored.receipt, &stored.outcome, now)
    })
    .await
    .map_err(|error| {
        Problem(Rejection::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
    })?;
    shared.store.replay(receipt, seen, &outcome).await?;
    let failure = outcome.first_failure();
    tracing::info!(%receipt, deliveries = outcome.deliveries.len(), failed = failure.is_some(), "receipt replayed");
    Ok(Answer(json!({
        "receipt": receipt,
        "status": if failure.is_some() { "failed" } else { "processed" },
        "reason": failure.map(|failure| &failure.message),
        "events": outcome.events.len(),
        "deliveries": outcome.deliveries.len(),
    })))
}

pub async fn retry(State(shared): State<Shared>, Path(asked): Path<String>) -> Result {
    let delivery: DeliveryId = id(&asked)?;
    shared.store.retry(delivery, shared.clock.now()).await?;
    Ok(Answer(json!({"delivery": delivery, "state": "pending"})))
}

pub async fn cancel(State(shared): State<Shared>, Path(asked): Path<String>) -> Result {
    let delivery: DeliveryId = id(&asked)?;
    shared.store.cancel(delivery, shared.clock.now()).await?;
    Ok(Answer(json!({"delivery": delivery, "state": "cancelled"})))
}

/// Retries every delivery of a filter that ended undelivered (dead unless `state` says otherwise).
pub async fn retry_many(
    State(shared): State<Shared>,
    asked: std::result::Result<Answer<DeliveryQuery>, axum::extract::rejection::JsonRejection>,
) -> Result {
    let Answer(asked) = asked.map_err(|error| Problem::bad(error.body_text()))?;
    let mut filter = asked.filter()?;
    let state = *filter.state.get_or_insert(DeliveryState::Dead);
    if !matches!(state, DeliveryState::Dead | DeliveryState::Cancelled | DeliveryState::Pending) {
        return Err(Problem::bad(format!("what is {} is not retried", state.name())));
    }
    let now = shared.clock.now();
    let (mut retried, mut cursor) = (0u64, None);
    loop {
        let page = PageRequest { limit: 500, cursor };
        let found = shared.store.deliveries(filter.clone(), page).await?;
        for summary in &found.items {
            shared.store.retry(summary.id, now).await?;
            retried += 1;
        }
        cursor = found.next;
        if cursor.is_none() {
            return Ok(Answer(json!({"retried": retried})));
        }
    }
}

/// The body of `POST try`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    source: String,
    #[serde(default = "post")]
    method: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// The body as text.
    body: String,
    /// Sign it as the source's sender would, with the source's own secret.
    #[serde(default)]
    sign: bool,
}

fn post() -> String {
    "POST".to_owned()
}

pub async fn dry_run(
    State(shared): State<Shared>,
    asked: std::result::Result<Answer<Trial>, axum::extract::rejection::JsonRejection>,
) -> Result {
    let Answer(trial) = asked.map_err(|error| Problem::bad(error.body_text()))?;
    let dry_run = Arc::clone(&shared.dry_run);
    let trial = tokio::task::spawn_blocking(move || {
        let Trial { source, method, headers, body, sign } = trial;
        dry_run(Try { source, method, headers, body: Bytes::from(body), sign })
    });
    let trial = trial.await.map_err(|error| {
        Problem(Rejection::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
    })?;
    trial.map(Answer).map_err(Problem::bad)
}

/// Loads the config again; the old rules stay in force where it has problems.
pub async fn reload(State(shared): State<Shared>) -> Result {
    let reload = Arc::clone(&shared.reload);
    let loaded = tokio::task::spawn_blocking(move || reload()).await.map_err(|error| {
        Problem(Rejection::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
    })?;
    let rules = loaded.map_err(|problems| {
        Problem(Rejection::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_config", problems))
    })?;
    Ok(Answer(json!({"revision": rules.revision})))
}
