//! An event as DATAGERRY would tell it: the dialect `datagerry`.
//!
//! Objects of other systems become lists of named fields. What DATAGERRY has no word for stands
//! in `crossconnect`.

use super::told::{self, Told, first};
use super::{Kinds, facts, time};
use crate::model::{Actor, Change, Event, Json, json};
use crate::snapshots::{Fields, Snapshots};

/// By which fields people know an object.
const NAMES: [&str; 4] = ["name", "hostname", "label", "title"];

/// The body of a DATAGERRY webhook.
pub(super) fn body(event: &Event, kinds: &Kinds) -> Json {
    let own = event.system == "datagerry" && event.native.get("operation").is_some_and(Json::is_string);
    let mut body = if own { own_body(event) } else { foreign_body(event, kinds) };
    if !own || !says_all(event) || !tells_facts(event, &body) {
        body["crossconnect"] = facts::facts(event);
    }
    body
}

/// As it came, but in the words of the event.
fn own_body(event: &Event) -> Json {
    let native = &event.native;
    let member = |name: &str| native.get(name).cloned().unwrap_or_default();
    facts::object([
        ("event_time", member("event_time")),
        ("operation", member("operation")),
        ("object_before", Json::clone(&event.before)),
        ("object_after", Json::clone(&event.after)),
        ("changes", member("changes")),
    ])
}

/// Whether DATAGERRY's own members give the same event again.
fn says_all(event: &Event) -> bool {
    event.r#type.strip_prefix("datagerry.object.") == Some(&event.action)
        && event.native["operation"].as_str() == Some(operation(event))
        && event.native.get("crossconnect").is_none()
        && !event.changes.iter().any(facts::is_masked)
}

/// Whether they give the same facts again: a source's `kinds` have names for types, and of its
/// `map` DATAGERRY knows nothing.
fn tells_facts(event: &Event, body: &Json) -> bool {
    let Some(members) = body.as_object() else { return false };
    let first = |places: &[&str]| first(members, places);
    let kind = first(&["/object_after/type_id", "/object_before/type_id"]).map(|id| format!("type:{id}"));
    let id = first(&["/object_after/public_id", "/object_before/public_id"]);
    let editor = [
        "/object_after/editor_id",
        "/object_after/author_id",
        "/object_before/editor_id",
        "/object_before/author_id",
    ];
    let told = Told {
        object: told::object(kind, id, name(body), None),
        branch: None,
        actor: Actor { id: first(&editor), name: None },
        correlation_id: None,
    };
    let at = body.pointer("/event_time/$date").unwrap_or(&Json::Null);
    told.is_of(event) && time::tells(at, event.occurred_at.as_deref())
}

/// The first of the fields by which people know an object.
fn name(body: &Json) -> Option<String> {
    let fields = ["/object_after/fields", "/object_before/fields"].into_iter();
    let fields =
        fields.filter_map(|place| body.pointer(place)).find(|fields| !fields.is_null())?.as_array()?;
    let value = |known: &str| {
        let named = fields.iter().filter(|field| field["name"].as_str() == Some(known));
        named.map(|field| &field["value"]).find(|value| !value.is_null() && value.as_str() != Some(""))
    };
    told::text(NAMES.into_iter().find_map(value)?)
}

fn operation(event: &Event) -> &'static str {
    match event.action.as_str() {
        "created" => "CREATE",
        "deleted" => "DELETE",
        _ => "UPDATE",
    }
}

fn foreign_body(event: &Event, kinds: &Kinds) -> Json {
    let Snapshots { before, after } = Snapshots::of(event).without_bookkeeping(&event.changes);
    // Where nothing is known to have changed, both states are the one that is known.
    let known = || before.clone().or_else(|| after.clone()).unwrap_or_else(|| data(event));
    let (before, after) = (before.clone().unwrap_or_else(known), after.clone().unwrap_or_else(known));
    let before = (event.action != "created").then(|| object(event, kinds, before, |change| &change.from));
    let after = (event.action != "deleted").then(|| object(event, kinds, after, |change| &change.to));
    facts::object([
        ("event_time", at(event)),
        ("operation", json!(operation(event))),
        ("object_before", before.unwrap_or_default()),
        ("object_after", after.unwrap_or_default()),
        ("changes", changes(event)),
    ])
}

/// The data as fields.
fn data(event: &Event) -> Fields {
    match &*event.data {
        Json::Null => Fields::new(),
        Json::Object(members) => members.clone(),
        other => Fields::from_iter([("data".to_owned(), other.clone())]),
    }
}

/// An object in one of its states; of its bookkeeping, what is not known is as in a new object.
fn object(event: &Event, kinds: &Kinds, mut state: Fields, side: fn(&Change) -> &Json) -> Json {
    for change in &event.changes {
        // What changed deeper in the state is a field of its own as well.
        state.get_or_insert_with(&change.field, || side(change).clone());
    }
    let active = match state.get("active") {
        Some(Json::Bool(_)) => state.remove("active"),
        _ => None,
    };
    let actor = event.actor.id.as_ref().or(event.actor.name.as_ref());
    let actor = actor.map_or(Json::Null, |actor| facts::number_or_text(actor));
    let edited = |value: &Json| if event.action == "created" { Json::Null } else { value.clone() };
    let (id, at) = (event.object.as_ref().map(|object| object.id.as_str()), at(event));
    facts::object([
        ("public_id", facts::number_or_text(id.unwrap_or("0"))),
        ("type_id", type_id(event, kinds)),
        ("status", json!(false)),
        ("version", json!("1.0.0")),
        ("last_edit_time", edited(&at)),
        ("creation_time", at),
        ("editor_id", edited(&actor)),
        ("author_id", actor),
        ("active", active.unwrap_or(Json::Bool(true))),
        ("fields", named(event, state)),
        ("multi_data_sections", json!([])),
    ])
}

/// The fields as `{name, value}`, among them one by which people know the object.
fn named(event: &Event, mut state: Fields) -> Json {
    let name = event.object.as_ref().and_then(|object| object.name.as_ref());
    let shown = NAMES.iter().filter_map(|known| state.get(known)).any(|value| !value.is_null());
    if let Some(name) = name.filter(|_| !shown && !state.contains_key("name")) {
        state.insert("name", json!(name));
    }
    state.into_iter().map(|(name, value)| field(&name, value)).collect()
}

fn field(name: &str, value: Json) -> Json {
    facts::object([("name", json!(name)), ("value", value)])
}

fn at(event: &Event) -> Json {
    json!({"$date": time::instant(event).as_millisecond()})
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
    let list = |side: fn(&Change) -> &Json| -> Json {
        event.changes.iter().map(|change| field(&change.field, side(change).clone())).collect()
    };
    facts::object([("old", list(|change| &change.from)), ("new", list(|change| &change.to))])
}
