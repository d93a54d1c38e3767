//! Receipts whose lookups are due, the oldest of all partitions first.

use super::Redis;
use super::answer::{array, instant, items, maybe, read, text};
use super::coming::{Lease, Order, Share, shares};
use crate::model::Timestamp;
use crate::store::{Deferred, Due, LeasedReceipt, StoreError};

impl Redis {
    /// Leases receipts whose lookups are due. One that is gone by now, or waits for nothing any
    /// more, is left out.
    pub(super) async fn lease_deferred(&self, due: &Due) -> Result<Deferred, StoreError> {
        let (mut leased, mut next_due) = (Vec::new(), None);
        let parts: Vec<u32> = self.desk.parts.all().collect();
        for share in shares(&self.desk, "deferring", due, &parts).await? {
            let again = if share.limit > 0 {
                let (given, again) = self.lease_in(&share, due).await?;
                leased.extend(given);
                again
            } else {
                share.again
            };
            next_due = [next_due, again].into_iter().flatten().min();
        }
        leased.sort_by(|(a, _), (b, _): &(Order, _)| a.cmp(b));
        Ok(Deferred { receipts: leased.into_iter().map(|(_, receipt)| receipt).collect(), next_due })
    }

    async fn lease_in(
        &self,
        share: &Share,
        due: &Due,
    ) -> Result<(Vec<(Order, LeasedReceipt)>, Option<Timestamp>), StoreError> {
        let asked = Lease::new(share.limit, due);
        let [given, next_due] = array(self.ask(share.part, "deferred", due.now, &asked).await?)?;
        let mut leased = Vec::new();
        for one in items(given)? {
            let [at, mark, id, token] = array(one)?;
            let (order, token) = ((read(at)?, text(mark)?), read(token)?);
            if let Some((stored, row)) = self.receipt_in(share.part, read(id)?).await?
                && let Some(tries) = row.maybe("tried")?
            {
                leased.push((order, LeasedReceipt { stored, tries, token }));
            }
        }
        Ok((leased, maybe(next_due)?.map(instant).transpose()?))
    }
}
