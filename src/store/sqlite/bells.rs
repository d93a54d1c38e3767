//! One bell per destination, rung after commits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The bells that somebody asked for.
#[derive(Debug, Default)]
pub(super) struct Bells(Mutex<HashMap<String, Arc<Notify>>>);

impl Bells {
    /// The bell of a destination; the same one each time.
    pub(super) fn of(&self, destination: &str) -> Arc<Notify> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry(destination.to_owned()).or_default())
    }

    /// Rings those of the destinations whose bell somebody has.
    pub(super) fn ring(&self, destinations: impl IntoIterator<Item = String>) {
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for destination in destinations {
            if let Some(bell) = bells.get(&destination) {
                bell.notify_one();
            }
        }
    }
}
