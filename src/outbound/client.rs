//! The client for one way out: a request goes in, proves who sends it, and an answer's head and the
//! beginning of its body come out.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use tokio::time::Instant;
use tower::{BoxError, Service};

use super::auth::Proof;
use super::exchange::{Bounds, Exchange};
use super::guard::Guard;
use super::tokens::Tokens;
use crate::clock::Clock;
use crate::config::{Auth, Proxy, Tls};

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Its beginning, at most [`Way::keep`] bytes.
    pub body: Vec<u8>,
    /// Whether that is all of it: it was not longer, broken off or too slow.
    pub whole: bool,
}

/// Everything about one way out.
#[derive(Debug, Clone)]
pub struct Way {
    pub guard: Arc<Guard>,
    pub tls: Tls,
    /// Whether URLs may be `https`; only then are certificates read for them.
    pub secure: bool,
    pub proxy: Option<Arc<Proxy>>,
    pub auth: Option<Auth>,
    /// How long a token lasts is told by it.
    pub clock: Arc<dyn Clock>,
    /// For the whole exchange; whoever calls ends it then. Here it bounds the reading of a body.
    pub timeout: Duration,
    /// For resolving, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// How many idle connections are kept.
    pub idle: usize,
    /// How many bytes of an answer's body are kept.
    pub keep: usize,
    /// How long the body may take once the status is known.
    pub body_time: Duration,
}

/// The client. Copies share connections and tokens.
#[derive(Debug, Clone)]
pub struct Client {
    way: Arc<Way>,
    exchange: Exchange,
    proof: Arc<Proof>,
}

impl Client {
    pub fn new(way: Way) -> Self {
        let way = Arc::new(way);
        let exchange = Exchange::new(way.clone());
        let proof = Arc::new(Proof::new(&way));
        Self { way, exchange, proof }
    }

    async fn send(self, request: Request<Full<Bytes>>) -> Result<Answer, BoxError> {
        let until = Instant::now() + self.way.timeout;
        let bounds = Bounds { keep: self.way.keep, until, body_time: self.way.body_time };
        match &*self.proof {
            Proof::None => self.exchange.send(request, bounds).await,
            Proof::Fixed(Ok(value)) => self.exchange.send(proven(request, value), bounds).await,
            Proof::Fixed(Err(unusable)) => Err(unusable.clone().into()),
            Proof::Tokens(tokens) => self.with_token(tokens, request, bounds).await,
        }
    }

    /// A token that was kept may have been revoked: a 401 is answered with a fresh one, once.
    async fn with_token(
        &self,
        tokens: &Tokens,
        request: Request<Full<Bytes>>,
        bounds: Bounds,
    ) -> Result<Answer, BoxError> {
        let token = tokens.current().await?;
        let answer = self.exchange.send(proven(request.clone(), &token.value), bounds).await?;
        if answer.status != 401 || !token.kept {
            return Ok(token.hidden_in(answer));
        }
        tokens.forget(&token).await;
        let token = tokens.current().await?;
        let answer = self.exchange.send(proven(request, &token.value), bounds).await?;
        Ok(token.hidden_in(answer))
    }
}

fn proven(mut request: Request<Full<Bytes>>, value: &HeaderValue) -> Request<Full<Bytes>> {
    request.headers_mut().insert(AUTHORIZATION, value.clone());
    request
}

impl Service<Request<Full<Bytes>>> for Client {
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}
