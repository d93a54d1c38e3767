//! Lookups against a CMDB on a real socket that is slow, wrong, huge or not there.

mod resolving;
mod stub;

use std::sync::Arc;
use std::time::Duration;

use self::stub::{Reply, Stub, ok};
use super::{Answered, Lookups};
use crate::clock::ManualClock;
use crate::model::{Actor, Event, EventId, FailureClass, Json, Object, ReceiptId, Timestamp, json};
use crate::rules::Rules;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn event(id: &str) -> Arc<Event> {
    Arc::new(Event {
        id: EventId::of(ReceiptId::new(NOW), 0),
        r#type: "netbox.object.updated".to_owned(),
        action: "updated".to_owned(),
        source: "netbox".to_owned(),
        system: "netbox".to_owned(),
        object: Some(Object { kind: "dcim.device".to_owned(), id: id.to_owned(), name: None, url: None }),
        branch: None,
        actor: Actor::default(),
        occurred_at: None,
        received_at: NOW,
        correlation_id: None,
        changes: Vec::new(),
        before: Json::Null.into(),
        after: Json::Null.into(),
        native: Arc::new(Json::Null),
        data: json!({"id": 7, "host": "127.0.0.1"}).into(),
    })
}

/// Rules with one lookup `x`; `URL` in its keys is the stub's.
fn rules_at(stub: &Stub, keys: &str) -> Arc<Rules> {
    let keys = keys.replace("URL", &format!("http://{}", stub.address));
    let text = format!("egress: {{ allow: [127.0.0.0/8] }}\nlookups:\n  x: {{ {keys} }}\n");
    match Rules::from_text("config.yaml", &text, &|_| None) {
        Ok(rules) => Arc::new(rules),
        Err(problems) => {
            panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        }
    }
}

/// A desk with its clock, and rules.
struct Bench {
    clock: Arc<ManualClock>,
    lookups: Lookups,
    rules: Arc<Rules>,
}

impl Bench {
    fn new(stub: &Stub, keys: &str) -> Self {
        let clock = ManualClock::at(NOW);
        Self { lookups: Lookups::new(clock.clone()), clock, rules: rules_at(stub, keys) }
    }

    async fn find(&self, id: &str) -> Answered {
        self.lookups.find(&self.rules, "x", &event(id)).await
    }

    async fn value(&self, id: &str) -> Json {
        let answered = self.find(id).await;
        (*answered.value.unwrap_or_else(|miss| panic!("{miss:?}"))).clone()
    }
}

/// What one lookup with these keys gives.
async fn once(stub: &Stub, keys: &str) -> Answered {
    Bench::new(stub, keys).find("7").await
}

#[tokio::test]
async fn a_rest_object_is_asked_for_and_a_part_of_it_taken() {
    let stub = Stub::start(|_, _| ok(r#"{"results": [{"site": {"slug": "fra1", "height": 1.50}}]}"#)).await;
    let keys = r#"url: "URL/api/{{ event.object.id }}/?token=hunter2", headers: { Authorization: "Token abcdefghij" }, select: "$.results[0].site""#;
    let answered = once(&stub, keys).await;
    assert_eq!(answered.value.unwrap().to_string(), r#"{"slug":"fra1","height":1.50}"#);
    assert_eq!((answered.looked.status, answered.looked.cached), (Some(200), false));
    let url = answered.looked.url.unwrap();
    assert!(url.ends_with("/api/7/?token=[redacted]"), "{url}");
    let seen = &stub.seen()[0];
    assert_eq!((&*seen.method, &*seen.path, &*seen.body), ("GET", "/api/7/?token=hunter2", ""));
    assert_eq!(seen.headers["authorization"], "Token abcdefghij");
    assert_eq!(seen.headers["accept"], "application/json");
    assert_eq!(seen.headers["host"], stub.address.to_string());
}

#[tokio::test]
async fn a_query_is_posted_with_its_variables() {
    let stub =
        Stub::start(|_, _| ok(r#"{"data": {"InfraDevice": {"edges": [{"node": {"name": "leaf"}}]}}}"#)).await;
    let keys = r#"url: "URL/graphql/main", select: "$.data.InfraDevice.edges[0].node",
        graphql: { query: "query($id: ID!, $n: Int) { x }", variables: { id: "{{ event.object.id }}", n: "{{ data.id }}", first: 5, all: true } }"#;
    let answered = once(&stub, keys).await;
    assert_eq!(*answered.value.unwrap(), json!({"name": "leaf"}));
    let seen = &stub.seen()[0];
    assert_eq!((&*seen.method, &*seen.path), ("POST", "/graphql/main"));
    assert_eq!(seen.headers["content-type"], "application/json");
    let body =
        r#"{"query":"query($id: ID!, $n: Int) { x }","variables":{"id":"7","n":7,"first":5,"all":true}}"#;
    assert_eq!(seen.body, body);
}

#[tokio::test]
async fn a_selection_of_nothing_and_an_object_that_is_gone_are_null() {
    let stub = Stub::start(|number, _| match number {
        0 => ok(r#"{"results": []}"#),
        1 => Reply::Status(404, "<h1>not found</h1>".to_owned()),
        _ => Reply::Status(410, String::new()),
    })
    .await;
    for status in [200, 404, 410] {
        let answered = once(&stub, r#"url: "URL/", select: "$.results[0]""#).await;
        assert_eq!((answered.value, answered.looked.status), (Ok(Arc::new(Json::Null)), Some(status)));
    }
}

#[tokio::test]
async fn every_way_to_fail_has_its_class_and_says_what_to_do() {
    let graphql = r#"url: "URL/", headers: { X-Key: "secret-key-1" }, graphql: { query: "{ x }" }"#;
    let plain = r#"url: "URL/", timeout: 300ms, max_body: 4KiB"#;
    let error =
        r#"{"data": {"x": 1}, "errors": [{"message": "no field x\nwith secret-key-1"}, {"message": "b"}]}"#;
    let cases = [
        (
            plain,
            Reply::Status(500, String::new()),
            FailureClass::Http5xx,
            "the system asked answered 500; look into",
        ),
        (
            plain,
            Reply::Status(401, String::new()),
            FailureClass::Http4xx,
            "answered 401; check the lookup's credentials",
        ),
        (plain, Reply::Redirect, FailureClass::Http3xx, "answered 307; redirects are not followed"),
        (plain, ok("<!DOCTYPE html>"), FailureClass::Config, "the answer is no JSON"),
        (plain, ok(""), FailureClass::Config, "the answer is no JSON: the body is empty"),
        (plain, ok(r#"{"a": 1, "a": 2}"#), FailureClass::Config, "the answer is no JSON"),
        (plain, Reply::Endless, FailureClass::Config, "longer than 4096 bytes"),
        (plain, Reply::Dawdle, FailureClass::Timeout, "broke off or came too slowly"),
        (plain, Reply::BrokenOff, FailureClass::Timeout, "broke off or came too slowly"),
        (plain, Reply::Hang, FailureClass::Timeout, "no whole answer within 300ms"),
        (graphql, ok(error), FailureClass::Config, "error: no field x with [redacted]"),
        (graphql, ok(r#"{"errors": "no secret-key-1"}"#), FailureClass::Config, "error: no [redacted]"),
        (graphql, ok(r#"{"errors": {"message": "not so"}}"#), FailureClass::Config, "error: not so"),
        (graphql, ok(r#"{"data": {}, "errors": ["bad"]}"#), FailureClass::Config, "error: bad"),
        (graphql, ok(r#"{"errors": true}"#), FailureClass::Config, "error: it says no more"),
        (
            graphql,
            Reply::Status(404, String::new()),
            FailureClass::Http4xx,
            "answered 404; check the lookup's url",
        ),
    ];
    for (keys, reply, class, words) in cases {
        let answer = reply.clone();
        let stub = Stub::start(move |_, _| answer.clone()).await;
        let miss = once(&stub, keys).await.value.unwrap_err();
        assert_eq!(miss.class, class, "{reply:?}: {miss:?}");
        assert!(miss.error.contains(words), "{reply:?}: {}", miss.error);
    }
}

#[tokio::test]
async fn an_error_that_says_credentials_back_is_told_without_them() {
    let keys = r#"url: "URL/", auth: { basic: { user: ann, password: "open \"sesame" } },
        graphql: { query: "{ x }" }"#;
    // YW5u…: the header's value.
    let error =
        r#"{"errors": "open \"sesame, open \\\"sesame, open%20%22sesame, YW5uOm9wZW4gInNlc2FtZQ== fine"}"#;
    let stub = Stub::start(move |_, _| ok(error)).await;
    let miss = once(&stub, keys).await.value.unwrap_err();
    assert_eq!(stub.seen()[0].headers["authorization"], "Basic YW5uOm9wZW4gInNlc2FtZQ==");
    let hidden = "error: [redacted], [redacted], [redacted], [redacted] fine";
    assert!(miss.error.ends_with(hidden), "{}", miss.error);
}

#[tokio::test]
async fn the_record_of_a_value_has_neither_credentials_nor_what_is_redacted() {
    let answer = r#"{"seen": {"Authorization": "Token abcdefghij"}, "pin": 1.50, "list": [{"k": 1, "n": "a"}, {"k": null}]}"#;
    let stub = Stub::start(move |_, _| ok(answer)).await;
    let url = r#"url: "URL/", headers: { Authorization: "Token abcdefghij" }"#;
    let bench = Bench::new(&stub, &format!(r#"{url}, redact: ["$.pin", "$.list[*].k", "$.none"]"#));
    for cached in [false, true] {
        let answered = bench.find("7").await;
        assert_eq!(answered.looked.cached, cached);
        assert_eq!(answered.value.unwrap().to_string(), answer.replace(": ", ":").replace(", ", ","));
        let shown = json!({"seen": {"Authorization": "Token [redacted]"}, "pin": "***",
            "list": [{"k": "***", "n": "a"}, {"k": null}]});
        assert_eq!(*answered.shown, shown);
    }
    // What was remembered to be shown is not, once there is more to hide.
    let more = rules_at(&stub, &format!(r#"{url}, redact: ["$.seen", "$.pin", "$.list"]"#));
    let answered = bench.lookups.find(&more, "x", &event("7")).await;
    assert_eq!(*answered.shown, json!({"seen": "***", "pin": "***", "list": "***"}));
}

#[tokio::test]
async fn a_server_that_is_not_there_or_may_not_be_reached_is_told() {
    let stub = Stub::start(|_, _| ok("1")).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let miss = once(&stub, &format!(r#"url: "http://{nobody}/""#)).await.value.unwrap_err();
    assert_eq!(miss.class, FailureClass::Connect);
    assert!(!miss.error.contains("destination") && !miss.error.contains("receiver"), "{}", miss.error);

    // A host keeps its name, whatever it is called.
    let miss = once(&stub, r#"url: "http://receiver.invalid/""#).await.value.unwrap_err();
    assert_eq!(miss.class, FailureClass::Dns);
    assert!(miss.error.contains("receiver.invalid"), "{}", miss.error);

    let listed = once(&stub, &format!(r#"url: "http://{{{{ data.host }}}}:{}/""#, stub.address.port())).await;
    assert_eq!(*listed.value.unwrap(), json!(1));
    // 192.0.2.1 is public, and no public address may come from an event.
    let miss = once(&stub, r#"url: "http://192.0.2.{{ data.id }}/""#).await.value.unwrap_err();
    assert_eq!(miss.class, FailureClass::RefusedAddress, "{miss:?}");
    let miss = once(&stub, r#"url: "URL/{{ data.no.such }}""#).await.value.unwrap_err();
    assert_eq!(miss.class, FailureClass::Config);
    assert!(miss.error.contains("`lookups.x.url` could not be rendered"), "{}", miss.error);
}

#[tokio::test]
async fn an_answer_holds_for_its_time_and_a_failure_for_none() {
    let stub = Stub::start(|number, seen| match (number, &*seen.path) {
        (0, _) => Reply::Status(503, String::new()),
        (_, "/404") => Reply::Status(404, String::new()),
        (_, "/none") => ok("{}"),
        _ => ok(&format!("{{\"n\": {number}}}")),
    })
    .await;
    let bench = Bench::new(&stub, r#"url: "URL/{{ event.object.id }}", cache: { ttl: 10s }, select: "$.n""#);
    assert!(bench.find("a").await.value.is_err());
    assert_eq!(bench.value("a").await, json!(1));
    bench.clock.advance(Duration::from_millis(9_999));
    let again = bench.find("a").await;
    assert_eq!(
        (again.looked.cached, again.looked.status, &**again.value.as_ref().unwrap()),
        (true, Some(200), &json!(1))
    );
    assert_eq!(bench.value("b").await, json!(2), "another question");
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.value("a").await, json!(3));
    for _ in 0..2 {
        assert_eq!(bench.value("none").await, Json::Null);
        assert_eq!(bench.value("404").await, Json::Null);
    }
    let paths: Vec<String> = stub.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(
        paths,
        ["/a", "/a", "/b", "/a", "/none", "/404", "/404"],
        "what is not there may come any moment"
    );

    let off = Bench::new(&stub, r#"url: "URL/off", cache: off"#);
    assert_ne!(off.value("a").await, off.value("a").await);
}

#[tokio::test]
async fn a_memory_holds_no_more_bytes_than_it_may() {
    let stub = Stub::start(|_, _| ok(&format!("\"{}\"", "x".repeat(6500)))).await;
    let bench = Bench::new(&stub, r#"url: "URL/{{ event.object.id }}", cache: { max_bytes: 64KiB }"#);
    for id in 0..50 {
        bench.value(&id.to_string()).await;
        let desk = bench.lookups.desk(&bench.rules, "x").unwrap();
        assert!(desk.remembered() <= 65_536, "{}", desk.remembered());
    }
    let desk = bench.lookups.desk(&bench.rules, "x").unwrap();
    assert!(desk.remembered() > 32_768, "{}", desk.remembered());
}

#[tokio::test]
async fn whoever_asks_the_same_at_once_shares_one_question() {
    let stub = Stub::start(|_, _| Reply::Hold).await;
    let bench = Arc::new(Bench::new(&stub, r#"url: "URL/{{ event.object.id }}", cache: off"#));
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let bench = bench.clone();
        asking.spawn(async move { bench.find("7").await });
    }
    stub.until(1).await;
    while bench.lookups.desk(&bench.rules, "x").unwrap().waiting() < 100 {
        tokio::task::yield_now().await;
    }
    stub.let_go(1);
    let answers = asking.join_all().await;
    assert!(answers.iter().all(|answered| answered.value == Ok(Arc::new(json!({})))));
    assert_eq!(answers.iter().filter(|answered| !answered.looked.cached).count(), 1);
    assert_eq!(stub.seen().len(), 1);
    assert_eq!(bench.lookups.desk(&bench.rules, "x").unwrap().waiting(), 0);
    stub.let_go(1);
    bench.find("7").await;
    assert_eq!(stub.seen().len(), 2, "nothing was remembered");
}

#[tokio::test]
async fn when_the_first_of_those_who_ask_leaves_another_one_asks() {
    let stub = Stub::start(|number, _| if number == 0 { Reply::Hang } else { ok("2") }).await;
    let bench = Arc::new(Bench::new(&stub, r#"url: "URL/", cache: off"#));
    let (first, second) = (bench.clone(), bench.clone());
    let leaves = tokio::spawn(async move { first.find("7").await });
    stub.until(1).await;
    let stays = tokio::spawn(async move { second.value("7").await });
    while bench.lookups.desk(&bench.rules, "x").unwrap().waiting() < 2 {
        tokio::task::yield_now().await;
    }
    leaves.abort();
    assert_eq!(stays.await.unwrap(), json!(2));
}

#[tokio::test]
async fn no_more_questions_are_under_way_than_may_be() {
    let stub = Stub::start(|_, _| Reply::Hold).await;
    let bench = Arc::new(Bench::new(&stub, r#"url: "URL/{{ event.object.id }}", in_flight: 3"#));
    let mut asking = tokio::task::JoinSet::new();
    for id in 0..20 {
        let bench = bench.clone();
        asking.spawn(async move { bench.value(&id.to_string()).await });
    }
    for round in 1..=6 {
        stub.until(3 * round).await;
        stub.let_go(3);
    }
    stub.let_go(2);
    asking.join_all().await;
    assert_eq!((stub.seen().len(), stub.most()), (20, 3));
}

#[tokio::test]
async fn questions_keep_to_their_rate() {
    let stub = Stub::start(|_, _| ok("1")).await;
    let bench = Arc::new(Bench::new(&stub, r#"url: "URL/{{ event.object.id }}", rate: 2/s, in_flight: 9"#));
    let mut asking = tokio::task::JoinSet::new();
    for id in 0..6 {
        let bench = bench.clone();
        asking.spawn(async move { bench.value(&id.to_string()).await });
    }
    for allowed in [2, 4, 6] {
        stub.until(allowed).await;
        // Whoever has a token is answered; nobody else was heard.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(stub.seen().len(), allowed);
        bench.clock.advance(Duration::from_millis(1100));
    }
    asking.join_all().await;
}

#[tokio::test]
async fn what_is_remembered_outlives_a_reload_that_does_not_change_the_lookup() {
    let stub = Stub::start(|number, _| ok(&number.to_string())).await;
    let bench = Bench::new(&stub, r#"url: "URL/{{ event.object.id }}""#);
    assert_eq!(bench.value("7").await, json!(0));
    let value_by = async |keys: &str| {
        let answered = bench.lookups.find(&rules_at(&stub, keys), "x", &event("7")).await;
        (*answered.value.unwrap()).clone()
    };
    assert_eq!(value_by(r#"on_failure: drop, url: "URL/{{ event.object.id }}""#).await, json!(0));
    assert_eq!(value_by(r#"url: "URL/{{ event.object.id }}", in_flight: 9"#).await, json!(1));
    let gone = Rules::from_text("config.yaml", "", &|_| None).unwrap();
    let answered = bench.lookups.find(&Arc::new(gone), "x", &event("7")).await;
    assert_eq!(answered.value.unwrap_err().error, "there is no lookup `x` any more");
}
