//! Complete batches, and what becomes of them.

use rusqlite::params;

use super::super::draft::micros;
use super::super::draft::{DeliveryDraft, json, reason};
use super::deliver;
use super::desk::{Desk, Fault};
use super::loan::{Asked, Given, give};
use super::notice;
use super::row::parse_id;
use crate::model::{BatchId, Sealed, Timestamp};
use crate::store::{Errand, LeasedBatch, StoreError};

/// What becomes of a batch, serialised by the caller.
#[derive(Debug)]
pub(super) struct SealDraft {
    batch: BatchId,
    token: u64,
    end: End,
    now: i64,
}

#[derive(Debug)]
enum End {
    Sent(Vec<DeliveryDraft>),
    Dropped(Option<String>),
    Failed { reason: String, failure: String },
}

/// One event of a batch.
#[derive(Debug)]
struct Member {
    event: i64,
    receipt: i64,
}

impl SealDraft {
    pub(super) fn new(leased: &LeasedBatch, sealed: &Sealed, now: Timestamp) -> Result<Self, StoreError> {
        let batch = leased.batch.id;
        let end = match sealed {
            Sealed::Sent(deliveries) if deliveries.is_empty() => End::Dropped(None),
            Sealed::Sent(deliveries) => End::Sent(
                deliveries.iter().map(|one| DeliveryDraft::of_batch(one, batch)).collect::<Result<_, _>>()?,
            ),
            Sealed::Dropped(reason) => End::Dropped(reason.clone()),
            Sealed::Failed(failure) => End::Failed { reason: reason(failure), failure: json(failure)? },
        };
        Ok(Self { batch, token: leased.token, end, now: micros(now) })
    }
}

/// Leases complete ones.
pub(super) fn ripe(desk: &mut Desk, asked: Asked) -> Result<Given, Fault> {
    give(
        &desk.conn,
        &mut desk.batches,
        // Those of one group are sealed one after the other, as they came.
        "SELECT seq, due_at FROM batches AS b INDEXED BY batches_due
         WHERE state = 'open' AND NOT EXISTS (
            SELECT 1 FROM batches AS o INDEXED BY batches_group
            WHERE o.state = 'open' AND o.route = b.route AND o.group_key = b.group_key AND o.seq < b.seq
                AND o.gathered_by = b.gathered_by AND o.key = b.key)
         ORDER BY due_at, seq",
        asked,
    )
}

/// Takes back those that nobody is there to seal.
pub(super) fn give_back(given: Given, desk: &mut Desk) {
    given.give_back(&mut desk.batches);
    desk.announce(Errand::Batches);
}

/// Makes a batch into what became of it.
pub(super) fn seal(desk: &mut Desk, draft: &SealDraft) -> Result<(), Fault> {
    let lost = || Fault::Refused(StoreError::LeaseLost(draft.batch.to_string()));
    let seq: i64 = desk
        .conn
        .prepare_cached("SELECT seq FROM batches WHERE id = ?1 AND state = 'open'")?
        .query_row([draft.batch.to_string()], |row| row.get(0))
        .map_err(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => lost(),
            error => error.into(),
        })?;
    if !desk.batches.is_valid(seq, draft.token) {
        return Err(lost());
    }
    let members = members(desk, seq)?;
    close(desk, seq, &draft.end)?;
    release_receipts(desk, &members, draft.now)?;
    match &draft.end {
        End::Sent(deliveries) => send(desk, seq, &members, deliveries)?,
        End::Dropped(_) => recount(desk, &members, |tally| tally.filtered += 1)?,
        End::Failed { reason, .. } => fail(desk, &members, reason, draft.now)?,
    }
    desk.batches.end(seq);
    // The next of its group may be due already.
    desk.announce(Errand::Batches);
    Ok(())
}

fn members(desk: &Desk, batch: i64) -> Result<Vec<Member>, Fault> {
    let mut select =
        desk.conn.prepare_cached("SELECT event, receipt FROM members WHERE batch = ?1 ORDER BY seq")?;
    let rows = select.query_map([batch], |row| Ok(Member { event: row.get(0)?, receipt: row.get(1)? }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The batch's own rows: what its members brought is needed no more.
fn close(desk: &Desk, batch: i64, end: &End) -> Result<(), Fault> {
    let (state, reason, failure) = match end {
        End::Sent(_) => ("sent", None, None),
        End::Dropped(reason) => ("dropped", reason.as_ref(), None),
        End::Failed { reason, failure } => ("failed", Some(reason), Some(failure)),
    };
    desk.execute(
        "UPDATE batches SET state = ?2, reason = ?3, failure = ?4 WHERE seq = ?1",
        params![batch, state, reason, failure],
    )?;
    desk.execute("DELETE FROM gathered WHERE member IN (SELECT seq FROM members WHERE batch = ?1)", [batch])?;
    Ok(())
}

fn release_receipts(desk: &Desk, members: &[Member], now: i64) -> Result<(), Fault> {
    for member in members {
        desk.execute(
            "UPDATE receipts SET pending = pending - 1, finished_at = max(finished_at, ?2) WHERE seq = ?1",
            [member.receipt, now],
        )?;
    }
    Ok(())
}

fn recount(
    desk: &mut Desk,
    members: &[Member],
    change: impl Fn(&mut super::tally::Tally),
) -> Result<(), Fault> {
    for member in members {
        desk.recount(member.event, |tally| {
            tally.gathered -= 1;
            change(tally);
        })?;
    }
    Ok(())
}

/// The receipts of the members, each once, the oldest first.
fn receipts(members: &[Member]) -> Vec<i64> {
    let mut receipts: Vec<_> = members.iter().map(|member| member.receipt).collect();
    receipts.sort_unstable();
    receipts.dedup();
    receipts
}

fn send(desk: &mut Desk, batch: i64, members: &[Member], deliveries: &[DeliveryDraft]) -> Result<(), Fault> {
    let Some(first) = members.first() else { return Ok(()) };
    let count = deliveries.len() as i64;
    recount(desk, members, |tally| tally.pending += count)?;
    for receipt in receipts(members) {
        deliver::count(desk, receipt, count, count)?;
    }
    for delivery in deliveries {
        let origin = deliver::Origin { receipt: first.receipt, event: first.event, batch: Some(batch) };
        deliver::insert(desk, &origin, delivery, None)?;
    }
    Ok(())
}

fn fail(desk: &mut Desk, members: &[Member], reason: &str, now: i64) -> Result<(), Fault> {
    recount(desk, members, |tally| tally.failed += 1)?;
    for receipt in receipts(members) {
        desk.execute(
            "UPDATE receipts SET status = 'failed', reason = iif(status = 'failed', reason, ?2)
             WHERE seq = ?1",
            params![receipt, reason],
        )?;
        let (id, source): (String, String) = desk
            .conn
            .prepare_cached("SELECT id, source FROM receipts WHERE seq = ?1")?
            .query_row([receipt], |row| Ok((row.get(0)?, row.get(1)?)))?;
        notice::failed(desk, parse_id(&id)?, &source, reason, now)?;
    }
    Ok(())
}
