//! The event of a test case: a default one, with what the case says put over it.

use std::path::Path;
use std::sync::Arc;

use crate::json::{self, NonFinite};
use crate::model::{Event, Json};
use crate::problem::Problems;
use crate::script::load;
use crate::yaml::{Node, Reader, Value};

/// The instant of a run that names none.
pub(super) const NOW: &str = "2025-06-30T21:57:21Z";

/// The event of a case that says nothing.
fn default() -> Json {
    serde_json::json!({
        "id": "evt_0197c2a0d4b07a3e8f21a1b2c3d4e5f6",
        "type": "netbox.object.updated",
        "action": "updated",
        "source": "netbox-prod",
        "system": "netbox",
        "object": {
            "kind": "dcim.device",
            "id": "1",
            "name": "arista-leaf-01",
            "url": "/api/dcim/devices/1/"
        },
        "branch": null,
        "actor": { "id": null, "name": "kubecode" },
        "occurred_at": "2025-06-30T21:57:20.313712Z",
        "received_at": "2025-06-30T21:57:20.5Z",
        "correlation_id": "05c732a7-58f6-4e6b-9d4c-0c7f3d0b7a11",
        "changes": [],
        "before": null,
        "after": null,
        "data": {}
    })
    .into()
}

/// Builds it; mistakes go to `problems`.
pub(super) fn event(
    root: &Path,
    case: &Reader<'_>,
    capture: Option<&str>,
    said: Option<&Node>,
    problems: &mut Problems,
) -> Option<Event> {
    let mut value = match capture {
        Some(path) => captured(root, case, path, problems)?,
        None => default(),
    };
    let mut at = case.at;
    if let Some(node) = said {
        at = node.at;
        put_over(&mut value, case.file, node, problems)?;
    }
    let native = value.as_object_mut().and_then(|map| map.remove("native")).unwrap_or(Json::Null);
    match value.told::<Event>() {
        Ok(mut event) => {
            event.native = Arc::new(native);
            Some(event)
        }
        Err(error) => {
            problems
                .add(case.file, Some(at), format!("this is no event: {error}"))
                .help("the event's fields are those of `crossconnect try`");
            None
        }
    }
}

fn captured(root: &Path, case: &Reader<'_>, path: &str, problems: &mut Problems) -> Option<Json> {
    let folder = Path::new(case.file).parent().unwrap_or(Path::new(""));
    let read = load::read_file(&root.join(folder).join(path)).and_then(|text| {
        json::parse(text.as_bytes(), NonFinite::Refuse).map(|d| d.value).map_err(|error| error.to_string())
    });
    read.map_err(|cause| {
        problems
            .add(case.file, Some(case.at), format!("could not read the capture `{path}`: {cause}"))
            .help("name a JSON file with one event, relative to the test file");
    })
    .ok()
}

/// Puts what a case says over an event. `object` and `actor` are merged, all else is replaced.
fn put_over(event: &mut Json, file: &str, said: &Node, problems: &mut Problems) -> Option<()> {
    let Value::Map(entries) = &said.value else {
        problems.add(file, Some(said.at), format!("`event` must be a mapping, this is {}", said.kind()));
        return None;
    };
    let known = Event::FIELDS;
    for (key, node) in entries {
        let name = key.name.as_str();
        if !known.contains(&name) {
            problems
                .add(file, Some(key.at), format!("unknown key `event.{name}`"))
                .help(crate::yaml::nearest(name, &known));
            return None;
        }
        let value = node.to_json();
        match (event.get_mut(name), value) {
            (Some(Json::Object(old)), Json::Object(new)) if name == "object" || name == "actor" => {
                old.extend(new);
            }
            (_, Json::Array(list)) if name == "changes" => {
                event["changes"] = list.into_iter().map(change).collect();
            }
            (_, value) => event[name] = value,
        }
    }
    derive(event, said);
    Some(())
}

/// A change without `from` or `to` has nothing there.
fn change(mut change: Json) -> Json {
    if let Json::Object(map) = &mut change {
        map.get_or_insert_with("from", Json::default);
        map.get_or_insert_with("to", Json::default);
    }
    change
}

/// The action follows from the type, the type from the action, the system from the type.
fn derive(event: &mut Json, said: &Node) {
    let text = |name: &str| said.get(name).and_then(Node::scalar);
    match (text("type"), text("action")) {
        (Some(kind), None) => event["action"] = kind.rsplit('.').next().unwrap_or_default().into(),
        (None, Some(action)) => event["type"] = format!("netbox.object.{action}").into(),
        _ => {}
    }
    let system = text("type").and_then(|kind| Some(kind.split_once('.')?.0.to_owned()));
    if let (Some(system), None) = (system, text("system"))
        && event["system"] != system.as_str()
    {
        if text("source").is_none() {
            event["source"] = system.as_str().into();
        }
        event["system"] = system.into();
    }
}
