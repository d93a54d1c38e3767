//! The acting half of the API: replay, retry, cancel, dry run, reload.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Json, json};
use axum::Json as Answer;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use super::api::{DeliveryQuery, id};
use super::{Problem, Shared, Try};
use crate::model::{DeliveryId, DeliveryState};
use crate::pipeline;
use crate::reply::Rejection;
use crate::store::{DeliveryFilter, PageRequest, StoreError};

type Result = std::result::Result<Answer<Json>, Problem>;

/// Runs a stored receipt through the current rules again.
pub async fn replay(State(shared): State<Shared>, Path(asked): Path<String>) -> Result {
    let stored = shared.store.receipt(id(&asked)?).await?;
    let rules = shared.rules.borrow().clone();
    let source = rules.source(&stored.receipt.source).cloned().ok_or_else(|| {
        let detail = format!("the source `{}` is no longer configured", stored.receipt.source);
        Problem(Rejection::new(StatusCode::CONFLICT, "conflict", detail))
    })?;
    let (receipt, seen) = (stored.receipt.id, stored.turn);
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

/// Retries every delivery of a filter that ended undelivered (dead unless `state` says otherwise),
/// oldest first: a later change of an object that is retried first would arrive before the earlier.
pub async fn retry_many(
    State(shared): State<Shared>,
    asked: std::result::Result<Answer<DeliveryQuery>, axum::extract::rejection::JsonRejection>,
) -> Result {
    let Answer(asked) = asked.map_err(|error| Problem::bad(error.body_text()))?;
    if asked.limit.is_some() || asked.cursor.is_some() {
        return Err(Problem::bad(
            "a retry takes all that the filter leaves: it knows no `limit` and no `cursor`",
        ));
    }
    let mut filter = asked.filter()?;
    let state = *filter.state.get_or_insert(DeliveryState::Dead);
    if !matches!(state, DeliveryState::Dead | DeliveryState::Cancelled | DeliveryState::Pending) {
        return Err(Problem::bad(format!("what is {} is not retried", state.name())));
    }
    let now = shared.clock.now();
    let mut retried = 0u64;
    for delivery in newest_first(&shared, filter).await?.into_iter().rev() {
        match shared.store.retry(delivery, now).await {
            Ok(()) => retried += 1,
            // It ended otherwise, or was deleted, since it was listed.
            Err(StoreError::Conflict(_) | StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Answer(json!({"retried": retried})))
}

/// The ids of all deliveries of a filter: 16 bytes for each.
async fn newest_first(
    shared: &Shared,
    filter: DeliveryFilter,
) -> std::result::Result<Vec<DeliveryId>, Problem> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: 500, cursor };
        let found = shared.store.deliveries(filter.clone(), page).await?;
        ids.extend(found.items.iter().map(|summary| summary.id));
        cursor = found.next;
        if cursor.is_none() {
            return Ok(ids);
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
    /// Make the lookups.
    #[serde(default = "yes")]
    ask: bool,
    /// What lookups shall have found, by name.
    #[serde(default)]
    lookups: HashMap<String, Json>,
}

fn yes() -> bool {
    true
}

fn post() -> String {
    "POST".to_owned()
}

pub async fn dry_run(
    State(shared): State<Shared>,
    asked: std::result::Result<Answer<Trial>, axum::extract::rejection::JsonRejection>,
) -> Result {
    let Answer(trial) = asked.map_err(|error| Problem::bad(error.body_text()))?;
    let Trial { source, method, headers, body, sign, ask, lookups } = trial;
    let lookups = lookups.into_iter().map(|(name, value)| (name, Arc::new(value))).collect();
    let body = Bytes::from(body);
    let trial = (shared.dry_run)(Try { source, method, headers, body, sign, ask, lookups }).await;
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
    // The others look at their own files; how that went is in their logs.
    if let Err(error) = shared.store.call_for_reload().await {
        tracing::warn!(%error, "the other gateways could not be told to reload");
    }
    Ok(Answer(json!({"revision": rules.revision})))
}
