//! Condition sets against events: what holds, what does not, and what cannot be said.

mod captured;
mod mistakes;
mod operators;
mod paths;
mod regexes;
mod senders;
mod sets;
mod states;
mod told;

use std::sync::Arc;

use super::*;
use crate::model::{Actor, Change, EventId, Json, ReceiptId, Timestamp};
use crate::model::{Event, json};

/// An event with this data and nothing else.
fn event(data: Json) -> Event {
    let now = Timestamp::UNIX_EPOCH;
    Event {
        id: EventId::of(ReceiptId::new(now), 0),
        r#type: "netbox.object.updated".to_owned(),
        action: "updated".to_owned(),
        source: "netbox".to_owned(),
        system: "netbox".to_owned(),
        object: None,
        branch: None,
        actor: Actor::default(),
        occurred_at: None,
        received_at: now,
        correlation_id: None,
        changes: Vec::new(),
        before: Json::Null.into(),
        after: Json::Null.into(),
        data: data.into(),
        native: Arc::new(Json::Null),
    }
}

/// An event of NetBox with these snapshots; `null` is none.
fn with_states(before: Json, after: Json) -> Event {
    let native = json!({ "snapshots": { "prechange": before, "postchange": after } });
    Event {
        before: before.into(),
        after: after.into(),
        native: Arc::new(native),
        ..event(json!({ "id": 1 }))
    }
}

fn change(field: &str, from: Json, to: Json) -> Change {
    Change { field: field.to_owned(), from, to, partial: false }
}

fn compile(text: &str) -> (Option<Conditions>, Vec<String>) {
    let mut problems = Problems::default();
    let node = crate::yaml::parse("c.yaml", text, &mut problems).unwrap();
    let set = Conditions::compile("c.yaml", "conditions", &node, &mut problems);
    (set, problems.into_sorted().iter().map(ToString::to_string).collect())
}

fn set(text: &str) -> Conditions {
    let (set, problems) = compile(text);
    set.unwrap_or_else(|| panic!("{text}: {problems:#?}"))
}

/// `T` holds, `F` does not, `!` cannot be evaluated.
fn letter(set: &Conditions, event: &Event) -> char {
    match set.check(&Context::new(event)) {
        Ok(()) => 'T',
        Err(refusal) if refusal.actual.starts_with("invalid: ") => '!',
        Err(_) => 'F',
    }
}

fn verdict(event: &Event, conditions: &str) -> char {
    letter(&set(conditions), event)
}

fn table(event: &Event, rows: &[(&str, char)]) {
    for (conditions, wanted) in rows {
        assert_eq!(
            verdict(event, conditions),
            *wanted,
            "{conditions} {:?}",
            set(conditions).check(&Context::new(event))
        );
    }
}

/// The refusal in two texts.
fn refusal(event: &Event, conditions: &str) -> (String, String) {
    let refusal = set(conditions).check(&Context::new(event)).unwrap_err();
    (refusal.wanted, refusal.actual)
}
