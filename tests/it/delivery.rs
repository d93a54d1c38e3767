//! From a webhook to its receivers: routes, scripts, order, retries, replay, dry run.

use std::time::Duration;

use serde_json::json;

use crate::world::{World, change};

const CONFIG: &str = r#"
sources:
  lab: { adapter: generic, open: true }
destinations:
  tool: { url: "{receiver}/tool", sign: { scheme: none }, retry: [5s, 1m] }
routes:
  - { name: all, to: [tool] }
"#;

#[tokio::test]
async fn a_webhook_arrives_as_the_event_model() {
    let world = World::start(CONFIG).await;
    let answer = world.post("lab", &change("a", 1)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((&answer.body["status"], &answer.body["deliveries"]), (&json!("accepted"), &json!(1)));
    world.arrived(1).await;
    let got = &world.receiver.received()[0];
    assert_eq!((got.method.as_str(), got.path.as_str()), ("POST", "/tool"));
    assert!(got.header("webhook-id").starts_with("dlv_"));
    assert_eq!(got.json()["object"]["id"], "a");
    let ledger = world.finish().await;
    assert_eq!((ledger.accepted, ledger.delivered), (1, 1));
}

#[tokio::test]
async fn the_same_body_twice_is_delivered_once_and_named_by_its_first_receipt() {
    let world = World::start(CONFIG).await;
    let first = world.post("lab", &change("a", 1)).await;
    let second = world.post("lab", &change("a", 1)).await;
    assert_eq!(second.body, json!({"status": "duplicate", "receipt": first.body["receipt"]}));
    world.settled().await;
    assert_eq!(world.receiver.received().len(), 1);
    world.clock.advance(Duration::from_secs(24 * 3600 + 1));
    assert_eq!(world.post("lab", &change("a", 1)).await.body["status"], "accepted", "the window is over");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_concurrent_copies_one_is_accepted() {
    let world = World::start(CONFIG).await;
    let body = change("a", 1);
    let sends = (0..50).map(|_| world.post("lab", &body)).collect();
    let mut accepted = 0;
    for send in futures(sends).await {
        accepted += usize::from(send.body["status"] == "accepted");
    }
    assert_eq!(accepted, 1);
    let ledger = world.finish().await;
    assert_eq!(ledger.accepted, 1);
}

/// Drives all of them at once.
async fn futures<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(move |cx| {
        let mut ready = true;
        for (future, output) in &mut pending {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => ready = false,
                }
            }
        }
        if ready {
            std::task::Poll::Ready(pending.drain(..).map(|(_, output)| output.unwrap()).collect())
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn a_later_change_waits_for_the_earlier_one_and_other_objects_do_not() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|_, got| {
        let first_of_a = got.json()["object"]["id"] == "a" && got.json()["data"]["n"] == 1;
        if first_of_a { 500 } else { 200 }
    });
    world.post("lab", &change("a", 1)).await;
    world.arrived(1).await;
    world.post("lab", &change("a", 2)).await;
    world.post("lab", &change("b", 3)).await;
    world.arrived(2).await;
    let order = |world: &World| {
        let seen = world.receiver.received();
        seen.iter().map(|got| got.json()["data"]["n"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(order(&world), [1, 3], "b did not wait, a's second did");
    world.receiver.answer(|_, _| 200);
    world.clock.advance(Duration::from_secs(6));
    world.settled().await;
    assert_eq!(order(&world), [1, 3, 1, 2]);
    let ids: Vec<_> =
        world.receiver.received().iter().map(|got| got.header("webhook-id").to_owned()).collect();
    assert_eq!(ids[0], ids[2], "a retry keeps its id");
    world.finish().await;
}

#[tokio::test]
async fn after_the_last_attempt_a_delivery_is_dead_and_a_retry_revives_it() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|_, _| 503);
    world.post("lab", &change("a", 1)).await;
    for (attempts, wait) in [(1, 6), (2, 90)] {
        world.tried(attempts).await;
        world.clock.advance(Duration::from_secs(wait));
    }
    world.until("it is dead", async |world| world.ledger().await.dead == 1).await;
    let dead = world.admin("GET", "/api/v1/deliveries?state=dead").await.body;
    let id = dead["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(dead["items"][0]["last_class"], "http_5xx");
    let whole = world.admin("GET", &format!("/api/v1/deliveries/{id}")).await.body;
    assert_eq!(whole["attempts"].as_array().unwrap().len(), 3);
    assert!(whole["attempts"][0]["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()));
    world.receiver.answer(|_, _| 204);
    assert_eq!(world.admin("POST", &format!("/api/v1/deliveries/{id}/retry")).await.status, 200);
    let ledger = world.finish().await;
    assert_eq!((ledger.delivered, ledger.dead), (1, 0));
}

#[tokio::test]
async fn a_waiting_delivery_can_be_cancelled_and_frees_its_lane() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|n, _| if n == 0 { 500 } else { 200 });
    world.post("lab", &change("a", 1)).await;
    world.arrived(1).await;
    world.post("lab", &change("a", 2)).await;
    world
        .until("the first attempt is settled", async |world| {
            let list = world.admin("GET", "/api/v1/deliveries").await.body;
            list["items"].as_array().unwrap().iter().any(|item| item["attempts"] == 1)
        })
        .await;
    let list = world.admin("GET", "/api/v1/deliveries?state=pending").await.body;
    let first = list["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let answer = world.admin("POST", &format!("/api/v1/deliveries/{first}/cancel")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let ledger = world.finish().await;
    assert_eq!((ledger.delivered, ledger.cancelled), (1, 1));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|n, _| if n == 0 { 302 } else { 200 });
    world.post("lab", &change("a", 1)).await;
    world.tried(1).await;
    world.clock.advance(Duration::from_secs(6));
    world.settled().await;
    assert!(world.receiver.received().iter().all(|got| got.path == "/tool"));
    world.finish().await;
}

#[tokio::test]
async fn an_address_that_egress_does_not_allow_is_never_reached() {
    let world = World::start(CONFIG).await;
    let config = CONFIG.replace("{receiver}", &format!("http://localhost:{}", world.receiver.addr.port()));
    // `check` already refuses such a config; what counts is the look when connecting.
    world.reconfigure(&config, |config| config.egress.allow.clear());
    world.post("lab", &change("a", 1)).await;
    world
        .until("it was tried", async |world| {
            world.admin("GET", "/api/v1/deliveries").await.body["items"][0]["attempts"] == 1
        })
        .await;
    let list = world.admin("GET", "/api/v1/deliveries").await.body;
    assert_eq!(list["items"][0]["last_class"], "refused_address");
    assert!(world.receiver.received().is_empty());
    world.finish_with_pending(1).await;
}

const SCRIPTED: &str = r#"
sources:
  lab: { adapter: generic, open: true }
destinations:
  tool: { url: "{receiver}/tool", sign: { scheme: none } }
  other: { url: "{receiver}/other", sign: { scheme: none } }
routes:
  - { name: shaped, script: scripts/shape.rhai, to: [tool] }
  - { name: plain, to: [other] }
"#;

#[tokio::test]
async fn a_failing_script_fails_its_receipt_visibly_and_a_replay_after_the_fix_delivers_the_rest() {
    let broken = "fn transform(event) {\n  let x = event.data.n;\n  x.nothing_like_it()\n}\n";
    let mut world = World::start_with(SCRIPTED, &[("scripts/shape.rhai", broken)]).await;
    let answer = world.post("lab", &change("a", 1)).await;
    assert_eq!(answer.status, 200, "the sender would only throw it away: {answer:?}");
    let id = answer.body["receipt"].as_str().unwrap().to_owned();
    world.arrived(1).await;
    assert_eq!(world.receiver.received()[0].path, "/other", "the other route is not harmed");
    let shown = world.admin("GET", &format!("/api/v1/receipts/{id}")).await.body;
    assert_eq!(shown["status"], "failed");
    assert_eq!(shown["failure"]["stage"], "script");
    assert!(shown["failure"]["place"].as_str().unwrap().starts_with("scripts/shape.rhai:3:"), "{shown}");
    let fixed = "fn transform(event) { #{ n: event.data.n } }";
    crate::world::write(&world.dir.path().join("scripts/shape.rhai"), fixed);
    world.restart(SCRIPTED).await;
    let replayed = world.admin("POST", &format!("/api/v1/receipts/{id}/replay")).await;
    assert_eq!((replayed.status, &replayed.body["deliveries"]), (200, &json!(1)), "{replayed:?}");
    world.settled().await;
    let got = world.receiver.received();
    assert_eq!((got.len(), got[1].path.as_str(), got[1].json()), (2, "/tool", json!({"n": 1})));
    let shown = world.admin("GET", &format!("/api/v1/receipts/{id}")).await.body;
    assert_eq!(shown["status"], "processed");
    world.finish().await;
}

#[tokio::test]
async fn a_body_the_adapter_cannot_map_is_kept_as_failed_with_the_reason() {
    let config = "sources:\n  nb: { adapter: netbox, open: true }\n";
    let world = World::start(config).await;
    let answer = world.post("nb", &json!({"hello": 1})).await;
    assert_eq!(answer.status, 200);
    let list = world.admin("GET", "/api/v1/receipts?status=failed").await.body;
    assert_eq!(list["items"][0]["id"], answer.body["receipt"]);
    assert!(list["items"][0]["reason"].as_str().unwrap().contains("event"), "{list}");
    world.finish().await;
}

#[tokio::test]
async fn explain_tells_which_condition_of_which_route_said_no_and_with_which_value() {
    let config = CONFIG.replace("to: [tool]", "when: { action: [deleted] }, to: [tool]");
    let world = World::start(&config).await;
    let id = world.post("lab", &change("a", 1)).await.body["receipt"].as_str().unwrap().to_owned();
    let shown = world.admin("GET", &format!("/api/v1/receipts/{id}")).await.body;
    let steps = shown["explain"].as_array().unwrap();
    let route = steps.iter().find(|step| step["step"] == "route all").unwrap();
    assert_eq!(route["verdict"], "unmatched");
    let detail = route["detail"].as_str().unwrap();
    assert!(
        detail.contains("action") && detail.contains("deleted") && detail.contains("updated"),
        "{detail}"
    );
    let ledger = world.finish().await;
    assert_eq!(ledger.unmatched, 1);
}

#[tokio::test]
async fn redacted_fields_are_neither_stored_nor_sent_and_still_count_as_changed() {
    let config = r#"
sources:
  nb: { adapter: netbox, open: true, redact: ["$.data.custom_fields.password"] }
destinations:
  tool: { url: "{receiver}/tool", sign: { scheme: none } }
  copy: { url: "{receiver}/copy", format: native, sign: { scheme: none } }
routes:
  - { name: all, when: { changed: [custom_fields] }, to: [tool, copy] }
"#;
    let world = World::start(config).await;
    let body = json!({
        "event": "updated", "timestamp": "2026-11-22T05:34:01.753405+00:00", "object_type": "dcim.device",
        "data": {"id": 1, "url": "/api/dcim/devices/1/", "name": "sw1", "custom_fields": {"password": "new-hush"}},
        "request": {"id": "r1", "user": "ann"},
        "snapshots": {
            "prechange": {"name": "sw1", "custom_fields": {"password": "old-hush"}},
            "postchange": {"name": "sw1", "custom_fields": {"password": "new-hush"}},
        },
    });
    let id = world.post("nb", &body).await.body["receipt"].as_str().unwrap().to_owned();
    world.settled().await;
    let replayed = world.admin("POST", &format!("/api/v1/receipts/{id}/replay")).await;
    assert_eq!(replayed.body["deliveries"], 2, "the change is still seen on replay");
    world.settled().await;
    let got = world.receiver.received();
    assert_eq!(got.len(), 4);
    assert!(got.iter().all(|got| !String::from_utf8_lossy(&got.body).contains("hush")));
    let event = got.iter().find(|got| got.path == "/tool").unwrap().json();
    let change = json!([{"field": "custom_fields.password", "from": "***", "to": "***"}]);
    assert_eq!(event["changes"], change);
    for file in std::fs::read_dir(world.dir.path()).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(4).any(|four| four == b"hush"), "{}", path.display());
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn a_dry_run_shows_the_requests_and_sends_nothing() {
    let world = World::start(CONFIG).await;
    let rules =
        crossconnect::rules::Rules::load(world.dir.path().join("config.yaml").to_str().unwrap()).unwrap();
    let request = crossconnect::admin::Try {
        source: "lab".to_owned(),
        method: "POST".to_owned(),
        headers: Vec::new(),
        body: change("a", 1).to_string().into(),
        sign: false,
        ask: true,
        lookups: std::collections::HashMap::new(),
    };
    let (clock, now) = (std::sync::Arc::new(crossconnect::clock::SystemClock), crate::world::start_of_time());
    let lookups = crossconnect::lookup::Lookups::new(clock);
    let trial = crossconnect::app::trial::run(&rules.into(), request, &lookups, now).await.unwrap();
    assert_eq!(trial["requests"][0]["url"], json!(world.receiver.url("/tool")));
    assert_eq!(trial["routes"][0]["decision"], "routed");
    assert!(world.receiver.received().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_dry_run_makes_lookups_or_takes_what_it_is_given() {
    let world = World::start(CONFIG).await;
    world.receiver.answer(|_, _| 503);
    let config = format!(
        "egress: {{ allow: [127.0.0.0/8] }}\nsources: {{ lab: {{ adapter: generic, open: true }} }}\n\
         lookups: {{ site: {{ url: '{}?id={{{{ event.object.id }}}}' }} }}\n\
         destinations: {{ tool: {{ url: 'https://tool.example/', sign: none, body_template: '{{{{ lookup.site.name }}}}' }} }}\n\
         routes: [{{ name: all, lookups: [site], to: tool }}]\n",
        world.receiver.url("/sites")
    );
    let rules = crossconnect::rules::Rules::from_text("config.yaml", &config, &|_| None);
    let rules = std::sync::Arc::new(rules.unwrap_or_else(|problems| panic!("{problems:#?}")));
    let tried = async |ask: bool, known: &[(&str, serde_json::Value)]| {
        let request = crossconnect::admin::Try {
            source: "lab".to_owned(),
            method: "POST".to_owned(),
            headers: Vec::new(),
            body: change("a", 1).to_string().into(),
            sign: false,
            ask,
            lookups: known
                .iter()
                .map(|(name, value)| {
                    ((*name).to_owned(), crossconnect::model::Json::from(value.clone()).into())
                })
                .collect(),
        };
        let lookups =
            crossconnect::lookup::Lookups::new(std::sync::Arc::new(crossconnect::clock::SystemClock));
        crossconnect::app::trial::run(&rules, request, &lookups, crate::world::start_of_time())
            .await
            .map(serde_json::Value::from)
    };
    let trial = tried(true, &[]).await.unwrap();
    assert_eq!(
        (&trial["routes"][0]["decision"], &trial["lookups"][0]["status"]),
        (&json!("deferred"), &json!(503))
    );
    assert_eq!(world.receiver.received().len(), 1);
    let trial = tried(false, &[]).await.unwrap();
    assert_eq!((&trial["routes"][0]["decision"], &trial["lookups"]), (&json!("deferred"), &json!([])));
    let trial = tried(true, &[("site", json!({"name": "fra1"}))]).await.unwrap();
    assert_eq!(
        (&trial["requests"][0]["body"], &trial["lookups"][0]["name"]),
        (&json!("fra1"), &json!("site"))
    );
    assert_eq!(
        tried(true, &[("sit", json!(1))]).await.unwrap_err(),
        "there is no lookup `sit`; did you mean `site`?"
    );
    assert_eq!(world.receiver.received().len(), 1);
    world.receiver.answer(|_, _| 200);
    world.finish().await;
}

#[tokio::test]
async fn what_was_accepted_survives_a_restart() {
    let mut world = World::start(CONFIG).await;
    world.receiver.answer(|_, _| 500);
    world.post("lab", &change("a", 1)).await;
    world.arrived(1).await;
    world
        .until("the failure is settled", async |world| {
            world.admin("GET", "/api/v1/deliveries").await.body["items"][0]["attempts"] == 1
        })
        .await;
    world.restart(CONFIG).await;
    world.receiver.answer(|_, _| 200);
    world.clock.advance(Duration::from_secs(6));
    let ledger = world.finish().await;
    assert_eq!(ledger.delivered, 1);
}
