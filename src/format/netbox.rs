//! An event as NetBox 4 would tell it: the dialect `netbox`, and what NetBox's templates see.
//!
//! Where NetBox has no word for a fact, the nearest one is used, and the facts as they are stand
//! beside it under `context.crossconnect`, where NetBox's plugins put what they add.

use super::told::{Told, first, object};
use super::{Kinds, facts, time};
use crate::model::{Actor, Event, Json, Map, Object, json};
use crate::snapshots::{Fields, Snapshots};

/// Whose `data` and states already are what NetBox's REST API gives.
const NATIVES: [&str; 2] = ["netbox", "nautobot"];

/// By which members of `data` people know an object.
const NAMES: [&str; 10] = [
    "/data/name",
    "/data/display",
    "/data/display_name",
    "/data/label",
    "/data/address",
    "/data/prefix",
    "/data/cid",
    "/data/model",
    "/data/title",
    "/data/slug",
];

/// Members of `data` that say what its flat fields say, by system.
const REPEATED: [(&str, &str); 2] = [("datagerry", "fields"), ("infrahub", "changelog")];

/// The body of a NetBox webhook, and the names a template sees.
pub(crate) fn view(event: &Event, kinds: &Kinds) -> Map {
    let own = own_word(event);
    let kind = event.object.as_ref().map(|object| json!(facts::kind(kinds, &object.kind)));
    let kind = kind.or_else(|| event.native.get("object_type").filter(|_| own.is_some()).cloned());
    let user = event.actor.name.as_ref().or(event.actor.id.as_ref().filter(|_| own.is_none()));
    let mut view = Map::new();
    let mut put = |name: &str, value: Json| view.insert(name.to_owned(), value);
    put("event", own.map_or_else(|| json!(word(event)), |own| json!(own)));
    put("timestamp", json!(timestamp(event, own.is_some())));
    let model = json!(kind.as_ref().and_then(Json::as_str).map(model));
    put("object_type", kind.unwrap_or_default());
    put("model", model);
    put("username", json!(user));
    put("request_id", json!(event.correlation_id));
    let snapshots = Snapshots::of(event);
    let snapshots = match NATIVES.contains(&event.system.as_str()) {
        true => snapshots,
        false => snapshots.without_bookkeeping(&event.changes),
    };
    put("data", data(event, &snapshots, own.is_some()));
    put("request", request(event, user));
    put("snapshots", states(event, snapshots));
    if !own.is_some_and(|own| says_all(event, own, kinds) && told(&view).is_of(event)) {
        view.insert("context", context(event));
    }
    if event.system == "netbox" {
        // What a plugin, a later release or the operator's template adds.
        for (name, value) in event.native.as_object().into_iter().flatten() {
            view.get_or_insert_with(name, || value.clone());
        }
    }
    view
}

/// What NetBox called it, where the event came as NetBox tells it and not from a template.
fn own_word(event: &Event) -> Option<&str> {
    let own = event.system == "netbox" && (event.data.is_object() || event.object.is_none());
    event.native.get("event").and_then(Json::as_str).filter(|_| own)
}

/// Whether NetBox's own members give the same event again.
fn says_all(event: &Event, word: &str, kinds: &Kinds) -> bool {
    let r#type = match (word, word.strip_prefix("job_")) {
        ("created" | "updated" | "deleted", _) => format!("netbox.object.{word}"),
        (_, Some(job)) => format!("netbox.job.{job}"),
        _ => format!("netbox.{word}"),
    };
    let plain = |object: &Object| {
        let parts = object.kind.split_once('.');
        parts.is_some_and(|(app, model)| !app.is_empty() && !model.is_empty() && !model.contains('.'))
            && object.kind == object.kind.to_lowercase()
            && *facts::kind(kinds, &object.kind) == object.kind
    };
    r#type == event.r#type
        && event.r#type.rsplit('.').next() == Some(&event.action)
        && event.object.as_ref().is_none_or(plain)
        && !event.changes.iter().any(facts::is_masked)
        && event.native.pointer("/context/crossconnect").is_none()
}

/// What is read from NetBox's own members. Of times nothing is lost.
fn told(view: &Map) -> Told {
    let [kind, id, url] = ["/object_type", "/data/id", "/data/url"].map(|place| first(view, &[place]));
    Told {
        object: object(kind, id, first(view, &NAMES), url),
        branch: None,
        actor: Actor {
            id: first(view, &["/request/user/id"]),
            name: first(view, &["/username", "/request/user/username", "/request/user"]),
        },
        correlation_id: first(view, &["/request_id", "/request/id"]),
    }
}

fn context(event: &Event) -> Json {
    let native = event.native.get("context").and_then(Json::as_object).filter(|_| event.system == "netbox");
    let mut context = native.cloned().unwrap_or_default();
    context.insert("crossconnect", facts::facts(event));
    Json::Object(context)
}

/// NetBox's word for what happened, whoever it happened to.
fn word(event: &Event) -> String {
    let job = event.r#type.strip_suffix(&event.action).is_some_and(|rest| rest.ends_with(".job."));
    if job { format!("job_{}", event.action) } else { event.action.clone() }
}

fn timestamp(event: &Event, own: bool) -> Option<String> {
    match &event.occurred_at {
        Some(text) if own => Some(time::with_offset(text)),
        None if own => None,
        _ => Some(time::with_offset(&time::rfc3339(event))),
    }
}

/// The last part of `dcim.device`.
fn model(kind: &str) -> &str {
    kind.rsplit('.').next().unwrap_or(kind)
}

/// The object as NetBox's REST API would give it. Its id, URL and name are always the event's.
fn data(event: &Event, snapshots: &Snapshots, own: bool) -> Json {
    let Some(object) = event.object.as_ref().filter(|_| !own) else {
        return if own || !event.data.is_null() { Json::clone(&event.data) } else { json!({}) };
    };
    if NATIVES.contains(&event.system.as_str()) && event.data.is_object() {
        return Json::clone(&event.data);
    }
    let mut data = Fields::new();
    data.insert("id", facts::number_or_text(&object.id));
    data.insert("url", json!(object.url));
    data.insert("display", json!(object.name));
    data.insert("name", json!(object.name));
    let repeated = |member: &str| REPEATED.contains(&(event.system.as_str(), member));
    let told = event.data.as_object().into_iter().flatten().filter(|(member, _)| !repeated(member));
    for (field, value) in snapshots.latest().into_iter().flatten().chain(told) {
        data.get_or_insert_with(field, || value.clone());
    }
    Json::Object(data)
}

fn states(event: &Event, snapshots: Snapshots) -> Json {
    let [before, after] = if NATIVES.contains(&event.system.as_str()) {
        [Json::clone(&event.before), Json::clone(&event.after)]
    } else {
        [snapshots.before, snapshots.after].map(|state| state.map_or(Json::Null, Json::Object))
    };
    let states = [("prechange", before), ("postchange", after)];
    match event.native.get("snapshots").and_then(Json::as_object).filter(|_| event.system == "nautobot") {
        // Nautobot tells the differences as well, and its templates use them.
        Some(native) => {
            let mut native = native.clone();
            native.extend(states.map(|(name, state)| (name.to_owned(), state)));
            Json::Object(native)
        }
        None => facts::object(states),
    }
}

/// The request behind the event; none for what is about no object, such as a job.
fn request(event: &Event, user: Option<&String>) -> Json {
    let native = event.native.get("request").filter(|native| native.is_object());
    if let Some(native) = native.filter(|_| NATIVES.contains(&event.system.as_str())) {
        return native.clone();
    }
    let Some(object) = &event.object else { return Json::Null };
    let method = match event.action.as_str() {
        "created" => "POST",
        "deleted" => "DELETE",
        _ => "PATCH",
    };
    json!({"id": event.correlation_id, "method": method, "path": object.url, "user": user})
}
