//! Writing receipts and outcomes: the durable hand-over, and replays.

use rusqlite::{OptionalExtension, params};

use super::desk::{Desk, Fault};
use super::draft::{DeliveryDraft, EventDraft, OutcomeDraft, ReceiptDraft};
use super::finish::Row;
use super::lane;
use super::notice;
use super::row::parse_id;
use super::supersede;
use super::tally::Tally;
use crate::model::ReceiptId;
use crate::store::{Accepted, StoreError};

/// Writes a receipt with its outcome, unless its key is remembered.
pub(super) fn accept(
    desk: &mut Desk,
    receipt: &ReceiptDraft,
    outcome: &OutcomeDraft,
) -> Result<Accepted, Fault> {
    if let Some(first) = remembered(desk, receipt)? {
        let id = parse_id(&first)?;
        desk.execute("UPDATE receipts SET duplicates = duplicates + 1 WHERE id = ?1", [&first])?;
        return Ok(Accepted::Duplicate(id));
    }
    let seq = insert_receipt(desk, receipt, outcome)?;
    insert_content(desk, seq, receipt)?;
    put_outcome(desk, seq, outcome)?;
    let mut events = Vec::with_capacity(outcome.events.len());
    for event in &outcome.events {
        events.push(insert_event(desk, seq, event)?);
    }
    insert_deliveries(desk, seq, &events, outcome)?;
    if let Some(reason) = &outcome.reason {
        notice::failed(desk, receipt.id, &receipt.source, reason, receipt.received_at)?;
    }
    Ok(Accepted::New)
}

/// The first receipt with this key, if its window still runs.
fn remembered(desk: &Desk, receipt: &ReceiptDraft) -> Result<Option<String>, Fault> {
    let Some((key, _)) = &receipt.key else { return Ok(None) };
    let first = desk
        .conn
        .prepare_cached("SELECT receipt FROM dedupe WHERE source = ?1 AND key = ?2 AND expires_at > ?3")?
        .query_row(params![receipt.source, key, receipt.received_at], |row| row.get(0))
        .optional()?;
    Ok(first)
}

fn insert_receipt(desk: &mut Desk, receipt: &ReceiptDraft, outcome: &OutcomeDraft) -> Result<i64, Fault> {
    let first = outcome.events.first();
    let seq = desk.numbers.receipt();
    desk.execute(
        "INSERT INTO receipts (seq, id, source, received_at, status, reason, event_type, kind, name, events,
            finished_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?4)",
        params![
            seq,
            receipt.id.to_string(),
            receipt.source,
            receipt.received_at,
            outcome.status,
            outcome.reason,
            first.map(|event| &event.r#type),
            first.and_then(|event| event.kind.as_ref()),
            first.and_then(|event| event.name.as_ref()),
            outcome.events.len() as i64
        ],
    )?;
    Ok(seq)
}

fn insert_content(desk: &Desk, seq: i64, receipt: &ReceiptDraft) -> Result<(), Fault> {
    desk.execute(
        "INSERT INTO receipt_content (receipt, request, proof, dedupe, notes, masked, body_sha256, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            seq,
            receipt.request,
            receipt.proof,
            receipt.dedupe,
            receipt.notes,
            receipt.masked,
            receipt.body_sha256,
            &receipt.body[..]
        ],
    )?;
    if let Some((key, expires_at)) = &receipt.key {
        desk.execute(
            "INSERT INTO dedupe (source, key, receipt, expires_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (source, key) DO UPDATE
             SET receipt = excluded.receipt, expires_at = excluded.expires_at",
            params![receipt.source, key, receipt.id.to_string(), expires_at],
        )?;
    }
    Ok(())
}

fn put_outcome(desk: &Desk, receipt: i64, outcome: &OutcomeDraft) -> Result<(), Fault> {
    desk.execute(
        "INSERT OR REPLACE INTO outcomes (receipt, revision, failure, events) VALUES (?1, ?2, ?3, ?4)",
        params![receipt, outcome.revision, outcome.failure, outcome.json],
    )?;
    Ok(())
}

fn insert_event(desk: &mut Desk, receipt: i64, event: &EventDraft) -> Result<i64, Fault> {
    let tally = Tally {
        pending: event.deliveries,
        failed: event.failed,
        filtered: event.filtered,
        ..Tally::default()
    };
    desk.execute(
        "INSERT INTO events (id, receipt, type, kind, object_id, name, correlation_id, state, pending,
            failed, filtered) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            event.id,
            receipt,
            event.r#type,
            event.kind,
            event.object_id,
            event.name,
            event.correlation_id,
            tally.state().name(),
            tally.pending,
            tally.failed,
            tally.filtered
        ],
    )?;
    desk.totals.accepted(tally.state());
    Ok(desk.conn.last_insert_rowid())
}

/// Adds deliveries, whose number the events' tallies already have.
fn insert_deliveries(
    desk: &mut Desk,
    receipt: i64,
    events: &[i64],
    outcome: &OutcomeDraft,
) -> Result<(), Fault> {
    for delivery in &outcome.deliveries {
        let event = events.get(delivery.event).copied().unwrap_or_default();
        insert_delivery(desk, receipt, event, delivery)?;
        desk.totals.waiting(&delivery.destination, 1);
        desk.ring(&delivery.destination);
    }
    if !outcome.deliveries.is_empty() {
        desk.execute(
            "UPDATE receipts SET deliveries = deliveries + ?2, pending = pending + ?2 WHERE seq = ?1",
            params![receipt, outcome.deliveries.len() as i64],
        )?;
    }
    Ok(())
}

fn insert_delivery(desk: &mut Desk, receipt: i64, event: i64, delivery: &DeliveryDraft) -> Result<(), Fault> {
    let seq = desk.numbers.place();
    let sql = format!(
        "INSERT INTO deliveries (destination, lane, place, seq, id, receipt, event, route, supersede,
            created_at, due_at, ready)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, {})",
        lane::IS_READY
    );
    desk.execute(
        &sql,
        params![
            delivery.destination,
            delivery.lane,
            seq,
            seq,
            delivery.id,
            receipt,
            event,
            delivery.route,
            delivery.supersede,
            delivery.created_at
        ],
    )?;
    desk.execute(
        "INSERT INTO delivery_content (delivery, url, content_type, headers, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            seq,
            delivery.url,
            delivery.content_type,
            delivery.headers,
            delivery.body.as_deref()
        ],
    )?;
    if delivery.supersede
        && let Some(row) = Row::pending(desk, seq)?
    {
        supersede::arrived(desk, &row, delivery.created_at)?;
    }
    Ok(())
}

/// Replaces the outcome of a receipt and adds what is new.
pub(super) fn replay(
    desk: &mut Desk,
    receipt: ReceiptId,
    seen: u32,
    outcome: &OutcomeDraft,
    now: i64,
) -> Result<(), Fault> {
    let (seq, replays, source): (i64, u32, String) = desk
        .conn
        .prepare_cached("SELECT seq, replays, source FROM receipts WHERE id = ?1")?
        .query_row([receipt.to_string()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?
        .ok_or_else(|| StoreError::NotFound(format!("receipt {receipt}")))?;
    if replays != seen {
        let text = format!("{receipt} was replayed meanwhile: look what came of it first");
        return Err(Fault::Refused(StoreError::Conflict(text)));
    }
    put_outcome(desk, seq, outcome)?;
    let mut forgotten = known_events(desk, seq)?;
    let mut events = Vec::with_capacity(outcome.events.len());
    let mut new = 0;
    for event in &outcome.events {
        if let Some(place) = forgotten.iter().position(|(id, _)| *id == event.id) {
            let (_, known) = forgotten.swap_remove(place);
            desk.recount(known, |tally| {
                tally.pending += event.deliveries;
                tally.failed = event.failed;
                tally.filtered = event.filtered;
            })?;
            events.push(known);
        } else {
            events.push(insert_event(desk, seq, event)?);
            new += 1;
        }
    }
    if outcome.failure.is_none() {
        for (_, event) in forgotten {
            desk.recount(event, |tally| (tally.failed, tally.filtered) = (0, 0))?;
        }
    }
    update_receipt(desk, seq, outcome, new, now)?;
    insert_deliveries(desk, seq, &events, outcome)?;
    match &outcome.reason {
        Some(reason) => notice::failed(desk, receipt, &source, reason, now),
        None => Ok(()),
    }
}

fn known_events(desk: &Desk, receipt: i64) -> Result<Vec<(String, i64)>, Fault> {
    let mut select =
        desk.conn.prepare_cached("SELECT id, seq FROM events WHERE receipt = ?1 ORDER BY seq DESC")?;
    let rows = select.query_map([receipt], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn update_receipt(desk: &Desk, seq: i64, outcome: &OutcomeDraft, new: i64, now: i64) -> Result<(), Fault> {
    let first = outcome.events.first();
    desk.execute(
        "UPDATE receipts SET status = ?2, reason = ?3, replays = replays + 1, events = events + ?4,
            finished_at = max(finished_at, ?5), event_type = coalesce(?6, event_type),
            kind = iif(?6 IS NULL, kind, ?7), name = iif(?6 IS NULL, name, ?8)
         WHERE seq = ?1",
        params![
            seq,
            outcome.status,
            outcome.reason,
            new,
            now,
            first.map(|event| &event.r#type),
            first.and_then(|event| event.kind.as_ref()),
            first.and_then(|event| event.name.as_ref())
        ],
    )?;
    Ok(())
}
