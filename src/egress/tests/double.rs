//! A store in memory: just enough of the contract for the way out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::model::{Attempt, Delivery, DeliveryId, Final, Outcome, Receipt, ReceiptId, Sealed, Timestamp};
use crate::store::{
    Accepted, Claim, Claimed, Condition, Deferred, DeliveryFilter, DeliverySummary, Due, Errand, Keep,
    Leased, LeasedBatch, LeasedReceipt, Ledger, Notice, Page, PageRequest, ReceiptFilter, ReceiptSummary,
    Ripe, Settlement, Store, StoreError, StoredDelivery, StoredReceipt, Waiting,
};

/// One delivery and what became of it.
#[derive(Debug, Clone)]
pub struct Row {
    pub delivery: Delivery,
    pub due: Timestamp,
    pub attempts: Vec<Attempt>,
    pub end: Option<(Final, Option<String>)>,
    pub lease: Option<(u64, Timestamp)>,
    pub released: u32,
}

#[derive(Debug, Default)]
pub struct Double {
    rows: Mutex<Vec<Row>>,
    bells: Mutex<HashMap<String, Arc<Notify>>>,
    changed: Notify,
    /// So many calls from now on are `Unavailable`.
    pub broken: Mutex<u32>,
    pub claims: Mutex<Vec<Claim>>,
}

impl Double {
    pub fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock().unwrap()
    }

    pub fn put(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        for delivery in deliveries {
            let (due, destination) = (delivery.created_at, delivery.destination.clone());
            let (attempts, end, lease, released) = (Vec::new(), None, None, 0);
            self.rows().push(Row { due, delivery, attempts, end, lease, released });
            self.bell(&destination).notify_one();
        }
    }

    /// Once the rows are as wanted; a test that waits ten seconds has failed.
    pub async fn until(&self, what: &str, wanted: impl Fn(&[Row]) -> bool) -> Vec<Row> {
        let waiting = async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                changed.as_mut().enable();
                if wanted(&self.rows()) {
                    return self.rows().clone();
                }
                changed.await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        found.unwrap_or_else(|_| panic!("not {what}: {:#?}", self.rows()))
    }

    fn trouble(&self) -> Result<(), StoreError> {
        let mut broken = self.broken.lock().unwrap();
        if *broken == 0 {
            return Ok(());
        }
        *broken -= 1;
        Err(StoreError::Unavailable("the disk is full".to_owned()))
    }

    fn write(&self, lease: &Leased, change: impl FnOnce(&mut Row)) -> Result<(), StoreError> {
        self.trouble()?;
        let mut rows = self.rows();
        let row = rows.iter_mut().find(|row| row.delivery.id == lease.delivery.id).unwrap();
        if row.lease.map(|(token, _)| token) != Some(lease.token) {
            return Err(StoreError::LeaseLost(lease.delivery.id.to_string()));
        }
        row.lease = None;
        change(row);
        drop(rows);
        self.bell(&lease.delivery.destination).notify_one();
        self.changed.notify_waiters();
        Ok(())
    }
}

#[async_trait]
impl Store for Double {
    fn bell(&self, destination: &str) -> Arc<Notify> {
        self.bells.lock().unwrap().entry(destination.to_owned()).or_default().clone()
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.claims.lock().unwrap().push(claim.clone());
        self.changed.notify_waiters();
        self.trouble()?;
        let mut lanes = Vec::new();
        let mut claimed = Claimed::default();
        for row in self.rows().iter_mut().filter(|row| row.end.is_none()) {
            if row.delivery.destination != claim.destination || lanes.contains(&row.delivery.lane) {
                continue;
            }
            if row.delivery.lane.is_some() {
                lanes.push(row.delivery.lane.clone());
            }
            if row.lease.is_some_and(|(_, until)| until > claim.now) {
                continue;
            }
            if row.due > claim.now || claimed.leased.len() == claim.limit {
                claimed.next_due = Some(claimed.next_due.map_or(row.due, |due| due.min(row.due)));
                continue;
            }
            let token = fastrand::u64(..);
            row.lease = Some((token, claim.now + claim.lease));
            let tries = u32::try_from(row.attempts.len()).unwrap();
            claimed.leased.push(Leased { delivery: row.delivery.clone(), attempts: tries, tries, token });
        }
        Ok(claimed)
    }

    async fn settle(
        &self,
        lease: &Leased,
        attempt: Attempt,
        settlement: Settlement,
        _now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(lease, |row| {
            row.attempts.push(attempt);
            match settlement {
                Settlement::Final(end, why) => row.end = Some((end, why)),
                Settlement::Again(at) => row.due = at,
            }
        })
    }

    async fn release(&self, lease: &Leased) -> Result<(), StoreError> {
        self.write(lease, |row| row.released += 1)
    }

    async fn accept(&self, _: &Receipt, _: &Outcome) -> Result<Accepted, StoreError> {
        absent()
    }

    async fn replay(&self, _: ReceiptId, _: u32, _: &Outcome) -> Result<(), StoreError> {
        absent()
    }

    async fn retry(&self, _: DeliveryId, _: Timestamp) -> Result<(), StoreError> {
        absent()
    }

    async fn cancel(&self, _: DeliveryId, _: Timestamp) -> Result<(), StoreError> {
        absent()
    }

    async fn receipts(&self, _: ReceiptFilter, _: PageRequest) -> Result<Page<ReceiptSummary>, StoreError> {
        absent()
    }

    async fn receipt(&self, _: ReceiptId) -> Result<StoredReceipt, StoreError> {
        absent()
    }

    async fn deliveries(
        &self,
        _: DeliveryFilter,
        _: PageRequest,
    ) -> Result<Page<DeliverySummary>, StoreError> {
        absent()
    }

    async fn delivery(&self, _: DeliveryId) -> Result<StoredDelivery, StoreError> {
        absent()
    }

    async fn ledger(&self) -> Result<Ledger, StoreError> {
        absent()
    }

    async fn pending(&self) -> Result<Vec<(String, u64)>, StoreError> {
        absent()
    }

    async fn purge(&self, _: Keep, _: Timestamp) -> Result<u64, StoreError> {
        absent()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        absent()
    }

    fn errands(&self, _: Errand) -> Arc<Notify> {
        Arc::default()
    }

    async fn ripe(&self, _: Due) -> Result<Ripe, StoreError> {
        absent()
    }

    async fn seal(&self, _: &LeasedBatch, _: &Sealed, _: Timestamp) -> Result<(), StoreError> {
        absent()
    }

    async fn listen_again(&self, _: Timestamp) -> Result<u64, StoreError> {
        absent()
    }

    async fn deferred(&self, _: Due) -> Result<Deferred, StoreError> {
        absent()
    }

    async fn resolve(
        &self,
        _: &LeasedReceipt,
        _: &Outcome,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        absent()
    }

    async fn waiting(&self) -> Result<Waiting, StoreError> {
        absent()
    }

    async fn pause(&self, _: &str, _: &str, _: Timestamp) -> Result<bool, StoreError> {
        absent()
    }

    async fn resume(&self, _: &str, _: Timestamp) -> Result<bool, StoreError> {
        absent()
    }

    async fn trouble(&self, _: &str, _: &str, _: Timestamp) -> Result<bool, StoreError> {
        absent()
    }

    async fn conditions(&self) -> Result<Vec<Condition>, StoreError> {
        absent()
    }

    async fn notices(&self, _: usize) -> Result<Vec<Notice>, StoreError> {
        absent()
    }

    async fn told(&self, _: u64) -> Result<(), StoreError> {
        absent()
    }

    async fn close(&self) {}
}

fn absent<T>() -> Result<T, StoreError> {
    Err(StoreError::NotFound("such call on the way out".to_owned()))
}
