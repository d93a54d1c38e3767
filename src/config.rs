//! config.yaml, read: every value checked, every problem listed, nothing compiled yet.
//!
//! One file per section below `config/`. Adapters and scripts are only looked up here;
//! `rules` compiles them.

mod admin;
mod context;
mod destination;
mod egress;
mod expand;
mod headers;
mod ingress;
mod layer;
mod name;
mod preset;
mod read;
mod route;
mod schema;
mod scripts;
mod sign;
mod source;
mod state;
mod target;
#[cfg(test)]
mod tests;
mod tls;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::format::{Format, Kinds};
use crate::preset::File;
use crate::schedule::Schedule;
use crate::script::Limits;
use crate::secret::Secret;
use crate::signature::{Scheme, Signer};
use crate::template::Text;
use crate::yaml::{At, Node};

pub use crate::rate::Rate;
pub use schema::schema;

pub(crate) use read::read;

/// The whole file.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file as the operator named it.
    pub file: String,
    /// The folder relative paths count from.
    pub dir: PathBuf,
    pub ingress: Ingress,
    pub admin: Admin,
    pub state: State,
    /// How long a repetition is recognised.
    pub dedupe: Duration,
    pub retention: Retention,
    pub egress: Egress,
    /// Limits of scripts.
    pub scripts: Limits,
    pub sources: Vec<Source>,
    pub destinations: Vec<Destination>,
    /// The presets that destinations name.
    pub presets: Vec<File>,
    pub routes: Vec<Route>,
}

#[derive(Debug, Clone)]
pub struct Ingress {
    pub listen: SocketAddr,
    /// Begins with a slash and does not end with one; empty for `/`.
    pub base_path: String,
    /// In bytes.
    pub max_body: usize,
    pub trusted_proxies: Vec<IpNet>,
    /// For the body and the answer, from the end of the headers on.
    pub request_timeout: Duration,
    /// For the headers of a request.
    pub header_timeout: Duration,
    pub max_connections: usize,
    /// For finishing what is under way after SIGTERM.
    pub grace: Duration,
}

#[derive(Debug, Clone)]
pub struct Admin {
    pub listen: SocketAddr,
    pub token: Option<Secret>,
}

/// Where the state lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Sqlite(PathBuf),
}

#[derive(Debug, Clone)]
pub struct Retention {
    pub delivered: Duration,
    pub dead: Duration,
}

#[derive(Debug, Clone)]
pub struct Egress {
    /// Loopback and private ranges that may be reached; public addresses always may.
    pub allow: Vec<IpNet>,
    /// Wins over `allow`.
    pub deny: Vec<IpNet>,
    /// Attempts under way at once, over all destinations.
    pub in_flight: usize,
}

#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub at: At,
    pub adapter: String,
    pub secrets: Vec<Secret>,
    /// The last segment of the path, for senders that cannot sign.
    pub token: Option<Secret>,
    pub allow_addresses: Vec<IpNet>,
    /// Accepts whatever comes; has to be typed out.
    pub open: bool,
    /// A scheme other than the adapter's.
    pub scheme: Option<Scheme>,
    /// `None`: the adapter's own; `Some(None)`: the check is off.
    pub tolerance: Option<Option<Duration>>,
    /// Whether the adapter's variants are tried.
    pub variants: bool,
    pub templated: bool,
    pub redact: Vec<(At, String)>,
    pub kinds: HashMap<String, String>,
    pub default_branch: Option<String>,
    /// Mapping overrides, as written.
    pub map: Option<Node>,
    pub rate: Option<Rate>,
    /// A window of its own; for templated bodies it also switches their dedupe on.
    pub dedupe: Option<Duration>,
    pub max_body: Option<usize>,
}

#[derive(Debug, Clone)]
pub struct Destination {
    pub name: String,
    pub at: At,
    pub url: Target,
    /// Whether the path and query of the URL are a secret.
    pub url_secret: bool,
    pub format: Format,
    /// What a dialect calls kinds.
    pub kinds: Kinds,
    pub sign: Signer,
    pub method: http::Method,
    /// Instead of the format's own.
    pub content_type: Option<String>,
    /// Values may hold credentials.
    pub headers: Vec<(http::HeaderName, Secret)>,
    pub headers_template: Option<Text>,
    /// What `headers_template`, which is a preset's, does not overrule.
    pub fixed_headers: Vec<http::HeaderName>,
    /// Instead of a format.
    pub body_template: Option<Text>,
    /// What templates may use as `secrets.NAME`; filled in when a delivery is sent.
    pub secrets: BTreeMap<String, Secret>,
    /// For the whole attempt.
    pub timeout: Duration,
    /// For resolving, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    pub retry: Schedule,
    /// `ordered: object`: deliveries of one object leave one after the other.
    pub ordered: bool,
    pub in_flight: usize,
    pub rate: Option<Rate>,
    pub tls: Tls,
}

/// Where a destination's deliveries go.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    Fixed(http::Uri),
    /// Every delivery carries the URL rendered for it.
    Template {
        text: Text,
        /// Scheme and authority, where they do not come from the event.
        origin: Option<http::Uri>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub verify: bool,
    pub ca: Option<PathBuf>,
    /// Certificate and key.
    pub client: Option<(PathBuf, PathBuf)>,
}

#[derive(Debug, Clone)]
pub struct Route {
    pub name: String,
    /// Its place in the config, such as `routes[0]`, for messages.
    pub path: String,
    pub at: At,
    pub from: Vec<(At, String)>,
    pub when: Option<Node>,
    /// `false`: it takes nothing.
    pub active: bool,
    /// Put under the event's `data`, whose own keys win.
    pub action_data: Option<serde_json::Map<String, crate::model::Json>>,
    pub script: Option<(At, String)>,
    pub to: Vec<(At, String)>,
}
