//! What became of a receipt under one revision of the rules.

use serde::{Deserialize, Serialize};

use super::{BatchId, Delivery, DeliveryId, Event, EventId, Gathered, Looked, Timestamp};

/// The result of processing one receipt. There is always exactly one per receipt; a
/// failure is an outcome, not an error.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The revision of the rules that produced it.
    pub revision: String,
    /// Why nothing could be mapped; then `events` is empty.
    pub failure: Option<Failure>,
    pub events: Vec<Processed>,
    pub deliveries: Vec<Delivery>,
    /// What waits for other events; each belongs to a verdict [`Decision::Gathered`].
    pub gathered: Vec<Gathered>,
    /// The places in lanes that verdicts [`Decision::Deferred`] keep.
    pub held: Vec<Held>,
}

/// A place in a lane, kept for what a route will send once its lookups are made, so that later
/// changes of the object do not overtake it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub event: EventId,
    pub route: String,
    pub destination: String,
    pub lane: String,
}

impl Outcome {
    /// Nothing yet.
    pub fn new(revision: impl Into<String>) -> Self {
        Self {
            revision: revision.into(),
            failure: None,
            events: Vec::new(),
            deliveries: Vec::new(),
            gathered: Vec::new(),
            held: Vec::new(),
        }
    }

    /// The first failure, of the mapping or of any route.
    pub fn first_failure(&self) -> Option<&Failure> {
        self.failure.as_ref().or_else(|| {
            self.events.iter().flat_map(|event| &event.routes).find_map(|verdict| match &verdict.decision {
                Decision::Failed(failure) => Some(failure),
                _ => None,
            })
        })
    }
}

/// One event and what each route said about it, in the order of the config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Processed {
    pub event: Event,
    pub routes: Vec<RouteVerdict>,
    /// In the order in which they were first asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<Looked>,
}

/// One route's word on one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteVerdict {
    pub route: String,
    #[serde(flatten)]
    pub decision: Decision,
}

/// What a route decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// A condition said no.
    Unmatched {
        /// The key of `when` (or `from`), such as `changed`.
        condition: String,
        /// What the route wants, as text.
        wanted: String,
        /// What the event has, as text.
        actual: String,
    },
    /// The script dropped it.
    Filtered { reason: Option<String> },
    /// It goes out.
    Routed {
        deliveries: Vec<DeliveryId>,
        script: Option<String>,
        /// It left together with others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch: Option<BatchId>,
    },
    /// It waits for others to leave together with them. What became of the batch stands in its
    /// place as soon as that is known.
    Gathered {
        /// The group's key.
        key: String,
        /// Told by the store.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch: Option<BatchId>,
        /// When the batch is complete if nothing more comes; told by the store.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// It waits for what these lookups find; the route goes on then.
    Deferred { lookups: Vec<String> },
    /// Script or format failed; a replay tries again.
    Failed(Failure),
}

/// Why something could not be processed, and where to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub stage: Stage,
    pub message: String,
    /// A JSONPath, or `file:line:column` of a script.
    pub place: Option<String>,
}

/// The step of the pipeline that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Map,
    /// The route that gathered the events is gone.
    Route,
    Lookup,
    Script,
    Template,
    Format,
}
