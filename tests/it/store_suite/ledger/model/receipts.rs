//! Receipts and their outcomes: accepted, replayed, purged.

use crossconnect::model::{Decision, DeliveryState, EventId, Outcome};
use crossconnect::store::{Accepted, Store, StoreError};

use super::{DESTINATIONS, Deferral, Delivery, Event, Fate, GROUPS, Held, KEEP, LANES, Model, Received};
use crate::store_suite::at;
use crate::store_suite::webhook::Webhook;

impl Model {
    /// An outcome of zero to two events with random verdicts.
    pub(super) fn outcome(&mut self, mut webhook: Webhook) -> Webhook {
        if self.random.u8(..8) == 0 {
            return webhook.unmappable();
        }
        for _ in 0..self.random.u8(..3) {
            webhook = webhook.event();
            let mut kinds: Vec<u8> = (0..8).collect();
            self.random.shuffle(&mut kinds);
            for kind in kinds.into_iter().take(self.random.usize(..3)) {
                webhook = self.verdict(webhook, kind);
            }
        }
        let now = at(self.now);
        webhook.outcome.deliveries.iter_mut().for_each(|delivery| delivery.created_at = now);
        webhook
    }

    fn verdict(&mut self, webhook: Webhook, kind: u8) -> Webhook {
        let (destination, lane) = (DESTINATIONS[self.random.usize(..2)], LANES[self.random.usize(..3)]);
        match kind {
            0 => webhook.filtered("f"),
            1 => webhook.failed("e"),
            2 => webhook.gathered("g", GROUPS[self.random.usize(..2)]),
            3 => {
                let places: Vec<_> = lane.map(|lane| (destination, lane)).into_iter().collect();
                webhook.deferred("d", &places)
            }
            4 => webhook.to("s", destination, lane).supersede(),
            kind => webhook.to(&format!("r{kind}"), destination, lane),
        }
    }

    pub(super) async fn accept(&mut self, store: &dyn Store) -> &'static str {
        let now = self.now;
        let webhook = self.outcome(Webhook::at(now));
        assert_eq!(store.accept(&webhook.receipt, &webhook.outcome).await, Ok(Accepted::New));
        self.receipts.push(Received {
            webhook: webhook.clone(),
            failed: false,
            replays: 0,
            turns: 0,
            finished: now,
            gone: false,
            deferral: None,
        });
        self.take(self.receipts.len() - 1, &webhook.outcome, now);
        let deferral = Deferral { due: now, tries: 0, lease: None };
        self.receipts.last_mut().unwrap().deferral = is_deferred(&webhook.outcome).then_some(deferral);
        "accept"
    }

    pub(super) async fn replay(&mut self, store: &dyn Store) -> &'static str {
        let Some(index) = self.random.choice(0..self.receipts.len()) else { return "nothing to replay" };
        let Received { gone, turns, webhook, .. } = &self.receipts[index];
        let (gone, turns, webhook) = (*gone, *turns, webhook.again());
        let webhook = self.outcome(webhook);
        let answer = store.replay(webhook.receipt.id, turns, &webhook.outcome).await;
        if gone {
            assert!(matches!(answer, Err(StoreError::NotFound(_))), "{answer:?}");
            return "replay of what is gone";
        }
        assert_eq!(answer, Ok(()));
        // The store's own clock stands still.
        self.take(index, &webhook.outcome, 0);
        let deferral = Deferral { due: 0, tries: 0, lease: None };
        self.receipts[index].deferral = is_deferred(&webhook.outcome).then_some(deferral);
        self.receipts[index].replays += 1;
        self.receipts[index].turns += 1;
        "replay"
    }

    /// What accepting, replaying and resolving have in common. `now` is when events join batches.
    pub(super) fn take(&mut self, receipt: usize, outcome: &Outcome, now: i64) {
        self.receipts[receipt].failed = outcome.first_failure().is_some();
        self.forget(receipt, outcome.failure.is_some());
        for (index, processed) in outcome.events.iter().enumerate() {
            let id = processed.event.id;
            if !self.events.iter().any(|event| event.id == id) {
                let (failed, filtered, deferred) = (false, false, false);
                self.events.push(Event { id, receipt, index, failed, filtered, deferred });
            }
        }
        for gathered in &outcome.gathered {
            self.gather(gathered.event, &gathered.group, now);
        }
        for processed in &outcome.events {
            let decisions: Vec<_> = processed.routes.iter().map(|verdict| &verdict.decision).collect();
            self.judge(receipt, processed.event.id, &decisions);
        }
        self.place_all(receipt, outcome);
    }

    /// Verdicts of an outcome that is no more.
    fn forget(&mut self, receipt: usize, is_failure: bool) {
        for event in self.events.iter_mut().filter(|event| event.receipt == receipt) {
            if is_failure {
                event.failed |= event.deferred;
            } else {
                (event.failed, event.filtered) = (false, false);
            }
            event.deferred = false;
        }
    }

    fn judge(&mut self, receipt: usize, id: EventId, decisions: &[&Decision]) {
        let has = |wanted: fn(&Decision) -> bool| decisions.iter().any(|decision| wanted(decision));
        let latest = self.batches.iter().rfind(|batch| batch.members.contains(&id)).map(|batch| batch.fate);
        let gathered = has(|decision| matches!(decision, Decision::Gathered { .. }));
        let fate = latest.filter(|_| gathered);
        let failed = has(|decision| matches!(decision, Decision::Failed(_)));
        let filtered = has(|decision| matches!(decision, Decision::Filtered { .. }));
        let event = self.events.iter_mut().find(|event| event.id == id).unwrap();
        event.failed = failed || fate == Some(Fate::Failed);
        event.filtered = filtered || fate == Some(Fate::Dropped);
        event.deferred = has(|decision| matches!(decision, Decision::Deferred { .. }));
        self.receipts[receipt].failed |= fate == Some(Fate::Failed);
    }

    /// Deliveries and held places, in the order of events and routes.
    fn place_all(&mut self, receipt: usize, outcome: &Outcome) {
        let of_it = |model: &Self, held: &Held| model.event(held.event).receipt == receipt;
        let before: Vec<_> =
            self.held.iter().filter(|held| of_it(self, held)).map(|held| held.place).collect();
        let mut still = Vec::new();
        for processed in &outcome.events {
            let mut routes: Vec<_> = processed.routes.iter().map(|verdict| verdict.route.as_str()).collect();
            routes.dedup();
            for route in routes {
                let event = processed.event.id;
                for held in outcome.held.iter().filter(|held| held.event == event && held.route == route) {
                    still.push(self.hold(event, &held.destination, &held.lane));
                }
                for sent in outcome.deliveries.iter().filter(|d| d.event == event && d.route == route) {
                    self.deliver(sent);
                }
            }
        }
        self.held.retain(|held| !before.contains(&held.place) || still.contains(&held.place));
    }

    fn hold(&mut self, event: EventId, destination: &str, lane: &str) -> u64 {
        if let Some(place) = self.held_place(event, destination, Some(lane)) {
            return place;
        }
        let (place, destination, lane) = (self.place(), destination.to_owned(), lane.to_owned());
        self.held.push(Held { place, event, destination, lane });
        place
    }

    fn held_place(&self, event: EventId, destination: &str, lane: Option<&str>) -> Option<u64> {
        let mut held = self.held.iter();
        let found = held.find(|held| {
            held.event == event && held.destination == destination && Some(held.lane.as_str()) == lane
        });
        found.map(|held| held.place)
    }

    pub(super) fn deliver(&mut self, sent: &crossconnect::model::Delivery) {
        let number = self.place();
        let held = self
            .held_place(sent.event, &sent.destination, sent.lane.as_deref())
            .filter(|_| sent.route == "d" && sent.batch.is_none());
        self.deliveries.push(Delivery {
            id: sent.id,
            event: sent.event,
            batch: sent.batch,
            route: sent.route.clone(),
            destination: sent.destination.clone(),
            lane: sent.lane.clone(),
            supersede: sent.supersede && sent.batch.is_none() && sent.lane.is_some(),
            place: held.unwrap_or(number),
            state: DeliveryState::Pending,
            due: sent.created_at.as_second() - at(0).as_second(),
            tries: 0,
            attempts: 0,
            lease: None,
        });
        self.arrived(self.deliveries.len() - 1);
    }

    pub(super) async fn purge(&mut self, store: &dyn Store) -> &'static str {
        let mut purged = 0;
        for index in 0..self.receipts.len() {
            let (waits, lost) = self.condition_of(index);
            let keep = if lost { KEEP.dead } else { KEEP.delivered };
            let old = self.receipts[index].finished + keep.as_secs() as i64 <= self.now;
            if self.receipts[index].gone || !old || waits {
                continue;
            }
            purged += 1;
            for event in self.events.iter().filter(|event| event.receipt == index) {
                let line = if self.line(event) == "pending" { "dead" } else { self.line(event) };
                super::check::add(&mut self.past, line);
            }
            self.remove(index);
        }
        assert_eq!(store.purge(KEEP, at(self.now)).await, Ok(purged));
        "purge"
    }

    /// Whether something of a receipt waits, and whether something was lost.
    fn condition_of(&self, receipt: usize) -> (bool, bool) {
        let own: Vec<_> = self.events.iter().filter(|event| event.receipt == receipt).collect();
        let has = |state| own.iter().any(|event| self.deliveries_of(event.id).any(|d| d.state == state));
        let gathered = own.iter().any(|event| self.waits_in(event.id).is_some());
        let deferred = self.receipts[receipt].deferral.is_some();
        let lost = has(DeliveryState::Dead) || has(DeliveryState::Cancelled);
        (has(DeliveryState::Pending) || gathered || deferred, lost || self.receipts[receipt].failed)
    }

    fn remove(&mut self, receipt: usize) {
        let own: Vec<_> = self.events.iter().filter(|e| e.receipt == receipt).map(|e| e.id).collect();
        for batch in &mut self.batches {
            batch.members.retain(|member| !own.contains(member));
        }
        let batches = &self.batches;
        self.deliveries.retain(|delivery| match delivery.batch {
            None => !own.contains(&delivery.event),
            Some(id) => batches.iter().any(|b| b.id == Some(id) && !b.members.is_empty()),
        });
        self.batches.retain(|batch| !batch.members.is_empty());
        self.events.retain(|event| event.receipt != receipt);
        self.receipts[receipt].gone = true;
    }
}

pub(super) fn is_deferred(outcome: &Outcome) -> bool {
    let mut verdicts = outcome.events.iter().flat_map(|processed| &processed.routes);
    verdicts.any(|verdict| matches!(verdict.decision, Decision::Deferred { .. }))
}
