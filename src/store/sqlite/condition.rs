//! How destinations are: a table, and all of it in the writer's memory, so that an attempt that
//! changes nothing about it costs no write.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};

use super::desk::{Desk, Fault};
use super::notice;
use super::row::{get, maybe_at, unavailable};
use crate::model::Timestamp;
use crate::store::{Condition, Paused, StoreError, Told};

/// What is known, if it was looked up since the last batch that failed.
#[derive(Debug, Default)]
pub(super) struct Conditions(Option<HashMap<String, State>>);

/// Of one destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) paused: Option<(i64, String)>,
    pub(super) failing_since: Option<i64>,
    /// The last failure, to the hour.
    failed_at: Option<i64>,
    troubled_since: Option<i64>,
}

impl Conditions {
    /// Looks everything up again when it is next asked for.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    fn known(&mut self, conn: &Connection) -> Result<&mut HashMap<String, State>, Fault> {
        let known = match self.0.take() {
            Some(known) => known,
            None => read(conn)?,
        };
        Ok(self.0.insert(known))
    }
}

fn read(conn: &Connection) -> Result<HashMap<String, State>, Fault> {
    let mut select = conn.prepare_cached(
        "SELECT destination, paused_at, paused_reason, failing_since, failed_at, troubled_since
         FROM conditions",
    )?;
    let rows = select.query_map([], |row| {
        let paused = row.get::<_, Option<i64>>(1)?.zip(row.get::<_, Option<String>>(2)?);
        let (failing_since, failed_at, troubled_since) = (row.get(3)?, row.get(4)?, row.get(5)?);
        Ok((row.get(0)?, State { paused, failing_since, failed_at, troubled_since }))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What is known of a destination.
pub(super) fn of(desk: &mut Desk, destination: &str) -> Result<State, Fault> {
    Ok(desk.conditions.known(&desk.conn)?.get(destination).cloned().unwrap_or_default())
}

/// Changes what is known; whether that is a change.
fn change(desk: &mut Desk, destination: &str, change: impl FnOnce(&mut State)) -> Result<bool, Fault> {
    let before = of(desk, destination)?;
    let mut state = before.clone();
    change(&mut state);
    if state == before {
        return Ok(false);
    }
    if state == State::default() {
        desk.execute("DELETE FROM conditions WHERE destination = ?1", [destination])?;
    } else {
        let (since, reason) = state.paused.as_ref().map(|(at, reason)| (at, reason)).unzip();
        desk.execute(
            "INSERT OR REPLACE INTO conditions
                (destination, paused_at, paused_reason, failing_since, failed_at, troubled_since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![destination, since, reason, state.failing_since, state.failed_at, state.troubled_since],
        )?;
    }
    desk.conditions.known(&desk.conn)?.insert(destination.to_owned(), state);
    Ok(true)
}

const HOUR: i64 = 3600 * 1_000_000;
/// Longer than the waits between attempts: a failure after that has nothing to do with the last.
const APART: i64 = 72 * HOUR;

/// An attempt failed.
pub(super) fn failed(desk: &mut Desk, destination: &str, now: i64) -> Result<(), Fault> {
    let recorded = change(desk, destination, |state| {
        let last = state.failed_at.filter(|last| now.saturating_sub(*last) <= APART);
        if last.is_none() {
            state.failing_since = Some(now);
        }
        state.failed_at = last.filter(|last| now.saturating_sub(*last) < HOUR).or(Some(now));
    });
    recorded.map(drop)
}

/// An attempt succeeded. What was under way when a pause began says nothing about its end.
pub(super) fn succeeded(desk: &mut Desk, destination: &str, now: i64) -> Result<(), Fault> {
    let state = of(desk, destination)?;
    let trouble = state.troubled_since.filter(|_| state.paused.is_none());
    change(desk, destination, |state| {
        (state.failing_since, state.failed_at) = (None, None);
        if state.paused.is_none() {
            state.troubled_since = None;
        }
    })?;
    match trouble {
        Some(since) => notice::recovered(desk, destination, since, now),
        None => Ok(()),
    }
}

/// Stops the sending, unless it is stopped.
pub(super) fn pause(desk: &mut Desk, destination: &str, reason: &str, now: i64) -> Result<bool, Fault> {
    if of(desk, destination)?.paused.is_some() {
        return Ok(false);
    }
    change(desk, destination, |state| {
        state.paused = Some((now, reason.to_owned()));
        state.troubled_since = state.troubled_since.or(Some(now));
    })?;
    let (destination, reason) = (destination.to_owned(), reason.to_owned());
    notice::tell(desk, now, &Told::DestinationPaused { destination, reason })?;
    Ok(true)
}

/// Lets the sending go on.
pub(super) fn resume(desk: &mut Desk, destination: &str) -> Result<bool, Fault> {
    if of(desk, destination)?.paused.is_none() {
        return Ok(false);
    }
    change(desk, destination, |state| {
        (state.paused, state.failing_since, state.failed_at) = (None, None, None);
    })?;
    desk.ring(destination);
    Ok(true)
}

/// Notes that nothing gets through, unless that is known.
pub(super) fn trouble(desk: &mut Desk, destination: &str, reason: &str, now: i64) -> Result<bool, Fault> {
    if of(desk, destination)?.troubled_since.is_some() {
        return Ok(false);
    }
    change(desk, destination, |state| state.troubled_since = Some(now))?;
    let (destination, reason) = (destination.to_owned(), reason.to_owned());
    notice::tell(desk, now, &Told::DestinationFailing { destination, reason })?;
    Ok(true)
}

/// All of them, for the reader.
pub(super) fn list(conn: &Connection) -> Result<Vec<Condition>, StoreError> {
    let mut select =
        conn.prepare_cached("SELECT * FROM conditions ORDER BY destination").map_err(unavailable)?;
    let mut rows = select.query([]).map_err(unavailable)?;
    let mut conditions = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        conditions.push(Condition {
            destination: get(row, "destination")?,
            paused: paused(row)?,
            failing_since: maybe_at(row, "failing_since")?,
            troubled_since: maybe_at(row, "troubled_since")?,
        });
    }
    Ok(conditions)
}

fn paused(row: &Row<'_>) -> Result<Option<Paused>, StoreError> {
    let since: Option<Timestamp> = maybe_at(row, "paused_at")?;
    let reason: Option<String> = get(row, "paused_reason")?;
    Ok(since.zip(reason).map(|(since, reason)| Paused { since, reason }))
}
