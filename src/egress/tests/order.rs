//! The workers: what is sent when, and what is left when they stop.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::double::Row;
use super::fixture::{self, delivery};
use super::receiver::{OK, Receiver, Reply, Seen};
use super::running::{LOOPBACK, World, all_delivered, attempts, bodies};
use crate::config::Rate;
use crate::model::{Delivery, FailureClass};
use crate::store::Store;

#[tokio::test]
async fn a_failed_delivery_is_tried_again_on_schedule_until_it_arrives() {
    let receiver = Receiver::start(|n, _| if n < 2 { Reply::Status(500, &[], "no") } else { OK }).await;
    let destination = fixture::destination(&receiver.url(), |_| ());
    let world = World::start(&[destination], 16, vec![delivery("a", b"1")]);
    let rows = world.store.until("failed once", attempts(1)).await;
    let wait = Duration::try_from(rows[0].due.duration_since(fixture::start())).unwrap();
    assert!(wait >= Duration::from_secs(5) && wait <= Duration::from_millis(5500), "{wait:?}");
    world.clock.advance(Duration::from_secs(4));
    assert_eq!(receiver.seen().len(), 1);
    world.clock.advance(Duration::from_secs(2));
    world.store.until("failed twice", attempts(2)).await;
    world.clock.advance(Duration::from_secs(331));
    let rows = world.store.until("delivered", all_delivered).await;
    assert_eq!(rows[0].attempts.iter().map(|a| a.number).collect::<Vec<_>>(), [1, 2, 3]);
    let text = world.metrics.render();
    assert!(text.contains(r#"egress_attempts_total{destination="sink",result="http_5xx"} 2"#), "{text}");
    assert!(text.contains(r#"egress_finished_total{destination="sink",state="delivered"} 1"#), "{text}");
    assert!(text.contains(r#"egress_in_flight{destination="sink"} 0"#), "{text}");
}

#[tokio::test]
async fn retry_after_lengthens_the_wait() {
    let reply = Reply::Status(503, &[("retry-after", "600")], "");
    let receiver = Receiver::start(move |n, _| if n == 0 { reply } else { OK }).await;
    let destination = fixture::destination(&receiver.url(), |_| ());
    let world = World::start(&[destination], 16, vec![delivery("a", b"1")]);
    let rows = world.store.until("failed once", attempts(1)).await;
    assert!(rows[0].due >= fixture::start() + Duration::from_secs(600));
}

#[tokio::test]
async fn a_delivery_that_never_arrives_is_dead() {
    let receiver = Receiver::start(|_, _| Reply::Status(500, &[], "")).await;
    let destination = fixture::destination(&receiver.url(), |destination| {
        destination.retry.waits = vec![Duration::ZERO];
    });
    let world = World::start(&[destination], 16, vec![delivery("a", b"never")]);
    let rows = world.store.until("dead", |rows| rows.iter().all(|row| row.end.is_some())).await;
    let why = rows[0].end.clone().unwrap().1.unwrap();
    assert_eq!(why, "gave up after 2 attempts; last: http_5xx 500");
}

#[tokio::test]
async fn a_later_change_waits_for_the_earlier_one_and_other_lanes_do_not() {
    let fails = |n: usize, seen: &Seen| n == 0 && &seen.body[..] == b"a1";
    let receiver =
        Receiver::start(move |n, seen| if fails(n, seen) { Reply::Status(500, &[], "") } else { OK }).await;
    let destination = fixture::destination(&receiver.url(), |destination| destination.in_flight = 1);
    let waiting = ["a1", "a2", "b1", "a3"].map(|body| delivery(&body[..1], body.as_bytes()));
    let world = World::start(&[destination], 16, waiting.to_vec());
    world.store.until("b1 passed", attempts(2)).await;
    assert_eq!(bodies(&receiver.seen()), ["a1", "b1"]);
    world.clock.advance(Duration::from_secs(6));
    world.store.until("all delivered", all_delivered).await;
    assert_eq!(bodies(&receiver.seen()), ["a1", "b1", "a1", "a2", "a3"]);
}

#[tokio::test]
async fn never_more_than_in_flight_are_under_way() {
    let receiver = Receiver::start(|_, _| Reply::Hold).await;
    let destination = fixture::destination(&receiver.url(), |destination| destination.in_flight = 3);
    let world = World::start(&[destination], 16, (0..10).map(|_| delivery("", b"x")).collect());
    receiver.until(3).await;
    assert_eq!(world.store.rows().iter().filter(|row| row.lease.is_some()).count(), 3);
    receiver.let_go(10);
    world.store.until("all delivered", all_delivered).await;
    assert_eq!(receiver.most(), 3);
}

#[tokio::test]
async fn a_hanging_destination_leaves_room_for_the_others() {
    let (hangs, works) = (Receiver::start(|_, _| Reply::Hang).await, Receiver::start(|_, _| OK).await);
    let sinks = [("hangs", hangs.url()), ("works", works.url())]
        .map(|(name, url)| fixture::destination(&url, |destination| destination.name = name.to_owned()));
    let mut waiting = Vec::new();
    for name in ["hangs", "works"] {
        for _ in 0..20 {
            waiting.push(Delivery { destination: name.to_owned(), ..delivery("", b"x") });
        }
    }
    let world = World::start(&sinks, 4, waiting);
    let worked = |rows: &[Row]| rows.iter().filter(|row| row.end.is_some()).count() == 20;
    world.store.until("delivered to the one that works", worked).await;
    assert!(hangs.most() <= 3, "{}", hangs.most());
}

#[tokio::test]
async fn a_store_in_trouble_is_asked_again_later_and_nothing_is_sent_twice() {
    let receiver = Receiver::start(|_, _| Reply::Hold).await;
    let destination = fixture::destination(&receiver.url(), |_| ());
    let world = World::start(&[destination], 16, Vec::new());
    *world.store.broken.lock().unwrap() = 1;
    world.store.put([delivery("a", b"1")]);
    let claims = |world: &World| world.store.claims.lock().unwrap().len();
    world.store.until("asked in vain", |_| claims(&world) >= 1).await;
    world.clock.advance(Duration::from_secs(1));
    receiver.until(1).await;
    *world.store.broken.lock().unwrap() = 1;
    receiver.let_go(2);
    while *world.store.broken.lock().unwrap() > 0 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_secs(1));
    world.store.until("delivered", all_delivered).await;
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn new_rules_hold_from_the_next_attempt_on() {
    let (old, new) =
        (Receiver::start(|_, _| Reply::Status(500, &[], "")).await, Receiver::start(|_, _| OK).await);
    let world = World::start(&[fixture::destination(&old.url(), |_| ())], 16, vec![delivery("a", b"1")]);
    world.store.until("failed", attempts(1)).await;
    let moved = fixture::destination(&new.url(), |_| ());
    world.rules.send_replace(fixture::rules(&[moved], 16, LOOPBACK));
    world.clock.advance(Duration::from_secs(6));
    world.store.until("delivered", all_delivered).await;
    assert_eq!((old.seen().len(), new.seen().len()), (1, 1));
    // A destination that left the config keeps what is pending.
    world.rules.send_replace(fixture::rules(&[], 16, LOOPBACK));
    let back = fixture::destination(&new.url(), |_| ());
    world.store.put([delivery("a", b"2")]);
    world.rules.send_replace(fixture::rules(&[back], 16, LOOPBACK));
    world.store.until("delivered too", all_delivered).await;
}

#[tokio::test]
async fn what_is_due_one_after_the_other_is_claimed_together() {
    let receiver = Receiver::start(|_, _| OK).await;
    let destination = fixture::destination(&receiver.url(), |_| ());
    let due = |milliseconds| {
        let created_at = fixture::start() + Duration::from_millis(milliseconds);
        Delivery { created_at, ..delivery("", b"x") }
    };
    let world = World::start(&[destination], 16, vec![due(10), due(20)]);
    ordered(&world).await;
    world.clock.advance(Duration::from_millis(10));
    // Time enough for a worker that would wake for the first one.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_millis(15));
    world.store.until("all delivered", all_delivered).await;
    let early = fixture::start() + Duration::from_millis(10);
    assert!(world.store.claims.lock().unwrap().iter().all(|claim| claim.now != early));
}

/// Until the worker has found that there is nothing, and ordered what comes.
async fn ordered(world: &World) {
    let bell = world.store.bell("sink");
    let ordered = async {
        while !bell.is_ordered() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ordered).await.unwrap();
    world.store.brings.store(true, Relaxed);
}

#[tokio::test]
async fn what_comes_with_the_ring_is_sent_without_a_claim() {
    let receiver = Receiver::start(|_, _| OK).await;
    let destination = fixture::destination(&receiver.url(), |_| ());
    let world = World::start(&[destination], 16, Vec::new());
    ordered(&world).await;
    for body in [b"1", b"2"] {
        world.store.put(vec![delivery("a", body)]);
        assert!(world.store.rows().last().unwrap().lease.is_some());
        let rows = world.store.until("delivered", all_delivered).await;
        assert!(rows.iter().all(|row| (row.attempts.len(), row.released) == (1, 0)));
        ordered(&world).await;
    }
    assert_eq!(bodies(&receiver.seen()), ["1", "2"]);
}

#[tokio::test]
async fn what_comes_with_the_ring_waits_in_the_store_where_there_is_no_turn_for_it() {
    let receiver = Receiver::start(|_, _| Reply::Hold).await;
    let destination = fixture::destination(&receiver.url(), |destination| {
        destination.rate = Some(Rate { count: 1, per: Duration::from_secs(10) });
    });
    let world = World::start(&[destination], 16, Vec::new());
    ordered(&world).await;
    world.store.put(vec![delivery("", b"1")]);
    receiver.until(1).await;
    ordered(&world).await;
    world.store.put(vec![delivery("", b"2")]);
    world.store.until("given back", |rows| rows[1].released == 1 && rows[1].lease.is_none()).await;
    world.clock.advance(Duration::from_secs(11));
    receiver.let_go(2);
    world.store.until("all delivered", all_delivered).await;
    assert_eq!(bodies(&receiver.seen()), ["1", "2"]);
}

#[tokio::test]
async fn draining_waits_for_what_is_under_way() {
    let receiver = Receiver::start(|_, _| Reply::Hold).await;
    let destination = fixture::destination(&receiver.url(), |destination| destination.in_flight = 1);
    let world = World::start(&[destination], 16, vec![delivery("a", b"1"), delivery("b", b"2")]);
    receiver.until(1).await;
    let draining = world.egress.drain(Duration::from_secs(10));
    receiver.let_go(2);
    draining.await;
    let rows = world.store.rows();
    assert!(rows[0].end.is_some());
    assert!(rows.iter().all(|row| row.lease.is_none()));
}

#[tokio::test]
async fn after_the_grace_period_leases_are_given_back() {
    let receiver = Receiver::start(|_, _| Reply::Hang).await;
    let destination = fixture::destination(&receiver.url(), |_| ());
    let world = World::start(&[destination], 16, vec![delivery("a", b"1")]);
    receiver.until(1).await;
    world.egress.drain(Duration::from_millis(50)).await;
    let rows = world.store.rows();
    assert_eq!((rows[0].released, rows[0].lease, rows[0].attempts.len()), (1, None, 0));
    assert!(world.metrics.render().contains(r#"egress_in_flight{destination="sink"} 0"#));
}

#[tokio::test]
async fn what_was_claimed_before_a_long_standstill_is_sent_by_the_next_claim_only() {
    let receiver = Receiver::start(|_, _| OK).await;
    let destination = fixture::destination(&receiver.url(), |_| ());
    let world = World::start(&[destination], 16, Vec::new());
    // Longer than any lease.
    *world.store.nap.lock().unwrap() = Some((world.clock.clone(), Duration::from_secs(3600)));
    world.store.put(vec![delivery("a", b"1")]);
    let rows = world.store.until("delivered", all_delivered).await;
    assert!(world.store.claims.lock().unwrap().len() > 1);
    assert_eq!((rows[0].attempts.len(), receiver.seen().len()), (1, 1));
}

#[tokio::test]
async fn a_refused_address_is_recorded_with_its_remedy_and_follows_the_schedule() {
    let destination = fixture::destination("http://169.254.169.254/latest/meta-data", |_| ());
    let world = World::start(&[destination], 16, vec![delivery("a", b"1")]);
    let rows = world.store.until("refused", attempts(1)).await;
    assert_eq!(rows[0].attempts[0].class, Some(FailureClass::RefusedAddress));
    assert!(rows[0].end.is_none() && rows[0].due > fixture::start());
}
