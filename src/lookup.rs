//! Lookups: named questions to other systems, asked after the sender was answered.
//!
//! From an event to what scripts and templates get as `lookup.NAME`: rendered, remembered, asked
//! once for all who ask the same, within limits, by the guarded client that deliveries leave by.
//! [`resolve`] is what a worker calls with a receipt that waits; who claims receipts, and what becomes of
//! the outcome, never enters here.

mod answer;
mod cache;
mod desk;
mod miss;
mod question;
mod resolve;
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "servers of tests end with their runtime")]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::desk::Desk;
use self::miss::Miss;
use self::question::Question;
use crate::clock::Clock;
use crate::model::{Event, Json, Looked};
use crate::outbound::guard::Guard;
use crate::rules::Rules;

pub use self::resolve::{Attempt, Known, LONGEST, resolve, resolve_events};

/// All lookups with what they remember. Copies share it.
#[derive(Debug, Clone)]
pub struct Lookups {
    clock: Arc<dyn Clock>,
    desks: Arc<Mutex<Desks>>,
}

#[derive(Debug, Default)]
struct Desks {
    /// The rules they were made by.
    rules: Option<Arc<Rules>>,
    by_name: HashMap<Arc<str>, Arc<Desk>>,
}

/// What one lookup gave.
#[derive(Debug)]
pub(crate) struct Answered {
    /// For the record; its `value` and what went wrong are not filled in.
    looked: Looked,
    value: Result<Arc<Json>, Miss>,
    /// The value as the record may show it.
    shown: Arc<Json>,
}

impl Lookups {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, desks: Arc::default() }
    }

    /// Asks one lookup of the rules for an event. Needs a tokio runtime.
    pub(crate) async fn find(&self, rules: &Arc<Rules>, name: &str, event: &Arc<Event>) -> Answered {
        let began = Instant::now();
        let Some(desk) = self.desk(rules, name) else {
            let miss = Miss::config(format!("there is no lookup `{name}` any more"));
            return Answered::missed(name, None, began.elapsed(), miss);
        };
        let (lookup, about) = (desk.lookup.clone(), event.clone());
        // Templates take their time.
        let question = tokio::task::spawn_blocking(move || Question::of(&lookup, &about)).await;
        let failed = || Err(Miss::config("the gateway failed while making the question; please report it"));
        let question = match question.unwrap_or_else(|_| failed()) {
            Ok(question) => question,
            Err(miss) => return Answered::missed(name, None, began.elapsed(), miss),
        };
        let (result, cached) = desk.find(&question, &self.clock).await;
        let url = Some(question.shown());
        match result {
            Ok(good) => Answered {
                looked: Looked { status: Some(good.status), cached, ..blank(name, url, began.elapsed()) },
                value: Ok(good.value),
                shown: good.shown,
            },
            Err(miss) => Answered::missed(name, url, began.elapsed(), miss),
        }
    }

    fn desk(&self, rules: &Arc<Rules>, name: &str) -> Option<Arc<Desk>> {
        let mut desks = self.lock();
        if !desks.rules.as_ref().is_some_and(|known| Arc::ptr_eq(known, rules)) {
            self.adopt(&mut desks, rules);
        }
        desks.by_name.get(name).cloned()
    }

    /// Takes over other rules. What is remembered stays, where a lookup asks the same as before.
    fn adopt(&self, desks: &mut Desks, rules: &Arc<Rules>) {
        let egress = &rules.config.egress;
        let guard = Guard { allow: egress.allow.clone(), deny: egress.deny.clone(), listed_only: false };
        let desk = |(name, lookup): (&Arc<str>, &Arc<crate::rules::Lookup>)| {
            let desk = match desks.by_name.get(name) {
                Some(known) => known.renewed(lookup.clone(), &guard, &self.clock),
                None => Desk::new(lookup.clone(), &guard, &self.clock),
            };
            (name.clone(), Arc::new(desk))
        };
        desks.by_name = rules.lookups.iter().map(desk).collect();
        desks.rules = Some(rules.clone());
    }

    fn lock(&self) -> MutexGuard<'_, Desks> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answered {
    /// A value that nobody was asked for.
    fn given(name: &str, value: Arc<Json>, shown: Arc<Json>) -> Self {
        Self { looked: blank(name, None, Duration::ZERO), value: Ok(value), shown }
    }

    fn missed(name: &str, url: Option<String>, took: Duration, miss: Miss) -> Self {
        let looked = Looked { status: miss.status, ..blank(name, url, took) };
        Self { looked, value: Err(miss), shown: Arc::new(Json::Null) }
    }
}

fn blank(name: &str, url: Option<String>, took: Duration) -> Looked {
    Looked {
        name: name.to_owned(),
        url,
        status: None,
        cached: false,
        ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        value: Json::Null,
        class: None,
        error: None,
    }
}
