//! What happens to deliveries after they were accepted: settled, released, retried, cancelled.

use rusqlite::{OptionalExtension, params};

use super::desk::{Desk, Fault};
use super::draft::json;
use super::lease::{Lease, Slot};
use super::row::micros;
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

/// What the file knows of a delivery that is about to change.
#[derive(Debug)]
struct Row {
    seq: i64,
    receipt: i64,
    event: i64,
    destination: String,
    lane: Option<String>,
    state: String,
    attempts: u32,
}

impl Row {
    const COLUMNS: &str = "seq, receipt, event, destination, lane, state, attempts";

    fn find(desk: &Desk, id: DeliveryId) -> Result<Self, Fault> {
        let sql = format!("SELECT {} FROM deliveries WHERE id = ?1", Self::COLUMNS);
        let found = desk.conn.prepare_cached(&sql)?.query_row([id.to_string()], Self::from_row).optional()?;
        Ok(found.ok_or_else(|| StoreError::NotFound(format!("delivery {id}")))?)
    }

    fn load(desk: &Desk, seq: i64) -> Result<Option<Self>, Fault> {
        let sql = format!("SELECT {} FROM deliveries WHERE seq = ?1 AND state = 'pending'", Self::COLUMNS);
        Ok(desk.conn.prepare_cached(&sql)?.query_row([seq], Self::from_row).optional()?)
    }

    fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            receipt: row.get(1)?,
            event: row.get(2)?,
            destination: row.get(3)?,
            lane: row.get(4)?,
            state: row.get(5)?,
            attempts: row.get(6)?,
        })
    }

    fn slot(&self, id: DeliveryId) -> Slot {
        Slot::of(id, self.lane.as_deref())
    }
}

/// Records an attempt and what follows from it.
pub(super) fn settle(desk: &mut Desk, draft: &SettleDraft) -> Result<(), Fault> {
    let lease = draft.key.check(desk)?;
    let lost = StoreError::LeaseLost(draft.key.delivery.to_string());
    let row = Row::load(desk, lease.seq)?.ok_or(lost)?;
    record(desk, &row, draft)?;
    match &draft.settlement {
        Settlement::Again(at) => {
            desk.execute("UPDATE deliveries SET due_at = ?2 WHERE seq = ?1", params![row.seq, micros(*at)])?;
        }
        Settlement::Final(Final::Delivered, reason) => {
            finish(desk, &row, DeliveryState::Delivered, reason.as_deref(), draft.now)?;
        }
        Settlement::Final(Final::Dead, reason) => {
            finish(desk, &row, DeliveryState::Dead, reason.as_deref(), draft.now)?;
        }
    }
    draft.key.end(desk);
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

/// Ends a pending delivery and lets the next of its lane go.
fn finish(
    desk: &mut Desk,
    row: &Row,
    state: DeliveryState,
    reason: Option<&str>,
    now: i64,
) -> Result<(), Fault> {
    desk.execute(
        "UPDATE deliveries SET state = ?2, ready = 0, finished_at = ?3, reason = ?4 WHERE seq = ?1",
        params![row.seq, state.name(), now, reason],
    )?;
    let lost = i64::from(matches!(state, DeliveryState::Dead | DeliveryState::Cancelled));
    desk.execute(
        "UPDATE receipts SET pending = pending - 1, lost = lost + ?2, finished_at = max(finished_at, ?3)
         WHERE seq = ?1",
        params![row.receipt, lost, now],
    )?;
    desk.recount(row.event, |tally| {
        tally.pending -= 1;
        match state {
            DeliveryState::Delivered => tally.delivered += 1,
            DeliveryState::Dead => tally.dead += 1,
            DeliveryState::Superseded => tally.superseded += 1,
            DeliveryState::Cancelled => tally.cancelled += 1,
            DeliveryState::Pending => tally.pending += 1,
        }
    })?;
    desk.totals.waiting(&row.destination, -1);
    promote(desk, row)?;
    desk.ring(&row.destination);
    Ok(())
}

/// Makes the oldest pending delivery of the lane its head, and only that one.
fn promote(desk: &Desk, row: &Row) -> Result<(), Fault> {
    let Some(lane) = &row.lane else { return Ok(()) };
    desk.execute(
        "UPDATE deliveries SET ready = 1 WHERE ready = 0 AND seq = (
            SELECT seq FROM deliveries INDEXED BY deliveries_lane
            WHERE destination = ?1 AND lane = ?2 AND lane IS NOT NULL AND state = 'pending'
            ORDER BY seq LIMIT 1)",
        params![row.destination, lane],
    )?;
    Ok(())
}

/// Gives a lease back.
pub(super) fn release(desk: &mut Desk, key: &LeaseKey) -> Result<(), Fault> {
    key.check(desk)?;
    key.end(desk);
    Ok(())
}

/// Makes a delivery due now, reviving it where it had ended.
pub(super) fn retry(desk: &mut Desk, id: DeliveryId, now: i64) -> Result<(), Fault> {
    let row = Row::find(desk, id)?;
    match DeliveryState::parse(&row.state) {
        Some(DeliveryState::Pending) => {
            desk.execute(
                "UPDATE deliveries SET due_at = ?2, tries = 0 WHERE seq = ?1",
                params![row.seq, now],
            )?;
        }
        Some(DeliveryState::Dead) => revive(desk, &row, now, |tally| tally.dead -= 1)?,
        Some(DeliveryState::Cancelled) => revive(desk, &row, now, |tally| tally.cancelled -= 1)?,
        _ => return Err(Fault::Refused(ended(id, &row))),
    }
    desk.ring(&row.destination);
    Ok(())
}

fn revive(
    desk: &mut Desk,
    row: &Row,
    now: i64,
    uncount: impl FnOnce(&mut super::tally::Tally),
) -> Result<(), Fault> {
    desk.execute(
        "UPDATE deliveries SET state = 'pending', ready = ?3, tries = 0, due_at = ?2, finished_at = NULL,
            reason = NULL WHERE seq = ?1",
        params![row.seq, now, row.lane.is_none()],
    )?;
    if let Some(lane) = &row.lane {
        // Those behind it wait again; which are behind is a matter of the lane's order only.
        desk.execute(
            "UPDATE deliveries SET ready = 0 WHERE ready = 1 AND seq IN (
                SELECT seq FROM deliveries INDEXED BY deliveries_lane
                WHERE destination = ?1 AND lane = ?2 AND lane IS NOT NULL AND state = 'pending'
                ORDER BY seq LIMIT 2)",
            params![row.destination, lane],
        )?;
        promote(desk, row)?;
    }
    desk.execute("UPDATE receipts SET pending = pending + 1, lost = lost - 1 WHERE seq = ?1", [row.receipt])?;
    desk.recount(row.event, |tally| {
        tally.pending += 1;
        uncount(tally);
    })?;
    desk.totals.waiting(&row.destination, 1);
    Ok(())
}

/// Ends a pending delivery that nobody attempts just now.
pub(super) fn cancel(desk: &mut Desk, id: DeliveryId, now: i64) -> Result<(), Fault> {
    let row = Row::find(desk, id)?;
    if row.state != DeliveryState::Pending.name() {
        return Err(Fault::Refused(ended(id, &row)));
    }
    let slot = row.slot(id);
    if let Some(lease) = desk.leases.get(&row.destination, &slot).filter(|lease| lease.delivery == id) {
        if lease.until > now {
            let text = format!("an attempt of {id} is under way: try again when it is over");
            return Err(Fault::Refused(StoreError::Conflict(text)));
        }
        desk.leases.end(&row.destination, slot);
    }
    finish(desk, &row, DeliveryState::Cancelled, Some("cancelled by an operator"), now)
}

fn ended(id: DeliveryId, row: &Row) -> StoreError {
    StoreError::Conflict(format!("{id} is {} already", row.state))
}
