//! Writing outcomes: the first one of a receipt, and one in place of another.

use std::collections::HashMap;

use rusqlite::params;

use super::super::draft::{EventDraft, OutcomeDraft};
use super::deliver::{self, Origin};
use super::desk::{Desk, Fault};
use super::gather::{self, Standing};
use super::hold::Places;
use super::tally::Tally;
use super::wording;

/// An event of an outcome as a row.
#[derive(Debug)]
struct Event {
    seq: i64,
    /// The receipt had it before.
    is_known: bool,
    /// In how many more batches than before it is.
    joined: i64,
}

/// What an outcome in place of another came to.
#[derive(Debug)]
pub(super) struct Replaced {
    /// How many events are new.
    pub(super) new: i64,
    /// Why the receipt counts as failed.
    pub(super) reason: Option<String>,
}

/// Adds the rest of a receipt's first outcome: the receipt counts its deliveries and has its text already.
/// The result is the rows of the deliveries.
pub(super) fn write(
    desk: &mut Desk,
    receipt: i64,
    outcome: &OutcomeDraft,
    now: i64,
) -> Result<Vec<i64>, Fault> {
    wording::write(desk, &outcome.wordings, now)?;
    let mut events = Vec::with_capacity(outcome.events.len());
    for event in &outcome.events {
        events.push(insert_event(desk, receipt, event)?);
    }
    gather(desk, receipt, outcome, &mut events, now)?;
    deliver::count(desk, receipt, 0, joined(&events))?;
    add(desk, receipt, outcome, &events, &Places::default())
}

/// Replaces the outcome of a receipt, whose own row the caller changes.
pub(super) fn replace(
    desk: &mut Desk,
    receipt: i64,
    outcome: &OutcomeDraft,
    now: i64,
) -> Result<Replaced, Fault> {
    put(desk, receipt, outcome)?;
    wording::replace(desk, &outcome.wordings, receipt)?;
    let (mut events, forgotten) = match_events(desk, receipt, outcome)?;
    gather(desk, receipt, outcome, &mut events, now)?;
    let mut reason = outcome.reason.clone();
    for (event, draft) in events.iter().zip(&outcome.events).filter(|(event, _)| event.is_known) {
        let standing = gather::standing(desk, event.seq, &draft.standing)?;
        recount(desk, event, draft, &standing)?;
        reason = reason.or(standing.reason);
    }
    for event in forgotten {
        forget(desk, event, outcome.failure.is_some())?;
    }
    let places = Places::of(desk, receipt)?;
    let count = outcome.deliveries.len() as i64;
    deliver::count(desk, receipt, count, count + joined(&events))?;
    add(desk, receipt, outcome, &events, &places)?;
    places.free(desk, outcome.held.iter().map(|held| (row(&events, held.event), held)))?;
    Ok(Replaced { new: events.iter().filter(|event| !event.is_known).count() as i64, reason })
}

/// That of an index within the outcome, which the draft has checked.
fn row(events: &[Event], index: usize) -> i64 {
    events.get(index).map(|event| event.seq).unwrap_or_default()
}

/// In how many more batches the events are than before.
fn joined(events: &[Event]) -> i64 {
    events.iter().map(|event| event.joined).sum()
}

/// Puts a text in the place of the latest one.
fn put(desk: &Desk, receipt: i64, outcome: &OutcomeDraft) -> Result<(), Fault> {
    desk.execute(
        "INSERT OR REPLACE INTO outcomes (receipt, revision, failure, events) VALUES (?1, ?2, ?3, ?4)",
        params![receipt, outcome.revision, outcome.failure, outcome.json],
    )?;
    Ok(())
}

fn insert_event(desk: &mut Desk, receipt: i64, event: &EventDraft) -> Result<Event, Fault> {
    let tally = Tally {
        pending: event.deliveries,
        failed: event.failed,
        filtered: event.filtered,
        gathered: event.gathered,
        deferred: event.deferred,
        ..Tally::default()
    };
    desk.execute(
        "INSERT INTO events (id, receipt, type, kind, object_id, name, correlation_id, state, pending,
            failed, filtered, gathered, deferred)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
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
            tally.filtered,
            tally.gathered,
            tally.deferred
        ],
    )?;
    desk.totals.accepted(tally.state());
    let seq = desk.conn.last_insert_rowid();
    desk.tallies.note(seq, tally);
    Ok(Event { seq, is_known: false, joined: 0 })
}

/// Adds the events that are new; also returns those that the outcome no longer has.
fn match_events(
    desk: &mut Desk,
    receipt: i64,
    outcome: &OutcomeDraft,
) -> Result<(Vec<Event>, Vec<i64>), Fault> {
    let mut before = known_events(desk, receipt)?;
    let mut events = Vec::with_capacity(outcome.events.len());
    for event in &outcome.events {
        events.push(match before.remove(&event.id) {
            Some(seq) => Event { seq, is_known: true, joined: 0 },
            None => insert_event(desk, receipt, event)?,
        });
    }
    Ok((events, before.into_values().collect()))
}

fn known_events(desk: &Desk, receipt: i64) -> Result<HashMap<String, i64>, Fault> {
    let mut select = desk.conn.prepare_cached("SELECT id, seq FROM events WHERE receipt = ?1")?;
    let rows = select.query_map([receipt], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Puts events into batches.
fn gather(
    desk: &mut Desk,
    receipt: i64,
    outcome: &OutcomeDraft,
    events: &mut [Event],
    now: i64,
) -> Result<(), Fault> {
    for draft in &outcome.gathered {
        if let Some(event) = events.get_mut(draft.event) {
            event.joined += i64::from(gather::gather(desk, receipt, event.seq, draft, now)?);
        }
    }
    Ok(())
}

fn recount(desk: &mut Desk, event: &Event, draft: &EventDraft, standing: &Standing) -> Result<(), Fault> {
    desk.recount(event.seq, |tally| {
        tally.pending += draft.deliveries;
        tally.gathered += event.joined;
        tally.failed = draft.failed + standing.failed;
        tally.filtered = draft.filtered + standing.dropped;
        tally.deferred = draft.deferred;
    })
}

/// An event that the outcome no longer has waits for no replay, unless all of it is a failure: then
/// it waits for one, also if it waited for lookups.
fn forget(desk: &mut Desk, event: i64, is_failure: bool) -> Result<(), Fault> {
    desk.recount(event, |tally| {
        if is_failure {
            tally.failed += tally.deferred;
        } else {
            (tally.failed, tally.filtered) = (0, 0);
        }
        tally.deferred = 0;
    })
}

/// Adds deliveries and held places, in the order of events and routes. The tallies of the events and the
/// receipt have them. The result is the rows of the deliveries.
fn add(
    desk: &mut Desk,
    receipt: i64,
    outcome: &OutcomeDraft,
    events: &[Event],
    places: &Places,
) -> Result<Vec<i64>, Fault> {
    let mut rows = Vec::with_capacity(outcome.deliveries.len());
    let mut held = outcome.held.iter().peekable();
    for (index, delivery) in outcome.deliveries.iter().enumerate() {
        while let Some(next) = held.next_if(|next| next.before <= index) {
            places.hold(desk, receipt, row(events, next.event), next)?;
        }
        let event = row(events, delivery.event);
        let place = places.of_delivery(event, delivery);
        rows.push(deliver::insert(desk, &Origin { receipt, event, batch: None }, delivery, place)?);
    }
    for next in held {
        places.hold(desk, receipt, row(events, next.event), next)?;
    }
    Ok(rows)
}
