//! A stored receipt whose routes wait for lookups: asks for all of them, then lets the routes go on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::answer::shown;
use super::miss::Miss;
use super::{Answered, Lookups, cache};
use crate::model::{
    Decision, EventId, Failure, FailureClass, Json, Looked, Outcome, Processed, Receipt, Stage, Timestamp,
};
use crate::pipeline::lookups::{Finding, Found, Reopened, Wanted};
use crate::rules::Rules;
use crate::schedule::{Next, Schedule};
use crate::store::StoredReceipt;

/// No receipt takes longer; what was not found by then has failed, and is tried again. Whoever
/// leases a receipt leases it for longer than this.
pub const LONGEST: Duration = crate::config::LONGEST_LOOKUP;
/// Questions under way for one receipt.
const WIDE: usize = 16;
/// Bytes that all answers for one receipt may hold together.
const HELD: usize = 64 * 1024 * 1024;
/// Where nothing else says when.
const SOON: Duration = Duration::from_secs(5);

/// Asks what the deferred verdicts of a stored receipt wait for, and makes them again with what was
/// found. `tries` is how often that was tried before; `jitter` is from 0 to 1.
///
/// Gives the outcome to [put in its place](crate::store::Store::resolve), and when what is still
/// deferred is due again.
pub async fn resolve(
    lookups: &Lookups,
    rules: &Arc<Rules>,
    stored: &StoredReceipt,
    tries: u32,
    now: Timestamp,
    jitter: f64,
) -> (Outcome, Timestamp) {
    let attempt = Attempt { number: tries.saturating_add(1), now, jitter };
    let (receipt, before) = (&stored.receipt, &stored.outcome.events);
    resolve_events(Some(lookups), rules, receipt, before, attempt, &Known::new()).await
}

/// Which try it is.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    pub now: Timestamp,
    /// From 0 to 1.
    pub jitter: f64,
}

/// Results that are given instead of asked for, by the lookup's name.
pub type Known = HashMap<String, Arc<Json>>;

/// The same for a receipt that need not be stored, with some results given. Without `lookups`
/// nobody is asked, and what is not given is waited for.
pub async fn resolve_events(
    lookups: Option<&Lookups>,
    rules: &Arc<Rules>,
    receipt: &Receipt,
    before: &[Processed],
    attempt: Attempt,
    known: &Known,
) -> (Outcome, Timestamp) {
    let (opened_rules, opened, events) = (rules.clone(), receipt.clone(), before.to_vec());
    let reopened = tokio::task::spawn_blocking(move || {
        let reopened = Reopened::new(opened_rules, opened, events);
        let wanted = reopened.wanted();
        (reopened, wanted)
    });
    let soon = attempt.now.checked_add(SOON).unwrap_or(attempt.now);
    let Ok((reopened, wanted)) = reopened.await else { return (broken(rules, before), soon) };
    let found = find_all(lookups, rules, wanted, attempt, known).await;
    let resumed = tokio::task::spawn_blocking(move || {
        let outcome = reopened.resume(&found, attempt.now);
        let again = found.again(&outcome);
        (outcome, again)
    });
    match resumed.await {
        Ok((outcome, again)) => (outcome, again.unwrap_or(soon)),
        Err(_) => (broken(rules, before), soon),
    }
}

/// Asks for all of it, so many at once.
async fn find_all(
    lookups: Option<&Lookups>,
    rules: &Arc<Rules>,
    wanted: Vec<Wanted>,
    attempt: Attempt,
    known: &Known,
) -> Found {
    let mut gathering = Gathering { rules, attempt, found: Found::default(), seen: HashSet::new(), held: 0 };
    let (mut waiting, mut under_way) = (wanted.into_iter(), JoinSet::new());
    let until = Instant::now() + LONGEST;
    let mut asked: HashSet<(EventId, Arc<str>)> = HashSet::new();
    loop {
        while under_way.len() < WIDE {
            let Some(Wanted { event, lookup }) = waiting.next() else { break };
            if let Some(value) = known.get(&*lookup) {
                let settings = rules.lookups.get(&lookup);
                let shown = settings.map_or_else(|| value.clone(), |settings| shown(settings, value));
                gathering.put(event.id, Answered::given(&lookup, value.clone(), shown));
                continue;
            }
            let Some(lookups) = lookups.cloned() else { continue };
            asked.insert((event.id, lookup.clone()));
            let rules = rules.clone();
            under_way.spawn(async move {
                let answered = lookups.find(&rules, &lookup, &event).await;
                (event.id, lookup, answered)
            });
        }
        match timeout_at(until, under_way.join_next()).await {
            Ok(None) => break,
            Ok(Some(Ok((event, lookup, answered)))) => {
                asked.remove(&(event, lookup));
                gathering.put(event, answered);
            }
            // A task that panicked counts as one that came to no end.
            Ok(Some(Err(_))) => {}
            Err(_) => break,
        }
    }
    let left = asked.into_iter().chain(waiting.map(|wanted| (wanted.event.id, wanted.lookup)));
    for (event, lookup) in left {
        let error = format!("the lookups of this receipt took longer than {LONGEST:?} together");
        let miss = Miss::new(FailureClass::Timeout, error);
        gathering.put(event, Answered::missed(&lookup, None, Duration::ZERO, miss));
    }
    gathering.found
}

/// What is found, as it comes.
struct Gathering<'a> {
    rules: &'a Rules,
    attempt: Attempt,
    found: Found,
    /// Where the values lie that are counted; equal questions share theirs.
    seen: HashSet<usize>,
    held: usize,
}

impl Gathering<'_> {
    fn put(&mut self, event: EventId, answered: Answered) {
        let answered = match &answered.value {
            Ok(value) if self.seen.insert(Arc::as_ptr(value).addr()) => {
                self.held += cache::weight(value);
                match self.held > HELD {
                    true => {
                        let error =
                            "the answers for this receipt are too large together; select less of them";
                        Answered { value: Err(Miss::config(error)), ..answered }
                    }
                    false => answered,
                }
            }
            _ => answered,
        };
        let next = self.next(&answered);
        let Answered { looked, value, shown } = answered;
        let finding = match value {
            Ok(value) => Finding { looked, value: Some(value), shown, next },
            Err(miss) => {
                let looked = Looked { class: Some(miss.class), error: Some(miss.error), ..looked };
                Finding { looked, value: None, shown, next }
            }
        };
        self.found.insert(event, finding);
    }

    fn next(&self, answered: &Answered) -> Next {
        let Attempt { number, now, jitter } = self.attempt;
        let Err(miss) = &answered.value else { return Next::Again(now) };
        let usual = Schedule::default();
        let lookup = self.rules.lookups.get(answered.looked.name.as_str());
        let schedule = lookup.map_or(&usual, |lookup| &lookup.settings.retry);
        // Whoever is gone for deliveries may still be there for questions.
        let status = miss.status.filter(|status| *status != 410);
        schedule.after(number, miss.class, status, miss.retry_after, now, jitter)
    }
}

/// What becomes of a receipt that the gateway failed to go on with.
fn broken(rules: &Rules, before: &[Processed]) -> Outcome {
    let failure = Failure {
        stage: Stage::Lookup,
        message: "the gateway failed while going on with its lookups; please report it".to_owned(),
        place: None,
    };
    let mut events = before.to_vec();
    let verdicts = events.iter_mut().flat_map(|event| &mut event.routes);
    for verdict in verdicts.filter(|verdict| matches!(verdict.decision, Decision::Deferred { .. })) {
        verdict.decision = Decision::Failed(failure.clone());
    }
    Outcome { events, ..Outcome::new(&rules.revision) }
}
