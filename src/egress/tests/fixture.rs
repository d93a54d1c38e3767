//! Plain values to test with.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use crate::config::{self, Config, Destination};
use crate::model::{Attempt, Delivery, DeliveryId, EventId, FailureClass, ReceiptId, Timestamp};
use crate::outbound::classify::Failure;
use crate::route::Roster;
use crate::rules::Rules;
use crate::schedule::Schedule;
use crate::secret::Secret;
use crate::signature::{Scheme, Signer};

/// Where every test's clock begins.
pub fn start() -> Timestamp {
    "2025-06-30T12:00:00Z".parse().unwrap()
}

pub fn destination(url: &str, edit: impl FnOnce(&mut Destination)) -> Arc<Destination> {
    let mut destination = Destination {
        name: "sink".to_owned(),
        at: (1, 1),
        url: config::Target::Fixed(url.parse().unwrap()),
        url_secret: false,
        format: crate::format::Format::Event,
        kinds: HashMap::new(),
        sign: Signer { scheme: Scheme::None, secrets: Vec::new() },
        method: http::Method::POST,
        content_type: None,
        headers: Vec::new(),
        headers_template: None,
        fixed_headers: Vec::new(),
        body_template: None,
        secrets: std::collections::BTreeMap::new(),
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
        retry: Schedule::default(),
        ordered: true,
        in_flight: 16,
        supersede: false,
        rate: None,
        breaker: None,
        pause_after: None,
        auth: None,
        tls: config::Tls::default(),
        proxy: None,
    };
    edit(&mut destination);
    Arc::new(destination)
}

pub fn headers(pairs: &[(&str, &str)]) -> Vec<(http::HeaderName, Secret)> {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), Secret::new(*value))).collect()
}

pub fn texts(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What a future is ready with when it is asked once.
pub fn at_once<T>(mut future: std::pin::Pin<Box<dyn Future<Output = T> + Send>>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// An attempt that was answered with this status.
pub fn answered(status: u16) -> Attempt {
    let failure = Failure::of_status(status, None);
    let blank = failed(FailureClass::Http4xx);
    let (class, error) = failure.map(|failure| (failure.class, failure.error)).unzip();
    Attempt { status: Some(status), class, error, ..blank }
}

/// An attempt that no answer ended.
pub fn failed(class: FailureClass) -> Attempt {
    Attempt {
        number: 1,
        at: start(),
        duration_ms: 1,
        url: "http://sink.example/".to_owned(),
        method: "POST".to_owned(),
        request_headers: Vec::new(),
        status: None,
        response_excerpt: None,
        class: Some(class),
        error: Some("it failed".to_owned()),
        remedy: None,
    }
}

/// For the destination `sink`; an empty lane is none.
pub fn delivery(lane: &str, body: &[u8]) -> Delivery {
    let receipt = ReceiptId::new(start());
    Delivery {
        id: DeliveryId::new(start()),
        receipt,
        event: EventId::of(receipt, 0),
        batch: None,
        route: "all".to_owned(),
        destination: "sink".to_owned(),
        lane: (!lane.is_empty()).then(|| lane.to_owned()),
        url: None,
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
        body: Bytes::copy_from_slice(body),
        supersede: false,
        created_at: start(),
    }
}

/// Rules that hold nothing but destinations; loopback is allowed unless `allow` says otherwise.
pub fn rules(destinations: &[Arc<Destination>], in_flight: usize, allow: &[&str]) -> Arc<Rules> {
    let nowhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let minute = Duration::from_secs(60);
    let config = Config {
        file: "config.yaml".to_owned(),
        dir: ".".into(),
        ingress: config::Ingress {
            listen: nowhere,
            base_path: String::new(),
            max_body: 1024,
            trusted_proxies: Vec::new(),
            request_timeout: minute,
            header_timeout: minute,
            max_connections: 1,
            grace: minute,
        },
        admin: config::Admin { listen: nowhere, token: None },
        state: config::State::Sqlite("none".into()),
        dedupe: minute,
        retention: config::Retention { delivered: minute, dead: minute },
        egress: config::Egress {
            allow: allow.iter().map(|range| range.parse().unwrap()).collect(),
            deny: Vec::new(),
            in_flight,
            proxy: None,
        },
        instance: "here".into(),
        loop_guard: config::LoopGuard::default(),
        lookups: Vec::new(),
        scripts: crate::script::Limits::default(),
        sources: Vec::new(),
        destinations: destinations.iter().map(|destination| (**destination).clone()).collect(),
        presets: Vec::new(),
        routes: Vec::new(),
    };
    let destinations = destinations.iter().map(|d| (Arc::from(d.name.as_str()), d.clone())).collect();
    let (sources, lookups, routes) = (HashMap::new(), HashMap::new(), Vec::new());
    let own = Rules::from_text("config.yaml", "", &|_| None).unwrap().own;
    let (revision, roster) = ("test".to_owned(), Roster::new(std::iter::empty()));
    Arc::new(Rules { revision, config, sources, own, destinations, lookups, routes, roster })
}
