//! The end of a delivery and its return, with everything that is counted by it. The deliveries of a
//! batch count for each of its events and for each of their receipts.

use std::borrow::Cow;
use std::sync::LazyLock;

use rusqlite::{OptionalExtension, params};

use super::desk::{Desk, Fault};
use super::lane;
use super::lease::Slot;
use crate::model::{DeliveryId, DeliveryState};
use crate::store::StoreError;

/// What the file knows of a delivery that is about to change.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) id: String,
    pub(super) receipt: i64,
    pub(super) event: i64,
    pub(super) batch: Option<i64>,
    pub(super) route: String,
    pub(super) destination: String,
    pub(super) lane: Option<String>,
    pub(super) supersede: bool,
}

/// How a delivery ends.
#[derive(Debug)]
pub(super) struct Ending<'a> {
    pub(super) state: DeliveryState,
    pub(super) reason: Option<Cow<'a, str>>,
    /// The id of the newer one, for those that are superseded.
    pub(super) by: Option<&'a str>,
    pub(super) now: i64,
}

/// Whose counts a delivery belongs to.
#[derive(Debug)]
struct Owners {
    events: Vec<i64>,
    receipts: Vec<i64>,
}

static BY_ID: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {}, state FROM deliveries WHERE id = ?1", Row::COLUMNS));
static PENDING: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM deliveries WHERE seq = ?1 AND state = 'pending'", Row::COLUMNS));

impl Row {
    /// What [`Row::from_row`] reads, from `deliveries`.
    pub(super) const COLUMNS: &str = "seq, id, receipt, event, batch, route, destination, lane, supersede";

    /// That of a delivery, and its state.
    pub(super) fn find(desk: &Desk, id: DeliveryId) -> Result<(Self, String), Fault> {
        let found = desk
            .conn
            .prepare_cached(&BY_ID)?
            .query_row([id.to_string()], |row| Ok((Self::from_row(row)?, row.get("state")?)))
            .optional()?;
        Ok(found.ok_or_else(|| StoreError::NotFound(format!("delivery {id}")))?)
    }

    /// That of a pending delivery.
    pub(super) fn pending(desk: &Desk, seq: i64) -> Result<Option<Self>, Fault> {
        Ok(desk.conn.prepare_cached(&PENDING)?.query_row([seq], Self::from_row).optional()?)
    }

    pub(super) fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            id: row.get(1)?,
            receipt: row.get(2)?,
            event: row.get(3)?,
            batch: row.get(4)?,
            route: row.get(5)?,
            destination: row.get(6)?,
            lane: row.get(7)?,
            supersede: row.get(8)?,
        })
    }

    pub(super) fn slot(&self, id: DeliveryId) -> Slot {
        Slot::of(id, self.lane.as_deref())
    }

    fn owners(&self, desk: &Desk) -> Result<Owners, Fault> {
        let Some(batch) = self.batch else {
            return Ok(Owners { events: vec![self.event], receipts: vec![self.receipt] });
        };
        let mut owners = Owners { events: Vec::new(), receipts: Vec::new() };
        let mut select =
            desk.conn.prepare_cached("SELECT event, receipt FROM members WHERE batch = ?1 ORDER BY seq")?;
        let mut rows = select.query([batch])?;
        while let Some(row) = rows.next()? {
            owners.events.push(row.get(0)?);
            owners.receipts.push(row.get(1)?);
        }
        owners.receipts.sort_unstable();
        owners.receipts.dedup();
        Ok(owners)
    }
}

/// Ends a pending delivery and lets the next of its lane go.
pub(super) fn finish(desk: &mut Desk, row: &Row, ending: &Ending<'_>) -> Result<(), Fault> {
    let Ending { state, reason, by, now } = ending;
    desk.execute(
        "UPDATE deliveries SET state = ?2, ready = 0, finished_at = ?3, reason = ?4, superseded_by = ?5
         WHERE seq = ?1",
        params![row.seq, state.name(), now, reason.as_deref(), by],
    )?;
    ended(desk, row, ending)
}

/// Counts a delivery whose own row says already that it ended, and lets the next of its lane go.
pub(super) fn ended(desk: &mut Desk, row: &Row, ending: &Ending<'_>) -> Result<(), Fault> {
    let Ending { state, now, .. } = *ending;
    let owners = row.owners(desk)?;
    let lost = i64::from(matches!(state, DeliveryState::Dead | DeliveryState::Cancelled));
    for receipt in owners.receipts {
        desk.execute(
            "UPDATE receipts SET pending = pending - 1, lost = lost + ?2,
                finished_at = max(finished_at, ?3) WHERE seq = ?1",
            params![receipt, lost, now],
        )?;
    }
    for event in owners.events {
        desk.recount(event, |tally| {
            tally.pending -= 1;
            *tally.deliveries(state, row.batch.is_some()) += 1;
        })?;
    }
    desk.totals.waiting(&row.destination, -1);
    // Where nothing waits behind it, nobody became free.
    if lane::promote(desk, &row.destination, row.lane.as_deref())? {
        desk.ring(&row.destination);
    }
    Ok(())
}

/// Makes a dead or cancelled delivery pending again, due now, where it stood in its lane.
pub(super) fn revive(desk: &mut Desk, row: &Row, before: DeliveryState, now: i64) -> Result<(), Fault> {
    desk.execute(
        "UPDATE deliveries SET state = 'pending', ready = ?3, tries = 0, due_at = ?2, finished_at = NULL,
            reason = NULL WHERE seq = ?1",
        params![row.seq, now, row.lane.is_none()],
    )?;
    lane::rearrange(desk, &row.destination, row.lane.as_deref())?;
    let owners = row.owners(desk)?;
    for receipt in owners.receipts {
        desk.execute("UPDATE receipts SET pending = pending + 1, lost = lost - 1 WHERE seq = ?1", [receipt])?;
    }
    for event in owners.events {
        desk.recount(event, |tally| {
            tally.pending += 1;
            *tally.deliveries(before, row.batch.is_some()) -= 1;
        })?;
    }
    desk.totals.waiting(&row.destination, 1);
    Ok(())
}
