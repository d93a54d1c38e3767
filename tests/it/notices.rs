//! What happens to destinations, deliveries and receipts is an event like any other, for routes that
//! ask for it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{World, change};

const CONFIG: &str = r#"
sources: { lab: { adapter: generic, open: true } }
destinations:
  tool: { url: "{receiver}/tool", sign: { scheme: none }, breaker: off, retry: [] }
  alerts: { url: "{receiver}/alerts", sign: { scheme: none }, retry: [] }
routes:
  - { name: all, to: [tool] }
  - { name: alerts, from: [crossconnect], to: [alerts] }
"#;

/// The alerts that arrived, in order.
fn alerts(world: &World) -> Vec<Value> {
    let received = world.receiver.received();
    received.iter().filter(|got| got.path == "/alerts").map(crate::receiver::Received::json).collect()
}

async fn told(world: &World, count: usize) -> Vec<Value> {
    world.until(&format!("{count} alerts arrived"), async |world| alerts(world).len() >= count).await;
    alerts(world)
}

#[tokio::test]
async fn a_dead_delivery_is_told_with_what_an_alert_needs() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|_, got| if got.path == "/tool" { 500 } else { 200 });
    world.post("lab", &change("7", 1)).await;
    let alert = told(&world, 1).await.remove(0);
    assert_eq!(alert["type"], "crossconnect.delivery.dead");
    assert_eq!(
        (&alert["action"], &alert["source"], &alert["system"]),
        (&json!("dead"), &json!("crossconnect"), &json!("crossconnect"))
    );
    assert_eq!(alert["correlation_id"], "destination:tool");
    let data = &alert["data"];
    assert_eq!(
        (&data["destination"], &data["route"], &data["last_status"]),
        (&json!("tool"), &json!("all"), &json!(500))
    );
    assert_eq!(data["event"]["object"]["id"], "7");
    assert!(data["delivery"].as_str().unwrap().starts_with("dlv_"));
    assert!(data["remedy"].is_string() && data["reason"].is_string(), "{data}");
    let ledger = world.finish().await;
    // The webhook and the alert.
    assert_eq!((ledger.accepted, ledger.dead, ledger.delivered), (2, 1, 1), "{ledger:?}");
}

#[tokio::test]
async fn routes_that_do_not_ask_for_them_never_see_them() {
    let config = CONFIG.replace("  - { name: alerts, from: [crossconnect], to: [alerts] }\n", "");
    let world = World::start(&config).await;
    world.receiver.answer(|_, _| 500);
    world.post("lab", &change("7", 1)).await;
    world.until("it is dead", async |world| world.ledger().await.dead == 1).await;
    world
        .until("no notice is left", async |world| world.app().store.notices(1).await.unwrap().is_empty())
        .await;
    assert_eq!(world.finish().await.accepted, 1);
}

#[tokio::test]
async fn a_route_may_ask_by_type() {
    let config = CONFIG.replace("from: [crossconnect]", "when: { type: [crossconnect.receipt.failed] }");
    let world = World::start(&config).await;
    // A dead delivery is not what it asks for.
    world.receiver.answer(|_, got| if got.path == "/tool" { 500 } else { 200 });
    world.post("lab", &change("7", 1)).await;
    world.until("the alert is stored", async |world| world.ledger().await.accepted == 2).await;
    let ledger = world.finish().await;
    assert_eq!((ledger.dead, ledger.unmatched), (1, 1), "{ledger:?}");
}

#[tokio::test]
async fn a_receipt_that_could_not_be_processed_is_told() {
    let config = format!(
        "{}\nscripts: {{ wall_clock: 500ms }}\n",
        CONFIG.replace("name: all, to: [tool]", "name: all, to: [tool], script: scripts/broken.rhai")
    );
    let broken = ("scripts/broken.rhai", "fn transform(event) { event.data.nothing.at.all }");
    let world = World::start_with(&config, &[broken]).await;
    let answer = world.post("lab", &change("7", 1)).await;
    let alert = told(&world, 1).await.remove(0);
    assert_eq!(alert["type"], "crossconnect.receipt.failed");
    assert_eq!(alert["object"]["id"], answer.body["receipt"]);
    assert_eq!((&alert["data"]["source"], &alert["correlation_id"]), (&json!("lab"), &json!("source:lab")));
    assert!(alert["data"]["failure"]["place"].as_str().unwrap().contains("broken.rhai:1:"), "{alert}");
    world.until("the alert is settled", async |world| world.ledger().await.delivered == 1).await;
    world.finish_with_pending(1).await;
}

#[tokio::test]
async fn a_pause_and_the_first_success_after_it_are_told_once_each() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|_, got| if got.path == "/tool" { 410 } else { 200 });
    world.post("lab", &change("1", 1)).await;
    let alerts = told(&world, 2).await;
    let mut types: Vec<&str> = alerts.iter().map(|alert| alert["type"].as_str().unwrap()).collect();
    types.sort_unstable();
    assert_eq!(types, ["crossconnect.delivery.dead", "crossconnect.destination.paused"]);
    let paused = alerts.iter().find(|alert| alert["action"] == "paused").unwrap();
    assert_eq!(paused["object"], json!({"kind": "destination", "id": "tool", "name": "tool", "url": null}));
    assert!(paused["data"]["reason"].as_str().unwrap().contains("410"), "{paused}");
    // While it is paused nothing leaves for it.
    world.post("lab", &change("2", 1)).await;
    world.post("lab", &change("3", 1)).await;
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(world.receiver.received().iter().filter(|got| got.path == "/tool").count(), 1);
    world.receiver.answer(|_, _| 200);
    let resumed = world.steer("/api/v1/destinations/tool/resume", &json!({})).await;
    assert_eq!(resumed.status, 200, "{resumed:?}");
    let alerts = told(&world, 3).await;
    assert_eq!(alerts[2]["type"], "crossconnect.destination.recovered");
    world.post("lab", &change("4", 1)).await;
    world.settled().await;
    assert_eq!(world.finish().await.delivered, 3 + 3);
}

#[tokio::test]
async fn an_alert_that_dies_tells_of_nothing() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|_, _| 500);
    world.post("lab", &change("7", 1)).await;
    world.until("both are dead", async |world| world.ledger().await.dead == 2).await;
    world
        .until("no notice is left", async |world| world.app().store.notices(1).await.unwrap().is_empty())
        .await;
    let ledger = world.finish().await;
    assert_eq!((ledger.accepted, ledger.dead), (2, 2), "{ledger:?}");
}
