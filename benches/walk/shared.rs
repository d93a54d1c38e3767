//! One gateway on Redis instead of SQLite.

use super::arms::{self, both, unlike};
use super::only::Only;
use super::rig::cpu::cpu;
use super::rig::figures::median;
use super::rig::gateway::Setup;
use super::rig::redis::Redis;
use super::rig::round::Arm;
use super::sizes::Sizes;
use super::table::{Goal, Row, Table};

pub async fn redis(sizes: &Sizes, only: &Only, table: &mut Table) {
    if !only.wants("redis") {
        return;
    }
    let (process, server) = Redis::start();
    let (mut sqlite, mut redis, mut of_server) = (Arm::default(), Arm::default(), Vec::new());
    for _ in 0..sizes.rounds {
        sqlite.add(arms::gateway(Setup::fresh(), unlike(sizes.half())).await);
        let setup = Setup { state: server.fresh(), ..Setup::fresh() };
        let before = cpu(&process);
        redis.add(arms::gateway(setup, unlike(sizes.half())).await);
        of_server.push((cpu(&process) - before) / sizes.half() as f64 * 1e3);
    }
    table.add_arm("SQLite", &sqlite);
    table.add_arm(&format!("Redis, everysec (whose server takes {:.3} s)", median(of_server)), &redis);
    let rates = both(&redis, &sqlite, |round| round.delivered_per_second);
    table.add(Row::ratio("delivered on Redis, against SQLite", rates, "/s", Goal::AtLeast(0.6)));
}
