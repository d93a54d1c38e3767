//! Real Redis servers on loopback, each in a folder of its own, ended with the test.
//!
//! `redis-server` and `redis-cli` have to be installed. Everything here blocks: a server is up when
//! `start` returns, and may be kept in a `static`.

mod authority;
mod chopper;
mod cluster;
mod options;
mod resp;
mod sentinels;
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::process::free_port;
use crate::program::Program;
use crate::world::write;

pub use self::chopper::{Chopper, Reply};
pub use self::cluster::Cluster;
pub use self::options::Options;
pub use self::sentinels::Sentinels;

/// How long anything may take that a healthy server does in a second or two.
const PATIENCE: Duration = Duration::from_secs(30);

/// One server.
#[derive(Debug)]
pub struct Server {
    options: Options,
    port: u16,
    program: Program,
    folder: TempDir,
}

impl Server {
    /// Starts a server and waits until it answers.
    pub fn start(options: Options) -> Self {
        let mut end = String::new();
        for _ in 0..5 {
            // Another program may take the port in between: then another port is tried.
            let port = free_port();
            let folder = tempfile::tempdir().unwrap();
            options.lay_out(folder.path(), port);
            let program = run(folder.path(), &options);
            let mut server = Self { options: options.clone(), port, program, folder };
            match server.until_up() {
                Ok(()) => return server,
                Err(last) => end = last,
            }
        }
        panic!("redis-server does not start: {end}");
    }

    /// What a config or a client is given, without a query.
    pub fn url(&self) -> String {
        let login = self.options.login();
        match (self.options.unix, self.options.tls) {
            (true, _) => format!("redis+unix://{}", self.socket().display()),
            (false, true) => format!("rediss://{login}127.0.0.1:{}/0", self.port),
            (false, false) => format!("redis://{login}127.0.0.1:{}/0", self.port),
        }
    }

    /// Meaningless where it listens on a socket file only.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// The authority that its certificate (for 127.0.0.1 and localhost) is of.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate of the same authority for clients, and its key.
    pub fn client_certificate(&self) -> (PathBuf, PathBuf) {
        (self.folder.path().join("client.pem"), self.folder.path().join("client.key"))
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("redis.log")).unwrap_or_default()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// SIGSTOP: connections stay open, and nothing is answered.
    pub fn stop(&self) {
        self.program.stop();
    }

    pub fn go_on(&self) {
        self.program.go_on();
    }

    /// Kills it if it still runs, and starts it on the same port and folder: with what it had
    /// appended to its file, or empty if it keeps none.
    pub fn restart(&mut self) {
        self.kill();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            self.program = run(self.folder.path(), &self.options);
            if self.until_up().is_ok() {
                return;
            }
        }
        panic!("redis-server does not start again: {}", self.last_words());
    }

    /// What `redis-cli` prints for a command; an error ends the test.
    pub fn cli(&self, command: &[&str]) -> String {
        self.ask(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// What `redis-cli` prints for a command, or its error. Who asks may do everything.
    pub fn ask(&self, command: &[&str]) -> Result<String, String> {
        let mut cli = Command::new("redis-cli");
        cli.args(["-e", "--raw"]).stdin(Stdio::null());
        if self.options.unix {
            cli.arg("-s").arg(self.socket());
        } else {
            cli.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        }
        if self.options.tls {
            let (certificate, key) = self.client_certificate();
            cli.arg("--tls").arg("--cacert").arg(self.ca());
            cli.arg("--cert").arg(certificate).arg("--key").arg(key);
        }
        if let Some((user, password)) = self.options.master_key() {
            cli.args(["--user", user, "--no-auth-warning"]).env("REDISCLI_AUTH", password);
        }
        let done = cli.args(command).output().unwrap_or_else(|error| {
            panic!("redis-cli has to be installed (apt-get install redis-tools): {error}")
        });
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let (out, err) = (text(&done.stdout), text(&done.stderr));
        if done.status.success() { Ok(out) } else { Err(format!("{out}{err}")) }
    }

    /// A line of `INFO`.
    pub fn info(&self, name: &str) -> String {
        let info = self.cli(&["INFO", "everything"]);
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| *key == name).map_or(String::new(), |(_, value)| value.trim().to_owned())
    }

    /// Waits until it answers; fails if it ended. A server that still reads its file is not up.
    fn until_up(&mut self) -> Result<(), String> {
        let mut answer = Ok(String::new());
        let begun = Instant::now();
        while !self.program.has_ended() {
            answer = self.ask(&["PING"]);
            if answer.as_deref() == Ok("PONG") {
                return Ok(());
            }
            assert!(begun.elapsed() < PATIENCE, "no answer, {answer:?}: {}", self.last_words());
            pause();
        }
        Err(format!("{answer:?}: {}", self.last_words()))
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// Starts the server of a folder.
fn run(folder: &Path, options: &Options) -> Program {
    let log = File::options().create(true).append(true).open(folder.join("redis.log")).unwrap();
    let mut command = Command::new("redis-server");
    command.arg("redis.conf").args(options.sentinel.then_some("--sentinel")).current_dir(folder);
    Program::spawn(command.stdout(log.try_clone().unwrap()).stderr(log), "redis-server")
}

/// Asks again and again, for as long as a healthy server may take.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
        pause();
    }
}

fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}
