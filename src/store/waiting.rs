//! What waits for something else than its turn at a destination: batches for more events, receipts
//! for lookups.

use std::time::Duration;

use super::StoredReceipt;
use crate::model::{Batch, Timestamp};

/// Asks for work that is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Due {
    pub limit: usize,
    pub now: Timestamp,
    /// How long it is nobody else's.
    pub lease: Duration,
}

/// Batches that are complete.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ripe {
    pub batches: Vec<LeasedBatch>,
    /// As in [`super::Claimed`].
    pub next_due: Option<Timestamp>,
}

/// A complete batch that is ours to seal until the lease runs out.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedBatch {
    pub batch: Batch,
    pub token: u64,
}

/// Receipts whose lookups are due.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deferred {
    pub receipts: Vec<LeasedReceipt>,
    /// As in [`super::Claimed`].
    pub next_due: Option<Timestamp>,
}

/// A receipt with deferred verdicts that is ours until the lease runs out.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedReceipt {
    pub stored: StoredReceipt,
    /// How often its lookups were tried since it was accepted or replayed.
    pub tries: u32,
    pub token: u64,
}

/// How much waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Waiting {
    /// Batches that are not sealed.
    pub batches: u64,
    /// Events in them.
    pub gathered: u64,
    /// Receipts that wait for lookups.
    pub deferred: u64,
}
