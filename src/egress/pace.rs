//! How many attempts may be under way at one destination: as many as its `in_flight`, fewer while
//! it says that it has too much to do, none while it asked to be left alone.
//!
//! Halved when it says so and grown by one for each such number of good answers, as TCP does; at
//! one, a pause comes between attempts.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::gate::{Gate, Learn, Waiting};
use super::record::Tried;
use super::verdict::{Verdict, wants_fewer, wants_none};
use crate::clock::{Clock, after};
use crate::model::{Attempt, Timestamp};

const SHORTEST_GAP: Duration = Duration::from_millis(250);
const LONGEST_GAP: Duration = Duration::from_secs(30);
/// However long a receiver asks to be left alone, other deliveries are tried after this.
const LONGEST_REST: Duration = Duration::from_secs(600);

/// The pace of one destination; copies are the same pace.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    most: usize,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// An attempt ended, or will not be made.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    allowed: usize,
    /// Passes that are held.
    under_way: usize,
    /// Good answers since `allowed` changed last.
    good: usize,
    /// Grows with every cut: what was under way at a cut does not lead to the next one.
    era: u64,
    /// Only while one is allowed.
    gap: Duration,
    /// When the gap is over.
    next: Timestamp,
    rest: Option<Timestamp>,
}

/// A place among the attempts under way.
#[derive(Debug)]
pub(super) struct Pass {
    pace: Pace,
    era: u64,
}

/// What slows a destination down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slowed {
    pub allowed: usize,
    pub gap: Duration,
    pub rest: Option<Timestamp>,
}

impl Pace {
    pub fn new(in_flight: usize, clock: Arc<dyn Clock>) -> Self {
        let most = in_flight.max(1);
        let (gap, next) = (Duration::ZERO, Timestamp::MIN);
        let state = State { allowed: most, under_way: 0, good: 0, era: 0, gap, next, rest: None };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() });
        Self { most, clock, shared }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn slowed(&self) -> Slowed {
        let (now, state) = (self.clock.now(), self.state());
        Slowed { allowed: state.allowed, gap: state.gap, rest: state.rest.filter(|rest| *rest > now) }
    }

    /// A place, or when to ask again; `None`: when something changed.
    fn admit(&self) -> Result<Pass, Option<Timestamp>> {
        let now = self.clock.now();
        let mut state = self.state();
        if state.under_way >= state.allowed {
            return Err(None);
        }
        if let Some(at) = state.waits_until(now) {
            return Err(Some(at));
        }
        state.under_way += 1;
        Ok(Pass { pace: self.clone(), era: state.era })
    }

    fn learn(&self, pass: &Pass, tried: &Tried) {
        let Tried { attempt, retry_after } = tried;
        let now = self.clock.now();
        let mut state = self.state();
        if let Some(asked) = retry_after.filter(|_| wants_none(attempt)) {
            let rest = after(now, asked.min(LONGEST_REST));
            state.rest = Some(state.rest.map_or(rest, |other| other.max(rest)));
        }
        if state.era == pass.era {
            self.adapt(&mut state, attempt, now);
        }
    }

    fn adapt(&self, state: &mut State, attempt: &Attempt, now: Timestamp) {
        if wants_fewer(attempt) {
            state.cut(now);
        } else if Verdict::of(attempt) == Verdict::Well {
            state.grow(self.most, now);
        }
    }
}

impl State {
    fn waits_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        // Neither is longer than it may be, should the clock have been set back.
        self.next = self.next.min(after(now, self.gap));
        self.rest = self.rest.map(|rest| rest.min(after(now, LONGEST_REST)));
        self.rest.into_iter().chain([self.next]).max().filter(|at| *at > now)
    }

    fn cut(&mut self, now: Timestamp) {
        if self.allowed == 1 {
            self.gap = (self.gap * 2).clamp(SHORTEST_GAP, LONGEST_GAP);
            self.next = after(now, self.gap);
        }
        self.allowed = (self.allowed / 2).max(1);
        self.good = 0;
        self.era += 1;
    }

    fn grow(&mut self, most: usize, now: Timestamp) {
        if !self.gap.is_zero() {
            self.gap = Some(self.gap / 2).filter(|gap| *gap >= SHORTEST_GAP).unwrap_or_default();
            self.next = after(now, self.gap);
            return;
        }
        self.good += 1;
        if self.good >= self.allowed {
            self.allowed = (self.allowed + 1).min(most);
            self.good = 0;
        }
    }
}

impl Gate for Pace {
    type Pass = Pass;

    fn enter(&self) -> Waiting<Pass> {
        let pace = self.clone();
        Box::pin(async move {
            loop {
                let mut changed = pin!(pace.shared.changed.notified());
                // Interest first, then the look: a change in between is not missed.
                changed.as_mut().enable();
                match pace.admit() {
                    Ok(pass) => return pass,
                    Err(Some(at)) => pace.clock.sleep_until(at).await,
                    Err(None) => changed.await,
                }
            }
        })
    }

    fn holds(&self, pass: &Pass) -> bool {
        let (now, mut state) = (self.clock.now(), self.state());
        state.era == pass.era && state.waits_until(now).is_none()
    }
}

impl Learn<Tried> for Pace {
    fn learn(pass: &Pass, tried: &Tried) {
        pass.pace.learn(pass, tried);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.pace.state().under_way -= 1;
        self.pace.shared.changed.notify_waiters();
    }
}
