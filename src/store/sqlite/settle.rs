//! What an attempt led to, and leases that are given back.

use rusqlite::params;

use super::super::draft::json;
use super::super::draft::micros;
use super::condition;
use super::desk::{Desk, Fault};
use super::finish::{Ending, Row, finish};
use super::lease::{Lease, Slot};
use super::notice;
use super::supersede;
use crate::model::{Attempt, DeliveryId, DeliveryState, Final, Timestamp};
use crate::store::{Leased, Settlement, StoreError};

/// How many attempts of one delivery are kept.
const ATTEMPTS: u32 = 50;

/// An attempt and what follows from it, serialised by the caller.
#[derive(Debug)]
pub(super) struct SettleDraft {
    key: LeaseKey,
    attempt: String,
    class: Option<&'static str>,
    status: Option<u16>,
    settlement: Settlement,
    now: i64,
}

/// What tells whose lease it is.
#[derive(Debug)]
pub(super) struct LeaseKey {
    delivery: DeliveryId,
    destination: String,
    slot: Slot,
    token: u64,
}

impl LeaseKey {
    pub(super) fn of(leased: &Leased) -> Self {
        let delivery = &leased.delivery;
        Self {
            delivery: delivery.id,
            destination: delivery.destination.clone(),
            slot: Slot::of(delivery.id, delivery.lane.as_deref()),
            token: leased.token,
        }
    }

    /// The lease, if it is still the holder's.
    fn check(&self, desk: &Desk) -> Result<Lease, StoreError> {
        desk.leases
            .get(&self.destination, &self.slot)
            .filter(|lease| lease.delivery == self.delivery && lease.token == self.token)
            .ok_or(StoreError::LeaseLost(self.delivery.to_string()))
    }

    fn end(&self, desk: &mut Desk) {
        desk.leases.end(&self.destination, self.slot.clone());
        desk.ring(&self.destination);
    }
}

impl SettleDraft {
    pub(super) fn new(
        leased: &Leased,
        attempt: &Attempt,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            key: LeaseKey::of(leased),
            attempt: json(attempt)?,
            class: attempt.class.map(|class| class.name()),
            status: attempt.status,
            settlement,
            now: micros(now),
        })
    }
}

/// Records an attempt and what follows from it.
pub(super) fn settle(desk: &mut Desk, draft: &SettleDraft) -> Result<(), Fault> {
    let lease = draft.key.check(desk)?;
    let lost = StoreError::LeaseLost(draft.key.delivery.to_string());
    let row = Row::pending(desk, lease.seq)?.ok_or(lost)?;
    record(desk, &row, draft)?;
    match &draft.settlement {
        Settlement::Again(at) => {
            condition::failed(desk, &row.destination, draft.now)?;
            again(desk, &row, micros(*at), draft.now)?;
        }
        Settlement::Final(Final::Delivered, reason) => {
            condition::succeeded(desk, &row.destination, draft.now)?;
            let ending = ending(DeliveryState::Delivered, reason.as_deref(), draft.now);
            finish(desk, &row, &ending)?;
            supersede::got_through(desk, &row, draft.now)?;
        }
        Settlement::Final(Final::Dead, reason) => {
            condition::failed(desk, &row.destination, draft.now)?;
            finish(desk, &row, &ending(DeliveryState::Dead, reason.as_deref(), draft.now))?;
            notice::dead(desk, &row, draft.key.delivery, draft.now)?;
        }
    }
    draft.key.end(desk);
    Ok(())
}

fn ending(state: DeliveryState, reason: Option<&str>, now: i64) -> Ending<'_> {
    Ending { state, reason, by: None, now }
}

fn again(desk: &mut Desk, row: &Row, at: i64, now: i64) -> Result<(), Fault> {
    if let Some(by) = supersede::newer(desk, row)? {
        return supersede::end(desk, row, &by, now);
    }
    desk.execute("UPDATE deliveries SET due_at = ?2 WHERE seq = ?1", params![row.seq, at])?;
    Ok(())
}

fn record(desk: &Desk, row: &Row, draft: &SettleDraft) -> Result<(), Fault> {
    desk.execute(
        "INSERT INTO attempts (delivery, attempt) VALUES (?1, ?2)",
        params![row.seq, draft.attempt],
    )?;
    if row.attempts >= ATTEMPTS {
        desk.execute(
            "DELETE FROM attempts WHERE delivery = ?1 AND seq <= (
                SELECT seq FROM attempts WHERE delivery = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
            params![row.seq, ATTEMPTS],
        )?;
    }
    desk.execute(
        "UPDATE deliveries SET attempts = attempts + 1, tries = tries + 1, last_status = ?2,
            last_class = coalesce(?3, last_class) WHERE seq = ?1",
        params![row.seq, draft.status, draft.class],
    )?;
    Ok(())
}

/// Gives a lease back.
pub(super) fn release(desk: &mut Desk, key: &LeaseKey) -> Result<(), Fault> {
    key.check(desk)?;
    key.end(desk);
    Ok(())
}
