//! What every connection needs to know: with what to log in, how long to wait, when to end.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::memory::Gauge;
use super::slots::Slots;
use crate::config;
use crate::secret::Secret;

/// For resolving, connecting, the TLS handshake and the login together.
pub(super) const CONNECT: Duration = Duration::from_secs(2);
/// Of that, for the TLS handshake.
pub(super) const HANDSHAKE: Duration = Duration::from_millis(1500);
/// For an answer.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Way {
    pub(super) state: config::Redis,
    pub(super) login: Login,
    pub(super) channel: String,
    pub(super) slots: Slots,
    pub(super) gauge: Gauge,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// Who a connection belongs to.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: u32,
}

impl Way {
    pub(super) fn new(state: config::Redis, tasks: TaskTracker, stop: CancellationToken) -> Self {
        let login =
            Login { user: state.user.clone(), password: state.password.clone(), database: state.database };
        let channel = format!("{}:bell", state.prefix);
        let slots = Slots::new(&state.prefix, state.partitions);
        Self { gauge: Gauge::default(), state, login, channel, slots, tasks, stop }
    }
}
