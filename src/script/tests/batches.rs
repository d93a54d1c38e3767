//! Events that leave together: their key, and what a script makes of them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{compile_in, event, folder, json, now, script};
use crate::model::{EventId, Json, Lineage, Member, ReceiptId, Timestamp};
use crate::problem::Problems;
use crate::script::{Body, Joining, Limits, Message, Script, ScriptError, Verdict, run_tests};

/// The events of a batch; each comes from a receipt of its own with this body.
fn members(count: usize, body: &str) -> Vec<Member> {
    let receipt = ReceiptId::new(Timestamp::UNIX_EPOCH);
    let member = |index| {
        let mut event = event();
        event.id = EventId::of(receipt, index);
        if let Some(object) = &mut event.object {
            object.id = index.to_string();
        }
        Member {
            receipt: ReceiptId::new(Timestamp::UNIX_EPOCH),
            event: Arc::new(event),
            lookups: json(r#"{"owner":{"team":"net"}}"#),
            lineage: Lineage::default(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    };
    (0..count).map(member).collect()
}

fn run(body: &str, members: &[Member]) -> Result<Verdict, ScriptError> {
    script(&format!("fn transform_batch(events) {{ {body} }}")).run_batch(members, now())
}

fn message(body: &str, members: &[Member]) -> Message {
    match run(body, members) {
        Ok(Verdict::Messages(mut messages)) if messages.len() == 1 => messages.remove(0),
        other => panic!("no single message: {other:?}"),
    }
}

fn value(expression: &str, members: &[Member]) -> Json {
    match message(&format!("[{expression}]"), members).body {
        Body::Json(text) => json(&text)[0].take(),
        other => panic!("no JSON: {other:?}"),
    }
}

#[test]
fn the_events_of_a_batch_read_as_a_list_of_events() {
    let members = members(3, r#"{"event":"updated","n":1.50}"#);
    for (expression, wanted) in [
        ("events.len()", "3"),
        ("events[0].object.id + events[-1].object.id", r#""02""#),
        ("events.map(|e| e.object.id)", r#"["0","1","2"]"#),
        ("events.filter(|e| e.object.id != \"1\").len()", "2"),
        ("{ let ids = []; for e in events { ids.push(e.object.id); } ids }", r#"["0","1","2"]"#),
        ("change(events[1], \"status\").to", r#""offline""#),
        ("events[2].native", r#"{"event":"updated","n":1.50}"#),
        ("events[2].native.event", r#""updated""#),
        ("events[0].lookup.owner.team", r#""net""#),
        ("events[3]", "null"),
        ("jsonpath(events, \"$[*].object.id\")", r#"["0","1","2"]"#),
        ("\"native\" in events[0]", "false"),
        ("type_of(events)", r#""array""#),
        ("events == events", "true"),
    ] {
        assert_eq!(value(expression, &members), json(wanted), "{expression}");
    }
    let whole = value("events", &members);
    let models: Vec<Json> = members.iter().map(|member| Json::of(&*member.event).unwrap()).collect();
    assert_eq!(whole, Json::Array(models), "each leaves as the event model, digits included");
}

#[test]
fn a_body_is_parsed_only_where_it_is_asked_for_and_once() {
    let broken = members(2, "no JSON");
    assert_eq!(value("events[1].native", &broken), json("\"no JSON\""), "a text of a templated source");
}

#[test]
fn bodies_are_parsed_up_to_a_limit_and_that_of_one_receipt_once() {
    let limits = Limits { string_bytes: 64 << 10, wall_clock: Duration::from_secs(60), ..Limits::default() };
    let text = "fn transform_batch(events) { [events.reduce(|sum, e| sum + e.native[0].len(), 0)] }";
    let script = compile_in(folder(text, &[]).path(), &limits).unwrap();
    let mut members = members(40, &format!("[\"{}\"]", "x".repeat(50_000)));
    let error = script.run_batch(&members, now()).unwrap_err();
    assert_eq!(error.message, "the script ran past its limit of 1 MiB of bodies read as `native`");
    let receipt = members[0].receipt;
    members.iter_mut().for_each(|member| member.receipt = receipt);
    let Ok(Verdict::Messages(messages)) = script.run_batch(&members, now()) else { panic!("no message") };
    assert_eq!(messages[0].body, Body::Json("[2000000]".to_owned()));
}

#[test]
fn what_transform_batch_gives_is_what_leaves() {
    let members = members(2, "{}");
    assert_eq!(run("()", &members), Ok(Verdict::Dropped(None)));
    assert_eq!(run("[]", &members), Ok(Verdict::Messages(Vec::new())));
    assert_eq!(message("`${events.len()} changed`", &members).body, Body::Text("2 changed".to_owned()));
    let told =
        message("message(#{ n: events.len() }).to(\"awx\").key(\"k\").header(\"X-A\", \"b\")", &members);
    assert_eq!((told.to.as_deref(), told.key.as_deref()), (Some("awx"), Some("k")));
    let Ok(Verdict::Messages(each)) = run("events.map(|e| message(#{ id: e.object.id }))", &members) else {
        panic!("no messages")
    };
    assert_eq!(each.len(), 2);
    let mixed = run("[message(#{}), 1]", &members).unwrap_err();
    assert!(mixed.message.starts_with("transform_batch(events) gave an array of messages, but entry 1"));
    assert_eq!(script("fn filter(event) { true }").run_batch(&members, now()), Ok(Verdict::Pass));
}

#[test]
fn events_of_a_batch_are_read_only_and_errors_have_their_line() {
    let members = members(1, "{}");
    let error = run("\n events[0].action = \"x\"; events", &members).unwrap_err();
    assert!(
        error.message.contains("events are read-only") && error.place == "scripts/s.rhai:2:11",
        "{error:?}"
    );
    let error = run("\n\n events.push(1)", &members).unwrap_err();
    assert!(error.message.contains("read-only"), "{error:?}");
}

#[test]
fn the_key_is_what_batch_key_gives() {
    let join = |body: &str, keyed: bool| {
        let text =
            format!("fn filter(event) {{ event.action != \"deleted\" }} fn batch_key(event) {{ {body} }}");
        script(&text).join(&Arc::new(event()), keyed, None, now())
    };
    for (body, wanted) in [
        ("event.data.site.slug", Some("fra1")),
        ("event.data.vlan", Some("42")),
        ("event.data.up", Some("true")),
        ("1.5", Some("1.5")),
        ("'x'", Some("x")),
        ("event.data.nothing", None),
        ("\"\"", None),
        ("", None),
    ] {
        assert_eq!(join(body, true), Ok(Joining::Joins(wanted.map(str::to_owned))), "{body}");
    }
    assert_eq!(join("throw \"never asked\"", false), Ok(Joining::Joins(None)));
    for (body, told) in [
        (
            "event.data.tags",
            "batch_key(event) must give a text, a number, true or false, or () for no key, it gave an array",
        ),
        ("#{}", "it gave a map"),
        ("message(\"x\")", "it gave a message"),
        ("let s = \"\"; s.pad(1025, 'x'); s", "batch_key(event) gave a key of 1025 bytes, more than 1024"),
    ] {
        let error = join(body, true).unwrap_err();
        assert!(error.message.contains(told) && error.place == "scripts/s.rhai:1:48", "{body}: {error:?}");
    }
    let dropped = script("fn filter(event) { \"no\" } fn batch_key(event) { throw 1 }");
    let given = dropped.join(&Arc::new(event()), true, None, now());
    assert_eq!(given, Ok(Joining::Dropped(Some("no".to_owned()))));
}

#[test]
fn functions_that_begin_alike_are_told_apart() {
    let found = compile_in(
        folder("fn transform_batch(events) { 1 }\nfn transform() { 1 }\nfn batch_key(a, b) { 1 }", &[])
            .path(),
        &Limits::default(),
    )
    .unwrap_err();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("scripts/s.rhai:2:1: `transform` takes 0 parameters"), "{found:?}");
    assert!(found[1].starts_with("scripts/s.rhai:3:1: `batch_key` takes 2 parameters"), "{found:?}");
    let lone = script("fn transform_batch(events) { events.len() }");
    assert!(lone.transforms_batches() && !lone.keys_events() && lone.transform_at().is_none());
    let at = script("fn transform_batch(events) { 1 }\n  fn transform(event) { 1 }").transform_at();
    assert_eq!(at, Some((2, 3)));
}

#[test]
fn five_hundred_events_fit_the_limits_of_one_run() {
    let members = members(500, "{}");
    let worked = "
        let names = #{};
        let objects = [];
        for event in events {
            for change in event.changes { names[change.field] = change.to; }
            objects.push(#{ id: event.object.id, interfaces: event.data.interfaces.map(|i| i.name), raw: event.data });
        }
        #{ names: names, objects: objects, events: events }";
    let patient = Limits { wall_clock: Duration::from_secs(60), ..Limits::default() };
    let text = format!("fn transform_batch(events) {{ {worked} }}");
    let script = compile_in(folder(&text, &[]).path(), &patient).unwrap();
    assert!(matches!(script.run_batch(&members, now()), Ok(Verdict::Messages(_))));
}

#[test]
fn a_run_over_a_batch_has_the_limits_of_a_run() {
    let members = members(3, "{}");
    let limited = |limits: &Limits, body: &str| {
        let text = format!("fn transform_batch(events) {{ {body} }}");
        compile_in(folder(&text, &[]).path(), limits).unwrap().run_batch(&members, now()).unwrap_err().message
    };
    let slow = Limits { wall_clock: Duration::from_millis(30), operations: u64::MAX, ..Limits::default() };
    assert_eq!(limited(&slow, "loop { }"), "the script ran past its limit of 30 ms");
    let busy = Limits { wall_clock: Duration::from_secs(60), ..Limits::default() };
    assert_eq!(
        limited(&busy, "for e in events { loop { } }"),
        "the script ran past its limit of 1000000 operations"
    );
    let wide = Limits { operations: u64::MAX, wall_clock: Duration::from_secs(60), ..Limits::default() };
    assert_eq!(
        limited(
            &wide,
            "let all = []; loop { all.push(message([events, events, events])); if all.len() > 9000 { return all; } }"
        ),
        "the script ran past its limit of 64 MiB for all its values"
    );
}

#[test]
fn tests_of_scripts_know_batches_and_keys() {
    let text = "
fn filter(event) { if event.object == () { \"no object\" } else { true } }
fn batch_key(event) { event.data.site }
fn transform_batch(events) { #{ names: events.map(|e| e.object.name), natives: events.map(|e| e.native?.n) } }";
    let tests = "
- name: two of three
  events:
    - { object: { name: a }, native: { n: 1 } }
    - { object: null }
    - { object: { name: b } }
  expect: { body: { names: [a, b], natives: [1, null] } }
- name: none is left
  events: [{ object: null }]
  expect: { filtered: no object }
- name: its key
  event: { data: { site: fra1 } }
  expect: { batch_key: fra1 }
- name: no key
  expect: { batch_key: null }
- name: a number is a key
  event: { data: { site: 7 } }
  expect: { batch_key: 7 }
- name: wrong key
  event: { data: { site: fra1 } }
  expect: { batch_key: ber1 }
- name: dropped instead
  event: { object: null }
  expect: { batch_key: ber1 }
- name: wrong body
  events: [{ object: { name: a } }]
  expect: { contains: { names: [b] } }
- { name: both, event: {}, events: [{}], expect: { filtered: true } }
- { name: no list, events: {}, expect: { filtered: true } }
- { name: a key of many, events: [{}], expect: { batch_key: x } }
- { name: typo, events: [{ acton: x }], expect: { filtered: true } }
";
    let folder = folder(text, &[("scripts/s.test.yaml", tests)]);
    let mut problems = Problems::default();
    let results = run_tests(folder.path(), "scripts/s.test.yaml", &Limits::default(), &mut problems);
    let failed: Vec<_> = results
        .iter()
        .filter(|r| !r.failures.is_empty())
        .map(|r| (r.name.as_str(), r.failures.join("\n")))
        .collect();
    assert_eq!(results.len(), 8);
    let names: Vec<&str> = failed.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["wrong key", "dropped instead", "wrong body"], "{failed:?}");
    assert_eq!(failed[0].1, "expected the key `ber1`, got the key `fra1`");
    assert_eq!(failed[1].1, "expected the key `ber1`, got it was dropped because of `no object`");
    let mut told = String::new();
    for problem in problems.into_sorted() {
        writeln!(told, "{problem}").unwrap();
    }
    for part in [
        "`events` stands beside `event` or `capture`",
        "`events` must be a list of events, this is a mapping",
        "`expect.batch_key` is that of one event",
        "unknown key `event.acton`",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
}

#[test]
fn a_batch_can_be_run_from_many_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let script: Script = script("fn transform_batch(events) { #{ n: events.len() } }");
    shared(&script);
    let members = members(5, "{}");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(script.run_batch(&members, now()).is_ok()));
        }
    });
}
