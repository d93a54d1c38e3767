//! The durable hand-over: a receipt with its outcome, unless it is a repetition.

use rusqlite::{OptionalExtension, params};

use super::super::draft::{OutcomeDraft, ReceiptDraft};
use super::defer::{self, Deferral};
use super::desk::{Desk, Fault};
use super::notice;
use super::outcome;
use super::row::parse_id;
use crate::store::Accepted;

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
    outcome::write(desk, seq, outcome, receipt.received_at)?;
    if outcome.deferred {
        defer::set(desk, seq, Some(Deferral { due_at: receipt.received_at, tries: 0 }))?;
    }
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
