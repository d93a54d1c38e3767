//! What a script sees of an event, and what its results become.

use std::sync::Arc;

use super::{error, event, json, message, now, run, script, value};
use crate::model::Json;
use crate::script::{Body, Verdict};

#[test]
fn a_filter_passes_drops_or_drops_with_a_reason() {
    let filter = |body: &str| run(&format!("fn filter(event) {{ {body} }}"));
    assert_eq!(filter("true"), Ok(Verdict::Pass));
    assert_eq!(filter("event.action == \"created\""), Ok(Verdict::Dropped(None)));
    assert_eq!(filter("`not ${event.action}`"), Ok(Verdict::Dropped(Some("not updated".to_owned()))));
    let error = filter("()").unwrap_err();
    assert_eq!(
        error.message,
        "filter(event) must give true, false or a text that says why not, it gave nothing, ()"
    );
}

#[test]
fn a_dropped_event_is_not_transformed() {
    let both = "fn filter(event) { false } fn transform(event) { throw \"reached\" }";
    assert_eq!(run(both), Ok(Verdict::Dropped(None)));
}

#[test]
fn every_field_of_an_event_reads_by_name_and_by_index() {
    assert_eq!(value("event.object.name"), json("\"leaf-1\""));
    assert_eq!(value("event[\"data\"][\"site\"][\"slug\"]"), json("\"fra1\""));
    assert_eq!(value("event.data.interfaces[1].mtu"), json("9000"));
    assert_eq!(value("event.data.interfaces[-1].name"), json("\"eth1\""));
    assert_eq!(value("event.changes[0].to"), json("\"offline\""));
    assert_eq!(value("event.native.model"), json("\"device\""));
    assert_eq!(value("event.id"), json("\"evt_0197c2a0d4b07a3e8f21a1b2c3d4e5f6\""));
    assert_eq!(value("event.received_at"), json("\"2025-06-30T21:57:20.5Z\""));
    assert_eq!(value("event.type + event.branch"), json("\"netbox.object.updated\""));
}

#[test]
fn what_is_missing_or_null_is_nothing() {
    for missing in
        ["event.data.nope", "event.data.nothing", "event.nope", "event.branch", "event.data.tags[7]"]
    {
        assert_eq!(value(&format!("{missing} == ()")), json("true"), "{missing}");
    }
    assert_eq!(value("event.data.nope?.deeper"), Json::Null);
    assert_eq!(value("event.data.nope ?? \"else\""), json("\"else\""));
}

#[test]
fn numbers_are_whole_if_they_fit_else_floats_else_texts() {
    assert_eq!(value("event.data.vlan + 1"), json("43"));
    assert_eq!(value("event.data.position * 2.0"), json("25.0"));
    assert_eq!(value("event.data.big"), json("\"123456789012345678901234567890\""));
    assert_eq!(value("event.data.huge"), json("\"1e+999\""));
}

#[test]
fn a_part_of_the_event_leaves_as_it_came() {
    let Body::Json(body) = message("#{ site: event.data.site, raw: event.data }").body else { panic!() };
    assert_eq!(json(&body)["raw"].to_string(), event().data.to_string());
    let Body::Json(whole) = message("event").body else { panic!() };
    assert_eq!(whole, serde_json::to_string(&event()).unwrap());
}

#[test]
fn lists_are_walked_counted_and_searched() {
    assert_eq!(
        value("{ let s = \"\"; for x in event.changes { s += x.field; } s }"),
        json("\"statussite.name\"")
    );
    assert_eq!(value("event.changes.len() + event.changes.len"), json("4"));
    assert_eq!(value("event.data.interfaces.map(|i| i.mtu)"), json("[1500,9000]"));
    assert_eq!(
        value("event.data.interfaces.filter(|i| i.mtu > 2000)"),
        json(r#"[{"name":"eth1","mtu":9000}]"#)
    );
    assert_eq!(value("event.changes.some(|c| c.field == \"status\")"), json("true"));
    assert_eq!(value("event.data.interfaces.reduce(|sum, i| sum + i.mtu, 0)"), json("10500"));
    assert_eq!(value("\"b\" in event.data.tags"), json("true"));
    assert_eq!(value("\"site\" in event.data && !(\"nope\" in event.data)"), json("true"));
    assert_eq!(value("event.data.tags.join(\"/\")"), json("\"a/b\""));
    assert_eq!(value("event.data.site.keys()"), json(r#"["slug","name"]"#));
    assert_eq!(value("event.data.site.values()"), json(r#"["fra1","Frankfurt"]"#));
    assert_eq!(
        value("[jsonpath(event.data, \"$.no\").is_empty(), event.data.site.is_empty()]").to_string(),
        "[true,false]"
    );
}

#[test]
fn views_compare_with_views_and_with_literals() {
    for yes in [
        "event.data == event.after",
        "event.data.site == #{ slug: \"fra1\", name: \"Frankfurt\" }",
        "event.data.tags == [\"a\", \"b\"]",
        "[\"a\", \"b\"] == event.data.tags",
        "event.data.site != event.data",
        "event.data.site != \"fra1\"",
        "event.data.site != ()",
        "event.data.up == true",
        "type_of(event.data) == \"map\" && type_of(event.changes) == \"array\"",
        "`${event.data.site}` == `{\"slug\":\"fra1\",\"name\":\"Frankfurt\"}`",
        "[event.data.site].contains(event.after.site)",
    ] {
        assert_eq!(value(yes), json("true"), "{yes}");
    }
}

#[test]
fn an_event_is_read_only_and_a_copy_is_not() {
    for write in [
        "event.action = \"x\"",
        "event.data.site.slug = \"x\"",
        "event[\"data\"] = 1",
        "event.data.vlan += 1",
        "event.data.tags.push(\"c\")",
        "event.data.interfaces[0].mtu = 1",
        "event.data.remove(\"site\")",
    ] {
        let error = error(write);
        assert!(error.contains("events are read-only; change a copy"), "{write}: {error}");
    }
    let copied = value(
        "{ let d = event.data.copy(); d.site.slug = \"zrh\"; d.tags.push(\"c\"); [d.site.slug, d.tags] }",
    );
    assert_eq!(copied, json(r#"["zrh",["a","b","c"]]"#));
    assert_eq!(value("{ event.data.tags.len(); event.data.site.len() }"), json("2"));
    assert_eq!(value("{ event[\"data\"][\"tags\"].len() }"), json("2"));
}

#[test]
fn a_message_says_where_to_as_what_and_with_which_headers() {
    let message = message(
        "message(#{ a: 1 }).header(\"X-Site\", event.data.site.slug).header(\"x-n\", 3).header(\"X-N\", 4)
            .to(\"awx\").key(\"lane\").type(\"application/x-yaml\")",
    );
    assert_eq!(message.body, Body::Json(r#"{"a":1}"#.to_owned()));
    let headers = [("X-Site", "fra1"), ("X-N", "4")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(message.headers, headers);
    assert_eq!(message.to.as_deref(), Some("awx"));
    assert_eq!(message.key.as_deref(), Some("lane"));
    assert_eq!(message.r#type.as_deref(), Some("application/x-yaml"));
}

#[test]
fn an_array_of_messages_is_several_deliveries_and_one_of_values_is_one_body() {
    let several = run("fn transform(event) { event.changes.map(|c| message(#{ f: c.field })) }");
    assert!(matches!(several, Ok(Verdict::Messages(messages)) if messages.len() == 2));
    assert_eq!(message("[1, \"a\", ()]").body, Body::Json(r#"[1,"a",null]"#.to_owned()));
    assert_eq!(message("\"text\"").body, Body::Text("text".to_owned()));
    assert_eq!(run("fn transform(event) { [] }"), Ok(Verdict::Messages(Vec::new())));
    assert_eq!(run("fn transform(event) { }"), Ok(Verdict::Dropped(None)));
    assert!(error("[message(1 + 1 + \"x\"), 2]").contains("entry 1 is a number; wrap it in message(…)"));
    assert!(error("3").contains("a body must be a map, an array or a text, this is a number"));
    assert!(error("#{ a: [#{ b: 0.0/0.0 }] }").contains("`body.a[0].b` is NaN, which JSON cannot say"));
    assert!(error("#{ a: message(\"x\") }").contains("`body.a` is a message inside a body"));
}

#[test]
fn reserved_and_malformed_headers_are_refused_with_their_name_and_line() {
    for name in ["Host", "content-length", "Webhook-Id", "proxy-authorization", "X-Hub-Signature-256", "TE"] {
        let error = error(&format!("\n message(\"x\").header(\"{name}\", \"v\")"));
        assert!(error.starts_with("scripts/s.rhai:2:"), "{error}");
        assert!(error.contains(&format!("the header `{name}` is reserved")), "{error}");
    }
    assert_eq!(message("message(\"x\").header(\"Authorization\", \"Bearer t\")").headers.len(), 1);
    assert!(error("message(\"x\").header(\"a b\", \"v\")").contains("`a b` is no header name"));
    assert!(error("message(\"x\").header(\"a\", \"v\\r\\nHost: x\")").contains("a line break"));
    assert!(error("message(\"x\").header(\"a\", \"v\\x00\")").contains("control character"));
    assert!(error("message(\"x\").to(\"\")").contains("to() needs one line of text"));
}

#[test]
fn the_event_is_given_back_after_a_run() {
    let event = Arc::new(event());
    script("fn transform(event) { event.data }").run_shared(&event, now()).unwrap();
    assert!(Arc::try_unwrap(event).is_ok());
}
