//! A store in memory: just enough of the contract for the way out.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::clock::ManualClock;
use crate::model::{Attempt, Delivery, DeliveryId, Final, Outcome, Receipt, ReceiptId, Sealed, Timestamp};
use crate::store::{
    Accepted, Bell, Brought, Claim, Claimed, Condition, Deferred, DeliveryFilter, DeliverySummary, Due,
    Errand, Keep, Leased, LeasedBatch, LeasedReceipt, Ledger, Notice, Order, Page, PageRequest, Paused,
    ReceiptFilter, ReceiptSummary, Ripe, Settlement, Store, StoreError, StoredDelivery, StoredReceipt,
    Waiting,
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

impl Row {
    fn is_retry(&self) -> bool {
        !self.attempts.is_empty()
    }
}

#[derive(Debug, Default)]
pub struct Double {
    rows: Mutex<Vec<Row>>,
    bells: Mutex<HashMap<String, Arc<Bell>>>,
    changed: Notify,
    /// Claims that were ordered are made when the bell rings.
    pub brings: AtomicBool,
    /// So many calls from now on are `Unavailable`.
    pub broken: Mutex<u32>,
    /// The process stands still for so long when the next claim has been made.
    pub nap: Mutex<Option<(Arc<ManualClock>, Duration)>>,
    /// So many pauses from now on are.
    pub unpausable: Mutex<u32>,
    pub claims: Mutex<Vec<Claim>>,
    conditions: Mutex<Vec<Condition>>,
    /// What was noted as trouble, by destination.
    pub troubles: Mutex<Vec<(String, String)>>,
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
            let bell = self.bell(&destination);
            if self.brings.load(Relaxed)
                && let Some(order) = bell.begin()
            {
                let Order { limit, retries, lease } = order;
                let claimed = self.lease(&Claim { destination, limit, retries, now: due, lease });
                bell.bring(Brought { order, now: due, claimed }).unwrap();
            }
            bell.ring();
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

    /// What is known of a destination.
    pub fn condition(&self, destination: &str) -> Condition {
        let known = self.conditions.lock().unwrap();
        known.iter().find(|known| known.destination == destination).cloned().unwrap_or_default()
    }

    pub fn change<T>(&self, destination: &str, change: impl FnOnce(&mut Condition) -> T) -> T {
        let mut known = self.conditions.lock().unwrap();
        if known.iter().all(|known| known.destination != destination) {
            known.push(Condition { destination: destination.to_owned(), ..Condition::default() });
        }
        change(known.iter_mut().find(|known| known.destination == destination).unwrap())
    }

    fn lease(&self, claim: &Claim) -> Claimed {
        let condition = self.condition(&claim.destination);
        let mut claimed = Claimed { failing_since: condition.failing_since, ..Claimed::default() };
        if condition.paused.is_some() {
            return claimed;
        }
        let (mut lanes, mut fresh, mut retries) = (Vec::new(), Vec::new(), Vec::new());
        let mut rows = self.rows();
        for (place, row) in rows.iter_mut().enumerate().filter(|(_, row)| row.end.is_none()) {
            if row.delivery.destination != claim.destination || lanes.contains(&row.delivery.lane) {
                continue;
            }
            if row.delivery.lane.is_some() {
                lanes.push(row.delivery.lane.clone());
            }
            if row.lease.is_some_and(|(_, until)| until > claim.now) {
                continue;
            }
            if row.due > claim.now {
                claimed.next_due = Some(claimed.next_due.map_or(row.due, |due| due.min(row.due)));
            } else if row.is_retry() {
                retries.push(place);
            } else {
                fresh.push(place);
            }
        }
        let (fresh, retries, left) = shared_out(claim, &fresh, &retries);
        if left {
            claimed.next_due = Some(claim.now);
        }
        for place in fresh.iter().chain(&retries) {
            let (row, token) = (&mut rows[*place], fastrand::u64(..));
            row.lease = Some((token, claim.now + claim.lease));
            let tries = u32::try_from(row.attempts.len()).unwrap();
            claimed.leased.push(Leased { delivery: row.delivery.clone(), attempts: tries, tries, token });
        }
        if !claimed.leased.is_empty()
            && let Some((clock, nap)) = self.nap.lock().unwrap().take()
        {
            clock.advance(nap);
        }
        claimed
    }

    fn fail(&self) -> Result<(), StoreError> {
        count_down(&self.broken)
    }

    fn write(&self, lease: &Leased, change: impl FnOnce(&mut Row)) -> Result<(), StoreError> {
        self.fail()?;
        let mut rows = self.rows();
        let row = rows.iter_mut().find(|row| row.delivery.id == lease.delivery.id).unwrap();
        if row.lease.map(|(token, _)| token) != Some(lease.token) {
            return Err(StoreError::LeaseLost(lease.delivery.id.to_string()));
        }
        row.lease = None;
        change(row);
        drop(rows);
        self.bell(&lease.delivery.destination).ring();
        self.changed.notify_waiters();
        Ok(())
    }
}

#[async_trait]
impl Store for Double {
    fn bell(&self, destination: &str) -> Arc<Bell> {
        self.bells.lock().unwrap().entry(destination.to_owned()).or_default().clone()
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        self.claims.lock().unwrap().push(claim.clone());
        self.changed.notify_waiters();
        self.fail()?;
        Ok(self.lease(&claim))
    }

    async fn settle(
        &self,
        lease: &Leased,
        attempt: Attempt,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let failed = attempt.class.is_some();
        self.change(&lease.delivery.destination, |condition| match failed {
            true => drop(condition.failing_since.get_or_insert(now)),
            false => (condition.failing_since, condition.troubled_since) = (None, None),
        });
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

    async fn gathering(&self, _: ReceiptId) -> Result<Vec<crate::model::Gathered>, StoreError> {
        unreachable!()
    }

    async fn adopt(&self, _: DeliveryId, _: &crate::store::Past) -> Result<(), StoreError> {
        unreachable!()
    }

    async fn remember(
        &self,
        _: (&str, &str, ReceiptId),
        _: Timestamp,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        unreachable!()
    }

    async fn others(&self) -> Result<Vec<String>, StoreError> {
        unreachable!()
    }

    async fn call_for_reload(&self) -> Result<(), StoreError> {
        unreachable!()
    }

    fn reloads(&self) -> Arc<Notify> {
        unreachable!()
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

    async fn pause(&self, destination: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        let written = count_down(&self.unpausable);
        self.changed.notify_waiters();
        written?;
        let paused = self.change(destination, |condition| {
            condition.troubled_since.get_or_insert(now);
            let paused = Paused { since: now, reason: reason.to_owned() };
            condition.paused.is_none().then(|| condition.paused = Some(paused)).is_some()
        });
        self.changed.notify_waiters();
        Ok(paused)
    }

    async fn resume(&self, destination: &str, _: Timestamp) -> Result<bool, StoreError> {
        let resumed = self.change(destination, |condition| {
            condition.failing_since = None;
            condition.paused.take().is_some()
        });
        self.bell(destination).ring();
        Ok(resumed)
    }

    async fn trouble(&self, destination: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.fail()?;
        self.troubles.lock().unwrap().push((destination.to_owned(), reason.to_owned()));
        self.changed.notify_waiters();
        Ok(self.change(destination, |condition| {
            condition.troubled_since.is_none().then(|| condition.troubled_since = Some(now)).is_some()
        }))
    }

    async fn conditions(&self) -> Result<Vec<Condition>, StoreError> {
        self.fail()?;
        Ok(self.conditions.lock().unwrap().clone())
    }

    async fn notices(&self, _: usize) -> Result<Vec<Notice>, StoreError> {
        absent()
    }

    async fn told(&self, _: u64) -> Result<(), StoreError> {
        absent()
    }

    async fn close(&self) {}
}

fn count_down(left: &Mutex<u32>) -> Result<(), StoreError> {
    let mut left = left.lock().unwrap();
    if *left == 0 {
        return Ok(());
    }
    *left -= 1;
    Err(StoreError::Unavailable("the disk is full".to_owned()))
}

/// Which of the due ones are leased, and whether some are left.
fn shared_out(claim: &Claim, fresh: &[usize], retries: &[usize]) -> (Vec<usize>, Vec<usize>, bool) {
    let may = retries.len().min(claim.retries).min(claim.limit);
    let half = match claim.limit {
        1 => usize::from(fastrand::bool()),
        limit => limit / 2,
    };
    let retried = may.min(half.max(claim.limit.saturating_sub(fresh.len())));
    let first = fresh.len().min(claim.limit - retried);
    let left = retried < retries.len() || first < fresh.len();
    (fresh[..first].to_vec(), retries[..retried].to_vec(), left)
}

fn absent<T>() -> Result<T, StoreError> {
    Err(StoreError::NotFound("such call on the way out".to_owned()))
}
