//! An event as Infrahub would tell it: the dialect `infrahub`.
//!
//! Changes of other systems become a changelog of attributes, and of relationships where only
//! what was added and removed is known. What Infrahub has no word for stands in `crossconnect`.

use super::told::{Told, first, object};
use super::{Kinds, facts, time};
use crate::model::{Actor, Change, Event, Json, Map, Object, json};

/// The kind that all nodes have, for peers of which only the id is known.
const ANY_NODE: &str = "CoreNode";

/// Where the object of an event is told: the beginning of the event's name, and the places of
/// kind, id and name.
const OBJECTS: [(&str, [&[&str]; 3]); 8] = [
    (
        "infrahub.node.",
        [
            &["/data/kind", "/data/changelog/node_kind"],
            &["/data/node_id", "/data/changelog/node_id"],
            &["/data/changelog/display_label"],
        ],
    ),
    ("infrahub.branch.", [&["branch"], &["/data/branch_id", "/data/branch_name"], &["/data/branch_name"]]),
    ("infrahub.artifact.", [&["CoreArtifact"], &["/data/node_id"], &["/data/artifact_name", "/data/name"]]),
    (
        "infrahub.repository.",
        [
            &["repository"],
            &["/data/repository_id", "/data/node_id", "/data/repository_name"],
            &["/data/repository_name", "/data/name"],
        ],
    ),
    ("infrahub.schema.", [&["schema"], &["/data/branch_name", "/branch"], &["/data/branch_name", "/branch"]]),
    (
        "infrahub.proposed_change_thread.",
        [&["/data/thread_kind", "CoreChangeThread"], &["/data/thread_id"], &[]],
    ),
    (
        "infrahub.proposed_change.",
        [&["CoreProposedChange"], &["/data/proposed_change_id"], &["/data/proposed_change_name"]],
    ),
    (
        "infrahub.",
        [
            &["/data/kind", "/data/node_kind"],
            &["/data/node_id", "/data/id"],
            &["/data/changelog/display_label", "/data/display_label", "/data/name"],
        ],
    ),
];

/// The body of an Infrahub webhook.
pub(super) fn body(event: &Event, kinds: &Kinds) -> Json {
    let own = own_name(event);
    let (data, name) = match (own, &event.object) {
        (Some(own), _) => (Json::clone(&event.data), own.to_owned()),
        (None, Some(object)) => (node(event, object, kinds), format!("infrahub.node.{}", event.action)),
        (None, None) => (payload(event), nodeless(event)),
    };
    let account = event.actor.id.as_ref().or(event.actor.name.as_ref().filter(|_| own.is_none()));
    let body = [
        ("data", data),
        ("id", id(event, own.is_some())),
        ("branch", json!(event.branch)),
        ("account_id", json!(account)),
        ("occured_at", json!(occurred_at(event, own.is_some()))),
        ("event", json!(name)),
    ];
    let mut body: Map = body.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if !own.is_some_and(|own| says_all(event, own) && told(&body, own).is_of(event)) {
        body.insert("crossconnect", facts::facts(event));
    }
    Json::Object(body)
}

/// What is read from Infrahub's own members. Of times nothing is lost.
fn told(body: &Map, name: &str) -> Told {
    let places = OBJECTS.iter().find(|(beginning, _)| name.starts_with(beginning));
    let told = places.map(|(_, places)| places.map(|places| first(body, places)));
    Told {
        object: told.and_then(|[kind, id, name]| object(kind, id, name, None)),
        branch: first(body, &["/branch"]),
        actor: Actor { id: first(body, &["/account_id"]), name: None },
        correlation_id: None,
    }
}

/// What Infrahub called it, where the event came in its envelope; a route may have added data.
fn own_name(event: &Event) -> Option<&str> {
    let own = event.system == "infrahub" && event.data.is_object();
    let name = event.native.get("event").and_then(Json::as_str).filter(|_| own)?;
    let told = event.native.get("data")?.as_object()?;
    told.iter().all(|(key, value)| event.data.get(key) == Some(value)).then_some(name)
}

/// Whether Infrahub's own members give the same event again.
fn says_all(event: &Event, name: &str) -> bool {
    let shown = |change: &Change| !facts::is_masked(change) || shows(&event.data, change);
    name == event.r#type
        && name.rsplit('.').next() == Some(&event.action)
        && event.native.get("crossconnect").is_none()
        && event.changes.iter().all(shown)
}

/// Whether the changelog shows a hidden change, as Infrahub itself hides passwords.
fn shows(data: &Json, change: &Change) -> bool {
    let attribute = data.pointer("/changelog/attributes").and_then(|all| all.get(&change.field));
    let is = |name, value: &Json| attribute.and_then(|attribute| attribute.get(name)) == Some(value);
    is("value", &change.to) && is("value_previous", &change.from)
}

/// The envelope's id; of an event that had none, its own UUID.
fn id(event: &Event, own: bool) -> Json {
    match event.native.get("id").filter(|id| own && !id.is_null()) {
        Some(id) => id.clone(),
        None => {
            let id = event.id.to_string();
            let hex = id.rsplit('_').next().unwrap_or(&id);
            uuid::Uuid::try_parse(hex).map_or_else(|_| json!(id), |uuid| json!(uuid.to_string()))
        }
    }
}

fn occurred_at(event: &Event, own: bool) -> Option<String> {
    match &event.occurred_at {
        Some(text) if own => Some(time::with_space(text)),
        None if own => None,
        _ => Some(time::python(time::instant(event))),
    }
}

/// The data of a node event.
fn node(event: &Event, object: &Object, kinds: &Kinds) -> Json {
    let kind = facts::kind(kinds, &object.kind);
    let (mut attributes, mut relationships) = (Map::new(), Map::new());
    for change in &event.changes {
        match peers(change) {
            Some(peers) => {
                let relationship = json!({"name": change.field, "cardinality": "many", "peers": peers});
                relationships.insert(change.field.clone(), relationship);
            }
            None => {
                attributes.insert(change.field.clone(), attribute(change));
            }
        }
    }
    let fields = json!(attributes.keys().chain(relationships.keys()).collect::<Vec<_>>());
    let changelog = facts::object([
        ("node_id", json!(object.id)),
        ("node_kind", json!(kind)),
        ("display_label", json!(object.name)),
        ("attributes", Json::Object(attributes)),
        ("relationships", Json::Object(relationships)),
    ]);
    facts::object([
        ("kind", json!(kind)),
        ("action", json!(event.action)),
        ("fields", fields),
        ("node_id", json!(object.id)),
        ("changelog", changelog),
    ])
}

fn attribute(change: &Change) -> Json {
    let status = match (&change.from, &change.to) {
        (Json::Null, _) => "added",
        (_, Json::Null) => "removed",
        _ => "updated",
    };
    let kind = attribute_kind(if change.to.is_null() { &change.from } else { &change.to });
    facts::object([
        ("name", json!(change.field)),
        ("kind", json!(kind)),
        ("value", change.to.clone()),
        ("value_previous", change.from.clone()),
        ("value_update_status", json!(status)),
        ("properties", json!({})),
    ])
}

/// Infrahub's word for such values.
fn attribute_kind(value: &Json) -> &'static str {
    match value {
        Json::Null | Json::String(_) => "Text",
        Json::Bool(_) => "Boolean",
        Json::Number(_) => "Number",
        Json::Array(_) => "List",
        Json::Object(_) => "JSON",
    }
}

/// The peers that came and went, where that is all that is known of a change.
fn peers(change: &Change) -> Option<Vec<Json>> {
    if !change.partial {
        return None;
    }
    let mut peers = Vec::new();
    for (side, status) in [(&change.from, "removed"), (&change.to, "added")] {
        let ids = match side {
            Json::Null => &[][..],
            _ => side.as_array()?,
        };
        for id in ids {
            let properties = json!({});
            peers.push(json!({"peer_id": id.as_str()?, "peer_kind": ANY_NODE, "peer_status": status,
                "properties": properties}));
        }
    }
    Some(peers)
}

/// What happened, to no node: `netbox.job.started` is `infrahub.job.started`.
fn nodeless(event: &Event) -> String {
    let what = event.r#type.split_once('.').map_or(event.r#type.as_str(), |(_, what)| what);
    format!("infrahub.{what}")
}

/// Data that is no object, as a member of one: Infrahub's always is.
fn payload(event: &Event) -> Json {
    let data = Json::clone(&event.data);
    if data.is_object() { data } else { facts::object([("payload", data)]) }
}
