//! The top of the stack: whatever happens below becomes one [`Attempt`], never an error.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, Uri};
use tokio::time::Instant;
use tower::{BoxError, Service};

use super::echo;
use super::sign::Outgoing;
use super::target;
use crate::clock::Clock;
use crate::config::Destination;
use crate::model::{Attempt, Timestamp};
use crate::outbound::classify::Failure;
use crate::outbound::client::Answer;
use crate::schedule;
use crate::secret::REDACTED;
use crate::store::Leased;

/// How much of an answer's body is kept.
pub(super) const EXCERPT: usize = 4 * 1024;
/// How much more is read, so that a credential is whole where the excerpt ends, and is found.
pub(super) const BEYOND: usize = 16 * 1024;

/// One attempt, and how long the receiver asked us to stay away.
#[derive(Debug)]
pub(super) struct Tried {
    pub attempt: Attempt,
    pub retry_after: Option<Duration>,
}

/// The layer: a leased delivery in, a record out.
#[derive(Debug, Clone)]
pub(super) struct Record<S> {
    pub inner: S,
    pub destination: Arc<Destination>,
    pub clock: Arc<dyn Clock>,
}

impl<S> Service<Arc<Leased>> for Record<S>
where
    S: Service<Outgoing, Response = Answer, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Tried;
    /// Only from `poll_ready`.
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Tried, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, leased: Arc<Leased>) -> Self::Future {
        let shown = Arc::new(OnceLock::new());
        let mut attempt = blank(&self.destination, &leased, self.clock.now());
        let sending = self.inner.call(Outgoing { leased, shown: shown.clone() });
        let (destination, clock, began) = (self.destination.clone(), self.clock.clone(), Instant::now());
        Box::pin(async move {
            let result = sending.await;
            attempt.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            attempt.request_headers = shown.get().cloned().unwrap_or_default();
            Ok(match result {
                Ok(answer) => answered(attempt, &answer, &destination, clock.now()),
                Err(error) => failed(attempt, error.as_ref(), &destination),
            })
        })
    }
}

/// The record of an attempt of which nothing is known yet.
fn blank(destination: &Destination, leased: &Leased, at: Timestamp) -> Attempt {
    Attempt {
        number: leased.attempts.saturating_add(1),
        at,
        duration_ms: 0,
        url: target::shown(destination, &leased.delivery),
        method: destination.method.to_string(),
        request_headers: Vec::new(),
        status: None,
        response_excerpt: None,
        class: None,
        error: None,
        remedy: None,
    }
}

/// The record of an attempt that a defect of the gateway ended.
pub(super) fn broken(destination: &Destination, leased: &Leased, at: Timestamp) -> Tried {
    Tried { attempt: blame(blank(destination, leased, at), Failure::internal()), retry_after: None }
}

fn answered(mut attempt: Attempt, answer: &Answer, destination: &Destination, now: Timestamp) -> Tried {
    let text = |headers: &HeaderMap, name| {
        headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    attempt.status = Some(answer.status);
    attempt.response_excerpt = excerpt(answer, destination);
    let location = text(&answer.headers, LOCATION).map(|to| pointed_to(&to, destination));
    match Failure::of_status(answer.status, location.as_deref()) {
        None => Tried { attempt, retry_after: None },
        Some(failure) => {
            let asked = text(&answer.headers, RETRY_AFTER);
            let retry_after = asked.and_then(|asked| schedule::retry_after(&asked, now));
            Tried { attempt: blame(attempt, failure), retry_after }
        }
    }
}

/// Where a redirect points; its path and query often repeat those of the URL that was asked.
fn pointed_to(location: &str, destination: &Destination) -> String {
    let keeps_secrets = destination.url_secret || !destination.secrets.is_empty();
    match location.parse::<Uri>() {
        Ok(url) if !keeps_secrets => echo::words(destination).hidden(&destination.shown(&url)),
        Ok(url) => match (url.scheme_str(), url.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{}/{REDACTED}", authority.host()),
            _ => REDACTED.to_owned(),
        },
        Err(_) => REDACTED.to_owned(),
    }
}

fn failed(attempt: Attempt, error: &(dyn Error + 'static), destination: &Destination) -> Tried {
    let failure = Failure::of_error(error, destination.timeout);
    Tried { attempt: blame(attempt, failure), retry_after: None }
}

fn blame(mut attempt: Attempt, failure: Failure) -> Attempt {
    attempt.class = Some(failure.class);
    attempt.error = Some(failure.error);
    attempt.remedy = Some(failure.remedy);
    attempt
}

/// At most 4 KiB of text, without the credentials that some receivers echo.
fn excerpt(answer: &Answer, destination: &Destination) -> Option<String> {
    let (words, text) = (echo::words(destination), String::from_utf8_lossy(&answer.body));
    let mut text = if answer.whole { words.hidden(&text) } else { words.hidden_in_cut(&text) };
    // Only now, as a credential that was cut would not be found.
    let end = (0..=EXCERPT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    (!text.is_empty()).then_some(text)
}
