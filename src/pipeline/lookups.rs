//! Routes that wait for lookups: what they ask, and how they go on with what was found.
//!
//! A stored receipt is opened again under the rules in force. Verdicts that are final stay as they
//! are; the deferred ones are made again, now with answers. Asks nobody itself.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::json;

use super::run::object_lane;
use super::{Crossing, hidden};
use crate::config::OnFailure;
use crate::model::{
    Decision, Event, EventId, Failure, Held, Json, Looked, Outcome, Processed, Receipt, RouteVerdict, Stage,
    Timestamp,
};
use crate::route::Asked;
use crate::rules::{Route, Rules, Source};
use crate::schedule::Next;

/// How much of one answer the record keeps, as JSON text in bytes.
pub const RECORDED: usize = 64 * 1024;
/// The same of all answers for one receipt.
const RECORDED_IN_ALL: usize = 4 * 1024 * 1024;

/// Something to be looked up for one event.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub event: Arc<Event>,
    pub lookup: Arc<str>,
}

/// What became of one lookup.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Its `value` is filled in when it is [put down](Found::insert).
    pub looked: Looked,
    /// What scripts and templates get; `None`: it failed.
    pub value: Option<Arc<Json>>,
    /// The value as the record may show it, `null` if there is none.
    pub shown: Arc<Json>,
    /// When it is made again if it failed, or why it is not.
    pub next: Next,
}

/// What was found for the events of one receipt.
#[derive(Debug)]
pub struct Found {
    /// By event; few for each.
    findings: HashMap<EventId, Vec<Finding>>,
    /// How much the record may still keep.
    left: usize,
}

impl Default for Found {
    fn default() -> Self {
        Self { findings: HashMap::new(), left: RECORDED_IN_ALL }
    }
}

impl Found {
    /// Puts down what was found for an event.
    pub fn insert(&mut self, event: EventId, mut finding: Finding) {
        finding.looked.value = match finding.value {
            Some(_) => self.recorded(&finding.shown),
            None => Json::Null,
        };
        self.findings.entry(event).or_default().push(finding);
    }

    /// What was found for an event by a lookup.
    pub fn get(&self, event: EventId, lookup: &str) -> Option<&Finding> {
        self.findings.get(&event)?.iter().find(|finding| finding.looked.name == lookup)
    }

    /// The value as the record shows it; of a larger one the beginning.
    fn recorded(&mut self, value: &Json) -> Json {
        let text = value.to_string();
        let most = self.left.min(RECORDED);
        if text.len() <= most {
            self.left -= text.len();
            return value.clone();
        }
        let end = (0..=most.min(RECORDED / 16)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.left -= end;
        json!({"cut": {"bytes": text.len(), "beginning": text.get(..end).unwrap_or_default()}})
    }

    /// When the deferred verdicts of an outcome are due again: when the last of their lookups is.
    pub fn again(&self, outcome: &Outcome) -> Option<Timestamp> {
        let due = |event: &Processed| {
            let names = event.routes.iter().filter_map(|verdict| match &verdict.decision {
                Decision::Deferred { lookups } => Some(lookups),
                _ => None,
            });
            let findings = names.flatten().filter_map(|name| self.get(event.event.id, name));
            findings
                .filter_map(|finding| match (&finding.value, &finding.next) {
                    (None, Next::Again(at)) => Some(*at),
                    _ => None,
                })
                .max()
        };
        outcome.events.iter().filter_map(due).max()
    }
}

/// A stored receipt with verdicts that wait, read again by the rules in force.
#[derive(Debug)]
pub struct Reopened {
    rules: Arc<Rules>,
    receipt: Receipt,
    before: Vec<Processed>,
    /// The events that the receipt yields now, or why it yields none.
    events: Result<HashMap<EventId, Arc<Event>>, Failure>,
}

impl Reopened {
    /// Reads the receipt as a replay would: what is to be redacted by now is.
    pub fn new(rules: Arc<Rules>, mut receipt: Receipt, before: Vec<Processed>) -> Self {
        let events = match rules.source(&receipt.source) {
            Some(source) => read(source, &mut receipt),
            None => Err(map_failure(format!("the source `{}` is no longer configured", receipt.source))),
        };
        Self { rules, receipt, before, events }
    }

    /// What is to be looked up, each for its event once, in the order of events and routes.
    pub fn wanted(&self) -> Vec<Wanted> {
        let mut wanted: Vec<Wanted> = Vec::new();
        for processed in &self.before {
            let Some(event) = self.event(processed.event.id) else { continue };
            let first = wanted.len();
            for route in processed.routes.iter().filter(|verdict| is_deferred(verdict)) {
                for lookup in self.route(&route.route).into_iter().flat_map(|route| &route.lookups) {
                    let of_event = wanted.get(first..).unwrap_or_default();
                    if of_event.iter().all(|known| known.lookup != *lookup) {
                        wanted.push(Wanted { event: event.clone(), lookup: lookup.clone() });
                    }
                }
            }
        }
        wanted
    }

    /// The outcome that knows what was found. Its deliveries are the new ones.
    pub fn resume(&self, found: &Found, now: Timestamp) -> Outcome {
        let mut outcome = Outcome::new(&self.rules.revision);
        for processed in &self.before {
            let next = match processed.routes.iter().any(is_deferred) {
                true => self.resumed(processed, found, now, &mut outcome),
                false => processed.clone(),
            };
            outcome.events.push(next);
        }
        outcome
    }

    fn resumed(&self, before: &Processed, found: &Found, now: Timestamp, outcome: &mut Outcome) -> Processed {
        let source = self.rules.source(&self.receipt.source);
        let (Some(event), Some(source)) = (self.event(before.event.id), source) else {
            return lost(before, self.events.as_ref().err());
        };
        let (rules, receipt) = (&*self.rules, &self.receipt);
        let asked = Asked::about(event);
        let crossing = Crossing { rules, source, receipt, event, asked, found: Some(found), now };
        let Processed { routes, refused, lookups, .. } = before.clone();
        let mut after = Processed { event: Event::clone(event), routes, refused, lookups };
        for verdict in after.routes.iter_mut().filter(|verdict| is_deferred(verdict)) {
            verdict.decision = match self.route(&verdict.route) {
                Some(route) => {
                    let names = route.lookups.iter();
                    names.filter_map(|name| found.get(event.id, name)).for_each(|finding| {
                        note(&mut after.lookups, &finding.looked);
                    });
                    crossing.decide(route, outcome)
                }
                None => {
                    let reason = "the route left the config before its lookups were made";
                    Decision::Filtered { reason: Some(reason.to_owned()) }
                }
            };
        }
        after
    }

    fn event(&self, id: EventId) -> Option<&Arc<Event>> {
        self.events.as_ref().ok()?.get(&id)
    }

    fn route(&self, name: &str) -> Option<&Route> {
        self.rules.routes.iter().find(|route| &*route.name == name)
    }
}

fn read(source: &Source, receipt: &mut Receipt) -> Result<HashMap<EventId, Arc<Event>>, Failure> {
    let reading = source.adapter.read(&source.settings, &receipt.body);
    let document = hidden(receipt, reading.map_err(|error| map_failure(error.to_string()))?);
    let events = source.adapter.normalise(&source.settings, receipt, document)?;
    Ok(events.into_iter().map(|event| (event.id, Arc::new(event))).collect())
}

fn map_failure(message: String) -> Failure {
    Failure { stage: Stage::Map, message, place: None }
}

/// An event that the receipt does not yield any more: what waited has failed.
fn lost(before: &Processed, why: Option<&Failure>) -> Processed {
    let failure = why.cloned().unwrap_or_else(|| {
        map_failure("the receipt no longer yields this event; replay it by the rules in force".to_owned())
    });
    let mut after = before.clone();
    for verdict in after.routes.iter_mut().filter(|verdict| is_deferred(verdict)) {
        verdict.decision = Decision::Failed(failure.clone());
    }
    after
}

fn is_deferred(verdict: &RouteVerdict) -> bool {
    matches!(verdict.decision, Decision::Deferred { .. })
}

/// The last word of each lookup, in the order in which they were first made.
fn note(record: &mut Vec<Looked>, looked: &Looked) {
    match record.iter_mut().find(|known| known.name == looked.name) {
        Some(known) => known.clone_from(looked),
        None => record.push(looked.clone()),
    }
}

impl Crossing<'_> {
    /// What the lookups of a route gave, by name, or what becomes of the event without.
    pub(super) fn looked_up(&self, route: &Route) -> Result<Option<Arc<Json>>, Decision> {
        if route.lookups.is_empty() {
            return Ok(None);
        }
        let mut known = crate::model::Map::with_capacity(route.lookups.len());
        let (mut waits, mut failed) = (false, None);
        for name in &route.lookups {
            let finding = self.found.and_then(|found| found.get(self.event.id, name));
            match finding.map(|finding| (finding, finding.value.as_deref())) {
                None => waits = true,
                Some((_, Some(value))) => drop(known.insert(name.to_string(), value.clone())),
                Some((finding, None)) => match self.missed(name, finding)? {
                    Missed::Null => drop(known.insert(name.to_string(), Json::Null)),
                    Missed::Waits => waits = true,
                    Missed::Failed(failure) => drop(failed.get_or_insert(failure)),
                },
            }
        }
        match (failed, waits) {
            (Some(failure), _) => Err(Decision::Failed(failure)),
            (None, true) => {
                Err(Decision::Deferred { lookups: route.lookups.iter().map(ToString::to_string).collect() })
            }
            (None, false) => Ok(Some(Arc::new(Json::Object(known)))),
        }
    }

    /// What a failed lookup means; the error is that the route drops the event.
    fn missed(&self, name: &str, finding: &Finding) -> Result<Missed, Decision> {
        let error = finding.looked.error.as_deref().unwrap_or("it failed");
        let settings = self.rules.lookups.get(name).map(|lookup| &lookup.settings);
        match (settings.map_or(OnFailure::Retry, |settings| settings.on_failure), &finding.next) {
            (OnFailure::Null, _) => Ok(Missed::Null),
            (OnFailure::Drop, _) => {
                Err(Decision::Filtered { reason: Some(format!("lookup {name}: {error}")) })
            }
            (OnFailure::Retry, Next::Again(_)) => Ok(Missed::Waits),
            (OnFailure::Retry, Next::Dead(why)) => {
                let message = format!("lookup {name}: {error} ({why})");
                let place = settings.map(|s| format!("{}:{}:{}", self.rules.config.file, s.at.0, s.at.1));
                Ok(Missed::Failed(Failure { stage: Stage::Lookup, message, place }))
            }
        }
    }

    /// The places in lanes that a route keeps while it waits. One that gathers keeps them too, so
    /// that the events of an object join their batches in order.
    pub(super) fn held(&self, route: &Route) -> impl Iterator<Item = Held> {
        let lane = object_lane(self.event);
        let ordered = route.to.iter().filter(|outlet| outlet.settings.ordered);
        ordered.zip(std::iter::repeat(lane)).filter_map(|(outlet, lane)| {
            Some(Held {
                event: self.event.id,
                route: route.name.to_string(),
                destination: outlet.settings.name.clone(),
                lane: lane?,
            })
        })
    }
}

enum Missed {
    Null,
    Waits,
    Failed(Failure),
}
