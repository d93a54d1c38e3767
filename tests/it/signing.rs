//! What leaves is signed so that the receivers' own libraries accept it.

use std::time::Duration;

use crossconnect::clock::Clock as _;
use crossconnect::secret::Secret;
use crossconnect::signature::{KeyPair, Scheme, Verifier};
use http::HeaderMap;
use serde_json::json;
use standardwebhooks::Webhook;

use crate::corpus;
use crate::world::World;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_independent_library_accepts_every_delivery() {
    let waits = ["5s"; 20].join(", ");
    let config = format!(
        r#"
sources:
  netbox: {{ adapter: netbox, open: true }}
  infrahub: {{ adapter: infrahub, open: true }}
  datagerry: {{ adapter: datagerry, open: true }}
destinations:
  event: {{ url: "{{receiver}}/event", sign: {{ secrets: ["{SECRET}", an-older-one] }}, in_flight: 8, retry: [{waits}] }}
  native: {{ url: "{{receiver}}/native", format: native, sign: {{ secrets: ["{SECRET}"] }}, in_flight: 8, retry: [{waits}] }}
routes: [{{ name: all, to: [event, native] }}]
"#
    );
    let world = World::start(&config).await;
    // The library judges timestamps by the machine's clock.
    world.clock.set(jiff::Timestamp::now());
    // Fails now and then, so that fresh timestamps of later attempts are seen too.
    world.receiver.answer(|n, _| if n % 7 == 3 { 500 } else { 200 });
    let mut deliveries = 0;
    for record in corpus::all() {
        let scenario = record.text("scenario");
        if scenario == "negative" || record.expect("body_is_json") == &json!(false) {
            continue;
        }
        let path = format!("/hooks/{}", record.text("sender"));
        let answer = world.send("POST", &path, &[], record.body.clone()).await;
        if answer.status == 200 {
            deliveries += answer.body["deliveries"].as_u64().unwrap_or(0);
        }
    }
    assert!(deliveries > 500, "{deliveries}");
    let mut waited = Duration::ZERO;
    while world.ledger().await.pending > 0 {
        assert!(waited < Duration::from_secs(60), "{:?}", world.ledger().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
        // Retries are due five seconds later; the library's tolerance is five minutes.
        world.clock.set(jiff::Timestamp::now() + Duration::from_secs(30) + waited);
        waited += Duration::from_millis(50);
    }
    let webhook = Webhook::new(SECRET).unwrap();
    let received = world.receiver.received();
    for got in &received {
        let mut headers = HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, got.headers[name].clone());
        }
        webhook.verify(&got.body, &headers).unwrap_or_else(|error| panic!("{error}: {got:?}"));
    }
    assert!(received.len() as u64 > deliveries, "retries are among them");
    world.finish().await;
}

#[tokio::test]
async fn native_deliveries_are_the_senders_own_bytes() {
    let config = r#"
sources: { netbox: { adapter: netbox, secrets: [netbox-s3cret] } }
destinations: { tool: { url: "{receiver}/tool", format: native, sign: { scheme: netbox, secrets: [other] } } }
routes: [{ name: all, to: [tool] }]
"#;
    let world = World::start(config).await;
    let records = corpus::all();
    let records = records
        .iter()
        .filter(|record| record.text("path") == "/hooks/netbox" && record.text("scenario") == "sites");
    for record in records.clone() {
        let headers = record.headers();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(world.send("POST", "/hooks/netbox", &headers, record.body.clone()).await.status, 200);
    }
    world.settled().await;
    let sent: Vec<_> = records.map(|record| record.body.clone()).collect();
    let received = world.receiver.received();
    assert_eq!(received.len(), sent.len());
    assert!(received.iter().all(|got| sent.iter().any(|body| body[..] == got.body[..])));
    assert!(received.iter().all(|got| got.header("x-hook-signature").len() == 128));
    world.finish().await;
}

#[tokio::test]
async fn who_holds_only_the_public_key_can_verify_and_cannot_sign() {
    let (old, new) = (KeyPair::from_seed([1; 32]), KeyPair::from_seed([2; 32]));
    let config = format!(
        r#"
sources:
  lab: {{ adapter: generic, open: true }}
  next: {{ adapter: generic, sign: standard-webhooks-ed25519, secrets: [{}] }}
destinations:
  next: {{ url: "{{receiver}}/", sign: {{ scheme: standard-webhooks-ed25519, secrets: [{}, {}] }} }}
routes: [{{ name: on, from: lab, to: next }}]
"#,
        old.public,
        new.secret.expose(),
        old.secret.expose()
    );
    let world = World::start(&config).await;
    assert_eq!(world.post("lab", &crate::world::change("1", 1)).await.status, 200);
    world.settled().await;
    let got = &world.receiver.received()[0];
    let verifier = |public: &str| Verifier {
        scheme: Scheme::StandardWebhooksEd25519,
        secrets: vec![Secret::new(public)],
        tolerance: None,
        variants: Vec::new(),
    };
    for public in [&new.public, &old.public] {
        assert!(verifier(public).verify(&got.headers, &got.body, world.clock.now()).is_ok());
    }
    let headers =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| (name, got.header(name)));
    let forged = got.body.iter().chain(b" ").copied().collect::<Vec<u8>>();
    assert_eq!(world.send("POST", "/hooks/next", &headers, forged).await.status, 401);
    assert_eq!(world.send("POST", "/hooks/next", &headers, got.body.clone()).await.status, 200);
    world.finish().await;
}
