//! The bell of a destination: tells its worker that something may be claimable. With it the worker may
//! leave an order, a claim that the store makes by itself as soon as it rings: what was just accepted
//! then comes with the ring, and need not be asked for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::model::Timestamp;
use crate::store::Claimed;

/// A claim for later; its fields mean what those of [`Claim`](crate::store::Claim) do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub limit: usize,
    pub retries: usize,
    pub lease: Duration,
}

/// What an order led to.
#[derive(Debug)]
pub struct Brought {
    pub order: Order,
    /// When the claim was made; its leases run from then on.
    pub now: Timestamp,
    pub claimed: Claimed,
}

/// One destination's bell.
#[derive(Debug, Default)]
pub struct Bell {
    notify: Notify,
    tray: Mutex<Tray>,
}

/// Where an order lies, and then what it brought.
#[derive(Debug, Default)]
enum Tray {
    #[default]
    Empty,
    Ordered(Order),
    /// The store is at it.
    Begun,
    Brought(Brought),
}

impl Bell {
    /// Until it rings. A ring while nobody waits is kept.
    pub fn notified(&self) -> Notified<'_> {
        self.notify.notified()
    }

    pub fn ring(&self) {
        self.notify.notify_one();
    }

    /// Leaves an order, for the next ring. Whoever leaves one takes it back in the end; see [`Bell::take_back`].
    pub fn order(&self, order: Order) {
        let mut tray = self.tray();
        // What was brought must not be lost.
        if !matches!(*tray, Tray::Brought(_)) {
            *tray = Tray::Ordered(order);
        }
    }

    /// What the order led to; `None`: nothing yet, and nothing any more.
    pub fn take_back(&self) -> Option<Brought> {
        match std::mem::take(&mut *self.tray()) {
            Tray::Brought(brought) => Some(brought),
            Tray::Empty | Tray::Ordered(_) | Tray::Begun => None,
        }
    }

    /// Whether an order lies there.
    pub fn is_ordered(&self) -> bool {
        matches!(*self.tray(), Tray::Ordered(_))
    }

    /// The store's side: the order, if there is one. Nobody else gets it.
    pub fn begin(&self) -> Option<Order> {
        let mut tray = self.tray();
        let Tray::Ordered(order) = *tray else { return None };
        *tray = Tray::Begun;
        Some(order)
    }

    /// The store's side: what it led to. Gives it back if the order was taken back meanwhile.
    pub fn bring(&self, brought: Brought) -> Result<(), Brought> {
        let mut tray = self.tray();
        if !matches!(*tray, Tray::Begun) {
            return Err(brought);
        }
        *tray = Tray::Brought(brought);
        Ok(())
    }

    fn tray(&self) -> MutexGuard<'_, Tray> {
        self.tray.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Order = Order { limit: 1, retries: 0, lease: Duration::from_secs(1) };

    fn brought() -> Brought {
        Brought { order: ORDER, now: Timestamp::UNIX_EPOCH, claimed: Claimed::default() }
    }

    #[test]
    fn an_order_is_carried_out_once() {
        let bell = Bell::default();
        assert_eq!(bell.begin(), None);
        bell.order(ORDER);
        assert_eq!((bell.begin(), bell.begin()), (Some(ORDER), None));
        assert!(bell.bring(brought()).is_ok());
        assert!(bell.bring(brought()).is_err(), "nobody ordered twice");
        assert!(bell.take_back().is_some() && bell.take_back().is_none());
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_given_back() {
        let bell = Bell::default();
        bell.order(ORDER);
        assert!(bell.take_back().is_none());
        assert_eq!(bell.begin(), None);
        bell.order(ORDER);
        bell.begin();
        assert!(bell.take_back().is_none());
        assert!(bell.bring(brought()).is_err());
    }

    #[test]
    fn what_was_brought_is_not_lost_by_another_order() {
        let bell = Bell::default();
        bell.order(ORDER);
        bell.begin();
        assert!(bell.bring(brought()).is_ok());
        bell.order(ORDER);
        assert!(bell.take_back().is_some());
    }
}
