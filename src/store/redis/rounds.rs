//! Where the next claim of a destination has to look: every claim asks only the partitions that may
//! have something for it. Who looks for complete batches does the same, as a destination of its own.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::model::Timestamp;

/// What is known of one destination in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Something may have come.
    Look,
    /// The same, and somebody is asking.
    Asked,
    /// Nothing is due before then.
    NotBefore(Timestamp),
    Nothing,
}

/// Per destination, by partition.
#[derive(Debug)]
pub(super) struct Rounds {
    parts: u32,
    known: Mutex<HashMap<String, Vec<Known>>>,
}

impl Rounds {
    pub(super) fn new(parts: u32) -> Self {
        Self { parts, known: Mutex::default() }
    }

    /// Something of a destination may be claimable in a partition.
    pub(super) fn mark(&self, destination: &str, part: u32) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = known.get_mut(destination).and_then(|parts| parts.get_mut(part as usize)) {
            *slot = Known::Look;
        }
    }

    /// Anything may have come anywhere.
    pub(super) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Begins a round: the partitions to ask now. Who fails to ask one says so by [`Rounds::mark`];
    /// until there is an answer, others ask it as well.
    pub(super) fn begin(&self, destination: &str, now: Timestamp) -> Vec<u32> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(destination) {
            known.insert(destination.to_owned(), vec![Known::Look; self.parts as usize]);
        }
        let parts = known.get_mut(destination).into_iter().flatten();
        let asked = parts.enumerate().filter_map(|(part, slot)| {
            let is_due = match slot {
                Known::Look | Known::Asked => true,
                Known::NotBefore(at) => *at <= now,
                Known::Nothing => false,
            };
            is_due.then(|| {
                *slot = Known::Asked;
                part as u32
            })
        });
        asked.collect()
    }

    /// What a partition answered, unless something came meanwhile.
    pub(super) fn learn(&self, destination: &str, part: u32, next_due: Option<Timestamp>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = known.get_mut(destination).and_then(|parts| parts.get_mut(part as usize));
        let Some(slot) = slot else { return };
        *slot = match (*slot, next_due) {
            (Known::Look, _) => Known::Look,
            // Another answer, perhaps of what was before this one.
            (Known::NotBefore(known), Some(at)) => Known::NotBefore(known.min(at)),
            (Known::NotBefore(known), None) => Known::NotBefore(known),
            (Known::Asked | Known::Nothing, Some(at)) => Known::NotBefore(at),
            (Known::Asked | Known::Nothing, None) => Known::Nothing,
        };
    }

    /// When the first partition is to be asked again, of those that nobody is asking.
    pub(super) fn next_due(&self, destination: &str, now: Timestamp) -> Option<Timestamp> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = known.get(destination)?.iter();
        parts
            .filter_map(|slot| match slot {
                Known::Look => Some(now),
                Known::NotBefore(at) => Some(*at),
                Known::Asked | Known::Nothing => None,
            })
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_partitions_that_may_have_something_are_asked() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let rounds = Rounds::new(3);
        assert_eq!(rounds.begin("a", at(0)), [0, 1, 2]);
        rounds.learn("a", 1, Some(at(5)));
        rounds.mark("a", 2);
        // What came during the round is not forgotten by its answer.
        rounds.learn("a", 2, Some(at(9)));
        rounds.learn("a", 0, None);
        assert_eq!(rounds.next_due("a", at(1)), Some(at(1)));
        assert_eq!(rounds.begin("a", at(1)), [2]);
        assert_eq!(rounds.begin("a", at(1)), [2], "there is no answer yet");
        rounds.learn("a", 2, None);
        rounds.learn("a", 2, None);
        assert_eq!((rounds.begin("a", at(1)), rounds.next_due("a", at(1))), (vec![], Some(at(5))));
        assert_eq!(rounds.begin("a", at(5)), [1]);
        assert_eq!(rounds.next_due("a", at(5)), None);
        rounds.learn("a", 1, Some(at(9)));
        rounds.learn("a", 1, None);
        assert_eq!(rounds.next_due("a", at(5)), Some(at(9)), "whichever answer came last");
        rounds.forget();
        assert_eq!(rounds.begin("a", at(5)), [0, 1, 2]);
    }
}
