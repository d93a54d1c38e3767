//! Every metric of the gateway in one place: names, labels, and the Prometheus text.
//!
//! Labels come only from the config's names and from enums, so their number is bounded.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

type Labels<const N: usize> = [(&'static str, String); N];

/// The gateway's metrics. One value per gateway; cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    refusals: Family<Labels<2>, Counter>,
    verified: Family<Labels<3>, Counter>,
    answer_seconds: Histogram,
    attempts: Family<Labels<2>, Counter>,
    attempt_seconds: Histogram,
    in_flight: Family<Labels<1>, Gauge>,
    finished: Family<Labels<2>, Counter>,
    opened: Family<Labels<1>, Counter>,
    paused: Family<Labels<2>, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("crossconnect");
        let seconds = || {
            Histogram::new([
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
            ])
        };
        let metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            refusals: Family::default(),
            verified: Family::default(),
            answer_seconds: seconds(),
            attempts: Family::default(),
            attempt_seconds: seconds(),
            in_flight: Family::default(),
            finished: Family::default(),
            opened: Family::default(),
            paused: Family::default(),
        };
        registry.register(
            "ingress_requests",
            "Requests to a source by what was answered (accepted, duplicate, or the problem's code)",
            metrics.requests.clone(),
        );
        registry.register(
            "ingress_refusals",
            "Requests that proved nothing, by cause",
            metrics.refusals.clone(),
        );
        registry.register(
            "ingress_verified",
            "Verified requests by scheme and by the text whose signature was right",
            metrics.verified.clone(),
        );
        registry.register_with_unit(
            "ingress_answer",
            "From the request's head to the answer",
            Unit::Seconds,
            metrics.answer_seconds.clone(),
        );
        registry.register(
            "egress_attempts",
            "Attempts by result (ok, or the failure's class)",
            metrics.attempts.clone(),
        );
        registry.register_with_unit(
            "egress_attempt",
            "Duration of an attempt",
            Unit::Seconds,
            metrics.attempt_seconds.clone(),
        );
        registry.register("egress_in_flight", "Attempts under way", metrics.in_flight.clone());
        registry.register("egress_finished", "Deliveries by how they ended", metrics.finished.clone());
        registry.register(
            "egress_breaker_opened",
            "How often nothing was sent to a destination for a while, as it was sick",
            metrics.opened.clone(),
        );
        registry.register(
            "egress_paused",
            "How often a destination was paused, by reason (gone, failing, operator)",
            metrics.paused.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// A request to `source` was answered with `answer`.
    pub fn request(&self, source: &str, answer: &str, seconds: f64) {
        self.requests.get_or_create(&[("source", source.to_owned()), ("answer", answer.to_owned())]).inc();
        self.answer_seconds.observe(seconds);
    }

    /// A request to `source` proved nothing because of `cause`.
    pub fn refusal(&self, source: &str, cause: &str) {
        self.refusals.get_or_create(&[("source", source.to_owned()), ("cause", cause.to_owned())]).inc();
    }

    /// A request to `source` was proved.
    pub fn verified(&self, source: &str, scheme: &str, variant: &str) {
        let labels =
            [("source", source.to_owned()), ("scheme", scheme.to_owned()), ("variant", variant.to_owned())];
        self.verified.get_or_create(&labels).inc();
    }

    /// An attempt to `destination` began (`+1`) or ended (`-1`).
    pub fn in_flight(&self, destination: &str, by: i64) {
        self.in_flight.get_or_create(&[("destination", destination.to_owned())]).inc_by(by);
    }

    /// An attempt ended with `result`: `ok` or a failure class.
    pub fn attempt(&self, destination: &str, result: &str, seconds: f64) {
        self.attempts
            .get_or_create(&[("destination", destination.to_owned()), ("result", result.to_owned())])
            .inc();
        self.attempt_seconds.observe(seconds);
    }

    /// A delivery ended as `state`: `delivered` or `dead`.
    pub fn finished(&self, destination: &str, state: &str) {
        self.finished
            .get_or_create(&[("destination", destination.to_owned()), ("state", state.to_owned())])
            .inc();
    }

    /// The breaker of `destination` opened, for the first time or again.
    pub fn opened(&self, destination: &str) {
        self.opened.get_or_create(&[("destination", destination.to_owned())]).inc();
    }

    /// `destination` was paused: `gone`, `failing` or `operator`.
    pub fn paused(&self, destination: &str, reason: &str) {
        self.paused
            .get_or_create(&[("destination", destination.to_owned()), ("reason", reason.to_owned())])
            .inc();
    }

    /// The Prometheus text exposition of everything counted so far.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a `String` cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
