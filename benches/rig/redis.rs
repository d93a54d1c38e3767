//! A redis-server for one benchmark, with `appendfsync everysec`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::process::{Server, free_port};

pub struct Redis {
    pub port: u16,
    _folder: tempfile::TempDir,
}

impl Redis {
    /// Starts one, with its files in a folder of its own.
    pub fn start() -> (Server, Self) {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", "everysec", "--dir", folder.path().to_str().unwrap()])
            .stdout(Stdio::null());
        let (server, redis) = (Server::start(&mut command), Self { port, _folder: folder });
        let start = Instant::now();
        while redis.cli(&["ping"]) != "PONG" {
            assert!(start.elapsed() < Duration::from_secs(10), "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        (server, redis)
    }

    /// Empties it; the URL of the state in it.
    pub fn fresh(&self) -> String {
        assert_eq!(self.cli(&["flushall"]), "OK");
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub fn cli(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(words).output();
        let output = output.expect("redis-cli has to be installed");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}
