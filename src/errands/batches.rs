//! Complete batches become deliveries.

use tracing::{info, warn};

use super::{Context, LEASE, Turn};
use crate::model::{Failure, Sealed, Stage};
use crate::pipeline;
use crate::store::{Due, LeasedBatch, StoreError};

/// How many are taken at once: each may hold thousands of events.
const AT_ONCE: usize = 4;

/// Seals what is complete.
pub(super) async fn turn(context: Context) -> Result<Turn, StoreError> {
    let due = Due { limit: AT_ONCE, now: context.clock.now(), lease: LEASE };
    let ripe = context.store.ripe(due).await?;
    let full = ripe.batches.len() >= AT_ONCE;
    for leased in ripe.batches {
        seal(&context, leased).await?;
    }
    Ok(if full { Turn::Again } else { Turn::Rest(ripe.next_due) })
}

async fn seal(context: &Context, leased: LeasedBatch) -> Result<(), StoreError> {
    let rules = context.rules.borrow().clone();
    let now = context.clock.now();
    let work = tokio::task::spawn_blocking(move || {
        let sealed = pipeline::seal(&rules, &leased.batch, now);
        (leased, sealed)
    });
    // Only a defect ends it here; the lease runs out and the batch is made again.
    let Ok((leased, sealed)) = work.await else { return Ok(()) };
    match context.store.seal(&leased, &sealed, now).await {
        Err(StoreError::LeaseLost(_)) => return Ok(()),
        other => other?,
    }
    tell(&leased, &sealed);
    Ok(())
}

fn tell(leased: &LeasedBatch, sealed: &Sealed) {
    let (batch, route, events) = (leased.batch.id, &leased.batch.route, leased.batch.members.len());
    match sealed {
        Sealed::Sent(deliveries) => {
            info!(%batch, route, events, deliveries = deliveries.len(), "batch complete");
        }
        Sealed::Dropped(why) => info!(%batch, route, events, why, "batch dropped"),
        Sealed::Failed(Failure { stage, message, .. }) => {
            let stage: &Stage = stage;
            warn!(%batch, route, events, ?stage, reason = message, "batch failed; replay its receipts after the fix");
        }
    }
}
