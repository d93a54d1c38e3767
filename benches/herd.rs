//! One, two and three gateways on one Redis, next to one gateway on SQLite, and what redis-benchmark
//! gets from the same server.
//!
//! `cargo bench --bench herd` starts a redis-server (appendonly, everysec), the gateways (processes of
//! their own), the load and the receiver, runs the arms in turn and prints a table. Ratios within one
//! run are what counts. `ROUNDS` and `WEBHOOKS` set the size. `redis-server`, `redis-benchmark` and
//! `redis-cli` have to be installed.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark ends at the first surprise")]

#[path = "rig"]
mod rig {
    pub mod body;
    pub mod cpu;
    pub mod event;
    pub mod figures;
    pub mod gateway;
    pub mod load;
    pub mod process;
    pub mod redis;
    pub mod round;
    pub mod sink;
}

use std::process::Command;

use rig::cpu::cpu;
use rig::event::webhooks;
use rig::figures::{median, size};
use rig::gateway::{Gateway, Setup};
use rig::redis::Redis;
use rig::round::{Arm, Round, measure};
use rig::sink;

const OBJECTS: usize = 2_000;
const NAMES: [&str; 4] = ["sqlite, 1 gateway", "redis, 1 gateway", "redis, 2 gateways", "redis, 3 gateways"];

fn main() {
    let (rounds, count) = (size("ROUNDS", 3), size("WEBHOOKS", 10_000));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (process, redis) = Redis::start();
    let mut arms: [(Arm, Vec<f64>); 4] = Default::default();
    runtime.block_on(async {
        for _ in 0..rounds {
            for (gateways, (arm, of_redis)) in arms.iter_mut().enumerate() {
                let before = cpu(&process);
                arm.add(round(gateways, &redis, count).await);
                of_redis.push((cpu(&process) - before) / count as f64 * 1e3);
            }
        }
    });
    print(&arms, count);
    println!("\nredis-benchmark on the same server, 32 connections, requests/s:");
    println!("XADD of 5 KB: {}", benchmark(&redis, &["XADD", "bench", "*", "body", &"x".repeat(5300)]));
    let sha = redis.cli(&["script", "load", "return redis.call('SET', KEYS[1], ARGV[1])"]);
    println!(
        "EVALSHA that sets 5 KB: {}",
        benchmark(&redis, &["EVALSHA", &sha, "1", "k", &"x".repeat(5300)])
    );
}

/// So many gateways on Redis; 0: one on SQLite.
async fn round(gateways: usize, redis: &Redis, count: usize) -> Round {
    let sink = sink::start(0, count).await;
    let state = if gateways == 0 { "sqlite:state.db".to_owned() } else { redis.fresh() };
    let mut running = Vec::new();
    for _ in 0..gateways.max(1) {
        let setup = Setup { state: state.clone(), sink: sink.port, ..Setup::fresh() };
        running.push(Gateway::start(&setup).await);
    }
    let servers: Vec<_> = running.iter().map(|gateway| (&gateway.server, gateway.port)).collect();
    measure(&servers, &sink, webhooks(count, OBJECTS)).await
}

/// The rate that redis-benchmark reports for a command.
fn benchmark(redis: &Redis, words: &[&str]) -> String {
    let output = Command::new("redis-benchmark")
        .args(["-p", &redis.port.to_string(), "-c", "32", "-n", "50000", "--csv"])
        .args(words)
        .output()
        .expect("redis-benchmark has to be installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // The last line; behind the command, which is quoted, comes the rate.
    let fields: Vec<_> = text.trim().lines().last().unwrap_or_default().rsplit(',').collect();
    fields.get(6).map_or(text.clone(), |rate| rate.trim_matches('"').to_owned())
}

fn print(arms: &[(Arm, Vec<f64>); 4], count: usize) {
    println!("\nNetBox device updates of 5.3 KB of {OBJECTS} objects, {count} a round, 32 connections");
    println!("over all gateways, closed loop; redis-server with appendfsync everysec; medians\n");
    println!("| state | accepted/s | delivered/s | answer p50 ms | answer p99 ms | CPU s/1000 | of Redis |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (name, (arm, of_redis)) in NAMES.iter().zip(arms) {
        println!("| {name} | {} | {:.3} |", arm.cells(), median(of_redis.iter().copied()));
    }
    let rate = |arm: &(Arm, Vec<f64>)| arm.0.median(|round| round.delivered_per_second);
    let against = |place: usize| rate(&arms[place]) / rate(&arms[0]);
    println!(
        "\nagainst SQLite: {:.2} x with one gateway, {:.2} x with two, {:.2} x with three",
        against(1),
        against(2),
        against(3)
    );
}
