//! What comes in from one CMDB leaves as another's webhook, and is taken for one.

use std::collections::HashMap;

use crossconnect::model::{DeliveryId, Event};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha512;

use crate::corpus;
use crate::receiver::Received;
use crate::world::World;

const IN: &str = r#"
sources:
  netbox: { adapter: netbox, open: true }
  infrahub: { adapter: infrahub, open: true }
  datagerry: { adapter: datagerry, open: true }
destinations:
  netbox: { url: "{receiver}/hooks/netbox", format: netbox, sign: { secrets: [netbox-key] } }
  infrahub: { url: "{receiver}/hooks/infrahub", format: infrahub, sign: { secrets: [infrahub-key] } }
  datagerry: { url: "{receiver}/hooks/datagerry/t0ken", format: datagerry }
routes: [{ name: all, to: [netbox, infrahub, datagerry] }]
"#;

const OUT: &str = r#"
sources:
  netbox: { adapter: netbox, secrets: [netbox-key] }
  infrahub: { adapter: infrahub, secrets: [infrahub-key], variants: false }
  datagerry: { adapter: datagerry, token: t0ken }
destinations: { nobody: { url: "{receiver}/", sign: none } }
routes: [{ name: none, when: { action: nothing }, to: nobody }]
"#;

/// Sends what arrived on to another gateway, and gives the event it makes of it.
async fn passed_on(to: &World, got: &Received) -> Event {
    let names = ["content-type", "x-hook-signature", "webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: Vec<(&str, &str)> = names
        .into_iter()
        .map(|name| (name, got.header(name)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let answer = to.send(&got.method, &got.path, &headers, got.body.clone()).await;
    assert_eq!(answer.status, 200, "{}: {:?}\n{got:?}", got.path, answer.body);
    let id = answer.body["receipt"].as_str().unwrap().parse().unwrap();
    let mut stored = to.app().store.receipt(id).await.unwrap();
    assert!(stored.outcome.failure.is_none(), "{:?}\n{got:?}", stored.outcome.failure);
    stored.outcome.events.remove(0).event
}

/// What every dialect carries over.
fn facts(event: &Event) -> serde_json::Value {
    let object = event.object.as_ref().map(|object| json!([object.kind, object.id, object.name]));
    json!({"object": object, "action": event.action, "changes": event.changes})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_capture_survives_the_way_through_every_dialect_to_another_gateway() {
    let (from, to) = (World::start(IN).await, World::start(OUT).await);
    let mut promised = 0;
    for record in corpus::all() {
        if record.text("scenario") == "negative" || record.expect("body_is_json") == &json!(false) {
            continue;
        }
        let answer = from.send("POST", &format!("/hooks/{}", record.text("sender")), &[], record.body).await;
        promised += answer.body["deliveries"].as_u64().unwrap_or(0);
    }
    from.settled().await;
    let received = from.receiver.received();
    assert!(promised > 600 && received.len() as u64 == promised, "{promised}, {}", received.len());
    let mut seen: HashMap<String, usize> = HashMap::new();
    for got in &received {
        let id: DeliveryId = got.header("webhook-id").parse().unwrap();
        let delivery = from.app().store.delivery(id).await.unwrap().delivery;
        let outcome = from.app().store.receipt(delivery.receipt).await.unwrap().outcome;
        let event = outcome.events.iter().find(|processed| processed.event.id == delivery.event);
        let event = &event.unwrap().event;
        // A webhook of its own system, with the same bytes, is known from the first time.
        let again = passed_on(&to, got).await;
        assert_eq!(facts(&again), facts(event), "{} as {}", event.r#type, delivery.destination);
        *seen.entry(format!("{} as {}", event.system, delivery.destination)).or_default() += 1;
    }
    assert_eq!(seen.len(), 9, "{seen:?}");
    from.finish().await;
    to.finish().await;
}

#[tokio::test]
async fn an_infrahub_change_is_a_netbox_webhook_to_a_tool_that_knows_only_netbox() {
    let config = r#"
sources: { infrahub: { adapter: infrahub, open: true } }
destinations:
  tool: { url: "{receiver}/tool", format: netbox, kinds: { InfraDevice: dcim.device }, sign: { secrets: [s3cret] } }
routes: [{ name: devices, when: { kind: InfraDevice }, to: tool }]
"#;
    let world = World::start(config).await;
    let body = json!({
        "id": "e-1", "branch": "main", "account_id": "a-1", "event": "infrahub.node.updated",
        "occured_at": "2026-11-22 05:23:27.028107+00:00",
        "data": {"kind": "InfraDevice", "action": "updated", "node_id": "n-1", "fields": ["status"], "changelog": {
            "node_id": "n-1", "node_kind": "InfraDevice", "display_label": "atl1-edge1", "relationships": {},
            "attributes": {"status": {"name": "status", "kind": "Dropdown", "value": "maintenance",
                "value_previous": "active", "value_update_status": "updated", "properties": {}}}}},
    });
    assert_eq!(world.post("infrahub", &body).await.status, 200);
    world.settled().await;
    let got = &world.receiver.received()[0];
    let mut mac = Hmac::<Sha512>::new_from_slice(b"s3cret").unwrap();
    mac.update(&got.body);
    assert_eq!(got.header("x-hook-signature"), hex::encode(mac.finalize().into_bytes()));
    assert_eq!(got.header("content-type"), "application/json");
    let said = got.json();
    for (pointer, wanted) in [
        ("/event", json!("updated")),
        ("/object_type", json!("dcim.device")),
        ("/model", json!("device")),
        ("/data/id", json!("n-1")),
        ("/data/name", json!("atl1-edge1")),
        ("/data/status", json!("maintenance")),
        ("/snapshots/prechange/status", json!("active")),
        ("/snapshots/postchange/status", json!("maintenance")),
        ("/username", json!("a-1")),
    ] {
        assert_eq!(said.pointer(pointer), Some(&wanted), "{pointer}: {said}");
    }
    world.finish().await;
}

#[tokio::test]
async fn action_data_stands_under_what_the_sender_told() {
    let config = r#"
sources: { netbox: { adapter: netbox, open: true } }
destinations: { tool: { url: "{receiver}/tool", sign: none } }
routes:
  - name: devices
    when: { path: '$.data.name' }
    action_data: { name: not-this-one, team: net, contact: { mail: noc@example.org } }
    to: tool
"#;
    let world = World::start(config).await;
    let body = json!({
        "event": "updated", "timestamp": "2026-11-22T05:44:20.538760+00:00", "object_type": "dcim.device",
        "data": {"id": 1, "name": "edge-1", "url": "/api/dcim/devices/1/"},
        "snapshots": {"prechange": {"name": "edge"}, "postchange": {"name": "edge-1"}},
    });
    world.post("netbox", &body).await;
    world.settled().await;
    let data = &world.receiver.received()[0].json()["data"];
    assert_eq!(
        *data,
        json!({"name": "edge-1", "team": "net", "contact": {"mail": "noc@example.org"}, "id": 1, "url": "/api/dcim/devices/1/"})
    );
    world.finish().await;
}

#[tokio::test]
async fn a_route_that_is_switched_off_takes_nothing_and_says_so() {
    let config = r#"
sources: { lab: { adapter: generic, open: true } }
destinations: { tool: { url: "{receiver}/tool", sign: none } }
routes: [{ name: off, active: false, to: tool }]
"#;
    let world = World::start(config).await;
    let answer = world.post("lab", &crate::world::change("1", 1)).await;
    assert_eq!(answer.body["deliveries"], 0);
    let id = answer.body["receipt"].as_str().unwrap().parse().unwrap();
    let stored = world.app().store.receipt(id).await.unwrap();
    let verdict = json!(stored.outcome.events[0].verdicts()[0]);
    assert_eq!(verdict["condition"], "active", "{verdict}");
    assert_eq!(world.finish().await.unmatched, 1);
}
