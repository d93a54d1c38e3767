//! Receivers as their makers document them: each looks at one request and says what it answers,
//! or why it would refuse.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossconnect::model::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha1::Sha1;
use sha2::Sha256;

use crate::receiver::Received;

pub const AWX_KEY: &str = "awx-webhook-key";
pub const EDA_SECRET: &str = "eda-s3cret";
pub const KRITEN_SECRET: &str = "whsec_is-only-text-here";
pub const SEMAPHORE_SECRET: &str = "semaphore-s3cret";
pub const GITLAB_TOKEN: &str = "glpat-tok3n";
pub const JENKINS_TOKEN: &str = "jenkins-tok3n";
pub const ROUTING_KEY: &str = "R0123456789abcdefghijklmnopqrstu";

/// The status of the answer, or what the receiver has against the request.
pub type Verdict = Result<u16, String>;

fn demand(holds: bool, why: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.to_owned()) }
}

fn hmac<M: Mac + KeyInit>(key: &str, text: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn posted_json(got: &Received) -> Result<Value, String> {
    demand(got.method == "POST", "405: only POST")?;
    demand(got.header("content-type").starts_with("application/json"), "415: no JSON")?;
    serde_json::from_slice(&got.body).map_err(|error| format!("400: {error}"))
}

fn event(got: &Received) -> Result<Value, String> {
    let body = posted_json(got)?;
    for key in ["id", "type", "action", "object", "actor", "changes", "data"] {
        demand(body.get(key).is_some(), &format!("a playbook misses {key}"))?;
    }
    Ok(body)
}

/// Nothing but the receiver's own credential.
fn unsigned(got: &Received) -> Result<(), String> {
    let stray =
        ["webhook-signature", "x-hub-signature-256", "x-hub-signature", "x-hook-signature", "x-gitlab-token"]
            .into_iter()
            .find(|name| got.headers.contains_key(*name));
    stray.map_or(Ok(()), |name| Err(format!("a signature nobody asked for: {name}")))
}

fn hub_256(got: &Received, secret: &str) -> Result<(), String> {
    let right = format!("sha256={}", hex::encode(hmac::<Hmac<Sha256>>(secret, &got.body)));
    demand(got.header("x-hub-signature-256") == right, "401: X-Hub-Signature-256")
}

/// Slack counts UTF-16 units, or letters: the stricter counts here.
fn units(text: &Value) -> usize {
    text.as_str().map_or(0, |text| text.encode_utf16().count())
}

fn slack_text(text: &Value, most: usize) -> Result<(), String> {
    demand(text["type"] == "mrkdwn" || text["type"] == "plain_text", "invalid_blocks: type of a text")?;
    demand((1..=most).contains(&units(&text["text"])), "invalid_blocks: length of a text")?;
    slack_escaped(&text["text"])
}

fn slack_escaped(text: &Value) -> Result<(), String> {
    let text = text.as_str().unwrap_or_default();
    let rest = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
    demand(!rest.contains(['&', '<', '>']), "markup that came from outside")
}

pub fn slack(got: &Received) -> Verdict {
    unsigned(got)?;
    let body = posted_json(got)?;
    demand((1..=4000).contains(&units(&body["text"])), "no_text")?;
    slack_escaped(&body["text"])?;
    let blocks = body["blocks"].as_array().ok_or("invalid_blocks")?;
    demand((1..=50).contains(&blocks.len()), "invalid_blocks: how many")?;
    for block in blocks {
        let list = |name: &str| block[name].as_array().cloned().unwrap_or_default();
        match block["type"].as_str() {
            Some("section") if block.get("text").is_some() => slack_text(&block["text"], 3000)?,
            Some("section") => {
                demand((1..=10).contains(&list("fields").len()), "invalid_blocks: fields")?;
                list("fields").iter().try_for_each(|text| slack_text(text, 2000))?;
            }
            Some("context") => {
                demand((1..=10).contains(&list("elements").len()), "invalid_blocks: elements")?;
                list("elements").iter().try_for_each(|text| slack_text(text, 3000))?;
            }
            other => return Err(format!("invalid_blocks: {other:?}")),
        }
    }
    Ok(200)
}

pub fn teams(got: &Received) -> Verdict {
    unsigned(got)?;
    demand(got.body.len() <= 28 * 1024, "RequestEntityTooLarge")?;
    let body = posted_json(got)?;
    demand(body["type"] == "message", "the flow's trigger takes messages")?;
    let [card] = body["attachments"].as_array().map(Vec::as_slice).unwrap_or_default() else {
        return Err("one card is wanted".to_owned());
    };
    demand(card["contentType"] == "application/vnd.microsoft.card.adaptive", "no adaptive card")?;
    let card = &card["content"];
    demand(card["type"] == "AdaptiveCard" && card["version"] == "1.4", "type or version of the card")?;
    let elements = card["body"].as_array().filter(|body| !body.is_empty()).ok_or("an empty card")?;
    for element in elements {
        demand(element["type"] == "RichTextBlock", "an element the test does not know")?;
        let runs = element["inlines"].as_array().filter(|runs| !runs.is_empty()).ok_or("no inlines")?;
        for run in runs {
            demand(run["type"] == "TextRun" && units(&run["text"]) > 0, "a run without text")?;
        }
    }
    Ok(202)
}

/// AWX remembers the deliveries it launched something for.
#[derive(Default)]
pub struct Awx(Mutex<HashSet<String>>);

impl Awx {
    pub fn take(&self, got: &Received) -> Verdict {
        let given = got.header("x-hub-signature").split_once('=').ok_or("403: no X-Hub-Signature")?;
        let right = hex::encode(hmac::<Hmac<Sha1>>(AWX_KEY, &got.body));
        demand(given == ("sha1", right.as_str()), "403: X-Hub-Signature")?;
        demand(!got.header("x-github-event").is_empty(), "no X-GitHub-Event")?;
        let guid = got.header("x-github-delivery");
        demand((1..=128).contains(&guid.len()), "no X-GitHub-Delivery")?;
        event(got)?;
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        demand(seen.insert(guid.to_owned()), "Webhook previously received, aborting.")?;
        Ok(202)
    }
}

pub fn eda(got: &Received) -> Verdict {
    hub_256(got, EDA_SECRET)?;
    event(got).map(|_| 200)
}

pub fn semaphore(got: &Received) -> Verdict {
    hub_256(got, SEMAPHORE_SECRET)?;
    event(got).map(|_| 204)
}

pub fn kriten(got: &Received) -> Verdict {
    demand(got.path.starts_with("/api/v1/webhooks/run/"), "404")?;
    let [id, timestamp, signature] =
        ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| got.header(name));
    demand(!id.is_empty() && !timestamp.is_empty(), "webhook authentication failed.")?;
    let text = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &got.body].concat();
    let right = format!("v1,{}", STANDARD.encode(hmac::<Hmac<Sha256>>(KRITEN_SECRET, &text)));
    // One entry, compared whole.
    demand(signature == right, "webhook authentication failed.")?;
    event(got).map(|_| 200)
}

pub fn servicenow(got: &Received) -> Verdict {
    unsigned(got)?;
    demand(got.header("authorization") == "Basic dXNlcjpwYXNz", "401: User Not Authenticated")?;
    demand(got.header("accept") == "application/json", "406")?;
    let body = posted_json(got)?;
    let fields = [
        ("short_description", 160),
        ("description", 4000),
        ("correlation_id", 100),
        ("correlation_display", 100),
    ];
    for (field, most) in fields {
        let text = body[field].as_str().ok_or(format!("{field} is no text"))?;
        demand((1..=most).contains(&text.chars().count()), &format!("length of {field}"))?;
    }
    demand(
        body.as_object().is_some_and(|body| body.len() == fields.len()),
        "fields the table does not have",
    )?;
    Ok(201)
}

pub fn gitlab(got: &Received) -> Verdict {
    demand(got.path == "/api/v4/projects/9/ref/main/trigger/pipeline", "404")?;
    demand(got.query == "token=tr1gger", "404: no such trigger")?;
    demand(got.header("x-gitlab-token") == GITLAB_TOKEN, "401: X-Gitlab-Token")?;
    let kind = got.header("x-gitlab-event");
    demand(!kind.is_empty() && kind != "Pipeline Hook", "403: X-Gitlab-Event")?;
    let body = posted_json(got)?;
    let body = body.as_object().ok_or("400: no object")?;
    // Parameters of the API, which the body would overwrite or be overwritten by.
    let taken = ["id", "ref", "token", "variables", "inputs"];
    demand(body.keys().all(|key| !taken.contains(&key.as_str())), "400: parameters in the body")?;
    demand(body["event"]["id"].as_str().is_some_and(|id| id.starts_with("evt_")), "no event")?;
    Ok(201)
}

pub fn github(got: &Received) -> Verdict {
    unsigned(got)?;
    demand(got.path == "/repos/example/network/dispatches", "404")?;
    demand(got.header("authorization") == "Bearer gh-tok3n", "401: Bad credentials")?;
    demand(!got.header("user-agent").is_empty(), "403: no User-Agent")?;
    demand(got.header("accept") == "application/vnd.github+json", "415")?;
    demand(got.header("x-github-api-version") == "2022-11-28", "400: version")?;
    let body = posted_json(got)?;
    let body = body.as_object().ok_or("400")?;
    demand(body.keys().all(|key| key == "event_type" || key == "client_payload"), "422: not permitted keys")?;
    let kind = body["event_type"].as_str().ok_or("422: event_type")?;
    demand((1..=100).contains(&kind.chars().count()), "422: event_type")?;
    let payload = body["client_payload"].as_object().ok_or("422: client_payload")?;
    demand(payload.len() <= 10, "422: No more than 10 properties are allowed")?;
    demand(body["client_payload"].to_string().len() < 64 * 1024, "422: client_payload is too large")?;
    Ok(204)
}

pub fn jenkins(got: &Received) -> Verdict {
    demand(got.path == "/generic-webhook-trigger/invoke", "404")?;
    demand(got.header("token") == JENKINS_TOKEN, "404: Did not find any jobs")?;
    unsigned(got)?;
    event(got).map(|_| 200)
}

pub fn pagerduty(got: &Received) -> Verdict {
    unsigned(got)?;
    demand(got.body.len() <= 512 * 1024, "413")?;
    let body = posted_json(got)?;
    demand(body["routing_key"] == ROUTING_KEY, "400: routing_key")?;
    let known = |value: &Value, words: &[&str]| value.as_str().is_some_and(|word| words.contains(&word));
    demand(known(&body["event_action"], &["trigger", "acknowledge", "resolve"]), "400: event_action")?;
    let lengths = |value: &Value, most| (1..=most).contains(&units(value));
    demand(lengths(&body["dedup_key"], 255), "400: dedup_key")?;
    let payload = &body["payload"];
    demand(lengths(&payload["summary"], 1024), "400: payload.summary")?;
    demand(lengths(&payload["source"], 1024), "400: payload.source")?;
    demand(known(&payload["severity"], &["critical", "error", "warning", "info"]), "400: payload.severity")?;
    let time = payload["timestamp"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    demand(time.is_some(), "400: payload.timestamp")?;
    for field in ["component", "group", "class"] {
        demand(payload[field].is_string(), &format!("400: payload.{field}"))?;
    }
    demand(payload["custom_details"].is_object(), "400: payload.custom_details")?;
    Ok(202)
}
