//! What follows from an attempt for its destination as a whole: that nothing more is sent there,
//! or that somebody should know.

use tracing::warn;

use super::settle::{Case, Context};
use crate::model::{Attempt, Timestamp};
use crate::schedule::GONE;
use crate::store::StoreError;

/// Why a destination is paused.
#[derive(Debug)]
struct Reason {
    /// As a metric's label.
    name: &'static str,
    text: String,
}

impl Context {
    /// To be called once the attempt is settled, so that its own delivery is not held up.
    pub async fn look_after(&self, case: &Case, attempt: &Attempt) {
        if let Some(reason) = self.reason_to_pause(case, attempt).await {
            self.pause(case, reason).await;
        }
        let Some(breaker) = &case.health.breaker else { return };
        let Some(reason) = breaker.untold() else { return };
        let destination = &case.destination.name;
        match self.store.trouble(destination, &reason, self.clock.now()).await {
            Ok(_) => breaker.told(),
            // Told with the next attempt.
            Err(why) => warn!(destination, "could not note that a destination is in trouble: {why}"),
        }
    }

    async fn reason_to_pause(&self, case: &Case, attempt: &Attempt) -> Option<Reason> {
        if attempt.status == Some(GONE) {
            let text = "the receiver answered 410 Gone".to_owned();
            return Some(Reason { name: "gone", text });
        }
        let (patience, since) = (case.destination.pause_after?, case.failing_since?);
        attempt.class?;
        let now = self.clock.now();
        let over = |since: &Timestamp| since.checked_add(patience).is_ok_and(|end| end <= now);
        if !over(&since) {
            return None;
        }
        // Another attempt may have succeeded since the claim.
        let known = self.store.conditions().await.ok()?;
        let condition = known.into_iter().find(|known| known.destination == case.destination.name)?;
        let since = condition.failing_since.filter(over)?;
        let text = format!("no attempt has succeeded since {since}");
        Some(Reason { name: "failing", text })
    }

    async fn pause(&self, case: &Case, Reason { name, text }: Reason) {
        let destination = &case.destination.name;
        let pause = || self.store.pause(destination, &text, self.clock.now());
        match self.insist(case.until, pause).await {
            Ok(true) => {
                self.metrics.paused(destination, name);
                warn!(
                    destination,
                    reason = text,
                    "paused: nothing is sent there until `crossconnect destinations resume {destination}`"
                );
            }
            Ok(false) | Err(StoreError::NotFound(_)) => {}
            Err(why) => warn!(destination, reason = text, "could not pause a destination: {why}"),
        }
    }
}
