//! How a server is to be: the lines of its config, and who may log in.

use std::path::Path;

use super::authority::Authority;
use super::{Server, write};

/// Who may do everything where there are users, so that the tests can look.
const HARNESS: (&str, &str) = ("harness", "harness-s3cret");

/// A server that keeps nothing on disk and asks nobody for a password, unless told otherwise.
#[derive(Debug, Clone, Default)]
pub struct Options {
    lines: Vec<String>,
    password: Option<String>,
    users: Vec<(String, String, String)>,
    pub(super) tls: bool,
    pub(super) unix: bool,
    pub(super) sentinel: bool,
}

impl Options {
    /// The password of the default user (`requirepass`).
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// A user with rules like `~prefix* &* +@all`. The default user is off then; the server's URL
    /// names the first one.
    pub fn user(mut self, name: &str, password: &str, rules: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned(), rules.to_owned()));
        self
    }

    /// TLS only; clients may show a certificate.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self.line("tls-auth-clients optional")
    }

    /// TLS only; clients have to show a certificate of the same authority.
    pub fn mutual_tls(mut self) -> Self {
        self.tls = true;
        self.line("tls-auth-clients yes")
    }

    /// No port at all, a socket file.
    pub fn unix(mut self) -> Self {
        self.unix = true;
        self
    }

    /// Keeps a file (`appendonly yes`), with this `appendfsync`.
    pub fn append_only(self, fsync: &str) -> Self {
        self.line("appendonly yes").line(&format!("appendfsync {fsync}"))
    }

    /// `maxmemory` such as `10mb`, and the policy when it is reached.
    pub fn memory(self, limit: &str, policy: &str) -> Self {
        self.line(&format!("maxmemory {limit}")).line(&format!("maxmemory-policy {policy}"))
    }

    /// A replica of that one. The password is taken over.
    pub fn replica_of(mut self, master: &Server) -> Self {
        self.password = self.password.or(master.options.password.clone());
        self.line(&format!("replicaof 127.0.0.1 {}", master.port))
    }

    /// Any further line of the config; the last one of a kind counts.
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// A Sentinel, not a server that keeps data.
    pub(super) fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }

    /// `user:password@` of a URL.
    pub(super) fn login(&self) -> String {
        match (self.users.first(), &self.password) {
            (Some((name, password, _)), _) => format!("{name}:{password}@"),
            (None, Some(password)) => format!(":{password}@"),
            (None, None) => String::new(),
        }
    }

    /// User and password of who may do everything.
    pub(super) fn master_key(&self) -> Option<(&str, &str)> {
        match (self.users.is_empty(), &self.password) {
            (false, _) => Some(HARNESS),
            (true, Some(password)) => Some(("default", password)),
            (true, None) => None,
        }
    }

    /// Writes the config and what it refers to.
    pub(super) fn lay_out(&self, folder: &Path, port: u16) {
        let mut config = vec!["bind 127.0.0.1".to_owned(), format!("dir {}", folder.display())];
        if !self.sentinel {
            config.push("save \"\"\nrepl-diskless-sync-delay 0".to_owned());
        }
        let (plain, secure) = match (self.unix, self.tls) {
            (true, _) => (0, 0),
            (false, true) => (0, port),
            (false, false) => (port, 0),
        };
        config.push(format!("port {plain}\ntls-port {secure}"));
        if self.unix {
            config.push("unixsocket redis.sock\nunixsocketperm 700".to_owned());
        }
        if self.tls {
            Authority::new().lay_out(folder);
            config.push("tls-cert-file server.pem\ntls-key-file server.key".to_owned());
            config.push("tls-ca-cert-file ca.pem".to_owned());
        }
        if let Some(password) = &self.password {
            config.push(format!("requirepass \"{password}\"\nmasterauth \"{password}\""));
        }
        if !self.users.is_empty() {
            write(&folder.join("users.acl"), &self.acl());
            config.push(format!("aclfile {}", folder.join("users.acl").display()));
        }
        config.extend(self.lines.iter().cloned());
        write(&folder.join("redis.conf"), &config.join("\n"));
    }

    fn acl(&self) -> String {
        let (name, password) = HARNESS;
        let mut lines = vec!["user default off".to_owned()];
        lines.push(format!("user {name} on >{password} ~* &* +@all"));
        lines.extend(self.users.iter().map(|(name, word, rules)| format!("user {name} on >{word} {rules}")));
        lines.join("\n") + "\n"
    }
}
