//! Routes that wait, and how they go on; nobody is asked here.

use std::time::Duration;

use bytes::Bytes;

use super::super::{Incoming, process, receive, replay};
use super::*;
use crate::model::{FailureClass, Proof, ReceiptId, Request};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

const BASE: &str = "
sources: { netbox: { adapter: netbox, open: true } }
lookups:
  device: { url: 'https://cmdb.example/{{ event.object.id }}' }
  site: { url: 'https://cmdb.example/site', on_failure: 'null' }
  owner: { url: 'https://cmdb.example/owner', on_failure: drop }
destinations:
  a: { url: 'https://a.example/', sign: none, body_template: '{{ lookup.device.name if lookup.device is defined }}' }
  b: { url: 'https://b.example/', sign: none }
  c: { url: 'https://c.example/', sign: none, ordered: none }
";

fn rules(routes: &str) -> Arc<Rules> {
    rules_in("config.yaml", routes)
}

fn rules_in(file: &str, routes: &str) -> Arc<Rules> {
    let text = format!("{BASE}routes:\n{routes}");
    let rules = Rules::from_text(file, &text, &|_| None);
    Arc::new(rules.unwrap_or_else(|problems| {
        panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }))
}

/// A receipt of NetBox about the device 7, with its outcome.
fn received(rules: &Rules) -> (Receipt, Outcome) {
    let body = r#"{"event": "updated", "timestamp": "2025-06-30T21:57:20Z", "model": "device", "object_type": "dcim.device",
        "username": "ann", "request_id": "r1", "data": {"id": 7, "name": "leaf-01", "url": "/api/dcim/devices/7/"},
        "snapshots": {"prechange": {"name": "x"}, "postchange": {"name": "leaf-01"}}}"#;
    let source = &rules.sources["netbox"];
    let incoming = Incoming {
        id: ReceiptId::new(NOW),
        received_at: NOW,
        request: Request { method: "POST".to_owned(), ..Request::default() },
        body: Bytes::from_static(body.as_bytes()),
        proof: Proof { scheme: "open".to_owned(), variant: None, secret: None },
    };
    let (receipt, document) = receive(source, incoming).unwrap();
    let outcome = process(rules, source, &receipt, document, NOW);
    (receipt, outcome)
}

fn looked(name: &str) -> Looked {
    Looked {
        name: name.to_owned(),
        url: None,
        status: Some(200),
        cached: false,
        ms: 3,
        value: Json::Null,
        class: None,
        error: None,
    }
}

fn good(name: &str, value: Json) -> Finding {
    let value = Arc::new(value);
    Finding { looked: looked(name), shown: value.clone(), value: Some(value), next: Next::Again(NOW) }
}

fn bad(name: &str, next: Next) -> Finding {
    let (class, error) = (Some(FailureClass::Http5xx), Some("the server answered 503".to_owned()));
    let looked = Looked { class, error, ..looked(name) };
    Finding { looked, value: None, shown: Arc::default(), next }
}

fn later(seconds: u64) -> Next {
    Next::Again(NOW + Duration::from_secs(seconds))
}

fn dead() -> Next {
    Next::Dead("gave up after 3 attempts; last: http_5xx 503".to_owned())
}

/// The receipt's outcome after these findings for its event.
fn resumed(rules: &Arc<Rules>, received: &(Receipt, Outcome), findings: Vec<Finding>) -> (Outcome, Found) {
    let mut found = Found::default();
    for finding in findings {
        found.insert(received.1.events[0].event.id, finding);
    }
    let reopened = Reopened::new(rules.clone(), received.0.clone(), received.1.events.clone());
    (reopened.resume(&found, NOW), found)
}

fn decision<'o>(outcome: &'o Outcome, route: &str) -> &'o Decision {
    let mut routes = outcome.events[0].routes.iter();
    &routes.find(|verdict| verdict.route == route).unwrap().decision
}

#[test]
fn a_route_with_lookups_waits_and_keeps_its_places_in_ordered_lanes() {
    let rules = rules(
        "  - { name: waits, lookups: [device, site], to: [a, b, c] }\n\
         \x20 - { name: other, when: { action: deleted }, lookups: [device], to: a }\n\
         \x20 - { name: at-once, to: b }\n",
    );
    let (receipt, outcome) = received(&rules);
    let names = vec!["device".to_owned(), "site".to_owned()];
    assert_eq!(decision(&outcome, "waits"), &Decision::Deferred { lookups: names });
    assert!(matches!(outcome.events[0].verdicts()[1].decision, Decision::Unmatched { .. }));
    assert!(matches!(decision(&outcome, "at-once"), Decision::Routed { .. }));
    assert_eq!(outcome.deliveries.len(), 1);
    let held: Vec<_> = outcome.held.iter().map(|held| (&*held.destination, &*held.lane)).collect();
    assert_eq!(held, [("a", "netbox:dcim.device:7"), ("b", "netbox:dcim.device:7")]);
    assert_eq!(outcome.held[0].lane, outcome.deliveries[0].lane.clone().unwrap());

    let wanted = Reopened::new(rules.clone(), receipt, outcome.events.clone()).wanted();
    let wanted: Vec<_> = wanted.iter().map(|wanted| (&*wanted.lookup, wanted.event.id)).collect();
    let event = outcome.events[0].event.id;
    assert_eq!(wanted, [("device", event), ("site", event)]);
}

#[test]
fn what_was_found_reaches_script_and_template_and_the_record() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    let script = "fn filter(event) { lookup.device.active } fn transform(event) { #{ name: lookup.device.name, site: lookup.site } }";
    std::fs::write(folder.path().join("scripts/s.rhai"), script).unwrap();
    let file = folder.path().join("config.yaml").to_string_lossy().into_owned();
    let rules = rules_in(
        &file,
        "  - { name: script, lookups: [device, site], script: scripts/s.rhai, to: b }\n\
         \x20 - { name: template, lookups: device, to: a }\n\
         \x20 - { name: at-once, to: c }\n",
    );
    let before = received(&rules);
    let device = json!({"name": "leaf-01.fra1", "active": true});
    let shown = json!({"name": "***", "active": true});
    let looked_up = Finding { shown: Arc::new(shown.clone()), ..good("device", device) };
    let (outcome, found) = resumed(&rules, &before, vec![looked_up, bad("site", later(5))]);
    let sent: Vec<_> =
        outcome.deliveries.iter().map(|d| (&*d.route, std::str::from_utf8(&d.body).unwrap())).collect();
    assert_eq!(sent, [("script", r#"{"name":"leaf-01.fra1","site":null}"#), ("template", "leaf-01.fra1")]);
    assert_eq!(decision(&outcome, "at-once"), decision(&before.1, "at-once"), "it is not sent again");
    assert!(outcome.held.is_empty() && found.again(&outcome).is_none());
    let record = &outcome.events[0].lookups;
    assert_eq!(record.iter().map(|looked| &*looked.name).collect::<Vec<_>>(), ["device", "site"]);
    assert_eq!((&record[0].value, &record[1].value), (&shown, &Json::Null));
    assert_eq!(record[1].error.as_deref(), Some("the server answered 503"));
}

#[test]
fn a_failed_lookup_waits_drops_or_fails_as_its_settings_say() {
    let rules = rules(
        "  - { name: retry, lookups: [device], to: b }\n\
         \x20 - { name: drop, lookups: [device, owner], to: b }\n\
         \x20 - { name: nulls, lookups: [site], to: b }\n",
    );
    let before = received(&rules);
    let failing = |device: Next| vec![bad("device", device), bad("owner", later(9)), bad("site", later(7))];

    let (outcome, found) = resumed(&rules, &before, failing(later(5)));
    assert!(matches!(decision(&outcome, "retry"), Decision::Deferred { .. }));
    let reason = Some("lookup owner: the server answered 503".to_owned());
    assert_eq!(decision(&outcome, "drop"), &Decision::Filtered { reason });
    assert!(matches!(decision(&outcome, "nulls"), Decision::Routed { .. }));
    assert_eq!(outcome.held.iter().map(|held| &*held.route).collect::<Vec<_>>(), ["retry"]);
    assert_eq!(found.again(&outcome), Some(NOW + Duration::from_secs(5)));

    // The receipt's next try begins with that outcome.
    let before = (before.0, outcome);
    let (outcome, _) = resumed(&rules, &before, vec![bad("device", dead())]);
    let Decision::Failed(failure) = decision(&outcome, "retry") else { panic!("{outcome:?}") };
    assert_eq!(failure.stage, Stage::Lookup);
    assert_eq!(
        failure.message,
        "lookup device: the server answered 503 (gave up after 3 attempts; last: http_5xx 503)"
    );
    assert_eq!(failure.place.as_deref(), Some("config.yaml:4:3"));
    assert_eq!(decision(&outcome, "drop"), decision(&before.1, "drop"));
    assert!(outcome.held.is_empty() && outcome.deliveries.is_empty());
    assert_eq!(outcome.events[0].lookups.len(), 3, "earlier lookups stay on record");

    // An operator replays: what failed waits again, what was sent stays sent.
    let again = replay(&rules, &rules.sources["netbox"], &before.0, &outcome, NOW);
    assert!(matches!(decision(&again, "retry"), Decision::Deferred { .. }));
    assert_eq!(decision(&again, "nulls"), decision(&outcome, "nulls"));
    assert_eq!(again.held.len(), 2, "{:?}", again.held);
}

#[test]
fn a_receipt_waits_for_the_last_of_its_lookups() {
    let rules =
        rules("  - { name: r, lookups: [device, site], to: b }\n  - { name: s, lookups: [device], to: b }\n");
    let before = received(&rules);
    let (outcome, found) = resumed(&rules, &before, vec![bad("device", later(5)), bad("site", later(300))]);
    assert!(matches!(decision(&outcome, "r"), Decision::Deferred { .. }));
    assert_eq!(found.again(&outcome), Some(NOW + Duration::from_secs(300)));
    let (outcome, _) = resumed(&rules, &before, Vec::new());
    assert!(matches!(decision(&outcome, "r"), Decision::Deferred { .. }), "nobody was asked yet");
}

#[test]
fn rules_that_changed_meanwhile_are_followed() {
    let before = received(&rules("  - { name: r, lookups: [device], to: b }\n  - { name: sent, to: b }\n"));
    let after = |routes: &str, findings: Vec<Finding>| {
        let rules = rules(routes);
        let wanted = Reopened::new(rules.clone(), before.0.clone(), before.1.events.clone()).wanted();
        let (outcome, _) = resumed(&rules, &before, findings);
        (wanted.len(), outcome)
    };
    let (wanted, outcome) = after("  - { name: sent, to: b }\n", Vec::new());
    assert!(
        matches!(decision(&outcome, "r"), Decision::Filtered { reason: Some(why) } if why.contains("left the config"))
    );
    assert_eq!(wanted, 0);

    let (wanted, outcome) = after("  - { name: r, to: [b, c] }\n", Vec::new());
    assert!(matches!(decision(&outcome, "r"), Decision::Routed { deliveries, .. } if deliveries.len() == 2));
    assert_eq!(wanted, 0);
    assert_eq!(
        decision(&outcome, "sent"),
        decision(&before.1, "sent"),
        "its route is gone, its verdict is not"
    );

    let (wanted, outcome) =
        after("  - { name: r, when: { action: deleted }, lookups: [site], to: b }\n", Vec::new());
    assert!(matches!(decision(&outcome, "r"), Decision::Unmatched { .. }));
    assert_eq!(wanted, 1);

    let (_, outcome) =
        after("  - { name: r, lookups: [device, site], to: b }\n", vec![good("device", json!(1))]);
    let names = vec!["device".to_owned(), "site".to_owned()];
    assert_eq!(decision(&outcome, "r"), &Decision::Deferred { lookups: names });
}

#[test]
fn a_source_that_is_gone_fails_what_waits_and_nothing_else() {
    let with_source = rules("  - { name: r, lookups: [device], to: b }\n  - { name: sent, to: b }\n");
    let before = received(&with_source);
    let text = format!("{BASE}routes:\n  - {{ name: r, lookups: [device], to: b }}\n");
    let text = text.replace("sources: { netbox:", "sources: { other:");
    let gone = Arc::new(Rules::from_text("config.yaml", &text, &|_| None).unwrap());
    let (outcome, _) = resumed(&gone, &before, vec![good("device", json!(1))]);
    let Decision::Failed(failure) = decision(&outcome, "r") else { panic!("{outcome:?}") };
    assert_eq!(failure.message, "the source `netbox` is no longer configured");
    assert_eq!(decision(&outcome, "sent"), decision(&before.1, "sent"));
}

#[test]
fn the_record_keeps_the_beginning_of_what_is_large_and_scripts_get_it_whole() {
    let rules = rules("  - { name: r, lookups: [device], to: a }\n");
    let before = received(&rules);
    let name = "ä".repeat(RECORDED);
    let (outcome, _) = resumed(&rules, &before, vec![good("device", json!({"name": name}))]);
    assert_eq!(outcome.deliveries[0].body.len(), name.len());
    let cut = &outcome.events[0].lookups[0].value["cut"];
    assert_eq!(cut["bytes"], name.len() + 11);
    assert!(cut["beginning"].as_str().unwrap().starts_with("{\"name\":\"ää"));

    let mut found = Found::default();
    let id = before.1.events[0].event.id;
    for _ in 0..100 {
        found.insert(id, good("device", json!("x".repeat(RECORDED - 2))));
    }
    let kept: usize = found.findings[&id].iter().map(|finding| finding.looked.value.to_string().len()).sum();
    assert!(kept < RECORDED_IN_ALL + 100 * 100, "{kept}");
}
