//! Who sends: Basic, Bearer, and OAuth 2.0 against a token endpoint that is played.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tower::{Service, ServiceExt};

use super::fixture;
use super::receiver::{OK, Receiver, Reply, Seen};
use super::sending::{send, send_one, stack_of};
use crate::config::{Auth, Destination, OAuth2};
use crate::model::{Attempt, FailureClass};
use crate::secret::Secret;
use crate::store::Leased;

const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];

const FIRST: Reply =
    Reply::Status(200, &[], r#"{"access_token": "first-token", "token_type": "Bearer", "expires_in": 100}"#);
const SECOND: Reply =
    Reply::Status(200, &[], r#"{"access_token": "second-token", "token_type": "Bearer", "expires_in": 100}"#);

/// The first token, and then the second for ever.
fn in_turn(number: usize, _: &Seen) -> Reply {
    if number == 0 { FIRST } else { SECOND }
}

fn client(tokens: &Receiver) -> OAuth2 {
    OAuth2 {
        token_url: format!("http://{}/token?tenant=1", tokens.address).parse().unwrap(),
        client_id: "gate:way".to_owned(),
        client_secret: Secret::new("hunter2/hunter2"),
        scope: Some("hooks write".to_owned()),
        audience: None,
        in_body: false,
    }
}

fn destination(
    receiver: &Receiver,
    tokens: &Receiver,
    edit: impl FnOnce(&mut Destination),
) -> Arc<Destination> {
    fixture::destination(&receiver.url(), |destination| {
        destination.auth = Some(Auth::OAuth2(client(tokens)));
        destination.in_flight = 64;
        edit(destination);
    })
}

fn tokens_of(receiver: &Receiver) -> Vec<String> {
    receiver.seen().iter().map(|seen| seen.header("authorization").to_owned()).collect()
}

/// So many deliveries at once.
async fn all_at_once(stack: &crate::egress::Stack, count: usize) -> Vec<Attempt> {
    let mut sending = JoinSet::new();
    for _ in 0..count {
        let mut stack = stack.clone();
        let delivery = fixture::delivery("", b"{}");
        let leased = Arc::new(Leased { delivery, attempts: 0, tries: 0, token: 1 });
        sending.spawn(async move { stack.ready().await.unwrap().call(leased).await.unwrap().attempt });
    }
    sending.join_all().await
}

#[tokio::test]
async fn a_user_or_a_token_is_sent_and_never_shown() {
    for (auth, sent) in [
        (
            Auth::Basic { user: "ann".to_owned(), password: Secret::new("open sesame") },
            "Basic YW5uOm9wZW4gc2VzYW1l",
        ),
        (Auth::Bearer(Secret::new("bearer-token")), "Bearer bearer-token"),
    ] {
        let said = "you said open sesame, YW5uOm9wZW4gc2VzYW1l, bearer-token";
        let receiver = Receiver::start(move |_, _| Reply::Status(403, &[], said)).await;
        let attempt =
            send_one(fixture::destination(&receiver.url(), |d| d.auth = Some(auth)), LOOPBACK).await.attempt;
        assert_eq!(tokens_of(&receiver), [sent]);
        assert!(attempt.request_headers.contains(&("authorization".to_owned(), "[redacted]".to_owned())));
        let shown = format!("{attempt:?}");
        assert!(!shown.contains(sent.split_once(' ').unwrap().1), "{shown}");
    }
}

#[tokio::test]
async fn a_token_is_fetched_once_and_kept_until_shortly_before_its_end() {
    let receiver = Receiver::start(|_, _| OK).await;
    let tokens = Receiver::start(in_turn).await;
    let (stack, clock) = stack_of(destination(&receiver, &tokens, |_| ()), LOOPBACK);
    for wait in [0, 89, 2] {
        clock.advance(Duration::from_secs(wait));
        let attempt = send(&stack, fixture::delivery("a", b"{}"), 0).await.attempt;
        assert_eq!((attempt.status, attempt.error), (Some(200), None));
        assert!(attempt.request_headers.contains(&("authorization".to_owned(), "[redacted]".to_owned())));
    }
    assert_eq!(tokens_of(&receiver), ["Bearer first-token", "Bearer first-token", "Bearer second-token"]);
    let asked = tokens.seen();
    assert_eq!(asked.len(), 2);
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/token?tenant=1"));
    assert_eq!(asked[0].header("content-type"), "application/x-www-form-urlencoded");
    // gate%3Away:hunter2%2Fhunter2
    assert_eq!(asked[0].header("authorization"), "Basic Z2F0ZSUzQXdheTpodW50ZXIyJTJGaHVudGVyMg==");
    assert_eq!(&asked[0].body[..], b"grant_type=client_credentials&scope=hooks%20write");
}

#[tokio::test]
async fn the_client_may_stand_in_the_body() {
    let receiver = Receiver::start(|_, _| OK).await;
    let tokens = Receiver::start(in_turn).await;
    let client = OAuth2 { in_body: true, scope: None, audience: Some("a&b".to_owned()), ..client(&tokens) };
    let destination = destination(&receiver, &tokens, |d| d.auth = Some(Auth::OAuth2(client)));
    assert_eq!(send_one(destination, LOOPBACK).await.attempt.status, Some(200));
    let asked = &tokens.seen()[0];
    assert_eq!(asked.header("authorization"), "");
    let body =
        "grant_type=client_credentials&audience=a%26b&client_id=gate%3Away&client_secret=hunter2%2Fhunter2";
    assert_eq!(asked.body, body);
}

#[tokio::test]
async fn of_fifty_deliveries_at_once_one_fetches() {
    let receiver = Receiver::start(|_, _| OK).await;
    let tokens = Receiver::start(in_turn).await;
    let (stack, _) = stack_of(destination(&receiver, &tokens, |_| ()), LOOPBACK);
    let attempts = all_at_once(&stack, 50).await;
    assert!(attempts.iter().all(|attempt| attempt.status == Some(200)), "{attempts:?}");
    assert_eq!((tokens.seen().len(), receiver.seen().len()), (1, 50));
}

#[tokio::test]
async fn those_who_waited_for_a_fetch_that_failed_share_its_failure() {
    let receiver = Receiver::start(|_, _| OK).await;
    let tokens = Receiver::start(|number, seen| match number {
        0 => Reply::Status(503, &[], "down"),
        _ => in_turn(number, seen),
    })
    .await;
    let (stack, _) = stack_of(destination(&receiver, &tokens, |_| ()), LOOPBACK);
    let attempts = all_at_once(&stack, 50).await;
    assert_eq!((tokens.seen().len(), receiver.seen().len()), (1, 0));
    for attempt in attempts {
        assert_eq!((attempt.class, attempt.status), (Some(FailureClass::Http5xx), None));
        assert_eq!(attempt.error.unwrap(), "the token endpoint answered 503");
    }
    assert_eq!(send(&stack, fixture::delivery("a", b"{}"), 1).await.attempt.status, Some(200));
}

#[tokio::test]
async fn a_kept_token_that_is_refused_is_fetched_anew_once_within_the_attempt() {
    let receiver =
        Receiver::start(|number, _| if number == 1 { Reply::Status(401, &[], "") } else { OK }).await;
    let tokens = Receiver::start(in_turn).await;
    let (stack, _) = stack_of(destination(&receiver, &tokens, |_| ()), LOOPBACK);
    for _ in 0..2 {
        assert_eq!(send(&stack, fixture::delivery("a", b"{}"), 0).await.attempt.status, Some(200));
    }
    assert_eq!(tokens_of(&receiver), ["Bearer first-token", "Bearer first-token", "Bearer second-token"]);
    let seen = receiver.seen();
    assert_eq!(seen[1].header("webhook-id"), seen[2].header("webhook-id"), "one attempt");
    assert_eq!(tokens.seen().len(), 2);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_is_a_failure() {
    let receiver = Receiver::start(|_, _| Reply::Status(401, &[], "")).await;
    let tokens = Receiver::start(in_turn).await;
    let (stack, _) = stack_of(destination(&receiver, &tokens, |_| ()), LOOPBACK);
    let first = send(&stack, fixture::delivery("a", b"{}"), 0).await.attempt;
    assert_eq!((first.status, first.class), (Some(401), Some(FailureClass::Http4xx)));
    assert_eq!((receiver.seen().len(), tokens.seen().len()), (1, 1));
    send(&stack, fixture::delivery("a", b"{}"), 1).await;
    assert_eq!((receiver.seen().len(), tokens.seen().len()), (3, 2), "the kept one, then a fresh one");
}

#[tokio::test]
async fn fifty_deliveries_with_a_revoked_token_fetch_one() {
    let receiver = Receiver::start(|_, seen| match seen.header("authorization") {
        "Bearer second-token" => OK,
        _ => Reply::Status(401, &[], ""),
    })
    .await;
    let tokens = Receiver::start(in_turn).await;
    let (stack, _) = stack_of(destination(&receiver, &tokens, |_| ()), LOOPBACK);
    send(&stack, fixture::delivery("a", b"{}"), 0).await;
    let attempts = all_at_once(&stack, 50).await;
    assert!(attempts.iter().all(|attempt| attempt.status == Some(200)), "{attempts:?}");
    assert_eq!(tokens.seen().len(), 2);
}

#[tokio::test]
async fn what_a_token_endpoint_does_wrong_is_told_as_its_own() {
    let refused = r#"{"error": "invalid_client", "error_description": "hunter2/hunter2 is wrong"}"#;
    for (reply, class, error, remedy) in [
        (
            Reply::Status(401, &[], refused),
            FailureClass::Config,
            "the token endpoint answered 401: invalid_client",
            "client_id and client_secret",
        ),
        (
            Reply::Status(302, &[("location", "https://login.example/x?secret=hunter2")], ""),
            FailureClass::Http3xx,
            "the token endpoint answered 302 and points to login.example",
            "token_url",
        ),
        (
            Reply::Endless,
            FailureClass::Config,
            "the token endpoint answered with more than 64 KiB",
            "token_url",
        ),
        (
            Reply::Hang,
            FailureClass::Timeout,
            "the token endpoint: no answer within 500ms",
            "see why the token endpoint is slow",
        ),
        (Reply::Dawdle, FailureClass::Config, "the token endpoint broke off its answer", "token_url"),
        (
            Reply::Status(200, &[], r#"{"token": "x"}"#),
            FailureClass::Config,
            "the token endpoint answered without an access_token",
            "token_url",
        ),
    ] {
        let receiver = Receiver::start(|_, _| OK).await;
        let tokens = Receiver::start(move |_, _| reply).await;
        let destination = destination(&receiver, &tokens, |d| d.timeout = Duration::from_secs(1));
        let attempt = send_one(destination, LOOPBACK).await.attempt;
        assert_eq!((attempt.class, attempt.error.as_deref()), (Some(class), Some(error)), "{reply:?}");
        assert!(attempt.remedy.as_deref().is_some_and(|text| text.contains(remedy)), "{attempt:?}");
        assert!(!format!("{attempt:?}").contains("hunter2"), "{attempt:?}");
        assert_eq!((receiver.accepted(), tokens.seen().len()), (0, 1), "nothing was sent without a token");
    }
}

#[tokio::test]
async fn a_token_endpoint_is_reached_only_where_egress_allows() {
    let receiver = Receiver::start(|_, _| OK).await;
    let tokens = Receiver::start(in_turn).await;
    for host in ["127.0.0.1", "localhost"] {
        let client = OAuth2 {
            token_url: format!("http://{host}:{}/token", tokens.address.port()).parse().unwrap(),
            ..client(&tokens)
        };
        // Nothing is asked of the receiver, which would be allowed, without a token.
        let destination = fixture::destination("http://9.9.9.9/", |d| d.auth = Some(Auth::OAuth2(client)));
        let attempt = send_one(destination, &[]).await.attempt;
        assert_eq!(attempt.class, Some(FailureClass::RefusedAddress));
        let error = attempt.error.unwrap();
        assert!(error.starts_with("the token endpoint: the address "), "{error}");
    }
    assert_eq!(tokens.accepted(), 0);
    let closed = OAuth2 { token_url: "http://127.0.0.1:1/token".parse().unwrap(), ..client(&tokens) };
    let destination = destination(&receiver, &tokens, |d| d.auth = Some(Auth::OAuth2(closed)));
    let attempt = send_one(destination, LOOPBACK).await.attempt;
    assert_eq!(attempt.class, Some(FailureClass::Connect));
    assert!(attempt.error.unwrap().starts_with("the token endpoint: could not connect"));
    assert!(attempt.remedy.unwrap().contains("start the token endpoint or mend the port in the token_url"));
}

#[tokio::test]
async fn a_token_that_a_receiver_says_back_is_hidden() {
    let receiver = Receiver::start(|_, _| Reply::Status(400, &[], "bad token: first-token!")).await;
    let tokens = Receiver::start(in_turn).await;
    let attempt = send_one(destination(&receiver, &tokens, |_| ()), LOOPBACK).await.attempt;
    assert_eq!(attempt.response_excerpt.as_deref(), Some("bad token: [redacted]!"));
    assert!(!format!("{attempt:?}").contains("first-token"));
}

#[tokio::test]
async fn a_token_that_is_said_back_in_part_is_hidden() {
    let token = "t0ken".repeat(20);
    let granted: &'static str = format!(r#"{{"access_token": "{token}", "token_type": "Bearer"}}"#).leak();
    let said: &'static str = token.repeat(300).leak();
    let receiver = Receiver::start(move |_, _| Reply::Status(400, &[], said)).await;
    let tokens = Receiver::start(move |_, _| Reply::Status(200, &[], granted)).await;
    let attempt = send_one(destination(&receiver, &tokens, |_| ()), LOOPBACK).await.attempt;
    let read = (crate::egress::record::EXCERPT + crate::egress::record::BEYOND) / token.len();
    assert_eq!(attempt.response_excerpt, Some("[redacted]".repeat(read)));
}
