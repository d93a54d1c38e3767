//! From a receipt to its outcome: adapter, route, script, format, in that order, no IO.
//!
//! Never refuses: a failure is an outcome. What one route's script does wrong stops no other
//! route; the receipt counts as failed, and a replay runs what failed again.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::config::Destination;
use crate::json::JsonError;
use crate::model::{
    Decision, Delivery, DeliveryId, Event, Failure, Json, Outcome, Processed, Proof, Receipt, ReceiptId,
    Request, RouteVerdict, Stage, Timestamp,
};
use crate::rules::{Route, Rules, Source};
use crate::script::{Body, Message, Verdict};
use crate::signature::EMPTY_AS_BRACES;

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
        body_sha256: hex::encode(Sha256::digest(&body)),
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
    let mut receipt = Receipt { body: reading.body, ..receipt.clone() };
    receipt.masked.extend(reading.masked);
    if before.first_failure().is_none() || before.failure.is_some() {
        return process(rules, source, &receipt, reading.document, now);
    }
    let mut outcome = run(rules, source, &receipt, reading.document, now, |event, route| {
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

/// What a route did with an event the last time, if that was to send it.
fn routed_before<'o>(before: &'o Outcome, event: &Event, route: &str) -> Option<&'o RouteVerdict> {
    let processed = before.events.iter().find(|processed| processed.event.id == event.id)?;
    let mut verdicts = processed.routes.iter();
    verdicts.find(|verdict| verdict.route == route && matches!(verdict.decision, Decision::Routed { .. }))
}

fn failed(rules: &Rules, failure: Failure) -> Outcome {
    Outcome {
        revision: rules.revision.clone(),
        failure: Some(failure),
        events: Vec::new(),
        deliveries: Vec::new(),
    }
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
    let mut outcome = Outcome {
        revision: rules.revision.clone(),
        failure: None,
        events: Vec::with_capacity(events.len()),
        deliveries: Vec::new(),
    };
    for event in events {
        // Shared with the scripts, which read it in place.
        let event = Arc::new(event);
        let mut verdicts = Vec::with_capacity(rules.routes.len());
        for route in rules.routes.iter().filter(|route| wanted(&event, &route.name)) {
            let run = Run { source, receipt, event: &event, route, now };
            let decision = run.decide(&mut outcome.deliveries);
            verdicts.push(RouteVerdict { route: route.name.to_string(), decision });
        }
        let event = Arc::try_unwrap(event).unwrap_or_else(|shared| (*shared).clone());
        outcome.events.push(Processed { event, routes: verdicts });
    }
    outcome
}

/// One event on its way through one route.
struct Run<'a> {
    source: &'a Source,
    receipt: &'a Receipt,
    event: &'a Arc<Event>,
    route: &'a Route,
    now: Timestamp,
}

impl Run<'_> {
    fn decide(&self, deliveries: &mut Vec<Delivery>) -> Decision {
        if let Err(no) = self.route.matches.check(self.event, self.source.settings.default_branch.as_deref())
        {
            return Decision::Unmatched { condition: no.condition, wanted: no.wanted, actual: no.actual };
        }
        match self.scripted() {
            Ok(Verdict::Dropped(reason)) => Decision::Filtered { reason },
            Ok(Verdict::Pass) => self.routed(self.formatted(), deliveries),
            Ok(Verdict::Messages(messages)) if messages.is_empty() => {
                Decision::Filtered { reason: Some("transform gave no message".to_owned()) }
            }
            Ok(Verdict::Messages(messages)) => self.routed(self.worded(messages), deliveries),
            Err(failure) => Decision::Failed(failure),
        }
    }

    fn scripted(&self) -> Result<Verdict, Failure> {
        match &self.route.script {
            None => Ok(Verdict::Pass),
            Some(script) => script.run_shared(self.event, self.now).map_err(|error| Failure {
                stage: Stage::Script,
                message: error.message,
                place: Some(error.place),
            }),
        }
    }

    /// All deliveries of a route or none: half a fan-out could not be replayed.
    fn routed(&self, made: Result<Vec<Delivery>, Failure>, deliveries: &mut Vec<Delivery>) -> Decision {
        match made {
            Ok(made) => {
                let ids = made.iter().map(|delivery| delivery.id).collect();
                deliveries.extend(made);
                Decision::Routed {
                    deliveries: ids,
                    script: self.route.script.as_ref().map(|s| s.file.clone()),
                }
            }
            Err(failure) => Decision::Failed(failure),
        }
    }

    /// The event in each destination's format.
    fn formatted(&self) -> Result<Vec<Delivery>, Failure> {
        self.route
            .to
            .iter()
            .map(|destination| {
                let rendered = destination
                    .format
                    .render(self.event, self.receipt, &destination.kinds)
                    .map_err(|message| Failure {
                        stage: Stage::Format,
                        message,
                        place: Some(destination.name.clone()),
                    })?;
                let mut delivery = self.delivery(destination, None, rendered.content_type, rendered.body);
                delivery.headers = rendered.headers;
                Ok(delivery)
            })
            .collect()
    }

    /// What the script said, to the destinations it meant.
    fn worded(&self, messages: Vec<Message>) -> Result<Vec<Delivery>, Failure> {
        let mut made = Vec::with_capacity(messages.len() * self.route.to.len());
        for message in messages {
            let (content_type, body) = self.body(&message)?;
            for destination in self.addressed(&message)? {
                let mut delivery =
                    self.delivery(destination, message.key.as_deref(), content_type.clone(), body.clone());
                delivery.headers.clone_from(&message.headers);
                made.push(delivery);
            }
        }
        Ok(made)
    }

    fn body(&self, message: &Message) -> Result<(String, Bytes), Failure> {
        let (default, body) = match &message.body {
            Body::Text(text) => ("text/plain; charset=utf-8", Bytes::from(text.clone())),
            Body::Json(value) => {
                let bytes =
                    serde_json::to_vec(value).map_err(|error| self.script_failure(error.to_string()))?;
                ("application/json", Bytes::from(bytes))
            }
        };
        Ok((message.r#type.clone().unwrap_or_else(|| default.to_owned()), body))
    }

    fn addressed(&self, message: &Message) -> Result<Vec<&Arc<Destination>>, Failure> {
        let Some(name) = &message.to else { return Ok(self.route.to.iter().collect()) };
        match self.route.to.iter().find(|destination| destination.name == *name) {
            Some(destination) => Ok(vec![destination]),
            None => Err(self.script_failure(format!(
                "the script sends to `{name}`, which is not among `to` of route `{}`",
                self.route.name
            ))),
        }
    }

    fn script_failure(&self, message: String) -> Failure {
        Failure {
            stage: Stage::Script,
            message,
            place: self.route.script.as_ref().map(|script| script.file.clone()),
        }
    }

    fn delivery(&self, to: &Destination, key: Option<&str>, content_type: String, body: Bytes) -> Delivery {
        Delivery {
            id: DeliveryId::new(self.now),
            receipt: self.receipt.id,
            event: self.event.id,
            route: self.route.name.to_string(),
            destination: to.name.clone(),
            lane: self.lane(to, key),
            content_type,
            headers: Vec::new(),
            body,
            created_at: self.now,
        }
    }

    /// The same object of the same source keeps to one lane; a script may choose another.
    fn lane(&self, to: &Destination, key: Option<&str>) -> Option<String> {
        if !to.ordered {
            return None;
        }
        if let Some(key) = key {
            return Some(format!("key:{key}"));
        }
        let object = self.event.object.as_ref()?;
        Some(format!("{}:{}:{}", self.event.source, object.kind, object.id))
    }
}
