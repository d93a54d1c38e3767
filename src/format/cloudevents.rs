//! CloudEvents 1.0.2: as one JSON document, or over HTTP with the attributes as headers.
//!
//! The data is the event model, or a batch. Attributes only name it, for receivers that route without
//! reading data: what would not fit into one is left out.

use serde::Serialize;

use super::{JSON, Rendered, time};
use crate::model::{Event, Json, Map};
use crate::percent;

/// Attributes that take more bytes, as they are sent, are left out, and the required `type` is
/// cut: receivers bound the size of their headers.
const LONGEST: usize = 1024;

#[derive(Serialize)]
struct Structured<'d, D> {
    #[serde(flatten)]
    attributes: Map,
    datacontenttype: &'static str,
    data: &'d D,
}

/// `application/cloudevents+json`. The attributes are those of `event`, but for the id.
pub(super) fn structured(event: &Event, id: &str, data: &impl Serialize) -> Result<Rendered, String> {
    let attributes = attributes(event, id, str::len).into_iter();
    let attributes = attributes.map(|(name, value)| (name.to_owned(), Json::String(value.into()))).collect();
    let mut rendered = Rendered::json(&Structured { attributes, datacontenttype: JSON, data })?;
    "application/cloudevents+json; charset=utf-8".clone_into(&mut rendered.content_type);
    Ok(rendered)
}

/// The HTTP binding's binary mode; the content type is that of the data.
pub(super) fn binary(event: &Event, id: &str, data: &impl Serialize) -> Result<Rendered, String> {
    let mut rendered = Rendered::json(data)?;
    let attributes = attributes(event, id, |text| header(text).len()).into_iter();
    rendered.headers = attributes.map(|(name, value)| (format!("ce-{name}"), header(&value))).collect();
    Ok(rendered)
}

/// All attributes but the data's type: those that are required, then those that have a value.
/// `size` tells how many bytes a text takes on its way.
fn attributes(event: &Event, id: &str, size: fn(&str) -> usize) -> Vec<(&'static str, String)> {
    let object = event.object.as_ref();
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut attributes = vec![
        ("specversion", "1.0".to_owned()),
        ("id", id.to_owned()),
        ("source", reference(&event.source)),
        ("type", cut(allowed(&event.r#type), size)),
        ("time", time::rfc3339(event)),
    ];
    let optional = [
        ("subject", object.map(|object| format!("{}/{}", object.kind, object.id)).unwrap_or_default()),
        ("system", event.system.clone()),
        ("action", event.action.clone()),
        ("objectkind", object.map(|object| object.kind.clone()).unwrap_or_default()),
        ("objectid", object.map(|object| object.id.clone()).unwrap_or_default()),
        ("objectname", object.map(|object| given(&object.name)).unwrap_or_default()),
        ("branch", given(&event.branch)),
        ("actorid", given(&event.actor.id)),
        ("actorname", given(&event.actor.name)),
        ("correlationid", given(&event.correlation_id)),
    ];
    let fits = |(_, value): &(&str, String)| !value.is_empty() && size(value) <= LONGEST;
    attributes.extend(optional.map(|(name, value)| (name, allowed(&value))).into_iter().filter(fits));
    attributes
}

/// As much of a text as fits.
fn cut(mut text: String, size: fn(&str) -> usize) -> String {
    let mut room = LONGEST;
    let end = text.char_indices().find_map(|(at, c)| {
        let left = room.checked_sub(size(c.encode_utf8(&mut [0; 4])));
        room = left.unwrap_or(room);
        left.is_none().then_some(at)
    });
    text.truncate(end.unwrap_or(text.len()));
    text
}

/// The text with what no attribute may hold (control characters, noncharacters) replaced.
fn allowed(text: &str) -> String {
    let banned = |c: char| {
        let last = u32::from(c) & 0xffff;
        c.is_control() || matches!(c, '\u{fdd0}'..='\u{fdef}') || last >= 0xfffe
    };
    text.replace(banned, "\u{fffd}")
}

/// A relative reference of one segment, which a colon would turn into a scheme.
fn reference(name: &str) -> String {
    percent::encode(name, percent::unreserved)
}

/// Percent-encoded as the HTTP binding wants it.
fn header(value: &str) -> String {
    percent::encode(value, |byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'%')
}

#[cfg(test)]
mod tests;
