//! What receivers are told of a batch.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::samples::event;
use super::*;
use crate::json::{self as reader, NonFinite};
use crate::model::{BatchId, By, Lineage, json};

fn batch(events: Vec<Json>) -> Batch {
    let member = |(index, parts)| {
        let receipt = ReceiptId::new(Timestamp::UNIX_EPOCH);
        let mut event = event(parts);
        event.id = crate::model::EventId::of(receipt, index);
        let lineage = Lineage::default();
        Member { receipt, event: Arc::new(event), lookups: Json::Null, lineage, body: Bytes::from("{}") }
    };
    Batch {
        id: BatchId::new(Timestamp::UNIX_EPOCH),
        route: "r".to_owned(),
        by: By::Correlation,
        key: "05c7".to_owned(),
        group: "correlation:lab-1:05c7".to_owned(),
        opened_at: Timestamp::UNIX_EPOCH,
        members: events.into_iter().enumerate().map(member).collect(),
    }
}

fn interface(id: &str, more: Json) -> Json {
    let mut parts = json!({"type": "netbox.object.updated", "source": "netbox", "system": "netbox",
        "object": {"kind": "dcim.interface", "id": id, "name": format!("eth{id}"), "url": null},
        "actor": {"id": null, "name": "kubecode"}, "correlation_id": "05c7"});
    parts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parts
}

fn now() -> Timestamp {
    "2026-11-22T05:31:00.123456789Z".parse().unwrap()
}

fn body(batch: &Batch) -> Json {
    let digest = Digest::of(batch, now()).unwrap();
    let rendered = Format::Event.render_batch(&digest).unwrap();
    assert_eq!(rendered.content_type, "application/json");
    reader::parse(&rendered.body, NonFinite::Refuse).unwrap().value
}

#[test]
fn the_body_is_what_the_contract_says() {
    let batch = batch(vec![
        interface(
            "1",
            json!({"occurred_at": "2026-11-22T05:30:02+01:00", "data": reader::parse(b"{\"mtu\":1.50}", NonFinite::Refuse).unwrap().value}),
        ),
        interface("2", json!({"occurred_at": "2026-11-22T05:30:01Z"})),
        interface(
            "3",
            json!({"action": "created", "object": {"kind": "dcim.device", "id": "3", "name": null, "url": null}}),
        ),
        json!({"action": "merged", "object": null, "occurred_at": "yesterday"}),
    ]);
    let body = body(&batch);
    let keys: Vec<&str> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["type", "id", "timestamp", "by", "key", "summary", "events"]);
    assert_eq!(body["type"], "crossconnect.batch");
    assert_eq!(body["id"], batch.id.to_string());
    assert_eq!(body["timestamp"], "2026-11-22T05:31:00.123456Z", "as many digits as Python reads");
    assert_eq!((&body["by"], &body["key"]), (&json!("correlation"), &json!("05c7")));
    assert_eq!(
        body["summary"],
        json!({
            "events": 4,
            "kinds": {"dcim.interface": 2, "dcim.device": 1},
            "actions": {"updated": 2, "created": 1, "merged": 1},
            // An hour earlier than it looks.
            "first": "2026-11-22T05:30:02+01:00",
            "last": "2026-11-22T05:30:01Z",
        })
    );
    let models: Vec<Json> = batch.members.iter().map(|member| Json::of(&*member.event).unwrap()).collect();
    assert_eq!(body["events"], Json::Array(models));
    assert_eq!(body["events"][0]["data"]["mtu"].to_string(), "1.50");
}

#[test]
fn where_no_sender_tells_a_time_it_is_when_the_events_came_in() {
    let at = |at: &str| json!({"received_at": at, "occurred_at": "noon"});
    let batch =
        batch(vec![at("2026-11-22T05:30:02Z"), at("2026-11-22T05:30:00.5Z"), at("2026-11-22T05:30:01Z")]);
    let summary = &body(&batch)["summary"];
    assert_eq!(
        (&summary["first"], &summary["last"]),
        (&json!("2026-11-22T05:30:00.5Z"), &json!("2026-11-22T05:30:02Z"))
    );
}

#[test]
fn one_event_stands_for_all_with_what_they_share() {
    let same = batch(vec![interface("1", json!({})), interface("2", json!({}))]);
    let event = Digest::of(&same, now()).unwrap().event().unwrap();
    assert_eq!((event.r#type.as_str(), event.action.as_str()), ("crossconnect.batch", "updated"));
    assert_eq!((event.source.as_str(), event.system.as_str()), ("netbox", "crossconnect"));
    let object = event.object.unwrap();
    assert_eq!((object.kind.as_str(), object.id.as_str()), ("dcim.interface", "05c7"));
    assert_eq!((object.name.as_deref(), object.url), (Some("2 events"), None));
    assert_eq!(
        (event.actor.name.as_deref(), event.correlation_id.as_deref()),
        (Some("kubecode"), Some("05c7"))
    );
    assert_eq!(event.data, body(&same));

    let mixed = batch(vec![
        interface("1", json!({"branch": "a"})),
        json!({"action": "deleted", "object": null, "branch": "b", "source": "other"}),
    ]);
    let event = Digest::of(&mixed, now()).unwrap().head();
    let object = event.object.unwrap();
    assert_eq!(
        (event.action.as_str(), event.source.as_str(), object.kind.as_str()),
        ("changed", "several", "several")
    );
    assert_eq!((event.actor, event.correlation_id, event.branch), (Actor::default(), None, None));
}

#[test]
fn events_about_one_object_are_told_of_that_object() {
    let renamed = json!({"object": {"kind": "dcim.interface", "id": "1", "name": "new", "url": "/1/"}});
    for events in
        [vec![interface("1", json!({})), interface("1", renamed.clone())], vec![interface("1", renamed)]]
    {
        let batch = batch(events);
        let object = Digest::of(&batch, now()).unwrap().head().object.unwrap();
        assert_eq!((object.id.as_str(), object.name.as_deref()), ("1", Some("new")));
    }
    let nothing = batch(vec![json!({"object": null}), json!({"object": null})]);
    let object = Digest::of(&nothing, now()).unwrap().head().object.unwrap();
    assert_eq!((object.kind.as_str(), object.id.as_str()), ("several", "05c7"));
}

#[test]
fn as_a_cloudevent_the_batch_is_the_data() {
    let batch = batch(vec![
        interface("1", json!({"occurred_at": "2026-11-22T05:30:02Z"})),
        interface("2", json!({})),
    ]);
    let digest = Digest::of(&batch, now()).unwrap();
    let structured = Format::CloudEvents.render_batch(&digest).unwrap();
    assert_eq!(structured.content_type, "application/cloudevents+json; charset=utf-8");
    let document = reader::parse(&structured.body, NonFinite::Refuse).unwrap().value;
    let wanted = [
        ("specversion", "1.0"),
        ("id", &batch.id.to_string()),
        ("source", "netbox"),
        ("type", "crossconnect.batch"),
        ("time", "2026-11-22T05:30:02Z"),
        ("subject", "dcim.interface/05c7"),
        ("correlationid", "05c7"),
        ("datacontenttype", "application/json"),
    ];
    for (name, value) in wanted {
        assert_eq!(document[name], value, "{name}");
    }
    assert_eq!(document["data"], body(&batch));

    let binary = Format::CloudEventsBinary.render_batch(&digest).unwrap();
    assert_eq!(reader::parse(&binary.body, NonFinite::Refuse).unwrap().value, body(&batch));
    let header =
        |name: &str| binary.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    assert_eq!(header("ce-type"), Some("crossconnect.batch"));
    assert_eq!(header("ce-id"), Some(batch.id.to_string().as_str()));
    assert_eq!(header("ce-objectname"), Some("2%20events"));
}

#[test]
fn a_format_either_carries_batches_or_says_what_to_do() {
    let batch = batch(vec![interface("1", json!({}))]);
    let digest = Digest::of(&batch, now()).unwrap();
    for (name, format) in Format::ALL {
        let rendered = format.render_batch(&digest);
        assert_eq!(rendered.is_ok(), format.carries_batches(), "{name}");
        if let Err(why) = rendered {
            assert!(why.contains(&format!("`{name}`")) && why.contains("body_template"), "{why}");
        }
        assert_eq!(format.name(), name);
    }
    assert!(Digest::of(&Batch { members: Vec::new(), ..batch }, now()).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_summary_adds_up(
        events in proptest::collection::vec((0..4_u8, 0..3_u8, 0..100_i64), 1..40),
    ) {
        let parts = |&(kind, action, second): &(u8, u8, i64)| {
            let object = (kind > 0).then(|| json!({"kind": format!("k{kind}"), "id": "1", "name": null, "url": null}));
            let at = Timestamp::from_second(second).unwrap().to_string();
            json!({"object": object, "action": format!("a{action}"), "occurred_at": at})
        };
        let summary = body(&batch(events.iter().map(parts).collect()))["summary"].clone();
        let sum = |counts: &Json| counts.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>();
        let with_object = events.iter().filter(|(kind, ..)| *kind > 0).count() as u64;
        prop_assert_eq!(sum(&summary["kinds"]), with_object);
        prop_assert_eq!(sum(&summary["actions"]), events.len() as u64);
        let at = |name: &str| summary[name].as_str().unwrap().parse::<Timestamp>().unwrap().as_second();
        let seconds = || events.iter().map(|(.., second)| *second);
        prop_assert_eq!((at("first"), at("last")), (seconds().min().unwrap(), seconds().max().unwrap()));
    }
}
