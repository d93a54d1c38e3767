//! Moves what is pending from one state to another, through the contract only: receipts with
//! deliveries, batches or lookups that wait, failed ones that wait for a replay, the dedupe keys of the
//! others, and pauses. What is over stays where it is, and so do dead letters.
//!
//! Nobody else may work on either state meanwhile. It may be run again after a failure: what is there
//! already is left as it is.

use std::collections::HashMap;

use super::{
    Accepted, DeliveryFilter, Page, PageRequest, Past, ReceiptFilter, Store, StoreError, StoredReceipt,
};
use crate::clock;
use crate::model::{Decision, DeliveryId, DeliveryState, Outcome, ReceiptId, Timestamp};

/// What was moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Copied {
    pub receipts: u64,
    pub deliveries: u64,
    /// Events that wait in batches; their windows are over at once in the new state.
    pub gathered: u64,
    /// Receipts that wait for lookups.
    pub deferred: u64,
    /// Receipts that wait for a replay.
    pub failed: u64,
    /// Dedupe keys of receipts that stay behind.
    pub keys: u64,
    pub pauses: u64,
    /// Receipts that an earlier run had moved.
    pub known: u64,
}

/// What of a receipt has to move.
struct Moving {
    outcome: Outcome,
    pasts: HashMap<DeliveryId, Past>,
}

/// Reads all of `from`; writes to `to`, or only counts.
///
/// # Errors
///
/// Those of the two stores, with the receipt at which it happened.
pub async fn copy(
    from: &dyn Store,
    to: Option<&dyn Store>,
    now: Timestamp,
) -> Result<Copied, (Copied, StoreError)> {
    let mut copied = Copied::default();
    match all(from, to, now, &mut copied).await {
        Ok(()) => Ok(copied),
        Err(why) => Err((copied, why)),
    }
}

async fn all(
    from: &dyn Store,
    to: Option<&dyn Store>,
    now: Timestamp,
    copied: &mut Copied,
) -> Result<(), StoreError> {
    for condition in from.conditions().await? {
        let Some(paused) = condition.paused else { continue };
        copied.pauses += 1;
        if let Some(to) = to {
            to.pause(&condition.destination, &paused.reason, paused.since).await?;
        }
    }
    // Lanes keep the order of receipts.
    for id in ids(from).await?.into_iter().rev() {
        let stored = from.receipt(id).await?;
        let moving = moving(from, &stored, now).await?;
        if is_pending(&moving.outcome) {
            count(&moving.outcome, copied);
            if let Some(to) = to {
                write(to, &stored, &moving, copied).await?;
            }
        } else {
            remember(to, &stored, now, copied).await?;
        }
    }
    Ok(())
}

/// Of all receipts, the newest first.
async fn ids(from: &dyn Store) -> Result<Vec<ReceiptId>, StoreError> {
    let (mut ids, mut page) = (Vec::new(), PageRequest { limit: 500, cursor: None });
    loop {
        let Page { items, next } = from.receipts(ReceiptFilter::default(), page.clone()).await?;
        ids.extend(items.into_iter().map(|line| line.id));
        match next {
            Some(next) => page.cursor = Some(next),
            None => return Ok(ids),
        }
    }
}

/// The outcome as it is to be written: with what is pending only.
async fn moving(from: &dyn Store, stored: &StoredReceipt, now: Timestamp) -> Result<Moving, StoreError> {
    let mut outcome = stored.outcome.clone();
    let pasts = pasts(from, stored, now).await?;
    outcome.deliveries.retain(|delivery| pasts.contains_key(&delivery.id));
    for delivery in &mut outcome.deliveries {
        // The batch stays behind; its bytes do not change.
        delivery.batch = None;
    }
    let mut waits = false;
    for verdict in outcome.events.iter_mut().flat_map(|event| &mut event.routes) {
        if let Decision::Gathered { batch, until, .. } = &mut verdict.decision {
            (*batch, *until) = (None, None);
            waits = true;
        }
    }
    if waits {
        outcome.gathered = from.gathering(stored.receipt.id).await?;
    }
    Ok(Moving { outcome, pasts })
}

/// What happened to its pending deliveries. Those of a batch are its first receipt's.
async fn pasts(
    from: &dyn Store,
    stored: &StoredReceipt,
    now: Timestamp,
) -> Result<HashMap<DeliveryId, Past>, StoreError> {
    let id = stored.receipt.id;
    let mut pasts = HashMap::new();
    if stored.outcome.deliveries.iter().all(|delivery| delivery.receipt != id) {
        return Ok(pasts);
    }
    let filter = DeliveryFilter {
        receipt: Some(id),
        state: Some(DeliveryState::Pending),
        ..DeliveryFilter::default()
    };
    let mut page = PageRequest { limit: 500, cursor: None };
    loop {
        let Page { items, next } = from.deliveries(filter.clone(), page.clone()).await?;
        for line in items.into_iter().filter(|line| line.receipt == id) {
            let delivery = from.delivery(line.id).await?;
            let due_at = line.due_at.unwrap_or(now);
            // How many belong to the current run of the schedule is not told; no more than all.
            let past =
                Past { attempts: delivery.attempts, made: line.attempts, tries: line.attempts, due_at };
            pasts.insert(line.id, past);
        }
        match next {
            Some(next) => page.cursor = Some(next),
            None => return Ok(pasts),
        }
    }
}

fn is_pending(outcome: &Outcome) -> bool {
    !outcome.deliveries.is_empty()
        || !outcome.gathered.is_empty()
        || is_deferred(outcome)
        || is_failed(outcome)
}

fn is_deferred(outcome: &Outcome) -> bool {
    let verdicts = outcome.events.iter().flat_map(|event| &event.routes);
    verdicts.into_iter().any(|verdict| matches!(verdict.decision, Decision::Deferred { .. }))
}

fn is_failed(outcome: &Outcome) -> bool {
    outcome.first_failure().is_some()
}

fn count(outcome: &Outcome, copied: &mut Copied) {
    copied.receipts += 1;
    copied.deliveries += outcome.deliveries.len() as u64;
    copied.gathered += outcome.gathered.len() as u64;
    copied.deferred += u64::from(is_deferred(outcome));
    copied.failed += u64::from(is_failed(outcome));
}

async fn write(
    to: &dyn Store,
    stored: &StoredReceipt,
    moving: &Moving,
    copied: &mut Copied,
) -> Result<(), StoreError> {
    if is_there(to, stored).await? {
        copied.known += 1;
    } else {
        match to.accept(&stored.receipt, &moving.outcome).await? {
            Accepted::New => {}
            Accepted::Duplicate(of) => {
                let text = format!("{} has come to the new state before, as {of}", stored.receipt.id);
                return Err(StoreError::Conflict(text));
            }
        }
    }
    for (delivery, past) in &moving.pasts {
        match to.adopt(*delivery, past).await {
            // It was moved before, and has gone on there.
            Ok(()) | Err(StoreError::Conflict(_)) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

async fn is_there(to: &dyn Store, stored: &StoredReceipt) -> Result<bool, StoreError> {
    match to.receipt(stored.receipt.id).await {
        Ok(_) => Ok(true),
        Err(StoreError::NotFound(_)) => Ok(false),
        Err(why) => Err(why),
    }
}

/// A repetition of what stays behind is recognised in the new state.
async fn remember(
    to: Option<&dyn Store>,
    stored: &StoredReceipt,
    now: Timestamp,
    copied: &mut Copied,
) -> Result<(), StoreError> {
    let receipt = &stored.receipt;
    let Some(dedupe) = &receipt.dedupe else { return Ok(()) };
    let until = clock::after(receipt.received_at, dedupe.window);
    if until <= now {
        return Ok(());
    }
    copied.keys += 1;
    if let Some(to) = to {
        to.remember((&receipt.source, &dedupe.key, receipt.id), until, now).await?;
    }
    Ok(())
}
