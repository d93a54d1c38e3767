//! One receipt or delivery whole, the ledger, the backlog.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row};

use super::super::kept;
use super::batch;
use super::row::{
    RawDelivery, at, damaged, delivery_summary, from_json, get, id, json, parse_id, status, unavailable,
};
use super::wording;
use crate::model::{Attempt, Delivery, DeliveryId, Held, Outcome, Receipt, ReceiptId};
use crate::store::{LeasedReceipt, Ledger, StoreError, StoredDelivery, StoredReceipt, Waiting};

/// The deliveries of receipt `?1`: its own, and those of the batches that its events left in.
pub(super) const OF_RECEIPT: &str = "SELECT seq FROM deliveries WHERE receipt = ?1
     UNION SELECT d.seq FROM members m CROSS JOIN deliveries d ON d.batch = m.batch WHERE m.receipt = ?1";

pub(super) fn receipt(conn: &Connection, wanted: ReceiptId) -> Result<StoredReceipt, StoreError> {
    let mut select = conn
        .prepare_cached(
            "SELECT r.*, c.request, c.proof, c.dedupe, c.notes, c.masked, c.body,
                iif(o.receipt IS NULL, c.revision, o.revision) AS revision,
                iif(o.receipt IS NULL, c.failure, o.failure) AS failure,
                iif(o.receipt IS NULL, c.events, o.events) AS outcome
             FROM receipts r
             JOIN receipt_content c ON c.receipt = r.seq
             LEFT JOIN outcomes o ON o.receipt = r.seq
             WHERE r.id = ?1",
        )
        .map_err(unavailable)?;
    let mut rows = select.query([wanted.to_string()]).map_err(unavailable)?;
    let row = rows.next().map_err(unavailable)?;
    let row = row.ok_or_else(|| StoreError::NotFound(format!("receipt {wanted}")))?;
    let seq = get(row, "seq")?;
    let receipt = read_receipt(row)?;
    let reading = kept::Reading::new(&get::<String>(row, "outcome")?)?;
    let mut known = HashMap::new();
    for id in reading.wordings() {
        known.extend(wording::read(conn, id)?.map(|found| (id.to_owned(), Arc::new(found))));
    }
    let mut events = reading.events(&receipt.body, &known)?;
    batch::tell(conn, &mut events)?;
    Ok(StoredReceipt {
        receipt,
        outcome: Outcome {
            revision: get(row, "revision")?,
            failure: maybe_json(row, "failure")?,
            events,
            deliveries: deliveries_of(conn, seq)?,
            gathered: Vec::new(),
            held: held_by(conn, seq)?,
        },
        status: status(&get::<String>(row, "status")?)?,
        duplicates: get(row, "duplicates")?,
        replays: get(row, "replays")?,
        turn: get(row, "turn")?,
    })
}

fn read_receipt(row: &Row<'_>) -> Result<Receipt, StoreError> {
    Ok(Receipt {
        id: id(row, "id")?,
        source: Arc::from(get::<String>(row, "source")?),
        received_at: at(row, "received_at")?,
        request: json(row, "request")?,
        body: Bytes::from(get::<Vec<u8>>(row, "body")?),
        dedupe: maybe_json(row, "dedupe")?,
        proof: json(row, "proof")?,
        notes: json(row, "notes")?,
        masked: json(row, "masked")?,
    })
}

fn maybe_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<Option<T>, StoreError> {
    get::<Option<String>>(row, column)?.map(|text| from_json(&text)).transpose()
}

fn deliveries_of(conn: &Connection, receipt: i64) -> Result<Vec<Delivery>, StoreError> {
    let mut select = conn
        .prepare_cached(&format!("SELECT seq FROM deliveries WHERE seq IN ({OF_RECEIPT}) ORDER BY seq"))
        .map_err(unavailable)?;
    let rows = select.query_map([receipt], |row| row.get(0)).map_err(unavailable)?;
    rows.map(|seq| read_delivery(conn, seq.map_err(unavailable)?)).collect()
}

fn held_by(conn: &Connection, receipt: i64) -> Result<Vec<Held>, StoreError> {
    let mut select = conn
        .prepare_cached(
            "SELECT e.id AS event_id, h.* FROM held h CROSS JOIN events e ON e.seq = h.event
             WHERE h.receipt = ?1 ORDER BY h.place",
        )
        .map_err(unavailable)?;
    let mut rows = select.query([receipt]).map_err(unavailable)?;
    let mut held = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        held.push(Held {
            event: id(row, "event_id")?,
            route: get(row, "route")?,
            destination: get(row, "destination")?,
            lane: get(row, "lane")?,
        });
    }
    Ok(held)
}

/// The leased receipts of these rows, with their tokens.
pub(super) fn deferred(conn: &Connection, rows: &[(i64, u64)]) -> Result<Vec<LeasedReceipt>, StoreError> {
    let mut receipts = Vec::with_capacity(rows.len());
    for (seq, token) in rows {
        let found = conn
            .prepare_cached(
                "SELECT r.id, d.tries FROM deferrals d CROSS JOIN receipts r ON r.seq = d.receipt
                 WHERE d.receipt = ?1",
            )
            .and_then(|mut select| {
                select.query_row([seq], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).optional()
            })
            .map_err(unavailable)?;
        // One that was replayed since it was leased may wait for nothing any more.
        if let Some((id, tries)) = found {
            let stored = receipt(conn, parse_id(&id)?)?;
            receipts.push(LeasedReceipt { stored, tries, token: *token });
        }
    }
    Ok(receipts)
}

pub(super) fn waiting(conn: &Connection) -> Result<Waiting, StoreError> {
    let counts = conn
        .prepare_cached(
            "SELECT (SELECT count(*) FROM batches WHERE state = 'open'), (SELECT count(*) FROM gathered),
                (SELECT count(*) FROM deferrals)",
        )
        .and_then(|mut select| {
            select.query_row([], |row| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?]))
        });
    let [batches, gathered, deferred] = counts.map_err(unavailable)?.map(i64::cast_unsigned);
    Ok(Waiting { batches, gathered, deferred })
}

fn read_delivery(conn: &Connection, seq: i64) -> Result<Delivery, StoreError> {
    let mut select = conn.prepare_cached(RawDelivery::BY_SEQ).map_err(unavailable)?;
    select.query_row([seq], RawDelivery::from_row).map_err(unavailable)?.decode()
}

pub(super) fn delivery(conn: &Connection, wanted: DeliveryId) -> Result<StoredDelivery, StoreError> {
    let mut select = conn
        .prepare_cached(
            "SELECT d.*, r.id AS receipt_id, e.id AS event_id, b.id AS batch_id FROM deliveries d
             JOIN receipts r ON r.seq = d.receipt JOIN events e ON e.seq = d.event
             LEFT JOIN batches b ON b.seq = d.batch
             WHERE d.id = ?1",
        )
        .map_err(unavailable)?;
    let mut rows = select.query([wanted.to_string()]).map_err(unavailable)?;
    let row = rows.next().map_err(unavailable)?;
    let row = row.ok_or_else(|| StoreError::NotFound(format!("delivery {wanted}")))?;
    let seq = get(row, "seq")?;
    Ok(StoredDelivery {
        summary: delivery_summary(row)?,
        delivery: read_delivery(conn, seq)?,
        attempts: attempts_of(conn, seq)?,
    })
}

fn attempts_of(conn: &Connection, delivery: i64) -> Result<Vec<Attempt>, StoreError> {
    let mut select = conn
        .prepare_cached("SELECT attempt FROM attempts WHERE delivery = ?1 ORDER BY seq")
        .map_err(unavailable)?;
    let rows = select.query_map([delivery], |row| row.get::<_, String>(0)).map_err(unavailable)?;
    rows.map(|text| from_json(&text.map_err(unavailable)?)).collect()
}

pub(super) fn ledger(conn: &Connection) -> Result<Ledger, StoreError> {
    let mut ledger = Ledger::default();
    for (name, total) in pairs(conn, "SELECT name, total FROM ledger")? {
        let line = ledger.line(&name);
        *line.ok_or_else(|| damaged(format!("the ledger's line {name:?}")))? = total;
    }
    Ok(ledger)
}

pub(super) fn pending(conn: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    pairs(conn, "SELECT destination, pending FROM backlog WHERE pending > 0 ORDER BY destination")
}

fn pairs(conn: &Connection, sql: &str) -> Result<Vec<(String, u64)>, StoreError> {
    let mut select = conn.prepare_cached(sql).map_err(unavailable)?;
    let rows = select
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
        .map_err(unavailable)?;
    rows.map(|pair| {
        let (name, count) = pair.map_err(unavailable)?;
        let count = u64::try_from(count).map_err(|_| damaged(format!("the count of {name:?}")))?;
        Ok((name, count))
    })
    .collect()
}
