//! The events of an outcome as they are kept: of what stands in the receipt's body as well, only the
//! place.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::draft::{from_json, json};
use crate::json::{self as document, NonFinite};
use crate::model::{
    Actor, Change, Event, EventId, Json, Looked, Object, Part, Processed, RouteVerdict, Timestamp,
};

/// A [`Processed`] without what its places say.
#[derive(Serialize)]
struct Kept<'a> {
    event: Told<'a>,
    routes: Vec<RouteVerdict>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    lookups: &'a [Looked],
    #[serde(skip_serializing_if = "Places::is_none")]
    places: Places<&'a [Box<str>]>,
}

/// The members of an [`Event`].
#[derive(Serialize)]
struct Told<'a> {
    id: EventId,
    r#type: &'a str,
    action: &'a str,
    source: &'a str,
    system: &'a str,
    object: Option<&'a Object>,
    branch: Option<&'a str>,
    actor: &'a Actor,
    occurred_at: Option<&'a str>,
    received_at: Timestamp,
    correlation_id: Option<&'a str>,
    changes: &'a [Change],
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Json>,
}

/// The names that lead from the body to the documents of an event.
#[derive(Debug, Serialize, Deserialize)]
struct Places<N> {
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<N>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<N>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<N>,
}

impl<N> Default for Places<N> {
    fn default() -> Self {
        Self { before: None, after: None, data: None }
    }
}

#[derive(Deserialize)]
struct Found {
    event: Event,
    routes: Vec<RouteVerdict>,
    #[serde(default)]
    lookups: Vec<Looked>,
    #[serde(default)]
    places: Places<Vec<Box<str>>>,
}

impl<N> Places<N> {
    fn is_none(&self) -> bool {
        self.before.is_none() && self.after.is_none() && self.data.is_none()
    }
}

/// As text. `with_body`: the documents are those of the body that is kept beside it.
pub(super) fn text(events: &[Processed], with_body: bool) -> Result<String, StoreError> {
    json(&events.iter().map(|processed| kept(processed, with_body)).collect::<Vec<_>>())
}

fn kept(processed: &Processed, with_body: bool) -> Kept<'_> {
    let Processed { event, lookups, .. } = processed;
    let [before, after, data] = [&event.before, &event.after, &event.data].map(|part| {
        match part.place_in(&event.native).filter(|_| with_body && event.native.is_object()) {
            Some(names) => (Some(&**names), None),
            None => (None, Some(&**part)),
        }
    });
    let told = Told {
        id: event.id,
        r#type: &event.r#type,
        action: &event.action,
        source: &event.source,
        system: &event.system,
        object: event.object.as_ref(),
        branch: event.branch.as_deref(),
        actor: &event.actor,
        occurred_at: event.occurred_at.as_deref(),
        received_at: event.received_at,
        correlation_id: event.correlation_id.as_deref(),
        changes: &event.changes,
        before: before.1,
        after: after.1,
        data: data.1,
    };
    let routes = processed.verdicts();
    Kept { event: told, routes, lookups, places: Places { before: before.0, after: after.0, data: data.0 } }
}

/// And back, with the body beside it.
pub(super) fn read(text: &str, body: &Bytes) -> Result<Vec<Processed>, StoreError> {
    let found: Vec<Found> = from_json(text)?;
    if found.iter().all(|one| one.places.is_none()) {
        return Ok(found.into_iter().map(|one| one.placed(None)).collect());
    }
    let parsed = document::parse(body, NonFinite::AsNull)
        .map_err(|error| StoreError::Unavailable(format!("its data is damaged: the body: {error}")))?;
    let whole = Arc::new(parsed.value);
    Ok(found.into_iter().map(|one| one.placed(Some(&whole))).collect())
}

impl Found {
    fn placed(self, whole: Option<&Arc<Json>>) -> Processed {
        let Self { mut event, routes, lookups, places } = self;
        if let Some(whole) = whole {
            let put = |part: &mut Part, names: Option<Vec<Box<str>>>| {
                if let Some(names) = names {
                    *part = Part::of(whole, &names.into());
                }
            };
            put(&mut event.before, places.before);
            put(&mut event.after, places.after);
            put(&mut event.data, places.data);
        }
        Processed { event, routes, refused: None, lookups }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json;

    const BODY: &str = r#"{"data":{"n":1.50},"snapshots":{"prechange":{"a":[1]},"postchange":null}}"#;

    /// One whose documents are these names in the body, or, without any, a value of its own.
    fn processed(native: &Arc<Json>, names: [&[&str]; 3]) -> Processed {
        let [before, after, data] = names.map(|names| match names {
            [] => json!({"own": true}).into(),
            names => Part::of(native, &names.iter().map(|name| Box::from(*name)).collect()),
        });
        let event: Event = json!({
            "id": "evt_0197c2a0d4b07a3e8f21a1b2c3d4e5f6", "type": "netbox.object.updated", "action": "updated",
            "source": "nb", "system": "netbox", "object": null, "branch": "main",
            "actor": {"id": null, "name": "ann"}, "occurred_at": null, "received_at": "2026-11-22T05:30:00Z",
            "correlation_id": "c", "changes": [{"field": "a", "from": 1, "to": [2.0]}],
        })
        .told()
        .unwrap();
        let event = Event { before, after, data, native: native.clone(), ..event };
        Processed { event, routes: Vec::new(), refused: None, lookups: Vec::new() }
    }

    #[test]
    fn what_the_body_holds_is_kept_by_its_place_and_read_from_there() {
        let native = Arc::new(document::parse(BODY.as_bytes(), NonFinite::Refuse).unwrap().value);
        let before: &[&str] = &["snapshots", "prechange"];
        let names = [before, &["snapshots", "gone"], &["data"]];
        let events = [processed(&native, names), processed(&native, [before, &[], &[]])];
        let text = text(&events, true).unwrap();
        assert!(!text.contains("1.50") && text.contains(r#""data":["data"]"#), "{text}");
        let read = read(&text, &Bytes::from_static(BODY.as_bytes())).unwrap();
        for (read, event) in read.iter().zip(&events) {
            let same = Event { native: read.event.native.clone(), ..event.event.clone() };
            assert_eq!(read.event, same);
        }
        assert_eq!(read[0].event.data.to_string(), r#"{"n":1.50}"#);
    }

    #[test]
    fn without_the_body_beside_it_everything_is_kept_by_value() {
        let native = Arc::new(json!({"data": {"n": 1}}));
        let all = [processed(&native, [&["data"], &["data"], &["data"]])];
        let text = text(&all, false).unwrap();
        assert_eq!(text, serde_json::to_string(&all).unwrap());
        assert_eq!(read(&text, &Bytes::new()).unwrap()[0].event.data, json!({"n": 1}));
    }

    #[test]
    fn a_body_that_cannot_be_read_any_more_is_damage_and_no_panic() {
        let native = Arc::new(json!({"data": {"n": 1}}));
        let text = text(&[processed(&native, [&["data"], &[], &[]])], true).unwrap();
        let why = read(&text, &Bytes::from_static(b"{")).unwrap_err();
        assert!(matches!(why, StoreError::Unavailable(_)), "{why}");
    }
}
