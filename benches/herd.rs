//! One, two and three gateways on one Redis, next to one gateway on SQLite, and what redis-benchmark
//! gets from the same server.
//!
//! `cargo bench --bench herd` starts a redis-server (appendonly, everysec), the gateways (processes of
//! their own), the load and the receiver, runs the arms in turn and prints a table. Ratios within one
//! run are what counts. `ROUNDS` and `WEBHOOKS` set the size. `redis-server`, `redis-benchmark` and
//! `redis-cli` have to be installed.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark ends at the first surprise")]

#[path = "walk"]
mod walk {
    pub mod load;
    pub mod sink;
}

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use walk::{load, sink};

const CONNECTIONS: usize = 32;
pub const SECRET: &str = "netbox-s3cret";

/// One round of one arm.
struct Round {
    arm: String,
    accepted_per_second: f64,
    delivered_per_second: f64,
    p50: Duration,
    p99: Duration,
    /// Seconds of CPU of the gateways and of the server per 1,000 webhooks.
    cpu: f64,
    redis_cpu: f64,
}

fn main() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (rounds, webhooks) = (number("ROUNDS", 3), number("WEBHOOKS", 10_000));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let redis = Redis::start();
    let mut results = Vec::new();
    runtime.block_on(async {
        for round in 0..rounds {
            for gateways in 0..=3 {
                // Made and signed before the clock starts; unique over all rounds and arms.
                let bodies = load::bodies(webhooks, round * 4 + gateways);
                results.push(match gateways {
                    0 => arm("sqlite, 1 gateway", "sqlite:state.db", 1, &redis, bodies).await,
                    count => {
                        redis.cli(&["flushall"]);
                        let name = format!("redis, {count} gateway{}", if count > 1 { "s" } else { "" });
                        arm(&name, &format!("redis://127.0.0.1:{}/0", redis.port), count, &redis, bodies)
                            .await
                    }
                });
            }
        }
    });
    print(&results, webhooks);
    println!("\nredis-benchmark on the same server, 32 connections, requests/s:");
    println!("XADD of 5 KB: {}", redis.benchmark(&["XADD", "bench", "*", "body", &"x".repeat(5300)]));
    let sha = redis.cli(&["script", "load", "return redis.call('SET', KEYS[1], ARGV[1])"]);
    println!("EVALSHA that sets 5 KB: {}", redis.benchmark(&["EVALSHA", &sha, "1", "k", &"x".repeat(5300)]));
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Redis {
    server: Server,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Redis {
    fn start() -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let server = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", "everysec", "--dir", folder.path().to_str().unwrap()])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server has to be installed");
        let redis = Self { server: Server(server), port, _folder: folder };
        let start = Instant::now();
        while redis.cli(&["ping"]) != "PONG" {
            assert!(start.elapsed() < Duration::from_secs(10), "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        redis
    }

    fn cli(&self, words: &[&str]) -> String {
        let output =
            Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The rate that redis-benchmark reports for a command.
    fn benchmark(&self, words: &[&str]) -> String {
        let output = Command::new("redis-benchmark")
            .args(["-p", &self.port.to_string(), "-c", "32", "-n", "50000", "--csv"])
            .args(words)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // The last line; behind the command, which is quoted, comes the rate.
        let fields: Vec<_> = text.trim().lines().last().unwrap_or_default().rsplit(',').collect();
        fields.get(6).map_or(text.clone(), |rate| rate.trim_matches('"').to_owned())
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn arm(name: &str, state: &str, gateways: usize, redis: &Redis, bodies: Vec<load::Signed>) -> Round {
    let sink = sink::start().await;
    let mut running = Vec::new();
    let mut ports = Vec::new();
    for _ in 0..gateways {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let config = dir.path().join("config.yaml");
        configure(&config, port, sink.port, state);
        let server = Command::new(env!("CARGO_BIN_EXE_crossconnect"))
            .args(["serve", "--config", config.to_str().unwrap()])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        running.push((Server(server), dir));
        ports.push(port);
    }
    for port in &ports {
        load::ready(*port, "/readyz").await;
    }
    let spent = || running.iter().map(|(server, _)| cpu(&server.0)).sum::<f64>();
    let (before, redis_before) = (spent(), cpu(&redis.server.0));
    let (count, start) = (bodies.len(), Instant::now());
    let load::Run { mut latencies, took } = load::run(&ports, "/hooks/netbox", bodies, CONNECTIONS).await;
    while sink.count() < count {
        assert!(start.elapsed() < Duration::from_secs(300), "{} of {count} arrived", sink.count());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    latencies.sort_unstable();
    let at = |share: f64| latencies[((count as f64 * share) as usize).min(count - 1)];
    let per_1000 = |seconds: f64| seconds / count as f64 * 1000.0;
    Round {
        arm: name.to_owned(),
        accepted_per_second: count as f64 / took.as_secs_f64(),
        delivered_per_second: count as f64 / sink.last().duration_since(start).as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
        cpu: per_1000(spent() - before),
        redis_cpu: per_1000(cpu(&redis.server.0) - redis_before),
    }
}

fn configure(config: &Path, port: u16, sink: u16, state: &str) {
    let text = format!(
        "ingress: {{ listen: 127.0.0.1:{port} }}\nadmin: {{ listen: 127.0.0.1:{} }}\nstate: {state}\n\
         egress: {{ allow: [127.0.0.0/8] }}\n\
         sources: {{ netbox: {{ adapter: netbox, secrets: [{SECRET}] }} }}\n\
         destinations:\n  sink: {{ url: \"http://127.0.0.1:{sink}/\", sign: {{ secrets: [bench-secret] }}, in_flight: 64 }}\n\
         routes:\n  - {{ name: devices, when: {{ kind: dcim.device }}, to: [sink] }}\n",
        free_port(),
    );
    std::fs::write(config, text).unwrap();
}

/// User and system time of a process in seconds.
fn cpu(process: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print(results: &[Round], webhooks: usize) {
    println!(
        "\nNetBox device updates of about 5 KB of 2,000 objects, {webhooks} a round, {CONNECTIONS} connections"
    );
    println!("over all gateways, closed loop; redis-server with appendfsync everysec; medians\n");
    println!("| state | accepted/s | delivered/s | answer p50 ms | answer p99 ms | CPU s/1000 | of Redis |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut rates = Vec::new();
    for first in results.iter().take(4) {
        let rounds: Vec<&Round> = results.iter().filter(|round| round.arm == first.arm).collect();
        let of = |field: fn(&Round) -> f64| median(rounds.iter().map(|round| field(round)).collect());
        let ms = |field: fn(&Round) -> Duration| {
            median(rounds.iter().map(|round| field(round).as_secs_f64() * 1000.0).collect())
        };
        let (accepted, delivered) =
            (of(|round| round.accepted_per_second), of(|round| round.delivered_per_second));
        let (p50, p99) = (ms(|round| round.p50), ms(|round| round.p99));
        let (cpu, redis) = (of(|round| round.cpu), of(|round| round.redis_cpu));
        println!(
            "| {} | {accepted:.0} | {delivered:.0} | {p50:.2} | {p99:.2} | {cpu:.3} | {redis:.3} |",
            first.arm
        );
        rates.push(delivered);
    }
    let against = |index: usize| rates[index] / rates[0];
    println!(
        "\nagainst SQLite: {:.2} x with one gateway, {:.2} x with two, {:.2} x with three",
        against(1),
        against(2),
        against(3)
    );
}
