//! Receivers that are sick, with the whole way out running.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::double::Row;
use super::fixture::{self, delivery};
use super::receiver::{OK, Receiver, Reply, Seen};
use super::running::{LOOPBACK, World, all_delivered, attempts, bodies};
use crate::config::{self, Destination};
use crate::model::{CircuitState, Delivery};

const SECOND: Duration = Duration::from_secs(1);
const NO: Reply = Reply::Status(500, &[], "");

/// A destination with a breaker, and retries that come at once.
fn guarded(url: &str, edit: impl FnOnce(&mut Destination)) -> Arc<Destination> {
    fixture::destination(url, |destination| {
        destination.breaker = Some(config::Breaker::default());
        destination.retry.waits = vec![Duration::ZERO; 20];
        edit(destination);
    })
}

fn lanes(count: usize) -> Vec<Delivery> {
    (0..count).map(|n| delivery(&format!("lane {n}"), format!("{n}").as_bytes())).collect()
}

fn state(world: &World) -> Option<CircuitState> {
    Some(world.egress.standings().of("sink")?.breaker?.state)
}

fn claims(world: &World) -> usize {
    world.store.claims.lock().unwrap().len()
}

/// Lets everything happen that can happen without the clock.
async fn settle_down() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_sick_receiver_gets_ten_attempts_then_one_now_and_then_and_all_when_it_is_well() {
    let well = Arc::new(AtomicBool::new(false));
    let seen = well.clone();
    let receiver = Receiver::start(move |_, _| if seen.load(Ordering::SeqCst) { OK } else { NO }).await;
    let sink = guarded(&receiver.url(), |destination| destination.in_flight = 1);
    let world = World::start(&[sink], 16, lanes(30));
    world.store.until("in trouble", |_| !world.store.troubles.lock().unwrap().is_empty()).await;
    settle_down().await;
    let claimed = claims(&world);
    world.clock.advance(29 * SECOND);
    settle_down().await;
    assert_eq!((receiver.seen().len(), claims(&world)), (10, claimed), "nothing is even claimed");
    for probes in 1..=3 {
        world.clock.advance(30 * SECOND);
        world.store.until("probed", attempts(10 + probes)).await;
        settle_down().await;
        assert_eq!((receiver.seen().len(), state(&world)), (10 + probes, Some(CircuitState::Open)));
    }
    let troubles = world.store.troubles.lock().unwrap().clone();
    let reason = "10 of 10 attempts within 30s failed; the last: the receiver answered 500";
    assert_eq!(troubles, [("sink".to_owned(), reason.to_owned())], "told once");
    well.store(true, Ordering::SeqCst);
    world.clock.advance(30 * SECOND);
    world.store.until("all delivered", all_delivered).await;
    assert_eq!((receiver.seen().len(), state(&world)), (13 + 30, Some(CircuitState::Closed)));
    assert!(world.metrics.render().contains(r#"egress_breaker_opened_total{destination="sink"} 4"#));
}

#[tokio::test]
async fn one_attempt_shows_how_things_are_whatever_may_be_in_flight() {
    let receiver = Receiver::start(|n, _| if n < 16 { NO } else { Reply::Hold }).await;
    let world = World::start(&[guarded(&receiver.url(), |_| ())], 32, lanes(40));
    receiver.until(16).await;
    world.store.until("in trouble", |_| !world.store.troubles.lock().unwrap().is_empty()).await;
    settle_down().await;
    assert_eq!(receiver.seen().len(), 16, "what was under way, and no more");
    world.clock.advance(30 * SECOND);
    receiver.until(17).await;
    settle_down().await;
    assert_eq!((receiver.seen().len(), state(&world)), (17, Some(CircuitState::HalfOpen)));
    receiver.let_go(100);
    world.store.until("all delivered", all_delivered).await;
}

#[tokio::test]
async fn a_probe_for_which_nothing_is_due_waits_for_something() {
    let receiver = Receiver::start(|n, _| if n < 10 { NO } else { OK }).await;
    let sink = guarded(&receiver.url(), |destination| {
        destination.in_flight = 1;
        destination.retry.waits = vec![];
    });
    let world = World::start(&[sink], 16, lanes(10));
    world.store.until("in trouble", |_| !world.store.troubles.lock().unwrap().is_empty()).await;
    let claimed = claims(&world);
    world.clock.advance(30 * SECOND);
    world.store.until("asked in vain", |_| claims(&world) > claimed).await;
    settle_down().await;
    assert_eq!(state(&world), Some(CircuitState::HalfOpen));
    world.store.put([delivery("new", b"new"), delivery("newer", b"newer")]);
    receiver.until(12).await;
    world.store.until("closed", |_| state(&world) == Some(CircuitState::Closed)).await;
}

#[tokio::test]
async fn what_was_learned_about_a_receiver_survives_a_reload_that_does_not_change_it() {
    let receiver = Receiver::start(|_, _| NO).await;
    let sink = || guarded(&receiver.url(), |destination| destination.in_flight = 1);
    let world = World::start(&[sink()], 16, lanes(30));
    world.store.until("in trouble", |_| !world.store.troubles.lock().unwrap().is_empty()).await;
    // Another pool and another guard make another stack.
    let other = fixture::destination("http://127.0.0.1:1/", |other| other.name = "other".to_owned());
    let reload = |sink: Arc<Destination>| {
        let rules = fixture::rules(&[sink, other.clone()], 20, &["127.0.0.0/8", "10.0.0.0/8"]);
        world.rules.send_replace(rules);
    };
    reload(sink());
    settle_down().await;
    assert_eq!((state(&world), receiver.seen().len()), (Some(CircuitState::Open), 10));
    // Somebody mended its credentials, so it is worth a try.
    reload(guarded(&receiver.url(), |destination| {
        destination.in_flight = 1;
        destination.headers = fixture::headers(&[("authorization", "Bearer new")]);
    }));
    receiver.until(20).await;
    assert_eq!(receiver.seen()[10].header("authorization"), "Bearer new");
    world.rules.send_replace(fixture::rules(&[], 20, LOOPBACK));
    settle_down().await;
    assert_eq!(state(&world), None, "what left the config does not fare at all");
}

#[tokio::test]
async fn a_receiver_that_asks_to_be_left_alone_is_for_all_its_deliveries() {
    let asks = Reply::Status(429, &[("retry-after", "120")], "");
    let receiver = Receiver::start(move |n, _| if n == 0 { asks } else { OK }).await;
    let sink = guarded(&receiver.url(), |destination| destination.in_flight = 1);
    let world = World::start(&[sink], 16, lanes(3));
    world.store.until("asked", attempts(1)).await;
    world.clock.advance(119 * SECOND);
    settle_down().await;
    assert_eq!(receiver.seen().len(), 1);
    world.clock.advance(20 * SECOND);
    world.store.until("all delivered", all_delivered).await;
}

#[tokio::test]
async fn a_receiver_that_has_too_much_to_do_gets_half_and_then_more_again() {
    let busy = Reply::Status(503, &[], "");
    let receiver = Receiver::start(move |n, _| if n < 8 { busy } else { Reply::Hold }).await;
    let sink = fixture::destination(&receiver.url(), |destination| {
        destination.in_flight = 8;
        destination.retry.waits = vec![Duration::ZERO; 9];
    });
    let world = World::start(&[sink], 32, lanes(60));
    receiver.until(12).await;
    settle_down().await;
    assert_eq!(receiver.seen().len(), 8 + 4, "four at once after a burst of eight refusals");
    receiver.let_go(4);
    receiver.until(8 + 4 + 5).await;
    settle_down().await;
    assert_eq!(receiver.seen().len(), 8 + 4 + 5, "five after four good answers");
    receiver.let_go(1000);
    world.store.until("all delivered", all_delivered).await;
    assert_eq!(world.egress.standings().of("sink").unwrap().allowed, 8);
}

fn of(prefix: &'static str) -> impl Fn(&&Row) -> bool {
    move |row| row.delivery.body.starts_with(prefix.as_bytes())
}

/// Deliveries that fail once and hang for ever when tried again.
fn bad(count: usize) -> Vec<Delivery> {
    (0..count).map(|n| delivery(&format!("bad {n}"), format!("bad {n}").as_bytes())).collect()
}

async fn hangs_when_tried_again() -> Receiver {
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    Receiver::start(move |_, request: &Seen| match request.body.starts_with(b"bad") {
        true if seen.lock().unwrap().insert(request.body.clone()) => NO,
        true => Reply::Hang,
        false => OK,
    })
    .await
}

#[tokio::test]
async fn retries_that_hang_leave_half_of_the_places_to_fresh_traffic() {
    for (in_flight, places) in [(2, 1), (3, 1), (4, 2), (7, 3), (16, 8)] {
        let receiver = hangs_when_tried_again().await;
        let sink = fixture::destination(&receiver.url(), |destination| {
            destination.in_flight = in_flight;
            destination.retry.waits = vec![SECOND; 9];
        });
        let world = World::start(&[sink], 64, bad(20));
        world.store.until("failed once", attempts(20)).await;
        world.clock.advance(2 * SECOND);
        receiver.until(20 + places).await;
        for n in 0..50u32 {
            world.store.put([delivery(&format!("fresh {n}"), b"fresh")]);
        }
        let fresh = |rows: &[Row]| rows.iter().filter(of("fresh")).all(|row| row.end.is_some());
        world.store.until("the fresh ones passed", fresh).await;
        let hanging = world.store.rows().iter().filter(of("bad")).filter(|row| row.lease.is_some()).count();
        assert_eq!(hanging, places, "of {in_flight}");
        let claimed = claims(&world);
        settle_down().await;
        assert!(claims(&world) <= claimed + 1, "what has to wait is not asked for again and again");
    }
}

#[tokio::test]
async fn the_next_retry_leaves_when_one_has_ended() {
    let receiver = Receiver::start(|n, _| if n < 6 { NO } else { Reply::Hold }).await;
    let sink = fixture::destination(&receiver.url(), |destination| {
        destination.in_flight = 4;
        destination.retry.waits = vec![SECOND; 9];
    });
    let world = World::start(&[sink], 64, bad(6));
    world.store.until("failed once", attempts(6)).await;
    world.clock.advance(2 * SECOND);
    for ended in 0..4 {
        receiver.until(6 + 2 + ended).await;
        settle_down().await;
        assert_eq!(receiver.seen().len(), 6 + 2 + ended, "two at a time");
        receiver.let_go(1);
    }
    receiver.let_go(2);
    world.store.until("all delivered", all_delivered).await;
    let mut all = bodies(&receiver.seen()[6..]);
    all.sort();
    assert_eq!(all, (0..6).map(|n| format!("bad {n}")).collect::<Vec<_>>());
}
