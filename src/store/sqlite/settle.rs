//! What an attempt led to, and leases that are given back.

use rusqlite::params;

use super::super::draft::json;
use super::super::draft::micros;
use super::condition;
use super::desk::{Desk, Fault};
use super::finish::{Ending, Row, ended};
use super::lease::{Slot, Subject};
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
    route: String,
    lane: Option<String>,
    supersede: bool,
    /// How many were made before.
    attempts: u32,
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

    /// What is leased, if the lease is still the holder's.
    fn check(&self, desk: &Desk) -> Result<Subject, StoreError> {
        desk.leases
            .get(&self.destination, &self.slot)
            .filter(|lease| lease.subject.delivery == self.delivery && lease.token == self.token)
            .map(|lease| lease.subject)
            .ok_or_else(|| self.lost())
    }

    fn lost(&self) -> StoreError {
        StoreError::LeaseLost(self.delivery.to_string())
    }

    fn end(&self, desk: &mut Desk) {
        desk.leases.end(&self.destination, self.slot.clone());
    }
}

impl SettleDraft {
    pub(super) fn new(
        leased: &Leased,
        attempt: &Attempt,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let delivery = &leased.delivery;
        Ok(Self {
            key: LeaseKey::of(leased),
            route: delivery.route.clone(),
            lane: delivery.lane.clone(),
            supersede: delivery.supersede,
            attempts: leased.attempts,
            attempt: json(attempt)?,
            class: attempt.class.map(|class| class.name()),
            status: attempt.status,
            settlement,
            now: micros(now),
        })
    }

    /// The row of what is leased: who has the lease has read it, and the rest of it does not change.
    fn row(&self, subject: Subject) -> Row {
        let Subject { delivery, seq, origin } = subject;
        Row {
            seq,
            id: delivery.to_string(),
            receipt: origin.receipt,
            event: origin.event,
            batch: origin.batch,
            route: self.route.clone(),
            destination: self.key.destination.clone(),
            lane: self.lane.clone(),
            supersede: self.supersede,
        }
    }
}

/// Records an attempt and what follows from it.
pub(super) fn settle(desk: &mut Desk, draft: &SettleDraft) -> Result<(), Fault> {
    let row = draft.row(draft.key.check(desk)?);
    match &draft.settlement {
        Settlement::Again(at) => again(desk, &row, draft, micros(*at))?,
        Settlement::Final(Final::Delivered, reason) => {
            end(desk, &row, draft, &ending(DeliveryState::Delivered, reason.as_deref(), draft.now))?;
            condition::succeeded(desk, &row.destination, draft.now)?;
            supersede::got_through(desk, &row, draft.now)?;
        }
        Settlement::Final(Final::Dead, reason) => {
            end(desk, &row, draft, &ending(DeliveryState::Dead, reason.as_deref(), draft.now))?;
            condition::failed(desk, &row.destination, draft.now)?;
            notice::dead(desk, &row, draft.key.delivery, draft.now)?;
        }
    }
    draft.key.end(desk);
    Ok(())
}

fn ending(state: DeliveryState, reason: Option<&str>, now: i64) -> Ending<'_> {
    Ending { state, reason: reason.map(Into::into), by: None, now }
}

fn again(desk: &mut Desk, row: &Row, draft: &SettleDraft, at: i64) -> Result<(), Fault> {
    match supersede::newer(desk, row)? {
        Some(by) => end(desk, row, draft, &supersede::ending(&by, draft.now))?,
        None => {
            let written = desk.execute(
                "UPDATE deliveries SET attempts = attempts + 1, tries = tries + 1, last_status = ?2,
                    last_class = coalesce(?3, last_class), due_at = ?4
                 WHERE seq = ?1 AND state = 'pending'",
                params![row.seq, draft.status, draft.class, at],
            )?;
            record(desk, row, draft, written)?;
            desk.ring(&row.destination);
        }
    }
    condition::failed(desk, &row.destination, draft.now)
}

/// The attempt was the last one.
fn end(desk: &mut Desk, row: &Row, draft: &SettleDraft, ending: &Ending<'_>) -> Result<(), Fault> {
    let written = desk.execute(
        "UPDATE deliveries SET attempts = attempts + 1, tries = tries + 1, last_status = ?2,
            last_class = coalesce(?3, last_class), state = ?4, ready = 0, finished_at = ?5, reason = ?6,
            superseded_by = ?7
         WHERE seq = ?1 AND state = 'pending'",
        params![
            row.seq,
            draft.status,
            draft.class,
            ending.state.name(),
            ending.now,
            ending.reason.as_deref(),
            ending.by
        ],
    )?;
    record(desk, row, draft, written)?;
    ended(desk, row, ending)
}

/// Keeps the attempt, if it was that of a pending delivery.
fn record(desk: &Desk, row: &Row, draft: &SettleDraft, pending: usize) -> Result<(), Fault> {
    if pending == 0 {
        return Err(Fault::Refused(draft.key.lost()));
    }
    desk.execute(
        "INSERT INTO attempts (delivery, attempt) VALUES (?1, ?2)",
        params![row.seq, draft.attempt],
    )?;
    if draft.attempts >= ATTEMPTS {
        desk.execute(
            "DELETE FROM attempts WHERE delivery = ?1 AND seq <= (
                SELECT seq FROM attempts WHERE delivery = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
            params![row.seq, ATTEMPTS],
        )?;
    }
    Ok(())
}

/// Gives a lease back.
pub(super) fn release(desk: &mut Desk, key: &LeaseKey) -> Result<(), Fault> {
    key.check(desk)?;
    key.end(desk);
    desk.ring(&key.destination);
    Ok(())
}
