//! What a template sees: NetBox's names, the event as `e`, and a batch as `batch`.

use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

use super::tree;
use crate::format::{Kinds, netbox};
use crate::model::{BatchId, DeliveryId, Event, Json, json};

/// The names that NetBox gives its templates; `context` holds what it calls otherwise.
const NETBOX: [&str; 10] = [
    "event",
    "model",
    "object_type",
    "timestamp",
    "username",
    "request_id",
    "request",
    "data",
    "snapshots",
    "context",
];
const OWN: [&str; 5] = ["e", "batch", "delivery", "secrets", "lookup"];

/// All names that a destination's template may use.
pub(super) fn names() -> Vec<&'static str> {
    NETBOX.into_iter().chain(OWN).collect()
}

/// Those of a lookup's.
pub(super) fn question_names() -> Vec<&'static str> {
    NETBOX.into_iter().chain(["e"]).collect()
}

/// The names of one delivery's templates. Each is made when a template first asks for it.
#[derive(Debug)]
struct Names {
    event: Arc<Event>,
    kinds: Kinds,
    /// `None`: a lookup is in the making, and there is no delivery yet.
    delivery: Option<DeliveryId>,
    /// Of the batch that the event stands for.
    batch: Option<BatchId>,
    secrets: Value,
    /// What lookups found, by name.
    lookups: Option<Arc<Json>>,
    netbox: OnceLock<Arc<Json>>,
}

pub(super) fn of(
    event: &Arc<Event>,
    kinds: &Kinds,
    delivery: DeliveryId,
    batch: Option<BatchId>,
    secrets: impl Iterator<Item = (String, String)>,
    lookups: Option<&Arc<Json>>,
) -> Value {
    Value::from_object(Names {
        event: event.clone(),
        kinds: kinds.clone(),
        delivery: Some(delivery),
        batch,
        secrets: Value::from_pairs(secrets),
        lookups: lookups.cloned(),
        netbox: OnceLock::new(),
    })
}

/// The names of a lookup's templates.
pub(super) fn of_question(event: &Arc<Event>) -> Value {
    Value::from_object(Names {
        event: event.clone(),
        kinds: Kinds::default(),
        delivery: None,
        batch: None,
        secrets: Value::UNDEFINED,
        lookups: None,
        netbox: OnceLock::new(),
    })
}

impl Names {
    fn netbox(&self, name: &str) -> Option<Value> {
        let all = self.netbox.get_or_init(|| Arc::new(Json::Object(netbox::view(&self.event, &self.kinds))));
        tree::root(all.clone()).as_object()?.get_value(&Value::from(name))
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_str()?, self.delivery) {
            // Scripts know the event by this name, and so does whoever writes a lookup.
            ("e", _) | ("event", None) => Some(Value::from_object(Model(self.event.clone(), self.batch))),
            ("batch", Some(_)) => self.batch.map(|_| tree::of(&self.event, |event| &event.data)),
            ("delivery", Some(delivery)) => Some(tree::root(Arc::new(json!({"id": delivery})))),
            ("secrets", Some(_)) => Some(self.secrets.clone()),
            ("lookup", Some(_)) => {
                Some(tree::root(self.lookups.clone().unwrap_or_else(|| Arc::new(json!({})))))
            }
            (name, _) => self.netbox(name),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = if self.delivery.is_some() { names() } else { question_names() };
        Enumerator::Values(names.into_iter().map(Value::from).collect())
    }
}

/// The normalised event, with `native`; that of a batch has the batch's id.
#[derive(Debug)]
struct Model(Arc<Event>, Option<BatchId>);

impl Object for Model {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let event = &*self.0;
        Some(match key.as_str()? {
            "id" => Value::from(self.1.map_or_else(|| event.id.to_string(), |batch| batch.to_string())),
            "before" => tree::of(&self.0, |event| &event.before),
            "after" => tree::of(&self.0, |event| &event.after),
            "data" => tree::of(&self.0, |event| &event.data),
            "native" => tree::root(event.native.clone()),
            name => small(event, name).map(|json| tree::root(Arc::new(json)))?,
        })
    }

    /// As its JSON has them; what was sent is there too, but no part of it.
    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let fields = Event::FIELDS.into_iter().filter(|field| *field != "native");
        Enumerator::Values(fields.map(Value::from).collect())
    }
}

/// The fields that are copied when a template names them.
fn small(event: &Event, name: &str) -> Option<Json> {
    Some(match name {
        "type" => json!(event.r#type),
        "action" => json!(event.action),
        "source" => json!(event.source),
        "system" => json!(event.system),
        "object" => json!(event.object),
        "branch" => json!(event.branch),
        "actor" => json!(event.actor),
        "occurred_at" => json!(event.occurred_at),
        "received_at" => json!(event.received_at),
        "correlation_id" => json!(event.correlation_id),
        "changes" => json!(event.changes),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_what_its_json_says() {
        let event = Arc::new(super::super::tests::event());
        let layout = super::super::json::Layout { indent: None, sorted: false, html: false };
        let shown =
            super::super::json::write(&Value::from_object(Model(event.clone(), None)), layout).unwrap();
        assert_eq!(serde_json::from_str::<Json>(&shown).unwrap(), serde_json::to_value(&*event).unwrap());
    }

    #[test]
    fn every_name_that_the_dialect_gives_is_known() {
        let event = super::super::tests::event();
        for name in netbox::view(&event, &Kinds::default()).keys() {
            assert!(NETBOX.contains(&name), "{name}");
        }
    }
}
