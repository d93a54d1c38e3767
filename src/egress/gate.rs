//! What has to be passed before an attempt, and how a gate becomes a layer of the stack.
//!
//! Readiness is the permission: it is taken in `poll_ready`, before a delivery is claimed, so
//! that no lease runs while its delivery waits for a turn. Dropping a ready service gives the
//! permission back.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tower::{Layer, Service};

pub(super) type Waiting<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Something to pass before an attempt.
pub(super) trait Gate: Clone + Send + 'static {
    /// Held from the permission to the end of the attempt, however that ends.
    type Pass: Send + 'static;

    fn enter(&self) -> Waiting<Self::Pass>;

    /// Whether a pass that was not spent yet would be given now as well. One that would not is
    /// dropped, with whatever was waited for behind it.
    fn holds(&self, _pass: &Self::Pass) -> bool {
        true
    }

    /// The attempt begins: from here on the pass cannot be given back unused.
    fn spend(_pass: &mut Self::Pass) {}
}

/// What a gate makes of an attempt's result. One that was cut off has none.
pub(super) trait Learn<R>: Gate {
    fn learn(_pass: &Self::Pass, _result: &R) {}
}

/// The layer of a gate.
#[derive(Debug, Clone)]
pub(super) struct Through<G>(pub G);

impl<G: Gate, S> Layer<S> for Through<G> {
    type Service = Gated<G, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated { inner, gate: self.0.clone(), pass: None, waiting: None }
    }
}

/// A service behind a gate.
pub(super) struct Gated<G: Gate, S> {
    inner: S,
    gate: G,
    pass: Option<G::Pass>,
    waiting: Option<Waiting<G::Pass>>,
}

impl<G: Gate, S: Clone> Clone for Gated<G, S> {
    /// The copy has no permission; it asks for its own.
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), gate: self.gate.clone(), pass: None, waiting: None }
    }
}

impl<G, S, R> Service<R> for Gated<G, S>
where
    G: Learn<S::Response>,
    S: Service<R> + Clone,
    S::Future: Send + 'static,
    S::Response: 'static,
    S::Error: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.pass.as_ref().is_some_and(|pass| !self.gate.holds(pass)) {
            self.pass = None;
            // A copy has nothing of what is scarcer behind the gate.
            self.inner = self.inner.clone();
        }
        if self.pass.is_none() {
            let gate = &self.gate;
            let pass = ready!(self.waiting.get_or_insert_with(|| gate.enter()).as_mut().poll(cx));
            self.waiting = None;
            self.pass = Some(pass);
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let mut pass = self.pass.take();
        if let Some(pass) = &mut pass {
            G::spend(pass);
        }
        let attempt = self.inner.call(request);
        Box::pin(async move {
            let result = attempt.await;
            if let (Some(pass), Ok(result)) = (&pass, &result) {
                G::learn(pass, result);
            }
            drop(pass);
            result
        })
    }
}
