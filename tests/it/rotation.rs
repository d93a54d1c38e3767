//! Secrets that end while the gateway runs.

use std::time::Duration;

use crossconnect::secret::Secret;
use crossconnect::signature::{Scheme, Signer};
use serde_json::json;

use crate::world::{World, change};

const CONFIG: &str = r#"
sources: { lab: { adapter: generic, sign: github, secrets: [new, { secret: old, until: 2026-11-22T08:00:00Z }] } }
destinations:
  tool: { url: "{receiver}/", sign: { scheme: github, secrets: [{ secret: first, until: 2026-11-22T08:00:00Z }, then] } }
routes: [{ name: all, to: tool }]
"#;

fn signature(secret: &str, body: &[u8]) -> String {
    let signer = Signer { scheme: Scheme::Github, secrets: vec![Secret::new(secret)] };
    signer.sign("id", 0, body).into_iter().find(|(name, _)| name == "X-Hub-Signature-256").unwrap().1
}

#[tokio::test]
async fn from_its_instant_on_a_secret_neither_proves_nor_signs() {
    let world = World::start(CONFIG).await;
    let send = async |secret: &str, n: u64| {
        let body = change("1", n).to_string();
        let signature = signature(secret, body.as_bytes());
        world.send("POST", "/hooks/lab", &[("x-hub-signature-256", &signature)], body).await
    };
    let signed_by = |place: usize, secret: &str| {
        let got = &world.receiver.received()[place];
        assert_eq!(got.header("x-hub-signature-256"), signature(secret, &got.body), "{place}");
    };
    world.clock.advance(Duration::from_secs(3599));
    assert_eq!(send("old", 1).await.status, 200);
    world.settled().await;
    signed_by(0, "first");
    world.clock.advance(Duration::from_secs(1));
    let late = send("old", 2).await;
    let wrong = send("wrong", 3).await;
    assert_eq!((late.status, &late.body["code"]), (401, &json!("not_verified")));
    assert_eq!(late.body, wrong.body, "the sender learns nothing");
    let metrics = world.admin("GET", "/metrics").await.body;
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains(r#"cause="expired""#), "{metrics}");
    assert_eq!(send("new", 4).await.status, 200);
    world.settled().await;
    signed_by(1, "then");
    world.finish().await;
}

#[tokio::test]
async fn an_attempt_is_signed_with_what_holds_when_it_leaves() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|n, _| if n == 0 { 500 } else { 200 });
    let body = change("1", 1).to_string();
    let headers = [("x-hub-signature-256", &*signature("new", body.as_bytes()))];
    assert_eq!(world.send("POST", "/hooks/lab", &headers, body).await.status, 200);
    world.tried(1).await;
    world.clock.advance(Duration::from_secs(2 * 3600));
    world.settled().await;
    let received = world.receiver.received();
    let signatures: Vec<&str> = received.iter().map(|got| got.header("x-hub-signature-256")).collect();
    assert_eq!(signatures, [signature("first", &received[0].body), signature("then", &received[0].body)]);
    world.finish().await;
}
