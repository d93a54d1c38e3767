//! The way out: from a claimed delivery to a signed request at its destination.
//!
//! One worker per destination ([`worker`]) claims what is due and sends each delivery through
//! that destination's stack ([`stack`]). Ingress, admin and the rules' files never enter here;
//! deliveries come from the store and results go there.

mod breaker;
mod echo;
mod gate;
mod health;
mod limit;
mod pace;
mod pause;
mod record;
mod settle;
mod sign;
mod target;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "receivers of tests end with their runtime")]
mod tests;
mod verdict;
mod window;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tower::util::BoxCloneService;
use tower::{BoxError, ServiceBuilder};
use tracing::{info, warn};

pub use self::health::Standings;
pub use self::sign::{Preview, preview};

use self::gate::Through;
use self::health::Health;
use self::limit::{Bucket, Pool, Share};
use self::record::{Record, Tried};
use self::settle::Context;
use self::sign::Sign;
use self::worker::Worker;
use crate::clock::Clock;
use crate::config::Destination;
use crate::metrics::Metrics;
use crate::outbound::client::{Client, Way};
use crate::outbound::guard::{Guard, Guarded};
use crate::rules::{self, Rules};
use crate::store::{Leased, Store};

/// For giving leases back once the grace period is over.
const RELEASE_TIME: Duration = Duration::from_secs(5);

/// One destination's stack. A ready one is a turn to send; copies share limits and connections.
type Stack = BoxCloneService<Arc<Leased>, Tried, BoxError>;

/// What the rules say about one destination and about all of them.
#[derive(Debug)]
struct Plan {
    destination: Arc<Destination>,
    guard: Arc<Guard>,
    pool: Arc<Pool>,
}

/// THE EGRESS STACK of one destination, top to bottom. A leased delivery goes in, the record
/// of one attempt comes out.
fn stack(plan: &Plan, health: &Health, clock: &Arc<dyn Clock>) -> Stack {
    let Plan { destination, guard, pool } = plan;
    let bucket = destination.rate.map(|rate| Through(Bucket::new(rate, clock.clone())));
    let (recorded, signed) = (destination.clone(), destination.clone());
    let (record_clock, sign_clock, guard) = (clock.clone(), clock.clone(), guard.clone());
    let stack = ServiceBuilder::new()
        // All gates are passed before a delivery is claimed, the scarcest last. The first two learn
        // from every attempt: whether anything is sent to this receiver at all,
        .option_layer(health.breaker.clone().map(Through))
        // and how many attempts it bears at once.
        .layer(Through(health.pace.clone()))
        // Whatever happens below becomes an attempt with a class and a remedy.
        .layer_fn(move |inner| Record { inner, destination: recorded.clone(), clock: record_clock.clone() })
        // Attempts per second,
        .option_layer(bucket)
        // attempts under way over all destinations.
        .layer(Through(Share::of(pool)))
        // From here on the attempt's own time runs: resolving, connecting, sending, answer.
        .timeout(destination.timeout)
        // Below the limits, so that timestamp and signature are of the moment of sending.
        .layer_fn(move |inner| Sign { inner, destination: signed.clone(), clock: sign_clock.clone() })
        // What the URL names literally is judged here, what it resolves to in the client.
        .layer_fn({
            let guard = guard.clone();
            move |inner| Guarded { inner, guard: guard.clone() }
        })
        // Pooled connections; redirects are not followed.
        .service(Client::new(way(destination, guard, clock.clone())));
    BoxCloneService::new(stack)
}

/// How long the body of an answer may take once the status is known.
const BODY_TIME: Duration = Duration::from_secs(5);

fn way(destination: &Destination, guard: Arc<Guard>, clock: Arc<dyn Clock>) -> Way {
    Way {
        guard,
        tls: destination.tls.clone(),
        secure: destination.url.may_be_https(),
        proxy: destination.proxy.clone(),
        auth: destination.auth.clone(),
        clock,
        timeout: destination.timeout,
        connect_timeout: destination.connect_timeout.min(destination.timeout),
        idle: destination.in_flight,
        keep: record::EXCERPT + record::BEYOND,
        body_time: BODY_TIME,
    }
}

impl Plan {
    /// Whether the stack built for `other` serves this plan as well. Files may have changed
    /// under the same name, so a destination that names any gets a new stack.
    fn keeps_stack_of(&self, other: &Self) -> bool {
        let (a, b) = (&self.destination, &other.destination);
        let proxy_files = |d: &Destination| d.proxy.as_ref().is_some_and(|proxy| proxy.names_files());
        let no_files = |d: &Destination| !d.tls.names_files() && !proxy_files(d);
        Arc::ptr_eq(&self.pool, &other.pool)
            && self.guard == other.guard
            && no_files(a)
            && no_files(b)
            && self.keeps_health_of(other)
            && a.rate == b.rate
    }

    /// Whether what was learned about the receiver still holds. Who changes how it is reached, or
    /// what it is sent, has mended something.
    fn keeps_health_of(&self, other: &Self) -> bool {
        let (a, b) = (&self.destination, &other.destination);
        a.breaker == b.breaker
            && a.tls == b.tls
            && a.proxy == b.proxy
            && a.auth == b.auth
            && a.url == b.url
            && a.method == b.method
            && a.url_secret == b.url_secret
            && a.headers == b.headers
            && a.secrets == b.secrets
            && a.sign.scheme == b.sign.scheme
            && a.sign.secrets == b.sign.secrets
            && a.timeout == b.timeout
            && a.connect_timeout == b.connect_timeout
            && a.in_flight == b.in_flight
    }
}

/// The running egress side. Dropped without [`Egress::drain`], it stops claiming and lets
/// the attempts under way end by themselves.
#[derive(Debug)]
pub struct Egress {
    tasks: TaskTracker,
    cut: CancellationToken,
    stop: DropGuard,
    standings: Standings,
}

impl Egress {
    /// Starts one worker per destination of the rules, and follows their changes: a new
    /// destination gets a worker, an updated one uses its new settings from the next attempt
    /// on, one that vanished keeps its pending deliveries in the store. Needs a tokio runtime.
    pub fn start(
        rules: rules::Watch,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (tasks, stop, cut) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        let standings = Standings::default();
        let crew = Crew {
            context: Context { store, clock, metrics, standings: standings.clone() },
            tasks: tasks.clone(),
            stop: stop.clone(),
            cut: cut.clone(),
            shared: None,
            members: HashMap::new(),
        };
        tasks.spawn(crew.follow(rules));
        Self { tasks, cut, stop: stop.drop_guard(), standings }
    }

    /// How the destinations fare, now and later.
    pub fn standings(&self) -> Standings {
        self.standings.clone()
    }

    /// Stops claiming, waits up to `grace` for the attempts under way and their settlement,
    /// then ends the rest and gives their leases back. The store must still be open.
    pub async fn drain(self, grace: Duration) {
        let Self { tasks, cut, stop, standings: _ } = self;
        drop(stop);
        tasks.close();
        if timeout(grace, tasks.wait()).await.is_ok() {
            return;
        }
        warn!(?grace, "attempts were still under way at the end of the grace period; they will be repeated");
        cut.cancel();
        if timeout(RELEASE_TIME, tasks.wait()).await.is_err() {
            warn!("not every lease could be given back; they run out by themselves");
        }
    }
}

/// The workers of all destinations.
struct Crew {
    context: Context,
    tasks: TaskTracker,
    stop: CancellationToken,
    cut: CancellationToken,
    shared: Option<(Arc<Guard>, Arc<Pool>)>,
    members: HashMap<Arc<str>, Member>,
}

/// One worker, from outside.
struct Member {
    plans: watch::Sender<Arc<Plan>>,
    stop: CancellationToken,
}

impl Crew {
    async fn follow(mut self, mut rules: rules::Watch) {
        loop {
            let current = rules.borrow_and_update().clone();
            self.adopt(&current);
            tokio::select! {
                () = self.stop.cancelled() => return,
                changed = rules.changed() => if changed.is_err() {
                    // Nobody is left to change the rules; the work goes on.
                    self.stop.cancelled().await;
                    return;
                },
            }
        }
    }

    fn adopt(&mut self, rules: &Rules) {
        let (guard, pool) = self.share(rules);
        self.members.retain(|name, member| {
            let stays = rules.destinations.contains_key(name);
            if !stays {
                info!(destination = &**name, "the destination left the config; its deliveries stay pending");
                member.stop.cancel();
                self.context.standings.remove(name);
            }
            stays
        });
        for (name, destination) in &rules.destinations {
            let (destination, pool) = (destination.clone(), pool.clone());
            let guard = match destination.url.origin() {
                Some(_) => guard.clone(),
                None => Arc::new(Guard { listed_only: true, ..Guard::clone(&guard) }),
            };
            let plan = Arc::new(Plan { destination, guard, pool });
            match self.members.get(name) {
                Some(member) => drop(member.plans.send_replace(plan)),
                None => self.hire(name.clone(), plan),
            }
        }
    }

    /// What all destinations share; the same value again where nothing about it changed.
    fn share(&mut self, rules: &Rules) -> (Arc<Guard>, Arc<Pool>) {
        let egress = &rules.config.egress;
        let guard = Guard { allow: egress.allow.clone(), deny: egress.deny.clone(), listed_only: false };
        let guard = Arc::new(guard);
        let (total, destinations) = (egress.in_flight, rules.destinations.len());
        let pool = match &self.shared {
            Some((_, pool)) if pool.fits(total, destinations) => pool.clone(),
            _ => Pool::new(total, destinations),
        };
        self.shared = Some((guard.clone(), pool.clone()));
        (guard, pool)
    }

    fn hire(&mut self, name: Arc<str>, plan: Arc<Plan>) {
        let (plans, watched) = watch::channel(plan);
        let stop = self.stop.child_token();
        let worker = Worker::new(self.context.clone(), watched, stop.clone(), self.cut.clone());
        self.tasks.spawn(worker.run());
        self.members.insert(name, Member { plans, stop });
    }
}
