//! The whole walk under load, next to a bare hyper server that does the same HMAC and JSON parse.
//!
//! `cargo bench --bench walk` starts the gateway, the bare server (each a process of its own), the
//! load and the receiver, runs the arms in turn and prints a table. Ratios within one run are what
//! counts; the machine's own rates are not. `ROUNDS` and `WEBHOOKS` set the size.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark ends at the first surprise")]

mod walk {
    pub mod bare;
    pub mod load;
    pub mod sink;
}

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use walk::{bare, load, sink};

const CONNECTIONS: usize = 32;
pub const SECRET: &str = "netbox-s3cret";

/// One round of one arm.
struct Round {
    arm: &'static str,
    accepted_per_second: f64,
    /// From the first request to the last arrival.
    delivered_per_second: Option<f64>,
    p50: Duration,
    p99: Duration,
    /// Seconds of CPU of the server per 1,000 webhooks.
    cpu: f64,
}

fn main() {
    if std::env::args().any(|arg| arg == "--bare") {
        return bare::serve();
    }
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (rounds, webhooks) = (number("ROUNDS", 3), number("WEBHOOKS", 20_000));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut results = Vec::new();
    runtime.block_on(async {
        for round in 0..rounds {
            // Made and signed before the clock starts; unique over all rounds and arms.
            results.push(bare_round(load::bodies(webhooks, round * 2)).await);
            results.push(gateway_round(load::bodies(webhooks, round * 2 + 1)).await);
        }
    });
    print(&results, webhooks);
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

async fn bare_round(bodies: Vec<load::Signed>) -> Round {
    let port = free_port();
    let own = std::env::current_exe().unwrap();
    let server = Command::new(own).args(["--bare", &port.to_string()]).spawn().unwrap();
    let server = Server(server);
    load::ready(port, "/livez").await;
    let before = cpu(&server.0);
    let run = load::run(&[port], "/hooks/netbox", bodies, CONNECTIONS).await;
    round("bare hyper: HMAC + parse", run, None, cpu(&server.0) - before)
}

async fn gateway_round(bodies: Vec<load::Signed>) -> Round {
    let dir = tempfile::tempdir().unwrap();
    let sink = sink::start().await;
    let port = free_port();
    let config = dir.path().join("config.yaml");
    configure(&config, port, sink.port);
    let server = Command::new(env!("CARGO_BIN_EXE_crossconnect"))
        .args(["serve", "--config", config.to_str().unwrap()])
        .env("RUST_LOG", "info")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(server);
    load::ready(port, "/readyz").await;
    let before = cpu(&server.0);
    let (count, start) = (bodies.len(), Instant::now());
    let run = load::run(&[port], "/hooks/netbox", bodies, CONNECTIONS).await;
    while sink.count() < count {
        assert!(start.elapsed() < Duration::from_secs(300), "{} of {count} arrived", sink.count());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let all = sink.last().duration_since(start);
    round("crossconnect: the whole walk", run, Some((count, all)), cpu(&server.0) - before)
}

/// Three routes of which one matches and runs a worked script; everything else as shipped.
fn configure(config: &Path, port: u16, sink: u16) {
    std::fs::create_dir_all(config.parent().unwrap().join("scripts")).unwrap();
    std::fs::write(config.parent().unwrap().join("scripts/shape.rhai"), SHAPE).unwrap();
    let text = format!(
        "ingress: {{ listen: 127.0.0.1:{port} }}\nadmin: {{ listen: 127.0.0.1:{} }}\nstate: sqlite:state.db\n\
         egress: {{ allow: [127.0.0.0/8] }}\n\
         sources: {{ netbox: {{ adapter: netbox, secrets: [{SECRET}] }} }}\n\
         destinations:\n  sink: {{ url: \"http://127.0.0.1:{sink}/\", sign: {{ secrets: [bench-secret] }}, in_flight: 64 }}\n\
         routes:\n  - {{ name: branches, when: {{ type: infrahub.branch.* }}, to: [sink] }}\n\
         \x20 - {{ name: racks, when: {{ kind: dcim.rack, changed: [status] }}, to: [sink] }}\n\
         \x20 - {{ name: devices, when: {{ kind: dcim.device }}, script: scripts/shape.rhai, to: [sink] }}\n",
        free_port(),
    );
    std::fs::write(config, text).unwrap();
}

const SHAPE: &str = r#"
fn filter(event) { event.object != () && event.object.name != () }
fn transform(event) {
    let changed = [];
    for change in event.changes { changed.push(change.field); }
    #{ device: event.object.name, action: event.action, by: event.actor.name, changed: changed, site: event.data.site.slug }
}
"#;

fn round(arm: &'static str, run: load::Run, delivered: Option<(usize, Duration)>, cpu: f64) -> Round {
    let load::Run { mut latencies, took } = run;
    latencies.sort_unstable();
    let count = latencies.len();
    let at = |share: f64| latencies[((count as f64 * share) as usize).min(count - 1)];
    Round {
        arm,
        accepted_per_second: count as f64 / took.as_secs_f64(),
        delivered_per_second: delivered.map(|(count, took)| count as f64 / took.as_secs_f64()),
        p50: at(0.5),
        p99: at(0.99),
        cpu: cpu / count as f64 * 1000.0,
    }
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
        "\nNetBox device updates of about 5 KB, {webhooks} a round, {CONNECTIONS} connections, closed loop; medians\n"
    );
    println!("| arm | accepted/s | delivered/s | answer p50 ms | answer p99 ms | CPU s/1000 |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut medians = Vec::new();
    for arm in [results[0].arm, results[1].arm] {
        let rounds: Vec<&Round> = results.iter().filter(|round| round.arm == arm).collect();
        let of = |field: fn(&Round) -> f64| median(rounds.iter().map(|round| field(round)).collect());
        let ms = |field: fn(&Round) -> Duration| {
            median(rounds.iter().map(|round| field(round).as_secs_f64() * 1000.0).collect())
        };
        let (accepted, cpu) = (of(|round| round.accepted_per_second), of(|round| round.cpu));
        let delivered = of(|round| round.delivered_per_second.unwrap_or(0.0));
        let delivered = if delivered > 0.0 { format!("{delivered:.0}") } else { "–".to_owned() };
        let (p50, p99) = (ms(|round| round.p50), ms(|round| round.p99));
        println!("| {arm} | {accepted:.0} | {delivered} | {p50:.2} | {p99:.2} | {cpu:.3} |");
        medians.push((accepted, cpu));
    }
    let ((bare, bare_cpu), (ours, our_cpu)) = (medians[0], medians[1]);
    println!("\nratio to bare: {:.2} x the rate, {:.1} x the CPU", ours / bare, our_cpu / bare_cpu);
}
