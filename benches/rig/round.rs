//! One closed-loop run through servers that are up, and what it cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cpu::cpu;
use super::event::Signed;
use super::figures::median;
use super::load;
use super::process::Server;
use super::sink::Sink;

/// How long what is written after the last arrival may take, to be counted with it.
const AFTERMATH: Duration = Duration::from_millis(200);

pub struct Round {
    pub accepted_per_second: f64,
    /// From the first request to the last arrival.
    pub delivered_per_second: f64,
    /// Of the answers, in milliseconds.
    pub p50: f64,
    pub p99: f64,
    /// Seconds of CPU of the servers per 1,000 events.
    pub cpu: f64,
}

/// The rounds of one arm.
#[derive(Default)]
pub struct Arm(Vec<Round>);

impl Arm {
    pub fn add(&mut self, round: Round) {
        self.0.push(round);
    }

    pub fn median(&self, field: fn(&Round) -> f64) -> f64 {
        median(self.0.iter().map(field))
    }

    /// Its cells in a table of arms.
    pub fn cells(&self) -> String {
        format!(
            "{:.0} | {:.0} | {:.2} | {:.2} | {:.3}",
            self.median(|round| round.accepted_per_second),
            self.median(|round| round.delivered_per_second),
            self.median(|round| round.p50),
            self.median(|round| round.p99),
            self.median(|round| round.cpu)
        )
    }
}

/// Sends all webhooks and waits until all arrived.
pub async fn measure(servers: &[(&Server, u16)], sink: &Sink, webhooks: Vec<Signed>) -> Round {
    let (count, webhooks) = (webhooks.len() as f64, Arc::new(webhooks));
    let ports: Vec<u16> = servers.iter().map(|(_, port)| *port).collect();
    let spent = || servers.iter().map(|(server, _)| cpu(server)).sum::<f64>();
    let (before, start) = (spent(), Instant::now());
    let run = load::run(&ports, &webhooks).await;
    let last = sink.all().await.into_iter().max().unwrap();
    tokio::time::sleep(AFTERMATH).await;
    Round {
        accepted_per_second: count / run.took.as_secs_f64(),
        delivered_per_second: count / last.duration_since(start).as_secs_f64(),
        p50: percentile(&run.latencies, 0.5),
        p99: percentile(&run.latencies, 0.99),
        cpu: (spent() - before) / count * 1e3,
    }
}

/// The duration, in milliseconds, that this share of them does not exceed.
pub fn percentile(durations: &[Duration], share: f64) -> f64 {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    assert!(!sorted.is_empty(), "nothing was measured");
    sorted[((sorted.len() as f64 * share) as usize).min(sorted.len() - 1)].as_secs_f64() * 1e3
}
