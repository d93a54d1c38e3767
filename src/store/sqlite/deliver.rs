//! New deliveries, each at its place in its lane.

use std::sync::LazyLock;

use rusqlite::params;

use super::super::draft::DeliveryDraft;
use super::desk::{Desk, Fault};
use super::finish::Row;
use super::lane;
use super::supersede;

/// What a delivery brings, as rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) receipt: i64,
    pub(super) event: i64,
    pub(super) batch: Option<i64>,
}

/// Adds a delivery, which its event and its receipt count already: to the end of its lane, or to the
/// place that was held for it. The result is its row.
pub(super) fn insert(
    desk: &mut Desk,
    origin: &Origin,
    delivery: &DeliveryDraft,
    held: Option<i64>,
) -> Result<i64, Fault> {
    let seq = desk.numbers.place();
    insert_row(desk, seq, held.unwrap_or(seq), origin, delivery)?;
    desk.execute(
        "INSERT INTO delivery_content (delivery, url, content_type, headers, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![seq, delivery.url, delivery.content_type, delivery.headers, delivery.body.as_deref()],
    )?;
    desk.totals.waiting(&delivery.destination, 1);
    desk.ring(&delivery.destination);
    if delivery.supersede
        && let Some(row) = Row::pending(desk, seq)?
    {
        supersede::arrived(desk, &row, delivery.created_at)?;
    }
    Ok(seq)
}

static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO deliveries (destination, lane, place, seq, id, receipt, event, batch, route, supersede,
            created_at, due_at, ready)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, {})",
        lane::IS_READY
    )
});

fn insert_row(
    desk: &Desk,
    seq: i64,
    place: i64,
    origin: &Origin,
    delivery: &DeliveryDraft,
) -> Result<(), Fault> {
    desk.execute(
        &INSERT,
        params![
            delivery.destination,
            delivery.lane,
            place,
            seq,
            delivery.id,
            origin.receipt,
            origin.event,
            origin.batch,
            delivery.route,
            delivery.supersede,
            delivery.created_at
        ],
    )?;
    Ok(())
}

/// Counts for a receipt what it got: deliveries, and things that wait (those deliveries among them).
pub(super) fn count(desk: &Desk, receipt: i64, deliveries: i64, waiting: i64) -> Result<(), Fault> {
    if (deliveries, waiting) != (0, 0) {
        desk.execute(
            "UPDATE receipts SET deliveries = deliveries + ?2, pending = pending + ?3 WHERE seq = ?1",
            [receipt, deliveries, waiting],
        )?;
    }
    Ok(())
}
