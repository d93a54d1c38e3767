//! Leaves a receiver alone for which nothing works, and looks now and then how it is.
//!
//! Closed, everything passes. Open, nothing does. Half-open, one attempt passes, and what it
//! shows decides. Nothing is written here: whoever settles the attempts tells the store.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tracing::{info, warn};

use super::gate::{Gate, Learn, Waiting};
use super::record::Tried;
use super::verdict::Verdict;
use super::window::{Count, Window};
use crate::clock::{Clock, after};
use crate::config;
use crate::metrics::Metrics;
use crate::model::{Attempt, Circuit, CircuitState, Timestamp};

/// The breaker of one destination; copies are the same breaker.
#[derive(Debug, Clone)]
pub(super) struct Breaker {
    settings: config::Breaker,
    destination: Arc<str>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The one attempt that may pass has ended, or will not be made.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Grows with every change of the phase. What was let through in an earlier one decides
    /// nothing in a later one.
    era: u64,
    window: Window,
    outage: Option<Outage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { until: Timestamp },
    HalfOpen { probing: bool },
}

/// From the first opening to the next success.
#[derive(Debug, Clone)]
struct Outage {
    since: Timestamp,
    reason: String,
    /// The store knows.
    told: bool,
}

/// Leave to make an attempt.
#[derive(Debug)]
pub(super) struct Pass {
    breaker: Breaker,
    era: u64,
    probe: bool,
}

impl Breaker {
    pub fn new(
        settings: config::Breaker,
        destination: &str,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let window = Window::new(settings.within);
        let state = Mutex::new(State { phase: Phase::Closed, era: 0, window, outage: None });
        let shared = Arc::new(Shared { state, changed: Notify::new() });
        Self { settings, destination: Arc::from(destination), clock, metrics, shared }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pass, or when to ask again; `None`: when something changed.
    fn admit(&self) -> Result<Pass, Option<Timestamp>> {
        let now = self.clock.now();
        let mut state = self.state();
        if let Phase::Open { until } = state.phase {
            // Not for longer than it should be, should the clock have been set back.
            let until = until.min(later(now, &self.settings));
            state.phase = Phase::Open { until };
            if now < until {
                return Err(Some(until));
            }
            state.enter(Phase::HalfOpen { probing: false });
        }
        let probe = match &mut state.phase {
            Phase::HalfOpen { probing: true } => return Err(None),
            Phase::HalfOpen { probing } => {
                *probing = true;
                true
            }
            _ => false,
        };
        Ok(Pass { breaker: self.clone(), era: state.era, probe })
    }

    fn learn(&self, pass: &Pass, attempt: &Attempt) {
        let sick = match Verdict::of(attempt) {
            Verdict::Well => false,
            Verdict::Sick => true,
            Verdict::Unknown => return,
        };
        let now = self.clock.now();
        let mut state = self.state();
        if state.era != pass.era {
            return;
        }
        if pass.probe {
            return if sick { self.open(&mut state, now, String::new) } else { self.close(&mut state, now) };
        }
        state.window.add(sick, now);
        let count = state.window.count(now);
        if self.is_too_much(count) {
            self.open(&mut state, now, || self.reason(count, attempt));
        }
    }

    fn is_too_much(&self, Count { ended, failed }: Count) -> bool {
        // Shares such as 0.7 are no binary fractions: 7 of 10 must be enough.
        let (ended, failed) = (ended as f64, failed as f64);
        ended >= f64::from(self.settings.of) && failed + 1e-6 >= self.settings.failures * ended
    }

    fn reason(&self, Count { ended, failed }: Count, last: &Attempt) -> String {
        let within = self.settings.within;
        let last = last.error.as_deref().map(|error| format!("; the last: {error}")).unwrap_or_default();
        format!("{failed} of {ended} attempts within {within:?} failed{last}")
    }

    /// Only the first time, an outage has a reason.
    fn open(&self, state: &mut State, now: Timestamp, reason: impl FnOnce() -> String) {
        let until = later(now, &self.settings);
        state.enter(Phase::Open { until });
        self.metrics.opened(&self.destination);
        let destination = &*self.destination;
        if state.outage.is_some() {
            info!(destination, %until, "the receiver is still sick: nothing is sent there for a while");
            return;
        }
        let reason = reason();
        warn!(destination, reason, %until, "the receiver is sick: nothing is sent there for a while");
        state.outage = Some(Outage { since: now, reason, told: false });
    }

    fn close(&self, state: &mut State, now: Timestamp) {
        state.enter(Phase::Closed);
        state.window.clear();
        let since = state.outage.take().map_or(now, |outage| outage.since);
        info!(destination = &*self.destination, %since, "the receiver answers again");
    }

    /// Why the breaker is open, as long as the store does not know.
    pub fn untold(&self) -> Option<String> {
        self.state().outage.as_ref().filter(|outage| !outage.told).map(|outage| outage.reason.clone())
    }

    /// The store knows.
    pub fn told(&self) {
        if let Some(outage) = &mut self.state().outage {
            outage.told = true;
        }
    }

    pub fn circuit(&self) -> Circuit {
        let state = self.state();
        let (name, until) = match state.phase {
            Phase::Closed => (CircuitState::Closed, None),
            Phase::HalfOpen { .. } => (CircuitState::HalfOpen, None),
            Phase::Open { until } => (CircuitState::Open, Some(until)),
        };
        let (since, reason) =
            state.outage.as_ref().map(|outage| (outage.since, outage.reason.clone())).unzip();
        Circuit { state: name, since, until, reason }
    }
}

fn later(now: Timestamp, settings: &config::Breaker) -> Timestamp {
    after(now, settings.open)
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.era += 1;
    }
}

impl Gate for Breaker {
    type Pass = Pass;

    fn enter(&self) -> Waiting<Pass> {
        let breaker = self.clone();
        Box::pin(async move {
            loop {
                let mut changed = pin!(breaker.shared.changed.notified());
                // Interest first, then the look: a change in between is not missed.
                changed.as_mut().enable();
                match breaker.admit() {
                    Ok(pass) => return pass,
                    Err(Some(at)) => breaker.clock.sleep_until(at).await,
                    Err(None) => changed.await,
                }
            }
        })
    }

    fn holds(&self, pass: &Pass) -> bool {
        self.state().era == pass.era
    }
}

impl Learn<Tried> for Breaker {
    fn learn(pass: &Pass, tried: &Tried) {
        pass.breaker.learn(pass, &tried.attempt);
    }
}

impl Drop for Pass {
    /// A probe that was never made, or showed nothing, is left to somebody else.
    fn drop(&mut self) {
        if !self.probe {
            return;
        }
        let mut state = self.breaker.state();
        if state.era == self.era {
            state.phase = Phase::HalfOpen { probing: false };
        }
        drop(state);
        self.breaker.shared.changed.notify_waiters();
    }
}
