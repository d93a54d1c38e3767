//! What work brings along that moves from one state to another.

use crate::model::{Attempt, Timestamp};

/// What happened to a pending delivery so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The last ones, oldest first.
    pub attempts: Vec<Attempt>,
    /// How many there were in all, and how many of them in the current run of the schedule.
    pub made: u32,
    pub tries: u32,
    pub due_at: Timestamp,
}
