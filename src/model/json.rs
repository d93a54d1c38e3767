//! A JSON document in memory, made for documents that are read once and looked into at few places.
//!
//! Texts up to 24 bytes (most keys and values of a CMDB) stand in the tree itself, objects are lists
//! of members, and numbers are the characters they were written in: reading a webhook costs one
//! allocation for each object instead of several for each member.

mod from;
mod map;
mod number;
mod text;
mod wire;

use std::fmt;
use std::ops::{Index, IndexMut};

pub use compact_str::CompactString as Text;
pub use map::Map;
pub use number::Number;
pub(crate) use text::write_text;

/// A parsed JSON document. Number lexemes and key order are kept as received.
///
/// Everything but [`crate::json`] obtains documents through [`crate::json::parse`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Json {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(Text),
    Array(Vec<Json>),
    Object(Map),
}

static NOTHING: Json = Json::Null;

impl Json {
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub fn is_boolean(&self) -> bool {
        matches!(self, Self::Bool(_))
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    pub fn is_string(&self) -> bool {
        matches!(self, Self::String(_))
    }

    pub fn is_array(&self) -> bool {
        matches!(self, Self::Array(_))
    }

    pub fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::as_i64)
    }

    pub fn as_u64(&self) -> Option<u64> {
        self.as_number().and_then(Number::as_u64)
    }

    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().and_then(Number::as_f64)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&Vec<Json>> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Json>> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Map> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    pub fn as_object_mut(&mut self) -> Option<&mut Map> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member of an object (by a text) or the item of a list (by a number).
    pub fn get<P: Place>(&self, place: P) -> Option<&Json> {
        place.within(self)
    }

    pub fn get_mut<P: Place>(&mut self, place: P) -> Option<&mut Json> {
        place.within_mut(self)
    }

    /// What a JSON Pointer (RFC 6901) leads to.
    pub fn pointer(&self, pointer: &str) -> Option<&Json> {
        if pointer.is_empty() {
            return Some(self);
        }
        tokens(pointer)?.try_fold(self, |node, token| match node {
            Self::Object(members) => members.get(&token),
            Self::Array(items) => items.get(index(&token)?),
            _ => None,
        })
    }

    /// The same to write to.
    pub fn pointer_mut(&mut self, pointer: &str) -> Option<&mut Json> {
        if pointer.is_empty() {
            return Some(self);
        }
        tokens(pointer)?.try_fold(self, |node, token| match node {
            Self::Object(members) => members.get_mut(&token),
            Self::Array(items) => items.get_mut(index(&token)?),
            _ => None,
        })
    }

    /// Leaves null in its place.
    pub fn take(&mut self) -> Json {
        std::mem::take(self)
    }
}

/// What stands between the slashes of a pointer.
fn tokens(pointer: &str) -> Option<impl Iterator<Item = String>> {
    let tokens = pointer.strip_prefix('/')?.split('/');
    Some(tokens.map(|token| token.replace("~1", "/").replace("~0", "~")))
}

/// Pointers count without signs and leading zeros.
fn index(token: &str) -> Option<usize> {
    match token.starts_with('+') || token.starts_with('0') && token.len() > 1 {
        true => None,
        false => token.parse().ok(),
    }
}

/// What an object or a list is looked into by.
pub trait Place {
    fn within(self, json: &Json) -> Option<&Json>;
    fn within_mut(self, json: &mut Json) -> Option<&mut Json>;
}

macro_rules! keys {
    ($($key:ty),+) => {$(
        impl Place for $key {
            fn within(self, json: &Json) -> Option<&Json> {
                let key: &str = self.as_ref();
                json.as_object()?.get(key)
            }

            fn within_mut(self, json: &mut Json) -> Option<&mut Json> {
                let key: &str = self.as_ref();
                json.as_object_mut()?.get_mut(key)
            }
        }
    )+};
}

keys!(&str, &&str, &String, String, &Text);

impl Place for usize {
    fn within(self, json: &Json) -> Option<&Json> {
        json.as_array()?.get(self)
    }

    fn within_mut(self, json: &mut Json) -> Option<&mut Json> {
        json.as_array_mut()?.get_mut(self)
    }
}

/// Null where there is nothing.
impl<P: Place> Index<P> for Json {
    type Output = Json;

    fn index(&self, place: P) -> &Json {
        place.within(self).unwrap_or(&NOTHING)
    }
}

/// Makes the member where there is none.
///
/// # Panics
/// Where neither an object nor null stands.
impl IndexMut<&str> for Json {
    fn index_mut(&mut self, key: &str) -> &mut Json {
        if self.is_null() {
            *self = Self::Object(Map::new());
        }
        match self {
            Self::Object(members) => members.get_or_insert_with(key, Json::default),
            other => panic!("no member {key:?} can be set in {other}"),
        }
    }
}

impl IndexMut<usize> for Json {
    fn index_mut(&mut self, index: usize) -> &mut Json {
        match self {
            Self::Array(items) => &mut items[index],
            other => panic!("no item {index} can be set in {other}"),
        }
    }
}

/// As one line of JSON; with `{:#}` over several.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match f.alternate() {
            true => serde_json::to_string_pretty(self),
            false => serde_json::to_string(self),
        };
        f.write_str(&text.map_err(|_| fmt::Error)?)
    }
}

/// A [`Json`] written as JSON; what stands in it may be anything that can be serialised.
macro_rules! json {
    ($($json:tt)+) => { $crate::model::Json::from(serde_json::json!($($json)+)) };
}
pub(crate) use json;

#[cfg(test)]
mod tests;
