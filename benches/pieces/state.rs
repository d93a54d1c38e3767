//! What the stores do for every event: accept it, give its delivery out, settle it.

use std::mem::ManuallyDrop;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crossconnect::clock::{Clock, SystemClock};
use crossconnect::config::{State, state_url};
use crossconnect::model::{Attempt, Final, Outcome, Receipt, Timestamp};
use crossconnect::pipeline;
use crossconnect::store::redis::{self, Time};
use crossconnect::store::sqlite::Sqlite;
use crossconnect::store::{Accepted, Claim, Leased, Settlement, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::captured::{received, rules};
use super::piece::{Batch, Piece};
use super::rig::body::device_update;
use super::rig::process::Server;
use super::rig::redis::Redis;

/// How many calls are under way, as stores write together what comes together.
const TOGETHER: usize = 64;

type Accepting = (Receipt, Outcome);
type Open = fn() -> Opened;

/// An open store and what it stands on.
struct Opened {
    store: Arc<dyn Store>,
    runtime: Runtime,
    /// Ended after the store.
    _under: (TempDir, Option<(Server, Redis)>),
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.runtime.block_on(self.store.close());
    }
}

/// Each operation of SQLite, and of Redis where that is installed; 64 calls at a time.
pub fn operations() -> impl Iterator<Item = Piece> {
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
    let redis = found.is_ok_and(|status| status.success()).then_some(("redis", open_redis as Open));
    [("sqlite", open_sqlite as Open)].into_iter().chain(redis).flat_map(|(name, open)| {
        let piece = |what: &str, prepare: fn(Opened, usize) -> Batch| Piece {
            name: format!("store {name}, {what}"),
            prepare: Box::new(move |made| prepare(open(), made)),
        };
        [piece("accept", accept), piece("claim", claim), piece("settle", settle)]
    })
}

/// All three for one event after the other, in SQLite.
pub fn one_by_one() -> impl Iterator<Item = Piece> {
    let prepare = |made| -> Batch {
        let (opened, mut events) = (open_sqlite(), ManuallyDrop::new(outcomes(made).into_iter()));
        Box::new(move |times| {
            for event in events.by_ref().take(times) {
                opened.accept(vec![event]);
                opened.settle(opened.claim(1));
            }
        })
    };
    std::iter::once(Piece { name: "store sqlite, all for one".to_owned(), prepare: Box::new(prepare) })
}

/// A webhook on its way from its document to the file, with few and with many routes to ask.
pub fn over_routes() -> impl Iterator<Item = Piece> {
    [1, 500].into_iter().map(|routes| {
        let prepare = move |made| -> Batch {
            let (opened, rules) = (open_sqlite(), rules("netbox", routes));
            let source = rules.sources["netbox"].clone();
            let inputs: Vec<_> = (0..made)
                .map(|number| received(&source, Bytes::from(device_update(0, number, number + 1, "bench"))))
                .collect();
            let mut inputs = ManuallyDrop::new(inputs.into_iter());
            Box::new(move |times| {
                for (receipt, document) in inputs.by_ref().take(times) {
                    let outcome =
                        pipeline::process(&rules, &source, &receipt, document, Timestamp::UNIX_EPOCH);
                    opened.accept(vec![(receipt, outcome)]);
                }
            })
        };
        Piece { name: format!("process and accept over {routes} routes"), prepare: Box::new(prepare) }
    })
}

fn open_sqlite() -> Opened {
    // In memory where that is possible: the disk's speed is not what this is about.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
    let store = Sqlite::open(&folder.path().join("state.db"), Arc::new(SystemClock)).unwrap();
    Opened { store, runtime: runtime(), _under: (folder, None) }
}

fn open_redis() -> Opened {
    let (folder, (server, redis), runtime) = (TempDir::new().unwrap(), Redis::start(), runtime());
    let State::Redis(state) = state_url(&redis.fresh(), folder.path()).unwrap() else {
        panic!("the URL is not one of Redis");
    };
    let settings = redis::Settings { gateway: "bench".to_owned(), time: Time::Server };
    let store = runtime.block_on(redis::Redis::open(&state, Arc::new(SystemClock), settings)).unwrap();
    Opened { store, runtime, _under: (folder, Some((server, redis))) }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// So many events about so many objects, each with one delivery.
fn outcomes(made: usize) -> Vec<Accepting> {
    let rules = rules("netbox", 3);
    let source = &rules.sources["netbox"];
    let outcome = |number| {
        let body = device_update(0, number, number + 1, "bench");
        let (receipt, document) = received(source, Bytes::from(body));
        let outcome = pipeline::process(&rules, source, &receipt, document, Timestamp::UNIX_EPOCH);
        assert_eq!(outcome.deliveries.len(), 1, "no route wants the event");
        (receipt, outcome)
    };
    (0..made).map(outcome).collect()
}

fn accept(opened: Opened, made: usize) -> Batch {
    let mut events = outcomes(made).into_iter();
    Box::new(move |times| {
        let mut left = times;
        while left > 0 {
            let some: Vec<Accepting> = events.by_ref().take(left.min(TOGETHER)).collect();
            left -= some.len();
            opened.accept(some);
        }
    })
}

fn claim(opened: Opened, made: usize) -> Batch {
    outcomes(made).chunks(TOGETHER).for_each(|some| opened.accept(some.to_vec()));
    Box::new(move |times| {
        let mut left = times;
        while left > 0 {
            left -= opened.claim(left.min(TOGETHER)).len();
        }
    })
}

fn settle(opened: Opened, made: usize) -> Batch {
    outcomes(made).chunks(TOGETHER).for_each(|some| opened.accept(some.to_vec()));
    let mut leased = Vec::new();
    while leased.len() < made {
        leased.extend(opened.claim(TOGETHER));
    }
    let mut leased = leased.into_iter();
    Box::new(move |times| {
        let mut left = times;
        while left > 0 {
            let some: Vec<Leased> = leased.by_ref().take(left.min(TOGETHER)).collect();
            left -= some.len();
            opened.settle(some);
        }
    })
}

impl Opened {
    fn accept(&self, events: Vec<Accepting>) {
        self.together(events, |store, (receipt, outcome)| async move {
            assert_eq!(store.accept(&receipt, &outcome).await.unwrap(), Accepted::New);
        });
    }

    fn claim(&self, limit: usize) -> Vec<Leased> {
        let (now, lease) = (SystemClock.now(), Duration::from_secs(600));
        let claim = Claim { destination: "sink".to_owned(), limit, retries: 0, now, lease };
        let leased = self.runtime.block_on(self.store.claim(claim)).unwrap().leased;
        assert!(!leased.is_empty(), "nothing is left to claim");
        leased
    }

    fn settle(&self, leased: Vec<Leased>) {
        self.together(leased, |store, leased| async move {
            let now = SystemClock.now();
            let delivered = Settlement::Final(Final::Delivered, None);
            store.settle(&leased, attempt(now), delivered, now).await.unwrap();
        });
    }

    fn together<I, F>(&self, inputs: Vec<I>, call: impl Fn(Arc<dyn Store>, I) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.runtime.block_on(async {
            let mut calls = JoinSet::new();
            for input in inputs {
                calls.spawn(call(self.store.clone(), input));
            }
            while let Some(call) = calls.join_next().await {
                call.unwrap();
            }
        });
    }
}

fn attempt(at: Timestamp) -> Attempt {
    Attempt {
        number: 1,
        at,
        duration_ms: 3,
        url: "https://example.com/".to_owned(),
        method: "POST".to_owned(),
        request_headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        status: Some(200),
        response_excerpt: None,
        class: None,
        error: None,
        remedy: None,
    }
}
