//! Receipts and outcomes as rows to be, serialised before a backend gets them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::{StoreError, kept};
use crate::model::{
    BatchId, Decision, Delivery, EventId, Failure, Gathered, Held, Outcome, Processed, Receipt, ReceiptId,
    RouteVerdict, Timestamp, Wordings,
};

/// Microseconds since 1970.
pub(super) fn micros(instant: Timestamp) -> i64 {
    instant.as_microsecond()
}

/// A duration in microseconds.
pub(super) fn span(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

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
    /// What it refers to.
    pub(super) wordings: Vec<Arc<Wordings>>,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) events: Vec<EventDraft>,
    pub(super) deliveries: Vec<DeliveryDraft>,
    pub(super) gathered: Vec<GatherDraft>,
    /// In the order of events and routes.
    pub(super) held: Vec<HoldDraft>,
    /// A route waits for lookups.
    pub(super) deferred: bool,
}

/// What is written beside an outcome.
#[derive(Debug, Clone, Copy)]
pub(super) enum Beside<'a> {
    /// The body of its receipt; deliveries of the same bytes refer to it.
    Shared(&'a Bytes),
    /// That body, to which deliveries cannot refer.
    Body,
    /// Nothing: the body there may be another one, as more of it may be redacted by now.
    Nothing,
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
    /// How many routes put it off.
    pub(super) deferred: i64,
    /// How many routes gather it with this outcome.
    pub(super) gathered: i64,
    /// Those that gathered it with an earlier one.
    pub(super) standing: Vec<String>,
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

/// Some hundred thousand years: sums of instants and spans stay within the file's numbers.
const LONGEST: i64 = i64::MAX / 4;

/// An event that waits, serialised by the caller.
#[derive(Debug)]
pub(super) struct GatherDraft {
    /// Its index among the outcome's events.
    pub(super) event: usize,
    pub(super) route: String,
    pub(super) by: &'static str,
    pub(super) key: String,
    pub(super) group: String,
    pub(super) quiet: i64,
    pub(super) max_wait: i64,
    pub(super) max_events: i64,
    pub(super) max_bytes: i64,
    pub(super) alone: bool,
    pub(super) content: String,
    pub(super) lookups: String,
    pub(super) lineage: String,
    /// Of the batch, should it open one.
    pub(super) batch: BatchId,
}

impl GatherDraft {
    pub(super) fn new(gathered: &Gathered, event: usize, now: Timestamp) -> Result<Self, StoreError> {
        let window = &gathered.window;
        Ok(Self {
            event,
            route: gathered.route.clone(),
            by: gathered.by.name(),
            key: gathered.key.clone(),
            group: gathered.group.clone(),
            quiet: span(window.quiet).min(LONGEST),
            max_wait: span(window.max_wait).min(LONGEST),
            max_events: i64::from(window.max_events),
            max_bytes: i64::try_from(window.max_bytes).unwrap_or(i64::MAX),
            alone: gathered.alone,
            content: json(gathered.content.as_ref())?,
            lookups: json(&gathered.lookups)?,
            lineage: json(&gathered.lineage)?,
            batch: BatchId::new(now),
        })
    }

    /// Of what it brings, in bytes.
    pub(super) fn size(&self) -> i64 {
        (self.content.len() + self.lookups.len() + self.lineage.len()) as i64
    }
}

/// A place to hold, within an outcome.
#[derive(Debug)]
pub(super) struct HoldDraft {
    /// Its index among the outcome's events.
    pub(super) event: usize,
    pub(super) route: String,
    pub(super) destination: String,
    pub(super) lane: String,
    /// It stands before the outcome's delivery of this index.
    pub(super) before: usize,
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
            body: receipt.body.clone(),
            key,
        })
    }
}

impl OutcomeDraft {
    pub(super) fn new(outcome: &Outcome, beside: Beside<'_>, now: Timestamp) -> Result<Self, StoreError> {
        let body = match beside {
            Beside::Shared(body) => Some(body),
            Beside::Body | Beside::Nothing => None,
        };
        let places = Places::new(outcome);
        let mut events: Vec<_> = outcome.events.iter().map(event).collect();
        let mut deliveries = Vec::with_capacity(outcome.deliveries.len());
        for delivery in &outcome.deliveries {
            let place = places.of(delivery.event, || delivery.id.to_string())?;
            if let Some(event) = events.get_mut(place) {
                event.deliveries += 1;
            }
            deliveries.push(DeliveryDraft::new(delivery, place, body)?);
        }
        let failure = outcome.first_failure();
        Ok(Self {
            revision: outcome.revision.clone(),
            failure: outcome.failure.as_ref().map(json).transpose()?,
            json: kept::text(&outcome.events, !matches!(beside, Beside::Nothing))?,
            wordings: kept::wordings(&outcome.events),
            status: if failure.is_some() { "failed" } else { "processed" },
            reason: failure.map(reason),
            gathered: gathered(outcome, &places, &mut events, now)?,
            held: held(outcome, &places)?,
            deferred: events.iter().any(|event| event.deferred > 0),
            events,
            deliveries,
        })
    }
}

/// Where each event stands in its outcome.
struct Places(HashMap<EventId, usize>);

impl Places {
    fn new(outcome: &Outcome) -> Self {
        let ids = outcome.events.iter().map(|processed| processed.event.id);
        Self(ids.enumerate().map(|(place, id)| (id, place)).collect())
    }

    fn of(&self, event: EventId, what: impl FnOnce() -> String) -> Result<usize, StoreError> {
        let place = self.0.get(&event).copied();
        place.ok_or_else(|| StoreError::Conflict(format!("{} is of no event of its outcome", what())))
    }
}

fn gathered(
    outcome: &Outcome,
    places: &Places,
    events: &mut [EventDraft],
    now: Timestamp,
) -> Result<Vec<GatherDraft>, StoreError> {
    let mut drafts = Vec::with_capacity(outcome.gathered.len());
    for gathered in &outcome.gathered {
        let route = &gathered.route;
        let place = places.of(gathered.event, || format!("what route {route} gathers"))?;
        // Its verdict says so once, and must not have said so before.
        let said = events.get_mut(place).and_then(|event| {
            let known = event.standing.iter().position(|name| name == route)?;
            event.standing.swap_remove(known);
            event.gathered += 1;
            Some(())
        });
        if said.is_none() {
            let text = format!("route {route} gathers {} without a verdict that says so", gathered.event);
            return Err(StoreError::Conflict(text));
        }
        drafts.push(GatherDraft::new(gathered, place, now)?);
    }
    Ok(drafts)
}

/// The places to hold, each told which delivery of the outcome comes next.
fn held(outcome: &Outcome, places: &Places) -> Result<Vec<HoldDraft>, StoreError> {
    if outcome.held.is_empty() {
        return Ok(Vec::new());
    }
    let rank = |place: usize, route: &str| {
        let routes = outcome.events.get(place).map(|processed| processed.routes.as_slice());
        (place, routes.unwrap_or_default().iter().position(|verdict| verdict.route == route))
    };
    let mut reached = (0, None);
    let mut order = Vec::with_capacity(outcome.deliveries.len());
    for delivery in &outcome.deliveries {
        reached = reached.max(rank(places.of(delivery.event, || delivery.id.to_string())?, &delivery.route));
        order.push(reached);
    }
    let mut drafts = Vec::with_capacity(outcome.held.len());
    for held in &outcome.held {
        let event = places.of(held.event, || format!("a place of route {}", held.route))?;
        let rank = rank(event, &held.route);
        let before = order.partition_point(|reached| *reached <= rank);
        let Held { route, destination, lane, .. } = held.clone();
        drafts.push((rank, HoldDraft { event, route, destination, lane, before }));
    }
    drafts.sort_by_key(|(rank, _)| *rank);
    Ok(drafts.into_iter().map(|(_, draft)| draft).collect())
}

impl DeliveryDraft {
    /// One that leaves for a batch.
    pub(super) fn of_batch(delivery: &Delivery, batch: BatchId) -> Result<Self, StoreError> {
        if delivery.batch != Some(batch) {
            return Err(StoreError::Conflict(format!("{} is not of {batch}", delivery.id)));
        }
        Self::new(delivery, 0, None)
    }

    /// `event` is the index of its event among the outcome's.
    pub(super) fn new(delivery: &Delivery, event: usize, body: Option<&Bytes>) -> Result<Self, StoreError> {
        Ok(Self {
            id: delivery.id.to_string(),
            event,
            route: delivery.route.clone(),
            destination: delivery.destination.clone(),
            lane: delivery.lane.clone(),
            url: delivery.url.clone(),
            content_type: delivery.content_type.clone(),
            headers: json(&delivery.headers)?,
            body: (body != Some(&delivery.body)).then(|| delivery.body.clone()),
            supersede: delivery.supersede && delivery.lane.is_some() && delivery.batch.is_none(),
            created_at: micros(delivery.created_at),
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
        deferred: count(|decision| matches!(decision, Decision::Deferred { .. })),
        gathered: 0,
        standing: gathering(processed),
    }
}

/// The routes that gather an event.
fn gathering(processed: &Processed) -> Vec<String> {
    let gathers = |verdict: &&RouteVerdict| matches!(verdict.decision, Decision::Gathered { .. });
    processed.routes.iter().filter(gathers).map(|verdict| verdict.route.clone()).collect()
}

/// A failure in one line.
pub(super) fn reason(failure: &Failure) -> String {
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

/// The same back.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Unavailable(format!("its data is damaged: {error}")))
}
