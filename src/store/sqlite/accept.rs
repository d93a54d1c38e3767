//! The durable hand-over: a receipt with its outcome, unless it is a repetition.

use std::sync::Arc;

use rusqlite::params;

use super::super::draft::{OutcomeDraft, ReceiptDraft};
use super::defer::{self, Deferral};
use super::desk::{Desk, Fault};
use super::notice;
use super::outcome;
use super::row::parse_id;
use crate::model::Delivery;
use crate::store::Accepted;

/// Writes nothing where the key `?2` of source `?1` is remembered at `?5`.
pub(super) const REMEMBER: &str =
    "INSERT INTO dedupe (source, key, receipt, expires_at) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (source, key) DO UPDATE
     SET receipt = excluded.receipt, expires_at = excluded.expires_at WHERE expires_at <= ?5";

/// Writes a receipt with its outcome, unless its key is remembered. `deliveries` are the outcome's, as
/// they will be read back.
pub(super) fn accept(
    desk: &mut Desk,
    receipt: &ReceiptDraft,
    outcome: &OutcomeDraft,
    deliveries: &[Arc<Delivery>],
) -> Result<Accepted, Fault> {
    if let Some(first) = remember(desk, receipt)? {
        let id = parse_id(&first)?;
        desk.execute("UPDATE receipts SET duplicates = duplicates + 1 WHERE id = ?1", [&first])?;
        return Ok(Accepted::Duplicate(id));
    }
    let seq = insert_receipt(desk, receipt, outcome)?;
    insert_content(desk, seq, receipt, outcome)?;
    let rows = outcome::write(desk, seq, outcome, receipt.received_at)?;
    for (row, delivery) in rows.into_iter().zip(deliveries) {
        desk.recent.note(row, Arc::clone(delivery));
    }
    if outcome.deferred {
        defer::set(desk, seq, Some(Deferral { due_at: receipt.received_at, tries: 0 }))?;
    }
    if let Some(reason) = &outcome.reason {
        notice::failed(desk, receipt.id, &receipt.source, reason, receipt.received_at)?;
    }
    Ok(Accepted::New)
}

/// Remembers the receipt's key; where the window of another receipt with this key still runs, that one.
fn remember(desk: &Desk, receipt: &ReceiptDraft) -> Result<Option<String>, Fault> {
    let Some((key, expires_at)) = &receipt.key else { return Ok(None) };
    let written = desk.execute(
        REMEMBER,
        params![receipt.source, key, receipt.id.to_string(), expires_at, receipt.received_at],
    )?;
    if written > 0 {
        return Ok(None);
    }
    let first = desk
        .conn
        .prepare_cached("SELECT receipt FROM dedupe WHERE source = ?1 AND key = ?2")?
        .query_row([&receipt.source, key], |row| row.get(0))?;
    Ok(Some(first))
}

fn insert_receipt(desk: &mut Desk, receipt: &ReceiptDraft, outcome: &OutcomeDraft) -> Result<i64, Fault> {
    let first = outcome.events.first();
    let (events, deliveries) = (outcome.events.len() as i64, outcome.deliveries.len() as i64);
    let seq = desk.numbers.receipt();
    desk.execute(
        "INSERT INTO receipts (seq, id, source, received_at, status, reason, event_type, kind, name, events,
            deliveries, pending, finished_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?4)",
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
            events,
            deliveries
        ],
    )?;
    Ok(seq)
}

/// What is big about a receipt and its first outcome, in one row: nothing of it changes.
/// `body_sha256` is a column of before: files that have it must have something in it.
fn insert_content(
    desk: &Desk,
    seq: i64,
    receipt: &ReceiptDraft,
    outcome: &OutcomeDraft,
) -> Result<(), Fault> {
    desk.execute(
        "INSERT INTO receipt_content (receipt, request, proof, dedupe, notes, masked, body, revision, failure,
            events, body_sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, '')",
        params![
            seq,
            receipt.request,
            receipt.proof,
            receipt.dedupe,
            receipt.notes,
            receipt.masked,
            &receipt.body[..],
            outcome.revision,
            outcome.failure,
            outcome.json
        ],
    )?;
    Ok(())
}
