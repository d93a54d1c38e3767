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

use crate::adapter::Reading;
use crate::json::JsonError;
use crate::model::{
    Decision, Delivery, Event, Failure, Json, OWN_SOURCE, Outcome, Processed, Proof, Receipt, ReceiptId,
    Refused, Request, RouteVerdict, Stage, Timestamp,
};
use crate::route::{Asked, Mismatch};
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
        dedupe: None,
        proof,
        notes: reading.notes,
        masked: reading.masked,
    };
    receipt.dedupe = source.adapter.dedupe(&source.settings, &receipt.request, &reading.document, &body);
    Ok((receipt, reading.document))
}

/// Runs a receipt through the rules. `document` is the parsed `receipt.body`.
pub fn process(rules: &Rules, source: &Source, receipt: &Receipt, document: Json, now: Timestamp) -> Outcome {
    run(rules, source, receipt, document, now, None)
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
    run(rules, source, &receipt, document, now, Some(before))
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

/// `before`: what it sent already is not sent again.
fn run(
    rules: &Rules,
    source: &Source,
    receipt: &Receipt,
    document: Json,
    now: Timestamp,
    before: Option<&Outcome>,
) -> Outcome {
    let events = match source.adapter.normalise(&source.settings, receipt, document) {
        Ok(events) => events,
        Err(failure) => return failed(rules, failure),
    };
    let mut outcome = Outcome::new(&rules.revision);
    for event in events {
        // Shared with the scripts, which read it in place.
        let event = Arc::new(event);
        let asked = Asked::about(&event);
        let crossing = Crossing { rules, source, receipt, event: &event, asked, found: None, now };
        let (routes, refused) = crossing.all(before, &mut outcome);
        drop(crossing);
        let event = Arc::try_unwrap(event).unwrap_or_else(|shared| (*shared).clone());
        outcome.events.push(Processed { event, routes, refused, lookups: Vec::new() });
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
    /// What the routes do with the event, and which of them a condition refused it for.
    fn all(&self, before: Option<&Outcome>, outcome: &mut Outcome) -> (Vec<RouteVerdict>, Option<Refused>) {
        let default_branch = self.source.settings.default_branch.as_deref();
        let mut answer = self.rules.roster.ask(self.event, default_branch);
        let is_own = &*self.source.name == OWN_SOURCE;
        let mut verdicts = Vec::new();
        for (route, said) in self.rules.routes.iter().zip(&mut answer.said) {
            if let Some(sent) = before.and_then(|before| routed_before(before, self.event, &route.name)) {
                *said = None;
                verdicts.push(sent.clone());
            } else if said.is_none() || is_own && !route.takes_own {
                *said = None;
                let decision = self.not_for(route).unwrap_or_else(|| self.passed(route, outcome));
                verdicts.push(RouteVerdict { route: route.name.to_string(), decision });
            }
        }
        (verdicts, answer.refused())
    }

    /// What one route does with the event.
    fn decide(&self, route: &Route, outcome: &mut Outcome) -> Decision {
        let default_branch = self.source.settings.default_branch.as_deref();
        let checked = || unmatched(route.matches.check_conditions(self.event, default_branch));
        self.not_for(route).or_else(checked).unwrap_or_else(|| self.passed(route, outcome))
    }

    /// That the event is the gateway's own, and the route did not ask for such.
    fn not_for(&self, route: &Route) -> Option<Decision> {
        (&*self.source.name == OWN_SOURCE && !route.takes_own).then(|| Decision::Unmatched {
            condition: "from".to_owned(),
            wanted: "sources, none of them by the name of the gateway's own".to_owned(),
            actual: OWN_SOURCE.to_owned(),
        })
    }

    /// What a route does with an event that all its conditions let pass, but for the set of them.
    fn passed(&self, route: &Route, outcome: &mut Outcome) -> Decision {
        if let Some(no) = unmatched(route.matches.check_set(&self.asked)) {
            return no;
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

fn unmatched(checked: Result<(), Mismatch>) -> Option<Decision> {
    let Mismatch { condition, wanted, actual } = checked.err()?;
    Some(Decision::Unmatched { condition, wanted, actual })
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
