//! What became of a receipt under one revision of the rules.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::{BatchId, Delivery, DeliveryId, Event, EventId, Gathered, Looked, Refused, Timestamp};

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

/// One event and what each route said about it. Serialised with the verdicts of all routes.
#[derive(Debug, Clone, PartialEq)]
pub struct Processed {
    pub event: Event,
    /// What the routes said that are not among `refused`, in the order of the config.
    pub routes: Vec<RouteVerdict>,
    /// The routes of which a condition said no. `None`: what they say is among `routes`.
    pub refused: Option<Refused>,
    /// In the order in which they were first asked for.
    pub lookups: Vec<Looked>,
}

impl Processed {
    /// What every route said, in words and in the order of the config.
    pub fn verdicts(&self) -> Vec<RouteVerdict> {
        let mut others = self.routes.iter().cloned();
        let refused = self.refused.iter().flat_map(Refused::verdicts);
        let mut all: Vec<RouteVerdict> = refused.filter_map(|no| no.or_else(|| others.next())).collect();
        all.extend(others);
        all
    }
}

impl Serialize for Processed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Processed", 3)?;
        members.serialize_field("event", &self.event)?;
        members.serialize_field("routes", &self.verdicts())?;
        match self.lookups.is_empty() {
            true => members.skip_field("lookups")?,
            false => members.serialize_field("lookups", &self.lookups)?,
        }
        members.end()
    }
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
