//! How many attempts are under way at once over all destinations, and how fast those of one
//! follow one another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::gate::{Gate, Learn, Waiting};
use crate::clock::{Clock, after};
use crate::model::Timestamp;
use crate::rate::{self, Rate};

/// The attempts that all destinations may have under way together (`egress.in_flight`).
///
/// Where there is room for it, one place of each destination is its own and does not come from
/// the shared ones, so that a few hanging receivers cannot stop the others.
#[derive(Debug)]
pub(super) struct Pool {
    total: usize,
    destinations: usize,
    own_place: bool,
    shared: Arc<Semaphore>,
}

impl Pool {
    pub fn new(total: usize, destinations: usize) -> Arc<Self> {
        let total = total.clamp(1, Semaphore::MAX_PERMITS);
        let own_place = destinations <= total / 2;
        let shared = if own_place { total - destinations } else { total };
        Arc::new(Self { total, destinations, own_place, shared: Arc::new(Semaphore::new(shared)) })
    }

    /// Whether a pool for these numbers would be another one.
    pub fn fits(&self, total: usize, destinations: usize) -> bool {
        self.total == total.clamp(1, Semaphore::MAX_PERMITS) && self.destinations == destinations
    }
}

/// One destination's part in the pool.
#[derive(Debug, Clone)]
pub(super) struct Share {
    own: Arc<Semaphore>,
    shared: Arc<Semaphore>,
}

impl Share {
    pub fn of(pool: &Pool) -> Self {
        Self { own: Arc::new(Semaphore::new(usize::from(pool.own_place))), shared: pool.shared.clone() }
    }
}

impl Gate for Share {
    /// `None` only if a semaphore were closed, which none ever is.
    type Pass = Option<OwnedSemaphorePermit>;

    fn enter(&self) -> Waiting<Self::Pass> {
        let (own, shared) = (self.own.clone(), self.shared.clone());
        Box::pin(async move {
            tokio::select! {
                biased;
                permit = own.acquire_owned() => permit.ok(),
                permit = shared.acquire_owned() => permit.ok(),
            }
        })
    }
}

impl<R> Learn<R> for Share {}

/// A [token bucket](rate::Bucket) to wait at.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    rate: Rate,
    clock: Arc<dyn Clock>,
    level: Arc<Mutex<rate::Bucket>>,
}

/// One token; unspent, it goes back when dropped.
#[derive(Debug)]
pub(super) struct Token {
    bucket: Option<Bucket>,
}

impl Bucket {
    pub fn new(rate: Rate, clock: Arc<dyn Clock>) -> Self {
        let level = rate::Bucket::full(rate, clock.now());
        Self { rate, clock, level: Arc::new(Mutex::new(level)) }
    }

    fn level(&self) -> MutexGuard<'_, rate::Bucket> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token, or when to ask again.
    fn take(&self) -> Result<Token, Timestamp> {
        let now = self.clock.now();
        match self.level().take(self.rate, now) {
            Ok(()) => Ok(Token { bucket: Some(self.clone()) }),
            // A millisecond more, so that nobody wakes a breath too early.
            Err(wait) => Err(after(now, wait + Duration::from_millis(1))),
        }
    }
}

impl Gate for Bucket {
    type Pass = Token;

    fn enter(&self) -> Waiting<Token> {
        let bucket = self.clone();
        Box::pin(async move {
            loop {
                match bucket.take() {
                    Ok(token) => return token,
                    Err(at) => bucket.clock.sleep_until(at).await,
                }
            }
        })
    }

    fn spend(token: &mut Token) {
        token.bucket = None;
    }
}

impl<R> Learn<R> for Bucket {}

impl Drop for Token {
    fn drop(&mut self) {
        if let Some(bucket) = self.bucket.take() {
            bucket.level().give_back();
        }
    }
}
