//! What a script says about events that leave together: their key, and as what they leave.

use std::sync::Arc;

use rhai::Dynamic;

use super::{Script, ScriptError, Verdict, guard, node, seat, verdict, view, view_of};
use crate::model::{Event, Json, Member, Timestamp};

/// What a script said about an event that waits for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joining {
    /// Dropped, and why if the script said so.
    Dropped(Option<String>),
    /// It waits; the key is that of `batch_key`.
    Joins(Option<String>),
}

impl Script {
    /// Whether the script says by which key events are gathered.
    pub fn keys_events(&self) -> bool {
        self.batch_key.is_some()
    }

    /// Whether the script says as what a batch leaves.
    pub fn transforms_batches(&self) -> bool {
        self.transform_batch.is_some()
    }

    /// Runs `filter`, then, if the event is gathered by its key, `batch_key`.
    pub fn join(
        &self,
        event: &Arc<Event>,
        keyed: bool,
        lookups: Option<&Arc<Json>>,
        now: Timestamp,
    ) -> Result<Joining, ScriptError> {
        let _guard = guard::begin(&self.limits, now);
        guard::give(lookups);
        self.caught(|| self.key(event, keyed))
    }

    fn key(&self, event: &Arc<Event>, keyed: bool) -> Result<Joining, ScriptError> {
        if let Some(Verdict::Dropped(reason)) = self.filtered(event)? {
            return Ok(Joining::Dropped(reason));
        }
        let Some(at) = self.batch_key.filter(|_| keyed) else { return Ok(Joining::Joins(None)) };
        let given = self.call("batch_key", view_of(event)).and_then(|given| verdict::of_key(&given));
        given.map(Joining::Joins).map_err(|error| self.explained(error, at))
    }

    /// Runs `transform_batch` over the events of a batch; [`Verdict::Pass`] if there is none. The
    /// limits are those of one run; only what it may hold is more.
    pub fn run_batch(&self, members: &[Member], now: Timestamp) -> Result<Verdict, ScriptError> {
        let Some(at) = self.transform_batch else { return Ok(Verdict::Pass) };
        let _guard = guard::begin_batch(&self.limits, now);
        let events = Dynamic::from(view::List(node::Node::Batch(seat::seats(members))));
        self.caught(|| {
            let given = self.call("transform_batch", events);
            let given = given.and_then(|given| verdict::of_transform("transform_batch(events)", given));
            guard::survived(given).map_err(|error| self.explained(error, at))
        })
    }
}
