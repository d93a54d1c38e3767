//! `on_newer: supersede`: of the changes that wait, only the newest of an object arrives, and never
//! an older one after a newer.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use crate::world::{World, change};

const CONFIG: &str = r#"
sources: { lab: { adapter: generic, open: true } }
destinations:
  tool: { url: "{receiver}/tool", sign: { scheme: none }, on_newer: supersede, in_flight: 8, breaker: off, retry: [5s, 5s, 5s, 5s, 5s, 5s] }
routes: [{ name: all, to: [tool] }]
"#;

#[tokio::test]
async fn a_newer_change_takes_the_place_of_one_that_waits_and_the_record_says_so() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|n, _| if n == 0 { 500 } else { 200 });
    world.post("lab", &change("1", 1)).await;
    world.tried(1).await;
    // The first waits for its second attempt when the second comes.
    world.post("lab", &change("1", 2)).await;
    world.arrived(2).await;
    world.settled().await;
    let received = world.receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[1].json()["data"]["n"], 2);
    let deliveries = world.admin("GET", "/api/v1/deliveries").await.body;
    let newest = &deliveries["items"][0];
    for older in &deliveries["items"].as_array().unwrap()[1..] {
        assert_eq!(older["state"], "superseded", "{older}");
        let by = older["superseded_by"].as_str().unwrap();
        assert!(older["reason"].as_str().unwrap().contains(by), "{older}");
    }
    assert_eq!(newest["state"], "delivered");
    let receipts = world.admin("GET", "/api/v1/receipts").await.body;
    let oldest = receipts["items"][1]["id"].as_str().unwrap();
    let explained = world.admin("GET", &format!("/api/v1/receipts/{oldest}")).await.body;
    assert!(explained["explain"].to_string().contains("superseded by dlv_"), "{}", explained["explain"]);
    let ledger = world.finish().await;
    assert_eq!((ledger.delivered, ledger.superseded), (1, 1), "{ledger:?}");
}

#[tokio::test]
async fn what_is_under_way_is_not_replaced_but_not_tried_again_either() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|n, _| if n == 0 { 503 } else { 200 });
    let held = world.receiver.hold();
    world.post("lab", &change("1", 1)).await;
    world.arrived(1).await;
    // Newer changes come while the first one's answer is still to come.
    world.post("lab", &change("1", 2)).await;
    world.post("lab", &change("1", 3)).await;
    held.release();
    world.arrived(2).await;
    world.settled().await;
    let received = world.receiver.received();
    let order: Vec<u64> = received.iter().map(|got| got.json()["data"]["n"].as_u64().unwrap()).collect();
    assert_eq!(order, [1, 3]);
    let ledger = world.finish().await;
    assert_eq!((ledger.delivered, ledger.superseded), (1, 2), "{ledger:?}");
}

#[tokio::test]
async fn under_failures_at_random_no_older_state_follows_a_newer_one() {
    const OBJECTS: u64 = 12;
    const CHANGES: u64 = 15;
    let world = World::start(CONFIG).await;
    world.receiver.answer(|_, _| if fastrand::u8(..3) == 0 { 503 } else { 200 });
    for n in 1..=CHANGES {
        for object in 0..OBJECTS {
            world.post("lab", &change(&object.to_string(), n)).await;
        }
        if fastrand::bool() {
            world.clock.advance(Duration::from_secs(6));
        }
    }
    world.receiver.answer(|_, _| 200);
    // Waits run out on a clock that only we move.
    for _ in 0..200 {
        if world.ledger().await.pending == 0 {
            break;
        }
        world.clock.advance(Duration::from_secs(6));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut newest: HashMap<String, (u64, u64)> = HashMap::new();
    for got in world.receiver.received() {
        let event = got.json();
        let object = event["object"]["id"].as_str().unwrap().to_owned();
        let n = event["data"]["n"].as_u64().unwrap();
        let (tried, delivered) = newest.entry(object.clone()).or_default();
        assert!(n >= *tried, "object {object}: change {n} left after change {tried}");
        *tried = n;
        if got.status == 200 {
            assert!(n > *delivered, "object {object}: change {n} arrived after change {delivered}");
            *delivered = n;
        }
    }
    assert!(newest.values().all(|(_, delivered)| *delivered == CHANGES), "{newest:?}");
    let ledger = world.finish().await;
    assert_eq!(ledger.accepted, OBJECTS * CHANGES);
    assert_eq!(ledger.delivered + ledger.superseded, OBJECTS * CHANGES, "{ledger:?}");
    assert!(ledger.superseded > 0, "nothing was superseded, so nothing was shown: {ledger:?}");
}

#[tokio::test]
async fn an_older_change_is_not_revived_over_a_newer_one() {
    let config = CONFIG.replace("[5s, 5s, 5s, 5s, 5s, 5s]", "[5s]");
    let world = World::start(&config).await;
    world.receiver.answer(|_, _| 500);
    world.post("lab", &change("1", 1)).await;
    world.tried(1).await;
    world.clock.advance(Duration::from_secs(6));
    world.tried(2).await;
    let dead = world.admin("GET", "/api/v1/deliveries").await.body["items"][0]["id"].clone();
    world.receiver.answer(|_, _| 200);
    world.post("lab", &change("1", 2)).await;
    world.arrived(3).await;
    world.settled().await;
    let path = format!("/api/v1/deliveries/{}/retry", dead.as_str().unwrap());
    let refused = world.steer(&path, &json!({})).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.body["detail"].as_str().unwrap().contains("newer"), "{refused:?}");
    let ledger = world.finish().await;
    assert_eq!((ledger.dead, ledger.delivered), (1, 1), "{ledger:?}");
}

#[tokio::test]
async fn changes_of_different_objects_in_a_lane_of_a_script_never_replace_each_other() {
    let config = CONFIG.replace("name: all,", "name: all, script: scripts/site.rhai,");
    let script =
        ("scripts/site.rhai", "fn transform(event) { message(#{ id: event.object.id }).key(\"fra1\") }");
    let world = World::start_with(&config, &[script]).await;
    world.receiver.answer(|n, _| if n == 0 { 500 } else { 200 });
    world.post("lab", &change("a", 1)).await;
    world.tried(1).await;
    world.post("lab", &change("b", 1)).await;
    world.clock.advance(Duration::from_secs(6));
    world.arrived(3).await;
    let ledger = world.finish().await;
    assert_eq!((ledger.delivered, ledger.superseded), (2, 0), "{ledger:?}");
}
