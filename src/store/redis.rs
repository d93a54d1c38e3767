//! The shared backend: several gateways, one Redis.
//!
//! Every change is one run of a Lua script, which is atomic within its partition; what an operation
//! has to change in another partition it sends as a message that arrives exactly once (see
//! `redis/desk.rs` and `redis/lua/base.lua`). Leases are kept in the server's time.

mod adopt;
mod answer;
mod batch;
mod beat;
mod became;
mod claim;
mod coming;
mod deferred;
mod desk;
mod form;
mod leased;
mod lines;
mod link;
mod list;
mod pack;
mod part;
mod purge;
mod reloads;
mod rounds;
mod script;
mod show;
mod wording;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use serde::Serialize;
use tokio::sync::Notify;

use self::answer::{array, instant, items, maybe, text};
use self::desk::{Ask, Desk, Nothing};
use self::form::{Blobs, LeaseForm, OutcomeForm, ReceiptForm, SettleForm, add_outcome, add_receipt};
use self::part::Parts;
use self::wording::Reason;
use super::draft::{Beside, OutcomeDraft, ReceiptDraft, micros};
use super::{
    Accepted, Bell, Claim, Claimed, Condition, Deferred, DeliveryFilter, DeliverySummary, Due, Errand, Keep,
    Leased, LeasedBatch, LeasedReceipt, Ledger, Notice, Page, PageRequest, Past, Paused, ReceiptFilter,
    ReceiptSummary, Ripe, Settlement, Store, StoreError, StoredDelivery, StoredReceipt, Waiting,
};
use crate::clock::Clock;
use crate::config;
use crate::model::{Attempt, DeliveryId, Gathered, Outcome, Receipt, ReceiptId, Sealed, Timestamp};

pub use self::desk::Time;
pub use self::link::OpenError;

/// How a gateway takes part in a shared state.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Unique among the gateways that are up at the same time, and the same at every start of one.
    pub gateway: String,
    pub time: Time,
}

/// The shared store.
#[derive(Debug)]
pub struct Redis {
    desk: Arc<Desk>,
    clock: Arc<dyn Clock>,
    compress_above: usize,
    tasks: beat::Tasks,
}

#[derive(Serialize)]
struct AcceptForm<'a> {
    receipt: ReceiptForm<'a>,
    outcome: OutcomeForm<'a>,
}

#[derive(Serialize)]
struct ReplayForm<'a> {
    id: String,
    seen: u32,
    outcome: OutcomeForm<'a>,
    /// Of who made its lookups, and when the rest is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    again: i64,
}

#[derive(Serialize)]
struct Id {
    id: String,
}

#[derive(Serialize)]
struct Limit {
    limit: usize,
}

#[derive(Serialize)]
struct Upto {
    upto: u64,
}

#[derive(Serialize)]
struct Destination<'a> {
    destination: &'a str,
    reason: &'a str,
}

impl Redis {
    /// Connects, checks that the servers can keep a state, and takes over what an earlier gateway
    /// of this name had leased.
    pub async fn open(
        state: &config::Redis,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Result<Arc<Self>, OpenError> {
        let link = link::Link::open(state).await?;
        let desk = Arc::new(Desk::new(link, Parts(state.partitions), settings));
        let refused = |why: StoreError| OpenError::Refused(why.to_string());
        desk.enter(clock.now()).await.map_err(refused)?;
        let tasks = beat::Tasks::start(&desk, &clock);
        Ok(Arc::new(Self { desk, clock, compress_above: state.compress_above, tasks }))
    }

    async fn ask<T: Serialize + Sync>(
        &self,
        part: u32,
        op: &'static str,
        now: Timestamp,
        asked: &T,
    ) -> Result<redis::Value, StoreError> {
        self.desk.ask(Ask::new(part, op, now, asked)).await
    }

    /// Something that changes a destination's condition; whether it did.
    async fn decide(
        &self,
        op: &'static str,
        destination: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let answer = self.ask(0, op, now, &Destination { destination, reason }).await?;
        answer::read::<u8>(answer).map(|changed| changed == 1)
    }

    /// The partition in which an id is known to an operation that answers `1` or `0`.
    async fn find(&self, op: &'static str, id: &str) -> Result<Option<u32>, StoreError> {
        if self.desk.parts.0 <= 1 {
            return Ok(Some(0));
        }
        for part in self.desk.parts.all() {
            let answer = self.look(part, op, &Id { id: id.to_owned() }).await?;
            if answer::read::<u8>(answer)? == 1 {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    async fn part_of_receipt(&self, id: ReceiptId) -> Result<u32, StoreError> {
        let found = self.find("has_receipt", &id.to_string()).await?;
        found.ok_or_else(|| StoreError::NotFound(format!("receipt {id}")))
    }

    async fn part_of_delivery(&self, id: DeliveryId) -> Result<u32, StoreError> {
        let found = self.find("has_delivery", &id.to_string()).await?;
        found.ok_or_else(|| StoreError::NotFound(format!("delivery {id}")))
    }

    async fn replace(
        &self,
        (part, op): (u32, &'static str),
        (id, seen): (ReceiptId, u32),
        (token, again): (Option<u64>, Timestamp),
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let draft = OutcomeDraft::new(outcome, Beside::Nothing, now)?;
        for is_first in [true, false] {
            let mut blobs = Blobs::new(self.compress_above);
            add_outcome(&draft, &mut blobs)?;
            let outcome = OutcomeForm::new(&draft, self.desk.parts, &mut blobs)?;
            let numbers = outcome.numbers();
            let token = token.map(|token| token.to_string());
            let asked = ReplayForm { id: id.to_string(), seen, outcome, token, again: micros(again) };
            let answer = self.desk.ask(Ask::new(part, op, now, &asked).with(blobs.list, numbers)).await?;
            if !wording::lacks(&answer) {
                return Ok(());
            }
            if is_first {
                self.bring_words(part, &draft.wordings, Reason::Known(id), now).await?;
            }
        }
        Err(wording::lost())
    }

    /// The answer to a receipt that came in, and what became of the messages that it led to.
    async fn enter(
        &self,
        part: u32,
        draft: &ReceiptDraft,
        outcome: &OutcomeDraft,
        now: Timestamp,
    ) -> Result<(redis::Value, Result<(), StoreError>), StoreError> {
        for is_first in [true, false] {
            let mut blobs = Blobs::new(self.compress_above);
            add_receipt(draft, outcome, &mut blobs)?;
            let form = OutcomeForm::new(outcome, self.desk.parts, &mut blobs)?;
            let numbers = form.numbers() + 1;
            let op = if form.is_plain() { "accept" } else { "accept_any" };
            let asked = AcceptForm { receipt: ReceiptForm::new(draft), outcome: form };
            let ask = Ask::new(part, op, now, &asked).with(blobs.list, numbers);
            let answered = self.desk.ask_and_carry(ask).await?;
            if !wording::lacks(&answered.0) {
                return Ok(answered);
            }
            if is_first {
                self.bring_words(part, &outcome.wordings, Reason::New(now), now).await?;
            }
        }
        Err(wording::lost())
    }
}

#[async_trait]
impl Store for Redis {
    async fn accept(&self, receipt: &Receipt, outcome: &Outcome) -> Result<Accepted, StoreError> {
        if let Some(full) = self.desk.link.is_full() {
            return Err(StoreError::Unavailable(full));
        }
        let (draft, now) = (ReceiptDraft::new(receipt)?, receipt.received_at);
        let outcome = OutcomeDraft::new(outcome, Beside::Body, now)?;
        let part = self.desk.parts.of_receipt(receipt);
        let (answer, carried) = self.enter(part, &draft, &outcome, now).await?;
        // Whoever is answered may send the next change of the same object, to any gateway: by then this
        // one has to be in its lane. Who is refused sends it again, and it is known.
        if let Some(first) = maybe(answer)? {
            self.desk.sweep_from(part, now).await?;
            return Ok(Accepted::Duplicate(first));
        }
        if receipt.dedupe.is_some() {
            carried?;
        }
        Ok(Accepted::New)
    }

    fn bell(&self, destination: &str) -> Arc<Bell> {
        self.desk.bells.of(destination)
    }

    fn errands(&self, errand: Errand) -> Arc<Notify> {
        self.desk.bells.errand(errand)
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        // What an earlier failure left on the way may be older than what is there.
        if self.desk.owes.load(Ordering::Acquire) {
            self.desk.sweep(claim.now).await?;
        }
        self.claim_round(&claim).await
    }

    async fn settle(
        &self,
        lease: &Leased,
        attempt: Attempt,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut blobs = Blobs::new(self.compress_above);
        blobs.add_json(&attempt)?;
        let asked = SettleForm::new(lease, &attempt, &settlement);
        let part = self.desk.parts.of_leased(&lease.delivery);
        let op = if asked.is_delivered() { "delivered" } else { "settle" };
        self.desk.ask(Ask::new(part, op, now, &asked).with(blobs.list, 0)).await.map(drop)
    }

    async fn ripe(&self, due: Due) -> Result<Ripe, StoreError> {
        batch::ripe(&self.desk, due).await
    }

    async fn seal(&self, leased: &LeasedBatch, sealed: &Sealed, now: Timestamp) -> Result<(), StoreError> {
        batch::seal(&self.desk, self.compress_above, leased, sealed, now).await
    }

    async fn listen_again(&self, now: Timestamp) -> Result<u64, StoreError> {
        // Somebody listened.
        if !self.desk.others(now).await?.is_empty() {
            return Ok(0);
        }
        batch::listen_again(&self.desk, now).await
    }

    async fn deferred(&self, due: Due) -> Result<Deferred, StoreError> {
        self.lease_deferred(&due).await
    }

    async fn resolve(
        &self,
        leased: &LeasedReceipt,
        outcome: &Outcome,
        again: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let stored = &leased.stored;
        let part = self.desk.parts.of_receipt(&stored.receipt);
        let whose = (Some(leased.token), again);
        self.replace((part, "resolve"), (stored.receipt.id, stored.turn), whose, outcome, now).await
    }

    async fn waiting(&self) -> Result<Waiting, StoreError> {
        self.count_waiting().await
    }

    async fn pause(&self, destination: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.decide("pause", destination, reason, now).await
    }

    async fn resume(&self, destination: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.decide("resume", destination, "", now).await
    }

    async fn trouble(&self, destination: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.decide("trouble", destination, reason, now).await
    }

    async fn conditions(&self) -> Result<Vec<Condition>, StoreError> {
        let answer = self.look(0, "conditions", &Nothing {}).await?;
        let mut conditions = items(answer)?.into_iter().map(condition).collect::<Result<Vec<_>, _>>()?;
        conditions.sort_by(|a, b| a.destination.cmp(&b.destination));
        Ok(conditions)
    }

    async fn notices(&self, limit: usize) -> Result<Vec<Notice>, StoreError> {
        let answer = self.look(0, "notices", &Limit { limit }).await?;
        items(answer)?.into_iter().map(notice).collect()
    }

    async fn told(&self, number: u64) -> Result<(), StoreError> {
        let upto = number.min(1 << 53);
        self.ask(0, "told", self.clock.now(), &Upto { upto }).await.map(drop)
    }

    async fn release(&self, lease: &Leased) -> Result<(), StoreError> {
        let part = self.desk.parts.of_leased(&lease.delivery);
        self.ask(part, "release", self.clock.now(), &LeaseForm::new(lease)).await.map(drop)
    }

    async fn replay(&self, receipt: ReceiptId, seen: u32, outcome: &Outcome) -> Result<(), StoreError> {
        let (part, now) = (self.part_of_receipt(receipt).await?, self.clock.now());
        self.replace((part, "replay"), (receipt, seen), (None, now), outcome, now).await
    }

    async fn retry(&self, delivery: DeliveryId, now: Timestamp) -> Result<(), StoreError> {
        let part = self.part_of_delivery(delivery).await?;
        self.ask(part, "retry", now, &Id { id: delivery.to_string() }).await.map(drop)
    }

    async fn cancel(&self, delivery: DeliveryId, now: Timestamp) -> Result<(), StoreError> {
        let part = self.part_of_delivery(delivery).await?;
        self.ask(part, "cancel", now, &Id { id: delivery.to_string() }).await.map(drop)
    }

    async fn receipts(
        &self,
        filter: ReceiptFilter,
        page: PageRequest,
    ) -> Result<Page<ReceiptSummary>, StoreError> {
        self.list_receipts(&filter, &page).await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<StoredReceipt, StoreError> {
        self.show_receipt(id).await
    }

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliverySummary>, StoreError> {
        self.list_deliveries(&filter, &page).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<StoredDelivery, StoreError> {
        self.show_delivery(id).await
    }

    async fn ledger(&self) -> Result<Ledger, StoreError> {
        self.show_ledger().await
    }

    async fn pending(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.show_pending().await
    }

    async fn purge(&self, keep: Keep, now: Timestamp) -> Result<u64, StoreError> {
        self.delete_old(keep, now).await
    }

    async fn gathering(&self, receipt: ReceiptId) -> Result<Vec<Gathered>, StoreError> {
        let part = self.part_of_receipt(receipt).await?;
        adopt::gathering(&self.desk, (part, receipt), self.clock.now()).await
    }

    async fn adopt(&self, delivery: DeliveryId, past: &Past) -> Result<(), StoreError> {
        let part = self.part_of_delivery(delivery).await?;
        let blobs = Blobs::new(self.compress_above);
        adopt::adopt(&self.desk, (part, delivery), past, blobs, self.clock.now()).await
    }

    async fn remember(
        &self,
        first: (&str, &str, ReceiptId),
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        adopt::remember(&self.desk, first, until, now).await
    }

    async fn others(&self) -> Result<Vec<String>, StoreError> {
        self.desk.others(self.clock.now()).await
    }

    async fn call_for_reload(&self) -> Result<(), StoreError> {
        let asked = self.ask(0, "reload", self.clock.now(), &Nothing {}).await?;
        self.desk.reloads.called(answer::read(asked)?);
        Ok(())
    }

    fn reloads(&self) -> Arc<Notify> {
        self.desk.reloads.bell()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.desk.ask_all("ping", self.clock.now(), &Nothing {}).await.map(drop)
    }

    async fn close(&self) {
        self.tasks.end().await;
        self.desk.leave(self.clock.now()).await;
        self.desk.link.close().await;
    }
}

fn condition(value: redis::Value) -> Result<Condition, StoreError> {
    let [destination, paused, why, failing, troubled] = array(value)?;
    let at = |value| maybe(value)?.map(instant).transpose();
    let (since, reason) = (at(paused)?, text(why)?);
    Ok(Condition {
        destination: text(destination)?,
        paused: since.map(|since| Paused { since, reason }),
        failing_since: at(failing)?,
        troubled_since: at(troubled)?,
    })
}

fn notice(value: redis::Value) -> Result<Notice, StoreError> {
    let line = text(value)?;
    let mut parts = line.splitn(3, ' ');
    let mut part = || parts.next().ok_or_else(|| answer::damaged("a notice"));
    let (number, at, told) = (part()?, part()?, part()?);
    Ok(Notice { number: answer::parse(number)?, at: instant(answer::parse(at)?)?, told: told_of(told)? })
}

/// As the script writes it: with instants in microseconds.
fn told_of(json: &str) -> Result<super::Told, StoreError> {
    let mut told: serde_json::Value = super::draft::from_json(json)?;
    if let Some(since) = told.get_mut("since") {
        let micros = answer::parse(since.as_str().unwrap_or_default())?;
        *since = serde_json::Value::String(instant(micros)?.to_string());
    }
    serde_json::from_value(told).map_err(|_| answer::damaged("a notice"))
}
