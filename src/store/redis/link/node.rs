//! A connection to one server that is kept, whatever happens to the server.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use redis::Value;

use super::address::Address;
use super::fault;
use super::live::Live;
use super::run::{Failed, Run};
use super::sentinel::Sentinels;
use super::way::Way;

/// Between two tries to connect: the second comes so soon, the later ones ever later.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

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
        let mut lost_before = false;
        loop {
            let live = self.connect().await;
            if lost_before {
                info!(server = %live.address, "connected to the state again");
            }
            let (over, address) = (live.over.clone(), live.address.clone());
            self.told.send_replace(State::Up(live));
            over.cancelled().await;
            warn!(server = %address, "the connection to the state was lost");
            self.told.send_replace(State::Down(fault::gone(&address)));
            lost_before = true;
        }
    }

    /// Tries until there is a connection.
    async fn connect(&self) -> Live {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.try_to().await {
                Ok(live) => return live,
                Err(why) => self.told.send_replace(State::Down(why)),
            };
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_to(&self) -> Result<Live, String> {
        let address = match &self.place {
            Place::Fixed(address) => address.clone(),
            Place::Master(sentinels) => sentinels.master(&self.way).await?,
        };
        Live::open(&self.way, address).await
    }

    fn close(&self) {
        if let State::Up(live) = self.told.send_replace(State::Closed) {
            live.over.cancel();
        }
    }
}
