//! The link against real servers.

pub(super) mod bed;
mod checks;
mod cluster;
mod fake;
mod one;
mod sentinel;
mod tls;

use std::sync::LazyLock;
use std::time::Duration;

use redis::Value;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, timeout};

use super::{Call, Heard, Link, OpenError};
use crate::config;
use crate::store::StoreError;
use crate::store::redis::script::Script;

/// Says what it got, keeps a value, rings.
static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    let text = "
        local what, key = ARGV[1], KEYS[1] .. ':x'
        if what == 'key' then return KEYS[1] end
        if what == 'set' then redis.call('SET', key, ARGV[2]) return 'done' end
        if what == 'get' then return redis.call('GET', key) end
        if what == 'ring' then return redis.call('PUBLISH', ARGV[2], ARGV[3]) end
        if what == 'count' then return redis.call('INCR', key) end
        if what == 'fail' then return nothing.there end
        if what == 'spin' then while true do end end
    "
    .to_owned();
    Script::new(text)
});

/// The rules of docs/redis.md for the prefix `test`.
const RULES: &str = "~{test:* &test:bell +@read +@write +@scripting -@dangerous +publish +subscribe +ping +time \
                     +info +config|get +select +cluster|slots";

async fn open(state: &config::Redis) -> Link {
    Link::open(state).await.unwrap()
}

async fn refusal(state: &config::Redis) -> String {
    let Err(OpenError::Refused(line)) = Link::open(state).await else { panic!("it opened") };
    line
}

fn call(partition: u32, arguments: &[&str]) -> Call {
    let arguments: Vec<_> = arguments.iter().map(|text| text.as_bytes().to_vec()).collect();
    Call { script: &SCRIPT, partition, writes: false, arguments }
}

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

/// What a call that has to fail is told.
async fn failure(link: &Link, arguments: &[&str]) -> String {
    match link.run(call(0, arguments)).await {
        Err(StoreError::Unavailable(line)) => line,
        other => panic!("{other:?}"),
    }
}

/// Repeats a call until it works.
async fn works(link: &Link, partition: u32, arguments: &[&str]) -> Value {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match link.run(call(partition, arguments)).await {
            Ok(value) => return value,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn hears(ear: &mut broadcast::Receiver<Heard>) -> Heard {
    timeout(Duration::from_secs(20), ear.recv()).await.unwrap().unwrap()
}
