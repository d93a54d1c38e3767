//! What goes on beside the calls: listening to other gateways, a sign of life, looking after the
//! leases of those that give none, and after messages that were left on the way.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::answer::{array, items, read, text};
use super::desk::{Ask, Desk, Nothing};
use super::link::Heard;
use crate::clock::Clock;
use crate::model::Timestamp;
use crate::store::StoreError;

/// How often a gateway gives a sign of life. Also how long something waits at most if a bell is lost.
const BEAT: Duration = Duration::from_secs(1);
/// After how long without one a gateway counts as gone.
const GONE: Duration = Duration::from_secs(10);
/// How long others let the gateway go first that accepted something.
const MANNERS: Duration = Duration::from_millis(4);

#[derive(Serialize)]
struct Beat {
    gone: u64,
}

#[derive(Serialize)]
struct Gateway<'a> {
    gateway: &'a str,
}

impl Desk {
    /// Checks that the state is one to work on, and takes over what an earlier gateway of this name
    /// had leased.
    pub(super) async fn enter(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut parts: Vec<u32> = self.parts.all().collect();
        // A new state is noted at home, once everything is found to be in order.
        parts.reverse();
        for part in parts {
            self.ask(Ask::new(part, "enter", now, &Nothing {})).await?;
        }
        self.bury(&self.me, now).await?;
        self.sweep(now).await
    }

    async fn bury(&self, gateway: &str, now: Timestamp) -> Result<(), StoreError> {
        self.ask_all("bury", now, &Gateway { gateway }).await.map(drop)
    }

    /// Lets others have what is leased here, as nobody is left to attempt it.
    pub(super) async fn leave(&self, now: Timestamp) {
        if let Err(why) = self.bury(&self.me, now).await {
            tracing::warn!(%why, "leases could not be given back; they run out");
        }
        // Nobody waits for a sign of life of a gateway that said good-bye.
        let gateway = Gateway { gateway: &self.me };
        let _ = self.ask(Ask::new(0, "goodbye", now, &gateway)).await;
    }

    /// The other gateways that are up.
    pub(super) async fn others(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let gone = u64::try_from(GONE.as_micros()).unwrap_or(u64::MAX);
        let answer = self.ask(Ask::look(0, "others", now, &Beat { gone })).await?;
        items(answer)?.into_iter().map(text).collect()
    }

    async fn beat(&self, now: Timestamp) -> Result<(), StoreError> {
        let gone = u64::try_from(GONE.as_micros()).unwrap_or(u64::MAX);
        let [gone, lost, reloads] = array(self.ask(Ask::new(0, "beat", now, &Beat { gone })).await?)?;
        self.reloads.learn(read(reloads)?);
        if read::<u8>(lost)? == 1 {
            tracing::error!(
                "the state in Redis is empty: it lost its data, and what waited in it is gone; this \
                 gateway goes on with an empty state (servers keep it with `appendonly yes` and \
                 `maxmemory-policy noeviction`)"
            );
        }
        for gateway in items(gone)? {
            let gateway = text(gateway)?;
            tracing::warn!(gateway, "this gateway gives no sign of life: its work is taken over");
            self.bury(&gateway, now).await?;
            self.ask(Ask::new(0, "goodbye", now, &Gateway { gateway: &gateway })).await?;
        }
        self.sweep(now).await
    }
}

/// The tasks of a store.
#[derive(Debug)]
pub(super) struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
    /// So that dropping the store ends them.
    _guard: DropGuard,
}

impl Tasks {
    pub(super) fn start(desk: &Arc<Desk>, clock: &Arc<dyn Clock>) -> Self {
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        tracker.spawn(listen(desk.clone(), stop.clone()));
        tracker.spawn(beats(desk.clone(), clock.clone(), stop.clone()));
        let _guard = stop.clone().drop_guard();
        Self { stop, tracker, _guard }
    }

    pub(super) async fn end(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// Rings the bells that other processes pulled, and all of them where something may have been missed.
async fn listen(desk: Arc<Desk>, stop: CancellationToken) {
    let mut heard = desk.link.listen();
    // The connection is made just after the start, when who waits looks once anyway.
    let mut is_first = true;
    loop {
        let mut next = tokio::select! {
            () = stop.cancelled() => return,
            next = heard.recv() => next,
        };
        if matches!(next, Ok(Heard::Message(_))) {
            tokio::time::sleep(MANNERS).await;
        }
        // With it those that came meanwhile.
        loop {
            match next {
                Ok(Heard::Message(published)) => desk.hear(&published),
                Ok(Heard::Connected) if std::mem::take(&mut is_first) => {}
                Ok(Heard::Connected) | Err(RecvError::Lagged(_)) => {
                    desk.rounds.forget();
                    desk.bells.ring_all();
                }
                Err(RecvError::Closed) => return,
            }
            next = match heard.try_recv() {
                Ok(more) => Ok(more),
                Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            };
        }
    }
}

async fn beats(desk: Arc<Desk>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    loop {
        if let Err(why) = desk.beat(clock.now()).await {
            tracing::debug!(%why, "no sign of life could be given");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(BEAT) => {}
        }
        desk.rounds.forget();
        desk.bells.ring_all();
    }
}
