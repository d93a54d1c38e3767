//! What a receiver that is sick costs the others, and how fast it gets what waited for it.

use std::time::Instant;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::arms::{self, both, unlike};
use super::fill;
use super::only::Only;
use super::rig::figures::median;
use super::rig::gateway::{Gateway, Setup};
use super::rig::process::free_port;
use super::rig::round::Arm;
use super::rig::sink;
use super::sizes::Sizes;
use super::table::{Goal, Row, Table};

/// Every event goes to two receivers. The other one is well, or takes requests and never answers.
pub async fn hangs(sizes: &Sizes, only: &Only, table: &mut Table) {
    if !only.wants("hangs") {
        return;
    }
    let (mut well, mut sick) = (Arm::default(), Arm::default());
    for _ in 0..sizes.rounds {
        let other = sink::start(0, sizes.half()).await;
        let setup = Setup { beside: vec![other.port], ..Setup::fresh() };
        well.add(arms::gateway(setup, unlike(sizes.half())).await);
        let (port, hanging) = hanging().await;
        let setup = Setup { beside: vec![port], ..Setup::fresh() };
        sick.add(arms::gateway(setup, unlike(sizes.half())).await);
        hanging.abort();
    }
    table.add_arm("beside a receiver that is well", &well);
    table.add_arm("beside one that hangs", &sick);
    let rates = both(&sick, &well, |round| round.delivered_per_second);
    let what = "delivered beside a receiver that hangs, against one that is well";
    table.add(Row::ratio(what, rates, "/s", Goal::AtLeast(0.9)));
}

async fn hanging() -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let held = async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    };
    (port, tokio::spawn(held))
}

/// Deliveries that failed once wait for their next attempt at a receiver that is away.
pub async fn retries(sizes: &Sizes, only: &Only, table: &mut Table) {
    if !only.wants("retries") {
        return;
    }
    let full = Setup::fresh();
    fill::retries(&full, sizes.retries).await;
    let (mut none, mut many) = (Arm::default(), Arm::default());
    for _ in 0..sizes.rounds {
        none.add(arms::gateway(Setup::fresh(), unlike(sizes.half())).await);
        many.add(arms::gateway(full.clone(), unlike(sizes.half())).await);
    }
    table.add_arm("no retries waiting", &none);
    table.add_arm(&format!("{} retries waiting", sizes.retries), &many);
    let rates = both(&many, &none, |round| round.delivered_per_second);
    let what = format!("delivered with {} retries waiting, against none", sizes.retries);
    table.add(Row::ratio(what, rates, "/s", Goal::AtLeast(0.9)));
}

/// From the first to the last arrival once the receiver is back, against what is delivered live.
pub async fn drain(sizes: &Sizes, only: &Only, table: &mut Table) {
    if !only.wants("drain") {
        return;
    }
    let (mut live, mut drained) = (Arm::default(), Vec::new());
    for _ in 0..sizes.rounds {
        live.add(arms::gateway(Setup::fresh(), unlike(sizes.half())).await);
        drained.push(drained_per_second(sizes.backlog).await);
    }
    table.add_arm("live", &live);
    let rates = (median(drained), live.median(|round| round.delivered_per_second));
    let what = format!("drain of a backlog of {}, against live", sizes.backlog);
    table.add(Row::ratio(what, rates, "/s", Goal::AtLeast(0.8)));
}

async fn drained_per_second(backlog: usize) -> f64 {
    let setup = Setup { sink: free_port(), ..Setup::fresh() };
    fill::backlog(&setup, &unlike(backlog)).await;
    let _gateway = Gateway::start(&setup).await;
    let sink = sink::start(setup.sink, backlog).await;
    let arrived = sink.all().await;
    let (first, last): (Option<&Instant>, Option<&Instant>) = (arrived.iter().min(), arrived.iter().max());
    backlog as f64 / last.unwrap().duration_since(*first.unwrap()).as_secs_f64()
}
