//! Handshakes, byte by byte, and what is judged before them.

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::clear::Told;
use super::*;
use crate::model::FailureClass;
use crate::outbound::classify::Failure;
use crate::secret::Secret;

fn url(text: &str) -> Uri {
    text.parse().unwrap()
}

/// What the proxy hears, and what came of it.
async fn connect(
    answer: &'static [u8],
    authorization: Option<HeaderValue>,
) -> (String, Result<(), ProxyError>) {
    let (mut near, mut far) = duplex(64 * 1024);
    let proxy = async move {
        let mut heard = Vec::new();
        while !heard.ends_with(b"\r\n\r\n") {
            heard.push(far.read_u8().await.unwrap());
        }
        far.write_all(answer).await.unwrap();
        String::from_utf8(heard).unwrap()
    };
    let target = url("https://[2606:4700::1]/x");
    tokio::join!(proxy, connect::tunnel(&mut near, &target, authorization.as_ref()))
}

fn failure(error: &ProxyError) -> Failure {
    error.failure(Duration::from_secs(1))
}

#[tokio::test]
async fn a_tunnel_is_asked_for_by_host_and_port() {
    let authorization = crate::outbound::auth::basic("ann", &Secret::new("pw")).unwrap();
    let established = b"HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n";
    let (heard, answer) = connect(established, Some(authorization)).await;
    answer.unwrap();
    assert_eq!(
        heard,
        "CONNECT [2606:4700::1]:443 HTTP/1.1\r\nHost: [2606:4700::1]:443\r\n\
         Proxy-Authorization: Basic YW5uOnB3\r\n\r\n"
    );
    let (heard, _) = connect(b"HTTP/1.1 204 x\r\n\r\n", None).await;
    assert!(!heard.contains("Authorization"));
}

#[tokio::test]
async fn a_tunnel_that_is_not_given_is_told_by_its_status() {
    for (answer, class, error, remedy) in [
        (
            &b"HTTP/1.1 407 Proxy Authentication Required\r\nX: y\r\n\r\nbody"[..],
            FailureClass::Config,
            "the proxy answered 407",
            "user and password",
        ),
        (b"HTTP/1.1 403 Filtered\r\n\r\n", FailureClass::Connect, "the proxy answered 403", "no_proxy"),
        (b"HTTP/1.1 502 x\r\n\r\n", FailureClass::Connect, "the proxy answered 502", "can reach it"),
        (b"HTTP/1.1 500 x\r\n\r\n", FailureClass::Connect, "the proxy answered 500", "log"),
        (b"", FailureClass::Connect, "the proxy closed the connection without an answer", "log"),
        (b"HTTP/1.1 200 OK\r\nX:", FailureClass::Connect, "what answered is no HTTP proxy", "port"),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", FailureClass::Connect, "what answered is no HTTP proxy", "port"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", FailureClass::Connect, "what answered is no HTTP proxy", "port"),
        (&[b'x'; 20_000], FailureClass::Connect, "what answered is no HTTP proxy", "port"),
    ] {
        let (_, refused) = connect(answer, None).await;
        let failure = failure(&refused.unwrap_err());
        assert_eq!((failure.class, failure.error.as_str()), (class, error));
        assert!(failure.remedy.contains(remedy), "{failure:?}");
    }
}

/// The proxy says `answers` one after the other, and returns all it heard.
async fn by_socks(
    host: socks::Host,
    credentials: Option<(&str, &str)>,
    answers: &[&[u8]],
) -> (Vec<u8>, Result<(), ProxyError>) {
    let (mut near, mut far) = duplex(4096);
    let credentials = credentials.map(|(user, password)| (user.to_owned(), Secret::new(password)));
    let proxy = async move {
        let mut heard = Vec::new();
        for answer in answers {
            let mut piece = [0; 512];
            let read = far.read(&mut piece).await.unwrap();
            heard.extend_from_slice(&piece[..read]);
            far.write_all(answer).await.unwrap();
        }
        heard
    };
    tokio::join!(proxy, async move {
        let opened = socks::open(&mut near, &host, 8080, credentials.as_ref()).await;
        drop(near);
        opened
    })
}

const TAKEN: &[u8] = &[5, 0];
const BOUND: &[u8] = &[5, 0, 0, 1, 127, 0, 0, 1, 0, 9];

#[tokio::test]
async fn socks_is_told_an_address_or_a_name_and_who_asks() {
    let address = socks::Host::Address("10.0.0.1".parse().unwrap());
    let (heard, opened) = by_socks(address, None, &[TAKEN, BOUND]).await;
    opened.unwrap();
    assert_eq!(heard, [&[5, 1, 0][..], &[5, 1, 0, 1, 10, 0, 0, 1, 0x1f, 0x90]].concat());

    let name = socks::Host::of(&url("https://a.example/")).unwrap();
    let bound_by_name = &[5, 0, 0, 3, 1, b'x', 0, 9];
    let (heard, opened) = by_socks(name, Some(("ann", "pw")), &[&[5, 2], &[1, 0], bound_by_name]).await;
    opened.unwrap();
    let login = &[1, 3, b'a', b'n', b'n', 2, b'p', b'w'];
    let connect = [&[5, 1, 0, 3, 9][..], b"a.example", &[0x1f, 0x90]].concat();
    assert_eq!(heard, [&[5, 2, 0, 2][..], login, &connect].concat());

    let v6 = socks::Host::of(&url("https://[fd00::1]/")).unwrap();
    let (heard, _) = by_socks(v6, None, &[TAKEN, BOUND]).await;
    assert_eq!(&heard[3..7], [5, 1, 0, 4]);
}

#[tokio::test]
async fn what_socks_refuses_is_told_by_its_reply() {
    let login = Some(("ann", "pw"));
    for (credentials, answers, class, error) in [
        (None, &[&[5, 255][..]][..], FailureClass::Config, "the proxy wants a user and a password"),
        (None, &[&[5, 2]], FailureClass::Config, "the proxy wants a user and a password"),
        (login, &[&[5, 255]], FailureClass::Config, "the proxy takes no user and password"),
        (login, &[&[5, 2], &[1, 1]], FailureClass::Config, "the proxy refused the user or the password"),
        (None, &[b"HT"], FailureClass::Connect, "what answered is no SOCKS 5 proxy"),
        (None, &[b"H"], FailureClass::Connect, "the proxy closed the connection without an answer"),
        (
            None,
            &[TAKEN, &[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]],
            FailureClass::Connect,
            "the proxy could not connect: its rules do not allow it",
        ),
        (
            None,
            &[TAKEN, &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]],
            FailureClass::Connect,
            "the proxy could not connect: connection refused",
        ),
        (
            None,
            &[TAKEN, &[5, 99, 0, 1, 0, 0, 0, 0, 0, 0]],
            FailureClass::Connect,
            "the proxy could not connect: reply 99",
        ),
        (None, &[TAKEN, &[5, 0, 0, 9]], FailureClass::Connect, "what answered is no SOCKS 5 proxy"),
    ] {
        let address = socks::Host::Address("10.0.0.1".parse().unwrap());
        let (_, refused) = by_socks(address, credentials, answers).await;
        let failure = failure(&refused.unwrap_err());
        assert_eq!((failure.class, failure.error.as_str()), (class, error));
    }
}

fn guard(allow: &[&str]) -> Guard {
    Guard { allow: allow.iter().map(|range| range.parse().unwrap()).collect(), ..Guard::default() }
}

async fn cleared(guard: &Guard, target: &str, told: Told, leave: bool) -> Result<usize, Failure> {
    let leave = leave.then_some(LONG);
    let found = guard.clear(&url(target), told, leave).await;
    found.map(|found| found.len()).map_err(|error| Failure::of_error(error.as_ref(), LONG))
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn no_proxy_hears_of_a_target_that_may_not_be_reached_directly() {
    for leave in [false, true] {
        for target in [
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://127.0.0.1./",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://169.254.169.254/",
            "http://169.254.169.254./",
            "http://[::ffff:169.254.169.254]/",
            "http://metadata.google.internal/",
            "http://Metadata.Goog./",
            "http://10.0.0.1/",
        ] {
            for told in [Told::Name, Told::Address] {
                let refused = cleared(&guard(&[]), target, told, leave).await.unwrap_err();
                assert_eq!(refused.class, FailureClass::RefusedAddress, "{target} {leave}: {refused:?}");
            }
        }
    }
    assert!(
        cleared(&guard(&["0.0.0.0/0", "::/0"]), "http://metadata.google.internal/", Told::Name, true)
            .await
            .is_err()
    );
    assert_eq!(cleared(&guard(&["10.0.0.0/8"]), "http://10.0.0.1/", Told::Name, false).await, Ok(1));
}

#[tokio::test]
async fn where_the_proxy_chooses_every_address_must_be_allowed() {
    let both = guard(&["127.0.0.0/8", "::1/128"]);
    assert!(cleared(&both, "http://localhost/", Told::Name, false).await.is_ok());
    let mixed = ["127.0.0.1".parse().unwrap(), "9.9.9.9".parse().unwrap()].to_vec();
    assert_eq!(guard(&[]).judged("mixed", mixed.clone(), Told::Address).unwrap().len(), 1);
    assert!(guard(&[]).judged("mixed", mixed, Told::Name).is_err());
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_left_to_the_proxy_only_if_that_is_said() {
    let target = "http://no-such-host.invalid/";
    let refused = cleared(&guard(&[]), target, Told::Name, false).await.unwrap_err();
    assert_eq!(refused.class, FailureClass::Dns);
    assert!(refused.remedy.contains("resolve: proxy"), "{refused:?}");
    assert_eq!(cleared(&guard(&[]), target, Told::Name, true).await, Ok(0));
    let listed = Guard { listed_only: true, ..guard(&["0.0.0.0/0"]) };
    let refused = cleared(&listed, target, Told::Name, true).await.unwrap_err();
    assert_eq!(refused.class, FailureClass::Dns);
    assert!(!refused.remedy.contains("resolve: proxy"), "{refused:?}");
    for target in ["http://a.localhost.localdomain/", "http://999.999.999.999/", "http://host.0x7f/"] {
        let refused = cleared(&guard(&[]), target, Told::Name, true).await.unwrap_err();
        assert_eq!(refused.class, FailureClass::RefusedAddress, "{target}: {refused:?}");
    }
}

#[test]
fn the_way_to_a_typed_proxy_is_open_but_for_what_nothing_opens() {
    let guard = Guard::of_proxy();
    for (address, open) in [
        ("127.0.0.1", true),
        ("10.0.0.1", true),
        ("::1", true),
        ("9.9.9.9", true),
        ("169.254.169.254", false),
        ("fe80::1", false),
    ] {
        assert_eq!(guard.check(address.parse().unwrap()).is_ok(), open, "{address}");
    }
}
