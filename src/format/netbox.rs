//! An event as NetBox 4 would tell it: the dialect `netbox`, and what NetBox's templates see.
//!
//! Where NetBox has no word for a fact, the nearest one is used, and the facts as they are stand
//! beside it under `context.crossconnect`, where NetBox's plugins put what they add.

use serde_json::{Map, json};

use super::Kinds;
use crate::model::{Event, Json};
use crate::snapshots::{Fields, Snapshots};

/// Whose `data` already is what NetBox's REST API gives.
const NATIVES: [&str; 2] = ["netbox", "nautobot"];

/// The body of a NetBox webhook, and the names a template sees.
pub(crate) fn view(event: &Event, kinds: &Kinds) -> Map<String, Json> {
    let snapshots = Snapshots::of(event);
    let kind = event.object.as_ref().map(|object| kinds.get(&object.kind).unwrap_or(&object.kind));
    let user = event.actor.name.as_ref().or(event.actor.id.as_ref());
    let mut view = Map::new();
    let mut put = |name: &str, value: Json| view.insert(name.to_owned(), value);
    put("event", json!(word(event)));
    put("timestamp", json!(event.occurred_at.clone().unwrap_or_else(|| event.received_at.to_string())));
    put("object_type", json!(kind));
    put("model", json!(kind.map(|kind| kind.rsplit('.').next().unwrap_or(kind))));
    put("username", json!(user));
    put("request_id", json!(event.correlation_id));
    put("data", data(event, &snapshots));
    put("request", request(event, user));
    put("snapshots", json!({"prechange": snapshots.before, "postchange": snapshots.after}));
    view
}

/// NetBox's word for what happened.
fn word(event: &Event) -> String {
    match event.r#type.strip_prefix("netbox.job.") {
        Some(job) => format!("job_{job}"),
        None => event.action.clone(),
    }
}

/// The object as NetBox's REST API would give it.
fn data(event: &Event, snapshots: &Snapshots) -> Json {
    if NATIVES.contains(&event.system.as_str()) {
        return event.data.clone();
    }
    let mut data = Fields::new();
    if let Some(object) = &event.object {
        data.insert("id".to_owned(), number_or_text(&object.id));
        data.insert("url".to_owned(), json!(object.url));
        data.insert("display".to_owned(), json!(object.name));
        data.insert("name".to_owned(), json!(object.name));
    }
    let told = snapshots.latest().into_iter().chain(event.data.as_object());
    for (field, value) in told.flatten() {
        data.entry(field.clone()).or_insert_with(|| value.clone());
    }
    Json::Object(data)
}

/// NetBox's ids are numbers.
fn number_or_text(id: &str) -> Json {
    id.parse::<u64>().map_or_else(|_| json!(id), |number| json!(number))
}

fn request(event: &Event, user: Option<&String>) -> Json {
    if let Some(native) = event.native.get("request").filter(|native| native.is_object()) {
        return native.clone();
    }
    let method = match event.action.as_str() {
        "created" => "POST",
        "deleted" => "DELETE",
        _ => "PATCH",
    };
    let path = event.object.as_ref().and_then(|object| object.url.as_ref());
    json!({"id": event.correlation_id, "method": method, "path": path, "user": user})
}
