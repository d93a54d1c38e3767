//! Where the questions of one lookup are answered: from memory, together with others who ask the
//! same, or by the other side, within its limits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tower::Service as _;

use super::answer::{Good, judge};
use super::cache::Cache;
use super::miss::Miss;
use super::question::{Key, Question};
use crate::clock::Clock;
use crate::config::{self, Target};
use crate::model::FailureClass;
use crate::outbound::client::{Client, Way};
use crate::outbound::guard::{Guard, Guarded};
use crate::rate::{Bucket, Rate};
use crate::rules::Lookup;

/// How long a question waits for its turn.
pub(super) const TURN: Duration = Duration::from_secs(30);

type Flight = Arc<OnceCell<Result<Good, Miss>>>;

/// One lookup with its connections, limits and memory.
#[derive(Debug)]
pub(super) struct Desk {
    pub lookup: Arc<Lookup>,
    client: Guarded<Client>,
    state: Arc<State>,
}

/// What outlives a reload that does not change the lookup.
#[derive(Debug)]
struct State {
    cache: Option<Cache>,
    turns: Semaphore,
    rate: Option<(Rate, Mutex<Bucket>)>,
    /// Questions that are under way.
    flights: Mutex<HashMap<Key, Flight>>,
}

impl Desk {
    pub fn new(lookup: Arc<Lookup>, guard: &Guard, clock: &Arc<dyn Clock>) -> Self {
        let settings = &lookup.settings;
        let state = State {
            cache: settings.cache.and_then(Cache::new),
            turns: Semaphore::new(settings.in_flight.clamp(1, Semaphore::MAX_PERMITS)),
            rate: settings.rate.map(|rate| (rate, Mutex::new(Bucket::full(rate, clock.now())))),
            flights: Mutex::default(),
        };
        let client = client(settings, guard, clock);
        Self { lookup, client, state: Arc::new(state) }
    }

    /// The desk of the same lookup under other rules: what it remembers and its limits stay, where
    /// nothing about the question changed. Files may have changed under the same name, so a lookup
    /// that names any gets new connections.
    pub fn renewed(&self, lookup: Arc<Lookup>, guard: &Guard, clock: &Arc<dyn Clock>) -> Self {
        let (old, new) = (&self.lookup.settings, &lookup.settings);
        if !same(old, new) {
            return Self::new(lookup, guard, clock);
        }
        let files = new.tls.names_files() || new.proxy.as_ref().is_some_and(|proxy| proxy.names_files());
        let keeps = *self.client.guard == guard_of(new, guard) && !files;
        let client = if keeps { self.client.clone() } else { client(new, guard, clock) };
        Self { lookup, client, state: self.state.clone() }
    }

    /// The answer, and whether somebody else had asked before.
    pub async fn find(&self, question: &Question, clock: &Arc<dyn Clock>) -> (Result<Good, Miss>, bool) {
        if let Some(good) = self.known(question, clock) {
            return (Ok(good), true);
        }
        let joined = Joined::new(&self.state, question.key);
        let asked = AtomicBool::new(false);
        let result = joined.flight.get_or_init(|| async {
            // Another flight may have landed in between.
            if let Some(good) = self.known(question, clock) {
                return Ok(good);
            }
            asked.store(true, Ordering::Relaxed);
            let result = self.ask(question, clock).await;
            if let (Ok(good), Some(cache)) = (&result, &self.state.cache)
                && good.keeps()
            {
                cache.put(question.key, good.clone(), clock.now());
            }
            result
        });
        let result = result.await.clone();
        (result, !asked.load(Ordering::Relaxed))
    }

    fn known(&self, question: &Question, clock: &Arc<dyn Clock>) -> Option<Good> {
        self.state.cache.as_ref()?.get(&question.key, clock.now())
    }

    async fn ask(&self, question: &Question, clock: &Arc<dyn Clock>) -> Result<Good, Miss> {
        let settings = &self.lookup.settings;
        let request = question.request(settings)?;
        let turn = timeout(TURN, self.turn(clock)).await.map_err(|_| {
            let error = format!("no turn to ask within {TURN:?}; raise the lookup's in_flight or rate");
            Miss::new(FailureClass::Timeout, error)
        })?;
        let answer = match timeout(settings.timeout, self.client.clone().call(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(Miss::of_error(error.as_ref(), settings)),
            Err(_) => return Err(Miss::late(settings)),
        };
        drop(turn);
        let (lookup, now) = (self.lookup.clone(), clock.now());
        let judged = tokio::task::spawn_blocking(move || judge(&lookup, &answer, now)).await;
        judged.unwrap_or_else(|_| {
            Err(Miss::config("the gateway failed while reading the answer; please report it"))
        })
    }

    /// One of the places, then one of the tokens.
    async fn turn(&self, clock: &Arc<dyn Clock>) -> Option<SemaphorePermit<'_>> {
        // `None` only if the semaphore were closed, which it never is.
        let place = self.state.turns.acquire().await.ok();
        if let Some((rate, bucket)) = &self.state.rate {
            loop {
                let now = clock.now();
                let taken = lock(bucket).take(*rate, now);
                let Err(wait) = taken else { break };
                // A millisecond more, so that nobody wakes a breath too early.
                let wait = wait + Duration::from_millis(1);
                clock.sleep_until(now.checked_add(wait).unwrap_or(now)).await;
            }
        }
        place
    }

    #[cfg(test)]
    pub fn remembered(&self) -> u64 {
        self.state.cache.as_ref().map_or(0, Cache::weight)
    }

    /// How many wait for an answer under way.
    #[cfg(test)]
    pub fn waiting(&self) -> usize {
        lock(&self.state.flights).values().map(|flight| Arc::strong_count(flight) - 1).sum()
    }
}

/// One who waits for the answer to a question. The last one clears the table.
struct Joined<'a> {
    state: &'a State,
    key: Key,
    flight: Flight,
}

impl<'a> Joined<'a> {
    fn new(state: &'a State, key: Key) -> Self {
        let mut flights = lock(&state.flights);
        let known = flights.get(&key).filter(|flight| !flight.initialized()).cloned();
        let flight = known.unwrap_or_else(|| {
            let fresh = Flight::default();
            flights.insert(key, fresh.clone());
            fresh
        });
        Self { state, key, flight }
    }
}

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        let mut flights = lock(&self.state.flights);
        let ours = flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        // The table's own copy and this one.
        if ours && (self.flight.initialized() || Arc::strong_count(&self.flight) <= 2) {
            flights.remove(&self.key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the host comes from the event, nothing but what is listed is reached.
fn guard_of(settings: &config::Lookup, guard: &Guard) -> Guard {
    Guard { listed_only: settings.url.origin().is_none(), ..guard.clone() }
}

fn client(settings: &config::Lookup, guard: &Guard, clock: &Arc<dyn Clock>) -> Guarded<Client> {
    let guard = Arc::new(guard_of(settings, guard));
    let way = Way {
        guard: guard.clone(),
        tls: settings.tls.clone(),
        secure: settings.url.may_be_https(),
        proxy: settings.proxy.clone(),
        auth: settings.auth.clone(),
        clock: clock.clone(),
        timeout: settings.timeout,
        connect_timeout: settings.connect_timeout.min(settings.timeout),
        idle: settings.in_flight,
        keep: settings.max_body,
        body_time: settings.timeout,
    };
    Guarded { inner: Client::new(way), guard }
}

/// Whether two settings ask the same in the same way. Where they stand, and what follows from a
/// failure, does not matter.
fn same(a: &config::Lookup, b: &config::Lookup) -> bool {
    let query = |lookup: &config::Lookup| {
        let graphql = lookup.graphql.as_ref()?;
        let variables = graphql.variables.iter().map(|(name, text)| (name.clone(), text.text.clone()));
        Some((graphql.query.clone(), variables.collect::<Vec<_>>()))
    };
    let select = |lookup: &config::Lookup| lookup.select.as_ref().map(|(_, path)| path.clone());
    let redact =
        |lookup: &config::Lookup| lookup.redact.iter().map(|(_, path)| path.clone()).collect::<Vec<_>>();
    same_url(&a.url, &b.url)
        && query(a) == query(b)
        && a.headers == b.headers
        && a.auth == b.auth
        && a.tls == b.tls
        && a.proxy == b.proxy
        && a.timeout == b.timeout
        && a.connect_timeout == b.connect_timeout
        && a.max_body == b.max_body
        && a.cache == b.cache
        && a.in_flight == b.in_flight
        && a.rate == b.rate
        && select(a) == select(b)
        && redact(a) == redact(b)
}

fn same_url(a: &Target, b: &Target) -> bool {
    match (a, b) {
        (Target::Fixed(a), Target::Fixed(b)) => a == b,
        (Target::Template { text: a, .. }, Target::Template { text: b, .. }) => a.text == b.text,
        _ => false,
    }
}
