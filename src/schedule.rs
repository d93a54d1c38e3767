//! When to try again after this result.

use std::time::Duration;

use crate::model::{FailureClass, Timestamp};

/// The waits between the attempts of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The wait before the second, third, … attempt; after the last one the delivery is dead.
    pub waits: Vec<Duration>,
}

/// What happens after a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Again(Timestamp),
    Dead(String),
}

impl Default for Schedule {
    fn default() -> Self {
        let s = Duration::from_secs;
        let h = |hours: u64| s(hours * 3600);
        Self { waits: vec![s(5), s(300), s(1800), h(2), h(5), h(10), h(14), h(20), h(24)] }
    }
}

impl Schedule {
    /// What follows attempt number `attempt` (from 1), which failed. `jitter` is from 0 to 1
    /// and only adds; `retry_after` only lengthens.
    pub fn after(
        &self,
        _attempt: u32,
        _class: FailureClass,
        _status: Option<u16>,
        _retry_after: Option<Duration>,
        _now: Timestamp,
        _jitter: f64,
    ) -> Next {
        todo!()
    }
}
