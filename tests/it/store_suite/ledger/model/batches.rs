//! Batches: joined, complete, sealed.

use bytes::Bytes;
use crossconnect::model::{Delivery, DeliveryId, EventId, Failure, Sealed, Stage};
use crossconnect::store::{Due, LeasedBatch, Store, StoreError};

use super::{Batch, DESTINATIONS, Fate, LANES, Model};
use crate::store_suite::{LEASE, at};

impl Model {
    /// As [`crate::store_suite::webhook::Webhook::gathered`] wants it.
    pub(super) fn gather(&mut self, event: EventId, group: &str, now: i64) {
        if let Some(index) = self.waits_in(event) {
            let batch = &mut self.batches[index];
            batch.lease = None;
            if batch.group == group {
                return;
            }
            batch.members.retain(|member| *member != event);
            self.batches.retain(|batch| !batch.members.is_empty());
        }
        let open = |batch: &&mut Batch| batch.fate == Fate::Open && !batch.full && batch.group == group;
        let latest = self.batches.iter_mut().rfind(open);
        match latest.filter(|batch| now < batch.due && batch.lease.is_none()) {
            Some(batch) => {
                batch.members.push(event);
                batch.joined = batch.joined.max(now);
                batch.full = batch.members.len() >= 3;
                batch.due = (batch.joined + 10).min(batch.opened + 30);
                if batch.full {
                    batch.due = batch.due.min(now);
                }
            }
            None => self.batches.push(Batch {
                id: None,
                group: group.to_owned(),
                fate: Fate::Open,
                opened: now,
                joined: now,
                due: now + 10,
                full: false,
                members: vec![event],
                lease: None,
            }),
        }
    }

    pub(super) async fn ripe(&mut self, store: &dyn Store) -> &'static str {
        let (limit, now) = (self.random.usize(..3), self.now);
        let ripe = store.ripe(Due { limit, now: at(now), lease: LEASE }).await.unwrap();
        let running = |batch: &Batch| batch.lease.is_some_and(|(_, until)| until > now);
        let mut free: Vec<_> = (0..self.batches.len())
            .filter(|index| self.batches[*index].fate == Fate::Open && !running(&self.batches[*index]))
            .filter(|index| !self.is_open(&self.batches[..*index], &self.batches[*index].group))
            .collect();
        free.sort_by_key(|index| self.batches[*index].due);
        let due = free.iter().filter(|index| self.batches[**index].due <= now).count();
        let left = free.split_off(due.min(limit));
        let until = self.batches.iter().filter(|batch| running(batch)).filter_map(|batch| batch.lease);
        let next = left.iter().map(|index| self.batches[*index].due).chain(until.map(|lease| lease.1)).min();
        assert_eq!(ripe.next_due, next.map(at));
        assert_eq!(ripe.batches.len(), free.len());
        for (index, leased) in free.into_iter().zip(&ripe.batches) {
            let batch = &mut self.batches[index];
            let members: Vec<_> = leased.batch.members.iter().map(|member| member.event.id).collect();
            assert_eq!((&leased.batch.group, &members), (&batch.group, &batch.members));
            assert_eq!(leased.batch.opened_at, at(batch.opened));
            assert_eq!(batch.id.replace(leased.batch.id).unwrap_or(leased.batch.id), leased.batch.id);
            batch.lease = Some((leased.token, now + LEASE.as_secs() as i64));
        }
        self.sealing.extend(ripe.batches);
        "ripe"
    }

    fn is_open(&self, batches: &[Batch], group: &str) -> bool {
        batches.iter().any(|batch| batch.fate == Fate::Open && batch.group == group)
    }

    pub(super) async fn seal(&mut self, store: &dyn Store) -> &'static str {
        let Some(place) = self.random.choice(0..self.sealing.len()) else { return "nothing to seal" };
        let leased = self.sealing.swap_remove(place);
        let deliveries: Vec<_> = (0..self.random.u8(..3)).map(|_| self.delivery_of(&leased)).collect();
        let (sealed, fate) = match self.random.u8(..4) {
            0 => (Sealed::Dropped(None), Fate::Dropped),
            1 => {
                let failure = Failure { stage: Stage::Script, message: "broken".into(), place: None };
                (Sealed::Failed(failure), Fate::Failed)
            }
            _ if deliveries.is_empty() => (Sealed::Sent(Vec::new()), Fate::Dropped),
            _ => (Sealed::Sent(deliveries.clone()), Fate::Sent),
        };
        let answer = store.seal(&leased, &sealed, at(self.now)).await;
        let valid = |batch: &Batch| {
            batch.id == Some(leased.batch.id) && batch.lease.is_some_and(|lease| lease.0 == leased.token)
        };
        let Some(index) = self.batches.iter().position(valid) else {
            assert_eq!(answer, Err(StoreError::LeaseLost(leased.batch.id.to_string())));
            return "seal with a lost lease";
        };
        assert_eq!(answer, Ok(()));
        self.batches[index].lease = None;
        self.batches[index].fate = fate;
        self.account(index);
        if fate == Fate::Sent {
            deliveries.iter().for_each(|delivery| self.deliver(delivery));
        }
        "seal"
    }

    /// What a sealed batch means for its events and their receipts.
    fn account(&mut self, index: usize) {
        let batch = &self.batches[index];
        for event in self.events.iter_mut().filter(|event| batch.members.contains(&event.id)) {
            event.filtered |= batch.fate == Fate::Dropped;
            event.failed |= batch.fate == Fate::Failed;
            let receipt = &mut self.receipts[event.receipt];
            receipt.failed |= batch.fate == Fate::Failed;
            receipt.finished = receipt.finished.max(self.now);
        }
    }

    fn delivery_of(&mut self, leased: &LeasedBatch) -> Delivery {
        let first = &leased.batch.members[0];
        Delivery {
            id: DeliveryId::new(at(self.now)),
            receipt: first.receipt,
            event: first.event.id,
            batch: Some(leased.batch.id),
            route: "g".into(),
            destination: DESTINATIONS[self.random.usize(..2)].into(),
            lane: LANES[self.random.usize(..3)].map(Into::into),
            url: None,
            content_type: "application/json".into(),
            headers: Vec::new(),
            body: Bytes::from_static(b"[]"),
            supersede: self.random.bool(),
            created_at: at(self.now),
        }
    }

    pub(super) async fn listen_again(&mut self, store: &dyn Store) -> &'static str {
        let mut open = 0;
        for index in 0..self.batches.len() {
            let (batch, later) = (&self.batches[index], &self.batches[index + 1..]);
            if batch.fate != Fate::Open || batch.full || self.is_open(later, &batch.group) {
                continue;
            }
            let batch = &mut self.batches[index];
            batch.joined = batch.joined.max(self.now);
            batch.due = (self.now + 10).min(batch.opened + 30);
            open += 1;
        }
        assert_eq!(store.listen_again(at(self.now)).await, Ok(open));
        "listen again"
    }
}
