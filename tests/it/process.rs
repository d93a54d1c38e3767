//! The gateway as a process of its own, to be killed.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::program::Program;

pub type Http = Client<HttpConnector, Full<Bytes>>;

pub fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

/// A running gateway; killed when dropped.
pub struct Gateway {
    program: Program,
    config: PathBuf,
    log: Option<PathBuf>,
}

impl Gateway {
    pub fn spawn(config: &Path) -> Self {
        Self { program: run(config, None), config: config.to_owned(), log: None }
    }

    /// Its warnings go to the end of a file.
    pub fn spawn_with_log(config: &Path, log: &Path) -> Self {
        Self { program: run(config, Some(log)), config: config.to_owned(), log: Some(log.to_owned()) }
    }

    pub fn kill_and_restart(&mut self) {
        self.program.kill();
        self.program = run(&self.config, self.log.as_deref());
    }

    /// SIGSTOP: its connections stay open, and nothing is answered.
    pub fn stop(&self) {
        self.program.stop();
    }

    pub fn go_on(&self) {
        self.program.go_on();
    }
}

fn run(config: &Path, log: Option<&Path>) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crossconnect"));
    command.arg("serve").arg("--config").arg(config).stdout(Stdio::null());
    match log {
        None => command.env("RUST_LOG", "error"),
        Some(log) => {
            let log = File::options().create(true).append(true).open(log).unwrap();
            command.env("RUST_LOG", "warn").env("NO_COLOR", "1").stderr(log)
        }
    };
    Program::spawn(&mut command, "crossconnect")
}

/// A port of loopback that nobody has. Clients get theirs from a range above (32768 and up on
/// Linux), so that a server that was killed can come back on it.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap();
    loop {
        let port = fastrand::u16(12_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && given.insert(port) {
            return port;
        }
    }
}

/// Posts once; the status, if an answer came.
pub async fn post(http: &Http, url: &str, headers: &[(String, String)], body: &Bytes) -> Option<u16> {
    let mut request = http::Request::post(url);
    for (name, value) in headers {
        request = request.header(name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let request = request.body(Full::new(body.clone())).unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(20), http.request(request)).await.ok()?;
    answer.ok().map(|answer| answer.status().as_u16())
}

/// Posts until it is answered 200, as a sender that is worth its name.
pub async fn post_until_taken(http: &Http, url: &str, headers: &[(String, String)], body: &Bytes) {
    while post(http, url, headers, body).await != Some(200) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The JSON that a GET gives.
pub async fn get(http: &Http, url: &str) -> Option<serde_json::Value> {
    let request = http::Request::get(url).body(Full::default()).unwrap();
    let mut body = http.request(request).await.ok()?.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        bytes.extend_from_slice(frame.ok()?.data_ref()?);
    }
    serde_json::from_slice(&bytes).ok()
}

/// The status that a GET gives, if an answer comes soon.
pub async fn status(http: &Http, url: &str) -> Option<u16> {
    let request = http.request(http::Request::get(url).body(Full::default()).unwrap());
    let answer = tokio::time::timeout(Duration::from_secs(1), request).await.ok()?;
    answer.ok().map(|answer| answer.status().as_u16())
}

/// The ledger of a gateway, once nothing is pending any more; the last one seen if that never is.
pub async fn settled(http: &Http, admin: u16) -> serde_json::Value {
    let stats = format!("http://127.0.0.1:{admin}/api/v1/stats");
    let mut ledger = serde_json::Value::Null;
    for _ in 0..3000 {
        if let Some(body) = get(http, &stats).await {
            ledger = body["events"].clone();
            if ledger["pending"] == 0 {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ledger
}
