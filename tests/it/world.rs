//! The real gateway on port 0 with a temporary SQLite file, a manual clock and recording receivers.
//!
//! [`World::finish`] checks the ledger; a world that is dropped without it fails the test.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crossconnect::app::App;
use crossconnect::clock::ManualClock;
use crossconnect::config::Config;
use crossconnect::model::Timestamp;
use crossconnect::rules::Rules;
use crossconnect::store::Ledger;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use crate::receiver::Receiver;

type Http = Client<HttpConnector, Full<Bytes>>;

pub struct World {
    pub clock: Arc<ManualClock>,
    pub receiver: Receiver,
    pub dir: TempDir,
    app: Option<App>,
    http: Http,
}

/// An answer of the gateway.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Value,
}

/// A time at which all recorded signatures of the worlds' own requests are fresh.
pub fn start_of_time() -> Timestamp {
    "2026-11-22T07:00:00Z".parse().unwrap()
}

impl World {
    /// Starts a gateway. `config` is the YAML below the addresses and the state; `{receiver}` in it
    /// stands for the receiver's `http://127.0.0.1:port`.
    pub async fn start(config: &str) -> Self {
        Self::start_with(config, &[]).await
    }

    /// As [`World::start`], with files (path relative to the config, text) beside the config.
    pub async fn start_with(config: &str, files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Receiver::start().await;
        for (path, text) in files {
            write(&dir.path().join(path), text);
        }
        let clock = ManualClock::at(start_of_time());
        let mut world = Self {
            clock,
            receiver,
            dir,
            app: None,
            http: Client::builder(TokioExecutor::new()).build_http(),
        };
        world.boot(config).await;
        world
    }

    async fn boot(&mut self, config: &str) {
        let rules = self.rules(config);
        self.app = Some(App::start(rules, self.clock.clone()).await.unwrap());
    }

    fn rules(&self, config: &str) -> Rules {
        let head = "ingress: { listen: 127.0.0.1:0 }\nadmin: { listen: 127.0.0.1:0 }\nstate: sqlite:state.db\n\
                    egress: { allow: [127.0.0.0/8] }\n";
        let head = head.lines().filter(|line| {
            let key = line.split(':').next().unwrap();
            !config.lines().any(|own| own.split(':').next() == Some(key))
        });
        let head: Vec<&str> = head.collect();
        let receiver = self.receiver.url("");
        let text = format!("{}\n{}", head.join("\n"), config.replace("{receiver}", &receiver));
        let file = self.dir.path().join("config.yaml");
        write(&file, &text);
        Rules::load(file.to_str().unwrap()).unwrap_or_else(|problems| {
            panic!("{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>())
        })
    }

    /// Swaps the rules, as a reload would, with a last word on the checked config.
    pub fn reconfigure(&self, config: &str, change: impl FnOnce(&mut Config)) {
        let mut rules = self.rules(config);
        change(&mut rules.config);
        self.app().swap(rules);
    }

    /// Stops the gateway and starts it again on the same state.
    pub async fn restart(&mut self, config: &str) {
        self.app.take().unwrap().drain().await;
        self.boot(config).await;
    }

    pub fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    /// Sends a request to the ingress address.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.request(self.app().ingress, method, path, headers, body.into()).await
    }

    /// Sends a JSON body to `/hooks/{source}`.
    pub async fn post(&self, source: &str, body: &Value) -> Answer {
        self.send("POST", &format!("/hooks/{source}"), &[], body.to_string()).await
    }

    /// Asks the admin API.
    pub async fn admin(&self, method: &str, path: &str) -> Answer {
        self.request(self.app().admin, method, path, &[], Bytes::new()).await
    }

    /// Has the admin API do something.
    pub async fn steer(&self, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.request(self.app().admin, "POST", path, &headers, body.to_string().into()).await
    }

    async fn request(
        &self,
        to: std::net::SocketAddr,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Answer {
        let mut request = http::Request::builder().method(method).uri(format!("http://{to}{path}"));
        for (name, value) in headers {
            request = request.header(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let response = self.http.request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (parts, mut body) = response.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            bytes.extend_from_slice(frame.unwrap().data_ref().unwrap());
        }
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub async fn ledger(&self) -> Ledger {
        self.app().store.ledger().await.unwrap()
    }

    /// Waits until `done` says so; fails after a time no healthy run takes.
    pub async fn until(&self, what: &str, done: impl AsyncFn(&Self) -> bool) {
        for _ in 0..2000 {
            if done(self).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("this never came true: {what}; {:?}", self.ledger().await);
    }

    /// Waits until `count` requests arrived at the receiver.
    pub async fn arrived(&self, count: usize) {
        self.until(&format!("{count} requests arrived"), async |world| {
            world.receiver.received().len() >= count
        })
        .await;
    }

    /// Waits until the newest delivery has so many attempts on record. A request that arrived may
    /// not be settled yet, and its next attempt is due from then on.
    pub async fn tried(&self, attempts: u64) {
        self.until(&format!("{attempts} attempts are on record"), async |world| {
            world.admin("GET", "/api/v1/deliveries").await.body["items"][0]["attempts"] == attempts
        })
        .await;
    }

    /// Waits until nothing is pending.
    pub async fn settled(&self) {
        self.until("nothing is pending", async |world| world.ledger().await.pending == 0).await;
    }

    /// The ledger adds up and nothing is pending; then the gateway drains.
    pub async fn finish(self) -> Ledger {
        self.settled().await;
        self.finish_with_pending(0).await
    }

    /// As [`World::finish`], with so many events that are meant to be pending still.
    pub async fn finish_with_pending(mut self, pending: u64) -> Ledger {
        let ledger = self.ledger().await;
        assert_eq!(ledger.pending, pending, "{ledger:?}");
        let Ledger { delivered, filtered, unmatched, coalesced, superseded, dead, cancelled, .. } = ledger;
        let sum = delivered + filtered + unmatched + coalesced + superseded + dead + cancelled + pending;
        assert_eq!(ledger.accepted, sum, "the ledger must add up: {ledger:?}");
        self.app.take().unwrap().drain().await;
        ledger
    }
}

impl Drop for World {
    fn drop(&mut self) {
        assert!(
            self.app.is_none() || std::thread::panicking(),
            "a world must end with finish(), so that its ledger is checked"
        );
    }
}

/// The n-th change of an object, as a body for the generic adapter.
pub fn change(id: &str, n: u64) -> Value {
    json!({"type": "lab.thing.updated", "object": {"kind": "thing", "id": id}, "data": {"n": n}})
}

pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
