//! When the extension stands beside a system's own event, and what it keeps.

use std::collections::HashMap;

use super::roundtrip_tests::{DIALECTS, Options, PLAIN, Source, captures, render};
use super::samples::{event, receipt};
use super::{Format, Kinds};
use crate::adapter::{Adapter, Basics, Overrides, shipped};
use crate::model::{Json, json};
use crate::problem::Problems;

fn extension<'b>(system: &str, body: &'b Json) -> Option<&'b Json> {
    body.pointer(if system == "netbox" { "/context/crossconnect" } else { "/crossconnect" })
}

const NETBOX: &str = r#"{"event": "updated", "timestamp": "2026-11-22T05:30:00+00:00", "object_type": "dcim.device",
    "model": "device", "username": "ann", "request_id": "r", "data": {"id": 1, "name": "edge-1", "asset_tag": "a-7"}}"#;
const INFRAHUB: &str = r#"{"event": "infrahub.node.updated", "id": "e", "branch": "main", "account_id": "a",
    "occured_at": "2026-11-22 05:30:00.000000+00:00", "data": {"kind": "K", "node_id": "n", "changelog": {"display_label": "l"}}}"#;
const DATAGERRY: &str = r#"{"operation": "UPDATE", "event_time": {"$date": 1795324565196}, "changes": {},
    "object_before": {"public_id": 5, "type_id": 3, "editor_id": 7, "fields": [{"name": "name", "value": "n"}]},
    "object_after": {"public_id": 5, "type_id": 3, "editor_id": 7, "fields": [{"name": "name", "value": "n"}]}}"#;

#[test]
fn a_fact_that_a_source_maps_otherwise_reaches_the_next_gateway() {
    let bodies = [NETBOX, INFRAHUB, DATAGERRY];
    for ((plain, (system, format)), body) in PLAIN.iter().zip(DIALECTS).zip(bodies) {
        let (event, receipt) = plain.event(body.as_bytes()).unwrap();
        let sent: Json = serde_json::from_slice(&render(format, &event, &receipt)).unwrap();
        assert_eq!(extension(system, &sent), None, "{system}");
    }
    for (place, map) in [
        (0, "{object.name: $.data.asset_tag}"),
        (0, "{object.id: $.data.asset_tag}"),
        (0, "{object.kind: $.data.asset_tag}"),
        (0, "{actor.id: $.data.asset_tag}"),
        (0, "{branch: $.data.asset_tag}"),
        (1, "{object.name: $.data.kind}"),
        (1, "{object.kind: $.account_id}"),
        (1, "{actor.name: $.data.kind}"),
        (1, "{correlation_id: $.id}"),
        (2, "{object.name: $.operation}"),
        (2, "{actor.name: $.operation}"),
        (2, "{branch: $.operation}"),
        (2, "{occurred_at: $.operation}"),
        (2, "{correlation_id: $.operation}"),
    ] {
        let (system, format) = DIALECTS[place];
        let source = Source::new(system, &Options { map, ..Options::default() });
        let (event, receipt) = source.event(bodies[place].as_bytes()).unwrap();
        let sent = render(format, &event, &receipt);
        let back = PLAIN[place].back(&sent);
        assert_eq!(
            (&back.object, &back.actor, &back.branch, &back.occurred_at, &back.correlation_id),
            (&event.object, &event.actor, &event.branch, &event.occurred_at, &event.correlation_id),
            "{system} {map}"
        );
        let sent: Json = serde_json::from_slice(&sent).unwrap();
        assert!(extension(system, &sent).is_some(), "{system} {map}");
    }
}

#[test]
fn what_a_source_calls_a_type_is_its_name_at_the_next_gateway() {
    let mut problems = Problems::default();
    let (file, text) = shipped("datagerry").unwrap();
    let adapter = Adapter::compile(file, text, &mut problems).unwrap();
    let kinds = HashMap::from([("3".to_owned(), "server".to_owned())]);
    let basics = Basics { source: "lab-1".to_owned(), kinds, ..Basics::default() };
    let overrides = Overrides { file: "c.yaml", redact: Vec::new(), map: None };
    let settings = adapter.settings(basics, overrides, &mut problems);
    let reading = adapter.read(&settings, DATAGERRY.as_bytes()).unwrap();
    let receipt = receipt(&reading.body);
    let event = adapter.normalise(&settings, &receipt, reading.document).unwrap().remove(0);
    let back = PLAIN[2].back(&render(Format::Datagerry, &event, &receipt));
    assert_eq!(back.object.unwrap().kind, "server");
}

#[test]
fn a_captured_event_needs_no_extension_in_its_own_dialect() {
    let mut seen = 0;
    for (source, (system, format)) in PLAIN.iter().zip(DIALECTS) {
        for (name, body) in captures(system) {
            let Some((event, receipt)) = source.event(&body) else { continue };
            let sent: Json = serde_json::from_slice(&render(format, &event, &receipt)).unwrap_or_default();
            let named =
                event.object.as_ref().is_some_and(|object| ["router", "ap"].contains(&object.kind.as_str()));
            let masked = event.changes.iter().any(|change| change.to == json!("***"));
            let own = named || masked || extension(system, &sent).is_none();
            assert!(own, "{name}: {sent:#}");
            seen += 1;
        }
    }
    assert!(seen > 400, "{seen}");
}

#[test]
fn what_stands_in_flat_fields_is_not_told_twice_to_netbox() {
    for (system, member) in [("datagerry", "fields"), ("infrahub", "changelog")] {
        let data = json!({member: {"a": 1}, "kept": 2});
        for (from, repeated) in [(system, false), ("jira", true)] {
            let event = event(json!({"system": from, "data": data}));
            let sent = Format::Netbox.render(&event, &receipt(b""), &Kinds::new()).unwrap().body;
            let sent: Json = serde_json::from_slice(&sent).unwrap();
            assert_eq!(sent["data"].get(member).is_some(), repeated, "{from} {member}");
            assert_eq!(sent["data"]["kept"], 2);
        }
    }
}

#[test]
fn nautobots_differences_stay_beside_the_states() {
    let native = json!({"snapshots": {"prechange": 1, "postchange": 2, "differences": {"added": {"a": 2}}}});
    let event = event(json!({"system": "nautobot", "before": {"a": 1}, "after": {"a": 2}, "native": native}));
    let sent = Format::Netbox.render(&event, &receipt(b""), &Kinds::new()).unwrap().body;
    let sent: Json = serde_json::from_slice(&sent).unwrap();
    assert_eq!(
        sent["snapshots"],
        json!({"prechange": {"a": 1}, "postchange": {"a": 2}, "differences": {"added": {"a": 2}}})
    );
}
