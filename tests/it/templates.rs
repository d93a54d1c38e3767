//! Destinations with templates: what NetBox's users paste arrives as NetBox would have sent it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{World, change};

/// A change of a device as NetBox tells it.
fn device(name: &str) -> Value {
    json!({
        "event": "updated", "timestamp": "2026-11-22T05:34:01.753405+00:00", "object_type": "dcim.device",
        "data": {
            "id": 1, "url": "/api/dcim/devices/1/", "name": name, "serial": "", "position": 12.5,
            "site": {"id": 3, "name": "Zürich", "slug": "zrh"},
            "status": {"value": "active", "label": "Active"},
            "tags": [{"name": "Core", "slug": "core"}, {"name": "Lab", "slug": "lab"}],
            "tenant": null, "custom_fields": {"cost": 1.0},
        },
        "request": {"id": "r-1", "method": "PATCH", "path": "/api/dcim/devices/1/", "user": "ann"},
        "snapshots": {"prechange": {"status": "planned"}, "postchange": {"status": "active"}},
    })
}

/// The fields of a webhook of NetBox (payload URL, additional headers, body template), pasted.
const PASTED: &str = r#"
sources:
  nb: { adapter: netbox, open: true }
destinations:
  tool:
    url: "{receiver}/hooks/{{ model }}/{{ data.site.slug }}?who={{ username }}&name={{ data.name|urlencode }}"
    method: PUT
    content_type: application/json
    sign: { scheme: none }
    headers_template: |
      X-Device: {{ data.name | header_safe }}
      X-Raw: {{ data.name }}
      X-Site: {{ data.site.name }}
      X-Request: {{ request_id }}
    body_template: |
      {
        "text": "{{ username }} {{ event }} {{ model }} <{{ data.url }}|{{ data.name|truncate(7, true, '') }}>",
        "status": {{ data.status.value|tojson }}, "was": "{{ snapshots.prechange.status }}",
        "tags": [{% for tag in data.tags %}"{{ tag.slug }}"{% if not loop.last %}, {% endif %}{% endfor %}],
        "tenant": "{{ data.tenant }}", "position": {{ data.position }}, "cost": {{ data.custom_fields.cost }},
        "first": {{ data.tags[0] }}
      }
routes:
  - { name: all, to: [tool] }
"#;

#[tokio::test]
async fn a_pasted_webhook_of_netbox_arrives_as_netbox_would_send_it() {
    let world = World::start(PASTED).await;
    world.post("nb", &device("sw 1/ü\r\nHost: evil\u{85}X-Evil: 1")).await;
    world.settled().await;
    let got = &world.receiver.received()[0];
    assert_eq!((got.method.as_str(), got.path.as_str()), ("PUT", "/hooks/device/zrh"));
    let query = "who=ann&name=sw%201/%C3%BC%0D%0AHost%3A%20evil%C2%85X-Evil%3A%201";
    assert_eq!(got.query, query);
    assert_eq!(got.header("content-type"), "application/json");
    let header = |name: &str| String::from_utf8(got.headers[name].as_bytes().to_vec()).unwrap();
    assert_eq!(header("x-device"), "sw 1/ü  Host: evil X-Evil: 1");
    assert_eq!(header("x-raw"), header("x-device"), "no expression makes a line, asked or not");
    assert_eq!((header("x-site"), header("x-request")), ("Zürich".to_owned(), "r-1".to_owned()));
    assert!(got.headers.get("x-evil").is_none());
    assert_eq!(got.header("host"), world.receiver.addr.to_string());
    let body = "{\n  \"text\": \"ann updated device </api/dcim/devices/1/|sw 1/ü\r>\",\n  \
        \"status\": \"active\", \"was\": \"planned\",\n  \
        \"tags\": [\"core\", \"lab\"],\n  \
        \"tenant\": \"None\", \"position\": 12.5, \"cost\": 1.0,\n  \
        \"first\": {'name': 'Core', 'slug': 'core'}\n}";
    assert_eq!(std::str::from_utf8(&got.body).unwrap(), body);
    world.finish().await;
}

const FAILING: &str = r#"
sources:
  nb: { adapter: netbox, open: true }
destinations:
  tool:
    url: "{receiver}/tool"
    sign: { scheme: none }
    body_template: |
      {
        "tenant": {{ data.tennant.name|tojson }}
      }
  other: { url: "{receiver}/other", sign: { scheme: none } }
routes:
  - { name: templated, to: [tool] }
  - { name: plain, to: [other] }
"#;

#[tokio::test]
async fn a_failing_template_is_stored_with_its_line_and_a_replay_after_the_fix_delivers() {
    let world = World::start(FAILING).await;
    let answer = world.post("nb", &device("sw1")).await;
    assert_eq!(answer.status, 200, "the sender would only throw it away: {answer:?}");
    let id = answer.body["receipt"].as_str().unwrap().to_owned();
    world.arrived(1).await;
    assert_eq!(world.receiver.received()[0].path, "/other", "the other route is not harmed");
    let shown = world.admin("GET", &format!("/api/v1/receipts/{id}")).await.body;
    assert_eq!((&shown["status"], &shown["failure"]["stage"]), (&json!("failed"), &json!("template")));
    let text = std::fs::read_to_string(world.dir.path().join("config.yaml")).unwrap();
    let line = text.lines().position(|line| line.contains("tennant")).unwrap() + 1;
    let place = shown["failure"]["place"].as_str().unwrap();
    assert!(place.ends_with(&format!("config.yaml:{line}:26")), "{place}");
    let message = shown["failure"]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "`destinations.tool.body_template` could not be rendered: `data.tennant` is undefined"
    );
    world.reconfigure(&FAILING.replace("tennant.name", "tenant"), |_| {});
    let replayed = world.admin("POST", &format!("/api/v1/receipts/{id}/replay")).await;
    assert_eq!((replayed.status, &replayed.body["deliveries"]), (200, &json!(1)), "{replayed:?}");
    world.settled().await;
    let got = world.receiver.received();
    assert_eq!((got.len(), got[1].path.as_str(), got[1].json()), (2, "/tool", json!({"tenant": null})));
    world.finish().await;
}

const SECRETS: &str = r#"
sources:
  nb: { adapter: netbox, open: true }
destinations:
  tool:
    url: "{receiver}/bot{{ secrets.token }}/send?key={{ secrets.key }}"
    sign: { scheme: none }
    secrets: { token: "hush-1:a/b", key: "hush-2" }
    headers_template: |
      Authorization: Bearer {{ secrets.token }}
      X-Plain: {{ secrets.key }}
    body_template: '{"token": {{ secrets.token|tojson }}, "text": "{{ secrets.key }} {{ data.name }}"}'
routes:
  - { name: all, to: [tool] }
"#;

#[tokio::test]
async fn a_secret_arrives_and_is_neither_stored_nor_shown() {
    let world = World::start(SECRETS).await;
    // A text that looks like a mark is none: nobody knows the delivery's id beforehand.
    let answer = world.post("nb", &device("~~key~dlv_0~~")).await;
    let receipt = answer.body["receipt"].as_str().unwrap().to_owned();
    world.settled().await;
    let got = &world.receiver.received()[0];
    assert_eq!(got.path, "/bothush-1%3Aa%2Fb/send");
    assert_eq!(got.query, "key=hush-2");
    assert_eq!(got.header("authorization"), "Bearer hush-1:a/b");
    assert_eq!(got.header("x-plain"), "hush-2");
    assert_eq!(got.json(), json!({"token": "hush-1:a/b", "text": "hush-2 ~~key~dlv_0~~"}));
    let list = world.admin("GET", "/api/v1/deliveries").await.body;
    let id = list["items"][0]["id"].as_str().unwrap();
    for path in [
        "/api/v1/deliveries".to_owned(),
        format!("/api/v1/deliveries/{id}"),
        format!("/api/v1/receipts/{receipt}"),
        "/api/v1/receipts".to_owned(),
        "/api/v1/destinations".to_owned(),
        "/metrics".to_owned(),
    ] {
        let answer = world.admin("GET", &path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.to_string().contains("hush"), "{path}: {answer:?}");
    }
    let shown = world.admin("GET", &format!("/api/v1/deliveries/{id}")).await.body;
    assert_eq!(shown["body"], json!({"token": "[redacted]", "text": "[redacted] ~~key~dlv_0~~"}));
    assert_eq!(shown["headers"][1], json!(["X-Plain", "[redacted]"]));
    assert!(!shown.to_string().contains(&format!("~{id}~")), "no mark is shown: {shown}");
    let tried = world.steer("/api/v1/try", &json!({"source": "nb", "body": device("sw1").to_string()})).await;
    assert_eq!(tried.status, 200, "{tried:?}");
    assert_eq!(tried.body["requests"].as_array().map(Vec::len), Some(1), "{tried:?}");
    assert!(!tried.body.to_string().contains("hush"), "{tried:?}");
    no_file_but_the_config_holds(world.dir.path(), b"hush");
    world.finish().await;
}

fn no_file_but_the_config_holds(dir: &Path, secret: &[u8]) {
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() && !path.ends_with("config.yaml") {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(secret.len()).any(|part| part == secret);
            assert!(!found, "{}", path.display());
        }
    }
}

const ANYWHERE: &str = r#"
egress: { allow: [127.0.0.2/32] }
sources:
  lab: { adapter: generic, open: true }
destinations:
  tool: { url: "{{ data.target }}", sign: { scheme: none }, retry: [1h] }
routes:
  - { name: all, to: [tool] }
"#;

#[tokio::test]
async fn a_host_from_the_event_is_reached_only_where_egress_lists_it() {
    let world = World::start(ANYWHERE).await;
    let event = |id: &str, target: String| {
        let mut event = change(id, 1);
        event["data"]["target"] = json!(target);
        event
    };
    world.post("lab", &event("a", world.receiver.url("/a b"))).await;
    let attempted = async |world: &World| {
        world.admin("GET", "/api/v1/deliveries").await.body["items"][0]["attempts"] == 1
    };
    world.until("it was tried", attempted).await;
    let list = world.admin("GET", "/api/v1/deliveries").await.body;
    assert_eq!(list["items"][0]["last_class"], "refused_address", "{list}");
    assert!(world.receiver.received().is_empty());
    let allowed = ANYWHERE.replace("127.0.0.2/32", "127.0.0.0/8");
    world.reconfigure(&allowed, |_| {});
    world.post("lab", &event("b", world.receiver.url("/b c"))).await;
    world.arrived(1).await;
    assert_eq!(world.receiver.received()[0].path, "/b%20c");
    // What is no URL is a failure of the receipt, and never tried.
    let failed = world.post("lab", &event("c", "http://ann:pw@127.0.0.1/".to_owned())).await;
    let id = failed.body["receipt"].as_str().unwrap().to_owned();
    let shown = world.admin("GET", &format!("/api/v1/receipts/{id}")).await.body;
    assert_eq!(shown["failure"]["stage"], "template", "{shown}");
    let first = list["items"][0]["id"].as_str().unwrap();
    assert_eq!(world.admin("POST", &format!("/api/v1/deliveries/{first}/cancel")).await.status, 200);
    world.until("the second is settled", async |world| world.ledger().await.delivered == 1).await;
    // The failed receipt waits for its replay.
    world.finish_with_pending(1).await;
}

#[tokio::test]
async fn a_secret_that_was_rotated_by_a_reload_holds_for_the_next_attempt() {
    let world = World::start(SECRETS).await;
    world.receiver.answer(|n, _| if n == 0 { 500 } else { 200 });
    world.post("nb", &device("sw1")).await;
    world.tried(1).await;
    world.reconfigure(&SECRETS.replace("hush-1:a/b", "hush-9"), |_| {});
    world.clock.advance(Duration::from_secs(3600));
    world.settled().await;
    let got = world.receiver.received();
    assert_eq!(
        (got[0].header("authorization"), got[1].header("authorization")),
        ("Bearer hush-1:a/b", "Bearer hush-9")
    );
    assert_eq!(got[1].json()["token"], "hush-9");
    world.finish().await;
}

#[tokio::test]
async fn a_redirect_does_not_show_the_url_that_is_a_secret() {
    let config = r#"
sources: { lab: { adapter: generic, open: true } }
destinations: { tool: { url: "{receiver}/secret-path", url_secret: true, sign: none, retry: [] } }
routes: [{ name: all, to: tool }]
"#;
    let world = World::start(config).await;
    world.receiver.answer_with_location("https://elsewhere.example/secret-path?x=1");
    world.post("lab", &change("1", 1)).await;
    world.settled().await;
    let list = world.admin("GET", "/api/v1/deliveries").await.body;
    let id = list["items"][0]["id"].as_str().unwrap();
    let shown = world.admin("GET", &format!("/api/v1/deliveries/{id}")).await.body.to_string();
    assert!(
        shown.contains("https://elsewhere.example/[redacted]") && !shown.contains("secret-path"),
        "{shown}"
    );
    world.finish().await;
}

#[tokio::test]
async fn headers_of_ones_own_beat_those_of_a_presets_template() {
    let config = r#"
sources: { lab: { adapter: generic, open: true } }
destinations:
  awx: { preset: awx, url: "{receiver}/awx", headers: { X-GitHub-Event: push }, sign: { secrets: [s] } }
routes: [{ name: all, to: awx }]
"#;
    let world = World::start(config).await;
    world.post("lab", &change("1", 1)).await;
    world.settled().await;
    let got = &world.receiver.received()[0];
    assert_eq!(got.header("x-github-event"), "push");
    assert!(!got.header("x-github-delivery").is_empty());
    world.finish().await;
}
