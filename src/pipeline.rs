//! From a receipt to its outcome: adapter, route, script, format, in that order, no IO.
//!
//! Never refuses: a failure is an outcome. What one route's script does wrong stops no other
//! route; the receipt counts as failed, and a replay runs what failed again.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Map;
use sha2::{Digest, Sha256};

use crate::format::Rendered;
use crate::json::JsonError;
use crate::model::{
    Decision, Delivery, DeliveryId, Event, Failure, Json, Outcome, Processed, Proof, Receipt, ReceiptId,
    Request, RouteVerdict, Stage, Timestamp,
};
use crate::route::Asked;
use crate::rules::{Outlet, Route, Rules, Source};
use crate::script::{Body, Message, Verdict};
use crate::signature::EMPTY_AS_BRACES;
use crate::template::{Scene, TemplateError, Templates};

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
    Run { receipt, event, route, now }.formatted()
}

/// What a route did with an event the last time, if that was to send it.
fn routed_before<'o>(before: &'o Outcome, event: &Event, route: &str) -> Option<&'o RouteVerdict> {
    let processed = before.events.iter().find(|processed| processed.event.id == event.id)?;
    let mut verdicts = processed.routes.iter();
    verdicts.find(|verdict| verdict.route == route && matches!(verdict.decision, Decision::Routed { .. }))
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
        let crossing = Crossing { source, receipt, event: &event, asked: Asked::about(&event), now };
        for route in rules.routes.iter().filter(|route| wanted(&event, &route.name)) {
            let decision = crossing.decide(route, &mut outcome.deliveries);
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
    source: &'a Source,
    receipt: &'a Receipt,
    event: &'a Arc<Event>,
    asked: Asked<'a>,
    now: Timestamp,
}

impl Crossing<'_> {
    /// What one route does with the event.
    fn decide(&self, route: &Route, deliveries: &mut Vec<Delivery>) -> Decision {
        let default_branch = self.source.settings.default_branch.as_deref();
        if let Err(no) = route.matches.check_asked(&self.asked, default_branch) {
            return Decision::Unmatched { condition: no.condition, wanted: no.wanted, actual: no.actual };
        }
        let enriched = route.action_data.as_ref().and_then(|extra| enriched(self.event, extra));
        let event = enriched.as_ref().unwrap_or(self.event);
        Run { receipt: self.receipt, event, route, now: self.now }.decide(deliveries)
    }
}

/// The event with the route's own data under what the sender told; `None`: its `data` has no keys.
fn enriched(event: &Arc<Event>, extra: &Map<String, Json>) -> Option<Arc<Event>> {
    if !matches!(event.data, Json::Object(_) | Json::Null) {
        return None;
    }
    let mut event = Event::clone(event);
    let mut data = extra.clone();
    if let Json::Object(told) = event.data.take() {
        data.extend(told);
    }
    event.data = Json::Object(data);
    Some(Arc::new(event))
}

/// One event on its way through one route.
struct Run<'a> {
    receipt: &'a Receipt,
    event: &'a Arc<Event>,
    route: &'a Route,
    now: Timestamp,
}

/// What one delivery says, before its destination's own words.
struct Content {
    /// `None`: the destination's, else `usual_type`.
    content_type: Option<String>,
    usual_type: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Run<'_> {
    fn decide(&self, deliveries: &mut Vec<Delivery>) -> Decision {
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
                    batch: None,
                }
            }
            Err(failure) => Decision::Failed(failure),
        }
    }

    /// The event as each destination wants it.
    fn formatted(&self) -> Result<Vec<Delivery>, Failure> {
        self.route
            .to
            .iter()
            .map(|outlet| self.delivery(outlet, None, |scene| self.usual(outlet, scene)))
            .collect()
    }

    /// By the destination's template, or in its format.
    fn usual(&self, outlet: &Outlet, scene: Option<(&Templates, &Scene)>) -> Result<Content, Failure> {
        if let Some((templates, scene)) = scene
            && let Some(body) = templates.body(scene).map_err(template_failure)?
        {
            let usual_type = "application/json".to_owned();
            return Ok(Content { content_type: None, usual_type, headers: Vec::new(), body: body.into() });
        }
        let settings = &outlet.settings;
        let rendered = settings.format.render(self.event, self.receipt, &settings.kinds);
        let rendered = rendered.map_err(|message| Failure {
            stage: Stage::Format,
            message,
            place: Some(settings.name.clone()),
        })?;
        let Rendered { content_type, headers, body } = rendered;
        Ok(Content { content_type: None, usual_type: content_type, headers, body })
    }

    /// What the script said, to the destinations it meant.
    fn worded(&self, messages: Vec<Message>) -> Result<Vec<Delivery>, Failure> {
        let mut made = Vec::with_capacity(messages.len() * self.route.to.len());
        for message in messages {
            let (usual_type, body) = self.body(&message)?;
            for outlet in self.addressed(&message)? {
                made.push(self.delivery(outlet, message.key.as_deref(), |_| {
                    Ok(Content {
                        content_type: message.r#type.clone().filter(|named| named.contains('/')),
                        usual_type: usual_type.to_owned(),
                        headers: message.headers.clone(),
                        body: body.clone(),
                    })
                })?);
            }
        }
        Ok(made)
    }

    fn body(&self, message: &Message) -> Result<(&'static str, Bytes), Failure> {
        match &message.body {
            Body::Text(text) => Ok(("text/plain; charset=utf-8", Bytes::from(text.clone()))),
            Body::Json(value) => {
                let bytes =
                    serde_json::to_vec(value).map_err(|error| self.script_failure(error.to_string()))?;
                Ok(("application/json", Bytes::from(bytes)))
            }
        }
    }

    fn addressed(&self, message: &Message) -> Result<Vec<&Arc<Outlet>>, Failure> {
        let Some(name) = &message.to else { return Ok(self.route.to.iter().collect()) };
        match self.route.to.iter().find(|outlet| outlet.settings.name == *name) {
            Some(outlet) => Ok(vec![outlet]),
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

    /// Puts what is said under what the destination's templates add to every delivery.
    fn delivery(
        &self,
        outlet: &Outlet,
        key: Option<&str>,
        content: impl FnOnce(Option<(&Templates, &Scene)>) -> Result<Content, Failure>,
    ) -> Result<Delivery, Failure> {
        let (to, id) = (&outlet.settings, DeliveryId::new(self.now));
        let scene = outlet.templates.as_ref().map(|all| (all, all.scene(self.event, &to.kinds, id)));
        let scene = scene.as_ref().map(|(templates, scene)| (*templates, scene));
        let mut said = content(scene)?;
        let (url, mut headers) = match scene {
            Some((templates, scene)) => (
                templates.url(scene).map_err(template_failure)?,
                templates.headers(scene).map_err(template_failure)?,
            ),
            None => (None, Vec::new()),
        };
        headers.retain(|(name, _)| {
            to.fixed_headers.iter().all(|fixed| !fixed.as_str().eq_ignore_ascii_case(name))
        });
        let content_type = said.content_type.or_else(|| take(&mut said.headers, "content-type"));
        let content_type = content_type.or_else(|| take(&mut headers, "content-type"));
        let content_type = content_type.or_else(|| to.content_type.clone()).unwrap_or(said.usual_type);
        headers.retain(|(name, _)| said.headers.iter().all(|(known, _)| !known.eq_ignore_ascii_case(name)));
        headers.extend(said.headers);
        Ok(Delivery {
            id,
            receipt: self.receipt.id,
            event: self.event.id,
            batch: None,
            route: self.route.name.to_string(),
            destination: to.name.clone(),
            lane: self.lane(to.ordered, key),
            url,
            content_type,
            headers,
            body: said.body,
            supersede: to.supersede,
            created_at: self.now,
        })
    }

    /// The same object of the same source keeps to one lane; a script may choose another.
    fn lane(&self, ordered: bool, key: Option<&str>) -> Option<String> {
        if !ordered {
            return None;
        }
        if let Some(key) = key {
            return Some(format!("key:{key}"));
        }
        let object = self.event.object.as_ref()?;
        Some(format!("{}:{}:{}", self.event.source, object.kind, object.id))
    }
}

/// Takes a header out of the list.
fn take(headers: &mut Vec<(String, String)>, wanted: &str) -> Option<String> {
    let place = headers.iter().position(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    Some(headers.remove(place).1)
}

fn template_failure(error: TemplateError) -> Failure {
    Failure { stage: Stage::Template, message: error.message, place: Some(error.place) }
}
