//! What the gateway tells about itself becomes a receipt of its own source, once, and goes where
//! the routes say.

use std::sync::Arc;

use bytes::Bytes;
use tracing::{info, warn};

use super::told::event;
use super::{Context, Turn};
use crate::model::{OWN_SOURCE, Outcome, Proof, Receipt, ReceiptId, Request};
use crate::pipeline::{self, Incoming};
use crate::rules::Rules;
use crate::store::{Accepted, Notice, StoreError};

/// How many are read at once.
const BATCH: usize = 64;

/// Takes the oldest notices in.
pub(super) async fn turn(context: Context) -> Result<Turn, StoreError> {
    let notices = context.store.notices(BATCH).await?;
    let rules = context.rules.borrow().clone();
    // Nobody asks for them; they are not kept for routes that may come one day.
    let wanted = rules.routes.iter().any(|route| route.takes_own);
    if notices.is_empty() {
        return Ok(Turn::Rest(None));
    }
    for notice in &notices {
        if wanted {
            take_in(&context, &rules, notice).await?;
        }
        context.store.told(notice.number).await?;
    }
    Ok(Turn::Again)
}

/// Stores the notice's event with what the routes make of it. Should the process end before the
/// notice is forgotten, the second time is a duplicate.
async fn take_in(context: &Context, rules: &Arc<Rules>, notice: &Notice) -> Result<(), StoreError> {
    let body = event(context.store.as_ref(), notice).await?;
    let now = context.clock.now();
    let incoming = Incoming {
        id: ReceiptId::new(now),
        received_at: now,
        request: Request {
            method: "POST".to_owned(),
            path: format!("/hooks/{OWN_SOURCE}"),
            headers: vec![("webhook-id".to_owned(), format!("notice-{}", notice.number))],
            ..Request::default()
        },
        body: Bytes::from(body.to_string()),
        proof: Proof { scheme: "own".to_owned(), variant: None, secret: None },
    };
    let rules = rules.clone();
    let work = move || -> Result<(Receipt, Outcome), String> {
        let (receipt, document) = pipeline::receive(&rules.own, incoming).map_err(|why| why.to_string())?;
        let outcome = pipeline::process(&rules, &rules.own, &receipt, document, now);
        Ok((receipt, outcome))
    };
    let processed = tokio::task::spawn_blocking(work).await.map_err(|why| why.to_string());
    let (receipt, outcome) = match processed.and_then(|processed| processed) {
        Ok(processed) => processed,
        Err(why) => {
            warn!(number = notice.number, "an event of the gateway's own could not be made: {why}");
            return Ok(());
        }
    };
    if context.store.accept(&receipt, &outcome).await? == Accepted::New {
        let told = outcome.events.first().map(|processed| processed.event.r#type.clone());
        info!(receipt = %receipt.id, told, deliveries = outcome.deliveries.len(), "the gateway tells of itself");
    }
    Ok(())
}
