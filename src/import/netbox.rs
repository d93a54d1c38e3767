//! NetBox 2.11 to 4.7, and Nautobot: webhooks, and event rules where there are any.
//!
//! Until 3.6 (and in Nautobot) a webhook says itself which objects and events it is for; since
//! then event rules do.

mod events;
mod rule;
mod webhook;

use std::collections::{BTreeSet, HashMap};

use super::draft::Draft;
use super::export::Found;
use super::record::Record;
use crate::problem::Problems;

/// What has been made so far, and what all rules together ask for.
#[derive(Debug, Default)]
struct Made {
    /// Destinations by their webhook's id.
    by_id: HashMap<String, String>,
    /// And by its name.
    by_name: HashMap<String, String>,
    kinds: BTreeSet<String>,
    events: BTreeSet<String>,
    /// Some rules did not say whether they have action data.
    action_data_is_open: bool,
    /// Destinations that a rule names.
    used: BTreeSet<String>,
}

/// Puts everything that was found into the draft.
pub(super) fn plan(found: &Found, draft: &mut Draft, problems: &mut Problems) {
    let (rules, webhooks): (Vec<&Record>, Vec<&Record>) =
        found.records.iter().partition(|record| !record.has("payload_url"));
    let is_nautobot = webhooks.iter().any(|webhook| is_uuid(webhook.id()));
    if is_nautobot {
        draft.adapter = "nautobot";
    }
    let mut made = Made::default();
    for record in &webhooks {
        webhook::plan(record, is_nautobot, &mut made, draft, problems);
    }
    for record in &rules {
        rule::plan(record, &mut made, draft, problems);
    }
    unused(&made, draft);
    draft.read = vec![super::todo::count(webhooks.len(), "webhook")];
    if !rules.is_empty() {
        draft.read.push(super::todo::count(rules.len(), "event rule"));
    }
    short_of(found, draft);
    if made.action_data_is_open {
        draft.note(
            "NetBox's REST API does not tell the data of an event rule's action: where a rule has some, add \
             `action_data: { … }` to its route",
        );
    }
    draft.sender = sender(&made, is_nautobot, !rules.is_empty(), draft);
}

/// Nautobot's ids are UUIDs, NetBox's are numbers.
fn is_uuid(id: Option<String>) -> bool {
    id.is_some_and(|id| id.len() == 36 && uuid::Uuid::try_parse(&id).is_ok())
}

/// Says which webhooks no event rule names.
fn unused(made: &Made, draft: &mut Draft) {
    let idle: Vec<String> = draft
        .destinations
        .iter()
        .filter(|destination| !made.used.contains(&destination.name))
        .map(|destination| format!("{} ({})", destination.name, destination.about))
        .collect();
    if !idle.is_empty() {
        draft.note(format!(
            "no event rule among the exports names {}: add routes, export the event rules too, or remove them",
            idle.join(", ")
        ));
    }
}

/// Says where only some pages of a list were exported.
pub(super) fn short_of(found: &Found, draft: &mut Draft) {
    for (kind, (count, held)) in &found.pages {
        if held < count {
            let all = super::todo::count(*count, kind);
            draft.note(format!(
                "the exports hold {held} of {all}: export the other pages as well (`?limit=0` gives all)"
            ));
        }
    }
}

fn sender(made: &Made, is_nautobot: bool, has_rules: bool, draft: &Draft) -> String {
    let list = |items: Vec<&str>, otherwise: &str| match items.is_empty() {
        true => otherwise.to_owned(),
        false => items.join(", "),
    };
    let kinds = list(made.kinds.iter().map(String::as_str).collect(), "those you need");
    let events = list(made.events.iter().map(String::as_str).collect(), "those you need");
    let name = if is_nautobot { "Nautobot" } else { "NetBox" };
    let request = format!(
        "in {name}, add one webhook with the URL http://GATEWAY:8080/hooks/{}, method POST, content type \
         application/json, no additional headers, no body template, and the secret that {} holds",
        draft.source, draft.proof.variable
    );
    let which = format!("object types {kinds}; event types {events}; no conditions, which the routes check");
    if has_rules {
        format!("{request}; and one event rule that sends it: {which}")
    } else {
        format!("{request}; {which}")
    }
}
