//! How much is sent, stored and waited for; the environment may set each.

use super::rig::figures::size;

pub struct Sizes {
    pub rounds: usize,
    /// Of one round of one arm under the closed loop.
    pub webhooks: usize,
    /// At 100 a second.
    pub paced: usize,
    pub routes: usize,
    pub lanes: usize,
    pub waiting: usize,
    pub retries: usize,
    pub backlog: usize,
}

impl Sizes {
    pub fn read() -> Self {
        Self {
            rounds: size("ROUNDS", 3),
            webhooks: size("WEBHOOKS", 8_000),
            paced: size("PACED", 500),
            routes: size("ROUTES", 500),
            lanes: size("LANES", 8_000),
            waiting: size("WAITING", 100_000),
            retries: size("RETRIES", 20_000),
            backlog: size("BACKLOG", 10_000),
        }
    }

    /// Of rounds whose arms are the same gateway twice: their ratio needs less.
    pub fn half(&self) -> usize {
        self.webhooks.div_ceil(2)
    }

    pub fn shown(&self) -> String {
        let Self { rounds, webhooks, paced, routes, lanes, waiting, retries, backlog } = self;
        format!(
            "ROUNDS={rounds} WEBHOOKS={webhooks} PACED={paced} ROUTES={routes} LANES={lanes} WAITING={waiting} \
             RETRIES={retries} BACKLOG={backlog}"
        )
    }
}
