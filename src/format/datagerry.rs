//! An event as DATAGERRY would tell it: the dialect `datagerry`.
//!
//! Objects of other systems become lists of named fields. What DATAGERRY has no word for stands
//! in `crossconnect`.

use serde_json::json;

use super::{Kinds, facts, time};
use crate::model::{Change, Event, Json};
use crate::snapshots::{Fields, Snapshots};

/// By which fields people know an object.
const NAMES: [&str; 4] = ["name", "hostname", "label", "title"];

/// The body of a DATAGERRY webhook.
pub(super) fn body(event: &Event, kinds: &Kinds) -> Json {
    let own = event.system == "datagerry" && event.native.get("operation").is_some_and(Json::is_string);
    let mut body = if own { own_body(event) } else { foreign_body(event, kinds) };
    if !own || !says_all(event) {
        body["crossconnect"] = facts::facts(event);
    }
    body
}

/// As it came, but in the words of the event.
fn own_body(event: &Event) -> Json {
    let native = &event.native;
    let member = |name: &str| native.get(name).cloned().unwrap_or_default();
    json!({
        "event_time": member("event_time"),
        "operation": member("operation"),
        "object_before": event.before,
        "object_after": event.after,
        "changes": member("changes"),
    })
}

/// Whether DATAGERRY's own members give the same event again.
fn says_all(event: &Event) -> bool {
    event.r#type.strip_prefix("datagerry.object.") == Some(&event.action)
        && event.native["operation"].as_str() == Some(operation(event))
        && event.native.get("crossconnect").is_none()
        && !event.changes.iter().any(facts::is_masked)
}

fn operation(event: &Event) -> &'static str {
    match event.action.as_str() {
        "created" => "CREATE",
        "deleted" => "DELETE",
        _ => "UPDATE",
    }
}

fn foreign_body(event: &Event, kinds: &Kinds) -> Json {
    let Snapshots { before, after } = Snapshots::of(event);
    // Where nothing is known to have changed, both states are the one that is known.
    let known = || before.clone().or_else(|| after.clone()).unwrap_or_else(|| data(event));
    let (before, after) = (before.clone().unwrap_or_else(known), after.clone().unwrap_or_else(known));
    let before = (event.action != "created").then(|| object(event, kinds, before, |change| &change.from));
    let after = (event.action != "deleted").then(|| object(event, kinds, after, |change| &change.to));
    json!({
        "event_time": {"$date": time::instant(event).as_millisecond()},
        "operation": operation(event),
        "object_before": before,
        "object_after": after,
        "changes": changes(event),
    })
}

/// The data as fields.
fn data(event: &Event) -> Fields {
    match &event.data {
        Json::Null => Fields::new(),
        Json::Object(members) => members.clone(),
        other => Fields::from_iter([("data".to_owned(), other.clone())]),
    }
}

/// An object in one of its states; of its bookkeeping, what is not known is as in a new object.
fn object(event: &Event, kinds: &Kinds, mut state: Fields, side: fn(&Change) -> &Json) -> Json {
    for change in &event.changes {
        // What changed deeper in the state is a field of its own as well.
        state.entry(change.field.clone()).or_insert_with(|| side(change).clone());
    }
    let active = match state.get("active") {
        Some(Json::Bool(_)) => state.shift_remove("active"),
        _ => None,
    };
    let actor = event.actor.id.as_ref().or(event.actor.name.as_ref());
    let actor = actor.map(|actor| facts::number_or_text(actor));
    let at = json!({"$date": time::instant(event).as_millisecond()});
    let created = event.action == "created";
    json!({
        "public_id": event.object.as_ref().map_or(json!(0), |object| facts::number_or_text(&object.id)),
        "type_id": type_id(event, kinds),
        "status": false,
        "version": "1.0.0",
        "creation_time": at,
        "author_id": actor,
        "last_edit_time": if created { Json::Null } else { at.clone() },
        "editor_id": if created { None } else { actor.clone() },
        "active": active.unwrap_or(Json::Bool(true)),
        "fields": named(event, state),
        "multi_data_sections": [],
    })
}

/// The fields as `{name, value}`, among them one by which people know the object.
fn named(event: &Event, mut state: Fields) -> Vec<Json> {
    let name = event.object.as_ref().and_then(|object| object.name.as_ref());
    let shown = NAMES.iter().filter_map(|known| state.get(*known)).any(|value| !value.is_null());
    if let Some(name) = name.filter(|_| !shown && !state.contains_key("name")) {
        state.insert("name".to_owned(), json!(name));
    }
    state.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

/// The number of the object's type: the destination's word, the event's own, or none (0).
fn type_id(event: &Event, kinds: &Kinds) -> Json {
    let kind = event.object.as_ref().map(|object| object.kind.as_str());
    let number = |text: &str| text.parse::<u64>().ok();
    let named = kind.and_then(|kind| number(kinds.get(kind)?));
    let typed = || kind.and_then(|kind| number(kind.strip_prefix("type:")?));
    let told = || event.data.get("type_id").and_then(Json::as_u64);
    json!(named.or_else(typed).or_else(told).unwrap_or(0))
}

/// What changed, as DATAGERRY lists it for updates; the switch of the state has a form of its own.
fn changes(event: &Event) -> Json {
    if operation(event) != "UPDATE" {
        return Json::Null;
    }
    if let [Change { field, to: Json::Bool(state), .. }] = event.changes.as_slice()
        && field == "active"
    {
        return json!({"state": state});
    }
    let list = |side: fn(&Change) -> &Json| -> Vec<Json> {
        let changes = event.changes.iter();
        changes.map(|change| json!({"name": change.field, "value": side(change)})).collect()
    };
    json!({"old": list(|change| &change.from), "new": list(|change| &change.to)})
}
