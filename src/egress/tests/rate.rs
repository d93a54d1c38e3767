//! The rate as a gate, on a standing clock.

use std::sync::Arc;
use std::time::Duration;

use super::fixture;
use crate::clock::{Clock as _, ManualClock};
use crate::config::Rate;
use crate::egress::gate::Gate;
use crate::egress::limit::Bucket;

fn bucket(count: u32, seconds: u64) -> (Bucket, Arc<ManualClock>) {
    let clock = ManualClock::at(fixture::start());
    (Bucket::new(Rate { count, per: Duration::from_secs(seconds) }, clock.clone()), clock)
}

/// Takes a token that is there, and spends it.
fn take(bucket: &Bucket) -> bool {
    let token = fixture::at_once(bucket.enter());
    token.map(|mut token| Bucket::spend(&mut token)).is_some()
}

#[test]
fn turns_come_when_the_rate_says_to_the_millisecond() {
    let (bucket, clock) = bucket(4, 2);
    let mut taken = Vec::new();
    for millis in 0..=2500u64 {
        while take(&bucket) {
            taken.push(millis);
        }
        clock.advance(Duration::from_millis(1));
    }
    assert_eq!(taken, [0, 0, 0, 0, 500, 1000, 1500, 2000, 2500]);
}

#[test]
fn over_any_time_no_more_than_the_rate_and_one_burst_pass_and_no_fewer() {
    for (count, seconds) in [(1, 1), (3, 10), (50, 60), (100, 1), (7, 3)] {
        let (bucket, clock) = bucket(count, seconds);
        let (mut taken, step) = (0u64, Duration::from_millis(7));
        for _ in 0..20_000 {
            while take(&bucket) {
                taken += 1;
            }
            let passed = Duration::try_from(clock.now().duration_since(fixture::start())).unwrap();
            let due = passed.as_secs_f64() * f64::from(count) / Duration::from_secs(seconds).as_secs_f64();
            // A full bucket spills: who asks every 7 ms loses that much of a turn at most.
            let (least, most) = (due * 0.99 + f64::from(count) - 1.001, due + f64::from(count) + 0.001);
            assert!((taken as f64) <= most && (taken as f64) >= least, "{taken} of {due} {count}/{seconds}s");
            clock.advance(step);
        }
    }
}

#[tokio::test]
async fn who_waits_gets_the_next_turn_when_it_comes() {
    let (bucket, clock) = bucket(1, 60);
    assert!(take(&bucket));
    let (token, ()) = tokio::join!(bucket.enter(), async {
        clock.advance(Duration::from_secs(61));
    });
    drop(token);
    assert!(take(&bucket), "an unused turn goes back");
    assert!(!take(&bucket));
}
