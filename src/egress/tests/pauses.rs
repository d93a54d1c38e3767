//! When nothing more is sent to a destination until somebody says so.

use std::time::Duration;

use super::double::Row;
use super::fixture::{self, delivery};
use super::receiver::{OK, Receiver, Reply};
use super::running::{World, attempts};
use crate::model::{Delivery, Final};
use crate::store::Store as _;

const DAY: Duration = Duration::from_secs(24 * 3600);
const NO: Reply = Reply::Status(500, &[], "");

fn lanes(bodies: &[&str]) -> Vec<Delivery> {
    bodies.iter().map(|body| delivery(body, body.as_bytes())).collect()
}

fn paused(world: &World) -> Option<String> {
    world.store.condition("sink").paused.map(|paused| paused.reason)
}

async fn settle_down() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn gone_ends_the_delivery_and_pauses_the_destination_until_it_is_resumed() {
    let gone = Reply::Status(410, &[], "");
    let receiver = Receiver::start(move |n, _| if n == 0 { gone } else { OK }).await;
    let sink = fixture::destination(&receiver.url(), |destination| destination.in_flight = 1);
    let world = World::start(&[sink], 16, lanes(&["1", "2", "3"]));
    let rows = world.store.until("paused", |_| paused(&world).is_some()).await;
    assert_eq!(paused(&world).as_deref(), Some("the receiver answered 410 Gone"));
    let (end, why) = rows[0].end.clone().unwrap();
    assert_eq!((end, rows[0].attempts.len()), (Final::Dead, 1), "settled before the pause");
    assert!(why.unwrap().contains("410"));
    // What was claimed between the two may have left still.
    settle_down().await;
    let (sent, claims) = (receiver.seen().len(), world.store.claims.lock().unwrap().len());
    world.store.put(lanes(&["4", "5"]));
    world.clock.advance(Duration::from_secs(5));
    settle_down().await;
    assert_eq!(receiver.seen().len(), sent);
    assert!(world.store.claims.lock().unwrap().len() <= claims + 3, "rings are answered, and no more");
    world.clock.advance(DAY);
    world.store.resume("sink", fixture::start()).await.unwrap();
    let open = |rows: &[Row]| rows.iter().skip(1).all(|row| matches!(row.end, Some((Final::Delivered, _))));
    world.store.until("the rest is delivered", open).await;
    let text = world.metrics.render();
    assert!(text.contains(r#"egress_paused_total{destination="sink",reason="gone"} 1"#), "{text}");
}

/// A destination that is tried twice a day, and given up after five days.
async fn patient(answers: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (World, Receiver) {
    let receiver = Receiver::start(move |n, _| answers(n)).await;
    let sink = fixture::destination(&receiver.url(), |destination| {
        destination.retry.waits = vec![DAY / 2; 40];
        destination.pause_after = Some(5 * DAY);
    });
    (World::start(&[sink], 16, lanes(&["a"])), receiver)
}

/// Half a day more, and what jitter may add.
async fn half_a_day(world: &World, attempt: usize) {
    world.clock.advance(DAY / 2 + Duration::from_secs(900));
    world.store.until("tried again", attempts(attempt)).await;
    settle_down().await;
}

#[tokio::test]
async fn five_days_without_a_success_pause_the_destination() {
    let (world, _receiver) = patient(|_| NO).await;
    world.store.until("failed", attempts(1)).await;
    for attempt in 2..=10 {
        half_a_day(&world, attempt).await;
        assert_eq!(paused(&world), None, "after {attempt} attempts");
    }
    half_a_day(&world, 11).await;
    let reason = "no attempt has succeeded since 2025-06-30T12:00:00Z";
    world.store.until("paused", |_| paused(&world).as_deref() == Some(reason)).await;
    world.clock.advance(DAY);
    settle_down().await;
    assert_eq!(world.store.rows()[0].attempts.len(), 11, "its deliveries wait");
    let text = world.metrics.render();
    assert!(text.contains(r#"egress_paused_total{destination="sink",reason="failing"} 1"#), "{text}");
    // Who resumes it gives it as long again.
    world.store.resume("sink", fixture::start()).await.unwrap();
    world.store.until("tried again", attempts(12)).await;
    settle_down().await;
    assert_eq!(paused(&world), None);
}

#[tokio::test]
async fn one_success_begins_the_five_days_anew() {
    let (world, _receiver) = patient(|n| if n == 6 { OK } else { NO }).await;
    world.store.until("failed", attempts(1)).await;
    for attempt in 2..=6 {
        half_a_day(&world, attempt).await;
    }
    world.store.put(lanes(&["b"]));
    world.store.until("one succeeded", |rows| rows[1].end.is_some()).await;
    for attempt in 8..=17 {
        half_a_day(&world, attempt).await;
        assert_eq!(paused(&world), None, "after {attempt} attempts");
    }
    half_a_day(&world, 18).await;
    world.store.until("paused", |_| paused(&world).is_some()).await;
}

#[tokio::test]
async fn a_success_that_came_since_the_claim_keeps_it_from_being_paused() {
    let receiver = Receiver::start(|_, seen| if &seen.body[..] == b"bad" { Reply::Hold } else { OK }).await;
    let sink = fixture::destination(&receiver.url(), |destination| {
        destination.pause_after = Some(DAY);
        destination.timeout = Duration::from_millis(300);
    });
    let world = World::start(&[sink], 16, Vec::new());
    world.store.change("sink", |condition| condition.failing_since = Some(fixture::start() - 2 * DAY));
    world.store.put(lanes(&["bad", "good"]));
    world.store.until("both ended", attempts(2)).await;
    settle_down().await;
    assert_eq!(paused(&world), None);
}

#[tokio::test]
async fn a_pause_that_could_not_be_written_is_written_again() {
    let receiver = Receiver::start(|_, _| Reply::Status(410, &[], "")).await;
    let world = World::start(&[fixture::destination(&receiver.url(), |_| ())], 16, Vec::new());
    *world.store.unpausable.lock().unwrap() = 2;
    world.store.put(lanes(&["a"]));
    world.store.until("dead", |rows| rows[0].end.is_some()).await;
    for left in [1, 0] {
        world.store.until("refused", |_| *world.store.unpausable.lock().unwrap() == left).await;
        settle_down().await;
        assert_eq!(paused(&world), None);
        world.clock.advance(Duration::from_secs(2));
    }
    world.store.until("paused", |_| paused(&world).is_some()).await;
}
