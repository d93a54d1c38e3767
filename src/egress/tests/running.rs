//! The whole way out, running on a double of the store and a standing clock.

use std::sync::Arc;

use tokio::sync::watch;

use super::double::{Double, Row};
use super::fixture;
use super::receiver::Seen;
use crate::clock::ManualClock;
use crate::config::Destination;
use crate::egress::Egress;
use crate::metrics::Metrics;
use crate::model::{Delivery, Final};
use crate::rules::Rules;

pub const LOOPBACK: &[&str] = &["127.0.0.0/8"];

/// A running egress side on a double.
pub struct World {
    pub egress: Egress,
    pub store: Arc<Double>,
    pub clock: Arc<ManualClock>,
    pub metrics: Arc<Metrics>,
    pub rules: watch::Sender<Arc<Rules>>,
}

impl World {
    pub fn start(destinations: &[Arc<Destination>], in_flight: usize, waiting: Vec<Delivery>) -> Self {
        let (rules, watched) = watch::channel(fixture::rules(destinations, in_flight, LOOPBACK));
        let (store, clock) = (Arc::new(Double::default()), ManualClock::at(fixture::start()));
        store.put(waiting);
        let metrics = Arc::new(Metrics::default());
        let egress = Egress::start(watched, store.clone(), clock.clone(), metrics.clone());
        Self { egress, store, clock, metrics, rules }
    }
}

pub fn all_delivered(rows: &[Row]) -> bool {
    rows.iter().all(|row| matches!(row.end, Some((Final::Delivered, _))))
}

pub fn bodies(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|seen| String::from_utf8_lossy(&seen.body).into_owned()).collect()
}

pub fn attempts(count: usize) -> impl Fn(&[Row]) -> bool {
    move |rows| rows.iter().map(|row| row.attempts.len()).sum::<usize>() >= count
}
