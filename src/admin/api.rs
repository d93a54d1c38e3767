//! The reading half of the API: lists, and one thing whole.

use crate::model::{Json, json};
use axum::Json as Answer;
use axum::extract::{Path, Query, State};
use serde::Deserialize;

use super::{Problem, Shared, explain, view};
use crate::model::{DeliveryState, FailureClass, Timestamp};
use crate::store::{DeliveryFilter, PageRequest, ReceiptFilter, ReceiptStatus};

type Result<T = Answer<Json>> = std::result::Result<T, Problem>;

/// The parameters of both lists; each list ignores none of them silently.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptQuery {
    limit: Option<usize>,
    cursor: Option<String>,
    source: Option<String>,
    status: Option<String>,
    since: Option<String>,
    until: Option<String>,
    route: Option<String>,
    correlation: Option<String>,
}

/// See [`ReceiptQuery`].
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryQuery {
    pub limit: Option<usize>,
    pub cursor: Option<String>,
    destination: Option<String>,
    route: Option<String>,
    state: Option<String>,
    receipt: Option<String>,
    class: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

impl DeliveryQuery {
    /// The filter, with names and ids checked.
    pub fn filter(self) -> Result<DeliveryFilter> {
        let state = |name: String| {
            DeliveryState::parse(&name)
                .ok_or_else(|| Problem::bad(format!("there is no delivery state {name:?}")))
        };
        let class = |name: String| {
            json!(name)
                .told::<FailureClass>()
                .map_err(|_| Problem::bad(format!("there is no failure class {name:?}")))
        };
        Ok(DeliveryFilter {
            destination: self.destination,
            route: self.route,
            state: self.state.map(state).transpose()?,
            receipt: self.receipt.as_deref().map(id).transpose()?,
            class: self.class.map(class).transpose()?,
            since: self.since.as_deref().map(time).transpose()?,
            until: self.until.as_deref().map(time).transpose()?,
        })
    }
}

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;

fn page(limit: Option<usize>, cursor: Option<String>) -> PageRequest {
    PageRequest { limit: limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT), cursor }
}

/// An id of the wanted kind.
pub fn id<T: std::str::FromStr>(text: &str) -> Result<T>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Problem::bad(error.to_string()))
}

fn time(text: &str) -> Result<Timestamp> {
    text.parse()
        .map_err(|_| Problem::bad(format!("expected a time like 2026-11-22T07:00:00Z, found {text:?}")))
}

type Filter<T> = std::result::Result<Query<T>, axum::extract::rejection::QueryRejection>;

fn query<T>(query: Filter<T>) -> Result<T> {
    query.map(|Query(query)| query).map_err(|error| Problem::bad(error.body_text()))
}

pub async fn receipts(State(shared): State<Shared>, asked: Filter<ReceiptQuery>) -> Result {
    let asked = query(asked)?;
    let status = match asked.status.as_deref() {
        None => None,
        Some("processed") => Some(ReceiptStatus::Processed),
        Some("failed") => Some(ReceiptStatus::Failed),
        Some(other) => {
            return Err(Problem::bad(format!(
                "there is no receipt status {other:?}; it is processed or failed"
            )));
        }
    };
    let filter = ReceiptFilter {
        source: asked.source,
        status,
        since: asked.since.as_deref().map(time).transpose()?,
        until: asked.until.as_deref().map(time).transpose()?,
        route: asked.route,
        correlation: asked.correlation,
    };
    Ok(Answer(json!(shared.store.receipts(filter, page(asked.limit, asked.cursor)).await?)))
}

pub async fn receipt(State(shared): State<Shared>, Path(asked): Path<String>) -> Result {
    let stored = shared.store.receipt(id(&asked)?).await?;
    let filter = DeliveryFilter { receipt: Some(stored.receipt.id), ..DeliveryFilter::default() };
    let deliveries = shared.store.deliveries(filter, page(Some(MAX_LIMIT), None)).await?;
    let mut attempts = Vec::with_capacity(deliveries.items.len());
    for summary in &deliveries.items {
        attempts.push(shared.store.delivery(summary.id).await?.attempts);
    }
    let mut answer = view::receipt(&stored, &deliveries.items);
    answer["explain"] = explain::steps(&stored, &deliveries.items, &attempts);
    Ok(Answer(answer))
}

pub async fn deliveries(State(shared): State<Shared>, asked: Filter<DeliveryQuery>) -> Result {
    let mut asked = query(asked)?;
    let page = page(asked.limit, asked.cursor.take());
    Ok(Answer(json!(shared.store.deliveries(asked.filter()?, page).await?)))
}

pub async fn delivery(State(shared): State<Shared>, Path(asked): Path<String>) -> Result {
    let stored = shared.store.delivery(id(&asked)?).await?;
    Ok(Answer(view::delivery(&stored)))
}

pub async fn sources(State(shared): State<Shared>) -> Answer<Json> {
    let rules = shared.rules.borrow().clone();
    let items: Vec<Json> = rules.config.sources.iter().map(view::source).collect();
    Answer(json!({"items": items, "next": null}))
}

pub async fn routes(State(shared): State<Shared>) -> Answer<Json> {
    let rules = shared.rules.borrow().clone();
    let items: Vec<Json> = rules.config.routes.iter().map(view::route).collect();
    Answer(json!({"items": items, "next": null}))
}

pub async fn stats(State(shared): State<Shared>) -> Result {
    let revision = shared.rules.borrow().revision.clone();
    let pending: crate::model::Map =
        shared.store.pending().await?.into_iter().map(|(name, count)| (name, json!(count))).collect();
    let (events, waiting) = (shared.store.ledger().await?, shared.store.waiting().await?);
    Ok(Answer(json!({"revision": revision, "events": events, "pending": pending, "waiting": waiting})))
}
