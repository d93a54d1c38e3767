//! A script's result as JSON text, written straight from its values and from the event that it shows.

use rhai::{Dynamic, EvalAltResult};

use super::guard::{self, MAX_DEPTH};
use super::node::{Seen, Shape};
use super::value::{NODE, Trail, node_of, refuse, unfit};
use crate::model::{Number, write_text};

type Written = Result<(), Box<EvalAltResult>>;

/// Room for most bodies, which show what an event holds: growing would copy it again and again.
const ROOM: usize = 4 << 10;

/// The text of a value; `what` names it in errors.
pub(super) fn text(value: &Dynamic, what: &str) -> Result<String, Box<EvalAltResult>> {
    let mut out = Vec::with_capacity(ROOM);
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
    if value.is_array()
        && let Ok(list) = value.as_array_ref()
    {
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
            write_text(key, out);
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
    } else if value.is_string()
        && let Ok(text) = value.as_immutable_string_ref()
    {
        guard::charge(text.len())?;
        write_text(&text, out);
    } else if value.is_bool()
        && let Ok(flag) = value.as_bool()
    {
        out.extend_from_slice(if flag { b"true" } else { b"false" });
    } else if value.is_int()
        && let Ok(whole) = value.as_int()
    {
        out.extend_from_slice(Number::from(whole).as_str().as_bytes());
    } else if value.is_float()
        && let Ok(float) = value.as_float()
    {
        let number = Number::from_f64(float);
        let number = number.ok_or_else(|| refuse(format!("`{trail}` is {float}, which JSON cannot say")))?;
        out.extend_from_slice(number.as_str().as_bytes());
    } else if value.is_char()
        && let Ok(letter) = value.as_char()
    {
        write_text(letter.encode_utf8(&mut [0; 4]), out);
    } else if let Some(node) = node_of(value) {
        shown(&node.seen(), out)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn shown(seen: &Seen<'_>, out: &mut Vec<u8>) -> Written {
    let before = out.len();
    spot(seen, out);
    guard::charge(out.len() - before)
}

/// What stands at a spot and all that is below it.
fn spot(seen: &Seen<'_>, out: &mut Vec<u8>) {
    match (seen, seen.shape()) {
        (Seen::Json(value), _) => value.write_to(out),
        (Seen::Text(text), _) => write_text(text, out),
        (Seen::Bool(flag), _) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        (_, Shape::Scalar) => out.extend_from_slice(b"null"),
        (_, Shape::List) => {
            out.push(b'[');
            for index in 0..seen.len() {
                separate(index, out);
                spot(&seen.item(index), out);
            }
            out.push(b']');
        }
        (_, Shape::Map) => {
            out.push(b'{');
            for (index, key) in seen.keys().into_iter().enumerate() {
                separate(index, out);
                write_text(key, out);
                out.push(b':');
                spot(&seen.child(key), out);
            }
            out.push(b'}');
        }
    }
}
