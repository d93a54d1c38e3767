//! One bell per destination and per errand, rung after commits.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::store::{Bell, Errand, Order};

/// The bells that somebody asked for.
#[derive(Debug, Default)]
pub(super) struct Bells(Mutex<Hung>);

#[derive(Debug, Default)]
struct Hung {
    destinations: HashMap<String, Arc<Bell>>,
    errands: HashMap<Errand, Arc<Notify>>,
}

/// Those that ring at the next commit.
#[derive(Debug, Default)]
pub(super) struct Rung {
    destinations: BTreeSet<String>,
    errands: HashSet<Errand>,
}

impl Bells {
    /// The bell of a destination; the same one each time.
    pub(super) fn of(&self, destination: &str) -> Arc<Bell> {
        let mut hung = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hung.destinations.entry(destination.to_owned()).or_default())
    }

    /// That of an errand.
    pub(super) fn errand(&self, errand: Errand) -> Arc<Notify> {
        let mut hung = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hung.errands.entry(errand).or_default())
    }

    /// Rings those that somebody has.
    pub(super) fn ring(&self, rung: Rung) {
        let hung = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rung.destinations.iter().filter_map(|name| hung.destinations.get(name)).for_each(|bell| bell.ring());
        rung.errands.iter().filter_map(|errand| hung.errands.get(errand)).for_each(|bell| bell.notify_one());
    }

    /// Rings them all: anything may have happened.
    pub(super) fn ring_all(&self) {
        let hung = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hung.destinations.values().for_each(|bell| bell.ring());
        hung.errands.values().for_each(|bell| bell.notify_one());
    }

    /// Those among them where an order lies, with their destinations. Whoever asks carries the orders out.
    pub(super) fn orders(&self, rung: &Rung) -> Vec<(String, Arc<Bell>, Order)> {
        let hung = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ordered = |name: &String| {
            let bell = hung.destinations.get(name)?;
            Some((name.clone(), Arc::clone(bell), bell.begin()?))
        };
        rung.destinations.iter().filter_map(ordered).collect()
    }
}

impl Rung {
    pub(super) fn destination(&mut self, name: &str) {
        if !self.destinations.contains(name) {
            self.destinations.insert(name.to_owned());
        }
    }

    pub(super) fn errand(&mut self, errand: Errand) {
        self.errands.insert(errand);
    }
}
