//! The same receipt under other rules, or with the lookups that it waited for.

use rusqlite::{OptionalExtension, params};

use super::super::draft::OutcomeDraft;
use super::defer::{self, Deferral};
use super::desk::{Desk, Fault};
use super::notice;
use super::outcome::{self, Replaced};
use crate::model::ReceiptId;
use crate::store::{LeasedReceipt, StoreError};

/// What the file knows of a receipt whose outcome is about to change.
#[derive(Debug)]
struct Known {
    seq: i64,
    source: String,
    turn: u32,
    /// Why it counts as failed, if it does.
    failed: Option<String>,
}

/// Who may resolve, and when the rest is due.
#[derive(Debug)]
pub(super) struct Resolving {
    receipt: ReceiptId,
    token: u64,
    seen: u32,
    again: i64,
    now: i64,
}

impl Resolving {
    pub(super) fn new(leased: &LeasedReceipt, again: i64, now: i64) -> Self {
        let stored = &leased.stored;
        Self { receipt: stored.receipt.id, token: leased.token, seen: stored.turn, again, now }
    }
}

/// Replaces the outcome of a receipt and adds what is new.
pub(super) fn replay(
    desk: &mut Desk,
    receipt: ReceiptId,
    seen: u32,
    outcome: &OutcomeDraft,
    now: i64,
) -> Result<(), Fault> {
    let known = find(desk, receipt)?;
    if known.turn != seen {
        let text =
            format!("{receipt} was replayed meanwhile, or its lookups were made: look what came of it first");
        return Err(Fault::Refused(StoreError::Conflict(text)));
    }
    // Who makes its lookups makes them for an outcome that is no more.
    desk.deferrals.end(known.seq);
    let replaced = outcome::replace(desk, known.seq, outcome, now)?;
    update(desk, &known, outcome, &replaced, now, 1)?;
    let deferral = outcome.deferred.then_some(Deferral { due_at: now, tries: 0 });
    defer::set(desk, known.seq, deferral)?;
    match &replaced.reason {
        Some(reason) => notice::failed(desk, receipt, &known.source, reason, now),
        None => Ok(()),
    }
}

/// The same with an outcome that knows more, which is no replay.
pub(super) fn resolve(desk: &mut Desk, by: &Resolving, outcome: &OutcomeDraft) -> Result<(), Fault> {
    let known = find(desk, by.receipt)?;
    let before = defer::find(desk, known.seq)?.filter(|_| known.turn == by.seen);
    let Some(before) = before.filter(|_| desk.deferrals.is_valid(known.seq, by.token)) else {
        return Err(Fault::Refused(StoreError::LeaseLost(by.receipt.to_string())));
    };
    let replaced = outcome::replace(desk, known.seq, outcome, by.now)?;
    update(desk, &known, outcome, &replaced, by.now, 0)?;
    let deferral = Deferral { due_at: by.again, tries: before.tries.saturating_add(1) };
    defer::set(desk, known.seq, outcome.deferred.then_some(deferral))?;
    desk.deferrals.end(known.seq);
    match &replaced.reason {
        // A failure that stood there before was told.
        Some(reason) if known.failed.as_ref() != Some(reason) => {
            notice::failed(desk, by.receipt, &known.source, reason, by.now)
        }
        _ => Ok(()),
    }
}

fn find(desk: &Desk, id: ReceiptId) -> Result<Known, Fault> {
    let found = desk
        .conn
        .prepare_cached(
            "SELECT seq, source, turn, iif(status = 'failed', coalesce(reason, ''), NULL)
             FROM receipts WHERE id = ?1",
        )?
        .query_row([id.to_string()], |row| {
            Ok(Known { seq: row.get(0)?, source: row.get(1)?, turn: row.get(2)?, failed: row.get(3)? })
        })
        .optional()?;
    Ok(found.ok_or_else(|| StoreError::NotFound(format!("receipt {id}")))?)
}

fn update(
    desk: &Desk,
    known: &Known,
    outcome: &OutcomeDraft,
    replaced: &Replaced,
    now: i64,
    replays: u32,
) -> Result<(), Fault> {
    let first = outcome.events.first();
    desk.execute(
        "UPDATE receipts SET status = ?2, reason = ?3, replays = replays + ?4, turn = turn + 1, events = events + ?5,
            finished_at = max(finished_at, ?6), event_type = coalesce(?7, event_type),
            kind = iif(?7 IS NULL, kind, ?8), name = iif(?7 IS NULL, name, ?9)
         WHERE seq = ?1",
        params![
            known.seq,
            if replaced.reason.is_some() { "failed" } else { "processed" },
            replaced.reason,
            replays,
            replaced.new,
            now,
            first.map(|event| &event.r#type),
            first.and_then(|event| event.kind.as_ref()),
            first.and_then(|event| event.name.as_ref())
        ],
    )?;
    Ok(())
}
