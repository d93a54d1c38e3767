//! The language of adapter files: what it says, what it refuses, and what is never stored.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::repeat::by_body;
use super::{Adapter, Basics, Overrides, Reading, Settings, shipped, shipped_names};
use crate::model::{Event, Failure, Json, Proof, Receipt, ReceiptId, Request, Timestamp, json};
use crate::problem::Problems;
use crate::yaml;

pub(super) fn adapter(name: &str) -> Adapter {
    let (file, text) = shipped(name).unwrap();
    compiled(file, text)
}

fn compiled(file: &str, text: &str) -> Adapter {
    let mut problems = Problems::default();
    let adapter = Adapter::compile(file, text, &mut problems);
    let found: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{found:#?}");
    adapter.unwrap()
}

fn problems(text: &str) -> Vec<String> {
    let mut problems = Problems::default();
    assert!(Adapter::compile("adapters/x.yaml", text, &mut problems).is_none());
    problems.into_sorted().iter().map(ToString::to_string).collect()
}

pub(super) fn settings(adapter: &Adapter, redact: &[&str], templated: bool) -> Settings {
    let mut problems = Problems::default();
    let basics = Basics {
        source: "s".to_owned(),
        kinds: HashMap::from([("6".to_owned(), "router".to_owned())]),
        window: Duration::from_secs(86_400),
        templated,
        ..Basics::default()
    };
    let redact = redact.iter().map(|path| ((1, 1), (*path).to_owned())).collect();
    let settings = adapter.settings(basics, Overrides { file: "c.yaml", redact, map: None }, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    settings
}

pub(super) fn receipt(reading: &Reading, headers: Vec<(String, String)>) -> Receipt {
    Receipt {
        id: ReceiptId::new(Timestamp::UNIX_EPOCH),
        source: Arc::from("s"),
        received_at: Timestamp::UNIX_EPOCH,
        request: Request { headers, ..Request::default() },
        body: Bytes::clone(&reading.body),
        dedupe: None,
        proof: Proof { scheme: "open".to_owned(), variant: None, secret: None },
        notes: Vec::new(),
        masked: reading.masked.clone(),
    }
}

pub(super) fn events(adapter: &Adapter, settings: &Settings, body: &[u8]) -> Result<Vec<Event>, Failure> {
    let reading = adapter.read(settings, body).unwrap();
    let receipt = receipt(&reading, Vec::new());
    adapter.normalise(settings, &receipt, reading.document)
}

pub(super) fn changes(event: &Event) -> Json {
    event.changes.iter().map(|change| json!([change.field, change.from, change.to])).collect()
}

#[test]
fn every_shipped_file_passes_its_own_tests() {
    for name in shipped_names() {
        let adapter = adapter(name);
        assert_eq!(adapter.name, name);
        let results = adapter.run_tests();
        assert!(!results.is_empty(), "{name} has no tests");
        for result in results {
            assert!(result.failures.is_empty(), "{name}: {}\n{}", result.name, result.failures.join("\n"));
        }
    }
}

#[test]
fn a_test_that_fails_shows_what_differs() {
    let text =
        "events: [{type: 'a.{$.e}'}]\ntests: [{name: t, body: {e: x}, expect: {type: a.y, branch: null}}]";
    let failures = compiled("adapters/a.yaml", text).run_tests().remove(0).failures;
    assert!(failures[0].contains("-    \"type\": \"a.y\",\n+    \"type\": \"a.x\""), "{failures:?}");
}

#[test]
fn a_new_system_needs_only_a_file_and_may_send_many_events_at_once() {
    let text = r#"
verify: {scheme: custom, hash: sha1, encoding: hex, header: X-Sig}
let: {server: '{$.instance}'}
events:
  - each: $.items
    type: 'shop.{@.kind}.changed'
    object: {kind: '@.kind', id: '@.id', name: '{server}/{@.id}'}
    data: '@'
"#;
    let shop = compiled("adapters/shop.yaml", text);
    let body = br#"{"instance": "eu", "items": [{"kind": "book", "id": 1}, {"kind": "pen", "id": "p2"}]}"#;
    let found = events(&shop, &settings(&shop, &[], false), body).unwrap();
    let short: Vec<_> = found.iter().map(|e| (e.r#type.as_str(), e.object.clone().unwrap().name)).collect();
    assert_eq!(
        short,
        [("shop.book.changed", Some("eu/1".to_owned())), ("shop.pen.changed", Some("eu/p2".to_owned()))]
    );
    assert_eq!(found[1].data, json!({"kind": "pen", "id": "p2"}));
    assert_ne!(found[0].id, found[1].id);
}

#[test]
fn every_mistake_of_a_file_is_reported_with_its_place() {
    let text = "sytem: x
verify: {scheme: netbx}
let: {a: '$.x['}
events:
  - type: 'x.{b}'
    object: {kidn: 1}
    changes: {each: $.x}
  - when: {$.a: {}}
";
    let found = problems(text).join("\n");
    for wanted in [
        "x.yaml:1:1: unknown key `sytem`\n  help: did you mean `system`?",
        "x.yaml:2:9: unknown scheme `netbx`\n  help: did you mean `netbox`?",
        "x.yaml:3:10: could not read the JSONPath `$.x[`",
        "x.yaml:5:11: unknown name `{b}`",
        "x.yaml:6:14: unknown key `events[0].object.kidn`",
        "x.yaml:7:14: `events[0].changes.field` is missing",
        "x.yaml:8:17: `when` needs a text",
    ] {
        assert!(found.contains(wanted), "{wanted}\nin\n{found}");
    }
}

#[test]
fn mistakes_in_a_sources_redact_and_map_are_reported_in_the_config() {
    let mut problems = Problems::default();
    let map = yaml::parse("c.yaml", "{typ: x, branch: {path: $.a, upper: true}}", &mut problems);
    let redact = vec![((7, 3), "data.secret".to_owned())];
    let overrides = Overrides { file: "c.yaml", redact, map: map.as_ref() };
    let basics = Basics { source: "lab".to_owned(), ..Basics::default() };
    adapter("generic").settings(basics, overrides, &mut problems);
    let found: Vec<_> = problems.into_sorted().iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(
        found[0].contains("unknown key `sources.lab.map.typ`\n  help: did you mean `type`?"),
        "{found:#?}"
    );
    assert!(found[2].starts_with("c.yaml:7:3: `data.secret` is no JSONPath"), "{found:#?}");
}

#[test]
fn a_body_without_redaction_passes_unchanged() {
    let netbox = adapter("netbox");
    let body = br#"{ "event" : "created", "n": 1.50 }"#;
    let reading = netbox.read(&settings(&netbox, &[], false), body).unwrap();
    assert_eq!((&reading.body[..], reading.masked), (&body[..], Vec::new()));
}

#[test]
fn a_redacted_field_is_masked_wherever_it_stands_and_still_counts_as_changed() {
    let netbox = adapter("netbox");
    let settings = settings(&netbox, &["$.data.custom_fields.password"], false);
    let body = br#"{"event": "updated", "object_type": "dcim.device", "data": {"id": 1, "custom_fields": {"password": "new1", "n": 1.50}},
        "snapshots": {"prechange": {"custom_fields": {"password": "old1", "n": 1}, "x": 1}, "postchange": {"custom_fields": {"password": "new1", "n": 1}, "x": 2}}}"#;
    let reading = netbox.read(&settings, body).unwrap();
    let text = String::from_utf8(reading.body.to_vec()).unwrap();
    assert!(!text.contains("old1") && !text.contains("new1") && text.contains("1.50"), "{text}");
    assert!(text.starts_with(r#"{"event":"updated","object_type":"#), "{text}");
    let receipt = receipt(&reading, Vec::new());
    let wanted = json!([["x", 1, 2], ["custom_fields.password", "***", "***"]]);
    let event = netbox.normalise(&settings, &receipt, reading.document).unwrap().remove(0);
    assert_eq!(changes(&event), wanted);
    // The same again when the stored body is replayed.
    let again = netbox.read(&settings, &receipt.body).unwrap();
    assert_eq!((&again.body, again.masked.len()), (&receipt.body, 0));
    let event = netbox.normalise(&settings, &receipt, again.document).unwrap().remove(0);
    assert_eq!(changes(&event), wanted);
}

#[test]
fn redacting_a_whole_branch_hides_every_field_below_it() {
    let netbox = adapter("netbox");
    let settings = settings(&netbox, &["$.snapshots.postchange.custom_fields"], false);
    for (event, before, after, wanted) in [
        ("created", "null", r#"{"custom_fields":{"a":"s1"}}"#, json!([["custom_fields.a", null, "***"]])),
        ("deleted", r#"{"custom_fields":{"a":"s1"}}"#, "null", json!([["custom_fields.a", "***", null]])),
        (
            "updated",
            r#"{"custom_fields":{"a":"s1"}}"#,
            r#"{"custom_fields":{"a":"s2"}}"#,
            json!([["custom_fields.a", "***", "***"]]),
        ),
    ] {
        let body = format!(
            r#"{{"event":"{event}","object_type":"a.b","data":{{"id":1,"custom_fields":{{"a":"s1"}}}},"snapshots":{{"prechange":{before},"postchange":{after}}}}}"#
        );
        let reading = netbox.read(&settings, body.as_bytes()).unwrap();
        assert!(!String::from_utf8_lossy(&reading.body).contains("s1"));
        let receipt = receipt(&reading, Vec::new());
        let found = netbox.normalise(&settings, &receipt, reading.document).unwrap().remove(0);
        assert_eq!(changes(&found), wanted, "{event}");
    }
}

#[test]
fn a_redacted_field_of_a_named_list_is_masked_in_every_such_list() {
    let datagerry = adapter("datagerry");
    let list = |value: &str| json!([{"name": "a", "value": 1}, {"name": "pin", "value": value}]);
    let body = json!({"operation": "UPDATE", "event_time": {"$date": 1},
        "object_before": {"public_id": 1, "type_id": 6, "fields": list("s-old")},
        "object_after": {"public_id": 1, "type_id": 6, "fields": list("s-new")},
        "changes": {"old": [{"name": "pin", "value": "s-old"}], "new": [{"name": "pin", "value": "s-new"}]}});
    for path in ["$.object_after.fields[?@.name == 'pin'].value", "$.object_before.fields[1].value"] {
        let settings = settings(&datagerry, &[path], false);
        let reading = datagerry.read(&settings, body.to_string().as_bytes()).unwrap();
        assert!(!String::from_utf8_lossy(&reading.body).contains("s-"), "{path}");
        let receipt = receipt(&reading, Vec::new());
        let event = datagerry.normalise(&settings, &receipt, reading.document).unwrap().remove(0);
        assert_eq!(changes(&event), json!([["pin", "***", "***"]]));
        assert_eq!(event.object.unwrap().kind, "router");
    }
}

#[test]
fn what_is_hidden_is_hidden_where_another_gateway_tells_it_again() {
    let netbox = adapter("netbox");
    let told = json!({"type": "lab.host.updated", "action": "updated", "object": {"kind": "host", "id": "1", "name": "n"},
        "changes": [{"field": "pin", "from": 1234, "to": ["s-new"]}, {"field": "s-new", "from": "", "to": "b"}]});
    let body = json!({"event": "updated", "object_type": "host", "data": {"id": 1, "pin": {"x": ["s-new", 1234, "", true]}},
        "context": {"crossconnect": told}});
    let settings = settings(&netbox, &["$.data.pin"], false);
    let reading = netbox.read(&settings, body.to_string().as_bytes()).unwrap();
    let receipt = receipt(&reading, Vec::new());
    let event = netbox.normalise(&settings, &receipt, reading.document).unwrap().remove(0);
    assert_eq!(changes(&event), json!([["pin", "***", "***"], ["s-new", "", "b"]]));
    let stored = String::from_utf8_lossy(&receipt.body);
    assert!(!stored.contains("1234") && !stored.contains("[\"s-new"), "{stored}");
}

#[test]
fn a_field_without_a_name_is_a_field_and_one_that_is_missing_is_none() {
    let text = "events:\n  - type: a.b\n    changes: {each: $.c, field: '@.f', from: '@.x', to: '@.y'}";
    let shop = compiled("adapters/shop.yaml", text);
    let body = br#"{"c": [{"f": "", "x": 1}, {"x": 1, "y": 2}, {"f": "g", "x": null}]}"#;
    let event = events(&shop, &settings(&shop, &[], false), body).unwrap().remove(0);
    assert_eq!(changes(&event), json!([["", 1, null]]));
}

#[test]
fn a_templated_body_is_a_text_or_json_and_not_deduplicated_without_a_window() {
    let netbox = adapter("netbox");
    let mut settings = settings(&netbox, &["$.password"], true);
    let reading = netbox.read(&settings, "updated Zürich".as_bytes()).unwrap();
    assert_eq!(reading.document, json!("updated Zürich"));
    assert_eq!(netbox.dedupe(&settings, &Request::default(), &reading.document, b"updated"), None);
    let event = events(&netbox, &settings, br#"{"password": "x", "n": 1}"#).unwrap().remove(0);
    assert_eq!((event.r#type.as_str(), event.object), ("netbox.custom", None));
    assert_eq!(event.data, json!({"password": "***", "n": 1}));
    settings.own_window = true;
    let found = netbox.dedupe(&settings, &Request::default(), &reading.document, b"updated").unwrap();
    assert_eq!((found.key, found.window), (by_body(b"updated"), settings.window));
}

#[test]
fn a_transform_payload_is_recognised_for_a_short_time_only() {
    let infrahub = adapter("infrahub");
    let mut settings = settings(&infrahub, &[], false);
    let reading = infrahub.read(&settings, b"{}").unwrap();
    assert_eq!((&reading.body[..], &reading.document), (&b"{}"[..], &json!({})));
    let dedupe = |settings: &Settings, event: &Json| {
        infrahub.dedupe(settings, &Request::default(), event, b"{}").unwrap()
    };
    let found = dedupe(&settings, &reading.document);
    assert_eq!((found.key, found.window), (by_body(b"{}"), Duration::from_secs(600)));
    let event = json!({"event": "infrahub.branch.merged", "id": "e1", "data": {}});
    let found = dedupe(&settings, &event);
    assert_eq!((found.key.as_str(), found.window), ("$.id:e1", Duration::from_secs(86_400)));
    settings.own_window = true;
    assert_eq!(dedupe(&settings, &json!([])).window, settings.window);
}

#[test]
fn numbers_that_are_no_json_are_read_as_null_and_noted() {
    let datagerry = adapter("datagerry");
    let settings = settings(&datagerry, &[], false);
    let reading = datagerry.read(&settings, br#"{"n":NaN,"i":Infinity}"#).unwrap();
    assert_eq!(&reading.body[..], br#"{"n":null,"i":null}"#);
    assert_eq!(reading.notes, ["2 numbers that are no JSON (NaN, Infinity) were read as null"]);
    let failure = events(&datagerry, &settings, br#"{"n":NaN,"i":Infinity}"#).unwrap_err();
    assert_eq!(failure.place.as_deref(), Some("$.operation"));
}

#[test]
fn of_two_fields_of_one_name_the_first_counts_however_many_there_are() {
    let fields = |value: u32| {
        let many = (0..30_000).map(|n| json!({"name": format!("f{n}"), "value": n}));
        let twice = [json!({"name": "twice", "value": value}), json!({"name": "twice", "value": 9})];
        let object: Vec<Json> = many.chain(twice).collect();
        json!({"public_id": 1, "type_id": 6, "fields": object})
    };
    let body = json!({"event_time": {"$date": 1_795_324_565_321_u64}, "operation": "UPDATE",
        "object_before": fields(1), "object_after": fields(2), "changes": {}});
    let adapter = adapter("datagerry");
    let settings = settings(&adapter, &[], false);
    let reading = adapter.read(&settings, body.to_string().as_bytes()).unwrap();
    let receipt = receipt(&reading, Vec::new());
    let events = adapter.normalise(&settings, &receipt, reading.document).unwrap();
    let changes = events.iter().flat_map(|event| &event.changes);
    let changes: Vec<_> = changes.map(|change| (change.field.as_str(), &change.from, &change.to)).collect();
    assert_eq!(changes.first(), Some(&("twice", &json!(1), &json!(2))));
    assert!(changes.iter().all(|(field, ..)| *field == "twice"), "{changes:?}");
}

#[test]
fn a_templated_body_in_which_nothing_can_be_redacted_is_not_kept() {
    let adapter = adapter("netbox");
    let broken = br#"{"name": "a "quoted" name", "password": "hunter2"}"#;
    let reading = adapter.read(&settings(&adapter, &["$.password"], true), broken).unwrap();
    assert_eq!((&reading.document, &reading.body[..]), (&json!("***"), &b"***"[..]));
    assert!(
        reading.notes[0].contains("broken JSON") && !reading.notes[0].contains("hunter2"),
        "{:?}",
        reading.notes
    );
    let reading = adapter.read(&settings(&adapter, &[], true), broken).unwrap();
    assert_eq!(reading.body, &broken[..], "a source that redacts nothing keeps its text");
}
