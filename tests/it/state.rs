//! When nothing can be made durable, nobody is told that it was.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::world::World;

const CONFIG: &str = "sources: { lab: { adapter: generic, open: true } }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_answers_503_and_recovers_by_itself() {
    let world = World::start(CONFIG).await;
    assert_eq!(world.post("lab", &json!({"n": 1})).await.status, 200);
    let other = Connection::open(world.dir.path().join("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = world.post("lab", &json!({"n": 2})).await;
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("state_unavailable")));
    assert!(answer.headers.contains_key("retry-after"));
    let ready = world.send("GET", "/readyz", &[], "").await;
    assert_eq!(ready.status, 503);
    other.execute_batch("ROLLBACK").unwrap();
    world
        .until("it is ready again", async |world| world.send("GET", "/readyz", &[], "").await.status == 200)
        .await;
    assert_eq!(
        world.post("lab", &json!({"n": 2})).await.body["status"],
        "accepted",
        "it was not kept before"
    );
    assert_eq!(world.finish().await.accepted, 2);
}

#[tokio::test]
async fn probes_answer_while_the_gateway_lives() {
    let world = World::start(CONFIG).await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(world.send("GET", path, &[], "").await.status, 200);
        assert_eq!(world.admin("GET", path).await.status, 200);
    }
    world.finish().await;
}

#[tokio::test]
async fn what_is_finished_and_old_is_deleted_and_the_ledger_still_adds_up() {
    let world = World::start(CONFIG).await;
    for n in 0..20 {
        world.post("lab", &json!({"n": n})).await;
    }
    world.clock.advance(Duration::from_secs(8 * 24 * 3600));
    world
        .until("old receipts are gone", async |world| {
            world.admin("GET", "/api/v1/receipts").await.body["items"] == json!([])
        })
        .await;
    assert_eq!(world.finish().await.accepted, 20);
}
