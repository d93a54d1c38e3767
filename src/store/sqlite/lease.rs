//! Who may attempt what right now. Only in memory: one process serves a file, and its end is the
//! end of its leases. What a failed commit promised is taken back.

use std::collections::HashMap;

use super::deliver::Origin;
use crate::model::DeliveryId;

/// What a lease keeps others from: a whole lane, or one delivery without a lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Lane(String),
    Single(DeliveryId),
}

impl Slot {
    pub(super) fn of(delivery: DeliveryId, lane: Option<&str>) -> Self {
        lane.map_or(Self::Single(delivery), |lane| Self::Lane(lane.to_owned()))
    }
}

/// What somebody attempts. Its row says so too, and does not change as long as it is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) delivery: DeliveryId,
    /// Of its row.
    pub(super) seq: i64,
    pub(super) origin: Origin,
}

/// One lease. `until` is in microseconds; from then on it counts as none for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) subject: Subject,
    pub(super) token: u64,
    pub(super) until: i64,
}

/// All leases, and how to take back those changes that are not committed yet.
#[derive(Debug)]
pub(super) struct Leases {
    destinations: HashMap<String, HashMap<Slot, Lease>>,
    last_token: u64,
    undo: Vec<(String, Slot, Option<Lease>)>,
}

impl Leases {
    pub(super) fn new() -> Self {
        // A random beginning: a lease of an earlier opening never fits by chance.
        Self {
            destinations: HashMap::new(),
            last_token: u64::from(fastrand::u32(..)) << 31,
            undo: Vec::new(),
        }
    }

    /// The lease on a slot, run out or not.
    pub(super) fn get(&self, destination: &str, slot: &Slot) -> Option<Lease> {
        self.destinations.get(destination)?.get(slot).copied()
    }

    /// Whether somebody else's attempt may be under way there.
    pub(super) fn holds(&self, destination: &str, slot: &Slot, now: i64) -> bool {
        self.get(destination, slot).is_some_and(|lease| lease.until > now)
    }

    /// When the first running lease of a destination ends.
    pub(super) fn first_end(&self, destination: &str, now: i64) -> Option<i64> {
        let slots = self.destinations.get(destination)?;
        slots.values().map(|lease| lease.until).filter(|until| *until > now).min()
    }

    /// Gives a slot to a new holder; a former one can no longer settle.
    pub(super) fn grant(&mut self, destination: &str, slot: Slot, subject: Subject, until: i64) -> u64 {
        self.last_token += 1;
        let lease = Lease { subject, token: self.last_token, until };
        self.put(destination, slot, Some(lease));
        self.last_token
    }

    /// Frees a slot.
    pub(super) fn end(&mut self, destination: &str, slot: Slot) {
        self.put(destination, slot, None);
    }

    fn put(&mut self, destination: &str, slot: Slot, lease: Option<Lease>) {
        let before = self.set(destination, slot.clone(), lease);
        self.undo.push((destination.to_owned(), slot, before));
    }

    fn set(&mut self, destination: &str, slot: Slot, lease: Option<Lease>) -> Option<Lease> {
        if !self.destinations.contains_key(destination) {
            self.destinations.insert(destination.to_owned(), HashMap::new());
        }
        let slots = self.destinations.get_mut(destination)?;
        let before = match lease {
            Some(lease) => slots.insert(slot, lease),
            None => slots.remove(&slot),
        };
        if slots.is_empty() {
            self.destinations.remove(destination);
        }
        before
    }

    /// The batch was committed: what it changed stands.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }

    /// How far [`Leases::take_back`] is to go.
    pub(super) fn mark(&self) -> usize {
        self.undo.len()
    }

    /// As if nothing had happened since the mark.
    pub(super) fn take_back(&mut self, mark: usize) {
        while self.undo.len() > mark
            && let Some((destination, slot, before)) = self.undo.pop()
        {
            self.set(&destination, slot, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn a_failed_batch_leaves_the_leases_as_they_were() {
        let id = DeliveryId::new(Timestamp::UNIX_EPOCH);
        let lane = || Slot::Lane("a".into());
        let origin = Origin { receipt: 1, event: 1, batch: None };
        let subject = |seq| Subject { delivery: id, seq, origin };
        let mut leases = Leases::new();
        leases.grant("d", lane(), subject(1), 10);
        leases.keep();
        let (before, mark) = (leases.get("d", &lane()), leases.mark());
        leases.end("d", lane());
        leases.grant("d", lane(), subject(2), 20);
        leases.grant("d", Slot::Single(id), subject(3), 20);
        leases.take_back(mark);
        assert_eq!(leases.get("d", &lane()), before);
        assert_eq!(leases.get("d", &Slot::Single(id)), None);
    }
}
