//! A connection that is up.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::fault;
use super::way::Way;
use super::wire;

/// Copies share the connection, and end with it.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) address: Arc<Address>,
    connection: MultiplexedConnection,
    /// It was lost, or is of no use any more.
    pub(super) over: CancellationToken,
}

impl Live {
    pub(super) async fn open(way: &Way, address: Address) -> Result<Self, String> {
        let (connection, over) =
            wire::open(&address, &way.login, way.state.tls.as_ref(), &way.tasks, None).await?;
        Ok(Self { address: Arc::new(address), connection, over })
    }

    pub(super) async fn ask(&self, command: &Cmd) -> RedisResult<Value> {
        command.query_async(&mut self.connection.clone()).await
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
