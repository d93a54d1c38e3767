//! A stored receipt from waiting to sent, dropped or failed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::stub::{Reply, Stub, ok};
use crate::clock::{Clock as _, ManualClock};
use crate::lookup::{Lookups, resolve};
use crate::model::{Decision, FailureClass, Proof, ReceiptId, Request, Stage, Timestamp};
use crate::pipeline::{self, Incoming};
use crate::rules::Rules;
use crate::store::{ReceiptStatus, StoredReceipt};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn rules(stub: &Stub) -> Arc<Rules> {
    let text = "
egress: { allow: [127.0.0.0/8] }
sources: { netbox: { adapter: netbox, open: true } }
lookups:
  device: { url: 'URL/devices/{{ event.object.id }}', retry: [10s, 20s] }
  rack: { url: 'URL/racks/{{ data.rack }}', retry: [1m] }
destinations:
  awx: { url: 'https://awx.example/', sign: none, body_template: '{{ lookup.device.name }} in {{ lookup.rack.name }}' }
routes:
  - { name: both, lookups: [device, rack], to: awx }
";
    let text = text.replace("URL", &format!("http://{}", stub.address));
    Arc::new(
        Rules::from_text("config.yaml", &text, &|_| None).unwrap_or_else(|problems| panic!("{problems:#?}")),
    )
}

/// A receipt of NetBox with so many events.
fn stored(rules: &Rules, events: usize) -> StoredReceipt {
    let one = |id: usize| {
        format!(
            r#"{{"event": "updated", "timestamp": "2025-06-30T21:57:20Z", "model": "device", "object_type": "dcim.device",
            "username": "ann", "request_id": "r1", "data": {{"id": {id}, "name": "leaf", "rack": 3}},
            "snapshots": {{"prechange": null, "postchange": {{"name": "leaf"}}}}}}"#
        )
    };
    let body = one(events);
    let source = &rules.sources["netbox"];
    let incoming = Incoming {
        id: ReceiptId::new(NOW),
        received_at: NOW,
        request: Request { method: "POST".to_owned(), ..Request::default() },
        body: Bytes::from(body),
        proof: Proof { scheme: "open".to_owned(), variant: None, secret: None },
    };
    let (receipt, document) = pipeline::receive(source, incoming).unwrap();
    let outcome = pipeline::process(rules, source, &receipt, document, NOW);
    StoredReceipt { receipt, outcome, status: ReceiptStatus::Processed, duplicates: 0, replays: 0, turn: 0 }
}

#[tokio::test]
async fn a_receipt_is_asked_for_until_all_is_there_and_then_goes_out() {
    let stub = Stub::start(|number, seen| match &*seen.path {
        "/devices/7" if number < 2 => Reply::Status(503, String::new()),
        "/devices/7" => ok(r#"{"name": "leaf-01"}"#),
        _ => ok(r#"{"name": "r3"}"#),
    })
    .await;
    let (rules, clock) = (rules(&stub), ManualClock::at(NOW));
    let lookups = Lookups::new(clock.clone());
    let mut stored = stored(&rules, 7);
    assert_eq!(stored.outcome.held.len(), 1);

    let (outcome, again) = resolve(&lookups, &rules, &stored, 0, NOW, 0.0).await;
    assert_eq!(again, NOW + Duration::from_secs(10), "by the schedule of what failed");
    assert!(matches!(outcome.events[0].routes[0].decision, Decision::Deferred { .. }));
    assert_eq!((outcome.held.len(), outcome.deliveries.len()), (1, 0));
    let record = &outcome.events[0].lookups;
    assert_eq!((record[0].status, record[0].class), (Some(503), Some(FailureClass::Http5xx)));
    assert_eq!(record[1].value, serde_json::json!({"name": "r3"}));

    stored.outcome = outcome;
    clock.advance(Duration::from_secs(10));
    let (outcome, _) = resolve(&lookups, &rules, &stored, 1, clock.now(), 0.0).await;
    assert!(
        matches!(&outcome.events[0].routes[0].decision, Decision::Routed { deliveries, .. } if deliveries.len() == 1)
    );
    assert_eq!(outcome.deliveries[0].body, "leaf-01 in r3");
    assert_eq!(outcome.deliveries[0].lane.as_deref(), Some("netbox:dcim.device:7"));
    assert!(outcome.held.is_empty());
    let record = &outcome.events[0].lookups;
    assert_eq!((&*record[0].name, record[0].class, record[1].cached), ("device", None, true));
}

#[tokio::test]
async fn when_the_schedule_is_used_up_the_route_has_failed() {
    let stub = Stub::start(|_, seen| match &*seen.path {
        "/devices/7" => Reply::Status(410, String::new()),
        _ => Reply::Status(500, String::new()),
    })
    .await;
    let rules = rules(&stub);
    let (lookups, stored) = (Lookups::new(ManualClock::at(NOW)), stored(&rules, 7));
    let (outcome, again) = resolve(&lookups, &rules, &stored, 0, NOW, 0.0).await;
    assert_eq!(again, NOW + Duration::from_secs(60));
    assert!(outcome.first_failure().is_none());
    let (outcome, _) = resolve(&lookups, &rules, &stored, 1, NOW, 0.0).await;
    let failure = outcome.first_failure().unwrap();
    assert_eq!(failure.stage, Stage::Lookup);
    assert_eq!(
        failure.message,
        "lookup rack: the system asked answered 500; look into the log of the system asked (gave up after 2 attempts; last: http_5xx 500)"
    );
    assert!(outcome.held.is_empty());
}
