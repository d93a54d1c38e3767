//! Receipts that wait for lookups: many at once, as each mostly waits for somebody else's answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::{Context, Turn, insist};
use crate::clock::after;
use crate::lookup;
use crate::store::{Due, LeasedReceipt, StoreError};

/// How many receipts are under way at once; how many questions, each lookup says itself.
const AT_ONCE: usize = 32;
/// Besides the questions: for waiting for a thread and writing down what came of it.
const MARGIN: Duration = Duration::from_secs(60);
const LEASE: Duration = Duration::from_secs(lookup::LONGEST.as_secs() + MARGIN.as_secs());

/// The places of receipts under way, and the tasks that hold them.
#[derive(Debug, Clone)]
pub(super) struct Crew {
    places: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Crew {
    pub fn new(tasks: &TaskTracker) -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), tasks: tasks.clone() }
    }

    /// Takes as many receipts as there are places, and does not wait for their answers.
    pub async fn turn(self, context: Context) -> Result<Turn, StoreError> {
        let Ok(first) = self.places.clone().acquire_owned().await else { return Ok(Turn::Rest(None)) };
        let more = std::iter::from_fn(|| self.places.clone().try_acquire_owned().ok());
        let places: Vec<OwnedSemaphorePermit> = std::iter::once(first).chain(more).collect();
        if self.tasks.is_closed() {
            return Ok(Turn::Rest(None));
        }
        let due = Due { limit: places.len(), now: context.clock.now(), lease: LEASE };
        let deferred = context.store.deferred(due).await?;
        let full = deferred.receipts.len() >= places.len();
        for (leased, place) in deferred.receipts.into_iter().zip(places) {
            let context = context.clone();
            self.tasks.spawn(async move {
                resolve(&context, leased).await;
                drop(place);
            });
        }
        Ok(if full { Turn::Again } else { Turn::Rest(deferred.next_due) })
    }
}

async fn resolve(context: &Context, leased: LeasedReceipt) {
    let rules = context.rules.borrow().clone();
    let (now, jitter) = (context.clock.now(), fastrand::f64());
    let (outcome, again) =
        lookup::resolve(&context.lookups, &rules, &leased.stored, leased.tries, now, jitter).await;
    let (receipt, until) = (leased.stored.receipt.id, after(now, LEASE));
    let now = context.clock.now();
    let written = insist(context, until, || context.store.resolve(&leased, &outcome, again, now)).await;
    match (written, outcome.first_failure()) {
        (Ok(()), None) => {
            let (deliveries, gathered) = (outcome.deliveries.len(), outcome.gathered.len());
            info!(%receipt, deliveries, gathered, "lookups made");
        }
        (Ok(()), Some(failure)) => {
            let reason = &failure.message;
            warn!(%receipt, reason, "lookups made, but the receipt failed; replay it after the fix");
        }
        // It was replayed meanwhile: what is right follows from that.
        (Err(StoreError::LeaseLost(_)), _) => {}
        (Err(why), _) => {
            warn!(%receipt, "what lookups found could not be stored, they are made again: {why}")
        }
    }
}
