//! Every preset against its receiver, played from the receiver's documentation.

mod checks;
mod refusals;

use std::sync::{Arc, Mutex};

use crate::corpus;
use crate::receiver::Received;
use crate::world::{Receiver, World};
use checks::{
    AWX_KEY, Awx, EDA_SECRET, GITLAB_TOKEN, JENKINS_TOKEN, KRITEN_SECRET, ROUTING_KEY, SEMAPHORE_SECRET,
    Verdict,
};

/// What an operator adds to each preset.
fn destinations() -> Vec<(&'static str, String)> {
    vec![
        ("slack", "url: '{receiver}/slack/T/B/X'".to_owned()),
        ("teams", "url: '{receiver}/teams/invoke?sig=x'".to_owned()),
        ("awx", format!("url: '{{receiver}}/awx/7/github/', sign: {{ secrets: ['{AWX_KEY}'] }}")),
        ("eda", format!("url: '{{receiver}}/eda', sign: {{ secrets: ['{EDA_SECRET}'] }}")),
        (
            "kriten",
            format!(
                "url: '{{receiver}}/api/v1/webhooks/run/6f1d52c4-0cf5-4e0d-9ab4-b4b3e0a4c0de', \
                 sign: {{ secrets: ['{KRITEN_SECRET}', older] }}"
            ),
        ),
        (
            "servicenow",
            "url: '{receiver}/api/now/table/incident', headers: { Authorization: Basic dXNlcjpwYXNz }"
                .to_owned(),
        ),
        (
            "gitlab",
            format!(
                "url: '{{receiver}}/api/v4/projects/9/ref/main/trigger/pipeline?token=tr1gger', \
                 sign: {{ secrets: ['{GITLAB_TOKEN}'] }}"
            ),
        ),
        (
            "github",
            "url: '{receiver}/repos/example/network/dispatches', headers: { Authorization: Bearer gh-tok3n }"
                .to_owned(),
        ),
        (
            "jenkins",
            format!(
                "url: '{{receiver}}/generic-webhook-trigger/invoke', headers: {{ token: {JENKINS_TOKEN} }}"
            ),
        ),
        ("semaphore", format!("url: '{{receiver}}/semaphore', sign: {{ secrets: ['{SEMAPHORE_SECRET}'] }}")),
        ("pagerduty", format!("url: '{{receiver}}/v2/enqueue', secrets: {{ routing_key: {ROUTING_KEY} }}")),
    ]
}

/// A gateway with some of the presets. The pace that they keep is a real clock's.
fn config(names: &[&str]) -> String {
    let mut text = "sources:\n".to_owned();
    for adapter in ["netbox", "infrahub", "datagerry"] {
        text.push_str(&format!("  {adapter}: {{ adapter: {adapter}, open: true }}\n"));
    }
    text.push_str("  lab: { adapter: generic, open: true }\ndestinations:\n");
    for (name, keys) in destinations().iter().filter(|(name, _)| names.contains(name)) {
        text.push_str(&format!(
            "  {name}: {{ preset: {name}, {keys}, rate: 100000/s, in_flight: 8, retry: [5s, 5s] }}\n"
        ));
    }
    text.push_str(&format!("routes: [{{ name: all, to: [{}] }}]\n", names.join(", ")));
    text
}

/// What the receiver behind a path says.
fn verdict(awx: &Awx, got: &Received) -> Verdict {
    match got.path.as_str() {
        path if path.starts_with("/slack/") => checks::slack(got),
        path if path.starts_with("/teams/") => checks::teams(got),
        path if path.starts_with("/awx/") => awx.take(got),
        path if path.starts_with("/eda") => checks::eda(got),
        path if path.starts_with("/api/v1/") => checks::kriten(got),
        path if path.starts_with("/api/now/") => checks::servicenow(got),
        path if path.starts_with("/api/v4/") => checks::gitlab(got),
        path if path.starts_with("/repos/") => checks::github(got),
        path if path.starts_with("/generic-") => checks::jenkins(got),
        path if path.starts_with("/semaphore") => checks::semaphore(got),
        path if path.starts_with("/v2/") => checks::pagerduty(got),
        other => Err(format!("nobody listens at {other}")),
    }
}

/// Lets the receivers answer, and notes what they refuse.
fn play(receiver: &Receiver) -> Arc<Mutex<Vec<String>>> {
    let refused: Arc<Mutex<Vec<String>>> = Arc::default();
    let (awx, noted) = (Awx::default(), refused.clone());
    receiver.answer(move |_, got| match verdict(&awx, got) {
        Ok(status) => status,
        Err(why) => {
            noted.lock().unwrap().push(format!(
                "{}: {why}\n{}",
                got.path,
                String::from_utf8_lossy(&got.body)
            ));
            400
        }
    });
    refused
}

/// Waits for the end, or for the first refusal.
async fn nothing_refused(world: &World, refused: &Mutex<Vec<String>>) {
    let done = async |world: &World| !refused.lock().unwrap().is_empty() || world.ledger().await.pending == 0;
    world.until("everything is accepted or something is refused", done).await;
    let refused = refused.lock().unwrap().clone();
    assert!(refused.is_empty(), "{} refused, such as {}", refused.len(), refused[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_receiver_accepts_what_its_preset_makes_of_every_capture() {
    let destinations = destinations();
    let names: Vec<&str> = destinations.iter().map(|(name, _)| *name).collect();
    let world = World::start(&config(&names)).await;
    let refused = play(&world.receiver);
    let mut deliveries = 0;
    for record in corpus::all() {
        if record.text("scenario") == "negative" || record.expect("body_is_json") == &serde_json::json!(false)
        {
            continue;
        }
        let path = format!("/hooks/{}", record.text("sender"));
        let answer = world.send("POST", &path, &[], record.body.clone()).await;
        if answer.status == 200 {
            deliveries += answer.body["deliveries"].as_u64().unwrap_or(0);
        }
    }
    assert!(deliveries > 250 * names.len() as u64, "{deliveries}");
    nothing_refused(&world, &refused).await;
    assert_eq!(world.receiver.received().len() as u64, deliveries);
    assert_eq!(world.finish().await.dead, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn awkward_events_are_accepted_as_well() {
    let destinations = destinations();
    let names: Vec<&str> = destinations.iter().map(|(name, _)| *name).collect();
    let world = World::start(&config(&names)).await;
    let refused = play(&world.receiver);
    let long = "😀\"\\<&>'\u{1}\n".repeat(3000);
    let changes: Vec<_> = (0..300)
        .map(|n| serde_json::json!({"field": format!("f{n}{}", &long[..4]), "from": long[..400], "to": {"a": [n, null, 1.5]}}))
        .collect();
    let events = [
        serde_json::json!({"type": "lab.thing.updated", "object": {"kind": "thing", "id": "1", "name": long}, "data": {"n": long},
            "changes": changes, "actor": {"name": long}}),
        serde_json::json!({"type": "lab.thing.deleted", "object": {"kind": "thing", "id": "2"}}),
        serde_json::json!({"type": "lab.pulse", "data": {}}),
        serde_json::json!({"type": format!("lab.{}", "x".repeat(5000)), "data": [1, 2]}),
    ];
    for event in &events {
        let answer = world.post("lab", event).await;
        assert_eq!(
            (answer.status, &answer.body["deliveries"]),
            (200, &serde_json::json!(11)),
            "{}",
            answer.body
        );
    }
    nothing_refused(&world, &refused).await;
    assert_eq!(world.receiver.received().len(), events.len() * names.len());
    world.finish().await;
}

#[tokio::test]
async fn a_retry_has_the_same_guid_so_that_awx_launches_nothing_twice() {
    let world = World::start(&config(&["awx"])).await;
    let awx = Awx::default();
    // The first answer is lost on its way.
    world.receiver.answer(move |n, got| match (n, awx.take(got)) {
        (0, Ok(_)) => 502,
        (_, Err(why)) if why.starts_with("Webhook previously received") => 202,
        _ => 400,
    });
    world.post("lab", &crate::world::change("a", 1)).await;
    world.tried(1).await;
    world.clock.advance(std::time::Duration::from_secs(60));
    world.arrived(2).await;
    let received = world.receiver.received();
    assert_eq!(received[0].header("x-github-delivery"), received[1].header("x-github-delivery"));
    assert_eq!(received[1].status, 202);
    world.finish().await;
}

#[tokio::test]
async fn a_routes_script_may_say_the_body_itself() {
    let config = config(&["slack"]).replace("to: [slack]", "script: scripts/own.rhai, to: [slack]");
    let script = "fn transform(event) { #{ text: \"my own words\" } }";
    let world = World::start_with(&config, &[("scripts/own.rhai", script)]).await;
    world.post("lab", &crate::world::change("a", 1)).await;
    world.arrived(1).await;
    assert_eq!(world.receiver.received()[0].json(), serde_json::json!({"text": "my own words"}));
    world.finish().await;
}

#[tokio::test]
async fn no_secret_of_a_preset_is_stored_or_shown() {
    let world = World::start(&config(&["gitlab", "pagerduty", "slack"])).await;
    world.post("lab", &crate::world::change("a", 1)).await;
    world.settled().await;
    let mut shown = String::new();
    for item in world.admin("GET", "/api/v1/deliveries").await.body["items"].as_array().unwrap() {
        let id = item["id"].as_str().unwrap();
        shown.push_str(&world.admin("GET", &format!("/api/v1/deliveries/{id}")).await.body.to_string());
    }
    shown.push_str(&world.admin("GET", "/api/v1/destinations").await.body.to_string());
    assert!(shown.matches("x-gitlab-token").count() > 0, "{shown}");
    let mut stored = Vec::new();
    for entry in std::fs::read_dir(world.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("state.db")) {
            stored.extend(std::fs::read(path).unwrap());
        }
    }
    for secret in [GITLAB_TOKEN, ROUTING_KEY, "tr1gger", "/T/B/X"] {
        assert!(!shown.contains(secret), "{secret} is shown: {shown}");
        let found = stored.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is stored");
    }
    world.finish().await;
}
