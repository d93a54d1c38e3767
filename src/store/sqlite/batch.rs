//! Batches as they are read: whole for who seals them, and what became of them for who looks at a
//! receipt.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, Row};

use super::row::{at, damaged, from_json, get, id, json, parse_id, unavailable};
use crate::model::{Batch, By, Decision, DeliveryId, Failure, Member, Processed, ReceiptId};
use crate::store::{LeasedBatch, StoreError};

/// Those of these rows, with their tokens.
pub(super) fn leased(conn: &Connection, rows: &[(i64, u64)]) -> Result<Vec<LeasedBatch>, StoreError> {
    let mut batches = Vec::with_capacity(rows.len());
    for (seq, token) in rows {
        // One that lost its last member since it was leased is gone.
        if let Some(batch) = load(conn, *seq)? {
            batches.push(LeasedBatch { batch, token: *token });
        }
    }
    Ok(batches)
}

fn load(conn: &Connection, seq: i64) -> Result<Option<Batch>, StoreError> {
    let mut select = conn
        .prepare_cached(
            "SELECT id, route, gathered_by, key, group_key, opened_at FROM batches
             WHERE seq = ?1 AND state = 'open'",
        )
        .map_err(unavailable)?;
    let mut rows = select.query([seq]).map_err(unavailable)?;
    let Some(row) = rows.next().map_err(unavailable)? else { return Ok(None) };
    let by: String = get(row, "gathered_by")?;
    Ok(Some(Batch {
        id: id(row, "id")?,
        route: get(row, "route")?,
        by: By::parse(&by).ok_or_else(|| damaged(format!("the grouping {by:?}")))?,
        key: get(row, "key")?,
        group: get(row, "group_key")?,
        opened_at: at(row, "opened_at")?,
        members: members(conn, seq)?,
    }))
}

fn members(conn: &Connection, batch: i64) -> Result<Vec<Member>, StoreError> {
    let mut select = conn
        .prepare_cached(
            "SELECT m.receipt, r.id, g.event, g.lookups, g.lineage
             FROM members m
             CROSS JOIN gathered g ON g.member = m.seq
             CROSS JOIN receipts r ON r.seq = m.receipt
             WHERE m.batch = ?1 ORDER BY m.seq",
        )
        .map_err(unavailable)?;
    let mut rows = select.query([batch]).map_err(unavailable)?;
    let mut members: Vec<Member> = Vec::new();
    while let Some(row) = rows.next().map_err(unavailable)? {
        let receipt: ReceiptId = id(row, "id")?;
        // Events of one receipt come one after the other, and share its body.
        let body = match members.last().filter(|last| last.receipt == receipt) {
            Some(last) => last.body.clone(),
            None => body(conn, get(row, "receipt")?)?,
        };
        members.push(Member {
            receipt,
            event: Arc::new(json(row, "event")?),
            lookups: json(row, "lookups")?,
            lineage: json(row, "lineage")?,
            body,
        });
    }
    Ok(members)
}

fn body(conn: &Connection, receipt: i64) -> Result<Bytes, StoreError> {
    conn.prepare_cached("SELECT body FROM receipt_content WHERE receipt = ?1")
        .and_then(|mut select| select.query_row([receipt], |row| row.get::<_, Vec<u8>>(0)))
        .map(Bytes::from)
        .map_err(unavailable)
}

/// Puts what became of batches in the place of the verdicts that say that an event waits in one.
pub(super) fn tell(conn: &Connection, events: &mut [Processed]) -> Result<(), StoreError> {
    for Processed { event, routes, .. } in events {
        for verdict in routes {
            if let Decision::Gathered { key, .. } = &verdict.decision
                && let Some(known) = became(conn, &event.id.to_string(), &verdict.route, key)?
            {
                verdict.decision = known;
            }
        }
    }
    Ok(())
}

/// What became of the latest batch that a route gathered an event in.
fn became(conn: &Connection, event: &str, route: &str, key: &str) -> Result<Option<Decision>, StoreError> {
    let mut select = conn
        .prepare_cached(
            "SELECT b.* FROM events e
             CROSS JOIN members m ON m.event = e.seq
             CROSS JOIN batches b ON b.seq = m.batch
             WHERE e.id = ?1 AND b.route = ?2 ORDER BY m.seq DESC LIMIT 1",
        )
        .map_err(unavailable)?;
    let mut rows = select.query([event, route]).map_err(unavailable)?;
    let Some(row) = rows.next().map_err(unavailable)? else { return Ok(None) };
    decision(conn, row, key).map(Some)
}

fn decision(conn: &Connection, row: &Row<'_>, key: &str) -> Result<Decision, StoreError> {
    let state: String = get(row, "state")?;
    Ok(match state.as_str() {
        "open" => Decision::Gathered {
            key: key.to_owned(),
            batch: Some(id(row, "id")?),
            until: Some(at(row, "due_at")?),
        },
        "sent" => Decision::Routed {
            deliveries: deliveries(conn, get(row, "seq")?)?,
            script: None,
            batch: Some(id(row, "id")?),
        },
        "dropped" => Decision::Filtered { reason: get(row, "reason")? },
        "failed" => Decision::Failed(from_json::<Failure>(&get::<String>(row, "failure")?)?),
        other => return Err(damaged(format!("the state {other:?} of a batch"))),
    })
}

fn deliveries(conn: &Connection, batch: i64) -> Result<Vec<DeliveryId>, StoreError> {
    let mut select = conn
        .prepare_cached("SELECT id FROM deliveries WHERE batch = ?1 ORDER BY seq")
        .map_err(unavailable)?;
    let rows = select.query_map([batch], |row| row.get::<_, String>(0)).map_err(unavailable)?;
    rows.map(|id| parse_id(&id.map_err(unavailable)?)).collect()
}
