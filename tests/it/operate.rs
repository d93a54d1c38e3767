//! What an operator does to a running gateway, and what the admin API shows of it.

use serde_json::{Value, json};

use crate::world::World;

const CONFIG: &str = r#"
sources:
  lab: { adapter: generic, open: true }
destinations:
  tool: { url: "{receiver}/tool?token=hunter2&x=1", sign: { scheme: none }, retry: [] }
routes:
  - { name: all, to: [tool] }
"#;

fn change(id: &str, n: u64) -> Value {
    json!({"type": "lab.thing.updated", "object": {"kind": "thing", "id": id}, "data": {"n": n}})
}

#[tokio::test]
async fn a_retry_of_many_sends_the_earlier_change_of_an_object_first() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|_, _| 500);
    for n in 0..20 {
        world.post("lab", &change("a", n)).await;
    }
    world.until("all are dead", async |world| world.ledger().await.dead == 20).await;
    world.receiver.answer(|_, _| 200);
    let refused = world.steer("/api/v1/deliveries/retry", &json!({"limit": 1})).await;
    assert_eq!(refused.status, 400, "a limit is not ignored: {refused:?}");
    let answer = world.steer("/api/v1/deliveries/retry", &json!({"destination": "tool"})).await;
    assert_eq!(answer.body, json!({"retried": 20}));
    world.settled().await;
    let seen = world.receiver.received();
    let order: Vec<_> = seen[20..].iter().map(|got| got.json()["data"]["n"].as_u64().unwrap()).collect();
    assert_eq!(order, (0..20).collect::<Vec<_>>());
    assert_eq!(world.finish().await.delivered, 20);
}
