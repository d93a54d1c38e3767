//! Calls to load the rules again, which all gateways get once: they are counted at home, so that one
//! that was cut off learns of them later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// What this gateway knows of them.
#[derive(Debug)]
pub(super) struct Reloads {
    /// The number of the last call; `UNKNOWN` before the first look.
    last: AtomicU64,
    bell: Arc<Notify>,
}

const UNKNOWN: u64 = u64::MAX;

impl Default for Reloads {
    fn default() -> Self {
        Self { last: AtomicU64::new(UNKNOWN), bell: Arc::default() }
    }
}

impl Reloads {
    pub(super) fn bell(&self) -> Arc<Notify> {
        self.bell.clone()
    }

    /// This gateway made that call itself.
    pub(super) fn called(&self, number: u64) {
        self.last.store(number, Ordering::Release);
    }

    /// Learns the number of the last call. What was called before this gateway began, it has done by
    /// beginning.
    pub(super) fn learn(&self, number: u64) {
        let before = self.last.swap(number, Ordering::AcqRel);
        if before != number && before != UNKNOWN {
            self.bell.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn rings(reloads: &Reloads) -> bool {
        let bell = reloads.bell();
        let rung = tokio::time::timeout(std::time::Duration::ZERO, bell.notified()).await;
        rung.is_ok()
    }

    #[tokio::test]
    async fn each_call_of_another_gateway_rings_once() {
        let reloads = Reloads::default();
        reloads.learn(4);
        assert!(!rings(&reloads).await, "it began with these rules");
        reloads.learn(5);
        reloads.learn(5);
        assert!(rings(&reloads).await);
        assert!(!rings(&reloads).await);
        reloads.called(6);
        reloads.learn(6);
        assert!(!rings(&reloads).await, "its own call");
        // A server that lost its memory counts anew.
        reloads.learn(1);
        assert!(rings(&reloads).await);
    }
}
