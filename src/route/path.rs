//! `path:` of a `when`: a JSONPath (RFC 9535) over the event, which holds when it selects anything.
//!
//! The event is not turned into JSON for it: the first segment names a field, and the rest
//! runs on the field's own value. Only paths that cannot be taken apart so (`$..x`, `$[*]`, a
//! filter that begins at `$`) cost a copy of the event.

use std::borrow::Cow;

use jsonpath_rust::parser::errors::JsonPathError;
use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde::Serialize;

use crate::model::{Event, Json};

/// One compiled path.
#[derive(Debug)]
pub(super) struct JsonPath {
    /// The field the path begins with, if it can be run on it alone.
    field: Option<&'static str>,
    /// What runs on the field, or on the whole event.
    query: JpQuery,
    /// The query cut in two at its first filter, see [`selects_itself`].
    at_filter: Option<(JpQuery, JpQuery)>,
    /// Whether `native`, which is no part of the event's JSON, has to be added to it.
    native: bool,
}

impl JsonPath {
    /// Compiles a path; the error is a message and its remedy.
    pub fn compile(text: &str) -> Result<Self, (String, String)> {
        const HELP: &str =
            "write it like `$.data.site.slug` or `$.data.tags[?@.slug == \"edge\"]` (RFC 9535)";
        if !text.starts_with('$') {
            return Err(("is no JSONPath: it must begin with `$`".to_owned(), HELP.to_owned()));
        }
        let query = parse_json_path(text)
            .map_err(|error| (format!("is no JSONPath: {}", why(&error)), HELP.to_owned()))?;
        let first = match query.segments.first() {
            Some(Segment::Selector(Selector::Name(name))) => Some(field(name)?),
            _ => None,
        };
        // `$` inside a filter means the event, so the event has to be there.
        let inner_root = text.get(1..).is_some_and(|rest| rest.contains('$'));
        let alone = first.filter(|_| !inner_root);
        let segments = query.segments.into_iter().skip(usize::from(alone.is_some())).collect();
        let query = JpQuery::new(segments);
        let at_filter = if inner_root { None } else { cut(&query) };
        Ok(Self { field: alone, query, at_filter, native: first == Some("native") })
    }

    /// Whether the path selects anything in the event.
    pub fn selects(&self, event: &Event) -> bool {
        let value = match self.field {
            Some(field) => value(event, field),
            None => Cow::Owned(self.whole(event)),
        };
        !select(&self.query, &value).is_empty() || self.selects_itself(&value)
    }

    /// RFC 9535 applies a filter to the members of an object, never to the object itself, so
    /// `$.data.site[?@.slug == "fra1"]` would select nothing in `{"site": {"slug": "fra1"}}`.
    /// What the operator means is plain, so an object counts as a list of one as well.
    fn selects_itself(&self, value: &Json) -> bool {
        let Some((before, after)) = &self.at_filter else { return false };
        let mut objects = select(before, value).into_iter().filter(|value| value.is_object());
        objects.any(|object| !select(after, &Json::Array(vec![object.clone()])).is_empty())
    }

    fn whole(&self, event: &Event) -> Json {
        let mut whole = json(event);
        if let (true, Json::Object(members)) = (self.native, &mut whole) {
            members.insert("native".to_owned(), Json::clone(&event.native));
        }
        whole
    }
}

fn field(name: &str) -> Result<&'static str, (String, String)> {
    Event::FIELDS.into_iter().find(|field| *field == name).ok_or_else(|| {
        let why = format!("begins with `{name}`, which is no field of an event");
        let help = format!(
            "{}; what the sender told lies below `$.data`",
            crate::yaml::nearest(name, &Event::FIELDS)
        );
        (why, help)
    })
}

/// The parts before and from the first filter on.
fn cut(query: &JpQuery) -> Option<(JpQuery, JpQuery)> {
    let is_filter = |segment: &Segment| matches!(segment, Segment::Selector(Selector::Filter(_)));
    let place = query.segments.iter().position(is_filter)?;
    let (before, after) = query.segments.split_at(place);
    Some((JpQuery::new(before.to_vec()), JpQuery::new(after.to_vec())))
}

fn select<'v>(query: &JpQuery, value: &'v Json) -> Vec<&'v Json> {
    let found = js_path_process(query, value).unwrap_or_default();
    found.into_iter().map(|found| found.val()).collect()
}

fn value<'e>(event: &'e Event, field: &str) -> Cow<'e, Json> {
    match field {
        "data" => Cow::Borrowed(&event.data),
        "before" => Cow::Borrowed(&event.before),
        "after" => Cow::Borrowed(&event.after),
        "native" => Cow::Borrowed(&*event.native),
        "id" => Cow::Owned(json(&event.id)),
        "type" => Cow::Owned(json(&event.r#type)),
        "action" => Cow::Owned(json(&event.action)),
        "source" => Cow::Owned(json(&event.source)),
        "system" => Cow::Owned(json(&event.system)),
        "object" => Cow::Owned(json(&event.object)),
        "branch" => Cow::Owned(json(&event.branch)),
        "actor" => Cow::Owned(json(&event.actor)),
        "occurred_at" => Cow::Owned(json(&event.occurred_at)),
        "received_at" => Cow::Owned(json(&event.received_at)),
        "correlation_id" => Cow::Owned(json(&event.correlation_id)),
        "changes" => Cow::Owned(json(&event.changes)),
        _ => Cow::Owned(Json::Null),
    }
}

fn json(value: &impl Serialize) -> Json {
    // None of these types can fail to become JSON.
    Json::of(value).unwrap_or_default()
}

/// The parser's words in one line.
fn why(error: &JsonPathError) -> String {
    match error {
        JsonPathError::PestError(error) => {
            let text = error.to_string();
            let place = text.lines().next().and_then(|line| line.rsplit(':').next()).unwrap_or_default();
            format!("it cannot be read from its character {} on", place.trim())
        }
        other => other.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}
