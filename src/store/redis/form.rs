//! What a script is asked, as JSON beside blobs. Absent means nil there, so `None` is left out, as is
//! what is so most often: the server reads every word.

use std::collections::BTreeSet;
use std::ops::Not;

use serde::Serialize;

use super::pack::{join, pack};
use super::part::Parts;
use crate::model::{Attempt, Final};
use crate::store::draft::{
    DeliveryDraft, EventDraft, GatherDraft, HoldDraft, OutcomeDraft, ReceiptDraft, json, micros,
};
use crate::store::kept::USED_FOR;
use crate::store::{Leased, Settlement, StoreError};

/// Lua counts exactly up to 2^53.
pub(super) const EXACT: i64 = 1 << 52;

/// Uninterpreted arguments; each is named by its place, counted from 1.
#[derive(Debug)]
pub(super) struct Blobs {
    pub(super) list: Vec<Vec<u8>>,
    above: usize,
}

impl Blobs {
    pub(super) fn new(compress_above: usize) -> Self {
        Self { list: Vec::new(), above: compress_above }
    }

    /// Adds one; its place.
    pub(super) fn add(&mut self, bytes: &[u8]) -> usize {
        self.list.push(pack(bytes, self.above));
        self.list.len()
    }

    /// Adds several as one.
    pub(super) fn add_parts<const N: usize>(&mut self, parts: [&[u8]; N]) -> usize {
        self.add(&join(parts))
    }

    pub(super) fn add_json(&mut self, value: &impl Serialize) -> Result<usize, StoreError> {
        let text = json(value)?;
        Ok(self.add(text.as_bytes()))
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ReceiptForm<'a> {
    id: String,
    source: &'a str,
    at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    /// When the key is forgotten.
    expires: i64,
}

impl<'a> ReceiptForm<'a> {
    pub(super) fn new(draft: &'a ReceiptDraft) -> Self {
        let expires = draft.key.as_ref().map_or(0, |(_, expires_at)| *expires_at);
        Self {
            id: draft.id.to_string(),
            source: &draft.source,
            at: draft.received_at,
            key: draft.key.as_ref().map(|(key, _)| key.as_str()),
            expires: expires.min(EXACT),
        }
    }
}

/// What a packed receipt holds besides its body and its first outcome; all but the digest is JSON.
#[derive(Debug, Serialize)]
struct ReceiptBlob<'a> {
    request: &'a str,
    proof: &'a str,
    dedupe: Option<&'a str>,
    notes: &'a str,
    masked: &'a str,
}

/// Adds what a receipt comes with: content, body and outcome.
pub(super) fn add_receipt(
    draft: &ReceiptDraft,
    outcome: &OutcomeDraft,
    blobs: &mut Blobs,
) -> Result<(), StoreError> {
    let ReceiptDraft { request, proof, notes, masked, .. } = draft;
    let content = json(&ReceiptBlob { request, proof, dedupe: draft.dedupe.as_deref(), notes, masked })?;
    let outcome = json(&OutcomeBlob::new(outcome))?;
    blobs.add_parts([content.as_bytes(), &draft.body, outcome.as_bytes()]);
    Ok(())
}

/// Adds the outcome that takes the place of another.
pub(super) fn add_outcome(draft: &OutcomeDraft, blobs: &mut Blobs) -> Result<(), StoreError> {
    blobs.add_json(&OutcomeBlob::new(draft)).map(drop)
}

#[derive(Debug, Serialize)]
pub(super) struct OutcomeForm<'a> {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Not::not")]
    is_failure: bool,
    #[serde(skip_serializing_if = "Not::not")]
    deferred: bool,
    /// Those of its events, each on a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlations: Option<String>,
    events: Vec<EventForm<'a>>,
    deliveries: Vec<DeliveryForm<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held: Vec<HoldForm<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gathered: Vec<GatherForm<'a>>,
    /// The ids of the wordings that it refers to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    words: Vec<&'a str>,
    used_for: i64,
}

#[derive(Debug, Serialize)]
struct EventForm<'a> {
    id: &'a str,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    deliveries: i64,
    #[serde(skip_serializing_if = "is_zero")]
    failed: i64,
    #[serde(skip_serializing_if = "is_zero")]
    filtered: i64,
    #[serde(skip_serializing_if = "is_zero")]
    deferred: i64,
    #[serde(skip_serializing_if = "is_zero")]
    gathered: i64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    standing: &'a [String],
}

/// A delivery; its blob is its content and its body.
#[derive(Debug, Serialize)]
pub(super) struct DeliveryForm<'a> {
    pub(super) id: &'a str,
    pub(super) part: u32,
    /// Which event of the outcome, from 1.
    event: usize,
    route: &'a str,
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<&'a str>,
    #[serde(skip_serializing_if = "Not::not")]
    supersede: bool,
    created: i64,
    blob: usize,
}

#[derive(Debug, Serialize)]
struct HoldForm<'a> {
    part: u32,
    event: usize,
    route: &'a str,
    to: &'a str,
    lane: &'a str,
    before: usize,
}

#[derive(Debug, Serialize)]
struct GatherForm<'a> {
    part: u32,
    event: usize,
    route: &'a str,
    by: &'a str,
    key: &'a str,
    group: &'a str,
    quiet: i64,
    max_wait: i64,
    max_events: i64,
    max_bytes: i64,
    alone: bool,
    size: i64,
    /// The batch, should it open one.
    batch: String,
    blob: usize,
}

/// What a packed outcome holds.
#[derive(Debug, Serialize)]
struct OutcomeBlob<'a> {
    revision: &'a str,
    /// JSON, as are the events.
    failure: Option<&'a str>,
    events: &'a str,
}

impl<'a> OutcomeBlob<'a> {
    fn new(draft: &'a OutcomeDraft) -> Self {
        let OutcomeDraft { revision, failure, json, .. } = draft;
        Self { revision, failure: failure.as_deref(), events: json }
    }
}

/// What a packed member of a batch holds, each as JSON.
#[derive(Debug, Serialize)]
struct GatherBlob<'a> {
    event: &'a str,
    lookups: &'a str,
    lineage: &'a str,
}

/// What a packed delivery holds besides its body.
#[derive(Debug, Serialize)]
struct DeliveryBlob<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    content_type: &'a str,
    /// JSON.
    headers: &'a str,
}

impl<'a> OutcomeForm<'a> {
    pub(super) fn new(draft: &'a OutcomeDraft, parts: Parts, blobs: &mut Blobs) -> Result<Self, StoreError> {
        let deliveries = draft.deliveries.iter().map(|one| DeliveryForm::new(one, parts, blobs));
        let deliveries = deliveries.collect::<Result<_, _>>()?;
        let gathered =
            draft.gathered.iter().map(|one| gather(one, parts, blobs)).collect::<Result<_, _>>()?;
        Ok(Self {
            state: draft.status,
            reason: draft.reason.as_deref(),
            is_failure: draft.failure.is_some(),
            deferred: draft.deferred,
            correlations: correlations(draft),
            events: draft.events.iter().map(event).collect(),
            deliveries,
            held: draft.held.iter().map(|one| hold(one, parts)).collect(),
            gathered,
            words: draft.wordings.iter().map(|wordings| &*wordings.id).collect(),
            used_for: USED_FOR,
        })
    }

    /// Whether nothing follows from it but deliveries.
    pub(super) fn is_plain(&self) -> bool {
        self.reason.is_none() && !self.deferred && self.held.is_empty() && self.gathered.is_empty()
    }

    /// How many numbers it takes: for each delivery and each place that is held.
    pub(super) fn numbers(&self) -> usize {
        self.deliveries.len() + self.held.len()
    }
}

fn is_zero(count: &i64) -> bool {
    *count == 0
}

/// The correlations of an outcome's events, each once and on a line; `None`: there are none.
fn correlations(draft: &OutcomeDraft) -> Option<String> {
    let all: BTreeSet<_> = draft.events.iter().filter_map(|event| event.correlation_id.as_deref()).collect();
    let lines: String = all.into_iter().flat_map(|text| [text, "\n"]).collect();
    (!lines.is_empty()).then_some(lines)
}

fn event(draft: &EventDraft) -> EventForm<'_> {
    EventForm {
        id: &draft.id,
        r#type: &draft.r#type,
        kind: draft.kind.as_deref(),
        name: draft.name.as_deref(),
        deliveries: draft.deliveries,
        failed: draft.failed,
        filtered: draft.filtered,
        deferred: draft.deferred,
        gathered: draft.gathered,
        standing: &draft.standing,
    }
}

impl<'a> DeliveryForm<'a> {
    pub(super) fn new(draft: &'a DeliveryDraft, parts: Parts, blobs: &mut Blobs) -> Result<Self, StoreError> {
        let DeliveryDraft { url, content_type, headers, .. } = draft;
        let content = json(&DeliveryBlob { url: url.as_deref(), content_type, headers })?;
        let body = draft.body.as_deref().unwrap_or_default();
        let blob = blobs.add_parts([content.as_bytes(), body]);
        Ok(Self {
            id: &draft.id,
            part: parts.of_delivery(&draft.id, &draft.destination, draft.lane.as_deref()),
            event: draft.event + 1,
            route: &draft.route,
            to: &draft.destination,
            lane: draft.lane.as_deref(),
            supersede: draft.supersede,
            created: draft.created_at,
            blob,
        })
    }
}

fn hold(draft: &HoldDraft, parts: Parts) -> HoldForm<'_> {
    let HoldDraft { event, route, destination, lane, before } = draft;
    HoldForm {
        part: parts.of_lane(destination, lane),
        event: event + 1,
        route,
        to: destination,
        lane,
        before: *before,
    }
}

fn gather<'a>(draft: &'a GatherDraft, parts: Parts, blobs: &mut Blobs) -> Result<GatherForm<'a>, StoreError> {
    let GatherDraft { content, lookups, lineage, .. } = draft;
    Ok(GatherForm {
        part: parts.of_group(&draft.route, draft.by, &draft.key, &draft.group),
        event: draft.event + 1,
        route: &draft.route,
        by: draft.by,
        key: &draft.key,
        group: &draft.group,
        quiet: draft.quiet.min(EXACT),
        max_wait: draft.max_wait.min(EXACT),
        max_events: draft.max_events,
        max_bytes: draft.max_bytes.min(EXACT),
        alone: draft.alone,
        size: draft.size(),
        batch: draft.batch.to_string(),
        blob: blobs.add_json(&GatherBlob { event: content, lookups, lineage })?,
    })
}

/// What tells whose lease it is.
#[derive(Debug, Serialize)]
pub(super) struct LeaseForm {
    id: String,
    to: String,
    slot: String,
    token: String,
}

impl LeaseForm {
    pub(super) fn new(leased: &Leased) -> Self {
        let delivery = &leased.delivery;
        let slot = match &delivery.lane {
            Some(lane) => format!("l:{lane}"),
            None => format!("s:{}", delivery.id),
        };
        Self {
            id: delivery.id.to_string(),
            to: delivery.destination.clone(),
            slot,
            token: leased.token.to_string(),
        }
    }
}

/// What an attempt led to; the attempt is its blob.
#[derive(Debug, Serialize)]
pub(super) struct SettleForm<'a> {
    #[serde(flatten)]
    lease: LeaseForm,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// When it is due again.
    #[serde(skip_serializing_if = "is_zero")]
    again: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

impl<'a> SettleForm<'a> {
    pub(super) fn new(leased: &Leased, attempt: &Attempt, settlement: &'a Settlement) -> Self {
        let (state, reason, again) = match settlement {
            Settlement::Final(Final::Delivered, reason) => ("delivered", reason.as_deref(), 0),
            Settlement::Final(Final::Dead, reason) => ("dead", reason.as_deref(), 0),
            Settlement::Again(at) => ("pending", None, micros(*at)),
        };
        let (class, status) = (attempt.class.map(|class| class.name()), attempt.status);
        Self { lease: LeaseForm::new(leased), state, reason, again, class, status }
    }

    pub(super) fn is_delivered(&self) -> bool {
        self.state == "delivered"
    }
}
