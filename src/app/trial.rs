//! The dry run: what a request would lead to, and the exact requests that would leave. An event
//! that waits for others is shown as a batch of its own.

use std::sync::Arc;

use crate::model::{Json, json};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::admin::Try;
use crate::egress;
use crate::lookup::{Attempt, Lookups, resolve_events};
use crate::model::{
    Batch, BatchId, Decision, Delivery, Gathered, Member, Outcome, Proof, Receipt, ReceiptId, Request,
    Sealed, Timestamp,
};
use crate::pipeline::{self, Incoming};
use crate::rules::{Rules, Source};

/// Runs a request through the rules without storing or sending anything. A request that would not
/// be verified is processed all the same, and `verified` says why it would be refused. Lookups are
/// made, where the request wants that.
///
/// # Errors
///
/// The request makes no sense, or the sender would be refused for its body.
pub async fn run(
    rules: &Arc<Rules>,
    request: Try,
    lookups: &Lookups,
    now: Timestamp,
) -> Result<Json, String> {
    check_names(rules, &request.source, request.lookups.keys().map(String::as_str))?;
    let (ask, given) = (request.ask, request.lookups.clone());
    let by = rules.clone();
    let crossed = tokio::task::spawn_blocking(move || cross(&by, &request, now));
    let Crossed { verified, receipt, mut outcome } = crossed.await.map_err(|error| error.to_string())??;
    if waits(&outcome) {
        let attempt = Attempt { number: 1, now, jitter: 0.0 };
        let (asked, before) = (ask.then_some(lookups), &outcome.events);
        let (resumed, _) = resolve_events(asked, rules, &receipt, before, attempt, &given).await;
        outcome = Outcome {
            deliveries: outcome.deliveries.into_iter().chain(resumed.deliveries).collect(),
            gathered: outcome.gathered.into_iter().chain(resumed.gathered).collect(),
            ..resumed
        };
    }
    Ok(shown(rules, &verified, &receipt, &outcome, now))
}

/// Whether a request names what is there.
///
/// # Errors
///
/// There is no such source, or no such lookup.
pub fn check_names<'n>(
    rules: &Rules,
    source: &str,
    mut lookups: impl Iterator<Item = &'n str>,
) -> Result<(), String> {
    source_of(rules, source)?;
    if let Some(name) = lookups.find(|name| !rules.lookups.contains_key(*name)) {
        let known: Vec<&str> = rules.config.lookups.iter().map(|lookup| lookup.name.as_str()).collect();
        return Err(format!("there is no lookup `{name}`; {}", crate::yaml::nearest(name, &known)));
    }
    Ok(())
}

fn source_of<'r>(rules: &'r Rules, name: &str) -> Result<&'r Arc<Source>, String> {
    rules.sources.get(name).ok_or_else(|| {
        let names: Vec<&str> = rules.config.sources.iter().map(|source| source.name.as_str()).collect();
        format!("there is no source `{name}`; {}", crate::yaml::nearest(name, &names))
    })
}

fn waits(outcome: &Outcome) -> bool {
    let mut verdicts = outcome.events.iter().flat_map(|processed| &processed.routes);
    verdicts.any(|verdict| matches!(verdict.decision, Decision::Deferred { .. }))
}

/// A request on the other side of the rules.
struct Crossed {
    verified: Json,
    receipt: Receipt,
    outcome: Outcome,
}

fn cross(rules: &Rules, request: &Try, now: Timestamp) -> Result<Crossed, String> {
    let source = source_of(rules, &request.source)?;
    let id = ReceiptId::new(now);
    let mut headers = map(&request.headers)?;
    if request.sign {
        sign(source, id, request, now, &mut headers)?;
    }
    let token = source.gate.token.as_ref().filter(|_| request.sign).map(|token| token.expose().to_owned());
    let proved = source.gate.prove(&headers, token.as_deref(), None, &request.body, now);
    let verified = match &proved {
        Ok(proof) => json!(proof),
        Err(cause) => json!({"error": cause.to_string()}),
    };
    let incoming = Incoming {
        id,
        received_at: now,
        request: facts(request, &headers),
        body: request.body.clone(),
        proof: proved.unwrap_or(Proof { scheme: "none".to_owned(), variant: None, secret: None }),
    };
    let (receipt, document) = pipeline::receive(source, incoming)
        .map_err(|error| format!("the sender would get 400 invalid_json: {error}"))?;
    let outcome = pipeline::process(rules, source, &receipt, document, now);
    Ok(Crossed { verified, receipt, outcome })
}

fn map(headers: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let bad = || format!("`{name}: …` is no valid header");
        let name = HeaderName::try_from(name.as_str()).map_err(|_| bad())?;
        map.append(name, HeaderValue::try_from(value.as_str()).map_err(|_| bad())?);
    }
    Ok(map)
}

/// Adds the signature that the source's sender would send, with the first secret that holds.
fn sign(
    source: &Source,
    id: ReceiptId,
    request: &Try,
    now: Timestamp,
    headers: &mut HeaderMap,
) -> Result<(), String> {
    let Some(verifier) = &source.gate.signature else { return Ok(()) };
    for (name, value) in verifier.signer().sign(&id.to_string(), now.as_second(), &request.body) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    match verifier.scheme.signature_header().is_none_or(|name| headers.contains_key(name)) {
        true => Ok(()),
        false => Err(format!(
            "nothing can be signed for `{}`: it has only public keys, or secrets that expired; give the headers \
             that came instead",
            source.name
        )),
    }
}

fn facts(request: &Try, headers: &HeaderMap) -> Request {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Request {
        method: request.method.clone(),
        path: format!("/hooks/{}", request.source),
        query: None,
        headers: headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        client: None,
    }
}

fn shown(rules: &Rules, verified: &Json, receipt: &Receipt, outcome: &Outcome, now: Timestamp) -> Json {
    let batches: Vec<(&Gathered, Sealed)> = outcome
        .gathered
        .iter()
        .map(|waits| (waits, pipeline::seal(rules, &batch_of(waits, receipt, now), now)))
        .collect();
    let routes: Vec<Json> = outcome
        .events
        .iter()
        .flat_map(|processed| {
            processed.verdicts().into_iter().map(|verdict| {
                let mut line = json!(verdict);
                line["event"] = json!(processed.event.id);
                let same =
                    |waits: &Gathered| waits.event == processed.event.id && waits.route == verdict.route;
                if let Some((waits, sealed)) = batches.iter().find(|(waits, _)| same(waits)) {
                    waiting(&mut line, waits, sealed);
                }
                line
            })
        })
        .collect();
    let lookups: Vec<Json> = outcome
        .events
        .iter()
        .flat_map(|processed| {
            processed.lookups.iter().map(|looked| {
                let mut line = json!(looked);
                line["event"] = json!(processed.event.id);
                line
            })
        })
        .collect();
    let sealed = batches.iter().flat_map(|(_, sealed)| match sealed {
        Sealed::Sent(deliveries) => deliveries.as_slice(),
        Sealed::Dropped(_) | Sealed::Failed(_) => &[],
    });
    let requests: Vec<Json> =
        outcome.deliveries.iter().chain(sealed).map(|delivery| request(rules, delivery, now)).collect();
    json!({
        "verified": verified,
        "dedupe": receipt.dedupe,
        "notes": receipt.notes,
        "events": outcome.events.iter().map(|processed| &processed.event).collect::<Vec<_>>(),
        "lookups": lookups,
        "routes": routes,
        "requests": requests,
        "failure": outcome.first_failure(),
    })
}

/// The batch that this event alone would be.
fn batch_of(waits: &Gathered, receipt: &Receipt, now: Timestamp) -> Batch {
    Batch {
        id: BatchId::new(now),
        route: waits.route.clone(),
        by: waits.by,
        key: waits.key.clone(),
        group: waits.group.clone(),
        opened_at: now,
        members: vec![Member {
            receipt: receipt.id,
            event: waits.content.clone(),
            lookups: waits.lookups.clone(),
            lineage: waits.lineage.clone(),
            body: receipt.body.clone(),
        }],
    }
}

/// What an event waits for, and what would become of it if nothing else came.
fn waiting(line: &mut Json, waits: &Gathered, sealed: &Sealed) {
    let window = &waits.window;
    line["by"] = json!(waits.by);
    line["alone"] = json!(waits.alone);
    line["window"] = json!({
        "quiet_ms": window.quiet.as_millis(),
        "max_wait_ms": window.max_wait.as_millis(),
        "max_events": window.max_events,
        "max_bytes": window.max_bytes,
    });
    line["sealed"] = match sealed {
        Sealed::Sent(deliveries) => {
            json!({"deliveries": deliveries.iter().map(|it| it.id).collect::<Vec<_>>()})
        }
        Sealed::Dropped(reason) => json!({"dropped": reason}),
        Sealed::Failed(failure) => json!({"failed": failure}),
    };
}

fn request(rules: &Rules, delivery: &Delivery, now: Timestamp) -> Json {
    let mut shown = json!({
        "delivery": delivery.id,
        "destination": delivery.destination,
        "route": delivery.route,
        "lane": delivery.lane,
    });
    if let Some(batch) = delivery.batch {
        shown["batch"] = json!(batch);
    }
    let preview = rules.destinations.get(delivery.destination.as_str());
    match preview.map(|destination| egress::preview(destination, delivery, now)) {
        Some(Ok(preview)) => {
            shown["method"] = json!(preview.method);
            shown["url"] = json!(preview.url);
            shown["headers"] = json!(preview.headers);
            shown["body"] = json!(String::from_utf8_lossy(&preview.body));
        }
        Some(Err(failure)) => shown["error"] = json!(format!("{}; {}", failure.error, failure.remedy)),
        None => shown["error"] = json!("there is no such destination"),
    }
    shown
}

#[cfg(test)]
mod tests;
