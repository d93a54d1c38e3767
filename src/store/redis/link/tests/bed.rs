//! Servers that live as long as a test.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::config::{Durability, MaxMemory, Redis, RedisServers};

/// A running server.
pub(super) struct Server {
    process: Child,
    pub(super) port: u16,
    _folder: TempDir,
    arguments: Vec<String>,
    kind: &'static str,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    /// A plain one, with further settings as they stand on its command line.
    pub(super) fn start(settings: &[&str]) -> Self {
        Self::start_on(free_port(), settings)
    }

    pub(super) fn start_on(port: u16, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments: Vec<String> =
            ["--port", &port.to_string(), "--save", "", "--dir", folder.path().to_str().unwrap()]
                .map(str::to_owned)
                .to_vec();
        arguments.extend(settings.iter().map(|&setting| setting.to_owned()));
        Self::run("redis-server", port, folder, arguments)
    }

    /// A sentinel, with the lines of its file.
    pub(super) fn sentinel(lines: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let file = folder.path().join("sentinel.conf");
        std::fs::write(&file, format!("port {port}\n{lines}")).unwrap();
        Self::run(
            "redis-server",
            port,
            folder,
            vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()],
        )
    }

    fn run(kind: &'static str, port: u16, folder: TempDir, arguments: Vec<String>) -> Self {
        let process = spawn(kind, &arguments);
        let server = Self { process, port, _folder: folder, arguments, kind };
        server.wait();
        server
    }

    /// It answers once it listens everywhere.
    fn wait(&self) {
        eventually("the server to start", || !self.cli(&["ping"]).is_empty());
    }

    pub(super) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub(super) fn restart(&mut self) {
        self.kill();
        self.process = spawn(self.kind, &self.arguments);
        self.wait();
    }

    /// What `redis-cli` says.
    pub(super) fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes the user `gate` with these rules.
    pub(super) fn user(&self, rules: &str) {
        let mut command = vec!["acl", "setuser", "gate", "on", ">hunter2"];
        command.extend(rules.split_whitespace());
        assert_eq!(self.cli(&command), "OK");
    }

    /// Waits until its replica has all that it has itself.
    pub(super) fn replicates(&self) {
        eventually("the replica to have it all", || {
            let info = self.cli(&["info", "replication"]);
            let field = |name: &str| {
                let (_, rest) = info.split_once(name)?;
                rest.split([',', '\r']).next()?.parse::<u64>().ok()
            };
            field("master_repl_offset:").is_some_and(|all| field(",offset=") == Some(all))
        });
    }

    /// The state in it.
    pub(super) fn state(&self) -> Redis {
        state(RedisServers::One("127.0.0.1".into(), self.port))
    }
}

pub(in crate::store::redis::link) fn state(servers: RedisServers) -> Redis {
    Redis {
        servers,
        user: None,
        password: None,
        database: 0,
        tls: None,
        prefix: "test".into(),
        partitions: 1,
        durability: Durability::Server,
        compress_above: 1024,
        max_memory: MaxMemory::Percent(80),
    }
}

fn spawn(program: &str, arguments: &[String]) -> Child {
    Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Low enough that a cluster's second port exists, and none that connections are made from.
pub(super) fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(10_000..30_000);
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(port) && free(port + 10_000) {
            return port;
        }
    }
}

pub(super) fn eventually(what: &str, is: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
