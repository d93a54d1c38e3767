//! Circles and updates that changed nothing, of events as their senders told them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::no_op;
use crate::glob::Glob;
use crate::model::{Decision, Event, Json, Proof, ReceiptId, Request, Timestamp, json};
use crate::pipeline::{Incoming, process, receive};
use crate::rules::Rules;

/// Rules with one route.
fn rules(route: &str) -> Rules {
    let config = format!(
        "loop_guard: {{ name: here, max_hops: 3 }}\n\
         sources:\n  netbox: {{ adapter: netbox, open: true }}\n  infrahub: {{ adapter: infrahub, open: true }}\n  \
         datagerry: {{ adapter: datagerry, open: true }}\n\
         destinations: {{ tool: {{ url: 'https://tool.example/', sign: none }} }}\n\
         routes: [{{ name: on, to: tool, {route} }}]\n"
    );
    Rules::from_text("config.yaml", &config, &|_| None).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The first event of a body, and what the route decides about it; `None`: it is mapped to none.
fn run(rules: &Rules, source: &str, body: &[u8], headers: &[(&str, &str)]) -> Option<(Event, Decision)> {
    let now = Timestamp::UNIX_EPOCH;
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let incoming = Incoming {
        id: ReceiptId::new(now),
        received_at: now,
        request: Request { headers: headers.collect(), ..Request::default() },
        body: body.to_vec().into(),
        proof: Proof { scheme: "open".into(), variant: None, secret: None },
    };
    let source = &rules.sources[source];
    let (receipt, document) = receive(source, incoming).ok()?;
    let first = process(rules, source, &receipt, document, now).events.into_iter().next()?;
    Some((first.event, first.routes.into_iter().next().unwrap().decision))
}

fn decided(route: &str, source: &str, body: &Json, headers: &[(&str, &str)]) -> Decision {
    run(&rules(route), source, body.to_string().as_bytes(), headers).unwrap().1
}

fn reason(decision: Decision) -> Option<String> {
    match decision {
        Decision::Filtered { reason } => reason,
        Decision::Routed { .. } => None,
        other => panic!("{other:?}"),
    }
}

/// Why an update is dropped, with these fields ignored; `None`: it is not.
fn dropped(source: &str, body: &Json, ignore: &str) -> Option<String> {
    reason(decided(&format!("no_op: drop, ignore: {ignore}"), source, body, &[]))
}

/// The captured updates of a sender, with the event that each becomes.
fn updates(sender: &str) -> Vec<Event> {
    let rules = rules("active: true");
    let mut found = Vec::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/corpus")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with(sender) || !name.ends_with(".jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let record: Json = serde_json::from_str(line).unwrap();
            let body = STANDARD.decode(record["body_base64"].as_str().unwrap_or_default()).unwrap();
            let event = run(&rules, sender, &body, &[]).map(|(event, _)| event);
            if let Some(event) = event.filter(|event| event.action == "updated") {
                found.push(event);
            }
        }
    }
    found
}

#[test]
fn an_update_of_ignored_fields_alone_goes_nowhere_whoever_sends_it() {
    for (sender, least) in [("netbox", 15), ("infrahub", 10), ("datagerry", 4)] {
        let mut seen = 0;
        for event in updates(sender) {
            let fields: Vec<&str> = event.changes.iter().map(|change| change.field.as_str()).collect();
            let why = |ignored: &[&str]| {
                let globs: Vec<Glob> = ignored.iter().map(|field| Glob::new(field)).collect();
                no_op(&globs, &event)
            };
            let told = !fields.is_empty() || !(event.before.is_null() || event.after.is_null());
            assert_eq!(why(&fields).is_some(), told, "{event:?}");
            for field in &fields {
                // Any one field that is not ignored lets it through.
                let apart = |other: &&&str| !field.starts_with(**other) && !other.starts_with(field);
                let others: Vec<&str> = fields.iter().filter(apart).copied().collect();
                assert_eq!(why(&others), None, "{field}: {event:?}");
            }
            seen += usize::from(!fields.is_empty());
        }
        assert!(seen >= least, "{sender}: {seen}");
    }
}

fn netbox(event: &str, before: Json, after: Json) -> Json {
    json!({
        "event": event, "timestamp": "2026-11-22T05:44:20.538760+00:00", "object_type": "dcim.device",
        "data": {"id": 1, "name": "edge-1", "url": "/api/dcim/devices/1/"},
        "snapshots": {"prechange": before, "postchange": after},
    })
}

#[test]
fn saving_without_a_change_is_told_from_not_telling_what_was_before() {
    let state = json!({"name": "edge-1", "last_updated": "2026-11-22T05:00:00Z"});
    let later = json!({"name": "edge-1", "last_updated": "2026-11-22T06:00:00Z"});
    let nothing = Some("no-op: nothing changed".to_owned());
    assert_eq!(dropped("netbox", &netbox("updated", state.clone(), later.clone()), "[]"), nothing);
    for untold in [
        netbox("updated", Json::Null, later.clone()),
        netbox("updated", state.clone(), Json::Null),
        netbox("created", Json::Null, state.clone()),
        netbox("deleted", state.clone(), Json::Null),
    ] {
        assert_eq!(dropped("netbox", &untold, "['*']"), None, "{untold}");
    }
    let kept = decided("no_op: keep", "netbox", &netbox("updated", state, later), &[]);
    assert_eq!(reason(kept), None);
}

#[test]
fn globs_name_fields_and_what_lies_below_them() {
    let before = json!({"name": "edge-1", "custom_fields": {"last_seen": 1, "owner": "a"}, "tags": []});
    let seen = json!({"name": "edge-1", "custom_fields": {"last_seen": 2, "owner": "a"}, "tags": []});
    let owned = json!({"name": "edge-1", "custom_fields": {"last_seen": 2, "owner": "b"}, "tags": []});
    let why = |after: &Json, ignore: &str| {
        dropped("netbox", &netbox("updated", before.clone(), after.clone()), ignore)
    };
    for ignore in ["custom_fields.last_seen", "['*.last_seen']", "[tags, custom_fields]", "['custom_*']"] {
        assert_eq!(
            why(&seen, ignore).as_deref(),
            Some("no-op: only ignored fields changed: custom_fields.last_seen")
        );
    }
    for ignore in ["last_seen", "[]", "[custom_fields.last]"] {
        assert_eq!(why(&seen, ignore), None, "{ignore}");
    }
    assert_eq!(why(&owned, "custom_fields.last_seen"), None);
    assert!(why(&owned, "custom_fields").is_some());
}

#[test]
fn fields_of_datagerry_go_by_their_names() {
    let object = |seen: &str, name: &str| {
        json!({"public_id": 7, "type_id": 3, "active": true, "fields": [
            {"name": "hostname", "value": name}, {"name": "last_seen", "value": seen},
        ]})
    };
    let update = |before: Json, after: Json| {
        json!({"operation": "UPDATE", "object_before": before, "object_after": after,
               "event_time": {"$date": 1_795_325_780_602_i64}, "changes": {}})
    };
    let seen = update(object("1", "a"), object("2", "a"));
    assert_eq!(
        dropped("datagerry", &seen, "last_seen").as_deref(),
        Some("no-op: only ignored fields changed: last_seen")
    );
    assert_eq!(dropped("datagerry", &seen, "hostname"), None);
    assert_eq!(dropped("datagerry", &update(object("1", "a"), object("2", "b")), "last_seen"), None);
}

#[test]
fn the_reason_names_some_fields_and_not_a_thousand() {
    let state = |value: u8| {
        Json::Object((0..1000).map(|n| (format!("f{n:04}{}", "x".repeat(200)), json!(value))).collect())
    };
    let why = dropped("netbox", &netbox("updated", state(1), state(2)), "['*']").unwrap();
    assert!(
        why.ends_with(", …") && why.len() < 2000 && why.contains("f0009x") && !why.contains("f0010"),
        "{why}"
    );
}

#[test]
fn what_went_in_a_circle_or_too_far_stops() {
    let body = netbox("updated", json!({"name": "a"}), json!({"name": "b"}));
    let why = |headers: &[(&str, &str)]| reason(decided("active: true", "netbox", &body, headers));
    assert_eq!(why(&[]), None);
    assert_eq!(why(&[("crossconnect-hops", "2"), ("crossconnect-lineage", "there/on, here/other")]), None);
    assert_eq!(
        why(&[("crossconnect-hops", "2"), ("crossconnect-lineage", "here/on, there/back")]).as_deref(),
        Some("loop guard: this change went through route on of this gateway before")
    );
    assert_eq!(
        why(&[("crossconnect-hops", "3")]).as_deref(),
        Some("loop guard: this change came through 3 gateways, and max_hops is 3")
    );
}
