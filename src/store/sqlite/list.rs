//! The lists of receipts and deliveries: newest first, a page at a time.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::super::cursor::Cursor;
use super::super::draft::micros;
use super::row::{delivery_summary, get, receipt_summary, status_name, unavailable};
use crate::model::DeliveryState;
use crate::store::{
    DeliveryFilter, DeliverySummary, Page, PageRequest, ReceiptFilter, ReceiptStatus, ReceiptSummary,
    StoreError,
};

/// Whether a receipt has a delivery of a route, its own or one of a batch.
const ROUTED: &str = "EXISTS (
    SELECT 1 FROM (SELECT ? AS route) wanted WHERE
        EXISTS (SELECT 1 FROM deliveries d WHERE d.receipt = r.seq AND +d.route = wanted.route)
        OR EXISTS (SELECT 1 FROM members m CROSS JOIN batches b ON b.seq = m.batch
            WHERE m.receipt = r.seq AND b.state = 'sent' AND b.route = wanted.route))";
/// Whether a delivery is of a receipt, or of a batch with an event of it.
const OF_RECEIPT: &str = "d.seq IN (
    WITH wanted AS (SELECT seq FROM receipts WHERE id = ?)
    SELECT own.seq FROM wanted CROSS JOIN deliveries own ON own.receipt = wanted.seq
    UNION SELECT shared.seq FROM wanted CROSS JOIN members m ON m.receipt = wanted.seq
        CROSS JOIN deliveries shared ON shared.batch = m.batch)";

/// A `WHERE` in the making. Conditions come from this file, values from outside.
#[derive(Debug, Default)]
struct Where {
    conditions: Vec<&'static str>,
    values: Vec<Value>,
}

impl Where {
    /// Adds a condition with one `?` per value, if there is a value.
    fn when<V: Into<Value>>(&mut self, condition: &'static str, value: Option<V>) {
        if let Some(value) = value {
            self.conditions.push(condition);
            self.values.push(value.into());
        }
    }

    fn text(&self) -> String {
        match self.conditions.as_slice() {
            [] => String::new(),
            conditions => format!("WHERE {}", conditions.join(" AND ")),
        }
    }
}

pub(super) fn receipts(
    conn: &Connection,
    filter: ReceiptFilter,
    page: &PageRequest,
) -> Result<Page<ReceiptSummary>, StoreError> {
    let mut wanted = Where::default();
    // A unary plus keeps a condition from choosing the index: failed ones are few, a source's many.
    let failed = filter.status == Some(ReceiptStatus::Failed);
    wanted.when(if failed { "+r.source = ?" } else { "r.source = ?" }, filter.source);
    // The literal lets the partial index serve it.
    match filter.status.map(status_name) {
        Some("failed") => wanted.conditions.push("r.status = 'failed'"),
        Some(_) => wanted.conditions.push("r.status <> 'failed'"),
        None => {}
    }
    wanted.when("r.received_at >= ?", filter.since.map(micros));
    wanted.when("r.received_at < ?", filter.until.map(micros));
    wanted.when(ROUTED, filter.route);
    wanted.when("r.seq IN (SELECT receipt FROM events WHERE correlation_id = ?)", filter.correlation);
    let limit = begin_page(&mut wanted, page, "(r.received_at, r.seq) < (?, ?)")?;
    let sql = format!(
        "SELECT r.*, r.received_at AS at FROM receipts r {}
         ORDER BY r.received_at DESC, r.seq DESC LIMIT ?",
        wanted.text()
    );
    read_page(conn, &sql, wanted, limit, receipt_summary)
}

pub(super) fn deliveries(
    conn: &Connection,
    filter: DeliveryFilter,
    page: &PageRequest,
) -> Result<Page<DeliverySummary>, StoreError> {
    let mut wanted = Where::default();
    wanted.when(OF_RECEIPT, filter.receipt.map(|id| id.to_string()));
    // As above: pending and dead ones are few.
    let few = matches!(filter.state, Some(DeliveryState::Pending | DeliveryState::Dead));
    wanted.when(if few { "+d.destination = ?" } else { "d.destination = ?" }, filter.destination);
    wanted.when(if few { "+d.route = ?" } else { "d.route = ?" }, filter.route);
    if let Some(state) = filter.state {
        // Literals let the partial indexes serve them.
        wanted.conditions.push(match state {
            DeliveryState::Pending => "d.state = 'pending'",
            DeliveryState::Delivered => "d.state = 'delivered'",
            DeliveryState::Dead => "d.state = 'dead'",
            DeliveryState::Cancelled => "d.state = 'cancelled'",
            DeliveryState::Superseded => "d.state = 'superseded'",
        });
    }
    wanted.when("d.last_class = ?", filter.class.map(|class| class.name().to_owned()));
    wanted.when("d.created_at >= ?", filter.since.map(micros));
    wanted.when("d.created_at < ?", filter.until.map(micros));
    let limit = begin_page(&mut wanted, page, "(d.created_at, d.seq) < (?, ?)")?;
    let sql = format!(
        "SELECT d.*, d.created_at AS at, r.id AS receipt_id, e.id AS event_id, b.id AS batch_id
         FROM deliveries d
         CROSS JOIN receipts r ON r.seq = d.receipt
         CROSS JOIN events e ON e.seq = d.event
         LEFT JOIN batches b ON b.seq = d.batch {}
         ORDER BY d.created_at DESC, d.seq DESC LIMIT ?",
        wanted.text()
    );
    read_page(conn, &sql, wanted, limit, delivery_summary)
}

/// Adds the cursor and the limit, which is the result; one line more than that is asked for, to
/// tell whether there is a next page.
fn begin_page(wanted: &mut Where, page: &PageRequest, before: &'static str) -> Result<usize, StoreError> {
    if let Some(cursor) = page.after()? {
        wanted.conditions.push(before);
        wanted.values.extend([Value::from(cursor.at), Value::from(cursor.seq)]);
    }
    let limit = page.lines();
    wanted.values.push(Value::from(limit as i64 + 1));
    Ok(limit)
}

fn read_page<T>(
    conn: &Connection,
    sql: &str,
    wanted: Where,
    limit: usize,
    line: fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Page<T>, StoreError> {
    let mut select = conn.prepare_cached(sql).map_err(unavailable)?;
    let mut rows = select.query(params_from_iter(wanted.values)).map_err(unavailable)?;
    let mut page = Page { items: Vec::new(), next: None };
    let mut last = None;
    while let Some(row) = rows.next().map_err(unavailable)? {
        if page.items.len() == limit {
            page.next = last.map(Cursor::text);
            break;
        }
        last = Some(Cursor { at: get(row, "at")?, seq: get(row, "seq")? });
        page.items.push(line(row)?);
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::super::migrate::tests::plan;
    use super::*;

    #[test]
    fn the_deliveries_of_a_receipt_are_found_by_their_indexes() {
        let plan = plan(&format!("SELECT * FROM deliveries d WHERE {OF_RECEIPT}"));
        for index in [
            "SEARCH d USING INTEGER PRIMARY KEY",
            "own USING COVERING INDEX deliveries_receipt (receipt=?)",
            "m USING INDEX members_receipt (receipt=?)",
            "shared USING COVERING INDEX deliveries_batch (batch=?)",
        ] {
            assert!(plan.contains(index), "{plan}");
        }
    }
}
