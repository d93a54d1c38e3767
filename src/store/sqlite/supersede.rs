//! A newer change in place of an older one that waits: between deliveries of one lane and route that
//! may be superseded, in the order of their events (by receipt, then by event). Batches and an
//! event's own other deliveries never take part, nor does what is under way.

use std::sync::LazyLock;

use rusqlite::{OptionalExtension, params};

use super::desk::{Desk, Fault};
use super::finish::{Ending, Row, finish};
use super::lease::Slot;
use crate::model::DeliveryState;

/// Who takes part, as the end of a condition on `?1` destination, `?2` lane and `?3` route.
const WAITING: &str = "FROM deliveries INDEXED BY deliveries_lane WHERE destination = ?1 AND lane = ?2
    AND lane IS NOT NULL AND state = 'pending' AND supersede = 1 AND route = ?3";

static NEWER: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT id {WAITING} AND (receipt, event) > (?4, ?5) ORDER BY receipt DESC, event DESC LIMIT 1")
});
static OLDER: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} {WAITING} AND (receipt, event) < (?4, ?5)", Row::COLUMNS));

/// A delivery that is pending since just now: it ends what it is newer than, or is ended itself.
pub(super) fn arrived(desk: &mut Desk, row: &Row, now: i64) -> Result<(), Fault> {
    match newer(desk, row)? {
        Some(by) => finish(desk, row, &ending(&by, now)),
        None => end_older(desk, row, now),
    }
}

/// A delivery got through: nothing older may follow it.
pub(super) fn got_through(desk: &mut Desk, row: &Row, now: i64) -> Result<(), Fault> {
    let Some(lane) = lane_of(row) else { return Ok(()) };
    desk.execute(
        "INSERT INTO newest (destination, lane, route, receipt, event, delivery)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET receipt = ?4, event = ?5, delivery = ?6
         WHERE (receipt, event) <= (?4, ?5)",
        params![row.destination, lane, row.route, row.receipt, row.event, row.id],
    )?;
    end_older(desk, row, now)
}

/// The id of a delivery of a newer event that waits or got through.
pub(super) fn newer(desk: &Desk, row: &Row) -> Result<Option<String>, Fault> {
    let Some(lane) = lane_of(row) else { return Ok(None) };
    let bounds = params![row.destination, lane, row.route, row.receipt, row.event];
    let waiting = desk.conn.prepare_cached(&NEWER)?.query_row(bounds, |row| row.get(0)).optional()?;
    if waiting.is_some() {
        return Ok(waiting);
    }
    let got_through = "SELECT delivery FROM newest
         WHERE destination = ?1 AND lane = ?2 AND route = ?3 AND (receipt, event) > (?4, ?5)";
    Ok(desk.conn.prepare_cached(got_through)?.query_row(bounds, |row| row.get(0)).optional()?)
}

/// How a delivery ends for a newer one.
pub(super) fn ending(by: &str, now: i64) -> Ending<'_> {
    let reason = format!("superseded by {by}");
    Ending { state: DeliveryState::Superseded, reason: Some(reason.into()), by: Some(by), now }
}

fn end_older(desk: &mut Desk, row: &Row, now: i64) -> Result<(), Fault> {
    let Some(lane) = lane_of(row) else { return Ok(()) };
    let slot = Slot::Lane(lane.to_owned());
    for older in older(desk, row, lane)? {
        match desk.leases.get(&older.destination, &slot).filter(|lease| lease.subject.seq == older.seq) {
            Some(lease) if lease.until > now => continue,
            Some(_) => desk.leases.end(&older.destination, slot.clone()),
            None => {}
        }
        finish(desk, &older, &ending(&row.id, now))?;
    }
    Ok(())
}

fn older(desk: &Desk, row: &Row, lane: &str) -> Result<Vec<Row>, Fault> {
    let mut select = desk.conn.prepare_cached(&OLDER)?;
    let bounds = params![row.destination, lane, row.route, row.receipt, row.event];
    let rows = select.query_map(bounds, Row::from_row)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The lane of a delivery that takes part.
fn lane_of(row: &Row) -> Option<&str> {
    row.lane.as_deref().filter(|_| row.supersede && row.batch.is_none())
}

#[cfg(test)]
mod tests {
    use super::super::migrate::tests::plan;
    use super::*;

    #[test]
    fn rivals_are_found_among_what_waits_in_the_lane() {
        let plan = plan(&format!("SELECT id {WAITING}"));
        assert_eq!(plan, "SEARCH deliveries USING INDEX deliveries_lane (destination=? AND lane=?)");
    }
}
