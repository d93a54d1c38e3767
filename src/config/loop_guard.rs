//! The section `loop_guard:`: how changes that go round in circles are stopped.

use super::LoopGuard;

impl Default for LoopGuard {
    fn default() -> Self {
        Self { name: "crossconnect".to_owned(), max_hops: 8 }
    }
}
