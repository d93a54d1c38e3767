//! The pace as a gate, on a standing clock.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::fixture;
use crate::clock::{Clock as _, ManualClock};
use crate::egress::gate::{Gate, Learn};
use crate::egress::pace::{Pace, Pass};
use crate::egress::record::Tried;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn pace(in_flight: usize) -> (Pace, Arc<ManualClock>) {
    let clock = ManualClock::at(fixture::start());
    (Pace::new(in_flight, clock.clone()), clock)
}

fn pass(pace: &Pace) -> Option<Pass> {
    fixture::at_once(pace.enter())
}

/// As many passes as there are.
fn passes(pace: &Pace) -> Vec<Pass> {
    std::iter::from_fn(|| pass(pace)).collect()
}

fn answer(pass: Pass, status: u16) {
    answer_with(pass, status, None);
}

fn answer_with(pass: Pass, status: u16, retry_after: Option<u64>) {
    let retry_after = retry_after.map(Duration::from_secs);
    Pace::learn(&pass, &Tried { attempt: fixture::answered(status), retry_after });
}

/// One attempt, once it may begin; how long that took.
fn attempt(pace: &Pace, clock: &ManualClock, status: u16) -> Duration {
    let from = clock.now();
    loop {
        match pass(pace) {
            Some(pass) => {
                answer(pass, status);
                return Duration::try_from(clock.now().duration_since(from)).unwrap();
            }
            None => clock.advance(MILLISECOND),
        }
    }
}

#[test]
fn as_many_as_in_flight_are_allowed_and_unused_places_go_back() {
    let (pace, _) = pace(3);
    let mut held = passes(&pace);
    assert_eq!(held.len(), 3);
    held.pop();
    assert_eq!(passes(&pace).len(), 1);
}

#[test]
fn a_burst_of_refusals_halves_once_and_the_next_one_again() {
    let (pace, _) = pace(16);
    for allowed in [8, 4, 2, 1] {
        passes(&pace).into_iter().for_each(|pass| answer(pass, 429));
        assert_eq!(pace.slowed().allowed, allowed);
        assert_eq!(pace.slowed().gap, Duration::ZERO, "it is still several");
    }
}

#[test]
fn what_was_under_way_at_a_cut_is_waited_for() {
    let (pace, _) = pace(8);
    let mut held = passes(&pace);
    answer(held.pop().unwrap(), 503);
    assert_eq!(pace.slowed().allowed, 4);
    while held.len() >= 4 {
        assert!(pass(&pace).is_none(), "{} are under way", held.len());
        answer(held.pop().unwrap(), 200);
    }
    assert_eq!(passes(&pace).len(), 1);
}

#[test]
fn good_answers_allow_one_more_for_each_such_number_of_them() {
    let (pace, clock) = pace(4);
    for _ in 0..2 {
        attempt(&pace, &clock, 502);
    }
    let allowed: Vec<usize> = (0..12)
        .map(|_| {
            attempt(&pace, &clock, 200);
            pace.slowed().allowed
        })
        .collect();
    assert_eq!(allowed, [2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4]);
}

#[test]
fn at_one_the_gap_doubles_to_half_a_minute_and_halves_with_every_good_answer() {
    let (pace, clock) = pace(1);
    let waits: Vec<u128> = (0..10).map(|_| attempt(&pace, &clock, 503).as_millis()).collect();
    assert_eq!(waits, [0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    let waits: Vec<u128> = (0..9).map(|_| attempt(&pace, &clock, 200).as_millis()).collect();
    assert_eq!(waits, [30_000, 15_000, 7500, 3750, 1875, 938, 469, 0, 0], "to the next millisecond");
}

#[test]
fn only_answers_that_ask_for_it_slow_down() {
    let (pace, clock) = pace(16);
    for status in [500, 501, 408, 425, 404, 422, 302] {
        attempt(&pace, &clock, status);
        assert_eq!(pace.slowed().allowed, 16, "{status}");
    }
    for (status, allowed) in [(429, 8), (502, 4), (503, 2), (504, 1)] {
        attempt(&pace, &clock, status);
        assert_eq!(pace.slowed().allowed, allowed, "{status}");
    }
}

#[test]
fn retry_after_holds_for_the_destination_as_a_whole_but_no_longer_than_ten_minutes() {
    for (status, asked, seconds) in
        [(429, 120, 120), (503, 60, 60), (503, 36_000, 600), (502, 120, 0), (500, 120, 0), (429, 0, 0)]
    {
        let (pace, clock) = pace(16);
        answer_with(pass(&pace).unwrap(), status, Some(asked));
        if seconds > 0 {
            clock.advance(seconds * SECOND - MILLISECOND);
            assert!(pass(&pace).is_none(), "{status}: {asked}");
            assert_eq!(pace.slowed().rest, Some(clock.now() + MILLISECOND));
            clock.advance(MILLISECOND);
        }
        assert!(pass(&pace).is_some(), "{status}: {asked}");
        assert_eq!(pace.slowed().rest, None);
    }
}

#[test]
fn the_longer_of_two_rests_holds_and_a_place_that_was_not_used_yet_is_none() {
    let (pace, clock) = pace(16);
    let unused = pass(&pace).unwrap();
    let (first, second) = (pass(&pace).unwrap(), pass(&pace).unwrap());
    assert!(pace.holds(&unused));
    answer_with(first, 429, Some(100));
    assert!(!pace.holds(&unused));
    answer_with(second, 429, Some(10));
    clock.advance(99 * SECOND);
    assert!(pass(&pace).is_none());
    clock.advance(SECOND);
    assert!(pass(&pace).is_some());
}

#[test]
fn a_clock_set_back_lengthens_no_rest() {
    let (pace, clock) = pace(1);
    answer_with(pass(&pace).unwrap(), 429, Some(600));
    clock.set(fixture::start() - 86_400 * SECOND);
    assert!(pass(&pace).is_none());
    clock.advance(600 * SECOND);
    assert!(pass(&pace).is_some());
}

#[tokio::test]
async fn who_waits_for_a_place_is_woken_when_one_is_free() {
    let (pace, _) = pace(1);
    let held = pass(&pace).unwrap();
    let (_next, ()) = tokio::join!(pace.enter(), async { answer(held, 200) });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever is answered in whatever order, and whatever is cut off.
    #[test]
    fn no_more_than_allowed_begin_and_no_place_is_ever_lost(
        steps in prop::collection::vec((0usize..64, prop::sample::select(vec![0u16, 200, 422, 429, 500, 503])), 1..200),
        in_flight in 1usize..20,
    ) {
        let (pace, clock) = pace(in_flight);
        let mut held: Vec<Pass> = Vec::new();
        for (pick, status) in steps {
            let before = held.len();
            held.extend(passes(&pace));
            let allowed = pace.slowed().allowed;
            prop_assert!(allowed >= 1 && allowed <= in_flight && held.len() <= before.max(allowed));
            if !held.is_empty() {
                let pass = held.swap_remove(pick % held.len());
                if status > 0 { answer(pass, status) } else { drop(pass) }
            }
            clock.advance(Duration::from_millis(u64::try_from(pick).unwrap() * 10));
        }
        drop(held);
        clock.advance(30 * SECOND);
        prop_assert_eq!(passes(&pace).len(), pace.slowed().allowed);
        for _ in 0..20 * in_flight * in_flight + 10 {
            attempt(&pace, &clock, 200);
        }
        prop_assert_eq!(passes(&pace).len(), in_flight, "good answers bring every place back");
    }
}
