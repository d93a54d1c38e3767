//! Receipts whose lookups are due, the oldest of all partitions first.

use redis::Value;
use serde::Serialize;

use super::Redis;
use super::answer::{array, instant, items, maybe, read, text};
use super::desk::Ask;
use crate::model::Timestamp;
use crate::store::draft::span;
use crate::store::{Deferred, Due, LeasedReceipt, StoreError};

#[derive(Serialize)]
struct Lease {
    limit: usize,
    lease: i64,
}

/// Where a receipt stands among all: when it is due, and its mark.
type Order = (i64, String);

/// What is due in one partition.
#[derive(Debug)]
struct Coming {
    part: u32,
    due: Vec<Order>,
    next_due: Option<Timestamp>,
}

impl Coming {
    /// When to ask again, if nothing of it is taken.
    fn again(&self) -> Result<Option<Timestamp>, StoreError> {
        let first = self.due.first().map(|(at, _)| instant(*at)).transpose()?;
        Ok([first, self.next_due].into_iter().flatten().min())
    }
}

impl Redis {
    /// Leases receipts whose lookups are due. One that is gone by now, or waits for nothing any
    /// more, is left out.
    pub(super) async fn lease_deferred(&self, due: &Due) -> Result<Deferred, StoreError> {
        let (mut leased, mut next_due) = (Vec::new(), None);
        for (coming, share) in self.shares(due).await? {
            let again = if share > 0 || due.limit == 0 {
                let (given, again) = self.lease_in(coming.part, share, due).await?;
                leased.extend(given);
                again
            } else {
                coming.again()?
            };
            next_due = [next_due, again].into_iter().flatten().min();
        }
        leased.sort_by(|(a, _), (b, _): &(Order, _)| a.cmp(b));
        Ok(Deferred { receipts: leased.into_iter().map(|(_, receipt)| receipt).collect(), next_due })
    }

    async fn lease_in(
        &self,
        part: u32,
        limit: usize,
        due: &Due,
    ) -> Result<(Vec<(Order, LeasedReceipt)>, Option<Timestamp>), StoreError> {
        let asked = Lease { limit, lease: span(due.lease).max(1) };
        let [given, next_due] = array(self.ask(part, "deferred", due.now, &asked).await?)?;
        let mut leased = Vec::new();
        for one in items(given)? {
            let [at, mark, id, token] = array(one)?;
            let (order, token) = ((read(at)?, text(mark)?), read(token)?);
            if let Some((stored, row)) = self.receipt_in(part, read(id)?).await?
                && let Some(tries) = row.maybe("tried")?
            {
                leased.push((order, LeasedReceipt { stored, tries, token }));
            }
        }
        Ok((leased, again(next_due)?))
    }

    /// How many to lease in which partition.
    async fn shares(&self, due: &Due) -> Result<Vec<(Coming, usize)>, StoreError> {
        if self.desk.parts.0 <= 1 {
            return Ok(vec![(Coming { part: 0, due: Vec::new(), next_due: None }, due.limit)]);
        }
        let mut coming = Vec::new();
        for part in self.desk.parts.all() {
            coming.push(self.coming(part, due).await?);
        }
        let mut all: Vec<_> = coming.iter().flat_map(|one| &one.due).collect();
        all.sort_unstable();
        let last = due.limit.checked_sub(1).and_then(|last| all.get(last.min(all.len().checked_sub(1)?)));
        let last = last.map(|order| (*order).clone());
        let share = |one: &Coming| one.due.iter().filter(|order| Some(*order) <= last.as_ref()).count();
        Ok(coming.into_iter().map(|one| (share(&one), one)).map(|(share, one)| (one, share)).collect())
    }

    async fn coming(&self, part: u32, due: &Due) -> Result<Coming, StoreError> {
        let asked = Lease { limit: due.limit, lease: 1 };
        let answer = self.desk.ask(Ask::new(part, "deferring", due.now, &asked)).await?;
        let [found, next_due] = array(answer)?;
        let order = |one| {
            let [at, mark] = array(one)?;
            Ok((read(at)?, text(mark)?))
        };
        let due = items(found)?.into_iter().map(order).collect::<Result<_, _>>()?;
        Ok(Coming { part, due, next_due: again(next_due)? })
    }
}

fn again(value: Value) -> Result<Option<Timestamp>, StoreError> {
    maybe(value)?.map(instant).transpose()
}
