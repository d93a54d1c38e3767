//! Complete batches become deliveries.

use std::sync::Arc;

use tracing::{info, warn};

use super::{Context, LEASE, Turn, insist};
use crate::clock::after;
use crate::model::{Failure, Sealed, Stage};
use crate::pipeline;
use crate::store::{Due, LeasedBatch, StoreError};

/// How many are taken at once: each may hold many megabytes of events.
const AT_ONCE: usize = 1;

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
    let leased = Arc::new(leased);
    let batch = leased.clone();
    let work = tokio::task::spawn_blocking(move || pipeline::seal(&rules, &batch.batch, now)).await;
    let sealed = work.unwrap_or_else(|_| Sealed::Failed(broken()));
    let written = insist(context, after(now, LEASE), || context.store.seal(&leased, &sealed, now)).await;
    match written {
        // An event of it was gathered anew meanwhile; it is made again.
        Err(StoreError::LeaseLost(_)) => return Ok(()),
        other => other?,
    }
    tell(&leased, &sealed);
    Ok(())
}

/// What a defect of the gateway leaves of a batch.
fn broken() -> Failure {
    let message = "the gateway failed while making the batch; look for the panic in the log and report it";
    Failure { stage: Stage::Route, message: message.to_owned(), place: None }
}

fn tell(leased: &LeasedBatch, sealed: &Sealed) {
    let (batch, route, events) = (leased.batch.id, &leased.batch.route, leased.batch.members.len());
    match sealed {
        Sealed::Sent(deliveries) => {
            info!(%batch, route, events, deliveries = deliveries.len(), "batch complete");
        }
        Sealed::Dropped(why) => info!(%batch, route, events, why, "batch dropped"),
        Sealed::Failed(Failure { stage, message, .. }) => {
            warn!(%batch, route, events, ?stage, reason = message, "batch failed; replay its receipts after the fix");
        }
    }
}
