//! What comes in broken is refused clearly, within limits, and nothing of it is stored.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::World;

const CONFIG: &str = r#"
ingress: { listen: 127.0.0.1:0, max_body: 64KiB, request_timeout: 1s, header_timeout: 1s, trusted_proxies: [] }
sources:
  lab: { adapter: generic, open: true }
  slow: { adapter: generic, open: true, rate: 2/m }
  door: { adapter: datagerry, token: let-me-in }
  near: { adapter: datagerry, allow_addresses: [10.0.0.0/8] }
"#;

/// Writes raw bytes and reads until the other side closes.
async fn raw(world: &World, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.app().ingress).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good as a close.
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("")
}

async fn nothing_was_stored(world: World) {
    let receipts = world.admin("GET", "/api/v1/receipts").await;
    assert_eq!(receipts.body["items"], json!([]));
    world.finish().await;
}

#[tokio::test]
async fn content_length_beside_transfer_encoding_ends_the_connection_in_either_order() {
    let world = World::start(CONFIG).await;
    for headers in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let request = format!(
            "POST /hooks/lab HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
        );
        let answer = raw(&world, request.as_bytes()).await;
        assert_eq!(status(&answer), "400", "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "nothing behind it is served: {answer}");
    }
    nothing_was_stored(world).await;
}

#[tokio::test]
async fn ambiguous_requests_are_refused() {
    let world = World::start(CONFIG).await;
    for head in [
        "Host: x\r\nContent-Length: 2\r\nContent-Length: 3",
        "Host: x\r\nTransfer-Encoding: gzip",
        "Host: x\r\nTransfer-Encoding: gzip, chunked",
        "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Host: x\r\nHost: y\r\nContent-Length: 2",
        "Content-Length: 2",
    ] {
        let answer = raw(&world, format!("POST /hooks/lab HTTP/1.1\r\n{head}\r\n\r\n{{}}").as_bytes()).await;
        assert_eq!(status(&answer), "400", "{head}: {answer}");
    }
    nothing_was_stored(world).await;
}

#[tokio::test]
async fn a_chunked_body_is_served_like_any_other() {
    let world = World::start(CONFIG).await;
    let request = "POST /hooks/lab HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                   1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
    let answer = raw(&world, request.as_bytes()).await;
    assert_eq!(status(&answer), "200", "{answer}");
    world.finish().await;
}

#[tokio::test]
async fn too_many_or_too_large_headers_get_431() {
    let world = World::start(CONFIG).await;
    let many = "a: b\r\n".repeat(2000);
    let large = format!("a: {}\r\n", "b".repeat(40_000));
    for headers in [many, large] {
        let request =
            format!("POST /hooks/lab HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 2\r\n\r\n{{}}");
        let answer = raw(&world, request.as_bytes()).await;
        assert_eq!(status(&answer), "431", "{answer}");
    }
    let hundred = "a: b\r\n".repeat(97);
    let request = format!(
        "POST /hooks/lab HTTP/1.1\r\nHost: x\r\n{hundred}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    assert_eq!(status(&raw(&world, request.as_bytes()).await), "200");
    world.finish().await;
}

#[tokio::test]
async fn a_client_that_never_finishes_its_headers_is_cut_off() {
    let world = World::start(CONFIG).await;
    let answer = raw(&world, b"POST /hooks/lab HTTP/1.1\r\nHost: x\r\nX-Sl").await;
    assert_eq!(status(&answer), "408", "{answer}");
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["code"], "too_slow");
    assert!(answer.contains(&format!("content-length: {}\r\n", body.to_string().len())), "{answer}");
    // A connection that is merely idle is closed without a word.
    assert_eq!(raw(&world, b"").await, "");
    nothing_was_stored(world).await;
}

#[tokio::test]
async fn a_body_that_never_ends_gets_408_or_413() {
    let world = World::start(CONFIG).await;
    let head = "POST /hooks/lab HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{";
    let answer = raw(&world, head.as_bytes()).await;
    assert_eq!(status(&answer), "408", "{answer}");
    assert!(answer.contains("too_slow"));
    let chunk = format!("8000\r\n{}\r\n", "a".repeat(0x8000));
    let head = "POST /hooks/lab HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = raw(&world, format!("{head}{}", chunk.repeat(20)).as_bytes()).await;
    assert_eq!(status(&answer), "413", "{answer}");
    nothing_was_stored(world).await;
}

#[tokio::test]
async fn a_sender_of_a_far_too_large_body_still_reads_why() {
    let world = World::start(CONFIG).await;
    let answer = world.send("POST", "/hooks/lab", &[], "a".repeat(8 * 1024 * 1024)).await;
    assert_eq!((answer.status, &answer.body["code"]), (413, &json!("too_large")));
    nothing_was_stored(world).await;
}

#[tokio::test]
async fn refusals_are_problem_documents_with_stable_codes() {
    let world = World::start(CONFIG).await;
    let none: &[(&str, &str)] = &[];
    let cases = [
        ("POST", "/hooks/nobody", none, "{}", 404, "unknown_source"),
        ("POST", "/elsewhere", none, "{}", 404, "not_found"),
        ("OPTIONS", "/hooks/lab", none, "", 405, "method_not_allowed"),
        ("POST", "/hooks/lab", &[("content-encoding", "gzip")][..], "{}", 415, "unsupported_encoding"),
        ("POST", "/hooks/lab", none, "{\"a\":\n 1,}", 400, "invalid_json"),
        ("POST", "/hooks/door", none, "{}", 401, "not_verified"),
        ("POST", "/hooks/door/let%20me%20out", none, "{}", 401, "not_verified"),
        ("POST", "/hooks/near", &[("x-forwarded-for", "10.0.0.1")][..], "{}", 401, "not_verified"),
    ];
    for (method, path, headers, body, status, code) in cases {
        let answer = world.send(method, path, headers, body).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (status, &json!(code)),
            "{method} {path}: {answer:?}"
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        if status == 405 {
            assert_eq!(answer.headers["allow"], "GET, POST, PUT, PATCH, DELETE");
        }
        if code == "invalid_json" {
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(detail.contains("line 2, column"), "{detail}");
        }
    }
    nothing_was_stored(world).await;
}

#[tokio::test]
async fn one_text_stands_for_every_cause_of_not_verified() {
    let world = World::start(CONFIG).await;
    let missing = world.send("POST", "/hooks/door", &[], "{}").await;
    let wrong = world.send("POST", "/hooks/door/guess", &[], "{}").await;
    assert_eq!(missing.body, wrong.body);
    let metrics = world.admin("GET", "/metrics").await.body;
    let metrics = metrics.as_str().unwrap();
    assert!(
        metrics.contains(r#"cause="missing_token""#) && metrics.contains(r#"cause="wrong_token""#),
        "{metrics}"
    );
    nothing_was_stored(world).await;
}

#[tokio::test]
async fn a_source_that_sends_too_fast_is_told_when_to_come_back() {
    let world = World::start(CONFIG).await;
    for (n, wanted) in [200, 200, 429].into_iter().enumerate() {
        let answer = world.post("slow", &json!({"n": n})).await;
        assert_eq!(answer.status, wanted);
        if wanted == 429 {
            assert_eq!(answer.headers["retry-after"], "30");
        }
    }
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.post("slow", &json!({"n": 3})).await.status, 200);
    world.finish().await;
}

#[tokio::test]
async fn the_right_token_opens_the_door_and_is_not_stored() {
    let world = World::start(CONFIG).await;
    let answer = world.send("POST", "/hooks/door/let%2dme-in", &[("authorization", "Bearer s3")], "{}").await;
    assert_eq!(answer.status, 200);
    let id = answer.body["receipt"].as_str().unwrap().to_owned();
    let shown = world.admin("GET", &format!("/api/v1/receipts/{id}")).await.body.to_string();
    assert!(!shown.contains("let-me-in") && !shown.contains("let%2dme-in") && !shown.contains("Bearer s3"));
    world.finish().await;
}

#[tokio::test]
async fn a_large_body_is_proved_like_a_small_one() {
    let config = "sources:\n  lab: { adapter: generic, secrets: [\"k\"], sign: { scheme: github } }\n";
    let world = World::start(config).await;
    let body = json!({"type": "lab.thing.updated", "data": "x".repeat(300_000)}).to_string();
    let signer = crossconnect::signature::Signer {
        scheme: crossconnect::signature::Scheme::Github,
        secrets: vec![crossconnect::secret::Secret::new("k")],
    };
    let headers = signer.sign("id", 0, body.as_bytes());
    let (name, right) = headers.into_iter().find(|(name, _)| name == "X-Hub-Signature-256").unwrap();
    let wrong = right.replace(&right[right.len() - 4..], "0000");
    assert_eq!(world.send("POST", "/hooks/lab", &[(&name, &wrong)], body.clone()).await.status, 401);
    assert_eq!(world.send("POST", "/hooks/lab", &[(&name, &right)], body).await.status, 200);
    assert_eq!(world.finish().await.accepted, 1);
}
