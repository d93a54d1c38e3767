//! A connection that is up.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::check::{Durable, check};
use super::disk::Disk;
use super::facts::Facts;
use super::way::Way;
use super::{fault, rights, wire};

/// What became of a connection that was made: one that can keep the state, and what is known of its
/// server.
pub(super) struct Checked {
    pub(super) live: Live,
    pub(super) facts: Facts,
}

/// Copies share the connection, and end with it.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) address: Arc<Address>,
    connection: MultiplexedConnection,
    /// It was lost, or is of no use any more.
    pub(super) over: CancellationToken,
    /// Where answers do not mean that a write is on disk.
    pub(super) disk: Option<Disk>,
}

impl Live {
    /// Connects and logs in, to whatever server that is.
    pub(super) async fn open(way: &Way, address: Address) -> Result<Self, String> {
        let (connection, over) =
            wire::open(&address, &way.login, way.state.tls.as_ref(), &way.tasks, None).await?;
        Ok(Self { address: Arc::new(address), connection, over, disk: None })
    }

    /// Connects to a server that has to be able to keep the state.
    pub(super) async fn checked(way: &Way, address: Address) -> Result<Checked, String> {
        let mut live = Self::open(way, address).await?;
        let guard = live.over.clone().drop_guard();
        let facts = Facts::ask(&live).await.map_err(|error| live.unusable(&error))?;
        let durable = check(&facts, &way.state).map_err(|line| format!("{}: {line}", live.address))?;
        rights::check(&live, way).await?;
        if durable == Durable::Awaited {
            live.disk = Some(Disk::open(way, &live, &facts).await?);
        }
        guard.disarm();
        Ok(Checked { live, facts })
    }

    pub(super) async fn ask(&self, command: &Cmd) -> RedisResult<Value> {
        command.query_async(&mut self.connection.clone()).await
    }

    pub(super) async fn ask_all<T: FromRedisValue>(&self, commands: &Pipeline) -> RedisResult<T> {
        commands.query_async(&mut self.connection.clone()).await
    }

    /// The line that an error to the first questions is.
    pub(super) fn unusable(&self, error: &RedisError) -> String {
        fault::unusable(&self.address, error)
    }

    /// The line that an error is. A connection that failed, or that leads to a server that takes no
    /// writes, is given up, so that the next one is made.
    pub(super) fn told(&self, error: &RedisError) -> String {
        let (lost, role) = match error.kind() {
            ErrorKind::Io | ErrorKind::Parse => (true, false),
            ErrorKind::Server(kind) => {
                (false, matches!(kind, ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
            }
            _ => (false, false),
        };
        if lost || role {
            self.over.cancel();
        }
        match lost {
            true if error.is_timeout() => fault::silent(&self.address),
            true => fault::lost(&self.address),
            false => fault::refused(&self.address, error),
        }
    }
}
