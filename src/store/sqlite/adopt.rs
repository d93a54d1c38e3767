//! Work that comes from another state, and what leaves for one.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::super::draft::{json, micros};
use super::accept::REMEMBER;
use super::desk::{Desk, Fault};
use super::finish::Row;
use super::row::{damaged, get, id, json as column, unavailable};
use crate::model::{By, DeliveryId, DeliveryState, Gathered, ReceiptId, Window};
use crate::store::{Past, StoreError};

/// A past, serialised by the caller.
#[derive(Debug)]
pub(super) struct PastDraft {
    attempts: Vec<String>,
    class: Option<&'static str>,
    status: Option<u16>,
    made: u32,
    tries: u32,
    due_at: i64,
}

impl PastDraft {
    pub(super) fn new(past: &Past) -> Result<Self, StoreError> {
        Ok(Self {
            attempts: past.attempts.iter().map(json).collect::<Result<_, _>>()?,
            class: past.attempts.iter().rev().find_map(|attempt| attempt.class).map(|class| class.name()),
            status: past.attempts.last().and_then(|attempt| attempt.status),
            made: past.made,
            tries: past.tries,
            due_at: micros(past.due_at),
        })
    }
}

/// Gives a pending delivery its past.
pub(super) fn adopt(desk: &mut Desk, delivery: DeliveryId, past: &PastDraft, now: i64) -> Result<(), Fault> {
    let (row, state) = Row::find(desk, delivery)?;
    let slot = row.slot(delivery);
    let is_busy = desk.leases.holds(&row.destination, &slot, now);
    if state != DeliveryState::Pending.name() || is_busy {
        let text = format!("{delivery} is at work here already");
        return Err(Fault::Refused(StoreError::Conflict(text)));
    }
    desk.execute("DELETE FROM attempts WHERE delivery = ?1", [row.seq])?;
    for attempt in &past.attempts {
        desk.execute("INSERT INTO attempts (delivery, attempt) VALUES (?1, ?2)", params![row.seq, attempt])?;
    }
    desk.execute(
        "UPDATE deliveries SET attempts = ?2, tries = ?3, due_at = ?4, last_class = ?5, last_status = ?6
         WHERE seq = ?1",
        params![row.seq, past.made, past.tries, past.due_at, past.class, past.status],
    )?;
    desk.ring(&row.destination);
    Ok(())
}

/// Remembers a key, unless it is remembered.
pub(super) fn remember(
    desk: &mut Desk,
    (source, key, receipt): (&str, &str, ReceiptId),
    until: i64,
    now: i64,
) -> Result<bool, Fault> {
    let written = desk.execute(REMEMBER, params![source, key, receipt.to_string(), until, now])?;
    Ok(written > 0)
}

/// What of a receipt waits in open batches.
pub(super) fn gathering(conn: &Connection, receipt: ReceiptId) -> Result<Vec<Gathered>, StoreError> {
    let known = conn
        .prepare_cached("SELECT 1 FROM receipts WHERE id = ?1")
        .and_then(|mut select| select.query_row([receipt.to_string()], |_| Ok(())).optional())
        .map_err(unavailable)?;
    known.ok_or_else(|| StoreError::NotFound(format!("receipt {receipt}")))?;
    let mut select = conn
        .prepare_cached(
            "SELECT e.id, b.route, b.gathered_by, b.key, b.group_key, g.event, g.lookups, g.lineage
             FROM receipts r
             CROSS JOIN members m ON m.receipt = r.seq
             CROSS JOIN batches b ON b.seq = m.batch
             CROSS JOIN gathered g ON g.member = m.seq
             CROSS JOIN events e ON e.seq = m.event
             WHERE r.id = ?1 AND b.state = 'open' ORDER BY m.seq",
        )
        .map_err(unavailable)?;
    let mut rows = select.query([receipt.to_string()]).map_err(unavailable)?;
    let mut gathered = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        let by: String = get(row, "gathered_by")?;
        gathered.push(Gathered {
            event: id(row, "id")?,
            route: get(row, "route")?,
            by: By::parse(&by).ok_or_else(|| damaged(format!("the grouping {by:?}")))?,
            key: get(row, "key")?,
            group: get(row, "group_key")?,
            window: Window::OVER,
            alone: false,
            lineage: column(row, "lineage")?,
            content: Arc::new(column(row, "event")?),
            lookups: column(row, "lookups")?,
        });
    }
    Ok(gathered)
}
