//! OAuth 2.0 client credentials (RFC 6749, section 4.4): a token is fetched, kept while it lasts,
//! and fetched anew by one request at a time, however many wait for it.
//!
//! Tokens live in memory only, and are shown nowhere.

mod answer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tower::BoxError;
use tower::timeout::error::Elapsed;

use self::answer::Granted;
use super::auth;
use super::classify::Failure;
use super::client::{Answer, Way};
use super::echo::Words;
use super::exchange::{Bounds, Exchange};
use super::guard::Guard;
use super::party::Party;
use crate::clock::{Clock, after};
use crate::config::OAuth2;
use crate::model::Timestamp;
use crate::percent;
use crate::secret::Secret;

const AGENT: &str = concat!("crossconnect/", env!("CARGO_PKG_VERSION"));
/// Of the endpoint's answer.
const LARGEST: usize = 64 * 1024;
/// A token is not used to its very end: a tenth of its time before, but no longer than this.
const EARLY: Duration = Duration::from_secs(30);

/// The tokens of one way out.
pub(super) struct Tokens {
    client: OAuth2,
    guard: Guard,
    exchange: Exchange,
    clock: Arc<dyn Clock>,
    /// For one fetch: half of what the whole exchange may take.
    within: Duration,
    /// Held by whoever fetches; the others wait for it.
    state: Mutex<State>,
    /// How many fetches have ended, readable without waiting.
    ended: AtomicU64,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// Why the last fetch gave none, for those who waited for it.
    failure: Option<Failure>,
}

/// A token as it is sent.
#[derive(Clone)]
pub(super) struct Token {
    /// `Bearer …`, marked sensitive.
    pub value: HeaderValue,
    /// It was there before it was asked for, so it may have been revoked since.
    pub kept: bool,
    until: Timestamp,
    /// The fetch that gave it, counted from 1.
    number: u64,
}

impl Token {
    /// The answer without the token: some receivers say back what they were sent.
    pub fn hidden_in(&self, mut answer: Answer) -> Answer {
        let value = String::from_utf8_lossy(self.value.as_bytes());
        let token = value.rsplit(' ').next().unwrap_or_default();
        let mut words = Words::default();
        // No shorter one: it would be found everywhere, and scripts get what lookups are answered.
        words.literal(token);
        let text = String::from_utf8_lossy(&answer.body);
        let hidden = if answer.whole { words.hidden(&text) } else { words.hidden_in_cut(&text) };
        if hidden != text {
            answer.body = hidden.into_bytes();
        }
        answer
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Tokens {
    /// By the same way as the requests themselves.
    pub fn new(client: OAuth2, way: &Way) -> Self {
        // The operator typed the endpoint: it need not be listed as hosts from events must be.
        let guard = Guard { listed_only: false, ..Guard::clone(&way.guard) };
        let own = Way {
            guard: Arc::new(guard.clone()),
            secure: client.token_url.scheme_str() == Some("https"),
            auth: None,
            idle: 1,
            ..way.clone()
        };
        Self {
            client,
            guard,
            exchange: Exchange::new(Arc::new(own)),
            clock: way.clock.clone(),
            within: way.timeout / 2,
            state: Mutex::default(),
            ended: AtomicU64::new(0),
        }
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// The failure of the fetch that was waited for, also where somebody else made it.
    pub async fn current(&self) -> Result<Token, Failure> {
        let asked = self.ended.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(token) = &state.token
            && (token.number > asked || self.clock.now() < token.until)
        {
            return Ok(Token { kept: token.number <= asked, ..token.clone() });
        }
        let ended = self.ended.load(Ordering::Acquire);
        if let Some(failure) = state.failure.as_ref().filter(|_| ended > asked) {
            return Err(failure.clone());
        }
        let fetched = self.fetch(ended + 1).await;
        self.ended.store(ended + 1, Ordering::Release);
        state.token = fetched.as_ref().ok().cloned();
        state.failure = fetched.as_ref().err().cloned();
        fetched
    }

    /// Does away with a token that was refused, unless another has taken its place.
    pub async fn forget(&self, refused: &Token) {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|token| token.number == refused.number) {
            state.token = None;
        }
    }

    async fn fetch(&self, number: u64) -> Result<Token, Failure> {
        let at = self.clock.now();
        let words = |error: &(dyn std::error::Error + 'static)| {
            Failure::of_error_with(Party::Tokens, error, self.within)
        };
        let answer = match timeout(self.within, self.ask()).await {
            Ok(answer) => answer.map_err(|error| words(error.as_ref()))?,
            Err(_) => return Err(words(&Elapsed::new())),
        };
        let Granted { token, lasts } = answer::read(&answer, &self.client)?;
        let value = auth::bearer(&token).map_err(|unusable| words(&unusable))?;
        let usable = lasts.saturating_sub(EARLY.min(lasts / 10));
        let until = after(at, usable);
        Ok(Token { value, kept: false, until, number })
    }

    async fn ask(&self) -> Result<Answer, BoxError> {
        self.guard.check_url(&self.client.token_url)?;
        let until = Instant::now() + self.within;
        self.exchange.send(self.request()?, Bounds { keep: LARGEST, until, body_time: self.within }).await
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, BoxError> {
        let client = &self.client;
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(client.scope.as_deref().map(|scope| ("scope", scope)));
        fields.extend(client.audience.as_deref().map(|audience| ("audience", audience)));
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(client.token_url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, AGENT);
        if client.in_body {
            fields.push(("client_id", &client.client_id));
            fields.push(("client_secret", client.client_secret.expose()));
        } else {
            // Encoded first, so that a colon in the id ends nothing (RFC 6749, section 2.3.1).
            let secret = Secret::new(form(client.client_secret.expose()));
            request = request.header(AUTHORIZATION, auth::basic(&form(&client.client_id), &secret)?);
        }
        let pairs = fields.into_iter().map(|(name, value)| format!("{name}={}", form(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        Ok(request.body(Full::from(body))?)
    }
}

fn form(text: &str) -> String {
    percent::encode(text, percent::unreserved)
}
