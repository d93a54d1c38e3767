//! How destinations fare: what one's stacks, its worker and whoever asks share about it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::breaker::Breaker;
use super::pace::Pace;
use crate::clock::Clock;
use crate::config::Destination;
use crate::metrics::Metrics;
use crate::model::Standing;

/// What was learned about one receiver. Copies are the same.
#[derive(Debug, Clone)]
pub(super) struct Health {
    pub breaker: Option<Breaker>,
    pub pace: Pace,
}

impl Health {
    /// Of a receiver of which nothing is known.
    pub fn new(destination: &Destination, clock: &Arc<dyn Clock>, metrics: &Arc<Metrics>) -> Self {
        let breaker = destination
            .breaker
            .map(|settings| Breaker::new(settings, &destination.name, clock.clone(), metrics.clone()));
        Self { breaker, pace: Pace::new(destination.in_flight, clock.clone()) }
    }

    /// How many attempts of retries may be under way. Fresh deliveries have the other half of the
    /// places; where there is only one, the store gives it to either.
    pub fn places_of_retries(&self) -> usize {
        match self.pace.slowed().allowed {
            0 | 1 => 1,
            several => several / 2,
        }
    }

    fn standing(&self) -> Standing {
        let slowed = self.pace.slowed();
        Standing {
            breaker: self.breaker.as_ref().map(Breaker::circuit),
            allowed: slowed.allowed,
            gap_ms: u64::try_from(slowed.gap.as_millis()).unwrap_or(u64::MAX),
            not_before: slowed.rest,
        }
    }
}

/// How each destination fares in this process, by name. Copies are the same.
#[derive(Debug, Clone, Default)]
pub struct Standings(Arc<Mutex<HashMap<String, Health>>>);

impl Standings {
    /// `None`: nothing is sent there.
    pub fn of(&self, destination: &str) -> Option<Standing> {
        let health = self.all().get(destination).cloned();
        health.map(|health| health.standing())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Health>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, destination: &str, health: &Health) {
        self.all().insert(destination.to_owned(), health.clone());
    }

    pub(super) fn remove(&self, destination: &str) {
        self.all().remove(destination);
    }
}
