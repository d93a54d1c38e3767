//! One destination's worker: claims what is due, sends it through the stack, settles.
//!
//! A pending wait lives in the store. What lives here is bounded by the destination's
//! `in_flight`: first a turn, then a claim, so that nothing claimed waits for a turn.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};
use tracing::{error, warn};

use super::health::Health;
use super::record::broken;
use super::settle::{Case, Context, UnderWay};
use super::{Plan, Stack, stack};
use crate::clock::after;
use crate::model::Timestamp;
use crate::store::{Bell, Brought, Claim, Claimed, Order};

/// How much longer than an attempt a lease runs: for settling, and for settling again.
const MARGIN: Duration = Duration::from_secs(10);
/// Nothing announces that the lease of a process that died has run out, so an idle worker
/// looks now and then.
const LOOK: Duration = Duration::from_secs(10);
/// Should a store name a due time that is past and give nothing all the same.
const BREATH: Duration = Duration::from_millis(200);
/// Where one is due after the other, as with thousands of retries, those of so long are claimed together.
const GRAIN: Duration = Duration::from_millis(25);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
const LARGEST_CLAIM: usize = 64;
/// So many turns are taken for a claim at least, where there are as many, and else twice as many as the last
/// claim had use for: turns that nobody uses cost more than another claim.
const SMALLEST_CLAIM: usize = 8;

/// When to claim next.
#[derive(Debug, Clone, Copy)]
enum Wake {
    Now,
    /// Then, or when the bell rings.
    At(Timestamp),
    /// Then, whatever rings: the store is in trouble.
    BackOff(Timestamp),
}

/// Everything one worker holds.
pub(super) struct Worker {
    context: Context,
    bell: Arc<Bell>,
    plan: Arc<Plan>,
    plans: watch::Receiver<Arc<Plan>>,
    health: Health,
    stack: Stack,
    stop: CancellationToken,
    cut: CancellationToken,
    /// Each ends with the instant at which its delivery is due again.
    attempts: JoinSet<Option<Timestamp>>,
    cases: HashMap<Id, Case>,
    /// The earliest of those instants since the last claim; the store told it to nobody else.
    again: Option<Timestamp>,
    /// The last claim left retries behind because enough of them were under way.
    held_back: bool,
    troubles: u32,
    /// How many turns the next claim takes at most.
    reach: usize,
}

impl Worker {
    /// `stop` ends the claiming, `cut` also the attempts under way.
    pub fn new(
        context: Context,
        mut plans: watch::Receiver<Arc<Plan>>,
        stop: CancellationToken,
        cut: CancellationToken,
    ) -> Self {
        let plan = plans.borrow_and_update().clone();
        let health = Health::new(&plan.destination, &context.clock, &context.metrics);
        let stack = stack(&plan, &health, &context.clock);
        context.standings.put(&plan.destination.name, &health);
        let bell = context.store.bell(&plan.destination.name);
        let (attempts, cases) = (JoinSet::new(), HashMap::new());
        let (again, held_back, troubles, reach) = (None, false, 0, SMALLEST_CLAIM);
        Self {
            context,
            bell,
            plan,
            plans,
            health,
            stack,
            stop,
            cut,
            attempts,
            cases,
            again,
            held_back,
            troubles,
            reach,
        }
    }

    /// Works until stopped, then waits for the attempts under way.
    pub async fn run(mut self) {
        let mut wake = Wake::Now;
        while self.rest(wake).await {
            // What was brought is under lease already.
            wake = match self.bell.take_back() {
                Some(brought) => self.take(brought).await,
                None => match self.turns().await {
                    Some(turns) => self.claim(turns).await,
                    None => Wake::Now,
                },
            };
        }
        self.finish().await;
    }

    /// Waits for a reason to claim; `false`: stop.
    async fn rest(&mut self, wake: Wake) -> bool {
        if let (Wake::At(_), Some(order)) = (wake, self.order()) {
            self.bell.order(order);
        }
        let (bell, clock) = (self.bell.clone(), self.context.clock.clone());
        loop {
            let again = self.again;
            let pause = async {
                match wake {
                    Wake::Now => (),
                    Wake::At(at) => clock.sleep_until(again.map_or(at, |again| again.min(at))).await,
                    Wake::BackOff(at) => clock.sleep_until(at).await,
                }
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return false,
                changed = self.plans.changed() => match changed {
                    Ok(()) => self.adopt(),
                    Err(_) => return false,
                },
                Some(ended) = self.attempts.join_next_with_id() => {
                    self.reap(ended);
                    // Nothing rings for the place of a retry.
                    if self.held_back && self.retries() > 0 && !matches!(wake, Wake::BackOff(_)) {
                        return true;
                    }
                }
                // A ring while nobody listens is kept, so none is missed between two rests.
                () = bell.notified(), if !matches!(wake, Wake::BackOff(_)) => return true,
                () = pause => return true,
            }
        }
    }

    /// At least one turn, and as many more as can be had at once. `None`: look around first.
    async fn turns(&mut self) -> Option<Vec<Stack>> {
        // Settling takes no turn, but it takes memory.
        let most = self.plan.destination.in_flight.max(1) * 2;
        let mut turn = self.stack.clone();
        loop {
            let crowded = self.attempts.len() >= most;
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                _ = self.plans.changed() => { self.plans.mark_changed(); return None }
                Some(ended) = self.attempts.join_next_with_id() => self.reap(ended),
                ready = turn.ready(), if !crowded => {
                    if let Err(cause) = ready {
                        error!(destination = self.plan.destination.name, "no turn to send: {cause}");
                    }
                    break;
                }
            }
        }
        let places = most.saturating_sub(self.attempts.len());
        Some(more(vec![turn], self.stack.clone(), self.reach.min(places)).await)
    }

    /// What may come with the next ring: as much as there are likely to be turns for. It holds none of
    /// them meanwhile, as other destinations may need them.
    fn order(&self) -> Option<Order> {
        let places = self.plan.destination.in_flight.saturating_sub(self.attempts.len());
        let limit = places.min(LARGEST_CLAIM);
        (limit > 0).then(|| self.claim_of(limit))
    }

    fn claim_of(&self, limit: usize) -> Order {
        let destination = &self.plan.destination;
        let lease = destination.timeout + destination.connect_timeout + MARGIN;
        Order { limit, retries: self.retries().min(limit), lease }
    }

    /// Begins what was brought, and gives back what there is no turn for.
    async fn take(&mut self, brought: Brought) -> Wake {
        let Brought { order, now, mut claimed } = brought;
        let turns = more(Vec::new(), self.stack.clone(), claimed.leased.len()).await;
        let surplus = claimed.leased.split_off(turns.len());
        let wake = self.start(order, now, claimed, turns);
        for leased in &surplus {
            self.context.give_back(leased).await;
        }
        if surplus.is_empty() { wake } else { Wake::Now }
    }

    async fn claim(&mut self, turns: Vec<Stack>) -> Wake {
        let destination = self.plan.destination.name.clone();
        let now = self.context.clock.now();
        let order = self.claim_of(turns.len());
        let Order { limit, retries, lease } = order;
        let claim = Claim { destination: destination.clone(), limit, retries, now, lease };
        self.again = None;
        let claimed = match self.context.store.claim(claim).await {
            Ok(claimed) => claimed,
            Err(cause) => {
                let pause = back_off(self.troubles);
                self.troubles = self.troubles.saturating_add(1);
                warn!(destination, ?pause, "could not claim deliveries: {cause}");
                return Wake::BackOff(after(now, pause));
            }
        };
        self.troubles = 0;
        self.start(order, now, claimed, turns)
    }

    /// Begins an attempt at everything that was claimed; when to claim next.
    fn start(&mut self, order: Order, now: Timestamp, claimed: Claimed, turns: Vec<Stack>) -> Wake {
        let Order { limit, retries, lease } = order;
        let destination = self.plan.destination.clone();
        let full = claimed.leased.len() >= limit;
        self.reach = (2 * claimed.leased.len()).clamp(SMALLEST_CLAIM, LARGEST_CLAIM);
        let retried = claimed.leased.iter().filter(|leased| leased.tries > 0).count();
        self.held_back = !full && retries < limit && retried >= retries;
        for (leased, turn) in claimed.leased.into_iter().zip(turns) {
            self.begin(
                Case {
                    destination: destination.clone(),
                    leased: Arc::new(leased),
                    until: after(now, lease),
                    health: self.health.clone(),
                    failing_since: claimed.failing_since,
                },
                turn,
            );
        }
        if full { Wake::Now } else { Wake::At(self.next_look(now, claimed.next_due)) }
    }

    /// How many more retries may be under way.
    fn retries(&self) -> usize {
        let under_way = self.cases.values().filter(|case| case.leased.tries > 0).count();
        self.health.places_of_retries().saturating_sub(under_way)
    }

    fn next_look(&self, now: Timestamp, due: Option<Timestamp>) -> Timestamp {
        let look = after(now, LOOK);
        match due {
            Some(due) if due > now => due.max(after(now, GRAIN)).min(look),
            // What is due waits for a retry to end.
            Some(_) if self.held_back => look,
            Some(_) => after(now, BREATH),
            None => look,
        }
    }

    fn begin(&mut self, case: Case, turn: Stack) {
        let handle = self.attempts.spawn(attempt(self.context.clone(), case.clone(), turn));
        self.cases.insert(handle.id(), case);
    }

    /// Takes note of an attempt's end. One that panicked is settled as failed, so that it
    /// follows the schedule instead of coming back for ever.
    fn reap(&mut self, ended: Result<(Id, Option<Timestamp>), JoinError>) {
        let (id, due, panicked) = match ended {
            Ok((id, due)) => (id, due, false),
            Err(error) => (error.id(), None, error.is_panic()),
        };
        self.again = due.map(|due| self.again.map_or(due, |again| again.min(due))).or(self.again);
        let Some(case) = self.cases.remove(&id) else { return };
        if !panicked {
            return;
        }
        let (context, held) = (self.context.clone(), case.clone());
        error!(delivery = %case.leased.delivery.id, destination = case.destination.name, "an attempt panicked");
        let handle = self.attempts.spawn(async move {
            let tried = broken(&case.destination, &case.leased, context.clock.now());
            context.conclude(&case, tried).await
        });
        self.cases.insert(handle.id(), held);
    }

    /// New settings hold from the next attempt on; connections survive where nothing about
    /// them changed, and what was learned about the receiver where nothing about it did.
    fn adopt(&mut self) {
        let plan = self.plans.borrow_and_update().clone();
        if !plan.keeps_health_of(&self.plan) {
            self.health = Health::new(&plan.destination, &self.context.clock, &self.context.metrics);
            self.context.standings.put(&plan.destination.name, &self.health);
        }
        if !plan.keeps_stack_of(&self.plan) {
            self.stack = stack(&plan, &self.health, &self.context.clock);
        }
        self.plan = plan;
    }

    /// Lets attempts end until cut off, then gives their leases back.
    async fn finish(mut self) {
        for leased in self.bell.take_back().into_iter().flat_map(|brought| brought.claimed.leased) {
            self.context.give_back(&leased).await;
        }
        loop {
            tokio::select! {
                biased;
                () = self.cut.cancelled() => break,
                ended = self.attempts.join_next_with_id() => match ended {
                    Some(ended) => self.reap(ended),
                    None => return,
                },
            }
        }
        self.attempts.abort_all();
        while let Some(ended) = self.attempts.join_next_with_id().await {
            // Those that came to their end all the same need no release.
            if let Ok((id, _)) = ended {
                self.cases.remove(&id);
            }
        }
        for Case { leased, .. } in self.cases.into_values() {
            self.context.give_back(&leased).await;
        }
    }
}

/// These turns and as many more, up to `most` in all, as can be had at once.
async fn more(mut turns: Vec<Stack>, stack: Stack, most: usize) -> Vec<Stack> {
    while turns.len() < most {
        let mut turn = stack.clone();
        if !matches!(poll_fn(|cx| Poll::Ready(turn.poll_ready(cx))).await, Poll::Ready(Ok(()))) {
            break;
        }
        turns.push(turn);
    }
    turns
}

async fn attempt(context: Context, case: Case, mut turn: Stack) -> Option<Timestamp> {
    // A process that stood still meanwhile has lost what it claimed: others may have sent it by now.
    if context.clock.now() >= case.until {
        context.give_back(&case.leased).await;
        return None;
    }
    let under_way = UnderWay::begin(&context.metrics, &case.destination.name);
    let tried = turn.call(case.leased.clone()).await;
    drop(under_way);
    let tried = tried.unwrap_or_else(|_| broken(&case.destination, &case.leased, context.clock.now()));
    context.conclude(&case, tried).await
}

fn back_off(troubles: u32) -> Duration {
    Duration::from_millis(500).saturating_mul(1 << troubles.min(8)).min(LONGEST_BACK_OFF)
}
