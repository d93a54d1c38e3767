//! Events that leave together: what says that one waits, and the batch that they become.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BatchId, Delivery, Event, EventId, Failure, Json, Lineage, ReceiptId, Timestamp};

/// What the events of a batch have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    Correlation,
    Object,
    Kind,
    Branch,
    /// What the script's `batch_key` says.
    Key,
}

impl By {
    pub const ALL: [Self; 5] = [Self::Correlation, Self::Object, Self::Kind, Self::Branch, Self::Key];

    /// As in configs and in the body of a batch.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correlation => "correlation",
            Self::Object => "object",
            Self::Kind => "kind",
            Self::Branch => "branch",
            Self::Key => "key",
        }
    }

    /// That of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.name() == name)
    }
}

/// When a batch is complete: whatever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// So long after the last event that joined.
    pub quiet: Duration,
    /// So long after the first event.
    pub max_wait: Duration,
    pub max_events: u32,
    /// Of the events as JSON with what was looked up for them, in bytes. An event that is bigger makes a batch of its own.
    pub max_bytes: u64,
}

impl Window {
    /// One that is over as soon as something is in it, and of any size.
    pub const OVER: Self =
        Self { quiet: Duration::ZERO, max_wait: Duration::ZERO, max_events: u32::MAX, max_bytes: u64::MAX };
}

/// An event that waits for others before it leaves by a route.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    pub event: EventId,
    pub route: String,
    pub by: By,
    /// As the body of the batch names it.
    pub key: String,
    /// What tells the batches of a route apart; holds more than the key where keys of several
    /// sources could be the same.
    pub group: String,
    pub window: Window,
    /// It has nothing to be gathered by: its batch is complete at once and nobody joins it.
    pub alone: bool,
    pub lineage: Lineage,
    /// The event as the route sees it; its `native` is not kept (it is the receipt's body).
    pub content: Arc<Event>,
    /// What the route's lookups found, by name.
    pub lookups: Json,
}

/// A batch that is complete, to be made into deliveries.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub id: BatchId,
    pub route: String,
    pub by: By,
    pub key: String,
    pub group: String,
    /// When its first event came.
    pub opened_at: Timestamp,
    /// In the order in which they came; at least one.
    pub members: Vec<Member>,
}

/// One event of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub receipt: ReceiptId,
    pub event: Arc<Event>,
    pub lookups: Json,
    pub lineage: Lineage,
    /// The receipt's body, for scripts that ask for `event.native`.
    pub body: bytes::Bytes,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Sealed {
    /// One delivery per destination; each names the batch.
    Sent(Vec<Delivery>),
    /// The script dropped it.
    Dropped(Option<String>),
    /// A replay of the receipts gathers their events again.
    Failed(Failure),
}
