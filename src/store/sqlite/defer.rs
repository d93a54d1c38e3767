//! Receipts with deferred verdicts: when their lookups are due, and who makes them.

use rusqlite::{OptionalExtension, params};

use super::deliver;
use super::desk::{Desk, Fault};
use super::loan::{Asked, Given, give};
use crate::store::Errand;

/// When a receipt's lookups are due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deferral {
    pub(super) due_at: i64,
    /// How often they were tried.
    pub(super) tries: u32,
}

/// Puts a receipt's lookups off, or notes that nothing of it is deferred any more.
pub(super) fn set(desk: &mut Desk, receipt: i64, deferral: Option<Deferral>) -> Result<(), Fault> {
    let before = find(desk, receipt)?;
    if let Some(Deferral { due_at, tries }) = deferral {
        desk.execute(
            "INSERT OR REPLACE INTO deferrals (receipt, due_at, tries) VALUES (?1, ?2, ?3)",
            params![receipt, due_at, tries],
        )?;
        desk.announce(Errand::Deferred);
    } else if before.is_some() {
        desk.execute("DELETE FROM deferrals WHERE receipt = ?1", [receipt])?;
    }
    deliver::count(desk, receipt, 0, i64::from(deferral.is_some()) - i64::from(before.is_some()))
}

/// What is put off of a receipt.
pub(super) fn find(desk: &Desk, receipt: i64) -> Result<Option<Deferral>, Fault> {
    let mut select = desk.conn.prepare_cached("SELECT due_at, tries FROM deferrals WHERE receipt = ?1")?;
    let found = select.query_row([receipt], |row| Ok(Deferral { due_at: row.get(0)?, tries: row.get(1)? }));
    Ok(found.optional()?)
}

/// Leases receipts that are due.
pub(super) fn due(desk: &mut Desk, asked: Asked) -> Result<Given, Fault> {
    give(
        &desk.conn,
        &mut desk.deferrals,
        // Changes of one object go on in order, as a script may send them into another lane.
        "SELECT receipt, due_at FROM deferrals AS d INDEXED BY deferrals_due
         WHERE NOT EXISTS (
            SELECT 1 FROM held AS mine INDEXED BY held_receipt
            CROSS JOIN held AS older INDEXED BY held_lane
                ON older.destination = mine.destination AND older.lane = mine.lane
                AND older.place < mine.place
            WHERE mine.receipt = d.receipt AND older.route = mine.route AND older.receipt <> d.receipt)
         ORDER BY due_at, receipt",
        asked,
    )
}

/// Takes back those that nobody is there to resolve.
pub(super) fn give_back(given: Given, desk: &mut Desk) {
    given.give_back(&mut desk.deferrals);
    desk.announce(Errand::Deferred);
}
