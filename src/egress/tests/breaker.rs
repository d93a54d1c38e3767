//! The breaker as a gate, on a standing clock.

use std::sync::Arc;
use std::time::Duration;

use super::fixture;
use crate::clock::ManualClock;
use crate::config;
use crate::egress::breaker::{Breaker, Pass};
use crate::egress::gate::{Gate, Learn};
use crate::egress::record::Tried;
use crate::model::{Attempt, CircuitState, FailureClass};

const SECOND: Duration = Duration::from_secs(1);

/// A breaker with the settings that are the default.
fn breaker() -> (Breaker, Arc<ManualClock>) {
    breaker_with(config::Breaker::default())
}

fn breaker_with(settings: config::Breaker) -> (Breaker, Arc<ManualClock>) {
    let clock = ManualClock::at(fixture::start());
    (Breaker::new(settings, "sink", clock.clone(), Arc::default()), clock)
}

fn pass(breaker: &Breaker) -> Option<Pass> {
    fixture::at_once(breaker.enter())
}

fn learn(pass: &Pass, attempt: Attempt) {
    Breaker::learn(pass, &Tried { attempt, retry_after: None });
}

/// One attempt from beginning to end.
fn attempt(breaker: &Breaker, status: u16) {
    learn(&pass(breaker).unwrap(), fixture::answered(status));
}

fn attempts(breaker: &Breaker, count: usize, status: u16) {
    (0..count).for_each(|_| attempt(breaker, status));
}

fn state(breaker: &Breaker) -> CircuitState {
    breaker.circuit().state
}

#[test]
fn it_opens_when_enough_attempts_ended_and_enough_of_them_failed() {
    let default = config::Breaker::default();
    for (failures, of, good, bad, opens) in [
        (0.7, 10, 3, 7, true),
        (0.7, 10, 4, 6, false),
        (0.7, 10, 0, 9, false),
        (0.7, 10, 0, 10, true),
        (0.7, 10, 6, 14, true),
        (0.7, 10, 7, 14, false),
        (1.0, 3, 0, 3, true),
        (1.0, 3, 1, 50, false),
        (0.07, 100, 93, 7, true),
        (0.07, 100, 94, 6, false),
        (0.005, 1, 0, 1, true),
    ] {
        let (breaker, _) = breaker_with(config::Breaker { failures, of, ..default });
        attempts(&breaker, good, 200);
        (0..bad).for_each(|_| {
            pass(&breaker).iter().for_each(|pass| learn(pass, fixture::answered(500)));
        });
        let opened = state(&breaker) == CircuitState::Open;
        assert_eq!(opened, opens, "{bad} of {} against {failures} of {of}", good + bad);
    }
}

#[test]
fn the_order_in_which_attempts_fail_does_not_matter() {
    let (breaker, _) = breaker();
    attempts(&breaker, 7, 503);
    attempts(&breaker, 2, 200);
    assert_eq!(state(&breaker), CircuitState::Closed, "nine are too few");
    attempt(&breaker, 200);
    assert_eq!(state(&breaker), CircuitState::Open);
}

#[test]
fn only_what_ended_within_the_window_counts() {
    for (seconds, opens) in [(29, true), (30, false)] {
        let (breaker, clock) = breaker();
        attempts(&breaker, 9, 500);
        clock.advance(seconds * SECOND);
        attempt(&breaker, 500);
        assert_eq!(state(&breaker) == CircuitState::Open, opens, "{seconds} s later");
    }
}

#[test]
fn what_the_receiver_does_not_like_is_no_failure_of_the_receiver() {
    let (breaker, _) = breaker();
    attempts(&breaker, 50, 422);
    assert_eq!(state(&breaker), CircuitState::Closed);
    let own = || fixture::failed(FailureClass::RefusedAddress);
    (0..50).for_each(|_| learn(&pass(&breaker).unwrap(), own()));
    assert_eq!(state(&breaker), CircuitState::Closed);
}

/// A breaker that has just opened.
fn open() -> (Breaker, Arc<ManualClock>) {
    let (breaker, clock) = breaker();
    attempts(&breaker, 10, 500);
    (breaker, clock)
}

#[test]
fn open_lets_nothing_through_until_one_attempt_may_show_how_things_are() {
    let (breaker, clock) = open();
    clock.advance(30 * SECOND - Duration::from_millis(1));
    assert!(pass(&breaker).is_none());
    clock.advance(Duration::from_millis(1));
    let probe = pass(&breaker).unwrap();
    assert_eq!(state(&breaker), CircuitState::HalfOpen);
    assert!(pass(&breaker).is_none(), "one, whatever may be in flight");
    learn(&probe, fixture::answered(200));
    drop(probe);
    assert_eq!(state(&breaker), CircuitState::Closed);
    attempts(&breaker, 9, 500);
    assert_eq!(state(&breaker), CircuitState::Closed, "what was before is forgotten");
    attempt(&breaker, 500);
    assert_eq!(state(&breaker), CircuitState::Open);
}

#[test]
fn a_probe_that_fails_opens_for_as_long_again() {
    let (breaker, clock) = open();
    for _ in 0..3 {
        clock.advance(30 * SECOND);
        attempt(&breaker, 500);
        assert_eq!(state(&breaker), CircuitState::Open);
        clock.advance(29 * SECOND);
        assert!(pass(&breaker).is_none());
        clock.advance(SECOND);
    }
}

#[test]
fn a_probe_that_shows_nothing_is_left_to_the_next_one() {
    let (breaker, clock) = open();
    clock.advance(30 * SECOND);
    // Nothing to claim, or cut off in its midst: there is no result.
    drop(pass(&breaker).unwrap());
    let probe = pass(&breaker).unwrap();
    learn(&probe, fixture::failed(FailureClass::Config));
    assert!(pass(&breaker).is_none());
    drop(probe);
    assert_eq!(state(&breaker), CircuitState::HalfOpen);
    attempt(&breaker, 200);
    assert_eq!(state(&breaker), CircuitState::Closed);
}

#[tokio::test]
async fn who_waits_for_the_probe_is_woken_when_it_ends_or_is_given_back() {
    let (breaker, clock) = open();
    clock.advance(30 * SECOND);
    let probe = pass(&breaker).unwrap();
    let (second, ()) = tokio::join!(breaker.enter(), async { drop(probe) });
    let (_third, ()) = tokio::join!(breaker.enter(), async {
        learn(&second, fixture::answered(200));
        drop(second);
    });
    assert_eq!(state(&breaker), CircuitState::Closed);
}

#[test]
fn what_was_under_way_when_it_opened_decides_nothing() {
    let (breaker, clock) = breaker();
    let early = [pass(&breaker).unwrap(), pass(&breaker).unwrap()];
    attempts(&breaker, 10, 500);
    learn(&early[0], fixture::answered(200));
    assert_eq!(state(&breaker), CircuitState::Open);
    clock.advance(30 * SECOND);
    let probe = pass(&breaker).unwrap();
    learn(&early[1], fixture::answered(500));
    drop(early);
    assert!(pass(&breaker).is_none(), "the probe is still under way");
    learn(&probe, fixture::answered(200));
    assert_eq!(state(&breaker), CircuitState::Closed);
}

#[test]
fn a_pass_that_was_not_used_when_it_opened_is_none_any_more() {
    let (breaker, clock) = breaker();
    let early = pass(&breaker).unwrap();
    assert!(breaker.holds(&early));
    attempts(&breaker, 10, 500);
    assert!(!breaker.holds(&early));
    clock.advance(30 * SECOND);
    let probe = pass(&breaker).unwrap();
    assert!(breaker.holds(&probe) && !breaker.holds(&early));
}

#[test]
fn an_outage_is_told_once_however_often_it_opens() {
    let (breaker, clock) = open();
    let reason = "10 of 10 attempts within 30s failed; the last: the receiver answered 500";
    assert_eq!(breaker.untold().as_deref(), Some(reason));
    assert!(breaker.untold().is_some(), "until the store has it");
    breaker.told();
    clock.advance(30 * SECOND);
    attempt(&breaker, 500);
    assert_eq!(breaker.untold(), None);
    let circuit = breaker.circuit();
    assert_eq!((circuit.since, circuit.reason.as_deref()), (Some(fixture::start()), Some(reason)));
    clock.advance(30 * SECOND);
    attempt(&breaker, 200);
    assert_eq!(breaker.circuit().since, None);
    attempts(&breaker, 10, 500);
    assert!(breaker.untold().is_some(), "a new one is told again");
}

#[test]
fn a_clock_set_back_keeps_it_open_for_no_longer() {
    let (breaker, clock) = open();
    clock.set(fixture::start() - Duration::from_secs(86_400));
    assert!(pass(&breaker).is_none());
    clock.advance(30 * SECOND);
    assert!(pass(&breaker).is_some());
}
