//! To and from serde, and the documents of serde_json.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Json, Map, Number};

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Object(members) => members.serialize(serializer),
        }
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_i64() {
            // An integer is written as it was read, but for this one.
            Some(integer) if integer != 0 || self.as_str() == "0" => serializer.serialize_i64(integer),
            _ => serde_json::Number::from_string_unchecked(self.as_str().to_owned()).serialize(serializer),
        }
    }
}

/// Through a document of serde_json, which alone knows how its numbers keep their characters.
impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Map::deserialize(deserializer).map(Self::from)
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number.into()),
            Value::String(text) => Self::String(text.into()),
            Value::Array(items) => items.into_iter().collect(),
            Value::Object(members) => Self::Object(members.into()),
        }
    }
}

impl From<serde_json::Number> for Number {
    fn from(number: serde_json::Number) -> Self {
        Self::from_lexeme(number.as_str())
    }
}

impl From<serde_json::Map<String, Value>> for Map {
    fn from(members: serde_json::Map<String, Value>) -> Self {
        members.into_iter().map(|(key, value)| (key, Json::from(value))).collect()
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => {
                Self::Number(serde_json::Number::from_string_unchecked(number.as_str().to_owned()))
            }
            Json::String(text) => Self::String(text.into_string()),
            Json::Array(items) => items.into_iter().map(Self::from).collect(),
            Json::Object(members) => {
                members.into_iter().map(|(key, value)| (key.into_string(), Self::from(value))).collect()
            }
        }
    }
}

impl Json {
    /// Anything that serde can write, as a document.
    ///
    /// # Errors
    /// What cannot be said in JSON, such as a map whose keys are no texts.
    pub fn of(value: impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_value(value).map(Self::from)
    }

    /// What the document says, as a `T`.
    ///
    /// # Errors
    /// The first thing that is none.
    pub fn told<T: serde::de::DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        serde_json::from_value(self.into())
    }
}
