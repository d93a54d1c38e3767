//! Receipts that wait for lookups.

use crossconnect::model::Decision;
use crossconnect::store::{Due, LeasedReceipt, Store, StoreError};

use super::receipts::is_deferred;
use super::{DESTINATIONS, Deferral, LANES, Model};
use crate::store_suite::webhook::Webhook;
use crate::store_suite::{LEASE, at};

impl Model {
    pub(super) async fn deferred(&mut self, store: &dyn Store) -> &'static str {
        let (limit, now) = (self.random.usize(..3), self.now);
        let deferred = store.deferred(Due { limit, now: at(now), lease: LEASE }).await.unwrap();
        let of = |model: &Self, index: usize| {
            let deferral = model.receipts[index].deferral.as_ref()?;
            Some((deferral.due, deferral.lease.map(|lease| lease.1).filter(|until| *until > now)))
        };
        let all = (0..self.receipts.len()).filter_map(|index| Some((index, of(self, index)?)));
        let all = all.filter(|(index, (_, until))| until.is_some() || !self.is_behind(*index));
        let (mut free, running): (Vec<_>, Vec<_>) = all.partition(|(_, (_, until))| until.is_none());
        free.sort_by_key(|(_, (due, _))| *due);
        let due = free.iter().filter(|(_, (due, _))| *due <= now).count();
        let left = free.split_off(due.min(limit));
        let next = left.iter().map(|(_, (due, _))| *due).chain(running.iter().filter_map(|r| r.1.1)).min();
        assert_eq!(deferred.next_due, next.map(at));
        assert_eq!(deferred.receipts.len(), free.len());
        for ((index, _), leased) in free.into_iter().zip(&deferred.receipts) {
            let received = &mut self.receipts[index];
            let deferral = received.deferral.as_mut().unwrap();
            let stored = &leased.stored;
            assert_eq!((stored.receipt.id, stored.replays), (received.webhook.receipt.id, received.replays));
            assert_eq!(leased.tries, deferral.tries);
            deferral.lease = Some((leased.token, now + LEASE.as_secs() as i64));
        }
        self.resolving.extend(deferred.receipts);
        "deferred"
    }

    /// Whether an older receipt holds a place in a lane of this one's.
    fn is_behind(&self, receipt: usize) -> bool {
        let of_it = |held: &&super::Held| self.event(held.event).receipt == receipt;
        self.held.iter().filter(of_it).any(|mine| {
            self.held.iter().filter(|held| !of_it(held)).any(|older| {
                older.destination == mine.destination && older.lane == mine.lane && older.place < mine.place
            })
        })
    }

    pub(super) async fn resolve(&mut self, store: &dyn Store) -> &'static str {
        let Some(place) = self.random.choice(0..self.resolving.len()) else { return "nothing to resolve" };
        let leased = self.resolving.swap_remove(place);
        let again = self.now + self.random.i64(0..60);
        let webhook = self.resolved(&leased);
        let answer = store.resolve(&leased, &webhook.outcome, at(again), at(self.now)).await;
        let id = leased.stored.receipt.id;
        let valid = self.receipts.iter().position(|received| {
            received.webhook.receipt.id == id
                && received.deferral.as_ref().and_then(|d| d.lease).is_some_and(|l| l.0 == leased.token)
        });
        let Some(index) = valid else {
            let gone =
                self.receipts.iter().any(|received| received.gone && received.webhook.receipt.id == id);
            let refused = match answer {
                Err(StoreError::LeaseLost(ref name)) => *name == id.to_string(),
                Err(StoreError::NotFound(_)) => gone,
                _ => false,
            };
            assert!(refused, "{answer:?}");
            return "resolve with a lost lease";
        };
        assert_eq!(answer, Ok(()));
        self.take(index, &webhook.outcome, self.now);
        let received = &mut self.receipts[index];
        received.finished = received.finished.max(self.now);
        received.turns += 1;
        let tries = leased.tries + 1;
        received.deferral =
            is_deferred(&webhook.outcome).then_some(Deferral { due: again, tries, lease: None });
        "resolve"
    }

    /// The same verdicts, but for those that were deferred.
    fn resolved(&mut self, leased: &LeasedReceipt) -> Webhook {
        let mut webhook = Webhook::at(self.now);
        webhook.receipt = leased.stored.receipt.clone();
        let mut webhook = webhook.again();
        if self.random.u8(..8) == 0 {
            return webhook.unmappable();
        }
        for processed in &leased.stored.outcome.events {
            webhook = webhook.event();
            let last = webhook.outcome.events.last_mut().unwrap();
            last.routes.clear();
            for verdict in &processed.routes {
                let is_deferred = matches!(verdict.decision, Decision::Deferred { .. });
                webhook = if is_deferred { self.looked_up(webhook, leased) } else { webhook.kept(verdict) };
            }
        }
        let now = at(self.now);
        webhook.outcome.deliveries.iter_mut().for_each(|delivery| delivery.created_at = now);
        webhook
    }

    fn looked_up(&mut self, webhook: Webhook, leased: &LeasedReceipt) -> Webhook {
        let event = webhook.outcome.events.last().unwrap().event.id;
        let held = leased.stored.outcome.held.iter().find(|held| held.event == event);
        let place = held.map(|held| (held.destination.as_str(), held.lane.as_str()));
        match (self.random.u8(..8), place) {
            (0, _) => webhook.filtered("d"),
            (1, _) => webhook.failed("d"),
            (2, _) => {
                let lane = LANES[self.random.usize(..3)];
                webhook.to("d", DESTINATIONS[self.random.usize(..2)], lane).supersede()
            }
            (3 | 4, place) => webhook.deferred("d", place.as_slice()),
            (5, Some((destination, lane))) => {
                webhook.to("d", destination, Some(lane)).supersede().to("d", destination, Some(lane))
            }
            (_, Some((destination, lane))) => webhook.to("d", destination, Some(lane)),
            (_, None) => webhook.to("d", DESTINATIONS[self.random.usize(..2)], None),
        }
    }
}
