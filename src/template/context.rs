//! What a template sees: NetBox's names, and the event as `e`.

use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use serde_json::Number;

use crate::format::{Kinds, netbox};
use crate::model::{DeliveryId, Event, Json};

/// The names of one delivery's templates.
#[derive(Debug)]
struct Names {
    event: Arc<Event>,
    /// The event as `e`, made when a template first asks for it: templates ask often.
    shown: OnceLock<Value>,
    netbox: serde_json::Map<String, Json>,
    delivery: DeliveryId,
    secrets: Value,
}

pub(super) fn of(
    event: &Arc<Event>,
    kinds: &Kinds,
    delivery: DeliveryId,
    secrets: impl Iterator<Item = (String, String)>,
) -> Value {
    Value::from_object(Names {
        event: event.clone(),
        shown: OnceLock::new(),
        netbox: netbox::view(event, kinds),
        delivery,
        secrets: Value::from_pairs(secrets),
    })
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "e" => Some(self.shown.get_or_init(|| event(&self.event)).clone()),
            "delivery" => Some(Value::from_pairs([("id", self.delivery.to_string())])),
            "secrets" => Some(self.secrets.clone()),
            name => self.netbox.get(name).map(value),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = ["e", "delivery", "secrets"].into_iter().chain(self.netbox.keys().map(String::as_str));
        Enumerator::Values(names.map(Value::from).collect())
    }
}

/// The normalised event, with `native`.
fn event(event: &Event) -> Value {
    let mut json = serde_json::to_value(event).unwrap_or_default();
    if let Json::Object(members) = &mut json {
        members.insert("native".to_owned(), Json::clone(&event.native));
    }
    value(&json)
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(lexeme) => number(lexeme),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(value).collect(),
        Json::Object(members) => {
            Value::from_pairs(members.iter().map(|(key, member)| (key.as_str(), value(member))))
        }
    }
}

fn number(lexeme: &Number) -> Value {
    let whole = lexeme.as_i64().map(Value::from).or_else(|| lexeme.as_u64().map(Value::from));
    whole.or_else(|| lexeme.as_f64().map(Value::from)).unwrap_or_else(|| Value::from(lexeme.to_string()))
}
