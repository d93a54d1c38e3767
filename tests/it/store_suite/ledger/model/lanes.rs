//! Lanes, leases and what follows from attempts.

use crossconnect::model::{DeliveryId, DeliveryState, Timestamp};
use crossconnect::store::{Claim, Claimed, Leased, Store, StoreError};

use super::{DESTINATIONS, Delivery, Model};
use crate::store_suite::{End, LEASE, at};

impl Model {
    /// Whether it is the first pending one of its lane, and nothing older is held.
    pub(super) fn is_head(&self, index: usize) -> bool {
        let wanted = &self.deliveries[index];
        let before = |(other, delivery): (usize, &Delivery)| {
            delivery.state == DeliveryState::Pending
                && same_lane(delivery, wanted)
                && (delivery.place, other) < (wanted.place, index)
        };
        let mut held = self.held.iter();
        wanted.state == DeliveryState::Pending
            && !self.deliveries.iter().enumerate().any(before)
            && !held.any(|held| {
                held.destination == wanted.destination
                    && Some(&held.lane) == wanted.lane.as_ref()
                    && held.place < wanted.place
            })
    }

    /// Whether an attempt may be under way in its lane.
    fn is_busy(&self, index: usize) -> bool {
        let wanted = &self.deliveries[index];
        self.deliveries.iter().any(|other| {
            (other.id == wanted.id || same_lane(other, wanted))
                && other.lease.is_some_and(|(_, until)| until > self.now)
        })
    }

    pub(super) async fn claim(&mut self, store: &dyn Store) -> &'static str {
        let destination = DESTINATIONS[self.random.usize(..2)];
        let (limit, retries) = (self.random.usize(..6), self.random.usize(..6));
        let (now, failing_since) = (at(self.now), self.failing.get(destination).copied().map(at));
        let claim = Claim { destination: destination.into(), limit, retries, now, lease: LEASE };
        let claimed = store.claim(claim).await.unwrap();
        if self.paused.iter().any(|paused| paused == destination) {
            assert_eq!(claimed, Claimed { failing_since, ..Claimed::default() });
            return "claim of a paused destination";
        }
        assert_eq!(claimed.failing_since, failing_since);
        self.check_claimed(&claimed, destination, limit, retries);
        for leased in &claimed.leased {
            let index = self.find(leased.delivery.id);
            for other in 0..self.deliveries.len() {
                if other == index || same_lane(&self.deliveries[other], &self.deliveries[index]) {
                    self.deliveries[other].lease = None;
                }
            }
            self.deliveries[index].lease = Some((leased.token, self.now + LEASE.as_secs() as i64));
        }
        self.leases.extend(claimed.leased);
        "claim"
    }

    fn check_claimed(&self, claimed: &Claimed, destination: &str, limit: usize, retries: usize) {
        let of_it = |index: &usize| self.deliveries[*index].destination == destination;
        let heads: Vec<usize> = (0..self.deliveries.len())
            .filter(|index| of_it(index) && self.is_head(*index) && !self.is_busy(*index))
            .collect();
        let due: Vec<usize> =
            heads.iter().copied().filter(|index| self.deliveries[*index].due <= self.now).collect();
        let mut taken = Vec::new();
        for leased in &claimed.leased {
            let index = self.find(leased.delivery.id);
            assert!(due.contains(&index), "{leased:?} is no due head of a free lane");
            let delivery = &self.deliveries[index];
            assert_eq!((leased.tries, leased.attempts), (delivery.tries, delivery.attempts));
            assert_eq!(leased.delivery.batch, delivery.batch);
            taken.push(index);
        }
        let fresh = |indices: &[usize]| indices.iter().filter(|i| self.deliveries[**i].tries == 0).count();
        let again = (due.len() - fresh(&due)).min(retries);
        assert_eq!(taken.len(), limit.min(fresh(&due) + again));
        assert!(taken.len() - fresh(&taken) <= retries, "retries are bounded");
        assert!(taken.is_sorted_by_key(|index| (self.deliveries[*index].due, *index)), "oldest due first");
        if limit > 1 && self.sees_all {
            assert!(fresh(&taken) >= fresh(&due).min(limit.div_ceil(2)), "fresh ones get their share");
        }
        let left =
            heads.iter().filter(|index| !taken.contains(index)).map(|index| self.deliveries[*index].due);
        let running = self.deliveries.iter().filter(|other| other.destination == destination);
        let running = running.filter_map(|other| other.lease.map(|lease| lease.1));
        let next = left.chain(running.filter(|until| *until > self.now)).min();
        if self.sees_all {
            return assert_eq!(claimed.next_due, next.map(at));
        }
        // Never later than needed.
        let (told, next) = (claimed.next_due.unwrap_or(Timestamp::MAX), next.map_or(Timestamp::MAX, at));
        assert!(told <= next.max(at(self.now)), "{told} is later than {next}");
    }

    pub(super) fn find(&self, id: DeliveryId) -> usize {
        self.deliveries.iter().position(|delivery| delivery.id == id).unwrap()
    }

    /// One of the leases ever given, and the delivery if it is still in force.
    fn any_lease(&mut self) -> Option<(Leased, Option<usize>)> {
        let place = self.random.choice(0..self.leases.len())?;
        let leased = self.leases.swap_remove(place);
        let index = self.deliveries.iter().position(|delivery| {
            delivery.id == leased.delivery.id && delivery.lease.is_some_and(|lease| lease.0 == leased.token)
        });
        Some((leased, index))
    }

    pub(super) async fn settle(&mut self, store: &dyn Store) -> &'static str {
        let Some((leased, index)) = self.any_lease() else { return "nothing to settle" };
        let end = match self.random.u8(..4) {
            0 => End::Dead,
            1 => End::Again(self.now + self.random.i64(0..60)),
            _ => End::Delivered,
        };
        let (attempt, settlement) = end.of(&leased, self.now);
        let answer = store.settle(&leased, attempt, settlement, at(self.now)).await;
        let Some(index) = index else {
            assert_eq!(answer, Err(StoreError::LeaseLost(leased.delivery.id.to_string())));
            return "settle with a lost lease";
        };
        assert_eq!(answer, Ok(()));
        let delivery = &mut self.deliveries[index];
        delivery.attempts += 1;
        delivery.tries += 1;
        delivery.lease = None;
        match end {
            End::Delivered => self.failing.remove(&delivery.destination),
            _ => Some(*self.failing.entry(delivery.destination.clone()).or_insert(self.now)),
        };
        match end {
            End::Again(_) if self.is_outdated(index) => self.end(index, DeliveryState::Superseded),
            End::Again(due) => self.deliveries[index].due = due,
            End::Delivered => self.got_through(index),
            End::Dead => self.end(index, DeliveryState::Dead),
        }
        "settle"
    }

    fn got_through(&mut self, index: usize) {
        self.end(index, DeliveryState::Delivered);
        let delivery = &self.deliveries[index];
        if delivery.supersede {
            let (key, age) = (self.lane_of(index), self.age(index));
            let newest = self.newest.entry(key).or_insert(age);
            *newest = age.max(*newest);
            self.end_older(index);
        }
    }

    pub(super) fn end(&mut self, index: usize, state: DeliveryState) {
        self.deliveries[index].state = state;
        let events = self.events.iter().filter(|event| {
            self.deliveries_of(event.id).any(|delivery| delivery.id == self.deliveries[index].id)
        });
        for receipt in events.map(|event| event.receipt).collect::<Vec<_>>() {
            let finished = &mut self.receipts[receipt].finished;
            *finished = self.now.max(*finished);
        }
    }

    fn lane_of(&self, index: usize) -> (String, String) {
        let delivery = &self.deliveries[index];
        (delivery.destination.clone(), delivery.lane.clone().unwrap())
    }

    /// How old its event is, compared with others.
    fn age(&self, index: usize) -> (usize, usize) {
        let event = self.event(self.deliveries[index].event);
        (event.receipt, event.index)
    }

    /// Those that wait in its lane and may be superseded, as it may.
    fn rivals(&self, index: usize) -> Vec<usize> {
        let wanted = &self.deliveries[index];
        let is_rival = |other: &usize| {
            let other = &self.deliveries[*other];
            other.supersede
                && other.state == DeliveryState::Pending
                && same_lane(other, wanted)
                && other.route == wanted.route
        };
        if !wanted.supersede {
            return Vec::new();
        }
        (0..self.deliveries.len()).filter(is_rival).collect()
    }

    fn is_outdated(&self, index: usize) -> bool {
        self.deliveries[index].supersede
            && (self.rivals(index).into_iter().any(|other| self.age(other) > self.age(index))
                || self.newest.get(&self.lane_of(index)).is_some_and(|newest| *newest > self.age(index)))
    }

    /// It is pending since just now.
    pub(super) fn arrived(&mut self, index: usize) {
        if self.is_outdated(index) {
            self.end(index, DeliveryState::Superseded);
        } else {
            self.end_older(index);
        }
    }

    fn end_older(&mut self, index: usize) {
        for other in self.rivals(index) {
            let runs = self.deliveries[other].lease.is_some_and(|(_, until)| until > self.now);
            if self.age(other) < self.age(index) && !runs {
                self.deliveries[other].lease = None;
                self.end(other, DeliveryState::Superseded);
            }
        }
    }

    pub(super) async fn release(&mut self, store: &dyn Store) -> &'static str {
        let Some((leased, index)) = self.any_lease() else { return "nothing to release" };
        let answer = store.release(&leased).await;
        match index {
            Some(index) => {
                assert_eq!(answer, Ok(()));
                self.deliveries[index].lease = None;
            }
            None => assert_eq!(answer, Err(StoreError::LeaseLost(leased.delivery.id.to_string()))),
        }
        "release"
    }

    pub(super) async fn retry(&mut self, store: &dyn Store) -> &'static str {
        let Some(index) = self.random.choice(0..self.deliveries.len()) else { return "nothing to retry" };
        let (id, state) = (self.deliveries[index].id, self.deliveries[index].state);
        let answer = store.retry(id, at(self.now)).await;
        let ended = matches!(state, DeliveryState::Delivered | DeliveryState::Superseded);
        if ended || self.is_outdated(index) {
            assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?}");
            return "retry refused";
        }
        assert_eq!(answer, Ok(()));
        let delivery = &mut self.deliveries[index];
        (delivery.state, delivery.tries, delivery.due) = (DeliveryState::Pending, 0, self.now);
        if state != DeliveryState::Pending {
            self.arrived(index);
        }
        "retry"
    }

    pub(super) async fn cancel(&mut self, store: &dyn Store) -> &'static str {
        let Some(index) = self.random.choice(0..self.deliveries.len()) else { return "nothing to cancel" };
        let delivery = &mut self.deliveries[index];
        let answer = store.cancel(delivery.id, at(self.now)).await;
        let attempted = delivery.lease.is_some_and(|(_, until)| until > self.now);
        if delivery.state != DeliveryState::Pending || attempted {
            assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?}");
            return "cancel refused";
        }
        assert_eq!(answer, Ok(()));
        delivery.lease = None;
        self.end(index, DeliveryState::Cancelled);
        "cancel"
    }

    pub(super) async fn pause_or_resume(&mut self, store: &dyn Store) -> &'static str {
        let destination = DESTINATIONS[self.random.usize(..2)];
        let paused = self.paused.iter().position(|paused| paused == destination);
        if self.random.u8(..4) == 0 {
            let new = paused.is_none();
            assert_eq!(store.pause(destination, "by hand", at(self.now)).await, Ok(new));
            self.paused.extend(new.then(|| destination.to_owned()));
            return "pause";
        }
        assert_eq!(store.resume(destination, at(self.now)).await, Ok(paused.is_some()));
        if let Some(place) = paused {
            self.paused.swap_remove(place);
            self.failing.remove(destination);
        }
        "resume"
    }
}

fn same_lane(one: &Delivery, other: &Delivery) -> bool {
    one.lane.is_some() && one.lane == other.lane && one.destination == other.destination
}
