//! What follows from an attempt: the schedule's word, written to the store, counted, logged.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::health::{Health, Standings};
use super::record::Tried;
use crate::clock::{Clock, after};
use crate::config::Destination;
use crate::metrics::Metrics;
use crate::model::{Attempt, Final, Timestamp};
use crate::schedule::Next;
use crate::store::{Leased, Settlement, Store, StoreError};

/// The longest pause between two tries to write one result.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What every worker works with.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    pub standings: Standings,
}

/// A delivery that was claimed, and what was known then.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub destination: Arc<Destination>,
    pub leased: Arc<Leased>,
    /// When the lease ends.
    pub until: Timestamp,
    pub health: Health,
    /// See [`Claimed`](crate::store::Claimed).
    pub failing_since: Option<Timestamp>,
}

impl Context {
    /// Settles an attempt and looks after its destination; when it is due again, if it is.
    pub async fn conclude(&self, case: &Case, tried: Tried) -> Option<Timestamp> {
        let again = self.settle(case, &tried).await;
        self.look_after(case, &tried.attempt).await;
        again
    }

    async fn settle(&self, case: &Case, tried: &Tried) -> Option<Timestamp> {
        let Case { destination, leased, until, .. } = case;
        let settlement = self.decide(destination, leased, tried);
        let Tried { attempt, .. } = tried;
        self.count(&destination.name, attempt);
        if attempt.class.is_some() {
            warn_of(destination, leased, attempt, &settlement);
        }
        let write = || self.store.settle(leased, attempt.clone(), settlement.clone(), self.clock.now());
        match self.insist(*until, write).await {
            Ok(()) => {
                self.finished(destination, leased, attempt, &settlement);
                if let Settlement::Again(at) = settlement {
                    return Some(at);
                }
            }
            Err(why @ StoreError::LeaseLost(_)) => {
                warn!(destination = destination.name, "could not settle an attempt: {why}");
            }
            Err(why) => {
                let delivery = leased.delivery.id.to_string();
                error!(
                    delivery,
                    destination = destination.name,
                    "could not settle an attempt, so it will be repeated: {why}"
                );
            }
        }
        None
    }

    /// Gives a lease back without an attempt. One that is lost needs nothing more.
    pub async fn give_back(&self, leased: &Leased) {
        match self.store.release(leased).await {
            Ok(()) | Err(StoreError::LeaseLost(_)) => {}
            Err(why) => warn!(delivery = %leased.delivery.id, "could not give a lease back: {why}"),
        }
    }

    fn decide(&self, destination: &Destination, leased: &Leased, tried: &Tried) -> Settlement {
        let Some(class) = tried.attempt.class else { return Settlement::Final(Final::Delivered, None) };
        let next = destination.retry.after(
            leased.tries.saturating_add(1),
            class,
            tried.attempt.status,
            tried.retry_after,
            self.clock.now(),
            fastrand::f64(),
        );
        match next {
            Next::Again(at) => Settlement::Again(at),
            Next::Dead(why) => Settlement::Final(Final::Dead, Some(why)),
        }
    }

    /// An unavailable store is asked again while the lease holds: a result that is not written
    /// means that the delivery is sent twice.
    pub async fn insist<'w, T>(
        &self,
        until: Timestamp,
        write: impl Fn() -> Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'w>>,
    ) -> Result<T, StoreError> {
        let mut pause = Duration::from_millis(50);
        loop {
            let again = after(self.clock.now(), pause);
            match write().await {
                Err(StoreError::Unavailable(_)) if again < until => self.clock.sleep_until(again).await,
                other => return other,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn count(&self, destination: &str, attempt: &Attempt) {
        let result = attempt.class.map_or("ok", |class| class.name());
        let seconds = Duration::from_millis(attempt.duration_ms).as_secs_f64();
        self.metrics.attempt(destination, result, seconds);
    }

    fn finished(
        &self,
        destination: &Destination,
        leased: &Leased,
        attempt: &Attempt,
        settlement: &Settlement,
    ) {
        let Settlement::Final(end, why) = settlement else { return };
        let state = match end {
            Final::Delivered => "delivered",
            Final::Dead => "dead",
        };
        self.metrics.finished(&destination.name, state);
        info!(
            delivery = %leased.delivery.id,
            receipt = %leased.delivery.receipt,
            route = leased.delivery.route,
            destination = destination.name,
            attempts = attempt.number,
            status = attempt.status,
            ms = attempt.duration_ms,
            why,
            "delivery ended: {state}"
        );
    }
}

fn warn_of(destination: &Destination, leased: &Leased, attempt: &Attempt, settlement: &Settlement) {
    let next = match settlement {
        Settlement::Again(at) => format!("again at {at}"),
        Settlement::Final(..) => "no more attempts".to_owned(),
    };
    warn!(
        delivery = %leased.delivery.id,
        destination = destination.name,
        attempt = attempt.number,
        class = attempt.class.map(|class| class.name()),
        status = attempt.status,
        ms = attempt.duration_ms,
        error = attempt.error,
        next,
        "attempt failed"
    );
}

/// Counts an attempt as under way for as long as it lives, however it ends.
#[derive(Debug)]
pub(super) struct UnderWay {
    metrics: Arc<Metrics>,
    destination: String,
}

impl UnderWay {
    pub fn begin(metrics: &Arc<Metrics>, destination: &str) -> Self {
        metrics.in_flight(destination, 1);
        Self { metrics: metrics.clone(), destination: destination.to_owned() }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.metrics.in_flight(&self.destination, -1);
    }
}
