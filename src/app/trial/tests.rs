//! What a dry run shows of an event that would wait for others.

use std::collections::HashMap;

use super::*;
use crate::clock::ManualClock;

const CONFIG: &str = "
sources: { lab: { adapter: generic, open: true } }
destinations: { tool: { url: 'https://tool.example/', sign: none } }
routes:
  - { name: storms, to: tool, coalesce: { by: correlation, quiet: 1s } }
  - { name: plain, to: tool }
";

async fn trial(config: &str, body: &Json) -> Json {
    let rules =
        Rules::from_text("config.yaml", config, &|_| None).unwrap_or_else(|found| panic!("{found:#?}"));
    let now = "2026-11-22T05:31:00Z".parse().unwrap();
    let request = Try {
        source: "lab".to_owned(),
        method: "POST".to_owned(),
        headers: Vec::new(),
        body: body.to_string().into(),
        sign: false,
        ask: false,
        lookups: HashMap::new(),
    };
    run(&Arc::new(rules), request, &Lookups::new(ManualClock::at(now)), now).await.unwrap()
}

fn change() -> Json {
    json!({"type": "lab.device.updated", "correlation_id": "05c7",
        "object": {"kind": "device", "id": "1", "name": "edge-1"}})
}

#[tokio::test]
async fn an_event_that_waits_is_shown_with_its_window_and_as_a_batch_of_its_own() {
    let trial = trial(CONFIG, &change()).await;
    let waits = &trial["routes"][0];
    assert_eq!(waits["decision"], "gathered", "{trial:#}");
    assert_eq!((&waits["by"], &waits["key"]), (&json!("correlation"), &trial["events"][0]["correlation_id"]));
    assert_eq!(
        waits["window"],
        json!({"quiet_ms": 1000, "max_wait_ms": 30_000, "max_events": 500, "max_bytes": 8 << 20})
    );
    assert_eq!(trial["routes"][1]["decision"], "routed");
    let requests = trial["requests"].as_array().unwrap();
    let batches: Vec<bool> = requests.iter().map(|request| request.get("batch").is_some()).collect();
    assert_eq!(batches, [false, true]);
    assert_eq!(waits["sealed"], json!({"deliveries": [requests[1]["delivery"]]}));
    let body: Json = serde_json::from_str(requests[1]["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["type"], &body["summary"]["events"]), (&json!("crossconnect.batch"), &json!(1)));
    assert_eq!(body["id"], requests[1]["batch"]);
    assert_eq!(body["events"][0], trial["events"][0]);
}

#[tokio::test]
async fn a_batch_that_would_fail_says_why() {
    let template =
        "tool: { url: 'https://tool.example/', sign: none, body_template: '{{ batch.lost.key }}' }";
    let config = CONFIG.replace("tool: { url: 'https://tool.example/', sign: none }", template);
    let config = config.replace("  - { name: plain, to: tool }\n", "");
    let trial = trial(&config, &change()).await;
    assert_eq!(trial["requests"], json!([]));
    assert_eq!(trial["routes"][0]["sealed"]["failed"]["stage"], "template", "{trial:#}");
}
