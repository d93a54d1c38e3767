//! The answer to "why did nothing arrive?": every step's verdict for one receipt.

use crate::model::{Json, json};

use crate::model::{Attempt, Decision, Event, Looked, RouteVerdict};
use crate::store::{DeliverySummary, StoredReceipt};

/// The steps in order, each `{step, verdict, detail}`.
pub fn steps(stored: &StoredReceipt, deliveries: &[DeliverySummary], attempts: &[Vec<Attempt>]) -> Json {
    let mut steps = vec![received(stored), verified(stored), deduplicated(stored)];
    steps.extend(stored.receipt.notes.iter().map(|note| step("read", "noted", note)));
    if let Some(failure) = &stored.outcome.failure {
        let place = failure.place.as_deref().map(|place| format!(" ({place})")).unwrap_or_default();
        steps.push(step("normalise", "failed", format!("{}{place}", failure.message)));
    }
    for processed in &stored.outcome.events {
        steps.push(normalised(&processed.event));
        steps.extend(processed.lookups.iter().map(looked));
        steps.extend(processed.verdicts().iter().map(routed));
    }
    // Newest first in the list; told in the order they happened.
    for (summary, attempts) in deliveries.iter().zip(attempts).rev() {
        steps.extend(attempts.iter().map(|attempt| attempted(summary, attempt)));
        steps.push(ended(summary));
    }
    Json::Array(steps)
}

fn step(step: impl Into<String>, verdict: &str, detail: impl Into<String>) -> Json {
    json!({"step": step.into(), "verdict": verdict, "detail": detail.into()})
}

fn received(stored: &StoredReceipt) -> Json {
    let request = &stored.receipt.request;
    let from = request.client.map(|ip| format!(" from {ip}")).unwrap_or_default();
    let detail = format!(
        "{} {}{from} for source {}, {} bytes at {}",
        request.method,
        request.path,
        stored.receipt.source,
        stored.receipt.body.len(),
        stored.receipt.received_at,
    );
    step("receive", "accepted", detail)
}

fn verified(stored: &StoredReceipt) -> Json {
    let proof = &stored.receipt.proof;
    let over = match proof.variant.as_deref() {
        None => String::new(),
        Some("raw") => ", right over the raw body".to_owned(),
        Some(variant) => {
            format!(", right over the variant {variant} (the sender signed other bytes than it sent)")
        }
    };
    let with = proof.secret.map(|index| format!(", with secret number {}", index + 1)).unwrap_or_default();
    step("verify", "verified", format!("{}{over}{with}", proof.scheme))
}

fn deduplicated(stored: &StoredReceipt) -> Json {
    match (&stored.receipt.dedupe, stored.duplicates) {
        (None, _) => step("dedupe", "off", "repetitions of this request are not recognised"),
        (Some(dedupe), 0) => step("dedupe", "first", format!("key {}", dedupe.key)),
        (Some(dedupe), more) => step(
            "dedupe",
            "first",
            format!("key {}; {more} repetition(s) were answered and dropped", dedupe.key),
        ),
    }
}

fn normalised(event: &Event) -> Json {
    let object = event.object.as_ref().map_or_else(
        || "no object".to_owned(),
        |object| format!("{} {} {}", object.kind, object.id, object.name.as_deref().unwrap_or("")),
    );
    let changed: Vec<&str> = event.changes.iter().map(|change| change.field.as_str()).collect();
    let changed = if changed.is_empty() { "nothing told".to_owned() } else { changed.join(", ") };
    step(
        "normalise",
        "event",
        format!("{} {}: {}, changed: {changed}", event.id, event.r#type, object.trim_end()),
    )
}

fn looked(looked: &Looked) -> Json {
    let name = format!("lookup {}", looked.name);
    let from = looked.url.as_deref().map(|url| format!(" from {url}")).unwrap_or_default();
    match looked.class {
        None if looked.value.is_null() => step(name, "nothing", format!("found nothing{from}")),
        None => {
            let known = if looked.cached { ", known already" } else { "" };
            step(name, "found", format!("after {} ms{from}{known}", looked.ms))
        }
        Some(class) => {
            let error = looked.error.as_deref().unwrap_or("failed");
            step(name, class.name(), format!("{error}{from}"))
        }
    }
}

fn routed(verdict: &RouteVerdict) -> Json {
    let name = format!("route {}", verdict.route);
    match &verdict.decision {
        Decision::Unmatched { condition, wanted, actual } => {
            step(name, "unmatched", format!("`{condition}` wants {wanted}, the event has {actual}"))
        }
        Decision::Filtered { reason } => {
            step(name, "filtered", reason.as_deref().unwrap_or("the script's filter said no"))
        }
        Decision::Routed { deliveries, script, batch } => {
            let by = script.as_deref().map(|file| format!(", shaped by {file}")).unwrap_or_default();
            let within = batch.map(|batch| format!(", with others in {batch}")).unwrap_or_default();
            step(name, "routed", format!("{} delivery(ies){by}{within}", deliveries.len()))
        }
        Decision::Gathered { key, batch, until } => {
            let batch = batch.map(|batch| format!(" in {batch}")).unwrap_or_default();
            let until = until.map(|until| format!(", complete at {until} at the latest")).unwrap_or_default();
            step(name, "gathered", format!("waits{batch} for others of {key}{until}"))
        }
        Decision::Deferred { lookups } => {
            step(name, "deferred", format!("waits for the lookups {}", lookups.join(", ")))
        }
        Decision::Failed(failure) => {
            let place = failure.place.as_deref().unwrap_or("unknown place");
            step(name, "failed", format!("{} ({place}); replay the receipt after the fix", failure.message))
        }
    }
}

fn attempted(summary: &DeliverySummary, attempt: &Attempt) -> Json {
    let name = format!("attempt {} to {}", attempt.number, summary.destination);
    let status = attempt.status.map(|status| format!("status {status} ")).unwrap_or_default();
    match attempt.class {
        None => step(name, "ok", format!("{status}after {} ms", attempt.duration_ms)),
        Some(class) => {
            let error = attempt.error.as_deref().unwrap_or("failed");
            let remedy = attempt.remedy.as_deref().unwrap_or("");
            step(name, class.name(), format!("{status}{error}. {remedy}").trim_end().to_owned())
        }
    }
}

fn ended(summary: &DeliverySummary) -> Json {
    let mut detail = format!("{} to {}, {} attempt(s)", summary.id, summary.destination, summary.attempts);
    if let Some(reason) = &summary.reason {
        detail.push_str(&format!("; {reason}"));
    }
    if let Some(due) = summary.due_at {
        detail.push_str(&format!("; next attempt at {due}"));
    }
    step("delivery", summary.state.name(), detail)
}
