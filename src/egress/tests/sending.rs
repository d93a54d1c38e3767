//! One attempt at a time, through the whole stack.

use std::sync::Arc;
use std::time::Duration;

use tower::{Service, ServiceExt};

use super::fixture;
use super::receiver::{OK, Receiver, Reply};
use crate::clock::{Clock, ManualClock};
use crate::config::{Destination, Rate};
use crate::egress::health::Health;
use crate::egress::limit::Pool;
use crate::egress::record::Tried;
use crate::egress::{Guard, Plan, Stack, stack};
use crate::model::{Delivery, FailureClass};
use crate::signature::Scheme;
use crate::store::Leased;

/// The stack of a destination on a standing clock.
pub fn stack_of(destination: Arc<Destination>, allow: &[&str]) -> (Stack, Arc<ManualClock>) {
    let clock = ManualClock::at(fixture::start());
    let allow = allow.iter().map(|range| range.parse().unwrap()).collect();
    let guard = Arc::new(Guard { allow, deny: Vec::new(), listed_only: destination.url.origin().is_none() });
    let plan = Plan { destination, guard, pool: Pool::new(256, 1) };
    let shared: Arc<dyn Clock> = clock.clone();
    let health = Health::new(&plan.destination, &shared, &Arc::default());
    (stack(&plan, &health, &shared), clock)
}

pub async fn send(stack: &Stack, delivery: Delivery, attempts: u32) -> Tried {
    let leased = Arc::new(Leased { delivery, attempts, tries: attempts, token: 1 });
    stack.clone().ready().await.unwrap().call(leased).await.unwrap()
}

pub async fn send_one(destination: Arc<Destination>, allow: &[&str]) -> Tried {
    let (stack, _) = stack_of(destination, allow);
    send(&stack, fixture::delivery("a", b"{}"), 0).await
}

const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];

#[tokio::test]
async fn a_request_carries_the_body_as_it_is_and_its_record_hides_secrets() {
    let receiver = Receiver::start(|_, _| OK).await;
    let destination = fixture::destination(&receiver.url(), |destination| {
        destination.method = http::Method::PUT;
        destination.headers = fixture::headers(&[("authorization", "Bearer hunter2hunter2")]);
        destination.sign.scheme = Scheme::Netbox;
        destination.sign.secrets = vec![crate::secret::Secret::new("key")];
    });
    let (stack, clock) = stack_of(destination, LOOPBACK);
    let mut delivery = fixture::delivery("a", b"{\"a\": 1.10}");
    delivery.headers = fixture::texts(&[("x-from", "crossconnect")]);
    let id = delivery.id.to_string();
    let first = send(&stack, delivery.clone(), 0).await;
    clock.advance(Duration::from_secs(5));
    send(&stack, delivery, 1).await;

    let seen = receiver.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("PUT", "/hook"));
    assert_eq!(&seen[0].body[..], b"{\"a\": 1.10}");
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(seen[0].header("authorization"), "Bearer hunter2hunter2");
    assert_eq!(seen[0].header("x-from"), "crossconnect");
    assert!(seen[0].header("user-agent").starts_with("crossconnect/"));
    assert_eq!(seen[0].header("webhook-id"), id);
    assert_eq!(seen[1].header("webhook-id"), id);
    assert_ne!(seen[0].header("webhook-timestamp"), seen[1].header("webhook-timestamp"));

    let attempt = first.attempt;
    assert_eq!((attempt.number, attempt.status, attempt.class), (1, Some(200), None));
    assert_eq!(attempt.response_excerpt.as_deref(), Some("ok"));
    assert!(attempt.request_headers.contains(&("authorization".to_owned(), "[redacted]".to_owned())));
    assert!(!format!("{attempt:?}").contains("hunter2"));
}

#[tokio::test]
async fn connections_are_used_again() {
    let receiver = Receiver::start(|n, _| if n == 1 { Reply::Status(500, &[], "no") } else { OK }).await;
    let (stack, _) = stack_of(fixture::destination(&receiver.url(), |_| ()), LOOPBACK);
    for _ in 0..4 {
        send(&stack, fixture::delivery("a", b"{}"), 0).await;
    }
    assert_eq!((receiver.seen().len(), receiver.accepted()), (4, 1));
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let receiver = Receiver::start(|_, _| Reply::Status(302, &[("location", "/elsewhere")], "")).await;
    let tried = send_one(fixture::destination(&receiver.url(), |_| ()), LOOPBACK).await;
    assert_eq!(tried.attempt.class, Some(FailureClass::Http3xx));
    assert_eq!(tried.attempt.error.unwrap(), "the receiver answered 302 and points to /elsewhere");
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn a_redirect_that_says_credentials_back_is_told_without_them() {
    let elsewhere = &[("location", "http://a.example/to/hunter2hunter2?x=hunter2hunter2")];
    let receiver = Receiver::start(move |_, _| Reply::Status(302, elsewhere, "")).await;
    let destination = fixture::destination(&receiver.url(), |destination| {
        destination.headers = fixture::headers(&[("x-api-key", "hunter2hunter2")]);
    });
    let error = send_one(destination, LOOPBACK).await.attempt.error.unwrap();
    assert!(error.ends_with("points to http://a.example/to/[redacted]?x=[redacted]"), "{error}");
}

#[tokio::test]
async fn a_credential_where_the_excerpt_or_the_answer_is_cut_is_hidden() {
    let secret = "s3cret".repeat(20);
    let (across, often) =
        (format!("{}{secret}{}", "x".repeat(4000), "y".repeat(200_000)), secret.repeat(300));
    // Of the second the excerpt holds all that is read, down to a secret that is read in part.
    let read = (super::super::record::EXCERPT + super::super::record::BEYOND) / secret.len();
    for (said, shown) in [
        (across, format!("{}[redacted]{}", "x".repeat(4000), "y".repeat(86))),
        (often, "[redacted]".repeat(read)),
    ] {
        let said: &'static str = said.leak();
        let receiver = Receiver::start(move |_, _| Reply::Status(200, &[], said)).await;
        let destination = fixture::destination(&receiver.url(), |destination| {
            destination.headers = fixture::headers(&[("authorization", &format!("Bearer {secret}"))]);
        });
        let attempt = send_one(destination, LOOPBACK).await.attempt;
        assert_eq!(attempt.response_excerpt, Some(shown));
    }
}

#[tokio::test]
async fn retry_after_and_the_answer_are_recorded_without_echoed_credentials() {
    let reply = Reply::Status(429, &[("retry-after", "120")], "slow down, hunter2hunter2");
    let receiver = Receiver::start(move |_, _| reply).await;
    let destination = fixture::destination(&receiver.url(), |destination| {
        destination.headers = fixture::headers(&[("x-api-key", "hunter2hunter2")]);
    });
    let tried = send_one(destination, LOOPBACK).await;
    assert_eq!(tried.retry_after, Some(Duration::from_secs(120)));
    assert_eq!(tried.attempt.class, Some(FailureClass::Http4xx));
    assert_eq!(tried.attempt.response_excerpt.as_deref(), Some("slow down, [redacted]"));
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let receiver = Receiver::start(|_, _| Reply::Hang).await;
    let destination = fixture::destination(&receiver.url(), |destination| {
        destination.timeout = Duration::from_millis(200);
    });
    let tried = send_one(destination, LOOPBACK).await;
    assert_eq!(tried.attempt.class, Some(FailureClass::Timeout));
    assert_eq!(tried.attempt.error.unwrap(), "no answer within 200ms");
    assert!(!tried.attempt.request_headers.is_empty(), "what was sent is known all the same");
    assert!(tried.attempt.duration_ms >= 200);
}

#[tokio::test]
async fn of_an_endless_body_four_kilobytes_are_kept() {
    let receiver = Receiver::start(|_, _| Reply::Endless).await;
    let tried = send_one(fixture::destination(&receiver.url(), |_| ()), LOOPBACK).await;
    assert_eq!((tried.attempt.status, tried.attempt.class), (Some(200), None));
    assert_eq!(tried.attempt.response_excerpt.unwrap().len(), 4096);
    assert!(tried.attempt.duration_ms < 4000, "the bound in size ended it: {} ms", tried.attempt.duration_ms);
}

#[tokio::test]
async fn a_success_whose_body_dawdles_is_a_success() {
    let receiver = Receiver::start(|_, _| Reply::Dawdle).await;
    let destination = fixture::destination(&receiver.url(), |destination| {
        destination.timeout = Duration::from_millis(500);
    });
    let tried = send_one(destination, LOOPBACK).await;
    assert_eq!((tried.attempt.status, tried.attempt.class), (Some(200), None));
    assert_eq!(tried.attempt.response_excerpt.unwrap().len(), 1024);
}

#[tokio::test]
async fn a_closed_port_is_a_connect_failure() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let tried = send_one(fixture::destination(&format!("http://{port}/"), |_| ()), LOOPBACK).await;
    assert_eq!(tried.attempt.class, Some(FailureClass::Connect));
    assert!(tried.attempt.error.unwrap().contains("connection refused"));
    assert!(tried.attempt.remedy.unwrap().contains("nothing listens there"));
}

#[tokio::test]
async fn something_that_speaks_no_http_is_a_connect_failure() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let _ = tcp.read(&mut [0; 1024]).await;
            let _ = tcp.write_all(b"220 mail.example.org ESMTP\r\n").await;
        }
    });
    let tried = send_one(fixture::destination(&format!("http://{address}/"), |_| ()), LOOPBACK).await;
    assert_eq!(tried.attempt.class, Some(FailureClass::Connect), "{:?}", tried.attempt.error);
    assert!(tried.attempt.error.unwrap().contains("no HTTP"));
}

#[tokio::test]
async fn loopback_is_refused_unless_allowed_by_number_and_by_name() {
    let receiver = Receiver::start(|_, _| OK).await;
    let port = receiver.address.port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433"] {
        let destination = fixture::destination(&format!("http://{host}:{port}/"), |_| ());
        let attempt = send_one(destination, &["10.0.0.0/8"]).await.attempt;
        assert_eq!(attempt.class, Some(FailureClass::RefusedAddress), "{host}: {:?}", attempt.error);
        assert!(attempt.remedy.unwrap().contains("egress.allow"), "{host}");
    }
    assert_eq!(receiver.accepted(), 0);
    let destination = fixture::destination(&format!("http://localhost:{port}/"), |_| ());
    assert_eq!(send_one(destination, LOOPBACK).await.attempt.status, Some(200));
}

#[tokio::test]
async fn a_name_without_address_is_a_dns_failure() {
    let destination = fixture::destination("http://no-such-host.invalid/", |_| ());
    let attempt = send_one(destination, &[]).await.attempt;
    assert_eq!(attempt.class, Some(FailureClass::Dns), "{:?}", attempt.error);
    assert!(attempt.error.unwrap().contains("no-such-host.invalid"));
}

#[tokio::test]
async fn the_rate_gives_turns_by_the_clock_and_takes_unused_ones_back() {
    let receiver = Receiver::start(|_, _| OK).await;
    let destination = fixture::destination(&receiver.url(), |destination| {
        destination.rate = Some(Rate { count: 2, per: Duration::from_secs(1) });
    });
    let (stack, clock) = stack_of(destination, LOOPBACK);
    let leased =
        || Arc::new(Leased { delivery: fixture::delivery("", b"{}"), attempts: 0, tries: 0, token: 1 });
    let mut turns = Vec::new();
    for _ in 0..3 {
        let mut turn = stack.clone();
        let ready = std::future::poll_fn(|cx| std::task::Poll::Ready(turn.poll_ready(cx).is_ready())).await;
        turns.push((turn, ready));
    }
    assert_eq!(turns.iter().map(|(_, ready)| *ready).collect::<Vec<_>>(), [true, true, false]);
    // One unused turn goes back, so the third has it at once.
    turns.remove(1);
    let mut third = turns.pop().unwrap().0;
    drop(turns);
    clock.advance(Duration::from_millis(502));
    third.ready().await.unwrap().call(leased()).await.unwrap();
    assert_eq!(receiver.seen().len(), 1);
}
