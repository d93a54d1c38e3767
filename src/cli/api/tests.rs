//! The operator's commands against a small admin API on loopback.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query as Asked, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json as Body, Router};
use clap::Parser as _;
use http::header::{AUTHORIZATION, CONTENT_TYPE};

use super::*;
use crate::cli::exit::Exit;
use crate::cli::{Cli, Command, deliveries, destinations, receipts, replay};
use crate::model::ReceiptId;

#[test]
fn a_problem_document_reads_as_a_sentence_with_a_remedy() {
    let document = json!({"title": "not allowed", "detail": "the token is wrong", "code": "unauthorized"});
    let error = problem(StatusCode::UNAUTHORIZED, Some(document));
    assert_eq!(error.code.as_deref(), Some("unauthorized"));
    assert_eq!(
        error.to_string(),
        "the gateway answered 401: not allowed: the token is wrong\n  \
         help: give the admin token by --token or CROSSCONNECT_TOKEN"
    );
    assert_eq!(problem(StatusCode::BAD_GATEWAY, None).to_string(), "the gateway answered 502: Bad Gateway");
}

#[test]
fn filters_become_an_object() {
    let query: Query = vec![("destination", "awx".into()), ("state", "dead".into())];
    assert_eq!(filter(&query), json!({"destination": "awx", "state": "dead"}));
}

/// What was posted, in order.
type Posted = Arc<Mutex<Vec<(String, Json)>>>;

/// Serves `count` receipts, two to a page, to whoever has the token.
async fn gateway(count: usize) -> (String, Vec<String>, Posted) {
    let ids: Vec<String> =
        (0..count).map(|_| ReceiptId::new(crate::model::Timestamp::UNIX_EPOCH).to_string()).collect();
    let posted = Posted::default();
    let router = Router::new()
        .route("/api/v1/receipts", get(list))
        .route("/api/v1/{*path}", post(note))
        .with_state((ids.clone(), posted.clone()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, ids, posted)
}

async fn list(
    State((ids, _)): State<(Vec<String>, Posted)>,
    headers: HeaderMap,
    Asked(asked): Asked<std::collections::HashMap<String, String>>,
) -> Response {
    if headers.get(AUTHORIZATION).is_none_or(|value| value != "Bearer t0ken") {
        let problem = json!({"title": "not allowed", "code": "unauthorized"}).to_string();
        return (StatusCode::UNAUTHORIZED, [(CONTENT_TYPE, "application/problem+json")], problem)
            .into_response();
    }
    assert_eq!(asked.get("source").map(String::as_str), Some("net box"));
    let begin: usize = asked.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let items: Vec<Json> = ids
        .iter()
        .skip(begin)
        .take(2)
        .map(|id| json!({"id": id, "source": "net box", "status": "failed"}))
        .collect();
    let next = (begin + 2 < ids.len()).then(|| (begin + 2).to_string());
    Body(json!({"items": items, "next": next})).into_response()
}

async fn note(
    State((ids, posted)): State<(Vec<String>, Posted)>,
    Path(path): Path<String>,
    Body(body): Body<Json>,
) -> Response {
    let failed = ids.first().is_some_and(|newest| path.contains(newest.as_str()));
    posted.lock().unwrap().push((path, body));
    Body(json!({"status": if failed { "failed" } else { "processed" }, "retried": 7})).into_response()
}

/// Runs a line of words; `{url}` is the gateway's.
async fn ran(line: &str, url: &str) -> (anyhow::Result<Exit>, String) {
    let words = line.split(' ').map(|word| word.replace('~', " ").replace("{url}", url));
    let cli = Cli::try_parse_from(["crossconnect".to_owned()].into_iter().chain(words)).unwrap();
    let mut out = Vec::new();
    let result = match cli.command {
        Command::Receipts(args) => receipts::run(args, &mut out).await,
        Command::Dead(args) => deliveries::run_dead(args, &mut out).await,
        Command::Deliveries(args) => deliveries::run(args, &mut out).await,
        Command::Destinations(args) => destinations::run(args, &mut out).await,
        Command::Replay(args) => replay::run(args, &mut out).await,
        other => panic!("{other:?} is not tried here"),
    };
    (result, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn a_list_is_one_page_or_all_of_them() {
    let (url, ids, _) = gateway(5).await;
    let line = "receipts list --source net~box --url {url} --token t0ken --output json";
    let (result, text) = ran(line, &url).await;
    assert_eq!(result.unwrap(), Exit::Done);
    let page: Json = serde_json::from_str(&text).unwrap();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (2, &json!("2")));
    let (_, text) = ran(&format!("{line} --all"), &url).await;
    let all: Json = serde_json::from_str(&text).unwrap();
    assert_eq!((all["items"].as_array().unwrap().len(), &all["next"]), (5, &Json::Null));
    let (_, table) = ran("receipts list --source net~box --url {url} --token t0ken --all", &url).await;
    assert!(ids.iter().all(|id| table.contains(id)) && table.lines().count() == 6, "{table}");
}

#[tokio::test]
async fn an_empty_list_is_still_a_document() {
    let (url, ..) = gateway(0).await;
    let (_, text) = ran("receipts list --source net~box --url {url} --token t0ken --output json", &url).await;
    assert_eq!(serde_json::from_str::<Json>(&text).unwrap(), json!({"items": [], "next": null}));
}

#[tokio::test]
async fn a_wrong_token_fails_with_a_remedy() {
    let (url, ..) = gateway(1).await;
    let (result, _) = ran("receipts list --source net~box --url {url} --token no", &url).await;
    let error = result.unwrap_err();
    assert!(error.is::<ApiError>() && error.to_string().contains("CROSSCONNECT_TOKEN"), "{error}");
}

#[tokio::test]
async fn a_replay_goes_from_the_oldest_to_the_newest_and_reports_failures() {
    let (url, ids, posted) = gateway(5).await;
    let line = "replay --source net~box --url {url} --token t0ken";
    let (result, text) = ran(&format!("{line} --dry-run"), &url).await;
    assert_eq!((result.unwrap(), text.lines().count()), (Exit::Done, 5));
    assert!(posted.lock().unwrap().is_empty(), "a dry run does nothing");
    let (result, _) = ran(&format!("{line} --confirm"), &url).await;
    assert_eq!(result.unwrap(), Exit::Failed);
    let paths: Vec<String> = posted.lock().unwrap().iter().map(|(path, _)| path.clone()).collect();
    let expected: Vec<String> = ids.iter().rev().map(|id| format!("receipts/{id}/replay")).collect();
    assert_eq!(paths, expected);
}

#[tokio::test]
async fn dead_deliveries_are_retried_by_id_or_by_filter() {
    let (url, _, posted) = gateway(1).await;
    let id = crate::model::DeliveryId::new(crate::model::Timestamp::UNIX_EPOCH).to_string();
    let (result, text) = ran(&format!("dead retry {id} --url {{url}}"), &url).await;
    assert_eq!((result.unwrap(), text), (Exit::Done, format!("{id} due now\n")));
    let (result, text) = ran("dead retry --all --destination awx --url {url}", &url).await;
    assert_eq!((result.unwrap(), text.as_str()), (Exit::Done, "7 retried\n"));
    let posted = posted.lock().unwrap();
    assert_eq!(posted[0].0, format!("deliveries/{id}/retry"));
    assert_eq!(posted[1], ("deliveries/retry".to_owned(), json!({"destination": "awx", "state": "dead"})));
}

#[tokio::test]
async fn destinations_are_paused_and_resumed_by_name() {
    let (url, _, posted) = gateway(0).await;
    let line = "destinations pause awx eda --reason moving~house --url {url} --output json";
    let (result, text) = ran(line, &url).await;
    assert_eq!(result.unwrap(), Exit::Done);
    assert_eq!(serde_json::from_str::<Json>(&text).unwrap().as_array().map(Vec::len), Some(2));
    ran("destinations resume awx --url {url}", &url).await.0.unwrap();
    let reason = json!({"reason": "moving house"});
    let expected = [
        ("destinations/awx/pause".to_owned(), reason.clone()),
        ("destinations/eda/pause".to_owned(), reason),
        ("destinations/awx/resume".to_owned(), json!({})),
    ];
    assert_eq!(*posted.lock().unwrap(), expected);
}
