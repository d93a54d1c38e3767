//! Test cases about batches: several events, and what `batch_key` and `transform_batch` say.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::sample;
use crate::model::{Event, EventId, Json, Lineage, Member, ReceiptId, Timestamp};
use crate::problem::Problems;
use crate::script::{Joining, Script, ScriptError, Verdict};
use crate::yaml::{Node, Reader, Value};

/// The events of a case, each put over the default one; those without an id of their own get one.
pub(super) fn events(
    root: &Path,
    case: &Reader<'_>,
    list: &Node,
    problems: &mut Problems,
) -> Option<Vec<Event>> {
    let items = match &list.value {
        Value::List(items) if !items.is_empty() => items,
        _ => {
            case.wrong("events", list, "a list of events", problems);
            return None;
        }
    };
    let receipt = ReceiptId::new(Timestamp::UNIX_EPOCH);
    let event = |(index, item): (usize, &Node)| {
        let mut event = sample::event(root, case, None, Some(item), problems)?;
        if index > 0 && item.get("id").is_none() {
            event.id = EventId::of(receipt, index);
        }
        Some(event)
    };
    items.iter().enumerate().map(event).collect()
}

/// Runs `filter` over each event, and `transform_batch` over those that are left.
pub(super) fn run(
    script: &Script,
    events: &[Event],
    lookups: Option<&Arc<Json>>,
    now: Timestamp,
) -> Result<Verdict, ScriptError> {
    let mut members = Vec::with_capacity(events.len());
    let mut dropped = None;
    for event in events {
        let event = Arc::new(event.clone());
        match script.join(&event, false, lookups, now)? {
            Joining::Dropped(reason) => dropped = reason,
            Joining::Joins(_) => members.push(member(event, lookups)),
        }
    }
    if members.is_empty() {
        return Ok(Verdict::Dropped(dropped));
    }
    script.run_batch(&members, now)
}

fn member(event: Arc<Event>, lookups: Option<&Arc<Json>>) -> Member {
    let body = Bytes::from(event.native.to_string());
    let receipt = ReceiptId::new(event.received_at);
    let lookups = lookups.map_or(Json::Null, |found| Json::clone(found));
    Member { receipt, event, lookups, lineage: Lineage::default(), body }
}

/// How the key differs from what is expected; `None`: that there is none.
pub(super) fn key_failures(expected: Option<&str>, given: &Result<Joining, ScriptError>) -> Vec<String> {
    let shown = |key: Option<&str>| key.map_or_else(|| "no key".to_owned(), |key| format!("the key `{key}`"));
    let given = match given {
        Ok(Joining::Joins(key)) if key.as_deref() == expected => return Vec::new(),
        Ok(Joining::Joins(key)) => shown(key.as_deref()),
        Ok(Joining::Dropped(None)) => "it was dropped without a reason".to_owned(),
        Ok(Joining::Dropped(Some(reason))) => format!("it was dropped because of `{reason}`"),
        Err(error) => format!("the error `{}` at {}", error.message, error.place),
    };
    vec![format!("expected {}, got {given}", shown(expected))]
}
