//! How a destination fares at this moment, as the process that sends sees it.

use serde::Serialize;

use super::Timestamp;

/// What slows the sending to a destination down or holds it up. Kept in memory only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// `None`: the destination has no breaker.
    pub breaker: Option<Circuit>,
    /// Attempts that may be under way at once; `in_flight`, or fewer while the receiver is slow.
    pub allowed: usize,
    /// Between two attempts, in milliseconds; 0 unless a receiver is too slow even for one at a time.
    pub gap_ms: u64,
    /// Nothing new is sent before, as the receiver asked for by `Retry-After`.
    pub not_before: Option<Timestamp>,
}

/// A circuit breaker, from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Circuit {
    pub state: CircuitState,
    /// When it opened first, of the outage that goes on.
    pub since: Option<Timestamp>,
    /// When an attempt will show how things are, while it is open.
    pub until: Option<Timestamp>,
    /// Why it opened first.
    pub reason: Option<String>,
}

/// What a circuit breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// Everything.
    Closed,
    /// One attempt.
    HalfOpen,
    /// Nothing.
    Open,
}
