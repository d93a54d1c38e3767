//! Captured webhooks: each becomes the event that its sender meant.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;

use super::tests::{adapter, events, settings};
use super::{Adapter, Settings};
use crate::model::{Event, Json, json};

struct Record {
    name: String,
    version: String,
    scenario: String,
    expect: Json,
    body: Vec<u8>,
}

fn records(sender: &str) -> Vec<Record> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/corpus");
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with(sender) && name.ends_with(".jsonl")
    });
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    text.lines().map(record).collect()
}

fn record(line: &str) -> Record {
    let json: Json = serde_json::from_str(line).unwrap();
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    Record {
        name: text("name"),
        version: text("sender_version"),
        scenario: text("scenario"),
        expect: json["expect"].clone(),
        body: STANDARD.decode(text("body_base64")).unwrap(),
    }
}

fn text(value: &Json) -> Option<String> {
    super::expr::scalar(value)
}

fn only(adapter: &Adapter, settings: &Settings, record: &Record) -> Event {
    let mut found = events(adapter, settings, &record.body)
        .unwrap_or_else(|failure| panic!("{}: {failure:?}", record.name));
    assert_eq!(found.len(), 1, "{}", record.name);
    found.remove(0)
}

/// A time as sent, in the form of the event model.
fn utc(sent: &Json) -> Option<String> {
    Some(sent.as_str()?.replace(' ', "T").replace("+00:00", "Z"))
}

#[test]
fn every_netbox_capture_becomes_the_event_it_expects() {
    let netbox = adapter("netbox");
    let settings = settings(&netbox, &[], false);
    let mut seen = 0;
    for record in records("netbox").iter().filter(|record| record.expect["event"].is_string()) {
        let event = only(&netbox, &settings, record);
        let expect = &record.expect;
        let object = event.object.as_ref().unwrap();
        let kind = expect["object_type"].as_str().unwrap();
        assert!(object.kind == kind || object.kind.ends_with(&format!(".{kind}")), "{}", record.name);
        assert!(object.kind.contains('.') && object.kind == object.kind.to_lowercase());
        assert_eq!(Some(&object.id), text(&expect["object_id"]).as_ref(), "{}", record.name);
        assert!(object.name.is_some() && object.url.is_some(), "{}", record.name);
        assert_eq!(Some(event.action.as_str()), expect["event"].as_str());
        assert_eq!(event.r#type, format!("netbox.object.{}", event.action));
        assert_eq!(event.correlation_id, text(&expect["request_id"]), "{}", record.name);
        assert_eq!(event.actor.name, text(&expect["username"]), "{}", record.name);
        assert_eq!(event.occurred_at, utc(&expect["payload_timestamp"]), "{}", record.name);
        assert_eq!(event.data, event.native["data"]);
        for change in &event.changes {
            assert!(event.action != "created" || change.from.is_null());
            assert!(event.action != "deleted" || change.to.is_null());
        }
        seen += 1;
    }
    assert!(seen > 200, "{seen}");
}

#[test]
fn every_infrahub_capture_becomes_the_event_it_expects() {
    let infrahub = adapter("infrahub");
    let settings = settings(&infrahub, &[], false);
    let mut seen = 0;
    for record in records("infrahub").iter().filter(|record| record.expect["event"].is_string()) {
        let event = only(&infrahub, &settings, record);
        let expect = &record.expect;
        assert_eq!(Some(event.r#type.as_str()), expect["event"].as_str());
        assert!(event.r#type.ends_with(&format!(".{}", event.action)));
        assert!(event.object.is_some(), "{}", record.name);
        assert_eq!(event.branch, text(&expect["branch"]), "{}", record.name);
        assert_eq!(event.occurred_at, utc(&expect["occured_at"]), "{}", record.name);
        assert_eq!(event.native["id"], expect["event_id"], "{}", record.name);
        assert_eq!(event.actor.id, text(&event.native["account_id"]));
        if event.r#type.starts_with("infrahub.node.") {
            assert!(!event.changes.is_empty(), "{}", record.name);
        }
        seen += 1;
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn every_datagerry_capture_becomes_the_event_it_expects() {
    let datagerry = adapter("datagerry");
    let settings = settings(&datagerry, &[], false);
    let mut seen = 0;
    for record in records("datagerry").iter().filter(|record| record.expect["event"].is_string()) {
        let event = only(&datagerry, &settings, record);
        let expect = &record.expect;
        let action = match expect["event"].as_str().unwrap() {
            "CREATE" => "created",
            "DELETE" => "deleted",
            _ => "updated",
        };
        assert_eq!(event.r#type, format!("datagerry.object.{action}"));
        let object = event.object.as_ref().unwrap();
        assert_eq!(Some(&object.id), text(&expect["object_id"]).as_ref());
        let number = expect["object_type"].as_str().unwrap().replace("type_id ", "");
        assert!(object.kind == format!("type:{number}") || (number == "6" && object.kind == "router"));
        let at: jiff::Timestamp = event.occurred_at.as_ref().unwrap().parse().unwrap();
        assert_eq!(Some(at.as_millisecond()), expect["event_time_ms"].as_i64(), "{}", record.name);
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn what_is_no_webhook_of_its_sender_fails_with_a_reason_and_never_panics() {
    for sender in ["netbox", "infrahub", "datagerry"] {
        let adapter = adapter(sender);
        for templated in [false, true] {
            let settings = settings(&adapter, &["$.data.name", "$.data.tags[*]"], templated);
            for record in records(sender) {
                let Ok(reading) = adapter.read(&settings, &record.body) else { continue };
                let receipt = super::tests::receipt(&reading, Vec::new());
                if let Err(failure) = adapter.normalise(&settings, &receipt, reading.document) {
                    assert!(failure.message.contains("could not map"), "{}: {failure:?}", record.name);
                    assert!(failure.place.is_some(), "{}", record.name);
                }
            }
        }
    }
}

#[test]
fn a_storm_is_one_event_per_object_of_one_correlation() {
    let netbox = adapter("netbox");
    let settings = settings(&netbox, &[], false);
    let mut storms: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for record in records("netbox-storm") {
        storms.entry(record.version.clone()).or_default().push(only(&netbox, &settings, &record));
    }
    assert!(storms.len() >= 3);
    for events in storms.values() {
        let first = &events[0];
        assert!(events.iter().all(|event| event.correlation_id == first.correlation_id));
        let mut ids: Vec<_> = events.iter().map(|event| event.object.clone().unwrap().id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), events.len());
        let fields =
            |event: &Event| event.changes.iter().map(|change| change.field.clone()).collect::<Vec<_>>();
        assert!(events.iter().all(|event| fields(event) == fields(first)));
        assert_eq!(fields(first).iter().filter(|field| *field == "description").count(), 1);
    }
}

/// What must be the same over all releases.
fn essence(event: &Event) -> String {
    let object = event.object.as_ref().unwrap();
    let mut changes: Vec<_> = event.changes.iter().map(|c| json!([c.field, c.from, c.to])).collect();
    changes.sort_by_key(ToString::to_string);
    json!([object.kind, event.action, object.id, object.name, object.url, event.actor.name, changes])
        .to_string()
}

/// Takes out what differs between the runs that captured: the number each run put into its names,
/// its network, and the content type numbers of its database.
struct Neutral {
    run: Regex,
    network: Regex,
    content_type: Regex,
}

impl Neutral {
    fn new() -> Self {
        let regex = |pattern| Regex::new(pattern).unwrap();
        Self {
            run: regex(r"([-_])2\d{4}\b"),
            network: regex(r"10\.10\d\.\d+\."),
            content_type: regex(r#"("(?:assigned_object|termination)_type",(?:null,)?)\d+"#),
        }
    }

    fn text(&self, text: &str) -> String {
        let text = self.run.replace_all(text, "${1}N");
        let text = self.network.replace_all(&text, "10.0.0.");
        self.content_type.replace_all(&text, "${1}0").into_owned()
    }
}

#[test]
fn the_same_change_is_the_same_event_whatever_the_release() {
    let netbox = adapter("netbox");
    let settings = settings(&netbox, &[], false);
    let neutral = Neutral::new();
    let mut scenes: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for record in records("netbox") {
        // 2.11 has other fields (`device_role` …); storms and bulk deletes took other objects.
        let other = record.version.starts_with("v2.") || record.name.contains("bulk");
        if other || record.scenario == "negative" || !record.expect["event"].is_string() {
            continue;
        }
        let scene = record.name.replace(&format!("netbox-{}-", record.version), "");
        let scene = scene.rsplit_once('-').unwrap().0.to_owned();
        let event = only(&netbox, &settings, &record);
        let found = neutral.text(&essence(&event));
        scenes.entry(scene).or_default().entry(record.version).or_default().push(found);
    }
    let mut compared = 0;
    for (scene, versions) in &mut scenes {
        for found in versions.values_mut() {
            found.sort();
            found.dedup();
        }
        // Some captures of a scene are kept elsewhere, so one set may be a part of the other.
        let largest = versions.values().max_by_key(|found| found.len()).unwrap();
        let differs = versions.values().any(|found| !found.iter().all(|event| largest.contains(event)));
        assert!(!differs, "{scene}: {versions:#?}");
        compared += usize::from(versions.len() > 1);
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn changes_of_representative_captures_are_exactly_these() {
    let golden = [
        ("netbox-v3.7.8-tenant-update-001", json!([["description", "", "neu & schön = 100% +1"]])),
        ("netbox-v4.6.8-device-set-primary-ip-001", json!([["primary_ip4", null, 1]])),
        ("netbox-v3.7.8-prefix-update-001", json!([["status", "active", "reserved"]])),
        (
            "datagerry-2.2.0-development-update-router-both-fields-major-001",
            json!([["text-60980", "rtr-zürich-01", "rtr-zrh-02"], ["dg_location", 4, 5]]),
        ),
        ("datagerry-2.2.0-development-state-switch-on-001", json!([["active", false, true]])),
        ("datagerry-2.2.0-development-update-vlan-ref-001", json!([["ref-43922", 11, null]])),
        (
            "infrahub-1.4.13-node-updated-rel-many-001",
            json!([[
                "interfaces",
                ["7b60ed9f-0b19-4839-a4b7-fe9568964a84"],
                ["a62334f6-48aa-4e5b-8d5f-15413c825aba"]
            ]]),
        ),
        (
            "infrahub-1.4.13-node-updated-rel-one-001",
            json!([["site", "bebc73b4-cddb-4629-a5f2-c6ac6593e921", "0f6dfebf-df18-4250-85b2-2fb613ae52b4"]]),
        ),
        ("infrahub-1.4.13-node-deleted-nonascii-001", json!([["name", "Zürich", null]])),
        ("infrahub-1.4.13-branch-merged-001", json!([])),
    ];
    for (name, wanted) in golden {
        let adapter = adapter(name.split('-').next().unwrap());
        let record = records(&adapter.name).into_iter().find(|record| record.name == name).unwrap();
        let event = only(&adapter, &settings(&adapter, &[], false), &record);
        let found: Json = event.changes.iter().map(|c| json!([c.field, c.from, c.to])).collect();
        assert_eq!(found, wanted, "{name}");
    }
}
