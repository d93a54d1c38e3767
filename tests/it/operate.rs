//! What an operator does to a running gateway, and what the admin API shows of it.

use serde_json::json;

use crate::world::{World, change};

const CONFIG: &str = r#"
sources:
  lab: { adapter: generic, open: true }
destinations:
  tool: { url: "{receiver}/tool?token=hunter2&x=1", sign: { scheme: none }, retry: [], breaker: off }
routes:
  - { name: all, to: [tool] }
"#;

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

#[tokio::test]
async fn what_holds_a_credential_is_shown_by_name_only() {
    let script =
        r#"fn transform(event) { message("x").header("X-Api-Key", "hunter2").header("X-Team", "net") }"#;
    let config = CONFIG.replace("to: [tool]", "script: scripts/a.rhai, to: [tool]");
    let world = World::start_with(&config, &[("scripts/a.rhai", script)]).await;
    let headers = [("x-vault-token", "hunter2"), ("x-team", "net"), ("idempotency-key", "k1")];
    let body = change("a", 1).to_string();
    let answer = world.send("POST", "/hooks/lab?access_token=hunter2&y=2", &headers, body).await;
    world.settled().await;
    let receipt = answer.body["receipt"].as_str().unwrap();
    let receipt = world.admin("GET", &format!("/api/v1/receipts/{receipt}")).await.body;
    let delivery = receipt["deliveries"][0]["id"].as_str().unwrap();
    let delivery = world.admin("GET", &format!("/api/v1/deliveries/{delivery}")).await.body;
    let destinations = world.admin("GET", "/api/v1/destinations").await.body;
    for shown in [&receipt, &delivery, &destinations] {
        assert!(!shown.to_string().contains("hunter2"), "{shown:#}");
    }
    assert_eq!(receipt["dedupe"], "idempotency-key:k1");
    assert_eq!(receipt["request"]["query"], "access_token=[redacted]&y=2");
    let said = delivery["headers"].as_array().unwrap();
    assert_eq!(said[..2], [json!(["X-Api-Key", "[redacted]"]), json!(["X-Team", "net"])]);
    let got = world.receiver.received().remove(0);
    assert_eq!(got.header("x-api-key"), "hunter2", "what is hidden is sent all the same");
    world.finish().await;
}

#[tokio::test]
async fn a_replay_redacts_what_was_stored_before_it_had_to_be() {
    let config = CONFIG.replace("retry: []", "format: native");
    let world = World::start(&config).await;
    let body = json!({"type": "lab.thing.updated", "object": {"kind": "thing", "id": "a"},
        "before": {"pw": "hunter1"}, "after": {"pw": "hunter2"}, "data": {"pw": "hunter2"}});
    let receipt = world.post("lab", &body).await.body["receipt"].as_str().unwrap().to_owned();
    world.arrived(1).await;
    let redact = "open: true, redact: [\"$.before.pw\", \"$.after.pw\", \"$.data.pw\"]";
    world.reconfigure(&config.replace("open: true", redact), |_| {});
    world.admin("POST", &format!("/api/v1/receipts/{receipt}/replay")).await;
    world.arrived(2).await;
    let sent = world.receiver.received()[1].json();
    assert_eq!(sent["data"]["pw"], "***", "{sent}");
    let shown = world.admin("GET", &format!("/api/v1/receipts/{receipt}")).await.body;
    let change = json!([{"field": "pw", "from": "***", "to": "***"}]);
    assert_eq!(shown["events"][0]["event"]["changes"], change, "a redacted field still counts as changed");
    world.finish().await;
}

#[tokio::test]
async fn the_replay_of_a_failed_receipt_asks_again_the_routes_that_sent_nothing() {
    let two = |kind: &str| {
        let routes = format!(
            "routes:\n  - {{ name: sent, to: [tool] }}\n  - {{ name: kinds, when: {{ kind: {kind} }}, to: [tool] }}\n  \
             - {{ name: broken, script: scripts/a.rhai, to: [tool] }}\n"
        );
        CONFIG.replace("routes:\n  - { name: all, to: [tool] }\n", &routes)
    };
    let script = "fn transform(event) { throw \"not yet\" }";
    let world = World::start_with(&two("other"), &[("scripts/a.rhai", script)]).await;
    let receipt = world.post("lab", &change("a", 1)).await.body["receipt"].as_str().unwrap().to_owned();
    world.arrived(1).await;
    crate::world::write(&world.dir.path().join("scripts/a.rhai"), "fn transform(event) { #{fixed: true} }");
    world.reconfigure(&two("thing"), |_| {});
    let answer = world.admin("POST", &format!("/api/v1/receipts/{receipt}/replay")).await;
    assert_eq!(answer.body["deliveries"], 2, "of `kinds`, whose condition was mended, and of `broken`");
    world.settled().await;
    assert_eq!(world.receiver.received().len(), 3, "`sent` was not sent again");
    world.finish().await;
}

#[tokio::test]
async fn refusals_of_the_admin_api_are_problem_documents_too() {
    let world = World::start(CONFIG).await;
    for (method, path, status, code) in [
        ("DELETE", "/api/v1/receipts", 405, "method_not_allowed"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v1/receipts/rct_00000000000000000000000000000000", 404, "not_found"),
        ("GET", "/api/v1/receipts/nothing", 400, "bad_request"),
        ("GET", "/api/v1/receipts?sauce=lab", 400, "bad_request"),
        ("POST", "/api/v1/deliveries/retry", 400, "bad_request"),
    ] {
        let answer = world.admin(method, path).await;
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{method} {path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{method} {path}");
        assert_eq!(answer.headers.contains_key("allow"), status == 405, "{method} {path}");
    }
    world.finish().await;
}
