//! Events that wait for others: which batch one joins, and when that is complete.

use rusqlite::{OptionalExtension, params};

use super::super::draft::GatherDraft;
use super::desk::{Desk, Fault};
use crate::store::Errand;

/// An open batch that takes one more.
#[derive(Debug)]
struct Open {
    seq: i64,
    opened_at: i64,
    joined_at: i64,
    due_at: i64,
    count: i64,
    bytes: i64,
}

/// Where an event waits already.
#[derive(Debug)]
struct Place {
    member: i64,
    batch: i64,
    is_same_group: bool,
}

/// Puts an event into the batch of its group; whether it is in one more batch than before. An event
/// that waits for this route already waits on, with what is known of it now.
pub(super) fn gather(
    desk: &mut Desk,
    receipt: i64,
    event: i64,
    draft: &GatherDraft,
    now: i64,
) -> Result<bool, Fault> {
    let before = place(desk, event, draft)?;
    match &before {
        Some(place) if place.is_same_group => {
            renew(desk, place, draft, now)?;
            return Ok(false);
        }
        Some(place) => leave(desk, place)?,
        None => {}
    }
    let batch = match joinable(desk, draft, now)? {
        Some(batch) => join(desk, &batch, draft, now)?,
        None => open(desk, draft, now)?,
    };
    desk.execute("INSERT INTO members (batch, event, receipt) VALUES (?1, ?2, ?3)", [batch, event, receipt])?;
    desk.execute(
        "INSERT INTO gathered (member, event, lookups, lineage) VALUES (?1, ?2, ?3, ?4)",
        params![desk.conn.last_insert_rowid(), draft.content, draft.lookups, draft.lineage],
    )?;
    Ok(before.is_none())
}

fn place(desk: &Desk, event: i64, draft: &GatherDraft) -> Result<Option<Place>, Fault> {
    let found = desk
        .conn
        .prepare_cached(
            "SELECT m.seq, b.seq, b.gathered_by = ?3 AND b.key = ?4 AND b.group_key = ?5
             FROM members m CROSS JOIN batches b ON b.seq = m.batch
             WHERE m.event = ?1 AND b.route = ?2 AND b.state = 'open'",
        )?
        .query_row(params![event, draft.route, draft.by, draft.key, draft.group], |row| {
            Ok(Place { member: row.get(0)?, batch: row.get(1)?, is_same_group: row.get(2)? })
        })
        .optional()?;
    Ok(found)
}

/// Replaces what a member brings. Who has the batch to seal it has the old text, and loses it.
fn renew(desk: &mut Desk, place: &Place, draft: &GatherDraft, now: i64) -> Result<(), Fault> {
    recall(desk, place.batch);
    let more = draft.size() - size(desk, place.member)?;
    desk.execute(
        "UPDATE gathered SET event = ?2, lookups = ?3, lineage = ?4 WHERE member = ?1",
        params![place.member, draft.content, draft.lookups, draft.lineage],
    )?;
    desk.execute(
        "UPDATE batches SET bytes = bytes + ?2, full = full OR bytes + ?2 >= ?3,
            due_at = iif(bytes + ?2 >= ?3, min(due_at, ?4), due_at) WHERE seq = ?1",
        params![place.batch, more, draft.max_bytes, now],
    )?;
    desk.announce(Errand::Batches);
    Ok(())
}

/// Takes a member out of its batch, and the batch away if that was all.
fn leave(desk: &mut Desk, place: &Place) -> Result<(), Fault> {
    recall(desk, place.batch);
    let size = size(desk, place.member)?;
    desk.execute("DELETE FROM gathered WHERE member = ?1", [place.member])?;
    desk.execute("DELETE FROM members WHERE seq = ?1", [place.member])?;
    desk.execute(
        "UPDATE batches SET count = count - 1, bytes = bytes - ?2 WHERE seq = ?1",
        [place.batch, size],
    )?;
    desk.execute("DELETE FROM batches WHERE seq = ?1 AND count = 0", [place.batch])?;
    Ok(())
}

fn size(desk: &Desk, member: i64) -> Result<i64, Fault> {
    let mut select = desk.conn.prepare_cached(
        "SELECT octet_length(event) + octet_length(lookups) + octet_length(lineage)
         FROM gathered WHERE member = ?1",
    )?;
    Ok(select.query_row([member], |row| row.get(0))?)
}

/// Takes a batch from whoever is about to seal it.
fn recall(desk: &mut Desk, batch: i64) {
    if desk.batches.end(batch) {
        desk.announce(Errand::Batches);
    }
}

/// The latest batch of the group, if its window is open. One that this event does not fit into is
/// complete.
fn joinable(desk: &mut Desk, draft: &GatherDraft, now: i64) -> Result<Option<Open>, Fault> {
    if draft.alone {
        return Ok(None);
    }
    let Some(batch) = latest(desk, draft)?.filter(|batch| now < batch.due_at) else { return Ok(None) };
    // Who seals a batch has seen its members, even if the lease ran out.
    if desk.batches.is_out(batch.seq) {
        return Ok(None);
    }
    if batch.count >= draft.max_events || batch.bytes.saturating_add(draft.size()) > draft.max_bytes {
        desk.execute("UPDATE batches SET full = 1, due_at = ?2 WHERE seq = ?1", [batch.seq, now])?;
        desk.announce(Errand::Batches);
        return Ok(None);
    }
    Ok(Some(batch))
}

fn latest(desk: &Desk, draft: &GatherDraft) -> Result<Option<Open>, Fault> {
    let found = desk
        .conn
        .prepare_cached(
            "SELECT seq, opened_at, joined_at, due_at, count, bytes FROM batches INDEXED BY batches_group
             WHERE state = 'open' AND route = ?1 AND group_key = ?2 AND gathered_by = ?3 AND key = ?4
                AND full = 0
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![draft.route, draft.group, draft.by, draft.key], |row| {
            Ok(Open {
                seq: row.get(0)?,
                opened_at: row.get(1)?,
                joined_at: row.get(2)?,
                due_at: row.get(3)?,
                count: row.get(4)?,
                bytes: row.get(5)?,
            })
        })
        .optional()?;
    Ok(found)
}

fn join(desk: &mut Desk, batch: &Open, draft: &GatherDraft, now: i64) -> Result<i64, Fault> {
    let (count, bytes) = (batch.count + 1, batch.bytes + draft.size());
    let joined_at = batch.joined_at.max(now);
    let (full, due_at) = completion(draft, batch.opened_at, joined_at, (count, bytes), now);
    desk.execute(
        "UPDATE batches SET joined_at = ?2, quiet = ?3, max_wait = ?4, full = ?5, due_at = ?6,
            count = ?7, bytes = ?8 WHERE seq = ?1",
        params![batch.seq, joined_at, draft.quiet, draft.max_wait, full, due_at, count, bytes],
    )?;
    // Who waits for it to be due looks then, and learns that it is due later.
    if due_at < batch.due_at {
        desk.announce(Errand::Batches);
    }
    Ok(batch.seq)
}

fn open(desk: &mut Desk, draft: &GatherDraft, now: i64) -> Result<i64, Fault> {
    let (full, due_at) = completion(draft, now, now, (1, draft.size()), now);
    desk.execute(
        "INSERT INTO batches (id, route, gathered_by, group_key, key, opened_at, joined_at, quiet, max_wait,
            full, due_at, count, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10, 1, ?11)",
        params![
            draft.batch.to_string(),
            draft.route,
            draft.by,
            draft.group,
            draft.key,
            now,
            draft.quiet,
            draft.max_wait,
            full,
            due_at,
            draft.size()
        ],
    )?;
    desk.announce(Errand::Batches);
    Ok(desk.conn.last_insert_rowid())
}

/// Whether nobody joins any more, and when the batch is due.
fn completion(
    draft: &GatherDraft,
    opened_at: i64,
    joined_at: i64,
    (count, bytes): (i64, i64),
    now: i64,
) -> (bool, i64) {
    let full = draft.alone || count >= draft.max_events || bytes >= draft.max_bytes;
    let silence = (joined_at + draft.quiet).min(opened_at + draft.max_wait);
    (full, if full { silence.min(now) } else { silence })
}

/// Lets the silence of all that may still be joined begin anew; how many these are.
pub(super) fn listen_again(desk: &mut Desk, now: i64) -> Result<u64, Fault> {
    let heard = desk.execute(
        "UPDATE batches SET joined_at = max(joined_at, ?1), due_at = min(?1 + quiet, opened_at + max_wait)
         WHERE state = 'open' AND full = 0 AND NOT EXISTS (
            SELECT 1 FROM batches AS later INDEXED BY batches_group
            WHERE later.state = 'open' AND later.route = batches.route
                AND later.group_key = batches.group_key AND later.seq > batches.seq
                AND later.gathered_by = batches.gathered_by AND later.key = batches.key)",
        [now],
    )?;
    desk.announce(Errand::Batches);
    Ok(heard as u64)
}

/// What became of gathered events whose verdicts an outcome keeps as they were.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) dropped: i64,
    pub(super) failed: i64,
    /// Of the first that failed.
    pub(super) reason: Option<String>,
}

/// Of the latest batch of each route.
pub(super) fn standing(desk: &Desk, event: i64, routes: &[String]) -> Result<Standing, Fault> {
    let mut standing = Standing::default();
    for route in routes {
        let found: Option<(String, Option<String>)> = desk
            .conn
            .prepare_cached(
                "SELECT b.state, b.reason FROM members m CROSS JOIN batches b ON b.seq = m.batch
                 WHERE m.event = ?1 AND b.route = ?2 ORDER BY m.seq DESC LIMIT 1",
            )?
            .query_row(params![event, route], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match found {
            Some((state, _)) if state == "dropped" => standing.dropped += 1,
            Some((state, reason)) if state == "failed" => {
                standing.failed += 1;
                standing.reason = standing.reason.or(reason);
            }
            _ => {}
        }
    }
    Ok(standing)
}
