//! What scripts may do, and what they may not.

mod batches;
mod host;
mod limits;
mod mistakes;
mod reading;
mod repeated;
mod worked;

use std::path::Path;
use std::sync::Arc;

use super::{Limits, Message, Script, ScriptError, Verdict};
use crate::model::{Actor, Change, Event, EventId, Json, Object, Timestamp};
use crate::problem::Problems;

pub(super) fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

/// A device of NetBox whose status changed.
pub(super) fn event() -> Event {
    let data = json(
        r#"{"name":"leaf-1","site":{"slug":"fra1","name":"Frankfurt"},"tags":["a","b"],"position":12.50,
            "vlan":42,"big":123456789012345678901234567890,"huge":1e999,"nothing":null,"up":true,
            "interfaces":[{"name":"eth0","mtu":1500},{"name":"eth1","mtu":9000}]}"#,
    );
    let now: Timestamp = "2025-06-30T21:57:20.5Z".parse().unwrap();
    Event {
        id: "evt_0197c2a0d4b07a3e8f21a1b2c3d4e5f6".parse::<EventId>().unwrap(),
        r#type: "netbox.object.updated".to_owned(),
        action: "updated".to_owned(),
        source: "netbox-prod".to_owned(),
        system: "netbox".to_owned(),
        object: Some(Object {
            kind: "dcim.device".to_owned(),
            id: "1".to_owned(),
            name: Some("leaf-1".to_owned()),
            url: None,
        }),
        branch: None,
        actor: Actor { id: None, name: Some("kubecode".to_owned()) },
        occurred_at: Some("2025-06-30T21:57:20.313712Z".to_owned()),
        received_at: now,
        correlation_id: Some("05c7".to_owned()),
        changes: vec![
            Change {
                field: "status".to_owned(),
                from: "active".into(),
                to: "offline".into(),
                partial: false,
            },
            Change {
                field: "site.name".to_owned(),
                from: Json::Null,
                to: "Frankfurt".into(),
                partial: false,
            },
        ],
        before: Json::Null.into(),
        after: data.clone().into(),
        native: Arc::new(json(r#"{"event":"updated","model":"device"}"#)),
        data: data.into(),
    }
}

pub(super) fn now() -> Timestamp {
    "2025-06-30T22:00:00Z".parse().unwrap()
}

/// A folder with the script as `scripts/s.rhai`, and further files beside it.
pub(super) fn folder(text: &str, others: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in others.iter().chain([&("scripts/s.rhai", text)]) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

pub(super) fn compile_in(root: &Path, limits: &Limits) -> Result<Script, Vec<String>> {
    let mut problems = Problems::default();
    let script = Script::compile(root, "scripts/s.rhai", limits, &mut problems);
    assert_eq!(script.is_none(), !problems.is_empty(), "{problems:?}");
    script.ok_or_else(|| problems.into_sorted().iter().map(ToString::to_string).collect())
}

pub(super) fn script(text: &str) -> Script {
    compile_in(folder(text, &[]).path(), &Limits::default()).unwrap()
}

pub(super) fn run(text: &str) -> Result<Verdict, ScriptError> {
    script(text).run(&event(), now())
}

/// The one message of `fn transform(event) { BODY }`.
pub(super) fn message(body: &str) -> Message {
    match run(&format!("fn transform(event) {{ {body} }}")) {
        Ok(Verdict::Messages(mut messages)) if messages.len() == 1 => messages.remove(0),
        other => panic!("no single message: {other:?}"),
    }
}

/// An expression's value, as JSON.
pub(super) fn value(expression: &str) -> Json {
    match message(&format!("[{expression}]")).body {
        super::Body::Json(text) => json(&text)[0].take(),
        other => panic!("no JSON: {other:?}"),
    }
}

/// The error of `fn transform(event) { BODY }`.
pub(super) fn error(body: &str) -> String {
    let error = run(&format!("fn transform(event) {{ {body} }}")).unwrap_err();
    format!("{}: {}", error.place, error.message)
}
