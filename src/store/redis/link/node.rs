//! A connection to one server that is kept, whatever happens to the server.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use redis::Value;

use super::address::Address;
use super::check::{check, warnings};
use super::facts::Facts;
use super::fault;
use super::live::{Checked, Live};
use super::run::{Failed, Run};
use super::sentinel::Sentinels;
use super::way::Way;

/// Between two tries to connect: the second comes so soon, the later ones ever later.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often a server is looked at.
const WATCH: Duration = Duration::from_secs(1);
/// After how many looks the sentinels are asked whether it still is the master: one that is cut off
/// from them takes itself for it.
const ASK_AGAIN: u32 = 5;

/// Where to connect to.
#[derive(Debug)]
pub(super) enum Place {
    Fixed(Address),
    /// Asked anew for every connection.
    Master(Sentinels),
}

/// How the connection is.
#[derive(Debug, Clone)]
enum State {
    /// The first try is under way.
    Connecting,
    Up(Live),
    /// Why.
    Down(String),
    Closed,
}

/// Copies share the connection. It ends with the link, or with [`Node::stop`].
#[derive(Debug, Clone)]
pub(super) struct Node {
    state: watch::Receiver<State>,
    stop: CancellationToken,
}

impl Node {
    /// Connects in the background.
    pub(super) fn start(way: Arc<Way>, place: Place) -> Self {
        let (told, state) = watch::channel(State::Connecting);
        let stop = way.stop.child_token();
        let keeper = Keeper { way: way.clone(), place, told };
        let until = stop.clone();
        way.tasks.spawn(async move {
            tokio::select! {
                () = keeper.keep() => {}
                () = until.cancelled() => {}
            }
            keeper.close();
        });
        Self { state, stop }
    }

    /// Waits until the first try to connect has ended.
    pub(super) async fn ready(&self) -> Result<(), String> {
        self.live().await.map(drop)
    }

    /// The connection; or at once why there is none. Only the first try to connect is waited for.
    pub(super) async fn live(&self) -> Result<Live, String> {
        let mut state = self.state.clone();
        let decided = state.wait_for(|state| !matches!(state, State::Connecting)).await;
        match decided.map(|state| state.clone()) {
            Ok(State::Up(live)) if live.over.is_cancelled() => Err(fault::gone(&live.address)),
            Ok(State::Up(live)) => Ok(live),
            Ok(State::Down(why)) => Err(why),
            Ok(State::Connecting | State::Closed) | Err(_) => Err(fault::CLOSED.to_owned()),
        }
    }

    /// Whether a call would be sent.
    pub(super) fn is_up(&self) -> bool {
        matches!(&*self.state.borrow(), State::Up(live) if !live.over.is_cancelled())
    }

    pub(super) async fn run(&self, run: &Run<'_>) -> Result<Value, Failed> {
        run.at(&self.live().await.map_err(Failed::Unavailable)?).await
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

/// What keeps the connection.
struct Keeper {
    way: Arc<Way>,
    place: Place,
    told: watch::Sender<State>,
}

impl Keeper {
    async fn keep(&self) {
        let mut told = Vec::new();
        let mut lost_before = false;
        loop {
            let Checked { live, facts } = self.connect().await;
            if lost_before {
                info!(server = %live.address, "connected to the state again");
            }
            self.told.send_replace(State::Up(live.clone()));
            let why = self.watch(&live, facts, &mut told).await;
            live.over.cancel();
            self.way.gauge.forget(&live.address);
            warn!(why, "the connection to the state was given up");
            self.told.send_replace(State::Down(why));
            lost_before = true;
        }
    }

    /// Tries until there is a connection.
    async fn connect(&self) -> Checked {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.try_to().await {
                Ok(checked) => return checked,
                Err(why) => self.told.send_replace(State::Down(why)),
            };
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_to(&self) -> Result<Checked, String> {
        let address = match &self.place {
            Place::Fixed(address) => address.clone(),
            Place::Master(sentinels) => sentinels.master(&self.way).await?,
        };
        Live::checked(&self.way, address).await
    }

    /// Looks at the server now and then, until the connection is over or leads to a server that can
    /// keep the state no longer. Says why.
    async fn watch(&self, live: &Live, mut facts: Facts, told: &mut Vec<String>) -> String {
        for tick in 1_u32.. {
            self.way.gauge.note(&live.address, &facts, self.way.state.max_memory);
            tell(live, warnings(&facts, &self.way.state), told);
            tokio::select! {
                () = live.over.cancelled() => return fault::gone(&live.address),
                () = sleep(WATCH) => {}
            }
            match facts.again(live).await {
                Ok(found) => facts = found,
                // The server is busy: that is said to those who call.
                Err(error) if !error.is_io_error() => continue,
                Err(error) if error.is_timeout() => return fault::dumb(&live.address),
                Err(_) => return fault::gone(&live.address),
            }
            if let Err(why) = check(&facts, &self.way.state) {
                return format!("{}: {why}", live.address);
            }
            if tick % ASK_AGAIN == 0
                && let Place::Master(sentinels) = &self.place
                && let Some(why) = sentinels.deposed(&live.address, &self.way).await
            {
                return why;
            }
        }
        fault::gone(&live.address)
    }

    fn close(&self) {
        if let State::Up(live) = self.told.send_replace(State::Closed) {
            live.over.cancel();
        }
    }
}

/// Warns of what was not warned of before.
fn tell(live: &Live, found: Vec<String>, told: &mut Vec<String>) {
    for warning in &found {
        if !told.contains(warning) {
            warn!(server = %live.address, "{warning}");
        }
    }
    *told = found;
}
