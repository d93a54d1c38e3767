//! A script's result as JSON text, written straight from its values and from the event that it shows.

use crate::model::Number;
use rhai::{Dynamic, EvalAltResult};
use serde::Serialize;

use super::guard::{self, MAX_DEPTH};
use super::node::Seen;
use super::value::{NODE, Trail, node_of, refuse, unfit};

type Written = Result<(), Box<EvalAltResult>>;

/// The text of a value; `what` names it in errors.
pub(super) fn text(value: &Dynamic, what: &str) -> Result<String, Box<EvalAltResult>> {
    let mut out = Vec::with_capacity(512);
    write(value, &Trail::Root(what), 0, &mut out)?;
    String::from_utf8(out).map_err(|error| refuse(error.to_string()))
}

/// The text of what a view shows.
pub(super) fn text_of(seen: &Seen<'_>) -> Result<String, Box<EvalAltResult>> {
    let mut out = Vec::with_capacity(512);
    shown(seen, &mut out)?;
    String::from_utf8(out).map_err(|error| refuse(error.to_string()))
}

fn write(value: &Dynamic, trail: &Trail<'_>, depth: usize, out: &mut Vec<u8>) -> Written {
    if depth > MAX_DEPTH {
        return Err(refuse(format!("the result nests more than {MAX_DEPTH} levels deep")));
    }
    guard::charge(NODE)?;
    if scalar(value, trail, out)? {
        return Ok(());
    }
    if let Ok(list) = value.as_array_ref() {
        out.push(b'[');
        for (index, item) in list.iter().enumerate() {
            separate(index, out);
            write(item, &Trail::Index(trail, index), depth + 1, out)?;
        }
        out.push(b']');
        return Ok(());
    }
    if let Ok(map) = value.as_map_ref() {
        out.push(b'{');
        for (index, (key, item)) in map.iter().enumerate() {
            guard::charge(key.len())?;
            separate(index, out);
            json(key.as_str(), out)?;
            out.push(b':');
            write(item, &Trail::Key(trail, key), depth + 1, out)?;
        }
        out.push(b'}');
        return Ok(());
    }
    Err(refuse(format!("`{trail}` {}", unfit(value))))
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

/// Whether it was one value, or what a view shows, and is written.
fn scalar(value: &Dynamic, trail: &Trail<'_>, out: &mut Vec<u8>) -> Result<bool, Box<EvalAltResult>> {
    if value.is_unit() {
        out.extend_from_slice(b"null");
    } else if let Ok(text) = value.as_immutable_string_ref() {
        guard::charge(text.len())?;
        json(text.as_str(), out)?;
    } else if let Ok(flag) = value.as_bool() {
        json(&flag, out)?;
    } else if let Ok(whole) = value.as_int() {
        json(&whole, out)?;
    } else if let Ok(float) = value.as_float() {
        let number = Number::from_f64(float);
        let number = number.ok_or_else(|| refuse(format!("`{trail}` is {float}, which JSON cannot say")))?;
        json(&number, out)?;
    } else if let Ok(letter) = value.as_char() {
        json(&letter, out)?;
    } else if let Some(node) = node_of(value) {
        shown(&node.seen(), out)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn shown(seen: &Seen<'_>, out: &mut Vec<u8>) -> Written {
    let before = out.len();
    match seen {
        Seen::Json(value) => json(value, out)?,
        other => json(&other.to_json(), out)?,
    }
    guard::charge(out.len() - before)
}

fn json(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) -> Written {
    serde_json::to_writer(out, value).map_err(|error| refuse(error.to_string()))
}
