//! What a source redacts is hidden too where another gateway tells it again.

use std::time::{Duration, Instant};

use super::tests::{adapter, changes, events, settings};
use crate::model::{Json, json};

/// A body of a dialect with its extension.
fn body(dialect: &str, told: &Json) -> Json {
    match dialect {
        "infrahub" => {
            json!({"event": "infrahub.node.updated", "id": "e", "branch": "b-1", "account_id": "u-1",
            "data": {"node_id": "7", "kind": "K", "secret": {"on": true, "off": null, "pin": 7, "who": "ann", "c": "c-1"}},
            "crossconnect": told})
        }
        "datagerry" => json!({"operation": "UPDATE", "event_time": {"$date": 1}, "crossconnect": told,
            "object_after": {"public_id": 7, "type_id": 3, "fields": [{"name": "on", "value": true},
                {"name": "off", "value": null}, {"name": "pin", "value": [7, "ann", "c-1", "b-1"]}]}}),
        _ => json!({"event": "updated", "object_type": "a.b", "model": "b",
            "data": {"id": 1, "url": "/x/", "secret": {"on": true, "off": null, "pin": 7, "who": "ann", "c": ["c-1", "b-1"]}},
            "context": {"crossconnect": told}}),
    }
}

fn told(changes: Json) -> Json {
    let mut told = json!({"type": "lab.host.updated", "action": "updated", "branch": "b-1",
        "object": {"kind": "host", "id": "7", "name": "ann", "url": "ann"},
        "actor": {"id": "7", "name": "ann"}, "occurred_at": "c-1", "correlation_id": "c-1"});
    told["changes"] = changes;
    told
}

#[test]
fn a_hidden_value_is_hidden_in_every_fact_that_repeats_it() {
    for (dialect, redact) in [
        ("netbox", &["$.data.secret"] as &[_]),
        ("nautobot", &["$.data.secret"]),
        ("infrahub", &["$.data.secret", "$.branch"]),
        ("datagerry", &["$.object_after.fields[?@.name == 'pin'].value"]),
    ] {
        let adapter = adapter(dialect);
        let body = body(dialect, &told(json!([]))).to_string();
        let event = events(&adapter, &settings(&adapter, redact, false), body.as_bytes()).unwrap().remove(0);
        let object = event.object.unwrap();
        assert_eq!(
            (object.kind.as_str(), object.id.as_str()),
            ("host", "7"),
            "{dialect}: lanes and dedupe rest on the id"
        );
        let rest =
            [object.name, object.url, event.actor.id, event.actor.name, event.branch, event.occurred_at];
        for fact in rest.into_iter().chain([event.correlation_id]) {
            assert_eq!(fact.as_deref(), Some("***"), "{dialect}");
        }
    }
}

#[test]
fn a_hidden_flag_is_hidden_where_a_change_of_its_name_tells_it() {
    let told = told(
        json!([{"field": "on", "from": false, "to": true}, {"field": "cf.off", "from": true, "to": null},
        {"field": "only", "from": false, "to": true}]),
    );
    let wanted = json!([["on", "***", "***"], ["cf.off", "***", "***"], ["only", false, true]]);
    let fields = "$.object_after.fields[0, 1].value";
    for (dialect, redact) in [
        ("netbox", &["$.data.secret.on", "$.data.secret.off"] as &[_]),
        ("nautobot", &["$.data.secret"]),
        ("infrahub", &["$.data.secret.*"]),
        ("datagerry", &[fields]),
    ] {
        let adapter = adapter(dialect);
        let body = body(dialect, &told).to_string();
        let event = events(&adapter, &settings(&adapter, redact, false), body.as_bytes()).unwrap().remove(0);
        assert_eq!(changes(&event), wanted, "{dialect}");
    }
}

#[test]
fn many_changes_that_repeat_a_hidden_value_take_no_longer_than_their_number() {
    const MANY: usize = 30_000;
    let list: Json = (0..MANY).map(|n| json!({"field": format!("f{n}.x"), "from": n, "to": "s"})).collect();
    let mut body = body("netbox", &told(list));
    body["data"]["pin"] = json!("s");
    let netbox = adapter("netbox");
    let settings = settings(&netbox, &["$.data.pin"], false);
    let start = Instant::now();
    let event = events(&netbox, &settings, body.to_string().as_bytes()).unwrap().remove(0);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!(event.changes.len(), MANY);
    assert!(event.changes.iter().all(|change| change.to == json!("***") && change.from == json!("***")));
}
