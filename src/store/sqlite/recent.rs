//! Deliveries that were accepted a moment ago, as they are read back: a worker mostly takes one right
//! after its commit, and what the gateway just had at hand need not be read from the file again. Only
//! content, which never changes; what is due, and in which order, is the file's to say.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::draft::micros;
use super::row::instant;
use crate::model::{Delivery, Outcome, Receipt};
use crate::store::StoreError;

/// How many are kept at most.
const COUNT: usize = 1024;
/// How many bytes they bring at most.
const BYTES: usize = 16 << 20;
/// How many later ones may come before one is given up that nobody took: its destination is paused, or
/// its lane does not move.
const REACH: i64 = 8 * COUNT as i64;

/// By row.
#[derive(Debug, Default)]
pub(super) struct Recent {
    kept: BTreeMap<i64, Arc<Delivery>>,
    bytes: usize,
    /// Not committed yet.
    coming: Vec<(i64, Arc<Delivery>)>,
}

impl Recent {
    /// Notes what was written.
    pub(super) fn note(&mut self, seq: i64, delivery: Arc<Delivery>) {
        self.coming.push((seq, delivery));
    }

    /// What the row brings, if that is kept; then it is no more.
    pub(super) fn take(&mut self, seq: i64) -> Option<Arc<Delivery>> {
        let taken = self.kept.remove(&seq)?;
        self.bytes -= size(&taken);
        Some(taken)
    }

    /// The batch was committed. A newcomer without a place is read from the file when its turn comes:
    /// the older ones' turn is first.
    pub(super) fn keep(&mut self) {
        for (seq, delivery) in std::mem::take(&mut self.coming) {
            self.forget_before(seq.saturating_sub(REACH));
            let bytes = self.bytes + size(&delivery);
            if self.kept.len() < COUNT && bytes <= BYTES {
                self.bytes = bytes;
                self.kept.insert(seq, delivery);
            }
        }
    }

    fn forget_before(&mut self, seq: i64) {
        while let Some(first) = self.kept.first_entry().filter(|first| *first.key() < seq) {
            self.bytes -= size(&first.remove());
        }
    }

    /// How far [`Recent::take_back`] is to go.
    pub(super) fn mark(&self) -> usize {
        self.coming.len()
    }

    /// What was noted since the mark was not written.
    pub(super) fn take_back(&mut self, mark: usize) {
        self.coming.truncate(mark);
    }
}

/// What it brings, in bytes. Bodies that several share count for each.
fn size(delivery: &Delivery) -> usize {
    let headers: usize = delivery.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    delivery.body.len() + delivery.url.as_ref().map_or(0, String::len) + headers
}

/// The deliveries of a new receipt as they will be read back.
pub(super) fn of(receipt: &Receipt, outcome: &Outcome) -> Result<Vec<Arc<Delivery>>, StoreError> {
    let read_back = |delivery: &Delivery| {
        Ok(Arc::new(Delivery {
            receipt: receipt.id,
            supersede: delivery.supersede && delivery.lane.is_some() && delivery.batch.is_none(),
            created_at: instant(micros(delivery.created_at))?,
            ..delivery.clone()
        }))
    };
    outcome.deliveries.iter().map(read_back).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DeliveryId, EventId, ReceiptId, Timestamp};

    fn delivery(bytes: usize) -> Arc<Delivery> {
        let receipt = ReceiptId::new(Timestamp::UNIX_EPOCH);
        Arc::new(Delivery {
            id: DeliveryId::new(Timestamp::UNIX_EPOCH),
            receipt,
            event: EventId::of(receipt, 0),
            batch: None,
            route: "r".into(),
            destination: "d".into(),
            lane: None,
            url: None,
            content_type: "text/plain".into(),
            headers: Vec::new(),
            body: vec![b'x'; bytes].into(),
            supersede: false,
            created_at: Timestamp::UNIX_EPOCH,
        })
    }

    fn kept(deliveries: impl IntoIterator<Item = (i64, usize)>) -> Recent {
        let mut recent = Recent::default();
        for (seq, bytes) in deliveries {
            recent.note(seq, delivery(bytes));
        }
        recent.keep();
        recent
    }

    #[test]
    fn what_was_not_committed_is_not_there() {
        let mut recent = kept([(1, 1)]);
        recent.note(2, delivery(1));
        let mark = recent.mark();
        recent.note(3, delivery(1));
        recent.take_back(mark);
        assert!(recent.take(2).is_none(), "its commit is still to come");
        recent.keep();
        assert!(recent.take(1).is_some() && recent.take(2).is_some());
        assert!(recent.take(3).is_none());
    }

    #[test]
    fn each_is_taken_once() {
        let mut recent = kept([(1, 1)]);
        assert!(recent.take(1).is_some());
        assert!(recent.take(1).is_none());
    }

    #[test]
    fn neither_many_nor_big_ones_fill_the_memory() {
        let mut recent = kept((0..5000).map(|seq| (seq, 1)));
        assert_eq!((recent.kept.len(), recent.bytes), (COUNT, COUNT));
        assert!(recent.take(0).is_some(), "the oldest are kept: their turn is first");
        let mut big = kept((0..20).map(|seq| (seq, 1 << 20)));
        assert_eq!((big.kept.len(), big.bytes), (16, BYTES));
        for seq in 0..20 {
            big.take(seq);
        }
        assert_eq!(big.bytes, 0);
    }

    #[test]
    fn what_nobody_takes_gives_its_place_to_others() {
        let mut recent = kept((0..COUNT as i64).map(|seq| (seq, 1)));
        recent.note(REACH + 10, delivery(1));
        recent.keep();
        assert!(recent.take(9).is_none());
        assert!(recent.take(10).is_some() && recent.take(REACH + 10).is_some());
    }
}
