//! Several gateways on one state, nginx in front of them, one receiver behind them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::arrivals::{Arrival, Late, Told, check};
use super::front::Front;
use super::webhook::SECRET;
use crate::process::{Gateway, Http, free_port, get, http, status};
use crate::receiver::Receiver;
use crate::world::write;

/// Of attempts. Longer than anything takes that is not meant to.
const TIMEOUT: &str = "5s";
/// How long the number of pending events may stand still: longer than any lease runs.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Flock {
    pub receiver: Receiver,
    pub http: Http,
    pub front: Front,
    members: Vec<Member>,
    _folder: TempDir,
}

/// One gateway.
struct Member {
    /// `None`: it never ran.
    gateway: Option<Gateway>,
    ingress: u16,
    admin: u16,
    config: PathBuf,
    log: PathBuf,
}

impl Flock {
    /// Of `size` gateways, all started. `state` is what their configs say.
    pub async fn start(state: &str, size: usize) -> Self {
        let mut flock = Self::asleep(state, size).await;
        for n in 0..size {
            flock.wake(n).await;
        }
        flock
    }

    /// None of its gateways is started.
    pub async fn asleep(state: &str, size: usize) -> Self {
        let receiver = Receiver::start().await;
        // One of seventeen is refused, so that retries and later changes compete.
        receiver.answer(|n, _| if n % 17 == 3 { 500 } else { 200 });
        let folder = tempfile::tempdir().unwrap();
        let members: Vec<Member> = (0..size)
            .map(|n| Member::lay_out(folder.path().join(format!("gateway-{n}")), state, &receiver))
            .collect();
        let front = Front::start(&folder.path().join("front"), members.iter().map(|m| m.ingress)).await;
        Self { receiver, http: http(), front, members, _folder: folder }
    }

    /// Starts a gateway and waits until it is ready.
    pub async fn wake(&mut self, n: usize) {
        let member = &mut self.members[n];
        member.gateway = Some(Gateway::spawn_with_log(&member.config, &member.log));
        self.until_ready(n).await;
    }

    pub async fn until_ready(&self, n: usize) {
        let url = format!("http://127.0.0.1:{}/readyz", self.members[n].admin);
        self.until(&format!("gateway {n} is ready"), async || status(&self.http, &url).await == Some(200))
            .await;
    }

    /// Waits for something that happens soon.
    pub async fn until(&self, what: &str, done: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !done().await {
            assert!(begun.elapsed() < PATIENCE, "not in {PATIENCE:?}: {what}\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn size(&self) -> usize {
        self.members.len()
    }

    pub fn gateway(&mut self, n: usize) -> &mut Gateway {
        self.members[n].gateway.as_mut().unwrap()
    }

    /// What a gateway logged, from warnings on.
    pub fn log(&self, n: usize) -> String {
        std::fs::read_to_string(&self.members[n].log).unwrap()
    }

    /// Where senders post, and each time another gateway answers.
    pub fn hook(&self) -> String {
        self.front.url("/hooks/netbox")
    }

    /// Where one gateway takes webhooks.
    pub fn hook_of(&self, n: usize) -> String {
        format!("http://127.0.0.1:{}/hooks/netbox", self.members[n].ingress)
    }

    /// Asks a gateway's admin API.
    pub async fn ask(&self, n: usize, path: &str) -> Option<Value> {
        get(&self.http, &format!("http://127.0.0.1:{}/api/v1/{path}", self.members[n].admin)).await
    }

    /// The ledger, once nothing is pending any more.
    pub async fn settled(&self) -> Value {
        let (mut ledger, mut moved) = (Value::Null, Instant::now());
        while ledger["pending"] != 0 {
            let stats = self.ask(0, "stats").await.unwrap_or(Value::Null);
            if !stats["events"].is_null() && ledger != stats["events"] {
                (ledger, moved) = (stats["events"].clone(), Instant::now());
            }
            assert!(moved.elapsed() < PATIENCE, "nothing moves any more: {ledger}\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ledger
    }

    /// Every gateway tells that all the events were delivered and that none is anything else.
    pub async fn check_ledgers(&self, total: usize) {
        self.settled().await;
        for n in 0..self.size() {
            let stats = self.ask(n, "stats").await.unwrap();
            let mut expected = stats["events"].clone();
            for (line, count) in expected.as_object_mut().unwrap() {
                *count = json!(if line == "accepted" || line == "delivered" { total } else { 0 });
            }
            assert_eq!(stats["events"], expected, "gateway {n}\n{}", self.logs());
            let left = stats["pending"].as_object().unwrap().values().filter(|count| **count != 0);
            assert_eq!(left.count(), 0, "gateway {n}: {stats}");
        }
    }

    /// Checks what arrived of these objects and their changes.
    pub fn check(&self, sent: &BTreeMap<u64, u64>, late: Late) -> Told {
        let arrivals: Vec<Arrival> = self.receiver.received().iter().map(Arrival::of).collect();
        check(&arrivals, sent, late).unwrap_or_else(|wrong| panic!("{wrong}\n{}", self.logs()))
    }

    /// The end of all logs.
    fn logs(&self) -> String {
        let last = |n| {
            let log = self.log(n);
            let lines: Vec<&str> = log.lines().rev().take(15).collect();
            format!("gateway {n}:\n{}\n", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
        };
        (0..self.size()).filter(|n| self.members[*n].gateway.is_some()).map(last).collect()
    }
}

impl Member {
    fn lay_out(folder: PathBuf, state: &str, receiver: &Receiver) -> Self {
        let (ingress, admin) = (free_port(), free_port());
        let config = folder.join("config.yaml");
        let waits = vec!["50ms"; 100].join(", ");
        write(
            &config,
            &format!(
                "ingress: {{ listen: 127.0.0.1:{ingress} }}\nadmin: {{ listen: 127.0.0.1:{admin} }}\n\
                 state: \"{state}\"\negress: {{ allow: [127.0.0.0/8] }}\n\
                 sources: {{ netbox: {{ adapter: netbox, secrets: [{SECRET}] }} }}\n\
                 destinations:\n  tool:\n    url: \"{}\"\n    sign: none\n    timeout: {TIMEOUT}\n    \
                 connect_timeout: {TIMEOUT}\n    breaker: off\n    retry: [{waits}]\n\
                 routes: [{{ name: all, to: [tool] }}]\n",
                receiver.url("/tool")
            ),
        );
        Self { gateway: None, ingress, admin, config, log: folder.join("gateway.log") }
    }
}
