//! Other systems are asked before a route goes on, after the sender was answered.

use std::time::Duration;

use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::world::{World, change};

/// `{cmdb}` stands for the system that is asked.
const CONFIG: &str = r#"
sources: { lab: { adapter: generic, open: true } }
lookups:
  thing: { url: "{cmdb}/things/{{ event.object.id }}", cache: off, on_failure: retry, retry: [5s, 5s] }
destinations:
  tool: { url: "{receiver}/tool", sign: { scheme: none } }
routes:
  - name: asked
    when: { type: lab.thing.updated }
    lookups: [thing]
    script: scripts/asked.rhai
    to: [tool]
  - { name: plain, when: { type: lab.thing.touched }, to: [tool] }
"#;

const SCRIPT: (&str, &str) = (
    "scripts/asked.rhai",
    "fn transform(event) { #{ id: event.object.id, n: event.data.n, owner: lookup.thing?.owner } }",
);

struct Lab {
    world: World,
    cmdb: Receiver,
}

impl Lab {
    async fn start(edit: impl FnOnce(String) -> String) -> Self {
        let cmdb = Receiver::start().await;
        cmdb.say(json!({"owner": "netops"}).to_string());
        let config = edit(CONFIG.replace("{cmdb}", &cmdb.url("")));
        Self { world: World::start_with(&config, &[SCRIPT]).await, cmdb }
    }

    /// The bodies that arrived, in order.
    fn bodies(&self) -> Vec<Value> {
        self.world.receiver.received().iter().map(crate::receiver::Received::json).collect()
    }

    async fn asked(&self, count: usize) {
        self.world.until(&format!("{count} questions"), async |_| self.cmdb.received().len() >= count).await;
    }

    async fn waiting(&self, receipts: u64) {
        self.world
            .until(&format!("{receipts} receipts wait"), async |world| {
                world.app().store.waiting().await.unwrap().deferred == receipts
            })
            .await;
    }
}

#[tokio::test]
async fn the_sender_is_answered_first_and_the_script_gets_what_was_found() {
    let lab = Lab::start(|config| config).await;
    let held = lab.cmdb.hold();
    let answer = lab.world.post("lab", &change("7", 1)).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("accepted")));
    lab.asked(1).await;
    assert_eq!(lab.cmdb.received()[0].path, "/things/7");
    let receipt = format!("/api/v1/receipts/{}", answer.body["receipt"].as_str().unwrap());
    let waiting = lab.world.admin("GET", &receipt).await.body;
    assert_eq!(waiting["events"][0]["routes"][0]["decision"], "deferred", "{waiting}");
    assert!(waiting["explain"].to_string().contains("waits for the lookups thing"), "{}", waiting["explain"]);
    held.release();
    lab.world.arrived(1).await;
    assert_eq!(lab.bodies(), [json!({"id": "7", "n": 1, "owner": "netops"})]);
    lab.world.settled().await;
    let done = lab.world.admin("GET", &receipt).await.body;
    assert_eq!(done["events"][0]["routes"][0]["decision"], "routed", "{done}");
    let looked = &done["events"][0]["lookups"][0];
    assert_eq!(
        (&looked["name"], &looked["status"], &looked["value"]["owner"]),
        (&json!("thing"), &json!(200), &json!("netops"))
    );
    assert_eq!(lab.world.finish().await.delivered, 1);
}

#[tokio::test]
async fn a_later_change_does_not_overtake_one_that_waits_for_an_answer() {
    let lab = Lab::start(|config| config).await;
    let held = lab.cmdb.hold();
    lab.world.post("lab", &change("7", 1)).await;
    lab.asked(1).await;
    // By a route that asks nobody, to the same destination; another object is free to go.
    let mut touched = change("7", 2);
    touched["type"] = json!("lab.thing.touched");
    lab.world.post("lab", &touched).await;
    let mut other = change("8", 3);
    other["type"] = json!("lab.thing.touched");
    lab.world.post("lab", &other).await;
    lab.world.arrived(1).await;
    assert_eq!(lab.bodies()[0]["object"]["id"], "8");
    held.release();
    lab.world.arrived(3).await;
    assert_eq!(lab.bodies()[1]["n"], 1, "{:?}", lab.bodies());
    assert_eq!(lab.bodies()[2]["data"]["n"], 2, "{:?}", lab.bodies());
    assert_eq!(lab.world.finish().await.delivered, 3);
}

#[tokio::test]
async fn a_cmdb_that_is_down_is_asked_again_as_a_receiver_would_be() {
    let lab = Lab::start(|config| config).await;
    lab.cmdb.answer(|n, _| if n == 0 { 503 } else { 200 });
    lab.world.post("lab", &change("7", 1)).await;
    lab.asked(1).await;
    lab.waiting(1).await;
    assert!(lab.world.receiver.received().is_empty());
    lab.world.until("the first answer is on record", async |world| recorded(world).await).await;
    lab.world.clock.advance(Duration::from_secs(6));
    lab.world.arrived(1).await;
    assert_eq!(lab.bodies()[0]["owner"], "netops");
    assert_eq!(lab.world.finish().await.delivered, 1);
}

/// Whether the newest receipt tells of a lookup.
async fn recorded(world: &World) -> bool {
    let receipts = world.admin("GET", "/api/v1/receipts").await.body;
    let Some(id) = receipts["items"][0]["id"].as_str() else { return false };
    let receipt = world.admin("GET", &format!("/api/v1/receipts/{id}")).await.body;
    receipt["events"][0]["lookups"][0].is_object()
}

#[tokio::test]
async fn what_is_never_found_fails_visibly_and_can_be_replayed() {
    let lab = Lab::start(|config| config.replace("retry: [5s, 5s]", "retry: []")).await;
    lab.cmdb.answer(|_, _| 500);
    let answer = lab.world.post("lab", &change("7", 1)).await;
    lab.waiting(0).await;
    let id = answer.body["receipt"].as_str().unwrap().to_owned();
    let receipt = format!("/api/v1/receipts/{id}");
    lab.world
        .until("the receipt failed", async |world| {
            world.admin("GET", &receipt).await.body["status"] == "failed"
        })
        .await;
    let failed = lab.world.admin("GET", &receipt).await.body;
    assert_eq!(failed["failure"]["stage"], "lookup", "{failed}");
    lab.cmdb.answer(|_, _| 200);
    let replayed = lab.world.steer(&format!("{receipt}/replay"), &json!({})).await;
    assert_eq!(replayed.status, 200, "{replayed:?}");
    lab.world.arrived(1).await;
    assert_eq!(lab.world.finish().await.delivered, 1);
}

#[tokio::test]
async fn a_lookup_may_be_done_without_or_decide_that_nothing_leaves() {
    for (policy, arrives) in [("null", true), ("drop", false)] {
        let with = format!("on_failure: {policy}");
        let lab = Lab::start(|config| config.replace("on_failure: retry, retry: [5s, 5s]", &with)).await;
        lab.cmdb.answer(|_, _| 500);
        let answer = lab.world.post("lab", &change("7", 1)).await;
        lab.world.settled().await;
        assert_eq!(lab.bodies().len(), usize::from(arrives), "{policy}");
        let receipt = format!("/api/v1/receipts/{}", answer.body["receipt"].as_str().unwrap());
        let told = lab.world.admin("GET", &receipt).await.body;
        assert_eq!(told["events"][0]["lookups"][0]["status"], 500, "{told}");
        let ledger = lab.world.finish().await;
        assert_eq!(
            (ledger.delivered, ledger.filtered),
            (u64::from(arrives), u64::from(!arrives)),
            "{ledger:?}"
        );
    }
}

#[tokio::test]
async fn a_storm_asks_once_and_its_batch_knows_the_answer() {
    let script = (
        "scripts/asked.rhai",
        "fn transform_batch(events) { #{ owners: events.map(|e| e.lookup.thing.owner), n: events.len() } }",
    );
    let cmdb = Receiver::start().await;
    cmdb.say(json!({"owner": "netops"}).to_string());
    let config = CONFIG
        .replace("{cmdb}/things/{{ event.object.id }}", &cmdb.url("/of/{{ event.object.kind }}"))
        .replace("cache: off", "cache: { ttl: 1m }")
        .replace(
            "    to: [tool]\n  - { name: plain",
            "    coalesce: { by: kind, quiet: 2s }\n    to: [tool]\n  - { name: plain",
        );
    let world = World::start_with(&config, &[script]).await;
    for id in 0..20 {
        world.post("lab", &change(&id.to_string(), 1)).await;
    }
    world
        .until("all wait for each other", async |world| {
            world.app().store.waiting().await.unwrap().gathered == 20
        })
        .await;
    assert_eq!(cmdb.received().len(), 1, "one question for all");
    world.clock.advance(Duration::from_secs(3));
    world.arrived(1).await;
    let body = world.receiver.received()[0].json();
    assert_eq!(body, json!({"owners": vec!["netops"; 20], "n": 20}));
    assert_eq!(world.finish().await.coalesced, 20);
}

#[tokio::test]
async fn a_restart_asks_again_what_was_not_answered() {
    let mut lab = Lab::start(|config| config).await;
    let config = CONFIG.replace("{cmdb}", &lab.cmdb.url(""));
    lab.cmdb.answer(|_, _| 503);
    lab.world.post("lab", &change("7", 1)).await;
    lab.world.until("the first answer is on record", async |world| recorded(world).await).await;
    lab.world.restart(&config).await;
    lab.cmdb.answer(|_, _| 200);
    lab.world.clock.advance(Duration::from_secs(6));
    lab.world.arrived(1).await;
    assert_eq!(lab.world.finish().await.delivered, 1);
}

#[tokio::test]
async fn an_alert_may_ask_too() {
    let alerts = "  - { name: alerts, from: [crossconnect], lookups: [thing], script: scripts/alert.rhai, to: [tool] }\n";
    let cmdb = Receiver::start().await;
    cmdb.say(json!({"owner": "netops"}).to_string());
    let config = format!("{}{alerts}", CONFIG.replace("{cmdb}", &cmdb.url("")));
    let alert =
        ("scripts/alert.rhai", "fn transform(event) { #{ alert: event.type, owner: lookup.thing.owner } }");
    let broken = ("scripts/asked.rhai", "fn transform(event) { lookup.thing.nobody.there }");
    let world = World::start_with(&config, &[broken, alert]).await;
    world.post("lab", &change("7", 1)).await;
    world.arrived(1).await;
    let told = world.receiver.received()[0].json();
    assert_eq!(told, json!({"alert": "crossconnect.receipt.failed", "owner": "netops"}));
    world.until("the alert is settled", async |world| world.ledger().await.delivered == 1).await;
    world.finish_with_pending(1).await;
}

#[tokio::test]
async fn the_changes_of_one_object_are_looked_up_in_order_and_join_their_batch_in_order() {
    let lab = Lab::start(|config| {
        config
            .replace(
                "    script: scripts/asked.rhai\n",
                "    coalesce: { by: object, quiet: 30s, max_wait: 60s }\n",
            )
            .replace("retry: [5s, 5s]", "retry: [5s, 5s, 5s]")
    })
    .await;
    // The first is not answered at once; the second could be.
    lab.cmdb.answer(|n, _| if n == 0 { 503 } else { 200 });
    lab.world.post("lab", &change("7", 1)).await;
    lab.world.until("the first answer is on record", async |world| recorded(world).await).await;
    lab.world.post("lab", &change("7", 2)).await;
    lab.world.clock.advance(Duration::from_secs(6));
    lab.world
        .until("both wait in the batch", async |world| {
            world.app().store.waiting().await.unwrap().gathered == 2
        })
        .await;
    lab.world.clock.advance(Duration::from_secs(31));
    lab.world.arrived(1).await;
    let batch = lab.bodies().remove(0);
    let order: Vec<u64> = batch["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["data"]["n"].as_u64().unwrap())
        .collect();
    assert_eq!(order, [1, 2]);
    assert_eq!(lab.world.finish().await.coalesced, 2);
}
