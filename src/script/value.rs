//! Between rhai's values and JSON: what a script sees of a document, and what its result says.

use std::fmt;

use rhai::{Array, Dynamic, EvalAltResult, ImmutableString, Map, Position};

use super::guard::{self, MAX_DEPTH};
use super::lookups::Lookups;
use super::message::Draft;
use super::node::{Node, Seen, Shape};
use super::view::{List, Record};
use crate::model::{Json, Number};

/// What a node costs beside its text, in bytes.
pub(super) const NODE: usize = 64;

/// An error at the place of the call.
pub(super) fn refuse(message: impl Into<String>) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(message.into()), Position::NONE).into()
}

/// What a script gets for a spot: a scalar as rhai's own value, else a view.
pub(super) fn shown(node: impl FnOnce() -> Node, seen: &Seen<'_>) -> Dynamic {
    match seen.shape() {
        Shape::Map => Dynamic::from(Record(node())),
        Shape::List => Dynamic::from(List(node())),
        Shape::Scalar => scalar(seen),
    }
}

/// A document as a script sees it.
pub(super) fn document(value: Json) -> Dynamic {
    let node = Node::json(value);
    shown(|| node.clone(), &node.seen())
}

fn scalar(seen: &Seen<'_>) -> Dynamic {
    match seen {
        Seen::Text(text) => Dynamic::from(ImmutableString::from(&**text)),
        Seen::Bool(flag) => Dynamic::from(*flag),
        Seen::Json(Json::String(text)) => Dynamic::from(ImmutableString::from(text.as_str())),
        Seen::Json(Json::Bool(flag)) => Dynamic::from(*flag),
        Seen::Json(Json::Number(number)) => self::number(number),
        _ => Dynamic::UNIT,
    }
}

/// A whole number that fits, else a float that is no other whole number, else the lexeme.
fn number(number: &Number) -> Dynamic {
    if let Some(whole) = number.as_i64() {
        return Dynamic::from(whole);
    }
    let lexeme = number.as_str();
    let whole = lexeme.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    match number.as_f64() {
        Some(float) if float.is_finite() && !whole => Dynamic::from(float),
        _ => Dynamic::from(ImmutableString::from(lexeme)),
    }
}

/// A copy in rhai's own maps and arrays, which a script may change.
pub(super) fn copied(seen: &Seen<'_>) -> Result<Dynamic, Box<EvalAltResult>> {
    guard::charge(NODE)?;
    Ok(match seen.shape() {
        Shape::Map => {
            let mut map = Map::new();
            for key in seen.keys() {
                guard::charge(key.len())?;
                map.insert(key.into(), copied(&seen.child(key))?);
            }
            Dynamic::from_map(map)
        }
        Shape::List => Dynamic::from_array(
            (0..seen.len()).map(|index| copied(&seen.item(index))).collect::<Result<Array, _>>()?,
        ),
        Shape::Scalar => {
            let value = scalar(seen);
            guard::charge(value.as_immutable_string_ref().map_or(0, |text| text.len()))?;
            value
        }
    })
}

/// The way to a spot of a result, named only when there is something to say about it.
pub(super) enum Trail<'a> {
    Root(&'a str),
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(name) => f.write_str(name),
            Self::Key(above, key) => write!(f, "{above}.{key}"),
            Self::Index(above, index) => write!(f, "{above}[{index}]"),
        }
    }
}

/// A script's value as JSON; `trail` names the spot in errors.
pub(super) fn exported(value: &Dynamic, trail: &Trail<'_>, depth: usize) -> Result<Json, Box<EvalAltResult>> {
    if depth > MAX_DEPTH {
        return Err(refuse(format!("the result nests more than {MAX_DEPTH} levels deep")));
    }
    guard::charge(NODE)?;
    if let Some(json) = plain(value, trail)? {
        return Ok(json);
    }
    if let Ok(list) = value.as_array_ref() {
        let items = list.iter().enumerate();
        return items.map(|(index, item)| exported(item, &Trail::Index(trail, index), depth + 1)).collect();
    }
    if let Ok(map) = value.as_map_ref() {
        let mut object = crate::model::Map::with_capacity(map.len());
        for (key, item) in &*map {
            guard::charge(key.len())?;
            object.insert(key.as_str(), exported(item, &Trail::Key(trail, key), depth + 1)?);
        }
        return Ok(Json::Object(object));
    }
    Err(refuse(format!("`{trail}` {}", unfit(value))))
}

fn plain(value: &Dynamic, trail: &Trail<'_>) -> Result<Option<Json>, Box<EvalAltResult>> {
    if value.is_unit() {
        return Ok(Some(Json::Null));
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        guard::charge(text.len())?;
        return Ok(Some(Json::from(text.as_str())));
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Some(Json::Bool(flag)));
    }
    if let Ok(whole) = value.as_int() {
        return Ok(Some(Json::from(whole)));
    }
    if let Ok(float) = value.as_float() {
        return match Number::from_f64(float) {
            Some(number) => Ok(Some(Json::Number(number))),
            None => Err(refuse(format!("`{trail}` is {float}, which JSON cannot say"))),
        };
    }
    if let Ok(letter) = value.as_char() {
        return Ok(Some(Json::String(letter.to_string().into())));
    }
    match node_of(value) {
        Some(node) => {
            guard::charge(weight(&node.seen()))?;
            Ok(Some(node.seen().to_json()))
        }
        None => Ok(None),
    }
}

pub(super) fn unfit(value: &Dynamic) -> String {
    if value.read_lock::<Draft>().is_some() {
        "is a message inside a body; return messages on their own or in an array".to_owned()
    } else if value.is_blob() {
        "is bytes, which JSON cannot say; use base64_encode()".to_owned()
    } else if value.is_fnptr() {
        "is a function, which JSON cannot say; call it".to_owned()
    } else {
        format!("is a {}, which JSON cannot say", value.type_name())
    }
}

/// The spot behind a view.
pub(super) fn node_of(value: &Dynamic) -> Option<Node> {
    if let Some(record) = value.read_lock::<Record>() {
        return Some(record.0.clone());
    }
    if let Some(all) = value.read_lock::<Lookups>() {
        return Some(all.0.clone());
    }
    value.read_lock::<List>().map(|list| list.0.clone())
}

/// About how many bytes a copy of a spot takes.
pub(super) fn weight(seen: &Seen<'_>) -> usize {
    match seen {
        Seen::Json(value) => json_weight(value),
        Seen::Text(text) => NODE + text.len(),
        _ => match seen.shape() {
            Shape::List => (0..seen.len()).map(|index| weight(&seen.item(index))).sum::<usize>() + NODE,
            Shape::Map => seen.keys().into_iter().map(|key| weight(&seen.child(key))).sum::<usize>() + NODE,
            Shape::Scalar => NODE,
        },
    }
}

pub(super) fn json_weight(value: &Json) -> usize {
    NODE + match value {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(json_weight).sum(),
        Json::Object(map) => map.iter().map(|(key, value)| key.len() + json_weight(value)).sum(),
        _ => 0,
    }
}

/// A text of at most `chars` characters, one line, with `…` where something is left out.
pub(super) fn shortened(text: &str, chars: usize) -> String {
    let mut line: String = text.chars().take(chars).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(chars).is_some() {
        line.push('…');
    }
    line
}

/// What a value is, for messages.
pub(super) fn described(value: &Dynamic) -> String {
    if value.is_unit() {
        "nothing, ()".to_owned()
    } else if value.is_string() {
        "a text".to_owned()
    } else if value.is_int() || value.is_float() {
        "a number".to_owned()
    } else if value.is_bool() {
        "true or false".to_owned()
    } else if value.is_array() || value.read_lock::<List>().is_some() {
        "an array".to_owned()
    } else if value.is_map() || value.read_lock::<Record>().is_some() {
        "a map".to_owned()
    } else if value.read_lock::<Draft>().is_some() {
        "a message".to_owned()
    } else {
        format!("a {}", value.type_name())
    }
}
