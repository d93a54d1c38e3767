//! From a receipt to its outcome: adapter, route, script, format, in that order, no IO.
//!
//! Never refuses: a failure is an outcome. What one route's script does wrong stops no other
//! route; the receipt counts as failed, and a replay runs what failed again.

#[cfg(test)]
mod fixture;
mod gather;
pub mod lookups;
mod run;
mod seal;
mod sieve;

use std::sync::Arc;

use crate::model::Map;
use bytes::Bytes;
use ring::digest::{SHA256, digest};

use crate::adapter::Reading;
use crate::json::JsonError;
use crate::model::{
    Decision, Delivery, Event, Failure, Json, OWN_SOURCE, Outcome, Processed, Proof, Receipt, ReceiptId,
    Request, RouteVerdict, Stage, Timestamp,
};
use crate::route::Asked;
use crate::rules::{Route, Rules, Source};
use crate::signature::EMPTY_AS_BRACES;

pub use seal::seal;

use lookups::Found;
use run::{Of, Run};

/// A verified request, not yet read.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub id: ReceiptId,
    pub received_at: Timestamp,
    pub request: Request,
    /// As received, byte for byte.
    pub body: Bytes,
    pub proof: Proof,
}

/// Reads and redacts a verified request. The error is the sender's: no JSON where it is needed.
pub fn receive(source: &Source, incoming: Incoming) -> Result<(Receipt, Json), JsonError> {
    let Incoming { id, received_at, request, body, proof } = incoming;
    // What is verified is what is processed: here the text `{}` was signed, and no body sent.
    let signed_braces = proof.variant.as_deref() == Some(EMPTY_AS_BRACES);
    let body = if signed_braces { Bytes::from_static(b"{}") } else { body };
    let reading = source.adapter.read(&source.settings, &body)?;
    let mut receipt = Receipt {
        id,
        source: source.name.clone(),
        received_at,
        request,
        body: reading.body,
        body_sha256: hex::encode(digest(&SHA256, &body)),
        dedupe: None,
        proof,
        notes: reading.notes,
        masked: reading.masked,
    };
    receipt.dedupe = source.adapter.dedupe(&source.settings, &receipt, &reading.document);
    Ok((receipt, reading.document))
}

/// Runs a receipt through the rules. `document` is the parsed `receipt.body`.
pub fn process(rules: &Rules, source: &Source, receipt: &Receipt, document: Json, now: Timestamp) -> Outcome {
    run(rules, source, receipt, document, now, |_, _| true)
}

/// Runs a stored receipt through the rules again.
///
/// A receipt that failed keeps what its other routes already sent: all but those run again. Any
/// other receipt runs through all routes. What is to be redacted by now is, whatever was stored.
pub fn replay(
    rules: &Rules,
    source: &Source,
    receipt: &Receipt,
    before: &Outcome,
    now: Timestamp,
) -> Outcome {
    let reading = match source.adapter.read(&source.settings, &receipt.body) {
        Ok(reading) => reading,
        Err(error) => {
            return failed(rules, Failure { stage: Stage::Map, message: error.to_string(), place: None });
        }
    };
    let mut receipt = receipt.clone();
    let document = hidden(&mut receipt, reading);
    if before.first_failure().is_none() || before.failure.is_some() {
        return process(rules, source, &receipt, document, now);
    }
    let mut outcome = run(rules, source, &receipt, document, now, |event, route| {
        routed_before(before, event, route).is_none()
    });
    for processed in &mut outcome.events {
        let event = &processed.event;
        let kept = rules.routes.iter().filter_map(|route| routed_before(before, event, &route.name));
        processed.routes.extend(kept.cloned());
        let rank = |name: &str| rules.routes.iter().position(|route| &*route.name == name);
        processed.routes.sort_by_key(|verdict| rank(&verdict.route));
    }
    outcome
}

/// Takes over what is redacted by now, and gives the document.
fn hidden(receipt: &mut Receipt, reading: Reading) -> Json {
    receipt.body = reading.body;
    receipt.masked.extend(reading.masked);
    reading.document
}

/// What the destinations of a route get of an event that its conditions and its script let pass.
///
/// # Errors
///
/// Why a template or a format could not render it.
pub fn deliveries(
    route: &Route,
    event: &Arc<Event>,
    receipt: &Receipt,
    now: Timestamp,
) -> Result<Vec<Delivery>, Failure> {
    Run { of: Of::Receipt(receipt), event, route, lookups: None, now }.formatted()
}

/// What a route did with an event the last time, if that was to send it, also together with others.
fn routed_before<'o>(before: &'o Outcome, event: &Event, route: &str) -> Option<&'o RouteVerdict> {
    let processed = before.events.iter().find(|processed| processed.event.id == event.id)?;
    let mut verdicts = processed.routes.iter();
    let sends = |decision: &Decision| matches!(decision, Decision::Routed { .. } | Decision::Gathered { .. });
    verdicts.find(|verdict| verdict.route == route && sends(&verdict.decision))
}

fn failed(rules: &Rules, failure: Failure) -> Outcome {
    Outcome { failure: Some(failure), ..Outcome::new(&rules.revision) }
}

fn run(
    rules: &Rules,
    source: &Source,
    receipt: &Receipt,
    document: Json,
    now: Timestamp,
    wanted: impl Fn(&Event, &str) -> bool,
) -> Outcome {
    let events = match source.adapter.normalise(&source.settings, receipt, document) {
        Ok(events) => events,
        Err(failure) => return failed(rules, failure),
    };
    let mut outcome = Outcome::new(&rules.revision);
    for event in events {
        // Shared with the scripts, which read it in place.
        let event = Arc::new(event);
        let mut verdicts = Vec::with_capacity(rules.routes.len());
        let asked = Asked::about(&event);
        let crossing = Crossing { rules, source, receipt, event: &event, asked, found: None, now };
        for route in rules.routes.iter().filter(|route| wanted(&event, &route.name)) {
            let decision = crossing.decide(route, &mut outcome);
            verdicts.push(RouteVerdict { route: route.name.to_string(), decision });
        }
        drop(crossing);
        let event = Arc::try_unwrap(event).unwrap_or_else(|shared| (*shared).clone());
        outcome.events.push(Processed { event, routes: verdicts, lookups: Vec::new() });
    }
    outcome
}

/// One event before all routes.
struct Crossing<'a> {
    rules: &'a Rules,
    source: &'a Source,
    receipt: &'a Receipt,
    event: &'a Arc<Event>,
    asked: Asked<'a>,
    /// `None`: nothing was looked up yet.
    found: Option<&'a Found>,
    now: Timestamp,
}

impl Crossing<'_> {
    /// What one route does with the event.
    fn decide(&self, route: &Route, outcome: &mut Outcome) -> Decision {
        if &*self.source.name == OWN_SOURCE && !route.takes_own {
            let wanted = "sources, none of them by the name of the gateway's own".to_owned();
            return Decision::Unmatched {
                condition: "from".to_owned(),
                wanted,
                actual: OWN_SOURCE.to_owned(),
            };
        }
        let default_branch = self.source.settings.default_branch.as_deref();
        if let Err(no) = route.matches.check_asked(&self.asked, default_branch) {
            return Decision::Unmatched { condition: no.condition, wanted: no.wanted, actual: no.actual };
        }
        if let Some(reason) = sieve::caught(route, self.event, self.receipt) {
            return Decision::Filtered { reason: Some(reason) };
        }
        let lookups = match self.looked_up(route) {
            Ok(lookups) => lookups,
            Err(decision) => {
                if matches!(decision, Decision::Deferred { .. }) {
                    outcome.held.extend(self.held(route));
                }
                return decision;
            }
        };
        let enriched = route.action_data.as_ref().and_then(|extra| enriched(self.event, extra));
        let event = enriched.as_ref().unwrap_or(self.event);
        let (receipt, lookups) = (self.receipt, lookups.as_ref());
        Run { of: Of::Receipt(receipt), event, route, lookups, now: self.now }.decide(outcome)
    }
}

/// The event with the route's own data under what the sender told; `None`: its `data` has no keys.
fn enriched(event: &Arc<Event>, extra: &Map) -> Option<Arc<Event>> {
    if !matches!(*event.data, Json::Object(_) | Json::Null) {
        return None;
    }
    let mut event = Event::clone(event);
    let mut data = extra.clone();
    if let Json::Object(told) = std::mem::take(&mut event.data).into_json() {
        data.extend(told);
    }
    event.data = Json::Object(data).into();
    Some(Arc::new(event))
}
