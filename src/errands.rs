//! Work that no sender waits for and no destination has: batches that are complete, lookups of
//! receipts that were answered long ago, and what the gateway tells about itself.
//!
//! One loop for each kind asks the store what is due, has the pure middle work on it, and writes
//! what came of it. Everything waits in the store; what lives here is under way. Sockets of senders
//! and receivers never enter here.

mod batches;
mod lookups;
mod notices;
mod told;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::clock::{Clock, after};
use crate::lookup::Lookups;
use crate::model::Timestamp;
use crate::rules;
use crate::store::{Errand, Store, StoreError};

/// Nothing announces that the lease of a process that died has run out, so a loop looks now and then.
const LOOK: Duration = Duration::from_secs(10);
/// Should a store name a due time that is past and give nothing all the same.
const BREATH: Duration = Duration::from_millis(200);
const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
/// How long what was taken is nobody else's.
const LEASE: Duration = Duration::from_secs(60);

/// What every loop works with.
#[derive(Debug, Clone)]
pub struct Context {
    pub rules: rules::Watch,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub lookups: Lookups,
}

/// The running loops. Dropped without [`Errands::drain`], they end after what they are at.
#[derive(Debug)]
pub struct Errands {
    tasks: TaskTracker,
    stop: DropGuard,
}

/// What one turn of a loop did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// There may be more.
    Again,
    /// Nothing is left before this instant, or before the bell rings.
    Rest(Option<Timestamp>),
}

impl Errands {
    /// Starts the loops. Needs a tokio runtime.
    pub fn start(context: Context) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let run = |errand, context: Context| Loop { errand, context, stop: stop.clone() };
        tasks.spawn(run(Errand::Batches, context.clone()).run(batches::turn));
        let crew = lookups::Crew::new(&tasks);
        tasks.spawn(run(Errand::Deferred, context.clone()).run(move |context| crew.clone().turn(context)));
        tasks.spawn(run(Errand::Notices, context).run(notices::turn));
        Self { tasks, stop: stop.drop_guard() }
    }

    /// Takes nothing new and waits up to `grace` for what is under way; what is not done by then is
    /// due again when its lease ends. The store must still be open.
    pub async fn drain(self, grace: Duration) {
        let Self { tasks, stop } = self;
        drop(stop);
        tasks.close();
        if timeout(grace, tasks.wait()).await.is_err() {
            warn!(?grace, "batches or lookups were still under way; they are made after the next start");
        }
    }
}

/// One loop.
struct Loop {
    errand: Errand,
    context: Context,
    stop: CancellationToken,
}

impl Loop {
    async fn run<F>(self, turn: impl Fn(Context) -> F)
    where
        F: Future<Output = Result<Turn, StoreError>>,
    {
        let (store, clock) = (self.context.store.clone(), self.context.clock.clone());
        let bell = store.errands(self.errand);
        let mut pause = FIRST_BACK_OFF;
        while !self.stop.is_cancelled() {
            // Of before the turn: what became due meanwhile is looked at without a breath.
            let asked = clock.now();
            let until = match turn(self.context.clone()).await {
                Ok(Turn::Again) => {
                    pause = FIRST_BACK_OFF;
                    continue;
                }
                Ok(Turn::Rest(due)) => {
                    pause = FIRST_BACK_OFF;
                    next_look(asked, due)
                }
                Err(why) => {
                    warn!(errand = ?self.errand, ?pause, "could not go on: {why}");
                    let until = after(clock.now(), pause);
                    pause = (pause * 2).min(LONGEST_BACK_OFF);
                    // Whatever rings: the store is in trouble.
                    tokio::select! {
                        () = self.stop.cancelled() => return,
                        () = clock.sleep_until(until) => continue,
                    }
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                // A ring while nobody listens is kept.
                () = bell.notified() => {}
                () = clock.sleep_until(until) => {}
            }
        }
    }
}

/// Repeats a write while the store is unavailable and the lease holds: what it would write was
/// much work, and others may wait for it.
async fn insist<F>(context: &Context, until: Timestamp, write: impl Fn() -> F) -> Result<(), StoreError>
where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut pause = FIRST_BACK_OFF;
    loop {
        let again = after(context.clock.now(), pause);
        match write().await {
            Err(StoreError::Unavailable(_)) if again < until => context.clock.sleep_until(again).await,
            other => return other,
        }
        pause = (pause * 2).min(LONGEST_BACK_OFF);
    }
}

fn next_look(now: Timestamp, due: Option<Timestamp>) -> Timestamp {
    let look = after(now, LOOK);
    match due {
        Some(due) if due > now => due.min(look),
        Some(_) => after(now, BREATH),
        None => look,
    }
}
