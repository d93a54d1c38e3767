//! Whether an event costs the same with few and with many routes and lanes.

use super::arms::{self, both, unlike};
use super::only::Only;
use super::rig::event::webhooks;
use super::rig::gateway::Setup;
use super::rig::round::Arm;
use super::sizes::Sizes;
use super::table::{Goal, Row, Table};

const MOST: Goal = Goal::AtMost(1.25);

pub async fn routes(sizes: &Sizes, only: &Only, table: &mut Table) {
    if !only.wants("routes") {
        return;
    }
    let (mut one, mut many) = (Arm::default(), Arm::default());
    for _ in 0..sizes.rounds {
        for (routes, arm) in [(1, &mut one), (sizes.routes, &mut many)] {
            let setup = Setup { routes, ..Setup::fresh() };
            arm.add(arms::gateway(setup, unlike(sizes.half())).await);
        }
    }
    table.add_arm("1 route", &one);
    table.add_arm(&format!("{} routes", sizes.routes), &many);
    let what = format!("CPU of 1,000 events with {} routes, against 1", sizes.routes);
    table.add(Row::ratio(what, both(&many, &one, |round| round.cpu), "s", MOST));
}

pub async fn lanes(sizes: &Sizes, only: &Only, table: &mut Table) {
    if !only.wants("lanes") {
        return;
    }
    let (mut few, mut many) = (Arm::default(), Arm::default());
    // Every lane gets an event at least.
    let count = sizes.half().max(sizes.lanes);
    for _ in 0..sizes.rounds {
        for (lanes, arm) in [(10, &mut few), (sizes.lanes, &mut many)] {
            arm.add(arms::gateway(Setup::fresh(), webhooks(count, lanes)).await);
        }
    }
    table.add_arm("10 lanes", &few);
    table.add_arm(&format!("{} lanes", sizes.lanes), &many);
    let what = format!("CPU of 1,000 events in {} lanes, against 10", sizes.lanes);
    table.add(Row::ratio(what, both(&many, &few, |round| round.cpu), "s", MOST));
}
