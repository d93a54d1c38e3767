//! Wires everything: start, ready, drain. The only place that knows all rooms.

pub mod trial;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Auth, Config, Destination, Lookup, State, Target, Tls};
use crate::egress::{Egress, Standings};
use crate::errands::{self, Errands};
use crate::ingress::{self, Draining};
use crate::lookup::Lookups;
use crate::metrics::Metrics;
use crate::model::Timestamp;
use crate::problem::Problem;
use crate::rules::Rules;
use crate::serve;
use crate::store::redis::{Redis, Settings, Time};
use crate::store::sqlite::Sqlite;
use crate::store::{Keep, Store};

/// What keeps the gateway from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The config or a file it names is wrong; all mistakes.
    #[error("{}", listed(.0))]
    Rules(Vec<Problem>),
    #[error("could not listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("could not open the state: {0}")]
    State(String),
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// How often finished things are looked through for old ones.
const PURGE_EVERY: Duration = Duration::from_secs(600);

/// A running gateway.
#[derive(Debug)]
pub struct App {
    /// Where webhooks are taken in.
    pub ingress: SocketAddr,
    /// Where operators ask.
    pub admin: SocketAddr,
    pub store: Arc<dyn Store>,
    pub metrics: Arc<Metrics>,
    rules: Arc<watch::Sender<Arc<Rules>>>,
    draining: Draining,
    stop_ingress: CancellationToken,
    stop_rest: CancellationToken,
    ingress_task: JoinHandle<()>,
    rest: Vec<JoinHandle<()>>,
    egress: Egress,
    errands: Errands,
}

/// Runs until `shutdown` resolves, then drains.
pub async fn run(config_file: String, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
    let rules = Rules::load(&config_file).map_err(Error::Rules)?;
    let app = App::start(rules, Arc::new(SystemClock)).await?;
    tracing::info!(ingress = %app.ingress, admin = %app.admin, "crossconnect is ready");
    #[cfg(unix)]
    let hangups = app.reload_on_hangup();
    shutdown.await;
    #[cfg(unix)]
    hangups.abort();
    app.drain().await;
    Ok(())
}

impl App {
    /// Opens the state, binds both addresses and starts delivering.
    pub async fn start(rules: Rules, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let store = open_state(&rules.config.state, &rules.config.instance, clock.clone()).await?;
        Self::start_with(rules, clock, store).await
    }

    /// As [`App::start`], on a store that is open already.
    pub async fn start_with(
        rules: Rules,
        clock: Arc<dyn Clock>,
        store: Arc<dyn Store>,
    ) -> Result<Self, Error> {
        warn_of(&rules, clock.now());
        let rules = Arc::new(rules);
        let config = &rules.config;
        // While nobody was there to receive, silence meant nothing.
        let waiting = store.listen_again(clock.now()).await.map_err(|why| Error::State(why.to_string()))?;
        if waiting > 0 {
            tracing::info!(batches = waiting, "batches of the last run are still open");
        }
        let (ingress_listener, ingress) = listen(config.ingress.listen).await?;
        let (admin_listener, admin) = listen(config.admin.listen).await?;
        let (swap, watch) = watch::channel(rules.clone());
        let swap = Arc::new(swap);
        let metrics = Arc::new(Metrics::default());
        let shared = ingress::Shared {
            rules: watch.clone(),
            store: store.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            draining: Draining::default(),
        };
        let draining = shared.draining.clone();
        let (stop_ingress, stop_rest) = (CancellationToken::new(), CancellationToken::new());
        let limits = serve::Limits {
            max_connections: config.ingress.max_connections,
            header_timeout: config.ingress.header_timeout,
            grace: config.ingress.grace,
        };
        let ingress_service = ingress::stack(&shared);
        let ingress_task =
            spawn(serve::run(ingress_listener, ingress_service, limits.clone(), stop_ingress.clone()));
        let purge = purge(store.clone(), clock.clone(), watch.clone(), stop_rest.clone());
        let others = reload_with_others(swap.clone(), store.reloads(), stop_rest.clone());
        let lookups = Lookups::new(clock.clone());
        let errands = Errands::start(errands::Context {
            rules: watch.clone(),
            store: store.clone(),
            clock: clock.clone(),
            lookups: lookups.clone(),
        });
        let egress = Egress::start(watch, store.clone(), clock, metrics.clone());
        let admin_service = admin::service(operators(shared, swap.clone(), egress.standings(), lookups));
        let admin_limits = serve::Limits { max_connections: 256, grace: Duration::from_secs(2), ..limits };
        let rest = vec![
            spawn(serve::run(admin_listener, admin_service, admin_limits, stop_rest.clone())),
            spawn(purge),
            spawn(others),
        ];
        Ok(Self {
            ingress,
            admin,
            store,
            metrics,
            rules: swap,
            draining,
            stop_ingress,
            stop_rest,
            ingress_task,
            rest,
            egress,
            errands,
        })
    }

    /// Swaps the rules whole; addresses and state stay as they are.
    pub fn swap(&self, rules: Rules) {
        self.rules.send_replace(Arc::new(rules));
    }

    /// Not ready, no new connections, answer what is under way, no new attempts, finish those under
    /// way or give their leases back, close the state. Bounded by the grace period.
    pub async fn drain(self) {
        tracing::info!("draining");
        let grace = self.rules.borrow().config.ingress.grace;
        self.draining.begin();
        self.stop_ingress.cancel();
        let _ = self.ingress_task.await;
        tokio::join!(self.errands.drain(grace), self.egress.drain(grace));
        self.stop_rest.cancel();
        for task in self.rest {
            let _ = task.await;
        }
        self.store.close().await;
        tracing::info!("stopped");
    }

    #[cfg(unix)]
    fn reload_on_hangup(&self) -> JoinHandle<()> {
        let (swap, store) = (self.rules.clone(), self.store.clone());
        spawn(async move {
            use tokio::signal::unix::{SignalKind, signal};
            let Ok(mut hangups) = signal(SignalKind::hangup()) else { return };
            while hangups.recv().await.is_some() {
                if reload_aside(&swap).await
                    && let Err(error) = store.call_for_reload().await
                {
                    tracing::warn!(%error, "the other gateways could not be told to reload");
                }
            }
        })
    }
}

/// Loads the config again whenever another gateway that shares the state was told to.
async fn reload_with_others(
    swap: Arc<watch::Sender<Arc<Rules>>>,
    called: Arc<Notify>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = called.notified() => {}
        }
        tracing::info!("another gateway was told to reload");
        reload_aside(&swap).await;
    }
}

/// Reads files, so not on the threads that answer. The outcome is in the log; there is nobody else to
/// tell.
async fn reload_aside(swap: &Arc<watch::Sender<Arc<Rules>>>) -> bool {
    let swap = swap.clone();
    matches!(tokio::task::spawn_blocking(move || reload(&swap)).await, Ok(Ok(_)))
}

#[expect(clippy::disallowed_methods, reason = "the tasks of the whole process, joined in `drain`")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(task)
}

/// Opens a state; `instance` tells this process from others that share it.
pub async fn open_state(
    state: &State,
    instance: &str,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Store>, Error> {
    match state {
        State::Sqlite(path) => {
            let store: Arc<dyn Store> =
                Sqlite::open(path, clock).map_err(|error| Error::State(error.to_string()))?;
            Ok(store)
        }
        State::Redis(state) => {
            let settings = Settings { gateway: instance.to_owned(), time: Time::Server };
            let store: Arc<dyn Store> =
                Redis::open(state, clock, settings).await.map_err(|error| Error::State(error.to_string()))?;
            Ok(store)
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// What an operator should be reminded of at every start and reload.
fn warn_of(rules: &Rules, now: Timestamp) {
    for problem in rules.expired(now) {
        tracing::warn!(%problem, "this source accepts nobody");
    }
    for source in rules.config.sources.iter().filter(|source| source.open) {
        tracing::warn!(source = source.name, "this source is open: anybody who reaches it may send");
    }
    for Destination { name, tls, url, auth, .. } in &rules.config.destinations {
        risks(tls, url, auth.as_ref()).for_each(|risk| tracing::warn!(destination = name, "{risk}"));
    }
    for Lookup { name, tls, url, auth, .. } in &rules.config.lookups {
        risks(tls, url, auth.as_ref()).for_each(|risk| tracing::warn!(lookup = name, "{risk}"));
    }
}

/// What may go wrong on the way to a destination or to the server of a lookup.
fn risks(tls: &Tls, url: &Target, auth: Option<&Auth>) -> impl Iterator<Item = &'static str> {
    let plain = url.origin().is_some_and(|url| url.scheme_str() == Some("http"));
    let unverified = (!tls.verify).then_some(config::NOT_VERIFIED);
    unverified.into_iter().chain((plain && auth.is_some()).then_some(UNENCRYPTED))
}

const UNENCRYPTED: &str = "its auth leaves unencrypted, as its url is http";

fn operators(
    ingress: ingress::Shared,
    swap: Arc<watch::Sender<Arc<Rules>>>,
    standings: Standings,
    lookups: Lookups,
) -> admin::Shared {
    let rules = ingress.rules.clone();
    let (trial_rules, clock) = (rules.clone(), ingress.clock.clone());
    admin::Shared {
        rules,
        store: ingress.store.clone(),
        clock: ingress.clock.clone(),
        metrics: ingress.metrics.clone(),
        reload: Arc::new(move || reload(&swap)),
        dry_run: Arc::new(move |request| {
            let (rules, lookups, now) = (trial_rules.borrow().clone(), lookups.clone(), clock.now());
            Box::pin(async move { trial::run(&rules, request, &lookups, now).await })
        }),
        standing: Arc::new(move |destination| standings.of(destination)),
        ready: Arc::new(move || {
            let ingress = ingress.clone();
            Box::pin(async move { ingress::ready(&ingress).await })
        }),
    }
}

/// Loads the config again. With problems the old rules stay in force.
fn reload(swap: &watch::Sender<Arc<Rules>>) -> Result<Arc<Rules>, String> {
    let file = swap.borrow().config.file.clone();
    match Rules::load(&file) {
        Ok(rules) => {
            let rules = Arc::new(rules);
            warn_of_restart(&swap.borrow().config, &rules.config);
            warn_of(&rules, SystemClock.now());
            swap.send_replace(rules.clone());
            tracing::info!(revision = rules.revision, "rules reloaded");
            Ok(rules)
        }
        Err(problems) => {
            let problems = listed(&problems);
            tracing::error!(problems, "the config has problems, the old rules stay in force");
            Err(problems)
        }
    }
}

/// Names what was changed in the config but only takes effect at the next start.
fn warn_of_restart(old: &Config, new: &Config) {
    let changed = [
        ("ingress.listen", old.ingress.listen != new.ingress.listen),
        ("ingress.max_connections", old.ingress.max_connections != new.ingress.max_connections),
        ("ingress.header_timeout", old.ingress.header_timeout != new.ingress.header_timeout),
        ("admin.listen", old.admin.listen != new.admin.listen),
        ("state", old.state != new.state),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!(key, "the config changed here; this takes effect at the next start");
    }
}

/// Deletes what is finished and old enough, again and again.
async fn purge(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rules: watch::Receiver<Arc<Rules>>,
    stop: CancellationToken,
) {
    loop {
        let now = clock.now();
        let retention = rules.borrow().config.retention.clone();
        let keep = Keep { delivered: retention.delivered, dead: retention.dead };
        match store.purge(keep, now).await {
            Ok(0) => {}
            Ok(gone) => tracing::info!(receipts = gone, "old receipts deleted"),
            Err(error) => tracing::warn!(%error, "could not delete old receipts"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep_until(now + PURGE_EVERY) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_is_warned_of_as_a_destination_is() {
        let ways = "  plain: { url: 'http://a.example/', MORE auth: { bearer: t } }\n  \
                    blind: { url: 'https://a.example/', MORE auth: { bearer: t }, tls: { verify: false } }\n  \
                    right: { url: 'https://a.example/', MORE auth: { bearer: t } }\n";
        let text = format!(
            "lookups:\n{}destinations:\n{}",
            ways.replace("MORE", ""),
            ways.replace("MORE", "sign: none,")
        );
        let config = Rules::from_text("config.yaml", &text, &|_| None).unwrap().config;
        let all = config.lookups.iter().map(|it| (&it.tls, &it.url, it.auth.as_ref()));
        let all = all.chain(config.destinations.iter().map(|it| (&it.tls, &it.url, it.auth.as_ref())));
        let found: Vec<Vec<_>> = all.map(|(tls, url, auth)| risks(tls, url, auth).collect()).collect();
        let wanted = [vec![UNENCRYPTED], vec![config::NOT_VERIFIED], vec![]];
        assert_eq!(found, [wanted.clone(), wanted].concat());
    }
}
