//! What the gateway has to tell about itself: written with what happened, forgotten when told.

use rusqlite::{Connection, params};

use super::super::draft::json;
use super::desk::{Desk, Fault};
use super::finish::Row;
use super::row::{at, get, instant, json as from_json, unavailable};
use crate::model::{DeliveryId, ReceiptId};
use crate::store::{Errand, Notice, OWN_SOURCE, StoreError, Told};

/// Adds one.
pub(super) fn tell(desk: &mut Desk, now: i64, told: &Told) -> Result<(), Fault> {
    desk.execute("INSERT INTO notices (at, told) VALUES (?1, ?2)", params![now, json(told)?])?;
    desk.announce(Errand::Notices);
    Ok(())
}

/// A delivery died. Nobody tells of the death of what itself tells of something.
pub(super) fn dead(desk: &mut Desk, row: &Row, delivery: DeliveryId, now: i64) -> Result<(), Fault> {
    let own: bool = desk
        .conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM receipts WHERE seq = ?1 AND source = ?3) OR EXISTS (
                SELECT 1 FROM members JOIN receipts ON receipts.seq = members.receipt
                WHERE members.batch = ?2 AND receipts.source = ?3)",
        )?
        .query_row(params![row.receipt, row.batch, OWN_SOURCE], |row| row.get(0))?;
    if own { Ok(()) } else { tell(desk, now, &Told::DeliveryDead { delivery }) }
}

/// A receipt, or a batch with events of it, could not be processed.
pub(super) fn failed(
    desk: &mut Desk,
    receipt: ReceiptId,
    source: &str,
    reason: &str,
    now: i64,
) -> Result<(), Fault> {
    if source == OWN_SOURCE {
        return Ok(());
    }
    tell(desk, now, &Told::ReceiptFailed { receipt, reason: reason.to_owned() })
}

/// A destination takes something again.
pub(super) fn recovered(desk: &mut Desk, destination: &str, since: i64, now: i64) -> Result<(), Fault> {
    let destination = destination.to_owned();
    tell(desk, now, &Told::DestinationRecovered { destination, since: instant(since)? })
}

/// The oldest ones, for the reader.
pub(super) fn list(conn: &Connection, limit: usize) -> Result<Vec<Notice>, StoreError> {
    let mut select =
        conn.prepare_cached("SELECT * FROM notices ORDER BY number LIMIT ?1").map_err(unavailable)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = select.query([limit]).map_err(unavailable)?;
    let mut notices = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        let number = get::<i64>(row, "number")?.cast_unsigned();
        notices.push(Notice { number, at: at(row, "at")?, told: from_json(row, "told")? });
    }
    Ok(notices)
}

/// Forgets those up to this number.
pub(super) fn forget(desk: &mut Desk, number: u64) -> Result<(), Fault> {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    desk.execute("DELETE FROM notices WHERE number <= ?1", [number])?;
    Ok(())
}
