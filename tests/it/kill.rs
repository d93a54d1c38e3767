//! kill -9 at random moments: every receipt answered 200 is delivered, in lane order, and what
//! arrives twice can only be an attempt that was under way.
//!
//! The long run is the same test with more of everything:
//! `CROSSCONNECT_KILL_WEBHOOKS=20000 cargo test --test it kill_9`

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use crate::process::{Gateway, Http, free_port, http, post_until_taken, settled};
use crate::receiver::{Received, Receiver};
use crate::world::write;

const OBJECTS: usize = 40;
const IN_FLIGHT: usize = 16;

/// Sends the changes of one object one after the other, each until it is answered 200.
async fn sender(http: Http, url: String, object: usize, changes: usize, acked: Arc<AtomicUsize>) {
    for n in 1..=changes {
        let body = json!({"type": "lab.thing.updated", "object": {"kind": "thing", "id": object.to_string()}, "data": {"n": n}});
        let body = Bytes::from(body.to_string());
        post_until_taken(&http, &url, &[], &body).await;
        acked.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_and_keeps_the_order() {
    let webhooks: usize =
        std::env::var("CROSSCONNECT_KILL_WEBHOOKS").map_or(1200, |count| count.parse().unwrap());
    let changes = webhooks.div_ceil(OBJECTS);
    let receiver = Receiver::start().await;
    // Fails a third of its answers, in no pattern that follows the lanes.
    receiver.answer(|n, _| if (n * 7919 + n / 3) % 3 == 0 { 500 } else { 200 });
    let dir = tempfile::tempdir().unwrap();
    let (ingress, admin) = (free_port(), free_port());
    let waits = vec!["30ms"; 60].join(", ");
    let url = receiver.url("/tool");
    let config = dir.path().join("config.yaml");
    write(
        &config,
        &format!(
            "ingress: {{ listen: 127.0.0.1:{ingress} }}\nadmin: {{ listen: 127.0.0.1:{admin} }}\n\
             state: sqlite:state.db\negress: {{ allow: [127.0.0.0/8] }}\n\
             sources: {{ lab: {{ adapter: generic, open: true }} }}\n\
             destinations:\n  tool: {{ url: \"{url}\", sign: {{ scheme: none }}, in_flight: {IN_FLIGHT}, breaker: off, retry: [{waits}] }}\n\
             routes: [{{ name: all, to: [tool] }}]\n"
        ),
    );
    let mut gateway = Gateway::spawn(&config);
    let http = http();
    let acked = Arc::new(AtomicUsize::new(0));
    let total = changes * OBJECTS;
    let hook = format!("http://127.0.0.1:{ingress}/hooks/lab");
    let senders: Vec<_> = (0..OBJECTS)
        .map(|object| tokio::spawn(sender(http.clone(), hook.clone(), object, changes, acked.clone())))
        .collect();

    let mut kills = 0;
    while acked.load(Ordering::Relaxed) < total {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(100..900))).await;
        gateway.kill_and_restart();
        kills += 1;
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let ledger = settled(&http, admin).await;
    assert_eq!(ledger["pending"], 0, "after {kills} kills: {ledger}");
    assert_eq!((&ledger["accepted"], &ledger["delivered"]), (&json!(total), &json!(total)), "{ledger}");
    check(&receiver.received(), changes, kills);
    println!("{total} webhooks, {kills} kills, {} attempts", receiver.received().len());
}

fn check(received: &[Received], changes: usize, kills: usize) {
    let mut lanes: HashMap<String, Vec<(u64, u16, String)>> = HashMap::new();
    for got in received {
        let event = got.json();
        let object = event["object"]["id"].as_str().unwrap().to_owned();
        let n = event["data"]["n"].as_u64().unwrap();
        lanes.entry(object).or_default().push((n, got.status, got.header("webhook-id").to_owned()));
    }
    assert_eq!(lanes.len(), OBJECTS);
    let mut doubled = 0;
    for (object, attempts) in lanes {
        let mut last = (0, String::new());
        let mut delivered = 0;
        for (n, status, id) in attempts {
            assert!(n >= last.0, "object {object}: change {n} left after change {}", last.0);
            if n > last.0 {
                assert_eq!(
                    delivered, last.0,
                    "object {object}: change {n} left before change {} was done",
                    last.0
                );
                assert_eq!(n, last.0 + 1, "object {object}: a change is missing before {n}");
            } else {
                assert_eq!(id, last.1, "object {object}: an attempt of change {n} had another id");
            }
            if status == 200 {
                doubled += usize::from(delivered == n);
                delivered = n;
            }
            last = (n, id);
        }
        assert_eq!(delivered, changes as u64, "object {object}");
    }
    assert!(doubled <= kills * IN_FLIGHT, "{doubled} doubled deliveries after {kills} kills");
}
