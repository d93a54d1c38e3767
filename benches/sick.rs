//! What sick receivers cost the healthy ones.
//!
//! `cargo bench --bench sick` starts a gateway (a process of its own) with some healthy receivers,
//! then the same with three more healthy ones, then with three sick ones instead: one that never
//! answers, one that refuses connections, one that resets them. The arms run in turn, and what
//! counts is the rate of the healthy receivers as a ratio within the run. `ROUNDS`, `WEBHOOKS` and
//! `HEALTHY` set the size.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark ends at the first surprise")]

mod walk {
    pub mod load;
    pub mod sink;
}

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use walk::{load, sink};

const CONNECTIONS: usize = 16;
pub const SECRET: &str = "netbox-s3cret";

/// Who stands beside the healthy receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nobody,
    Healthy,
    Sick,
}

const ARMS: [(Beside, &str); 3] = [
    (Beside::Nobody, "the healthy ones alone"),
    (Beside::Healthy, "beside three more healthy ones"),
    (Beside::Sick, "beside one that hangs, one that refuses, one that resets"),
];

/// One round of one arm.
struct Round {
    beside: Beside,
    accepted_per_second: f64,
    /// At the healthy receivers, from the first request to the last arrival.
    delivered_per_second: f64,
    p99: Duration,
}

fn main() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (rounds, webhooks, healthy) = (number("ROUNDS", 3), number("WEBHOOKS", 3000), number("HEALTHY", 4));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut results = Vec::new();
    runtime.block_on(async {
        for round in 0..rounds {
            for (place, (beside, _)) in ARMS.into_iter().enumerate() {
                // Made and signed before the clock starts; unique over all rounds and arms.
                let bodies = load::bodies(webhooks, round * ARMS.len() + place);
                results.push(run(beside, healthy, bodies).await);
            }
        }
    });
    print(&results, webhooks, healthy);
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn run(beside: Beside, healthy: usize, bodies: Vec<load::Signed>) -> Round {
    let dir = tempfile::tempdir().unwrap();
    let mut sinks = Vec::new();
    for _ in 0..healthy {
        sinks.push(sink::start().await);
    }
    let mut ports: Vec<u16> = sinks.iter().map(|sink| sink.port).collect();
    ports.extend(others(beside).await);
    let port = free_port();
    let config = dir.path().join("config.yaml");
    configure(&config, port, &ports);
    let server = Command::new(env!("CARGO_BIN_EXE_crossconnect"))
        .args(["serve", "--config", config.to_str().unwrap()])
        .env("RUST_LOG", "error")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _server = Server(server);
    load::ready(port, "/readyz").await;
    let (count, start) = (bodies.len(), Instant::now());
    let load::Run { mut latencies, took } = load::run(&[port], "/hooks/netbox", bodies, CONNECTIONS).await;
    while sinks.iter().any(|sink| sink.count() < count) {
        assert!(start.elapsed() < Duration::from_secs(300), "not everything arrived");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let last = sinks.iter().map(sink::Sink::last).max().unwrap();
    latencies.sort_unstable();
    Round {
        beside,
        accepted_per_second: count as f64 / took.as_secs_f64(),
        delivered_per_second: (count * healthy) as f64 / last.duration_since(start).as_secs_f64(),
        p99: latencies[latencies.len() * 99 / 100],
    }
}

/// Where those listen that stand beside.
async fn others(beside: Beside) -> Vec<u16> {
    match beside {
        Beside::Nobody => Vec::new(),
        Beside::Healthy => vec![sink::start().await.port, sink::start().await.port, sink::start().await.port],
        Beside::Sick => vec![hangs().await, free_port(), resets().await],
    }
}

/// Takes connections and requests, and never answers.
async fn hangs() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    port
}

/// Takes connections and, when a request comes, resets them.
async fn resets() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Dropped with bytes that nobody read.
            tokio::spawn(async move { stream.readable().await });
        }
    });
    port
}

/// Every webhook goes to every receiver. Retries come fast, so that sick ones are tried all the time.
fn configure(config: &Path, port: u16, ports: &[u16]) {
    let mut text = format!(
        "ingress: {{ listen: 127.0.0.1:{port} }}\nadmin: {{ listen: 127.0.0.1:{} }}\nstate: sqlite:state.db\n\
         egress: {{ allow: [127.0.0.0/8] }}\n\
         sources: {{ netbox: {{ adapter: netbox, secrets: [{SECRET}] }} }}\ndestinations:\n",
        free_port(),
    );
    let waits = vec!["1s"; 60].join(", ");
    for port in ports {
        writeln!(
            text,
            "  to-{port}: {{ url: \"http://127.0.0.1:{port}/\", sign: {{ secrets: [bench-secret] }}, timeout: 2s, retry: [{waits}] }}"
        )
        .unwrap();
    }
    let names: Vec<String> = ports.iter().map(|port| format!("to-{port}")).collect();
    writeln!(text, "routes: [{{ name: all, to: [{}] }}]", names.join(", ")).unwrap();
    std::fs::write(config, text).unwrap();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print(results: &[Round], webhooks: usize, healthy: usize) {
    println!(
        "\nNetBox device updates of about 5 KB, {webhooks} a round, each to {healthy} healthy receivers; medians\n"
    );
    println!("| the healthy receivers | delivered/s to them | accepted/s | answer p99 ms |");
    println!("| --- | --- | --- | --- |");
    let mut rates = Vec::new();
    for (beside, name) in ARMS {
        let rounds: Vec<&Round> = results.iter().filter(|round| round.beside == beside).collect();
        let of = |field: fn(&Round) -> f64| median(rounds.iter().map(|round| field(round)).collect());
        let rate = of(|round| round.delivered_per_second);
        let accepted = of(|round| round.accepted_per_second);
        let p99 = of(|round| round.p99.as_secs_f64() * 1000.0);
        println!("| {name} | {rate:.0} | {accepted:.0} | {p99:.2} |");
        rates.push(rate);
    }
    println!(
        "\nbeside sick ones: {:.2} x the rate alone, {:.2} x the rate beside healthy ones",
        rates[2] / rates[0],
        rates[2] / rates[1]
    );
}
