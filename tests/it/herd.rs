//! Several gateways share one state: nginx spreads the senders over them, gateways and the state's
//! server are killed or stand still, and what arrives is complete and in order all the same.
//!
//! The long run is the same with more of everything:
//! `CROSSCONNECT_HERD_WEBHOOKS=50000 CROSSCONNECT_HERD_OBJECTS=2000 cargo test --release --test it herd_of`
//! (also with `fall_asleep_in_the_middle` or `with_its_file` in place of `herd_of`).

mod arrivals;
mod flock;
mod front;
mod senders;
mod webhook;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use self::arrivals::{Arrival, Late, check};
use self::flock::Flock;
use self::senders::Senders;
use crate::process::post_until_taken;
use crate::redis_server::{Cluster, Options, Sentinels, Server};

/// How many objects there are, and how many changes each of them has.
#[derive(Debug, Clone, Copy)]
struct Size {
    objects: u64,
    changes: u64,
}

impl Size {
    /// That of the environment, or this many webhooks of so many objects.
    fn of(webhooks: u64, objects: u64) -> Self {
        let told = |name: &str| std::env::var(name).ok().map(|count| count.parse().unwrap());
        let objects = told("CROSSCONNECT_HERD_OBJECTS").unwrap_or(objects);
        let webhooks: u64 = told("CROSSCONNECT_HERD_WEBHOOKS").unwrap_or(webhooks);
        Self { objects, changes: webhooks.div_ceil(objects) }
    }

    fn total(self) -> usize {
        (self.objects * self.changes) as usize
    }

    fn objects(self) -> Range<u64> {
        1..self.objects + 1
    }

    fn sent(self) -> BTreeMap<u64, u64> {
        self.objects().map(|object| (object, self.changes)).collect()
    }

    /// All of them, through the front.
    fn senders(self, flock: &Flock) -> Senders {
        Senders::start(&flock.http, &flock.hook(), self.objects(), 1..self.changes + 1)
    }
}

/// What the configs say of a state there.
fn state(url: &str) -> String {
    format!("{url}?prefix=herd")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_gateway_behind_a_load_balancer_delivers_all_in_order() {
    let size = Size { objects: 40, changes: 15 };
    let flock = Flock::start("sqlite:state.db", 1).await;
    size.senders(&flock).finish().await;
    flock.check_ledgers(size.total()).await;
    let told = flock.check(&size.sent(), Late::Never);
    assert_eq!(told.repeats, 0);
    // The check would have noticed.
    let mut all: Vec<Arrival> = flock.receiver.received().iter().map(Arrival::of).collect();
    let last = all.pop().unwrap();
    check(&all, &size.sent(), Late::Never).unwrap_err();
    all.insert(0, last);
    check(&all, &size.sent(), Late::Never).unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_of_two_loses_nothing_while_one_after_the_other_is_killed() {
    let server = Server::start(Options::default());
    killed_again_and_again(&state(&server.url()), 2, Size::of(4000, 200)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_of_three_loses_nothing_while_one_after_the_other_is_killed() {
    let server = Server::start(Options::default());
    killed_again_and_again(&state(&server.url()), 3, Size::of(4000, 200)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_on_a_cluster_loses_nothing_while_one_after_the_other_is_killed() {
    let cluster = Cluster::start();
    killed_again_and_again(&state(&cluster.url()), 2, Size::of(1000, 100)).await;
}

async fn killed_again_and_again(state: &str, gateways: usize, size: Size) {
    let mut flock = Flock::start(state, gateways).await;
    let begun = Instant::now();
    let senders = size.senders(&flock);
    let mut kills = 0;
    while senders.taken() < senders.total {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1000..3000))).await;
        let victim = fastrand::usize(..gateways);
        flock.gateway(victim).kill_and_restart();
        flock.until_ready(victim).await;
        kills += 1;
    }
    let (refused, broken) = (senders.refused(), senders.broken());
    senders.finish().await;
    let sent_after = begun.elapsed();
    flock.check_ledgers(size.total()).await;
    let told = flock.check(&size.sent(), Late::Never);
    println!(
        "{gateways} gateways: {} webhooks sent in {sent_after:?}, delivered in {:?}; {kills} kills, \
         {refused} refused, {broken} broken, {told:?}",
        size.total(),
        begun.elapsed(),
    );
    assert!(kills > 1, "nothing was proved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_gateway_settles_that_slept_through_its_leases_is_refused() {
    let server = Server::start(Options::default());
    let size = Size { objects: 12, changes: 20 };
    let mut flock = Flock::asleep(&state(&server.url()), 2).await;
    // The first changes are under way from one gateway when it falls asleep.
    flock.wake(0).await;
    let held = flock.receiver.hold();
    for object in size.objects() {
        let (headers, body) = webhook::webhook(object, 1);
        post_until_taken(&flock.http, &flock.hook_of(0), &headers, &body).await;
    }
    let under_way = size.objects as usize;
    flock.until("all are under way", async || flock.receiver.received().len() == under_way).await;
    flock.gateway(0).stop();
    held.release();
    flock.wake(1).await;
    let changes = 2..size.changes + 1;
    Senders::start(&flock.http, &flock.hook(), size.objects(), changes).finish().await;
    settled_by(&flock, 1, size.total()).await;
    // It has the receiver's answers on its sockets now, and all is long done.
    flock.gateway(0).go_on();
    flock.until_ready(0).await;
    lost(&flock, 0, under_way).await;
    flock.check_ledgers(size.total()).await;
    let told = flock.check(&size.sent(), Late::Never);
    assert!(told.repeats <= under_way, "{told:?}");
    // And it does its part again.
    let more = 101..101 + size.objects;
    Senders::start(&flock.http, &flock.hook_of(0), more.clone(), 1..6).finish().await;
    flock.check_ledgers(size.total() + 5 * size.objects as usize).await;
    let sent = size.sent().into_iter().chain(more.map(|object| (object, 5))).collect();
    flock.check(&sent, Late::Never);
}

/// Waits until one gateway tells that all is delivered.
async fn settled_by(flock: &Flock, n: usize, total: usize) {
    let is_settled = async || {
        let stats = flock.ask(n, "stats").await;
        stats.is_some_and(|stats| stats["events"]["delivered"] == total)
    };
    flock.until("all is delivered", is_settled).await;
}

/// Waits until a gateway has told of so many results that nobody wanted any more.
async fn lost(flock: &Flock, n: usize, count: usize) {
    let said = "could not settle an attempt: the lease of";
    flock.until("it is refused", async || flock.log(n).matches(said).count() == count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_that_fall_afall_asleep_in_the_middle_of_it_keep_first_arrivals_in_order() {
    let server = Server::start(Options::default());
    let size = Size::of(1200, 100);
    let mut flock = Flock::start(&state(&server.url()), 3).await;
    let senders = size.senders(&flock);
    senders.until_taken(size.total() / 4).await;
    flock.gateway(0).stop();
    senders.until_taken(size.total() / 2).await;
    flock.gateway(1).stop();
    senders.finish().await;
    settled_by(&flock, 2, size.total()).await;
    flock.gateway(0).go_on();
    flock.gateway(1).go_on();
    flock.until_ready(0).await;
    flock.until_ready(1).await;
    flock.check_ledgers(size.total()).await;
    let told = flock.check(&size.sent(), Late::Repeats);
    println!("{} webhooks, two gateways slept: {told:?}", size.total());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_comes_back_with_its_file_has_all_that_was_taken() {
    let mut server = Server::start(Options::default().append_only("always"));
    let size = Size::of(1200, 100);
    let flock = Flock::start(&state(&server.url()), 2).await;
    let senders = size.senders(&flock);
    for part in 1..4 {
        senders.until_taken(size.total() * part / 4).await;
        let refused = senders.refused();
        server.kill();
        flock.until("somebody is told 503", async || senders.refused() > refused).await;
        server.restart();
    }
    let (refused, broken) = (senders.refused(), senders.broken());
    senders.finish().await;
    flock.check_ledgers(size.total()).await;
    let told = flock.check(&size.sent(), Late::Never);
    println!("{} webhooks, 3 kills: {refused} refused, {broken} broken, {told:?}", size.total());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_go_on_with_a_server_that_comes_back_empty() {
    let mut server = Server::start(Options::default());
    let flock = Flock::start(&state(&server.url()), 2).await;
    let size = Size { objects: 50, changes: 10 };
    let senders = size.senders(&flock);
    senders.until_taken(size.total() / 2).await;
    server.kill();
    server.restart();
    senders.finish().await;
    newcomers_arrive(&flock).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_follow_the_replica_that_takes_over() {
    let mut group = Sentinels::start();
    let flock = Flock::start(&state(&group.url()), 2).await;
    let size = Size { objects: 50, changes: 20 };
    let senders = size.senders(&flock);
    senders.until_taken(size.total() / 2).await;
    let port = group.master_port();
    group.kill_master();
    senders.finish().await;
    assert_ne!(group.master_port(), port);
    newcomers_arrive(&flock).await;
}

/// What was taken before may be gone with a server; of objects that it never knew, nothing may be.
async fn newcomers_arrive(flock: &Flock) {
    let objects = 1001..1051;
    Senders::start(&flock.http, &flock.hook(), objects.clone(), 1..11).finish().await;
    flock.settled().await;
    let mut arrivals: Vec<Arrival> = flock.receiver.received().iter().map(Arrival::of).collect();
    arrivals.retain(|arrival| objects.contains(&arrival.object));
    let sent = objects.map(|object| (object, 10)).collect();
    check(&arrivals, &sent, Late::Never).unwrap_or_else(|wrong| panic!("{wrong}"));
}
