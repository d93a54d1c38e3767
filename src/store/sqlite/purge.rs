//! Retention: deletes what is over and old, a bounded number of receipts per transaction.

use rusqlite::params;

use super::super::draft::{micros, span};
use super::desk::{Desk, Fault};
use super::tally::EventState;
use super::wording;
use crate::model::Timestamp;
use crate::store::Keep;

/// How many receipts one step deletes at most: some ten milliseconds of the writer's time.
const RECEIPTS: usize = 200;
/// How many dedupe keys one step deletes at most, and how many notes on lanes.
const KEYS: usize = 2000;

/// What goes: everything that ended at or before these instants.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    done: i64,
    lost: i64,
    now: i64,
}

impl Limits {
    pub(super) fn new(keep: Keep, now: Timestamp) -> Self {
        let now = micros(now);
        Self {
            done: now.saturating_sub(span(keep.delivered)),
            lost: now.saturating_sub(span(keep.dead)),
            now,
        }
    }
}

/// What one step did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) receipts: u64,
    pub(super) is_last: bool,
}

/// Deletes the oldest that are over.
pub(super) fn step(desk: &mut Desk, limits: Limits) -> Result<Step, Fault> {
    let mut receipts = over(
        desk,
        "SELECT seq FROM receipts INDEXED BY receipts_done
         WHERE pending = 0 AND lost = 0 AND status = 'processed' AND finished_at <= ?1
         ORDER BY finished_at LIMIT ?2",
        limits.done,
        RECEIPTS,
    )?;
    receipts.extend(over(
        desk,
        "SELECT seq FROM receipts INDEXED BY receipts_lost
         WHERE pending = 0 AND (lost > 0 OR status = 'failed') AND finished_at <= ?1
         ORDER BY finished_at LIMIT ?2",
        limits.lost,
        RECEIPTS - receipts.len(),
    )?);
    for receipt in &receipts {
        delete(desk, *receipt)?;
    }
    let keys = forget_keys(desk, limits.now)?;
    let newest = forget_newest(desk)?;
    let is_last = receipts.len() < RECEIPTS && keys < KEYS && newest < KEYS;
    if is_last {
        wording::purge(desk, limits.now)?;
    }
    Ok(Step { receipts: receipts.len() as u64, is_last })
}

fn over(desk: &Desk, sql: &str, until: i64, limit: usize) -> Result<Vec<i64>, Fault> {
    let mut select = desk.conn.prepare_cached(sql)?;
    let rows = select.query_map(params![until, limit as i64], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn delete(desk: &mut Desk, receipt: i64) -> Result<(), Fault> {
    // Nobody will replay these any more.
    let given_up: i64 = desk
        .conn
        .prepare_cached("SELECT count(*) FROM events WHERE receipt = ?1 AND state = 'pending'")?
        .query_row([receipt], |row| row.get(0))?;
    desk.totals.moved(given_up, EventState::Pending, EventState::Dead);
    for sql in [
        // The deliveries of a batch stay with those of its events that stay.
        "UPDATE deliveries SET (receipt, event) = (
            SELECT m.receipt, m.event FROM members m
            WHERE m.batch = deliveries.batch AND m.receipt <> ?1 ORDER BY m.seq LIMIT 1)
         WHERE receipt = ?1 AND batch IS NOT NULL AND EXISTS (
            SELECT 1 FROM members m WHERE m.batch = deliveries.batch AND m.receipt <> ?1)",
        "DELETE FROM batches WHERE seq IN (SELECT batch FROM members WHERE receipt = ?1) AND NOT EXISTS (
            SELECT 1 FROM members m WHERE m.batch = batches.seq AND m.receipt <> ?1)",
        "DELETE FROM members WHERE receipt = ?1",
        "DELETE FROM attempts WHERE delivery IN (SELECT seq FROM deliveries WHERE receipt = ?1)",
        "DELETE FROM delivery_content WHERE delivery IN (SELECT seq FROM deliveries WHERE receipt = ?1)",
        "DELETE FROM deliveries WHERE receipt = ?1",
        "DELETE FROM events WHERE receipt = ?1",
        "DELETE FROM outcomes WHERE receipt = ?1",
        "DELETE FROM receipt_content WHERE receipt = ?1",
        "DELETE FROM receipts WHERE seq = ?1",
    ] {
        desk.execute(sql, [receipt])?;
    }
    Ok(())
}

fn forget_keys(desk: &Desk, now: i64) -> Result<usize, Fault> {
    let forgotten = desk.execute(
        "DELETE FROM dedupe WHERE seq IN (
            SELECT seq FROM dedupe WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        params![now, KEYS as i64],
    )?;
    Ok(forgotten)
}

/// What got through is compared with older events only as long as there are any.
fn forget_newest(desk: &Desk) -> Result<usize, Fault> {
    let forgotten = desk.execute(
        "DELETE FROM newest WHERE (destination, lane, route) IN (
            SELECT destination, lane, route FROM newest INDEXED BY newest_receipt
            WHERE receipt < (SELECT coalesce(min(seq), 9223372036854775807) FROM receipts) LIMIT ?1)",
        [KEYS as i64],
    )?;
    Ok(forgotten)
}
