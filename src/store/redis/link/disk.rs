//! Waiting until what was written is on the server's disk, where its answer does not mean that.
//!
//! A connection waits for its own writes only, and takes no commands meanwhile; often it waits
//! for a second. So the waiting is done by a second connection to the same server, for all who
//! wait at once: it writes after them, and when its own write is on disk, theirs are.

use redis::{RedisResult, pipe};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::facts::Facts;
use super::live::Live;
use super::way::Way;

/// How many may wait for the next round.
const WAITING: usize = 4096;
/// How long the server may take, in milliseconds; less than an answer may.
const PATIENCE: u32 = 4000;

/// Copies share the connection.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    waiting: mpsc::Sender<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// Of the partition that was written.
    key: String,
    done: oneshot::Sender<Result<(), String>>,
}

impl Disk {
    /// For the server that `live` leads to; it ends when that does, and the other way round.
    pub(super) async fn open(way: &Way, live: &Live, facts: &Facts) -> Result<Self, String> {
        let own = Live::open(way, (*live.address).clone()).await?;
        let guard = own.over.clone().drop_guard();
        let found = Facts::ask(&own).await.map_err(|error| own.unusable(&error))?;
        if found.info("run_id") != facts.info("run_id") {
            return Err(format!(
                "{}: two connections lead to two servers; name one in `state`",
                live.address
            ));
        }
        guard.disarm();
        let (waiting, rounds) = mpsc::channel(WAITING);
        way.tasks.spawn(serve(own, live.over.clone(), rounds));
        Ok(Self { waiting })
    }

    /// Waits until everything that the server answered so far is on its disk.
    pub(super) async fn written(&self, partition: &str) -> Result<(), String> {
        let (done, told) = oneshot::channel();
        let _ = self.waiting.send(Waiting { key: format!("{partition}:disk"), done }).await;
        told.await.unwrap_or_else(|_| Err(UNKNOWN.to_owned()))
    }
}

const UNKNOWN: &str =
    "the connection was lost before what was written was known to be on disk, so its fate is unknown";

/// Round after round, each for all who came during the one before.
async fn serve(own: Live, over: CancellationToken, mut rounds: mpsc::Receiver<Waiting>) {
    let _both = (own.over.clone().drop_guard(), over.clone().drop_guard());
    let mut round = Vec::new();
    loop {
        round.clear();
        tokio::select! {
            () = over.cancelled() => return,
            () = own.over.cancelled() => return,
            count = rounds.recv_many(&mut round, WAITING) => if count == 0 { return },
        }
        let Some(first) = round.first() else { continue };
        let result = flushed(&own, &first.key).await;
        let broken = result.is_err() && own.over.is_cancelled();
        for waiting in round.drain(..) {
            let _ = waiting.done.send(result.clone());
        }
        if broken {
            return;
        }
    }
}

async fn flushed(own: &Live, key: &str) -> Result<(), String> {
    let mut pair = pipe();
    pair.cmd("SET").arg(key).arg("").ignore().cmd("WAITAOF").arg(1).arg(0).arg(PATIENCE);
    let answer: RedisResult<Vec<(u32, u32)>> = own.ask_all(&pair).await;
    match answer {
        Ok(told) if matches!(told.first(), Some((1.., _))) => Ok(()),
        Ok(_) => Err(format!("{}: not on disk within {PATIENCE} ms, so its fate is unknown", own.address)),
        Err(error) if error.is_io_error() => Err(own.told(&error)),
        Err(error) => Err(format!("{}; so the call's fate is unknown", own.told(&error))),
    }
}
