//! The way to the servers that keep the state: finding them, logging in, running scripts, listening
//! for what other gateways ring. Knows no keys but the names of the partitions.
//!
//! Connections are kept in the background: a call never waits for a server that is away, and what
//! was lost is made again without anybody asking. A call is sent once. Where its answer is lost,
//! nobody knows whether the script ran, and the error says so: it is not for this room to decide
//! whether to ask again.

mod address;
mod check;
mod cluster;
mod disk;
mod ear;
mod facts;
mod fault;
mod live;
mod memory;
mod node;
mod rights;
mod run;
mod sentinel;
mod slots;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "servers of tests end with their runtime")]
mod tests;
mod way;
mod wire;

use std::sync::Arc;

use redis::Value;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::address::Address;
use self::cluster::Cluster;
use self::live::Live;
use self::node::{Node, Place};
use self::run::{Failed, Run};
use self::sentinel::Sentinels;
use self::way::Way;
use super::script::Script;
use crate::config::{self, RedisServers};
use crate::store::StoreError;

/// What keeps a state from being opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0}")]
    Refused(String),
}

/// One run of a script.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) script: &'static Script,
    pub(super) partition: u32,
    /// `ARGV`: the operation, what it asks, and its blobs.
    pub(super) arguments: Vec<Vec<u8>>,
    /// Its effect must be as durable as the config says before the answer counts.
    pub(super) writes: bool,
}

/// What comes in unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// Published by a script, word for word.
    Message(Vec<u8>),
    /// The connection was lost and is back, or it just began: anything may have been missed.
    Connected,
}

/// How much may be heard and not yet listened to.
const UNHEARD: usize = 1024;

/// The connections. Cheap to clone; they end with the last copy, or with [`Link::close`].
#[derive(Debug, Clone)]
pub(super) struct Link {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    way: Arc<Way>,
    servers: Servers,
    heard: broadcast::Sender<Heard>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Who keeps the state.
#[derive(Debug, Clone)]
enum Servers {
    One(Node),
    Cluster(Arc<Cluster>),
}

impl Link {
    /// Finds the servers, logs in, and checks that they can keep a state.
    ///
    /// # Errors
    ///
    /// [`OpenError::Refused`] with one line that names the server, what is wrong, and the remedy.
    pub(super) async fn open(state: &config::Redis) -> Result<Self, OpenError> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let way = Arc::new(Way::new(state.clone(), tasks.clone(), stop.clone()));
        let servers = match Servers::open(&way).await {
            Ok(servers) => servers,
            Err(why) => {
                stop.cancel();
                return Err(OpenError::Refused(why));
            }
        };
        let heard = broadcast::channel(UNHEARD).0;
        tasks.spawn(ear::listen(way.clone(), servers.clone(), heard.clone()));
        Ok(Self { shared: Arc::new(Shared { way, servers, heard, tasks, stop }) })
    }

    /// Runs a script once. A server that does not have it gets it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]: nothing was done, unless the text says that the call's fate is
    /// unknown.
    pub(super) async fn run(&self, call: Call) -> Result<Value, StoreError> {
        let run = Run::new(&self.shared.way.slots, call).map_err(StoreError::Unavailable)?;
        let answer = match &self.shared.servers {
            Servers::One(node) => node.run(&run).await.map_err(Failed::line),
            Servers::Cluster(cluster) => cluster.run(&run).await,
        };
        answer.map_err(StoreError::Unavailable)
    }

    /// Listens to [`Link::channel`] from now on. What was before is not heard, nor is the `Connected`
    /// of a connection that is there already.
    pub(super) fn listen(&self) -> broadcast::Receiver<Heard> {
        self.shared.heard.subscribe()
    }

    /// The channel to which scripts publish what [`Link::listen`] hears.
    pub(super) fn channel(&self) -> &str {
        &self.shared.way.channel
    }

    /// That a server's memory is fuller than the config allows: which one, and how full. The servers
    /// are asked about once a second.
    pub(super) fn is_full(&self) -> Option<String> {
        self.shared.way.gauge.full()
    }

    /// Ends all connections. Whatever is run later is `Unavailable`.
    pub(super) async fn close(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Servers {
    async fn open(way: &Arc<Way>) -> Result<Self, String> {
        let place = match &way.state.servers {
            RedisServers::One(host, port) => Place::Fixed(Address::tcp(host, *port)),
            RedisServers::Unix(path) => Place::Fixed(Address::Unix(path.clone())),
            RedisServers::Sentinel { sentinels, master, user, password } => {
                let login = way::Login { user: user.clone(), password: password.clone(), database: 0 };
                Place::Master(Sentinels::new(sentinels, master, login))
            }
            RedisServers::Cluster(seeds) => {
                let seeds = seeds.iter().map(|(host, port)| Address::tcp(host, *port)).collect();
                return Ok(Self::Cluster(Cluster::open(way.clone(), seeds).await?));
            }
        };
        let node = Node::start(way.clone(), place);
        node.ready().await?;
        Ok(Self::One(node))
    }

    /// A connection that is up, to whatever server; or why there is none.
    async fn any(&self) -> Result<Live, String> {
        match self {
            Self::One(node) => node.live().await,
            Self::Cluster(cluster) => cluster.any().await,
        }
    }
}
