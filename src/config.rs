//! config.yaml, read: every value checked, every problem listed, nothing compiled yet.
//!
//! One file per section below `config/`. Adapters and scripts are only looked up here;
//! `rules` compiles them.

mod admin;
mod auth;
mod breaker;
mod coalesce;
mod context;
mod destination;
mod egress;
mod expand;
mod headers;
mod ingress;
mod layer;
mod lookup;
mod loop_guard;
mod name;
mod no_op;
mod own_events;
mod preset;
mod proxy;
mod read;
mod route;
mod schema;
mod scripts;
mod secrets;
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
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::format::{Format, Kinds};
use crate::model::{By, Window};
use crate::preset::File;
use crate::schedule::Schedule;
use crate::script::Limits;
use crate::secret::Secret;
use crate::signature::{Scheme, Signer};
use crate::template::Text;
use crate::yaml::{At, Node};

pub use self::lookup::LONGEST as LONGEST_LOOKUP;
pub use self::proxy::Bypass;
pub use self::tls::NOT_VERIFIED;
pub use crate::rate::Rate;
pub use schema::schema;
pub use state::state_url;

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
    pub loop_guard: LoopGuard,
    /// Tells this gateway from others that share its state: machine and address.
    pub instance: String,
    pub lookups: Vec<Lookup>,
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
    /// A file of this process alone.
    Sqlite(PathBuf),
    /// Servers that several gateways share.
    Redis(Box<Redis>),
}

/// Redis, or what speaks its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    pub servers: RedisServers,
    /// `None`: the server's default user.
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// 0 on a cluster.
    pub database: u32,
    /// `None`: unencrypted.
    pub tls: Option<Tls>,
    /// What all keys begin with.
    pub prefix: String,
    /// Into how many slots of a cluster the state is cut. Fixed when it is created.
    pub partitions: u32,
    pub durability: Durability,
    /// Bodies longer than this many bytes are compressed.
    pub compress_above: usize,
    /// How full the server's memory may be before nothing new is accepted.
    pub max_memory: MaxMemory,
}

impl Redis {
    /// Which state it is, in one line without secrets: the servers, the database, the prefix.
    pub fn place(&self) -> String {
        let list = |servers: &[(String, u16)]| {
            servers.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(",")
        };
        let servers = match &self.servers {
            RedisServers::One(host, port) => format!("redis://{host}:{port}"),
            RedisServers::Unix(path) => format!("redis+unix://{}", path.display()),
            RedisServers::Sentinel { sentinels, master, .. } => {
                format!("redis+sentinel://{}/{master}", list(sentinels))
            }
            RedisServers::Cluster(nodes) => format!("redis+cluster://{}", list(nodes)),
        };
        format!("{servers}/{}?prefix={}", self.database, self.prefix)
    }
}

/// Where the servers are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisServers {
    /// Host and port.
    One(String, u16),
    Unix(PathBuf),
    /// Sentinels, and the name under which they watch the master; with what they are logged in at.
    Sentinel {
        sentinels: Vec<(String, u16)>,
        master: String,
        user: Option<String>,
        password: Option<Secret>,
    },
    /// Some of the cluster's nodes.
    Cluster(Vec<(String, u16)>),
}

/// When a write counts as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As the server is configured (`appendfsync`).
    Server,
    /// When the server has it on disk, whatever it is configured to.
    Fsync,
}

/// A bound of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxMemory {
    /// Of the server's own `maxmemory`; nothing if it has none.
    Percent(u8),
    Bytes(u64),
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
    /// The way out for destinations and lookups that name none of their own.
    pub proxy: Option<Arc<Proxy>>,
}

/// A forward proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    pub kind: ProxyKind,
    /// Host and port.
    pub authority: http::uri::Authority,
    /// User and password.
    pub credentials: Option<(String, Secret)>,
    /// What is reached directly.
    pub no_proxy: Vec<Bypass>,
    /// The authority of an `https` proxy, in place of the platform's roots.
    pub ca: Option<PathBuf>,
    /// Names that this machine cannot resolve are left to the proxy. Else they are refused, as
    /// nobody could say which address would be reached.
    pub resolves: bool,
}

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// Requests to `http` URLs as they are, tunnels (CONNECT) for `https`.
    Http,
    /// The same over TLS.
    Https,
    /// SOCKS 5 that is told addresses.
    Socks5,
    /// SOCKS 5 that is told names.
    Socks5h,
}

/// How changes that go round in circles are stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopGuard {
    /// What this gateway writes into the lineage; gateways that share work share it.
    pub name: String,
    /// What came through so many gateways goes nowhere.
    pub max_hops: u32,
}

/// A named question to another system, asked for routes that name it.
#[derive(Debug, Clone)]
pub struct Lookup {
    pub name: String,
    pub at: At,
    pub url: Target,
    /// Instead of a GET: a GraphQL query and the templates of its variables.
    pub graphql: Option<Graphql>,
    pub headers: Vec<(http::HeaderName, Secret)>,
    pub auth: Option<Auth>,
    pub tls: Tls,
    pub proxy: Option<Arc<Proxy>>,
    pub timeout: Duration,
    pub connect_timeout: Duration,
    /// Of an answer, in bytes.
    pub max_body: usize,
    /// How long and how many answers are remembered; `None`: none are.
    pub cache: Option<Cache>,
    pub in_flight: usize,
    pub rate: Option<Rate>,
    pub on_failure: OnFailure,
    /// For `on_failure: retry`.
    pub retry: Schedule,
    /// What of the answer is meant: a JSONPath whose first match counts.
    pub select: Option<(At, String)>,
    /// JSONPaths of what the record must not hold of the value.
    pub redact: Vec<(At, String)>,
}

/// A GraphQL query.
#[derive(Debug, Clone)]
pub struct Graphql {
    pub query: String,
    /// Templates by the variable's name.
    pub variables: Vec<(String, Text)>,
}

/// How long and how many answers of a lookup are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cache {
    pub ttl: Duration,
    /// Of all answers together, in bytes.
    pub max_bytes: usize,
}

/// What a failed lookup does to the route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// It is made again as a delivery would be; after the last time the route failed.
    Retry,
    /// The route goes on without.
    Null,
    /// The route drops the event.
    Drop,
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
    /// `on_newer: supersede`: a newer change of the same object replaces one still waiting.
    pub supersede: bool,
    pub in_flight: usize,
    pub rate: Option<Rate>,
    /// `None`: it is off.
    pub breaker: Option<Breaker>,
    /// After so long without a success the destination is paused; `None`: never.
    pub pause_after: Option<Duration>,
    pub auth: Option<Auth>,
    pub tls: Tls,
    pub proxy: Option<Arc<Proxy>>,
}

/// When a destination is left alone for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breaker {
    /// The share of failures that opens it, above 0 and at most 1.
    pub failures: f64,
    /// Of at least so many attempts,
    pub of: u32,
    /// in so long a time.
    pub within: Duration,
    /// How long nothing is sent; then one attempt shows how things are.
    pub open: Duration,
}

/// How the gateway proves who it is, besides signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    Basic { user: String, password: Secret },
    Bearer(Secret),
    OAuth2(OAuth2),
}

/// OAuth 2.0 client credentials (RFC 6749, section 4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuth2 {
    pub token_url: http::Uri,
    pub client_id: String,
    pub client_secret: Secret,
    pub scope: Option<String>,
    pub audience: Option<String>,
    /// Client id and secret go in the body, not in an `Authorization` header.
    pub in_body: bool,
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
    pub min_version: TlsVersion,
}

/// The oldest TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    #[default]
    Tls12,
    Tls13,
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
    pub action_data: Option<crate::model::Map>,
    /// Asked before the script runs.
    pub lookups: Vec<(At, String)>,
    pub script: Option<(At, String)>,
    pub coalesce: Option<Coalesce>,
    /// `no_op: drop`: updates that changed nothing go nowhere.
    pub no_op: Option<NoOp>,
    pub to: Vec<(At, String)>,
}

/// Events of a route that leave together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coalesce {
    pub at: At,
    pub by: By,
    pub window: Window,
}

/// Which changes do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoOp {
    /// Globs over the names of changed fields; what lies below a field counts as the field.
    pub ignore: Vec<String>,
}
