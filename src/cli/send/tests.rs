//! `send` and `listen` against each other, over loopback.

use clap::Parser as _;

use super::*;
use crate::cli::listen::{Check, Options, Receiver};
use crate::model::Proof;

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn parsed(words: &[&str]) -> Args {
    Line::try_parse_from(["send"].iter().chain(words)).unwrap().args
}

async fn listening(scheme: Scheme, secret: &str) -> Receiver {
    let check = Check::new("/hooks", scheme, vec![Secret::new(secret)], Some(Duration::from_secs(300)));
    let options = Options { checks: vec![check], ..Options::default() };
    Receiver::start("127.0.0.1:0".parse().unwrap(), options).await.unwrap()
}

/// Sends one message and returns the exit and what the receiver made of the signature.
async fn exchanged(system: &str, word: &str, secret: &str, expected: &str) -> (Exit, Result<Proof, String>) {
    let mut receiver = listening(scheme(word).unwrap(), expected).await;
    let to = format!("http://{}/hooks/x", receiver.addr);
    let args = parsed(&[system, "--to", &to, "--secret", secret, "--scheme", word]);
    let exit = run(args, &mut Vec::new()).await.unwrap();
    let got = receiver.received.recv().await.unwrap();
    (exit, got.verified.unwrap().map_err(|refusal| refusal.to_string()))
}

const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const CUSTOM: &str = "custom:hash=sha384,encoding=base64,header=X-Sig,prefix=v0=,over={timestamp}.{body}";

#[tokio::test]
async fn what_send_signs_listen_accepts_in_every_scheme() {
    let cases = [
        ("netbox", "netbox", "netbox-s3cret-Ω"),
        ("infrahub", "infrahub", "infrahub-s3cret"),
        ("standard", "standard-webhooks", WHSEC),
        ("standard", "standard-webhooks", "a raw secret of thirty-two bytes"),
        ("standard", "github", "hush"),
        ("standard", "gitlab", "hush"),
        ("standard", CUSTOM, "hush"),
    ];
    for (system, word, secret) in cases {
        let (exit, verified) = exchanged(system, word, secret, secret).await;
        assert_eq!(exit, Exit::Done, "{word}");
        assert!(verified.is_ok(), "{word}: {verified:?}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_fails_the_command() {
    for (system, word) in [
        ("netbox", "netbox"),
        ("infrahub", "infrahub"),
        ("standard", "github"),
        ("standard", "gitlab"),
        ("standard", CUSTOM),
    ] {
        let (exit, verified) = exchanged(system, word, "one secret", "another secret").await;
        assert_eq!(exit, Exit::Failed, "{word}");
        assert!(verified.is_err(), "{word}");
    }
}

#[tokio::test]
async fn many_messages_give_a_summary_and_arrive_once_each() {
    let mut receiver = Receiver::start("127.0.0.1:0".parse().unwrap(), Options::default()).await.unwrap();
    let to = format!("http://{}/hooks/datagerry?x=1", receiver.addr);
    let words = [
        "datagerry",
        "--to",
        &to,
        "--token",
        "t0 ken",
        "--count",
        "40",
        "--concurrency",
        "4",
        "--objects",
        "5",
    ];
    let mut out = Vec::new();
    assert_eq!(run(parsed(&words), &mut out).await.unwrap(), Exit::Done);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("40 sent in ") && text.contains("\n  200    40\n"), "{text}");
    let mut bodies = std::collections::HashSet::new();
    for _ in 0..40 {
        let got = receiver.received.recv().await.unwrap();
        assert_eq!(got.path, "/hooks/datagerry/t0%20ken?x=1");
        bodies.insert(got.body);
    }
    assert_eq!(bodies.len(), 40);
}

#[tokio::test]
async fn a_file_is_sent_byte_for_byte_with_the_given_headers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, b"{ \"a\":1.0 }\n").unwrap();
    let mut receiver = Receiver::start("127.0.0.1:0".parse().unwrap(), Options::default()).await.unwrap();
    let to = format!("http://{}/", receiver.addr);
    let file = file.to_str().unwrap();
    let words = [
        "standard", "--to", &to, "--file", file, "--method", "PUT", "--header", "X-A: b", "--output", "json",
    ];
    let mut out = Vec::new();
    assert_eq!(run(parsed(&words), &mut out).await.unwrap(), Exit::Done);
    let summary: Json = serde_json::from_slice(&out).unwrap();
    assert_eq!((&summary["sent"], &summary["answers"][0]["status"]), (&json!(1), &json!(200)));
    let got = receiver.received.recv().await.unwrap();
    assert_eq!((got.method.as_str(), &got.body[..]), ("PUT", &b"{ \"a\":1.0 }\n"[..]));
    assert!(got.headers.contains(&("x-a".to_owned(), "b".to_owned())));
}

#[test]
fn the_answer_of_a_gateway_is_told_in_one_line() {
    let answer = |status, body: &'static str| Answer {
        took: Duration::from_millis(2),
        result: Ok((status, Bytes::from_static(body.as_bytes()))),
    };
    assert_eq!(
        answer(200, r#"{"status":"accepted","receipt":"rct_1","events":1}"#).line(),
        "200 accepted rct_1 2.0 ms"
    );
    let problem = r#"{"title":"x","status":401,"detail":"could not verify","code":"not_verified"}"#;
    assert_eq!(answer(401, problem).line(), "401 not_verified could not verify 2.0 ms");
}
