//! The subscription: what scripts publish, by a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use redis::{PushInfo, PushKind, RedisResult, Value, cmd};
use tokio::sync::broadcast;
use tokio::time::sleep;

use super::live::Live;
use super::way::Way;
use super::{Heard, Servers, wire};

/// How soon the subscription is tried again.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a silent connection is asked whether it is one.
const PING: Duration = Duration::from_secs(5);

/// Listens until the link ends.
pub(super) async fn listen(way: Arc<Way>, servers: Servers, heard: broadcast::Sender<Heard>) {
    let stop = way.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = keep(&way, &servers, &heard) => {}
    }
}

async fn keep(way: &Way, servers: &Servers, heard: &broadcast::Sender<Heard>) {
    let mut told = false;
    loop {
        if let Ok(live) = servers.any().await {
            match subscribed(way, &live, heard).await {
                Ok(()) => told = false,
                Err(why) if !told => {
                    tracing::warn!(why, "cannot listen to other gateways; what they ring is seen by polling");
                    told = true;
                }
                Err(_) => {}
            }
        }
        sleep(PAUSE).await;
    }
}

/// Subscribes at the server that `live` leads to, and stays as long as both connections last: it
/// might be another server that is the right one then.
async fn subscribed(way: &Way, live: &Live, heard: &broadcast::Sender<Heard>) -> Result<(), String> {
    let to = heard.clone();
    let pushed = Box::new(move |info| pass_on(info, &to));
    let tls = way.state.tls.as_ref();
    let (mut connection, over) = wire::open(&live.address, &way.login, tls, &way.tasks, Some(pushed)).await?;
    let _guard = over.clone().drop_guard();
    let subscribed = connection.subscribe(&way.channel).await;
    subscribed.map_err(|error| super::fault::refused(&live.address, &error))?;
    let _ = heard.send(Heard::Connected);
    loop {
        tokio::select! {
            () = over.cancelled() => return Ok(()),
            () = live.over.cancelled() => return Ok(()),
            () = sleep(PING) => {}
        }
        let alive: RedisResult<Value> = cmd("PING").query_async(&mut connection).await;
        if alive.is_err() {
            return Ok(());
        }
    }
}

fn pass_on(info: PushInfo, heard: &broadcast::Sender<Heard>) {
    let PushInfo { kind: PushKind::Message, mut data } = info else { return };
    if let Some(Value::BulkString(payload)) = data.pop() {
        let _ = heard.send(Heard::Message(payload));
    }
}
