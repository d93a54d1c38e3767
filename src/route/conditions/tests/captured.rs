//! Conditions over webhooks captured from real senders, read by their adapters.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::*;
use crate::adapter::{Adapter, Basics, Overrides, shipped};
use crate::model::{Proof, Receipt, Request};

/// All events that a sender's captured bodies mean.
fn captured(sender: &str) -> Vec<Event> {
    let (file, text) = shipped(sender).unwrap();
    let mut problems = Problems::default();
    let adapter = Adapter::compile(file, text, &mut problems).unwrap();
    let basics = Basics {
        source: "s".to_owned(),
        window: Duration::from_secs(60),
        kinds: HashMap::new(),
        ..Basics::default()
    };
    let overrides = Overrides { file: "c.yaml", redact: Vec::new(), map: None };
    let settings = adapter.settings(basics, overrides, &mut problems);
    let read = |body: Vec<u8>| {
        let reading = adapter.read(&settings, &body).ok()?;
        let receipt = Receipt {
            id: ReceiptId::new(Timestamp::UNIX_EPOCH),
            source: Arc::from("s"),
            received_at: Timestamp::UNIX_EPOCH,
            request: Request::default(),
            body: Bytes::clone(&reading.body),
            dedupe: None,
            proof: Proof { scheme: "open".to_owned(), variant: None, secret: None },
            notes: Vec::new(),
            masked: reading.masked.clone(),
        };
        adapter.normalise(&settings, &receipt, reading.document).ok()
    };
    bodies(sender).into_iter().filter_map(read).flatten().collect()
}

fn bodies(sender: &str) -> Vec<Vec<u8>> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/corpus");
    let mut bodies = Vec::new();
    for file in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(sender) && name.ends_with(".jsonl") && !name.contains("negative") {
            for line in fs::read_to_string(&file).unwrap().lines() {
                let record: Json = serde_json::from_str(line).unwrap();
                bodies.extend(record["body_base64"].as_str().map(|body| STANDARD.decode(body).unwrap()));
            }
        }
    }
    bodies
}

fn asked(event: &Event, rule: Json) -> char {
    verdict(event, &rule.to_string())
}

#[test]
fn what_changed_is_changed_whoever_tells_it() {
    for (sender, least) in [("netbox", 100), ("infrahub", 10), ("datagerry", 10)] {
        let mut seen = 0;
        for event in captured(sender) {
            // DATAGERRY's state switch shows the new state before it as well.
            let is_switch = |change: &Change| sender == "datagerry" && change.field == "active";
            let differs = |change: &&Change| change.from != change.to && !is_switch(change);
            for change in event.changes.iter().filter(differs).take(3) {
                let negated = json!({ "attr": change.field, "op": "changed", "negate": true });
                assert_eq!(
                    asked(&event, json!({ "attr": change.field, "op": "changed" })),
                    'T',
                    "{change:?}"
                );
                assert_eq!(
                    asked(&event, json!({ "attr": change.field, "op": "unchanged" })),
                    'F',
                    "{change:?}"
                );
                assert_eq!(asked(&event, negated), 'F', "{change:?}");
                seen += 1;
            }
        }
        assert!(seen >= least, "{sender}: {seen} changes");
    }
}

#[test]
fn netbox_s_data_and_states_are_read_as_its_event_rules_read_them() {
    let mut seen = [0; 3];
    for event in captured("netbox").iter().filter(|event| event.native["snapshots"].is_object()) {
        assert_eq!(asked(event, json!({ "attr": "id", "value": event.data["id"] })), 'T');
        assert_eq!(asked(event, json!({ "attr": "id", "op": "gt", "value": 0 })), 'T');
        if let Some(status) = event.data.pointer("/status/value") {
            assert_eq!(
                asked(event, json!({ "attr": "status.value", "op": "in", "value": ["x", status] })),
                'T'
            );
            assert_eq!(asked(event, json!({ "attr": "status.vlue", "value": status })), '!');
            seen[0] += 1;
        }
        if event.data.get("tags").is_some_and(Json::is_array) {
            assert_eq!(
                asked(event, json!({ "attr": "tags.slug", "op": "contains", "value": "no-such-tag" })),
                'F'
            );
            seen[1] += 1;
        }
        // An update may come without its state before: NetBox keeps none for side effects.
        for which in ["prechange", "postchange"] {
            let is_absent = event.native["snapshots"][which].is_null();
            let rule = json!({ "attr": format!("snapshots.{which}"), "value": null });
            assert_eq!(asked(event, rule), if is_absent { 'T' } else { 'F' }, "{which} {}", event.native);
        }
        seen[2] += 1;
    }
    assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
}
