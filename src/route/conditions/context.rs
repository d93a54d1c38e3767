//! What conditions are asked about: an event's data, and its snapshots beside it.

use std::cell::OnceCell;

use crate::model::{Event, Json, Map};
use crate::snapshots::{Fields, Snapshots};

/// One event; the snapshots are made when the first rule wants them.
#[derive(Debug)]
pub(in crate::route) struct Context<'e> {
    event: &'e Event,
    snapshots: OnceCell<Json>,
}

impl<'e> Context<'e> {
    pub fn new(event: &'e Event) -> Self {
        Self { event, snapshots: OnceCell::new() }
    }

    /// The object the sender tells; `None` where it tells none. NetBox writes `{}` for a job
    /// that recorded no data; a transformation or template may send anything at all.
    pub fn data(&self) -> Option<&'e Json> {
        let data = &self.event.data;
        data.as_object().is_some_and(|members| !members.is_empty()).then_some(data)
    }

    /// `{"prechange": …, "postchange": …}`, or `null` where nothing is known of any state.
    pub fn snapshots(&self) -> &Json {
        self.snapshots.get_or_init(|| {
            let Snapshots { before, after } = Snapshots::of(self.event);
            if before.is_none() && after.is_none() && !self.has_empty_snapshots() {
                return Json::Null;
            }
            let state = |fields: Option<Fields>| fields.map_or(Json::Null, Json::Object);
            let states = [("prechange", state(before)), ("postchange", state(after))];
            Json::Object(states.map(|(name, state)| (name.to_owned(), state)).into_iter().collect())
        })
    }

    /// One of the two states, if there is one.
    pub fn state(&self, which: &str) -> Option<&Map> {
        self.snapshots().get(which)?.as_object()
    }

    /// Whether the snapshots are made of changes, and so lack every field that did not change.
    pub fn tells_only_changes(&self) -> bool {
        !self.event.before.is_object() && !self.event.after.is_object() && !self.event.changes.is_empty()
    }

    /// NetBox sends two nulls where it recorded no state, and no snapshots at all with a job.
    fn has_empty_snapshots(&self) -> bool {
        self.event.native.get("snapshots").is_some_and(Json::is_object)
    }
}
