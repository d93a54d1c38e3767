//! The gateway as a process of its own, default build, with the config that every benchmark shares.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crossconnect::script::shipped;
use tempfile::TempDir;

use super::process::{Server, free_port};
use super::{event, load, sink};

/// What the arms of a benchmark do differently.
#[derive(Clone)]
pub struct Setup {
    /// Of config, scripts and SQLite's files.
    pub folder: Arc<TempDir>,
    pub state: String,
    /// Where the receiver listens (until there is one: a port that nobody has), and where others do
    /// that get the same events.
    pub sink: u16,
    pub beside: Vec<u16>,
    /// How many routes are asked; the last one matches.
    pub routes: usize,
    /// Whether it runs the shipped script.
    pub script: bool,
}

impl Setup {
    /// A fresh SQLite file, three routes and the script.
    pub fn fresh() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let state = "sqlite:state.db".to_owned();
        Self { folder, state, sink: 1, beside: Vec::new(), routes: 3, script: true }
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }

    /// The config for this port. Events about sites wait for a receiver that is away.
    pub fn text(&self, port: u16) -> String {
        let mut text = format!(
            "ingress: {{ listen: 127.0.0.1:{port} }}\nadmin: {{ listen: 127.0.0.1:{} }}\nstate: {}\n\
             egress: {{ allow: [127.0.0.0/8] }}\n\
             sources: {{ netbox: {{ adapter: netbox, secrets: [{}] }} }}\ndestinations:\n",
            free_port(),
            self.state,
            event::SECRET,
        );
        let mut to = vec!["sink".to_owned()];
        // Whoever was away or hung is tried again soon, so that little of what is measured is waiting.
        let often = format!(", timeout: 2s, retry: [{}]", ["1s"; 60].join(", "));
        destination(&mut text, "sink", self.sink, &format!("{often}, breaker: {{ open: 1s }}"));
        destination(&mut text, "away", free_port(), "");
        for port in &self.beside {
            to.push(format!("beside-{port}"));
            destination(&mut text, &format!("beside-{port}"), *port, &often);
        }
        text.push_str("routes:\n");
        for route in 1..self.routes {
            let when = match route {
                1 => "{ kind: dcim.site }".to_owned(),
                2 => "{ type: infrahub.branch.* }".to_owned(),
                other => format!("{{ kind: dcim.part{other}, changed: [status] }}"),
            };
            writeln!(text, "  - {{ name: other-{route}, when: {when}, to: [away] }}").unwrap();
        }
        let script = if self.script { "script: scripts/device_status.rhai, " } else { "" };
        let to = to.join(", ");
        writeln!(text, "  - {{ name: devices, when: {{ kind: dcim.device }}, {script}to: [{to}] }}").unwrap();
        text
    }

    /// Writes the files that a config names and does not hold.
    pub fn write_scripts(&self) {
        for (file, text) in shipped() {
            write(&self.folder.path().join(file), text);
        }
    }
}

fn destination(text: &mut String, name: &str, port: u16, more: &str) {
    let secret = sink::SECRET;
    let url = format!("http://127.0.0.1:{port}/");
    writeln!(text, "  {name}: {{ url: \"{url}\", sign: {{ secrets: [{secret}] }}, in_flight: 64{more} }}")
        .unwrap();
}

fn write(file: &Path, text: &str) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// A running gateway.
pub struct Gateway {
    pub server: Server,
    pub port: u16,
    _folder: Arc<TempDir>,
}

impl Gateway {
    /// Starts one and waits until it is ready.
    pub async fn start(setup: &Setup) -> Self {
        let port = free_port();
        setup.write_scripts();
        write(&setup.config(), &setup.text(port));
        let mut command = Command::new(env!("CARGO_BIN_EXE_crossconnect"));
        command
            .arg("serve")
            .arg("--config")
            .arg(setup.config())
            .env("RUST_LOG", "info")
            .stderr(Stdio::null());
        let server = Server::start(&mut command);
        load::ready(port, "/readyz").await;
        Self { server, port, _folder: setup.folder.clone() }
    }
}
