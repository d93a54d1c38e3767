//! The events of an outcome as they are kept: of what stands in the receipt's body as well, only the
//! place.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::draft::{from_json, json};
use crate::json::{self as document, NonFinite};
use crate::model::{
    Actor, Change, Event, EventId, Json, Looked, Object, Part, Processed, Refused, RouteVerdict, Timestamp,
    Wordings,
};

/// Wordings are noted to be used at most so often, in microseconds: whoever deletes them counts it in.
pub(super) const USED_FOR: i64 = 3600 * 1_000_000;

/// A [`Processed`] without what its places say.
#[derive(Serialize)]
struct Kept<'a> {
    event: Told<'a>,
    routes: &'a [RouteVerdict],
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<KeptRefused<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    lookups: &'a [Looked],
    #[serde(skip_serializing_if = "Places::is_none")]
    places: Places<&'a [Box<str>]>,
}

/// A [`Refused`] whose wordings are kept elsewhere.
#[derive(Serialize)]
struct KeptRefused<'a> {
    wordings: &'a str,
    runs: &'a [(Option<u32>, u32)],
    actual: &'a [(u32, String)],
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

#[derive(Debug, Deserialize)]
struct Found {
    event: Event,
    routes: Vec<RouteVerdict>,
    /// Not known to earlier releases, which had all verdicts among `routes`.
    #[serde(default)]
    refused: Option<FoundRefused>,
    #[serde(default)]
    lookups: Vec<Looked>,
    #[serde(default)]
    places: Places<Vec<Box<str>>>,
}

#[derive(Debug, Deserialize)]
struct FoundRefused {
    wordings: String,
    runs: Vec<(Option<u32>, u32)>,
    actual: Vec<(u32, String)>,
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
    let Processed { event, routes, refused, lookups } = processed;
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
    let refused = refused.as_ref().map(|Refused { wordings, runs, actual }| KeptRefused {
        wordings: &wordings.id,
        runs,
        actual,
    });
    Kept {
        event: told,
        routes,
        refused,
        lookups,
        places: Places { before: before.0, after: after.0, data: data.0 },
    }
}

/// What the events refer to, each once.
pub(super) fn wordings(events: &[Processed]) -> Vec<Arc<Wordings>> {
    let mut all: Vec<Arc<Wordings>> = Vec::new();
    for Refused { wordings, .. } in events.iter().filter_map(|processed| processed.refused.as_ref()) {
        if all.iter().all(|known| !Arc::ptr_eq(known, wordings) && known.id != wordings.id) {
            all.push(wordings.clone());
        }
    }
    all
}

/// What was kept, half read.
#[derive(Debug)]
pub(super) struct Reading(Vec<Found>);

impl Reading {
    pub(super) fn new(text: &str) -> Result<Self, StoreError> {
        from_json(text).map(Self)
    }

    /// The ids of what it refers to.
    pub(super) fn wordings(&self) -> BTreeSet<&str> {
        self.0.iter().filter_map(|found| found.refused.as_ref()).map(|refused| &*refused.wordings).collect()
    }

    /// The events, with the body beside them, and with `known` wordings by id. Where one is missing, the
    /// routes that refused the event are not told.
    pub(super) fn events(
        self,
        body: &Bytes,
        known: &HashMap<String, Arc<Wordings>>,
    ) -> Result<Vec<Processed>, StoreError> {
        let whole = match self.0.iter().all(|one| one.places.is_none()) {
            true => None,
            false => {
                let parsed = document::parse(body, NonFinite::AsNull).map_err(|error| {
                    StoreError::Unavailable(format!("its data is damaged: the body: {error}"))
                })?;
                Some(Arc::new(parsed.value))
            }
        };
        Ok(self.0.into_iter().map(|one| one.placed(whole.as_ref(), known)).collect())
    }
}

impl Found {
    fn placed(self, whole: Option<&Arc<Json>>, known: &HashMap<String, Arc<Wordings>>) -> Processed {
        let Self { mut event, routes, refused, lookups, places } = self;
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
        let refused = refused.and_then(|FoundRefused { wordings, runs, actual }| {
            let found = known.get(&wordings).cloned();
            if found.is_none() {
                tracing::warn!(event = %event.id, wordings, "the state lost how refusals of routes are told");
            }
            Some(Refused { wordings: found?, runs, actual })
        });
        Processed { event, routes, refused, lookups }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Decision, RouteWording, Wording, json};

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

    fn read(text: &str, body: &'static [u8]) -> Result<Vec<Processed>, StoreError> {
        Reading::new(text)?.events(&Bytes::from_static(body), &HashMap::new())
    }

    /// One of 500 routes that differ in the kind they want, all but two of which refused it.
    fn refused() -> Processed {
        let wording = |n| Wording { condition: "kind".to_owned(), wanted: format!("k{n}"), topic: 3 };
        let route = |n| RouteWording { name: format!("r{n}"), conditions: vec![wording(n)] };
        let wordings = Arc::new(Wordings::new((0..500).map(route).collect()));
        let said: Vec<_> = (0..500).map(|n| (n != 7 && n != 499).then_some(0)).collect();
        let refused = Refused::new(wordings, &said, vec![(3, "dcim.device".to_owned())]);
        let other =
            |n| RouteVerdict { route: format!("r{n}"), decision: Decision::Filtered { reason: None } };
        let native = Arc::new(json!({}));
        let routes = vec![other(7), other(499)];
        Processed { refused: Some(refused), routes, ..processed(&native, [&[], &[], &[]]) }
    }

    #[test]
    fn refusals_are_kept_by_number_and_told_in_words_at_their_places() {
        let event = refused();
        let text = text(std::slice::from_ref(&event), false).unwrap();
        assert!(text.contains(r#""runs":[[0,7],[null,1],[0,491],[null,1]],"actual":[[3,"dcim.device"]]"#));
        let reading = Reading::new(&text).unwrap();
        let known: HashMap<_, _> =
            wordings(&[event.clone(), event.clone()]).into_iter().map(|it| (it.id.clone(), it)).collect();
        assert_eq!(reading.wordings(), known.keys().map(String::as_str).collect());
        let read = reading.events(&Bytes::new(), &known).unwrap().remove(0);
        assert_eq!(read.verdicts(), event.verdicts());
        let told: Vec<_> = read.verdicts().into_iter().map(|verdict| verdict.route).collect();
        assert_eq!(told, (0..500).map(|n| format!("r{n}")).collect::<Vec<_>>());
        let unmatched = json!({
            "route": "r8", "decision": "unmatched", "condition": "kind", "wanted": "k8", "actual": "dcim.device",
        });
        assert_eq!(json!(read.verdicts()[8]), unmatched);
    }

    #[test]
    fn verdicts_that_an_earlier_release_kept_in_words_are_read_as_they_were() {
        let event = refused();
        let text = serde_json::to_string(&[&event]).unwrap();
        assert_eq!(read(&text, b"").unwrap()[0].verdicts(), event.verdicts());
    }

    #[test]
    fn where_the_wordings_were_lost_the_other_verdicts_are_still_told() {
        let event = refused();
        let text = text(std::slice::from_ref(&event), false).unwrap();
        assert_eq!(read(&text, b"").unwrap()[0].verdicts(), event.routes);
    }

    #[test]
    fn what_the_body_holds_is_kept_by_its_place_and_read_from_there() {
        let native = Arc::new(document::parse(BODY.as_bytes(), NonFinite::Refuse).unwrap().value);
        let before: &[&str] = &["snapshots", "prechange"];
        let names = [before, &["snapshots", "gone"], &["data"]];
        let events = [processed(&native, names), processed(&native, [before, &[], &[]])];
        let text = text(&events, true).unwrap();
        assert!(!text.contains("1.50") && text.contains(r#""data":["data"]"#), "{text}");
        let read = read(&text, BODY.as_bytes()).unwrap();
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
        assert_eq!(read(&text, b"").unwrap()[0].event.data, json!({"n": 1}));
    }

    #[test]
    fn a_body_that_cannot_be_read_any_more_is_damage_and_no_panic() {
        let native = Arc::new(json!({"data": {"n": 1}}));
        let text = text(&[processed(&native, [&["data"], &[], &[]])], true).unwrap();
        let why = read(&text, b"{").unwrap_err();
        assert!(matches!(why, StoreError::Unavailable(_)), "{why}");
    }
}
