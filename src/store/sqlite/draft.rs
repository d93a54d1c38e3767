//! Receipts and outcomes as rows to be, serialised by the caller so that the writer thread need not.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Serialize;

use super::row::{micros, span};
use crate::model::{Decision, EventId, Failure, Outcome, Processed, Receipt, ReceiptId};
use crate::store::StoreError;

/// A receipt as rows of `receipts`, `receipt_content` and `dedupe`.
#[derive(Debug)]
pub(super) struct ReceiptDraft {
    pub(super) id: ReceiptId,
    pub(super) source: String,
    pub(super) received_at: i64,
    pub(super) request: String,
    pub(super) proof: String,
    pub(super) dedupe: Option<String>,
    pub(super) notes: String,
    pub(super) masked: String,
    pub(super) body_sha256: String,
    pub(super) body: Bytes,
    /// The dedupe key and when it is forgotten.
    pub(super) key: Option<(String, i64)>,
}

/// An outcome as rows of `outcomes`, `events` and `deliveries`.
#[derive(Debug)]
pub(super) struct OutcomeDraft {
    pub(super) revision: String,
    /// Nothing could be mapped.
    pub(super) failure: Option<String>,
    pub(super) json: String,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) events: Vec<EventDraft>,
    pub(super) deliveries: Vec<DeliveryDraft>,
}

/// A row of `events`.
#[derive(Debug)]
pub(super) struct EventDraft {
    pub(super) id: String,
    pub(super) r#type: String,
    pub(super) kind: Option<String>,
    pub(super) object_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) correlation_id: Option<String>,
    /// How many deliveries of the outcome are the event's.
    pub(super) deliveries: i64,
    /// How many routes failed on it.
    pub(super) failed: i64,
    /// How many routes dropped it.
    pub(super) filtered: i64,
}

/// A row of `deliveries` and `delivery_content`.
#[derive(Debug)]
pub(super) struct DeliveryDraft {
    pub(super) id: String,
    /// Its index among the draft's events.
    pub(super) event: usize,
    pub(super) route: String,
    pub(super) destination: String,
    pub(super) lane: Option<String>,
    pub(super) url: Option<String>,
    pub(super) content_type: String,
    pub(super) headers: String,
    /// `None`: the receipt's.
    pub(super) body: Option<Bytes>,
    pub(super) supersede: bool,
    pub(super) created_at: i64,
}

impl ReceiptDraft {
    pub(super) fn new(receipt: &Receipt) -> Result<Self, StoreError> {
        let received_at = micros(receipt.received_at);
        let key = receipt
            .dedupe
            .as_ref()
            .map(|dedupe| (dedupe.key.clone(), received_at.saturating_add(span(dedupe.window))));
        Ok(Self {
            id: receipt.id,
            source: receipt.source.to_string(),
            received_at,
            request: json(&receipt.request)?,
            proof: json(&receipt.proof)?,
            dedupe: receipt.dedupe.as_ref().map(json).transpose()?,
            notes: json(&receipt.notes)?,
            masked: json(&receipt.masked)?,
            body_sha256: receipt.body_sha256.clone(),
            body: receipt.body.clone(),
            key,
        })
    }
}

impl OutcomeDraft {
    /// `body` is the receipt's, where it is at hand: deliveries with the same bytes refer to it.
    pub(super) fn new(outcome: &Outcome, body: Option<&Bytes>) -> Result<Self, StoreError> {
        let mut events: Vec<_> = outcome.events.iter().map(event).collect();
        let places: HashMap<EventId, usize> =
            outcome.events.iter().enumerate().map(|(place, processed)| (processed.event.id, place)).collect();
        let mut deliveries = Vec::with_capacity(outcome.deliveries.len());
        for delivery in &outcome.deliveries {
            let missing = || StoreError::Conflict(format!("{} is of no event of its outcome", delivery.id));
            let place = *places.get(&delivery.event).ok_or_else(missing)?;
            events.get_mut(place).ok_or_else(missing)?.deliveries += 1;
            deliveries.push(DeliveryDraft {
                id: delivery.id.to_string(),
                event: place,
                route: delivery.route.clone(),
                destination: delivery.destination.clone(),
                lane: delivery.lane.clone(),
                url: delivery.url.clone(),
                content_type: delivery.content_type.clone(),
                headers: json(&delivery.headers)?,
                body: (body != Some(&delivery.body)).then(|| delivery.body.clone()),
                supersede: delivery.supersede && delivery.lane.is_some(),
                created_at: micros(delivery.created_at),
            });
        }
        let failure = outcome.first_failure();
        Ok(Self {
            revision: outcome.revision.clone(),
            failure: outcome.failure.as_ref().map(json).transpose()?,
            json: json(&outcome.events)?,
            status: if failure.is_some() { "failed" } else { "processed" },
            reason: failure.map(reason),
            events,
            deliveries,
        })
    }
}

fn event(processed: &Processed) -> EventDraft {
    let event = &processed.event;
    let object = event.object.as_ref();
    let count = |holds: fn(&Decision) -> bool| {
        processed.routes.iter().filter(|verdict| holds(&verdict.decision)).map(|_| 1i64).sum()
    };
    EventDraft {
        id: event.id.to_string(),
        r#type: event.r#type.clone(),
        kind: object.map(|object| object.kind.clone()),
        object_id: object.map(|object| object.id.clone()),
        name: object.and_then(|object| object.name.clone()),
        correlation_id: event.correlation_id.clone(),
        deliveries: 0,
        failed: count(|decision| matches!(decision, Decision::Failed(_))),
        filtered: count(|decision| match decision {
            Decision::Filtered { .. } => true,
            Decision::Routed { deliveries, .. } => deliveries.is_empty(),
            Decision::Unmatched { .. }
            | Decision::Gathered { .. }
            | Decision::Deferred { .. }
            | Decision::Failed(_) => false,
        }),
    }
}

fn reason(failure: &Failure) -> String {
    match &failure.place {
        Some(place) => format!("{} ({place})", failure.message),
        None => failure.message.clone(),
    }
}

/// JSON of plain data of ours.
pub(super) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::Conflict(format!("it cannot be written as JSON: {error}")))
}
