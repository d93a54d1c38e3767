//! Many changes of one action become one delivery: the captured bulk edits, bigger ones made like
//! them, many at once, and with the process killed at any instant of the window.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha512;

use crate::corpus::{self, Record};
use crate::process::{Gateway, free_port, http, post_until_taken, settled};
use crate::receiver::{Received, Receiver};
use crate::world::{World, write};

const SECRET: &str = "netbox-s3cret";
const CONFIG: &str = r#"
sources: { netbox: { adapter: netbox, secrets: [netbox-s3cret] } }
destinations: { tool: { url: "{receiver}/tool", sign: { scheme: none } } }
routes: [{ name: storms, to: [tool], coalesce: { by: correlation, quiet: 2s, max_wait: 30s, max_events: 500 } }]
"#;

/// A webhook: its headers and its body.
type Webhook = (Vec<(String, String)>, Bytes);

/// The captured bulk edits, one list per action.
fn captured() -> Vec<Vec<Record>> {
    let mut series: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    for record in corpus::all() {
        let scenario = record.text("scenario");
        if record.text("sender") == "netbox" && (scenario == "storm" || scenario == "bulk_create") {
            series.entry(record.text("series").to_owned()).or_default().push(record);
        }
    }
    series.into_values().collect()
}

/// A storm of `size` webhooks made like a captured one, as another action.
fn made_like(record: &Record, size: usize, action: &str) -> Vec<Webhook> {
    let mut body: Value = serde_json::from_slice(&record.body).unwrap();
    body["request_id"] = json!(action);
    (1..=size)
        .map(|id| {
            let name = format!("Ethernet{id}");
            for place in ["/data", "/snapshots/prechange", "/snapshots/postchange"] {
                let Some(object) = body.pointer_mut(place).filter(|object| object.is_object()) else {
                    continue;
                };
                object["name"] = json!(name);
                if place == "/data" {
                    object["id"] = json!(id);
                }
            }
            signed(body.to_string())
        })
        .collect()
}

fn signed(body: String) -> Webhook {
    let mut mac = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    (vec![("X-Hook-Signature".to_owned(), signature)], Bytes::from(body))
}

async fn send(world: &World, (headers, body): &Webhook) {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let answer = world.send("POST", "/hooks/netbox", &headers, body.clone()).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("accepted")), "{answer:?}");
}

async fn gathered(world: &World, events: u64) {
    world
        .until(&format!("{events} events wait in batches"), async |world| {
            world.app().store.waiting().await.unwrap().gathered == events
        })
        .await;
}

/// What is right about every batch: its shape, and that its summary is what its events say.
fn check(got: &Received) -> Value {
    let batch = got.json();
    let events = batch["events"].as_array().unwrap();
    assert_eq!(batch["type"], "crossconnect.batch");
    assert!(batch["id"].as_str().unwrap().starts_with("bat_"));
    assert_eq!(batch["by"], "correlation");
    assert_eq!(batch["summary"]["events"], events.len());
    let (mut kinds, mut actions) = (BTreeMap::new(), BTreeMap::new());
    for event in events {
        assert_eq!(event["correlation_id"], batch["key"], "an event of another action");
        *kinds.entry(event["object"]["kind"].as_str().unwrap()).or_insert(0) += 1;
        *actions.entry(event["action"].as_str().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(batch["summary"]["kinds"], json!(kinds));
    assert_eq!(batch["summary"]["actions"], json!(actions));
    let mut times: Vec<&str> = events.iter().map(|event| event["occurred_at"].as_str().unwrap()).collect();
    times.sort_unstable();
    assert_eq!(batch["summary"]["first"], times[0]);
    assert_eq!(batch["summary"]["last"], *times.last().unwrap());
    batch
}

fn objects(batch: &Value) -> BTreeSet<String> {
    let events = batch["events"].as_array().unwrap().iter();
    let objects: Vec<String> = events.map(|e| e["object"]["id"].as_str().unwrap().to_owned()).collect();
    let set: BTreeSet<String> = objects.iter().cloned().collect();
    assert_eq!(set.len(), objects.len(), "an event is in the batch twice");
    set
}

#[tokio::test]
async fn every_captured_bulk_edit_becomes_one_delivery() {
    let storms = captured();
    assert!(storms.len() >= 4, "{}", storms.len());
    for storm in storms {
        let world = World::start(CONFIG).await;
        for record in &storm {
            send(&world, &(record.headers(), Bytes::from(record.body.clone()))).await;
        }
        let size = storm.len() as u64;
        gathered(&world, size).await;
        world.clock.advance(Duration::from_millis(1900));
        assert!(world.receiver.received().is_empty(), "the window is not over yet");
        world.clock.advance(Duration::from_millis(200));
        world.arrived(1).await;
        let batch = check(&world.receiver.received()[0]);
        assert_eq!(objects(&batch).len() as u64, size, "{}", storm[0].name());
        let receiver = world.receiver.clone();
        let ledger = world.finish().await;
        assert_eq!((ledger.accepted, ledger.coalesced), (size, size), "{ledger:?}");
        assert_eq!(receiver.received().len(), 1);
    }
}

#[tokio::test]
async fn sixty_interfaces_edited_at_once_launch_one_job() {
    let world = World::start(CONFIG).await;
    for webhook in made_like(&captured()[0][0], 60, "one-edit") {
        send(&world, &webhook).await;
        // Within the quiet time of the one before.
        world.clock.advance(Duration::from_millis(100));
    }
    gathered(&world, 60).await;
    world.clock.advance(Duration::from_secs(2));
    world.arrived(1).await;
    let batch = check(&world.receiver.received()[0]);
    assert_eq!(objects(&batch).len(), 60);
    assert_eq!(batch["summary"]["kinds"], json!({"dcim.interface": 60}));
    let receiver = world.receiver.clone();
    assert_eq!(world.finish().await.coalesced, 60);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_storm_that_never_rests_leaves_after_the_longest_wait_and_when_it_is_big_enough() {
    let config = CONFIG.replace("max_wait: 30s, max_events: 500", "max_wait: 10s, max_events: 20");
    let world = World::start(&config).await;
    let storm = made_like(&captured()[0][0], 45, "endless");
    // 20 at one instant are as many as may be together.
    for webhook in &storm[..20] {
        send(&world, webhook).await;
    }
    world.arrived(1).await;
    // One a second: the window is never quiet, and closes ten seconds after its first.
    for (n, webhook) in storm[20..45].iter().enumerate() {
        send(&world, webhook).await;
        gathered_or_gone(&world, n).await;
        world.clock.advance(Duration::from_secs(1));
    }
    world.clock.advance(Duration::from_secs(2));
    world.settled().await;
    let received = world.receiver.received();
    let sizes: Vec<usize> = received.iter().map(|got| objects(&check(got)).len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 45, "{sizes:?}");
    assert_eq!(sizes[0], 20);
    assert!(sizes[1..].iter().all(|size| *size <= 11), "{sizes:?}");
    assert!(sizes.len() <= 5, "{sizes:?}");
    assert_eq!(world.finish().await.coalesced, 45);
}

/// The clock must not move on before the gateway has done what was due.
async fn gathered_or_gone(world: &World, n: usize) {
    world
        .until(&format!("event {n} waits or left"), async |world| {
            let due = world.app().store.waiting().await.unwrap();
            due.batches <= 1
        })
        .await;
}

#[tokio::test]
async fn a_hundred_storms_interleaved_do_not_mix() {
    let world = World::start(CONFIG).await;
    let sample = &captured()[0][0];
    let mut storms: Vec<Vec<Webhook>> =
        (0..100).map(|n| made_like(sample, 6, &format!("action-{n}"))).collect();
    let mut all = Vec::new();
    while storms.iter().any(|storm| !storm.is_empty()) {
        let storm = fastrand::usize(..storms.len());
        all.extend(storms[storm].pop());
    }
    for webhook in &all {
        send(&world, webhook).await;
    }
    gathered(&world, 600).await;
    world.clock.advance(Duration::from_secs(2));
    world.arrived(100).await;
    let batches: Vec<Value> = world.receiver.received().iter().map(check).collect();
    let keys: BTreeSet<&str> = batches.iter().map(|batch| batch["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 100);
    assert!(batches.iter().all(|batch| objects(batch).len() == 6));
    let receiver = world.receiver.clone();
    assert_eq!(world.finish().await.coalesced, 600);
    assert_eq!(receiver.received().len(), 100);
}

#[tokio::test]
async fn a_batch_is_retried_like_any_delivery_and_dies_with_all_its_events() {
    let config = CONFIG.replace("sign: { scheme: none } }", "sign: { scheme: none }, retry: [5s] }");
    let world = World::start(&config).await;
    world.receiver.answer(|_, _| 500);
    for webhook in made_like(&captured()[0][0], 5, "doomed") {
        send(&world, &webhook).await;
    }
    gathered(&world, 5).await;
    world.clock.advance(Duration::from_secs(2));
    world.tried(1).await;
    world.clock.advance(Duration::from_secs(6));
    world.tried(2).await;
    let received = world.receiver.received();
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    let (dead, id) = (world.ledger().await.dead, received[0].header("webhook-id").to_owned());
    assert_eq!(dead, 5);
    world.receiver.answer(|_, _| 200);
    assert_eq!(world.steer(&format!("/api/v1/deliveries/{id}/retry"), &json!({})).await.status, 200);
    world.arrived(3).await;
    assert_eq!(world.finish().await.coalesced, 5);
}

#[tokio::test]
async fn explain_tells_of_the_batch_before_and_after_it_left() {
    let world = World::start(CONFIG).await;
    for webhook in made_like(&captured()[0][0], 3, "explained") {
        send(&world, &webhook).await;
    }
    gathered(&world, 3).await;
    let receipts = world.admin("GET", "/api/v1/receipts").await.body;
    let receipt = format!("/api/v1/receipts/{}", receipts["items"][1]["id"].as_str().unwrap());
    let waiting = world.admin("GET", &receipt).await.body;
    let verdict = &waiting["events"][0]["routes"][0];
    assert_eq!(
        (&verdict["decision"], &verdict["key"]),
        (&json!("gathered"), &json!("explained")),
        "{verdict}"
    );
    assert!(
        verdict["batch"].as_str().unwrap().starts_with("bat_") && verdict["until"].is_string(),
        "{verdict}"
    );
    assert!(waiting["explain"].to_string().contains("waits"), "{}", waiting["explain"]);
    world.clock.advance(Duration::from_secs(2));
    world.arrived(1).await;
    world.settled().await;
    let left = world.admin("GET", &receipt).await.body;
    let verdict = &left["events"][0]["routes"][0];
    assert_eq!(verdict["decision"], "routed", "{verdict}");
    assert_eq!(verdict["batch"], waiting["events"][0]["routes"][0]["batch"]);
    assert_eq!(left["deliveries"].as_array().unwrap().len(), 1, "{}", left["deliveries"]);
    world.finish().await;
}

/// Storms from three users at once; the process is killed after so many of their webhooks, and again
/// while the window is open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_inside_the_window_splits_no_storm_and_doubles_none() {
    const STORMS: usize = 3;
    const SIZE: usize = 12;
    let receiver = Receiver::start().await;
    let dir = tempfile::tempdir().unwrap();
    let (ingress, admin) = (free_port(), free_port());
    let config = CONFIG.replace("{receiver}", &receiver.url("")).replace("quiet: 2s", "quiet: 900ms");
    let head = format!(
        "ingress: {{ listen: 127.0.0.1:{ingress} }}\nadmin: {{ listen: 127.0.0.1:{admin} }}\n\
         state: sqlite:state.db\negress: {{ allow: [127.0.0.0/8] }}\n"
    );
    let file = dir.path().join("config.yaml");
    write(&file, &format!("{head}{config}"));
    let mut gateway = Gateway::spawn(&file);
    let (http, hook) = (http(), format!("http://127.0.0.1:{ingress}/hooks/netbox"));
    let sample = captured()[0][0].clone();
    let rounds = 8;
    for round in 0..rounds {
        let storms: Vec<Vec<Webhook>> =
            (0..STORMS).map(|n| made_like(&sample, SIZE, &format!("edit-{round}-{n}"))).collect();
        let kill_after = fastrand::usize(0..=SIZE);
        for n in 0..SIZE {
            if n == kill_after {
                gateway.kill_and_restart();
            }
            for storm in &storms {
                post_until_taken(&http, &hook, &storm[n].0, &storm[n].1).await;
            }
        }
        // Anywhere from the last event to after the batch left.
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..1100))).await;
        gateway.kill_and_restart();
    }
    let ledger = settled(&http, admin).await;
    let events = (rounds * STORMS * SIZE) as u64;
    assert_eq!((&ledger["accepted"], &ledger["coalesced"]), (&json!(events), &json!(events)), "{ledger}");
    let mut batches: BTreeMap<String, (String, Bytes)> = BTreeMap::new();
    for got in receiver.received() {
        let batch = check(&got);
        assert_eq!(objects(&batch).len(), SIZE, "a storm was split");
        let id = got.header("webhook-id").to_owned();
        let key = batch["key"].as_str().unwrap().to_owned();
        let known = batches.entry(key).or_insert((id.clone(), got.body.clone()));
        // Twice only as an attempt that was under way: the same delivery, the same bytes.
        assert_eq!(*known, (id, got.body.clone()));
    }
    assert_eq!(batches.len(), rounds * STORMS);
}
