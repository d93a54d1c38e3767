//! One event on its way through one route whose conditions it met: script, then what each
//! destination gets of it. A batch takes the second half of the same way.

use std::sync::Arc;

use bytes::Bytes;

use super::seal;
use crate::format::{Digest, Rendered};
use crate::model::{
    Batch, Decision, Delivery, DeliveryId, Event, Failure, Json, Lineage, Outcome, Receipt, ReceiptId, Stage,
    Timestamp,
};
use crate::rules::{Outlet, Route};
use crate::script::{Body, Message, ScriptError, Verdict};
use crate::template::{Scene, TemplateError, Templates};

/// One event, or one batch, on its way through one route.
pub(super) struct Run<'a> {
    pub of: Of<'a>,
    /// Of a batch: what stands for all its events.
    pub event: &'a Arc<Event>,
    pub route: &'a Route,
    /// What the route's lookups found: a JSON object, by name. `None`: it makes none.
    pub lookups: Option<&'a Arc<Json>>,
    pub now: Timestamp,
}

/// What the event comes from.
#[derive(Clone, Copy)]
pub(super) enum Of<'a> {
    Receipt(&'a Receipt),
    Batch(&'a Digest<'a>),
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
    pub fn decide(&self, outcome: &mut Outcome) -> Decision {
        if let Some(coalesce) = &self.route.coalesce {
            return self.gather(coalesce, &mut outcome.gathered);
        }
        let deliveries = &mut outcome.deliveries;
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
            Some(script) => script.run_with(self.event, self.lookups, self.now).map_err(script_error),
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
    pub fn formatted(&self) -> Result<Vec<Delivery>, Failure> {
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
        let rendered = match self.of {
            Of::Receipt(receipt) => settings.format.render(self.event, receipt, &settings.kinds),
            Of::Batch(digest) => settings.format.render_batch(digest),
        };
        let rendered = rendered.map_err(|message| Failure {
            stage: Stage::Format,
            message,
            place: Some(settings.name.clone()),
        })?;
        let Rendered { content_type, headers, body } = rendered;
        Ok(Content { content_type: None, usual_type: content_type, headers, body })
    }

    /// What the script said, to the destinations it meant.
    pub fn worded(&self, messages: Vec<Message>) -> Result<Vec<Delivery>, Failure> {
        let mut made = Vec::with_capacity(messages.len() * self.route.to.len());
        for Message { body, headers, to, key, r#type } in messages {
            let (usual_type, body) = match body {
                Body::Text(text) => ("text/plain; charset=utf-8", Bytes::from(text)),
                Body::Json(text) => ("application/json", Bytes::from(text)),
            };
            for outlet in self.addressed(to.as_deref())? {
                made.push(self.delivery(outlet, key.as_deref(), |_| {
                    Ok(Content {
                        content_type: r#type.clone().filter(|named| named.contains('/')),
                        usual_type: usual_type.to_owned(),
                        headers: headers.clone(),
                        body: body.clone(),
                    })
                })?);
            }
        }
        Ok(made)
    }

    fn addressed(&self, to: Option<&str>) -> Result<Vec<&Arc<Outlet>>, Failure> {
        let Some(name) = to else { return Ok(self.route.to.iter().collect()) };
        match self.route.to.iter().find(|outlet| outlet.settings.name == name) {
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
        let batch = self.batch().map(|batch| batch.id);
        let scene = |all: &Templates| all.scene_with(self.event, &to.kinds, id, batch, self.lookups);
        let scene = outlet.templates.as_ref().map(|all| (all, scene(all)));
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
        headers.extend(self.lineage().headers());
        Ok(Delivery {
            id,
            receipt: self.receipt(),
            event: self.event.id,
            batch,
            route: self.route.name.to_string(),
            destination: to.name.clone(),
            lane: self.lane(to.ordered, key),
            url,
            content_type,
            headers,
            body: said.body,
            // A script's lane may be that of several objects.
            supersede: to.supersede && batch.is_none() && key.is_none(),
            created_at: self.now,
        })
    }

    /// Where the change has been, this route included.
    fn lineage(&self) -> Lineage {
        self.came().passed_on(&self.route.guard.name, &self.route.name)
    }

    /// Where the change has been before.
    pub(super) fn came(&self) -> Lineage {
        match self.of {
            Of::Receipt(receipt) => Lineage::of(&receipt.request),
            Of::Batch(digest) => Lineage::merged(digest.batch().members.iter().map(|member| &member.lineage)),
        }
    }

    /// The same object of the same source keeps to one lane; a script may choose another.
    fn lane(&self, ordered: bool, key: Option<&str>) -> Option<String> {
        if !ordered {
            return None;
        }
        if let Some(key) = key {
            return Some(format!("key:{key}"));
        }
        match self.batch() {
            Some(batch) => Some(seal::lane(batch)),
            None => object_lane(self.event),
        }
    }

    fn batch(&self) -> Option<&Batch> {
        match self.of {
            Of::Receipt(_) => None,
            Of::Batch(digest) => Some(digest.batch()),
        }
    }

    fn receipt(&self) -> ReceiptId {
        match self.of {
            Of::Receipt(receipt) => receipt.id,
            Of::Batch(digest) => digest.receipt(),
        }
    }
}

/// In which the changes of an object leave one after the other.
pub(super) fn object_lane(event: &Event) -> Option<String> {
    let object = event.object.as_ref()?;
    Some(format!("{}:{}:{}", event.source, object.kind, object.id))
}

pub(super) fn script_error(error: ScriptError) -> Failure {
    Failure { stage: Stage::Script, message: error.message, place: Some(error.place) }
}

/// Takes a header out of the list.
fn take(headers: &mut Vec<(String, String)>, wanted: &str) -> Option<String> {
    let place = headers.iter().position(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
    Some(headers.remove(place).1)
}

fn template_failure(error: TemplateError) -> Failure {
    Failure { stage: Stage::Template, message: error.message, place: Some(error.place) }
}
