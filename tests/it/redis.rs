//! The shared store: the suite on one server, on one server cut into partitions, and on a cluster.

mod cost;
mod crash;
mod order;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crossconnect::clock::ManualClock;
use crossconnect::config::{self, Durability, MaxMemory, RedisServers};
use crossconnect::store::Store;
use crossconnect::store::redis::{Redis, Settings, Time};

use crate::redis_server::{Options, Server};
use crate::store_suite::{Backend, at};

/// A server that all tests use that run at the same time.
static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
static STATES: AtomicU32 = AtomicU32::new(0);

/// A prefix of this test alone, on a server.
pub struct Prefix<const PARTS: u32> {
    server: Arc<Server>,
    prefix: String,
}

/// All in one partition, as on a single server by default.
pub type Whole = Prefix<1>;
/// Cut, as on a cluster.
pub type Cut = Prefix<5>;

/// A prefix that nobody else has.
fn unused_prefix() -> String {
    format!("suite-{}", STATES.fetch_add(1, Ordering::Relaxed))
}

fn server() -> Arc<Server> {
    let mut shared = SERVER.lock().unwrap();
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(Server::start(Options::default()));
        *shared = Arc::downgrade(&server);
        server
    })
}

/// What a config says of a server, with all else as usual.
pub fn state(servers: RedisServers, prefix: &str, partitions: u32) -> config::Redis {
    config::Redis {
        servers,
        user: None,
        password: None,
        database: 0,
        tls: None,
        prefix: prefix.to_owned(),
        partitions,
        durability: Durability::Server,
        compress_above: 1024,
        max_memory: MaxMemory::Percent(80),
    }
}

pub async fn open(state: &config::Redis, gateway: &str) -> Arc<Redis> {
    let settings = Settings { gateway: gateway.to_owned(), time: Time::Caller };
    Redis::open(state, ManualClock::at(at(0)), settings).await.unwrap()
}

impl<const PARTS: u32> Backend for Prefix<PARTS> {
    const SEES_ALL: bool = PARTS == 1;

    async fn fresh() -> Self {
        Self { server: server(), prefix: unused_prefix() }
    }

    async fn open(&self) -> Arc<dyn Store> {
        let one = RedisServers::One("127.0.0.1".to_owned(), self.server.port());
        open(&state(one, &self.prefix, PARTS), "gateway").await
    }
}

mod whole {
    use crate::store_suite::store_suite;
    store_suite!(crate::redis::Whole);
}

mod cut {
    use crate::store_suite::store_suite;
    store_suite!(crate::redis::Cut);
}
