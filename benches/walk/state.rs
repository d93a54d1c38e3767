//! What it takes to hold much: memory, CPU and time to start with many deliveries in the store.

use std::time::{Duration, Instant};

use super::arms::{self, both, unlike};
use super::fill;
use super::memory::{Watch, pss};
use super::only::Only;
use super::rig::gateway::{Gateway, Setup};
use super::rig::round::{Arm, measure};
use super::rig::sink;
use super::sizes::Sizes;
use super::table::{Goal, Row, Table};

/// How long a gateway does nothing before it counts as idle.
const REST: Duration = Duration::from_secs(2);

pub async fn memory(sizes: &Sizes, only: &Only, table: &mut Table) {
    if only.wants("idle") {
        let gateway = Gateway::start(&Setup::fresh()).await;
        tokio::time::sleep(REST).await;
        table.add(Row::alone("PSS idle", pss(&gateway.server), "MiB", Goal::AtMost(20.0)));
    }
    if only.wants("peak") {
        let peak = peak(Setup::fresh(), sizes.webhooks).await;
        table.add(Row::alone("peak PSS under load", peak, "MiB", Goal::AtMost(80.0)));
    }
}

async fn peak(mut setup: Setup, count: usize) -> f64 {
    let sink = sink::start(0, count).await;
    setup.sink = sink.port;
    let gateway = Gateway::start(&setup).await;
    let watch = Watch::on(&gateway.server);
    measure(&[(&gateway.server, gateway.port)], &sink, unlike(count)).await;
    watch.end()
}

/// Everything about deliveries that wait in the store: one file serves all.
pub async fn stored(sizes: &Sizes, only: &Only, table: &mut Table) {
    if !only.wants_any(&["waiting", "stored", "start"]) {
        return;
    }
    let (full, waiting) = (Setup::fresh(), sizes.waiting);
    fill::waiting(&full, waiting).await;
    if only.wants("start") {
        let start = Instant::now();
        let _gateway = Gateway::start(&full).await;
        let took = start.elapsed().as_secs_f64();
        table.add(Row::alone(format!("start to ready with {waiting} waiting"), took, "s", Goal::AtMost(1.0)));
    }
    if only.wants("waiting") {
        let peak = peak(full.clone(), sizes.webhooks).await;
        let what = format!("peak PSS under load with {waiting} waiting");
        table.add(Row::alone(what, peak, "MiB", Goal::AtMost(120.0)));
    }
    if only.wants("stored") {
        cost(sizes, &full, table).await;
    }
}

async fn cost(sizes: &Sizes, full: &Setup, table: &mut Table) {
    let (mut none, mut many) = (Arm::default(), Arm::default());
    for _ in 0..sizes.rounds {
        none.add(arms::gateway(Setup::fresh(), unlike(sizes.half())).await);
        many.add(arms::gateway(full.clone(), unlike(sizes.half())).await);
    }
    table.add_arm("nothing waiting", &none);
    table.add_arm(&format!("{} waiting", sizes.waiting), &many);
    let what = format!("CPU of 1,000 events with {} waiting, against none", sizes.waiting);
    table.add(Row::ratio(what, both(&many, &none, |round| round.cpu), "s", Goal::AtMost(1.25)));
}
