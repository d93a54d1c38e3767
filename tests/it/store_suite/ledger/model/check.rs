//! Holds a store's books, lanes and batches against the model's.

use std::collections::BTreeMap;

use crossconnect::model::DeliveryState;
use crossconnect::store::{Ledger, Store, Waiting};

use super::{Event, Fate, Model};
use crate::store_suite::at;

impl Model {
    pub(super) fn line(&self, event: &Event) -> &'static str {
        let has = |state, of_batch| {
            let mut own = self.deliveries_of(event.id);
            own.any(|delivery| delivery.state == state && of_batch != Some(delivery.batch.is_none()))
        };
        match () {
            () if event.failed || event.deferred || self.waits_in(event.id).is_some() => "pending",
            () if has(DeliveryState::Pending, None) => "pending",
            () if has(DeliveryState::Dead, None) => "dead",
            () if has(DeliveryState::Cancelled, None) => "cancelled",
            () if has(DeliveryState::Delivered, Some(false)) => "delivered",
            () if has(DeliveryState::Delivered, None) => "coalesced",
            () if has(DeliveryState::Superseded, None) => "superseded",
            () if event.filtered => "filtered",
            () => "unmatched",
        }
    }

    pub async fn compare(&self, store: &dyn Store, step: &str) {
        let mut expected = self.past;
        self.events.iter().for_each(|event| add(&mut expected, self.line(event)));
        let ledger = store.ledger().await.unwrap();
        assert_eq!(ledger, expected, "{step}");
        let sum = ledger.delivered + ledger.filtered + ledger.unmatched + ledger.coalesced;
        let sum = sum + ledger.superseded + ledger.dead + ledger.cancelled + ledger.pending;
        assert_eq!(ledger.accepted, sum, "{step}");

        let mut pending = BTreeMap::new();
        for delivery in self.deliveries.iter().filter(|d| d.state == DeliveryState::Pending) {
            *pending.entry(delivery.destination.clone()).or_insert(0) += 1;
        }
        assert_eq!(store.pending().await.unwrap(), pending.into_iter().collect::<Vec<_>>(), "{step}");
        assert_eq!(store.waiting().await.unwrap(), self.waiting(), "{step}");
        let last = if self.now % 5 == 0 { 60 } else { 2 };
        self.compare_deliveries(store, step, last).await;
        self.compare_receipts(store, step, last).await;
    }

    fn waiting(&self) -> Waiting {
        let open: Vec<_> = self.batches.iter().filter(|batch| batch.fate == Fate::Open).collect();
        Waiting {
            batches: open.len() as u64,
            gathered: open.iter().map(|batch| batch.members.len() as u64).sum(),
            deferred: self.receipts.iter().filter(|receipt| receipt.deferral.is_some()).count() as u64,
        }
    }

    async fn compare_deliveries(&self, store: &dyn Store, step: &str, last: usize) {
        for (index, delivery) in self.deliveries.iter().enumerate().rev().take(last) {
            let summary = store.delivery(delivery.id).await.unwrap().summary;
            assert_eq!((summary.state, summary.attempts), (delivery.state, delivery.attempts), "{step}");
            assert_eq!(summary.due_at, self.is_head(index).then(|| at(delivery.due)), "{step}");
            assert_eq!(summary.batch, delivery.batch, "{step}");
            let superseded = delivery.state == DeliveryState::Superseded;
            assert_eq!(summary.superseded_by.is_some(), superseded, "{step}");
        }
    }

    async fn compare_receipts(&self, store: &dyn Store, step: &str, last: usize) {
        let there = self.receipts.iter().enumerate().filter(|(_, received)| !received.gone);
        for (index, received) in there.rev().take(last / 10) {
            let stored = store.receipt(received.webhook.receipt.id).await.unwrap();
            let failed = stored.status == crossconnect::store::ReceiptStatus::Failed;
            assert_eq!((failed, stored.replays), (received.failed, received.replays), "{step}");
            let own: Vec<_> = self.events.iter().filter(|e| e.receipt == index).map(|e| e.id).collect();
            let held = self.held.iter().filter(|held| own.contains(&held.event)).count();
            assert_eq!(stored.outcome.held.len(), held, "{step}");
            let mut shown: Vec<_> = stored.outcome.deliveries.iter().map(|delivery| delivery.id).collect();
            let mut known: Vec<_> =
                own.iter().flat_map(|event| self.deliveries_of(*event)).map(|delivery| delivery.id).collect();
            shown.sort();
            known.sort();
            known.dedup();
            assert_eq!(shown, known, "{step}");
        }
    }
}

pub(super) fn add(ledger: &mut Ledger, line: &str) {
    ledger.accepted += 1;
    *match line {
        "delivered" => &mut ledger.delivered,
        "filtered" => &mut ledger.filtered,
        "unmatched" => &mut ledger.unmatched,
        "coalesced" => &mut ledger.coalesced,
        "superseded" => &mut ledger.superseded,
        "dead" => &mut ledger.dead,
        "cancelled" => &mut ledger.cancelled,
        _ => &mut ledger.pending,
    } += 1;
}
