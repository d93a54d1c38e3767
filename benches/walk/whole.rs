//! The whole walk against the bare server: CPU, throughput, answers, the way of single events.

use super::arms::{self, both, unlike};
use super::bare::Bare;
use super::only::Only;
use super::paced;
use super::rig::figures::median;
use super::rig::gateway::{Gateway, Setup};
use super::rig::round::{Arm, percentile};
use super::rig::sink;
use super::sizes::Sizes;
use super::table::{Goal, Row, Table};

pub async fn load(sizes: &Sizes, only: &Only, table: &mut Table) {
    if !only.wants_any(&["cpu", "rate", "p99", "script"]) {
        return;
    }
    let (mut bare, mut whole, mut scriptless) = (Arm::default(), Arm::default(), Arm::default());
    for _ in 0..sizes.rounds {
        bare.add(arms::bare(unlike(sizes.webhooks)).await);
        whole.add(arms::gateway(Setup::fresh(), unlike(sizes.webhooks)).await);
        if only.wants("script") {
            let setup = Setup { script: false, ..Setup::fresh() };
            scriptless.add(arms::gateway(setup, unlike(sizes.webhooks)).await);
        }
    }
    table.add_arm("bare: durable, forward", &bare);
    table.add_arm("crossconnect: the whole walk", &whole);
    if only.wants("cpu") {
        let cpu = both(&whole, &bare, |round| round.cpu);
        table.add(Row::ratio("CPU of 1,000 events", cpu, "s", Goal::AtMost(1.3)));
    }
    if only.wants("rate") {
        let rate = both(&whole, &bare, |round| round.delivered_per_second);
        table.add(Row::ratio("accepted and delivered a second", rate, "/s", Goal::AtLeast(0.8)));
    }
    if only.wants("p99") {
        let p99 = both(&whole, &bare, |round| round.p99);
        table.add(Row::ratio("answer p99 under that load", p99, "ms", Goal::AtMost(1.5)));
    }
    if only.wants("script") {
        table.add_arm("crossconnect without the script", &scriptless);
        let (with, without) = both(&whole, &scriptless, |round| round.cpu);
        let share = (with - without) * 1e3;
        table.add(Row::alone("the script's share of an event's CPU", share, "µs", Goal::AtMost(25.0)));
    }
}

/// End to end at 100 a second.
pub async fn paced(sizes: &Sizes, only: &Only, table: &mut Table) {
    if !only.wants("paced") {
        return;
    }
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..sizes.rounds {
        let sink = sink::start(0, sizes.paced).await;
        let server = Bare::start(sink.port).await;
        bare.push(paced::run(server.port, &sink, unlike(sizes.paced)).await);
        drop(server);
        let sink = sink::start(0, sizes.paced).await;
        let gateway = Gateway::start(&Setup { sink: sink.port, ..Setup::fresh() }).await;
        whole.push(paced::run(gateway.port, &sink, unlike(sizes.paced)).await);
    }
    for (what, share) in [("p50", 0.5), ("p99", 0.99)] {
        let [ours, theirs] =
            [&whole, &bare].map(|arm| median(arm.iter().map(|round| percentile(round, share))));
        let what = format!("end to end at 100/s, {what}");
        table.add(Row::ratio(what, (ours, theirs), "ms", Goal::AtMost(1.5)));
    }
}
