//! What becomes of receivers that are sick, and what an operator sees and does about it.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{World, change};

const CONFIG: &str = r#"
sources:
  lab: { adapter: generic, open: true }
destinations:
  tool: { url: "{receiver}/tool", sign: { scheme: none }, in_flight: 1, retry: [1s, 1s, 1s, 1s, 1s, 1s] }
routes:
  - { name: all, to: [tool] }
"#;

/// The one destination as the API shows it.
async fn tool(world: &World) -> Value {
    let answer = world.admin("GET", "/api/v1/destinations").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["items"][0].clone()
}

async fn until_it_is(world: &World, state: &str) -> Value {
    world.until(&format!("it is {state}"), async |world| tool(world).await["state"] == state).await;
    tool(world).await
}

async fn metric(world: &World, line: &str) -> bool {
    let text = world.admin("GET", "/metrics").await.body;
    text.as_str().unwrap().lines().any(|found| found == line)
}

async fn post(world: &World, lanes: impl IntoIterator<Item = usize>) {
    for lane in lanes {
        assert_eq!(world.post("lab", &change(&format!("lane {lane}"), 1)).await.status, 200);
    }
}

#[tokio::test]
async fn a_destination_that_is_gone_is_paused_over_a_restart_until_it_is_resumed() {
    let mut world = World::start(CONFIG).await;
    world.receiver.answer(|n, _| if n == 0 { 410 } else { 200 });
    post(&world, [0]).await;
    let shown = until_it_is(&world, "paused").await;
    assert_eq!(shown["reason"], "the receiver answered 410 Gone");
    assert_eq!(world.ledger().await.dead, 1, "settled before it is paused");
    post(&world, 1..4).await;
    world.restart(CONFIG).await;
    let shown = tool(&world).await;
    assert_eq!((&shown["state"], &shown["pending"]), (&json!("paused"), &json!(3)));
    assert!(metric(&world, "crossconnect_paused{destination=\"tool\"} 1").await);
    assert_eq!(world.receiver.received().len(), 1);
    let answer = world.admin("POST", "/api/v1/destinations/tool/resume").await;
    assert_eq!((answer.status, &answer.body["changed"]), (200, &json!(true)), "{answer:?}");
    world.settled().await;
    assert!(metric(&world, "crossconnect_paused{destination=\"tool\"} 0").await);
    let ledger = world.finish().await;
    assert_eq!((ledger.delivered, ledger.dead), (3, 1));
}

#[tokio::test]
async fn an_operator_pauses_and_resumes_as_often_as_he_likes() {
    let world = World::start(CONFIG).await;
    let path = |verb: &str| format!("/api/v1/destinations/tool/{verb}");
    let paused = world.steer(&path("pause"), &json!({"reason": "moving house"})).await;
    assert_eq!((paused.status, &paused.body["changed"]), (200, &json!(true)));
    let again = world.admin("POST", &path("pause")).await;
    assert_eq!((again.status, &again.body["changed"]), (200, &json!(false)));
    assert_eq!(again.body["reason"], "moving house", "the first reason stays");
    post(&world, 0..3).await;
    world.clock.advance(Duration::from_secs(60));
    let shown = tool(&world).await;
    assert_eq!((&shown["state"], &shown["pending"]), (&json!("paused"), &json!(3)));
    assert_eq!(shown["since"], "2026-11-22T07:00:00Z");
    assert!(world.receiver.received().is_empty());
    let line = r#"crossconnect_egress_paused_total{destination="tool",reason="operator"} 1"#;
    assert!(metric(&world, line).await);
    for (changed, state) in [(true, "ok"), (false, "ok")] {
        let answer = world.steer(&path("resume"), &json!({})).await;
        assert_eq!((&answer.body["changed"], &answer.body["state"]), (&json!(changed), &json!(state)));
    }
    world.settled().await;
    for verb in ["pause", "resume"] {
        let unknown = world.admin("POST", &format!("/api/v1/destinations/tol/{verb}")).await;
        assert_eq!((unknown.status, &unknown.body["code"]), (404, &json!("not_found")));
        assert!(unknown.body["detail"].as_str().unwrap().contains("did you mean `tool`?"), "{unknown:?}");
    }
    assert_eq!(world.steer(&path("pause"), &json!({"why": "x"})).await.status, 400);
    assert_eq!(world.finish().await.delivered, 3);
}

#[tokio::test]
async fn a_receiver_that_is_down_is_left_alone_and_gets_everything_when_it_is_back() {
    let config = CONFIG.replace("retry: [1s, 1s, 1s, 1s, 1s, 1s]", "retry: [1s, 1s, 1s, 1s]");
    let world = World::start(&config).await;
    world.receiver.answer(|_, _| 500);
    post(&world, 0..20).await;
    let shown = until_it_is(&world, "open").await;
    assert_eq!(shown["reason"], "10 of 10 attempts within 30s failed; the last: the receiver answered 500");
    assert_eq!(
        (&shown["breaker"]["state"], &shown["since"]),
        (&json!("open"), &json!("2026-11-22T07:00:00Z"))
    );
    assert_eq!(world.receiver.received().len(), 10);
    assert!(metric(&world, "crossconnect_egress_breaker{destination=\"tool\"} 2").await);
    for probes in 1..=3 {
        world.clock.advance(Duration::from_secs(30));
        world.arrived(10 + probes).await;
        until_it_is(&world, "open").await;
        world.until("it is open again", async |world| tool(world).await["breaker"]["state"] == "open").await;
    }
    assert_eq!(world.receiver.received().len(), 13, "an hour of it would use nothing up");
    world.receiver.answer(|_, _| 200);
    world.clock.advance(Duration::from_secs(30));
    world.settled().await;
    assert_eq!(until_it_is(&world, "ok").await["breaker"]["state"], "closed");
    assert!(metric(&world, "crossconnect_egress_breaker{destination=\"tool\"} 0").await);
    assert_eq!(world.finish().await.delivered, 20);
}

#[tokio::test]
async fn five_days_without_a_success_pause_a_destination() {
    let config = CONFIG.replace("retry: [1s, 1s, 1s, 1s, 1s, 1s]", "retry: [2d, 2d, 2d, 2d, 2d]");
    let world = World::start(&config).await;
    world.receiver.answer(|_, _| 500);
    post(&world, [0]).await;
    for attempts in 1..=3 {
        world.tried(attempts).await;
        assert_eq!(tool(&world).await["state"], "failing", "after {attempts} attempts");
        world.clock.advance(Duration::from_secs(2 * 86_400 + 900));
    }
    world.tried(4).await;
    let shown = until_it_is(&world, "paused").await;
    assert_eq!(shown["reason"], "no attempt has succeeded since 2026-11-22T07:00:00Z");
    let line = r#"crossconnect_egress_paused_total{destination="tool",reason="failing"} 1"#;
    assert!(metric(&world, line).await);
    world.receiver.answer(|_, _| 200);
    world.clock.advance(Duration::from_secs(3 * 86_400));
    world.admin("POST", "/api/v1/destinations/tool/resume").await;
    assert_eq!(world.finish().await.delivered, 1);
}

#[tokio::test]
async fn a_busy_receiver_is_sent_less_at_once() {
    let config = CONFIG.replace("in_flight: 1", "in_flight: 4");
    let world = World::start(&config).await;
    assert_eq!(tool(&world).await["allowed"], 4);
    world.receiver.answer(|n, _| if n == 0 { 503 } else { 200 });
    post(&world, [0]).await;
    world.tried(1).await;
    world.until("it is slowed down", async |world| tool(world).await["allowed"] == 2).await;
    assert!(metric(&world, "crossconnect_egress_allowed{destination=\"tool\"} 2").await);
    post(&world, 1..8).await;
    world.clock.advance(Duration::from_secs(2));
    world.settled().await;
    assert_eq!(tool(&world).await["allowed"], 4);
    assert_eq!(world.finish().await.delivered, 8);
}

#[tokio::test]
async fn destinations_are_listed_and_steered_from_the_command_line() {
    let world = World::start(CONFIG).await;
    post(&world, [0]).await;
    world.settled().await;
    let url = format!("http://{}", world.app().admin);
    let run = async |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crossconnect"));
        command.arg("destinations").args(words).args(["--url", &url]);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(
        run(&["pause", "tool", "--reason", "noon"]).await,
        (Some(0), "tool paused, 0 pending\n".into())
    );
    let (_, table) = run(&["list"]).await;
    let row = table.lines().nth(1).unwrap();
    assert!(row.starts_with("tool") && row.contains("paused") && row.contains("noon"), "{table}");
    assert_eq!(run(&["resume", "tool"]).await, (Some(0), "tool resumed, 0 pending\n".into()));
    let (code, text) = run(&["pause", "tol", "tool"]).await;
    assert_eq!(code, Some(1), "one of two failed");
    assert!(text.contains("did you mean `tool`?") && text.contains("tool paused"), "{text}");
    world.finish().await;
}
