//! What a tool sees that was written for NetBox, Infrahub or DATAGERRY and knows nothing of the
//! extension.

use std::collections::BTreeSet;

use super::samples::{event, receipt};
use super::{Format, Kinds};
use crate::model::{Event, Json, json};

fn sent(format: Format, event: &Event) -> Json {
    let kinds = match format {
        Format::Datagerry => Kinds::from([("InfraDevice".to_owned(), "3".to_owned())]),
        _ => Kinds::from([("InfraDevice".to_owned(), "dcim.device".to_owned())]),
    };
    let rendered = format.render(event, &receipt(b"{}"), &kinds).unwrap();
    assert_eq!((rendered.content_type.as_str(), rendered.headers.len()), ("application/json", 0));
    serde_json::from_slice(&rendered.body).unwrap()
}

/// An Infrahub node, whose sender tells only what changed.
fn node(action: &str) -> Event {
    let (from, to) = match action {
        "created" => (json!([null, null]), json!(["edge-1", "active"])),
        "deleted" => (json!(["edge-1", "active"]), json!([null, null])),
        _ => (json!(["edge-0", "active"]), json!(["edge-1", "offline"])),
    };
    let peers = |there: bool| if there { json!(["t1"]) } else { json!(null) };
    event(
        json!({"system": "infrahub", "type": format!("infrahub.node.{action}"), "action": action, "branch": "main",
        "object": {"kind": "InfraDevice", "id": "17f3", "name": "edge-1", "url": null},
        "actor": {"id": "37cf", "name": null}, "occurred_at": "2026-11-22T05:23:27.533540Z",
        "changes": [{"field": "name", "from": from[0], "to": to[0]}, {"field": "status", "from": from[1], "to": to[1]},
            {"field": "tags", "from": peers(action == "deleted"), "to": peers(action != "deleted"), "partial": true}],
        "data": {"node_id": "17f3", "name": "of the node's data", "id": 5, "display": {}}}),
    )
}

/// A NetBox device, whose sender tells both states.
fn device(action: &str) -> Event {
    let state = |there: bool, status: &str| {
        if there {
            json!({"name": "edge-1", "status": status, "custom_fields": {"cf": status.len()}, "lft": 1})
        } else {
            json!(null)
        }
    };
    let (was, is) = (action != "created", action != "deleted");
    let side = |there: bool, value: Json| if there { value } else { json!(null) };
    event(json!({"system": "netbox", "type": format!("netbox.object.{action}"), "action": action,
        "object": {"kind": "dcim.device", "id": "1", "name": "edge-1", "url": "/api/dcim/devices/1/"},
        "actor": {"id": null, "name": "ann"}, "occurred_at": "2026-11-22T05:23:27Z", "correlation_id": "r-1",
        "before": state(was, "active"), "after": state(is, "off"),
        "changes": [{"field": "status", "from": side(was, json!("active")), "to": side(is, json!("off"))},
            {"field": "custom_fields.cf", "from": side(was, json!(6)), "to": side(is, json!(3))}],
        "data": {"id": 1, "url": "/api/dcim/devices/1/", "name": "edge-1", "display": "edge-1"}}))
}

/// The members that differ between two states.
fn differing(before: &Json, after: &Json) -> BTreeSet<String> {
    let names = [before, after].into_iter().filter_map(Json::as_object).flat_map(|state| state.keys());
    names.filter(|name| before.get(name) != after.get(name)).map(str::to_owned).collect()
}

/// The fields of a DATAGERRY object by name.
fn fields(object: &Json) -> Json {
    let pair = |field: &Json| (field["name"].as_str().unwrap().to_owned(), field["value"].clone());
    object["fields"].as_array().into_iter().flatten().map(pair).collect::<crate::model::Map>().into()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_tool_for_netbox_sees_an_object_its_id_its_name_and_what_changed() {
    for (action, method) in [("created", "POST"), ("updated", "PATCH"), ("deleted", "DELETE")] {
        let body = sent(Format::Netbox, &node(action));
        let names: Vec<_> = body.as_object().unwrap().keys().collect();
        for wanted in [
            "event",
            "timestamp",
            "object_type",
            "model",
            "username",
            "request_id",
            "data",
            "request",
            "snapshots",
        ] {
            assert!(names.contains(&wanted), "{wanted}");
        }
        assert_eq!(body["event"], action);
        assert_eq!(body["timestamp"], "2026-11-22T05:23:27.533540+00:00");
        assert_eq!((&body["object_type"], &body["model"]), (&json!("dcim.device"), &json!("device")));
        assert_eq!((&body["username"], &body["request"]["user"]), (&json!("37cf"), &json!("37cf")));
        assert_eq!(body["request"]["method"], method);
        let data = &body["data"];
        assert_eq!(
            (&data["id"], &data["name"], &data["display"]),
            (&json!("17f3"), &json!("edge-1"), &json!("edge-1"))
        );
        let [before, after] = ["prechange", "postchange"].map(|side| &body["snapshots"][side]);
        assert_eq!(
            (before.is_null(), after.is_null()),
            (action == "created", action == "deleted"),
            "{action}"
        );
        assert_eq!(differing(before, after), set(&["name", "status", "tags"]), "{action}");
    }
    let rack = event(json!({"object": {"kind": "type:7", "id": "7", "name": null, "url": null}}));
    assert_eq!(sent(Format::Netbox, &rack)["data"]["id"], 7, "ids of digits are numbers");
}

#[test]
fn netbox_knows_other_words_for_jobs_and_none_for_the_rest() {
    for (kind, action, wanted) in [
        ("nautobot.job.started", "started", "job_started"),
        ("lab.job.ended", "ended", "job_ended"),
        ("lab.branch.merged", "merged", "merged"),
    ] {
        let body = sent(
            Format::Netbox,
            &event(json!({"type": kind, "action": action, "object": null, "data": [1]})),
        );
        assert_eq!(
            (&body["event"], &body["data"], &body["request"]),
            (&json!(wanted), &json!([1]), &json!(null))
        );
        assert_eq!((&body["object_type"], &body["model"]), (&json!(null), &json!(null)));
    }
}

#[test]
fn a_tool_for_infrahub_sees_a_node_and_its_changelog() {
    for (action, status) in [("created", "added"), ("updated", "updated"), ("deleted", "removed")] {
        let body = sent(Format::Infrahub, &device(action));
        assert_eq!(body["event"], format!("infrahub.node.{action}"));
        assert_eq!(body["occured_at"], "2026-11-22 05:23:27.000000+00:00");
        assert_eq!((&body["branch"], &body["account_id"]), (&json!(null), &json!("ann")));
        assert!(body["id"].as_str().unwrap().parse::<uuid::Uuid>().is_ok(), "{}", body["id"]);
        let data = &body["data"];
        assert_eq!(
            (&data["kind"], &data["node_id"], &data["action"]),
            (&json!("dcim.device"), &json!("1"), &json!(action))
        );
        assert_eq!(data["fields"], json!(["status", "custom_fields.cf"]));
        let log = &data["changelog"];
        assert_eq!(
            (&log["node_id"], &log["node_kind"], &log["display_label"]),
            (&json!("1"), &json!("dcim.device"), &json!("edge-1"))
        );
        let attribute = &log["attributes"]["custom_fields.cf"];
        assert_eq!((&attribute["name"], &attribute["kind"]), (&json!("custom_fields.cf"), &json!("Number")));
        assert_eq!(
            (&attribute["value_update_status"], &attribute["properties"]),
            (&json!(status), &json!({}))
        );
        let known = |there: bool, value: u32| if there { json!(value) } else { json!(null) };
        assert_eq!(attribute["value_previous"], known(action != "created", 6));
        assert_eq!(attribute["value"], known(action != "deleted", 3));
    }
}

#[test]
fn to_infrahub_what_came_and_went_are_peers_of_a_relationship() {
    let change = json!({"field": "tags", "from": ["a"], "to": ["b", "c"], "partial": true});
    let body = sent(Format::Infrahub, &event(json!({"changes": [change]})));
    let tags = &body["data"]["changelog"]["relationships"]["tags"];
    assert_eq!(tags["cardinality"], "many");
    let peers: Vec<_> = tags["peers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|peer| json!([peer["peer_id"], peer["peer_status"]]))
        .collect();
    assert_eq!(json!(peers), json!([["a", "removed"], ["b", "added"], ["c", "added"]]));
    let change = json!({"field": "tags", "from": null, "to": [{"id": 1}], "partial": true});
    let body = sent(Format::Infrahub, &event(json!({"changes": [change]})));
    assert_eq!(
        body["data"]["changelog"]["attributes"]["tags"]["value"],
        json!([{"id": 1}]),
        "no ids, no peers"
    );
}

#[test]
fn what_happened_to_no_node_keeps_its_name_in_infrahub() {
    let body = sent(
        Format::Infrahub,
        &event(json!({"type": "netbox.job.started", "action": "started", "object": null, "data": [1]})),
    );
    assert_eq!((&body["event"], &body["data"]), (&json!("infrahub.job.started"), &json!({"payload": [1]})));
    let merged = event(json!({"type": "lab.line.merged", "action": "merged"}));
    assert_eq!(sent(Format::Infrahub, &merged)["event"], "infrahub.node.merged");
}

#[test]
fn a_tool_for_datagerry_sees_objects_with_fields() {
    for (action, operation) in [("created", "CREATE"), ("updated", "UPDATE"), ("deleted", "DELETE")] {
        let body = sent(Format::Datagerry, &device(action));
        assert_eq!(
            (&body["operation"], &body["event_time"]),
            (&json!(operation), &json!({"$date": 1_795_325_007_000_i64}))
        );
        let [before, after] = [&body["object_before"], &body["object_after"]];
        assert_eq!((before.is_null(), after.is_null()), (action == "created", action == "deleted"));
        for object in [before, after].into_iter().filter(|object| object.is_object()) {
            assert_eq!(
                (&object["public_id"], &object["type_id"], &object["active"]),
                (&json!(1), &json!(0), &json!(true))
            );
            assert_eq!((&object["author_id"], &object["multi_data_sections"]), (&json!("ann"), &json!([])));
            assert_eq!(fields(object)["name"], "edge-1");
            for bookkeeping in ["version", "editor_id", "creation_time", "last_edit_time"] {
                assert!(object.get(bookkeeping).is_some(), "{bookkeeping}");
            }
        }
        let changed = differing(&fields(before), &fields(after));
        assert!(changed.is_superset(&set(&["status", "custom_fields.cf"])), "{changed:?}");
        match action {
            "updated" => {
                assert_eq!(changed, set(&["custom_fields", "custom_fields.cf", "status"]));
                let old =
                    json!([{"name": "status", "value": "active"}, {"name": "custom_fields.cf", "value": 6}]);
                let new =
                    json!([{"name": "status", "value": "off"}, {"name": "custom_fields.cf", "value": 3}]);
                assert_eq!(body["changes"], json!({"old": old, "new": new}));
            }
            _ => assert_eq!(body["changes"], json!(null)),
        }
    }
}

#[test]
fn to_datagerry_the_type_is_a_number_from_the_destination_or_the_event() {
    for (parts, wanted) in [
        (json!({"object": {"kind": "InfraDevice", "id": "1", "name": null, "url": null}}), 3),
        (json!({"object": {"kind": "type:12", "id": "1", "name": null, "url": null}}), 12),
        (json!({"data": {"type_id": 9}}), 9),
        (json!({"object": {"kind": "type:x", "id": "1", "name": null, "url": null}}), 0),
    ] {
        assert_eq!(sent(Format::Datagerry, &event(parts))["object_after"]["type_id"], wanted);
    }
}

#[test]
fn to_datagerry_a_switch_is_a_state_and_what_is_unknown_has_not_changed() {
    let change = json!({"field": "active", "from": true, "to": false});
    let body = sent(Format::Datagerry, &event(json!({"changes": [change]})));
    assert_eq!(
        (&body["changes"], &body["object_after"]["active"]),
        (&json!({"state": false}), &json!(false))
    );
    let merged = event(json!({"action": "merged", "data": {"branch_name": "b"}}));
    let body = sent(Format::Datagerry, &merged);
    assert_eq!(fields(&body["object_before"]), fields(&body["object_after"]));
    assert_eq!(fields(&body["object_after"]), json!({"branch_name": "b", "name": "srv"}));
    let text = event(json!({"object": null, "data": "text"}));
    let after = &sent(Format::Datagerry, &text)["object_after"];
    assert_eq!((&after["public_id"], fields(after)), (&json!(0), json!({"data": "text"})));
}

#[test]
fn the_extension_stands_only_beside_what_the_dialect_cannot_say() {
    let data = json!({"id": 1});
    let body = json!({"event": "updated", "data": data, "context": {"plugin": 1}});
    let own = |changes: Json| {
        event(
            json!({"system": "netbox", "type": "netbox.object.updated", "data": data, "native": body, "changes": changes,
            "object": {"kind": "dcim.device", "id": "1", "name": null, "url": null}}),
        )
    };
    let plain = sent(Format::Netbox, &own(json!([{"field": "a", "from": 1, "to": 2}])));
    assert_eq!(plain["context"], json!({"plugin": 1}));
    let hidden = sent(Format::Netbox, &own(json!([{"field": "a", "from": "***", "to": "***"}])));
    assert_eq!(hidden["context"]["plugin"], 1);
    assert_eq!(
        hidden["context"]["crossconnect"]["changes"],
        json!([{"field": "a", "from": "***", "to": "***"}])
    );
    let places = ["/context/crossconnect", "/crossconnect", "/crossconnect"];
    for (format, place) in [Format::Netbox, Format::Infrahub, Format::Datagerry].into_iter().zip(places) {
        let foreign = event(json!({"correlation_id": "r", "actor": {"id": "7", "name": null}}));
        let wanted = json!({"system": "lab", "type": "lab.object.updated", "action": "updated",
            "object": {"kind": "Server", "id": "42", "name": "srv", "url": null}, "branch": null,
            "actor": {"id": "7", "name": null}, "occurred_at": null, "correlation_id": "r", "changes": []});
        assert_eq!(sent(format, &foreign).pointer(place), Some(&wanted), "{format:?}");
    }
}

#[test]
fn what_an_old_netbox_told_becomes_the_body_of_netbox_4() {
    let data = json!({"id": 1, "url": "/api/dcim/devices/1/", "name": "edge-1"});
    let native = json!({"event": "updated", "timestamp": "2026-11-22 05:44:20.538760+00:00", "model": "device",
        "username": "ann", "request_id": "r", "data": data, "snapshots": {"prechange": null, "postchange": {"a": 1}}});
    let body = sent(
        Format::Netbox,
        &event(json!({"system": "netbox", "type": "netbox.object.updated", "data": data, "native": native,
            "object": {"kind": "dcim.device", "id": "1", "name": "edge-1", "url": "/api/dcim/devices/1/"},
            "actor": {"id": null, "name": "ann"}, "occurred_at": "2026-11-22T05:44:20.538760Z",
            "correlation_id": "r", "after": {"a": 1}})),
    );
    let wanted = json!({"event": "updated", "timestamp": "2026-11-22T05:44:20.538760+00:00", "model": "device",
        "object_type": "dcim.device", "username": "ann", "request_id": "r", "data": data,
        "request": {"id": "r", "method": "PATCH", "path": "/api/dcim/devices/1/", "user": "ann"},
        "snapshots": {"prechange": null, "postchange": {"a": 1}}});
    assert_eq!(body, wanted);
}
