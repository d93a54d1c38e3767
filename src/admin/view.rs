//! How stored and configured things look as JSON. Secrets are left out by construction: every
//! field shown is named here.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use crate::model::{Json, json};
use bytes::Bytes;

use crate::config;
use crate::model::Delivery;
use crate::secret::{REDACTED, masked, sounds_secret};
use crate::store::{DeliverySummary, Ledger, StoredDelivery, StoredReceipt};

/// A body as JSON where it is JSON, else as text.
fn body(bytes: &Bytes) -> Json {
    serde_json::from_slice(bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(bytes)))
}

/// One receipt whole; `explain` is added by the API.
pub fn receipt(stored: &StoredReceipt, deliveries: &[DeliverySummary]) -> Json {
    let receipt = &stored.receipt;
    json!({
        "id": receipt.id,
        "source": &*receipt.source,
        "received_at": receipt.received_at,
        "status": stored.status,
        "reason": stored.outcome.first_failure().map(|failure| &failure.message),
        "failure": stored.outcome.first_failure(),
        "request": receipt.request,
        "proof": receipt.proof,
        "dedupe": receipt.dedupe.as_ref().map(|dedupe| &dedupe.key),
        "notes": receipt.notes,
        "duplicates": stored.duplicates,
        "replays": stored.replays,
        "revision": stored.outcome.revision,
        "events": stored.outcome.events,
        "deliveries": deliveries,
        "body": body(&receipt.body),
    })
}

/// A header that a script or template gave, as the attempts show it.
fn shown((name, value): &(String, String), delivery: &Delivery) -> Json {
    let value = masked(value, delivery.id);
    json!([name, if sounds_secret(name) { REDACTED } else { &*value }])
}

/// The body of a delivery, its secrets' marks masked.
fn delivered(delivery: &Delivery) -> Json {
    match std::str::from_utf8(&delivery.body).map(|text| masked(text, delivery.id)) {
        Ok(Cow::Owned(masked)) => body(&Bytes::from(masked)),
        _ => body(&delivery.body),
    }
}

/// One delivery whole.
pub fn delivery(stored: &StoredDelivery) -> Json {
    let mut view = json!(stored.summary);
    view["content_type"] = json!(stored.delivery.content_type);
    let delivery = &stored.delivery;
    view["headers"] = delivery.headers.iter().map(|header| shown(header, delivery)).collect();
    view["body"] = delivered(delivery);
    view["attempts"] = json!(stored.attempts);
    view
}

pub fn source(source: &config::Source) -> Json {
    let mut proofs = Vec::new();
    if !source.secrets.is_empty() {
        proofs.push("signature");
    }
    if source.token.is_some() {
        proofs.push("token");
    }
    if !source.allow_addresses.is_empty() {
        proofs.push("address");
    }
    if source.open {
        proofs.push("open");
    }
    json!({
        "name": source.name,
        "adapter": source.adapter,
        "proof": proofs,
        "secrets": source.secrets.len(),
        "templated": source.templated,
    })
}

pub fn route(route: &config::Route) -> Json {
    let texts =
        |list: &[(crate::yaml::At, String)]| list.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>();
    json!({
        "name": route.name,
        "from": texts(&route.from),
        "when": route.when.as_ref().map(crate::yaml::Node::to_json),
        "active": route.active,
        "lookups": texts(&route.lookups),
        "script": route.script.as_ref().map(|(_, file)| file),
        "coalesce": route.coalesce.map(coalesce),
        "no_op": if route.no_op.is_some() { "drop" } else { "keep" },
        "ignore": route.no_op.as_ref().map(|no_op| no_op.ignore.as_slice()).unwrap_or_default(),
        "to": texts(&route.to),
    })
}

fn coalesce(config::Coalesce { at: _, by, window }: config::Coalesce) -> Json {
    json!({
        "by": by,
        "quiet_ms": millis(window.quiet),
        "max_wait_ms": millis(window.max_wait),
        "max_events": window.max_events,
        "max_bytes": window.max_bytes,
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub fn destination(destination: &config::Destination, pending: u64) -> Json {
    json!({
        "name": destination.name,
        "url": destination.shown_target(),
        "method": destination.method.as_str(),
        "sign": destination.sign.scheme.name(),
        "ordered": destination.ordered,
        "on_newer": if destination.supersede { "supersede" } else { "wait" },
        "in_flight": destination.in_flight,
        "retry_ms": destination.retry.waits.iter().copied().map(millis).collect::<Vec<_>>(),
        "breaker": destination.breaker.map(|breaker| json!({ "settings": settings(breaker) })),
        "pause_after_ms": destination.pause_after.map(millis),
        "tls": tls(&destination.tls),
        "proxy": destination.proxy.as_ref().map(ToString::to_string),
        "auth": destination.auth.as_ref().map(config::Auth::name),
        "pending": pending,
    })
}

/// When the breaker opens and for how long; its state is told beside it.
fn settings(breaker: config::Breaker) -> Json {
    json!({
        "failures": breaker.failures,
        "of": breaker.of,
        "within_ms": millis(breaker.within),
        "open_ms": millis(breaker.open),
    })
}

fn tls(tls: &config::Tls) -> Json {
    let mut view = json!({ "verify": tls.verify });
    if !tls.verify {
        view["warning"] = json!(config::NOT_VERIFIED);
    }
    view
}

/// Appends what is counted in the store to the exposition.
pub fn gauges(text: &mut String, ledger: &Ledger, pending: &[(String, u64)]) {
    let states = [
        ("accepted", ledger.accepted),
        ("delivered", ledger.delivered),
        ("filtered", ledger.filtered),
        ("unmatched", ledger.unmatched),
        ("coalesced", ledger.coalesced),
        ("superseded", ledger.superseded),
        ("dead", ledger.dead),
        ("cancelled", ledger.cancelled),
        ("pending", ledger.pending),
    ]
    .map(|(state, count)| (state.to_owned(), count));
    let help = "Events by how they ended; accepted equals the sum of the others.";
    gauge(text, "events", help, "state", &states);
    gauge(text, "pending", "Deliveries that wait, by destination.", "destination", pending);
}

/// Appends one gauge with a sample for each value of its label.
pub fn gauge(text: &mut String, name: &str, help: &str, label: &str, samples: &[(String, u64)]) {
    // Writing into a `String` cannot fail.
    let _ = writeln!(text, "# HELP crossconnect_{name} {help}\n# TYPE crossconnect_{name} gauge");
    for (value, count) in samples {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(text, "crossconnect_{name}{{{label}=\"{value}\"}} {count}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;

    #[test]
    fn what_decides_about_an_event_is_shown_with_its_route_and_destination() {
        let text = "destinations:\n  tool:\n    { url: 'https://a.example/', sign: none, on_newer: supersede, retry: [5s, 1m], \
                    pause_after: 2d, breaker: { failures: 50%, of: 4, within: 1m, open: 10s } }\n  \
                    plain: { url: 'https://a.example/', sign: none, breaker: off, pause_after: off }\n\
                    lookups: { device: { url: 'https://a.example/' } }\n\
                    routes:\n  - { name: a, active: false, lookups: [device], coalesce: { by: kind, quiet: 1s }, no_op: drop, \
                    ignore: [seen], to: [tool] }\n  - { name: b, to: [tool] }\n";
        let config = Rules::from_text("config.yaml", text, &|_| None).unwrap().config;
        let part =
            |shown: Json, names: &[&str]| -> Json { names.iter().map(|name| shown[name].clone()).collect() };
        let of_route = ["active", "lookups", "coalesce", "no_op", "ignore"];
        let window = json!({"by": "kind", "quiet_ms": 1000, "max_wait_ms": 30_000, "max_events": 500, "max_bytes": 8 << 20});
        assert_eq!(
            part(route(&config.routes[0]), &of_route),
            json!([false, ["device"], window, "drop", ["seen"]])
        );
        assert_eq!(part(route(&config.routes[1]), &of_route), json!([true, [], null, "keep", []]));
        let of_destination = ["on_newer", "retry_ms", "pause_after_ms", "breaker"];
        let breaker = json!({"settings": {"failures": 0.5, "of": 4, "within_ms": 60_000, "open_ms": 10_000}});
        let shown = destination(&config.destinations[0], 0);
        assert_eq!(part(shown, &of_destination), json!(["supersede", [5000, 60_000], 172_800_000, breaker]));
        let shown = destination(&config.destinations[1], 0);
        assert_eq!(
            (&shown["on_newer"], &shown["breaker"], &shown["pause_after_ms"]),
            (&json!("wait"), &json!(null), &json!(null))
        );
    }
}
