//! The played receivers are able to refuse: each finds what it must not accept.

use super::checks::Awx;
use super::{config, verdict};
use crate::receiver::Received;
use crate::world::{self, World};

/// A request that the receiver accepts.
async fn sample(name: &str) -> Received {
    let world = World::start(&config(&[name])).await;
    world.post("lab", &world::change("a", 1)).await;
    world.arrived(1).await;
    let got = world.receiver.received().remove(0);
    assert_eq!(verdict(&Awx::default(), &got).map(|status| status / 100), Ok(2), "{got:?}");
    world.finish().await;
    got
}

/// Each of the changes makes the receiver refuse.
async fn refuses(name: &str, changes: &[fn(&mut Received)]) {
    let good = sample(name).await;
    for (n, change) in changes.iter().enumerate() {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(verdict(&Awx::default(), &bad).is_err(), "{name} accepts change {n}: {bad:?}");
    }
}

fn put(got: &mut Received, name: &'static str, value: &str) {
    got.headers.insert(name, value.parse().unwrap());
}

/// Changes the body's JSON.
fn rewrite(got: &mut Received, change: impl FnOnce(&mut serde_json::Value)) {
    let mut body = got.json();
    change(&mut body);
    got.body = body.to_string().into();
}

fn spaced(got: &mut Received) {
    got.body = [&got.body[..], b" "].concat().into();
}

#[tokio::test]
async fn the_chat_receivers_refuse_what_is_too_long_or_no_message() {
    refuses(
        "slack",
        &[
            |got| drop(got.headers.remove("content-type")),
            |got| rewrite(got, |body| body["text"] = "".into()),
            |got| rewrite(got, |body| body["text"] = "<!channel>".into()),
            |got| rewrite(got, |body| body["blocks"][0]["text"]["text"] = "x".repeat(3001).into()),
            |got| rewrite(got, |body| body["blocks"] = vec![body["blocks"][0].clone(); 51].into()),
            |got| put(got, "webhook-signature", "v1,x"),
        ],
    )
    .await;
    refuses(
        "teams",
        &[
            |got| rewrite(got, |body| body["type"] = "MessageCard".into()),
            |got| rewrite(got, |body| body["attachments"] = serde_json::json!([])),
            |got| {
                rewrite(got, |body| {
                    body["attachments"][0]["content"]["fallbackText"] = "x".repeat(29_000).into()
                })
            },
            |got| {
                rewrite(got, |body| {
                    body["attachments"][0]["content"]["body"][0]["inlines"][0]["text"] = "".into()
                })
            },
        ],
    )
    .await;
}

#[tokio::test]
async fn awx_refuses_a_wrong_key_a_missing_header_and_a_repetition() {
    refuses(
        "awx",
        &[
            spaced,
            |got| drop(got.headers.remove("x-hub-signature")),
            |got| drop(got.headers.remove("x-github-event")),
            |got| drop(got.headers.remove("x-github-delivery")),
            |got| put(got, "x-hub-signature", "sha1=00"),
            // The newer signature is none to AWX.
            |got| {
                let newer = got.headers["x-hub-signature-256"].clone();
                got.headers.insert("x-hub-signature", newer);
            },
        ],
    )
    .await;
    let (awx, good) = (Awx::default(), sample("awx").await);
    assert!(awx.take(&good).is_ok() && awx.take(&good).is_err());
}

#[tokio::test]
async fn the_receivers_of_signed_events_refuse_other_bytes_and_other_keys() {
    for name in ["eda", "semaphore"] {
        let missing: fn(&mut Received) = |got| drop(got.headers.remove("x-hub-signature-256"));
        refuses(name, &[spaced, missing, |got| put(got, "x-hub-signature-256", "sha256=00")]).await;
    }
    refuses(
        "kriten",
        &[
            spaced,
            |got| put(got, "webhook-id", "dlv_other"),
            |got| put(got, "webhook-timestamp", "1"),
            |got| {
                let twice = format!("{0} {0}", got.header("webhook-signature"));
                put(got, "webhook-signature", &twice);
            },
        ],
    )
    .await;
}

#[tokio::test]
async fn the_receivers_with_tokens_refuse_a_wrong_one_and_a_wrong_shape() {
    refuses(
        "servicenow",
        &[
            |got| drop(got.headers.remove("authorization")),
            |got| drop(got.headers.remove("accept")),
            |got| rewrite(got, |body| body["short_description"] = "x".repeat(161).into()),
            |got| rewrite(got, |body| body["correlation_id"] = serde_json::Value::Null),
        ],
    )
    .await;
    refuses(
        "gitlab",
        &[
            |got| got.query.clear(),
            |got| put(got, "x-gitlab-token", "other"),
            |got| put(got, "x-gitlab-event", "Pipeline Hook"),
            |got| rewrite(got, |body| body["ref"] = "main".into()),
        ],
    )
    .await;
    refuses("jenkins", &[|got| put(got, "token", "other"), |got| got.method = "GET".to_owned()]).await;
}

#[tokio::test]
async fn github_refuses_what_its_api_does() {
    refuses(
        "github",
        &[
            |got| drop(got.headers.remove("authorization")),
            |got| drop(got.headers.remove("user-agent")),
            |got| rewrite(got, |body| body["event_type"] = "x".repeat(101).into()),
            |got| {
                rewrite(got, |body| (0..10).for_each(|n| body["client_payload"][format!("k{n}")] = n.into()))
            },
            |got| rewrite(got, |body| body["client_payload"]["data"] = "x".repeat(70_000).into()),
            |got| rewrite(got, |body| body["more"] = 1.into()),
        ],
    )
    .await;
}

#[tokio::test]
async fn pagerduty_refuses_a_wrong_key_and_words_it_does_not_know() {
    refuses(
        "pagerduty",
        &[
            |got| rewrite(got, |body| body["routing_key"] = "[redacted]".into()),
            |got| rewrite(got, |body| body["event_action"] = "triggered".into()),
            |got| rewrite(got, |body| body["payload"]["severity"] = "high".into()),
            |got| rewrite(got, |body| body["payload"]["summary"] = "x".repeat(1025).into()),
            |got| rewrite(got, |body| body["payload"]["source"] = serde_json::Value::Null),
            |got| rewrite(got, |body| body["payload"]["timestamp"] = "yesterday".into()),
            |got| rewrite(got, |body| body["dedup_key"] = "x".repeat(256).into()),
        ],
    )
    .await;
}
