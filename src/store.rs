//! Durable state: receipts, outcomes, deliveries, attempts, lanes, leases. Knows no rules.
//!
//! [`Store`] is the contract; `store_suite!` (in `tests/`) holds every backend to it. Instants are
//! kept to the microsecond.

mod bell;
mod bells;
mod condition;
pub mod copy;
mod cursor;
mod draft;
mod kept;
mod moved;
pub mod redis;
pub mod sqlite;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::model::{
    Attempt, BatchId, Delivery, DeliveryId, DeliveryState, Final, Gathered, Outcome, Receipt, ReceiptId,
    Sealed, Timestamp,
};

pub use crate::model::OWN_SOURCE;
pub use bell::{Bell, Brought, Order};
pub use condition::{Condition, Notice, Paused, Told};
pub use moved::Past;
pub use waiting::{Deferred, Due, LeasedBatch, LeasedReceipt, Ripe, Waiting};

/// What a store can fail with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Disk full, locked, unreachable: try later. Nothing was written.
    #[error("the state store is unavailable: {0}")]
    Unavailable(String),
    /// The lease ran out and somebody else holds the delivery now, or it was ended meanwhile.
    /// Nothing was written.
    #[error("the lease of {0} was lost")]
    LeaseLost(String),
    /// What is asked for is not there.
    #[error("there is no {0}")]
    NotFound(String),
    /// It is there, but its state does not allow this; or what is asked contradicts itself, such
    /// as a cursor that is none. Nothing was written.
    #[error("{0}")]
    Conflict(String),
}

/// The answer to [`Store::accept`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    New,
    /// Of that first receipt, whose dedupe key is still remembered.
    Duplicate(ReceiptId),
}

/// A delivery that is ours to attempt until the lease runs out.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    pub delivery: Delivery,
    /// How many attempts were made before; the next one's number is one more.
    pub attempts: u32,
    /// How many of them belong to the current run of the schedule (a manual retry begins a new one).
    pub tries: u32,
    /// Shown to [`Store::settle`]; a later lease of the same delivery has another one.
    pub token: u64,
}

/// What to claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    pub destination: String,
    pub limit: usize,
    /// How many of them may be retries.
    pub retries: usize,
    pub now: Timestamp,
    pub lease: Duration,
}

/// The answer to [`Store::claim`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claimed {
    pub leased: Vec<Leased>,
    /// When to ask again at the latest (the bell may ring before): the next head of a lane beyond
    /// those just leased is due, or a lease given earlier runs out. It lies in the past where
    /// `limit` or `retries` left something due behind. `None`: nothing waits, or the destination is
    /// paused.
    pub next_due: Option<Timestamp>,
    /// When the attempts began to fail that no success has followed.
    pub failing_since: Option<Timestamp>,
}

/// What an attempt led to.
#[derive(Debug, Clone, PartialEq)]
pub enum Settlement {
    /// It is over; the text says why (for dead ones).
    Final(Final, Option<String>),
    /// It is due again then. Its lane waits with it.
    Again(Timestamp),
}

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PageRequest {
    /// 0 means 50; more than 500 means 500.
    pub limit: usize,
    /// `next` of the page before, with the same filter; anything else is a `Conflict`.
    pub cursor: Option<String>,
}

/// What became of a receipt as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// Processed; see its events.
    Processed,
    /// The mapping, a script or a format failed; a replay tries again.
    Failed,
}

/// A line of the list of receipts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReceiptSummary {
    pub id: ReceiptId,
    pub source: String,
    pub received_at: Timestamp,
    pub status: ReceiptStatus,
    pub reason: Option<String>,
    /// The type, object kind and name of the first event of the latest outcome that had one.
    pub event_type: Option<String>,
    pub kind: Option<String>,
    pub name: Option<String>,
    /// How many events it yielded so far.
    pub events: u32,
    pub deliveries: u32,
    /// How many repetitions were recognised.
    pub duplicates: u32,
}

/// Filters of the list of receipts; all that are set must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReceiptFilter {
    pub source: Option<String>,
    pub status: Option<ReceiptStatus>,
    /// Received then or later.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// Only receipts with an outcome of this route that is a delivery.
    pub route: Option<String>,
    pub correlation: Option<String>,
}

/// A receipt with its latest outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredReceipt {
    pub receipt: Receipt,
    /// Its `deliveries` are those of all outcomes of the receipt, oldest first, and those of the
    /// batches with events of it. What became of a batch stands in the place of the verdicts that
    /// gathered for it; `gathered` is empty, `held` are the places held now. `native` of its events is
    /// not kept here (it is the receipt's body) and is `null`.
    pub outcome: Outcome,
    pub status: ReceiptStatus,
    pub duplicates: u32,
    /// How often it was replayed.
    pub replays: u32,
    /// How often its outcome was replaced, by replays or by what lookups led to.
    pub turn: u32,
}

/// A line of the list of deliveries; also the head of one shown whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeliverySummary {
    pub id: DeliveryId,
    pub receipt: ReceiptId,
    pub event: crate::model::EventId,
    pub route: String,
    pub destination: String,
    pub lane: Option<String>,
    pub state: DeliveryState,
    /// Set for those of a batch.
    pub batch: Option<BatchId>,
    /// The newer delivery that took its place.
    pub superseded_by: Option<DeliveryId>,
    /// Why it is dead or cancelled.
    pub reason: Option<String>,
    pub attempts: u32,
    pub created_at: Timestamp,
    /// When the next attempt is due, for pending ones at the head of their lane.
    pub due_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// The class of the last failure.
    pub last_class: Option<crate::model::FailureClass>,
    pub last_status: Option<u16>,
}

/// Filters of the list of deliveries; all that are set must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveryFilter {
    pub destination: Option<String>,
    pub route: Option<String>,
    pub state: Option<DeliveryState>,
    pub receipt: Option<ReceiptId>,
    /// The class of the last failure.
    pub class: Option<crate::model::FailureClass>,
    /// Created then or later.
    pub since: Option<Timestamp>,
    /// Created before.
    pub until: Option<Timestamp>,
}

/// A delivery with its attempts, oldest first; only the last 50 are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredDelivery {
    pub summary: DeliverySummary,
    pub delivery: Delivery,
    pub attempts: Vec<Attempt>,
}

/// How many events ended how, since the beginning (retention takes nothing back). `accepted`
/// equals the sum of the others.
///
/// An event is pending while one of its deliveries is, while it waits in a batch or for lookups, or
/// while a route's verdict is `Failed`. The deliveries of a batch are those of each of its events.
/// Else it is the first that holds of: dead (a delivery is), cancelled, delivered (by itself),
/// coalesced (delivered as part of a batch), superseded, filtered (a route or a batch's script
/// dropped it, or routed it to nowhere), unmatched. A replay or a retry moves it
/// back to pending and counts nothing twice. An event whose failed verdict nobody replayed before
/// retention took the receipt becomes dead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    pub accepted: u64,
    pub delivered: u64,
    pub filtered: u64,
    pub unmatched: u64,
    pub coalesced: u64,
    pub superseded: u64,
    pub dead: u64,
    pub cancelled: u64,
    /// Includes events whose script failed and which wait for a replay.
    pub pending: u64,
}

impl Ledger {
    /// The line of this name.
    pub(crate) fn line(&mut self, name: &str) -> Option<&mut u64> {
        Some(match name {
            "accepted" => &mut self.accepted,
            "delivered" => &mut self.delivered,
            "filtered" => &mut self.filtered,
            "unmatched" => &mut self.unmatched,
            "coalesced" => &mut self.coalesced,
            "superseded" => &mut self.superseded,
            "dead" => &mut self.dead,
            "cancelled" => &mut self.cancelled,
            "pending" => &mut self.pending,
            _ => return None,
        })
    }
}

/// How long finished receipts are kept, counted from the end of their last delivery, or, where
/// there was none, from their last processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    pub delivered: Duration,
    /// For those with a dead or cancelled delivery or a failed outcome.
    pub dead: Duration,
}

/// Work that belongs to no destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Errand {
    /// [`Store::ripe`].
    Batches,
    /// [`Store::deferred`].
    Deferred,
    /// [`Store::notices`].
    Notices,
}

/// The contract of a backend. Every method is atomic and, where it writes, durable when it
/// returns. Methods may be called concurrently.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Writes receipt, outcome and deliveries in one transaction, unless the dedupe key is
    /// still remembered at the receipt's `received_at`. Of many concurrent calls with the same key
    /// exactly one is `New`. A delivery that may be superseded ends those of earlier events that wait
    /// in its lane for the same route, may be superseded too and are not under way; where a later
    /// event's waits or was delivered (a replay), it is superseded itself. Events are as old as their
    /// receipts; those of one receipt follow one another. A key is remembered for its window from the
    /// first receipt on, even if that receipt was deleted meanwhile. `Conflict`: the receipt's id is taken, a
    /// delivery names an event that the outcome does not have, or something is gathered that no
    /// verdict names.
    async fn accept(&self, receipt: &Receipt, outcome: &Outcome) -> Result<Accepted, StoreError>;

    /// Rung (`notify_one`, so a ring while nobody waits is kept) after every write of this process
    /// that may have made a delivery of the destination claimable or changed when one is due. One
    /// worker waits on each bell; it claims once after it got the bell, as earlier writes rang none.
    /// A store may carry out an [`Order`] that lies there before it rings; none has to.
    fn bell(&self, destination: &str) -> Arc<Bell>;

    /// The same for work that no destination has. What becomes due later than was said rings none.
    fn errands(&self, errand: Errand) -> Arc<Notify>;

    /// Leases due heads of free lanes of one destination, oldest due first; nothing while it is
    /// paused. The head of a lane is its oldest pending delivery, unless an older place in it is
    /// held; deliveries with no lane are always heads. An expired lease counts as none. Where fresh
    /// deliveries (no tries yet) and retries compete for `limit`, each get half of it, and an odd
    /// place goes to a fresh one (with a limit of 1, to either by chance); of retries never more
    /// than `retries`.
    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError>;

    /// Records an attempt and what follows from it, and gives the lease back. A delivery that may be
    /// superseded and whose lane has got a newer one of its route is not due again: it is superseded.
    /// A lease that ran out
    /// still settles as long as nobody claimed the delivery (or its lane) since. After
    /// `Unavailable` the lease is still held, and settling may be tried again.
    async fn settle(
        &self,
        lease: &Leased,
        attempt: Attempt,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Batches that are complete: `quiet` has passed since the last event that joined, or `max_wait`
    /// since the first, or one of the bounds of size is reached (also by an event that does not fit
    /// in and opens the next). Leases them, the oldest due first; none is given twice while its lease
    /// runs, and nobody joins one that was given. An event that comes for a group whose window is over
    /// opens a new batch. An event that waits in a batch and is gathered for the same route again (by a
    /// replay) waits on with its new content, in the batch of its new group if that is another one;
    /// who had the batch by then has lost it.
    async fn ripe(&self, due: Due) -> Result<Ripe, StoreError>;

    /// Makes a batch into what became of it, and gives the lease back. From then on its events
    /// stand with its deliveries (the ledger counts them by these), or are dropped, or have failed.
    /// To send nothing is to drop. `LeaseLost` if somebody else has it or has sealed it; `Conflict` if
    /// a delivery is not of this batch, or known.
    async fn seal(&self, leased: &LeasedBatch, sealed: &Sealed, now: Timestamp) -> Result<(), StoreError>;

    /// Lets the quiet time of every open batch begin anew, within its longest wait: while nobody
    /// was there to receive, silence meant nothing. To be called once at the start of a process;
    /// where another one receives meanwhile it changes nothing. How many of them others may still
    /// join.
    async fn listen_again(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Receipts with deferred verdicts that are due, oldest first, with what they hold.
    async fn deferred(&self, due: Due) -> Result<Deferred, StoreError>;

    /// Replaces the outcome of a receipt with one that knows more, as [`Store::replay`] does, and
    /// gives the lease back. Deliveries take the place in their lane that was held for their event,
    /// route and destination; places that `outcome` does not hold any more are free. What is still
    /// deferred is due again at `again`. A verdict that still says `Gathered`, with nothing in
    /// `gathered` that belongs to it, stands as it was. `LeaseLost` if somebody else has it, or if it
    /// was replayed since.
    async fn resolve(
        &self,
        leased: &LeasedReceipt,
        outcome: &Outcome,
        again: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// What waits for something else than its turn.
    async fn waiting(&self) -> Result<Waiting, StoreError>;

    /// Stops the sending to a destination; its deliveries wait. `false`: it was paused already,
    /// and the first reason stays.
    async fn pause(&self, destination: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends a pause, and forgets since when attempts fail. `false`: it was not paused. An attempt that
    /// was under way when the pause began and succeeds says nothing about what comes after it: the
    /// first success that is told of comes after the end of the pause.
    async fn resume(&self, destination: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Notes that nothing gets through to a destination. `false`: that is known already.
    async fn trouble(&self, destination: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// The destinations of which something is known, by name.
    async fn conditions(&self) -> Result<Vec<Condition>, StoreError>;

    /// The oldest notices. A notice is written with what it tells of: the death of a delivery, the
    /// failure of a receipt (of any source but [`OWN_SOURCE`], so that no notice is about a notice),
    /// a pause, trouble, and the first success after these.
    async fn notices(&self, limit: usize) -> Result<Vec<Notice>, StoreError>;

    /// Forgets notices up to and including this number.
    async fn told(&self, number: u64) -> Result<(), StoreError>;

    /// Gives a lease back without an attempt; the delivery is due as before.
    async fn release(&self, lease: &Leased) -> Result<(), StoreError>;

    /// Replaces the outcome of a receipt, adds the events that are new (by id) and the outcome's
    /// deliveries, which must all be new. Pending deliveries of earlier outcomes go on. Events that
    /// the outcome no longer has keep their deliveries but wait for no replay any more, unless the
    /// whole outcome is a failure. What waits in a batch goes on, like deliveries; lookups that were
    /// waited for are forgotten, and the places held for them are taken or free as in
    /// [`Store::resolve`]. `seen` is the receipt's `turn` when the outcome was
    /// made; `Conflict` if another outcome came between: both would deliver the same again.
    async fn replay(&self, receipt: ReceiptId, seen: u32, outcome: &Outcome) -> Result<(), StoreError>;

    /// Makes a pending, dead or cancelled delivery due now, with a fresh schedule: who retries by
    /// hand during an outage does not use the attempts up. In its lane it stands where it stood:
    /// before later ones, which wait for it from then on, except one whose attempt is under way. `Conflict`: it was
    /// delivered or superseded, or may be superseded and a newer change of its lane was delivered
    /// or waits. What comes back takes the place of older ones, as in [`Store::accept`].
    async fn retry(&self, delivery: DeliveryId, now: Timestamp) -> Result<(), StoreError>;

    /// Ends a pending delivery. `Conflict` while an attempt is under way, or if it ended.
    async fn cancel(&self, delivery: DeliveryId, now: Timestamp) -> Result<(), StoreError>;

    async fn receipts(
        &self,
        filter: ReceiptFilter,
        page: PageRequest,
    ) -> Result<Page<ReceiptSummary>, StoreError>;

    async fn receipt(&self, id: ReceiptId) -> Result<StoredReceipt, StoreError>;

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliverySummary>, StoreError>;

    async fn delivery(&self, id: DeliveryId) -> Result<StoredDelivery, StoreError>;

    async fn ledger(&self) -> Result<Ledger, StoreError>;

    /// Pending deliveries per destination.
    async fn pending(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Deletes what is finished and old enough, in bounded steps that let other writes between
    /// them, and dedupe keys whose window is over; how many receipts went.
    async fn purge(&self, keep: Keep, now: Timestamp) -> Result<u64, StoreError>;

    /// What of a receipt waits in open batches, to be gathered again in another state: in the same
    /// groups, with windows that are over at once.
    async fn gathering(&self, receipt: ReceiptId) -> Result<Vec<Gathered>, StoreError>;

    /// Gives a pending delivery the past that it had in another state. `Conflict`: it is not pending
    /// any more, or an attempt is under way.
    async fn adopt(&self, delivery: DeliveryId, past: &Past) -> Result<(), StoreError>;

    /// Remembers a dedupe key as that of a receipt, which need not be here, until then; unless it is
    /// remembered already at `now`. Whether it was not.
    async fn remember(
        &self,
        first: (&str, &str, ReceiptId),
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The names of other processes that work on this state.
    async fn others(&self) -> Result<Vec<String>, StoreError>;

    /// Asks all other processes that share this state to load their rules again.
    async fn call_for_reload(&self) -> Result<(), StoreError>;

    /// Rung when another process asked for that, also if it did so while this one was cut off.
    fn reloads(&self) -> Arc<Notify>;

    /// Whether a write could be made now.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Finishes what was begun and closes. Later calls are `Unavailable`. May be called again.
    async fn close(&self);
}
