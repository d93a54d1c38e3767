//! What a template sees: NetBox's names, and the event as `e`.

use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use serde_json::json;

use super::tree;
use crate::format::{Kinds, netbox};
use crate::model::{DeliveryId, Event, Json};

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
const OWN: [&str; 3] = ["e", "delivery", "secrets"];

/// All names that a template may use.
pub(super) fn names() -> Vec<&'static str> {
    NETBOX.into_iter().chain(OWN).collect()
}

/// The names of one delivery's templates. Each is made when a template first asks for it.
#[derive(Debug)]
struct Names {
    event: Arc<Event>,
    kinds: Kinds,
    delivery: DeliveryId,
    secrets: Value,
    netbox: OnceLock<Arc<Json>>,
    model: OnceLock<Value>,
}

pub(super) fn of(
    event: &Arc<Event>,
    kinds: &Kinds,
    delivery: DeliveryId,
    secrets: impl Iterator<Item = (String, String)>,
) -> Value {
    Value::from_object(Names {
        event: event.clone(),
        kinds: kinds.clone(),
        delivery,
        secrets: Value::from_pairs(secrets),
        netbox: OnceLock::new(),
        model: OnceLock::new(),
    })
}

impl Names {
    fn netbox(&self, name: &str) -> Option<Value> {
        let all = self.netbox.get_or_init(|| Arc::new(Json::Object(netbox::view(&self.event, &self.kinds))));
        tree::root(all.clone()).as_object()?.get_value(&Value::from(name))
    }

    /// The normalised event, with `native`.
    fn model(&self) -> Value {
        let made = self.model.get_or_init(|| {
            let mut event = serde_json::to_value(&*self.event).unwrap_or_default();
            event["native"] = Json::clone(&self.event.native);
            tree::root(Arc::new(event))
        });
        made.clone()
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "e" => Some(self.model()),
            "delivery" => Some(tree::root(Arc::new(json!({"id": self.delivery})))),
            "secrets" => Some(self.secrets.clone()),
            name => self.netbox(name),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(names().into_iter().map(Value::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_the_dialect_gives_is_known() {
        let event = super::super::tests::event();
        for name in netbox::view(&event, &Kinds::default()).keys() {
            assert!(NETBOX.contains(&name.as_str()), "{name}");
        }
    }
}
