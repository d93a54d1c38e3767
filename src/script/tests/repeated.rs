//! What one event does to a script, the next one does not notice.

use super::{compile_in, event, folder, json, now};
use crate::script::{Body, Limits, Script, Verdict};

fn with_library(text: &str, library: &str) -> Script {
    let folder = folder(text, &[("scripts/lib/l.rhai", library)]);
    compile_in(folder.path(), &Limits::default()).unwrap()
}

/// What `transform` says about an event with that action.
fn said(script: &Script, action: &str) -> String {
    let mut event = event();
    event.action = action.to_owned();
    match script.run(&event, now()) {
        Ok(Verdict::Messages(messages)) => match &messages[0].body {
            Body::Json(text) | Body::Text(text) => text.clone(),
        },
        other => format!("{other:?}"),
    }
}

#[test]
fn variables_that_closures_share_begin_anew_with_each_event() {
    let script = with_library(
        "let seen = 0;\nconst NEXT = || { seen += 1; seen };\nfn transform(event) { `${global::NEXT.call()}${global::NEXT.call()}` }",
        "",
    );
    assert_eq!([said(&script, "a"), said(&script, "a")], ["12", "12"]);
}

#[test]
fn what_stands_outside_functions_and_calls_something_runs_with_every_event() {
    let script = with_library("const AT = now();\nfn transform(event) { `${global::AT}` }", "");
    assert_eq!(said(&script, "a"), "2025-06-30T22:00:00Z");
    let later = script.run(&event(), "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
    let Verdict::Messages(messages) = later else { panic!("{later:?}") };
    assert_eq!(messages[0].body, Body::Text("2026-01-01T00:00:00Z".to_owned()));
}

#[test]
fn constants_and_imports_are_there_in_every_function_of_every_event() {
    let script = with_library(
        "import \"lib/l\" as l;\nconst SITES = #{ a: [1, 2] };\n\
         fn filter(event) { l::shout(\"x\") == \"X!\" }\n\
         fn transform(event) { let s = global::SITES; s.a.push(3); #{ sites: s, mark: l::MARK, said: l::shout(\"y\") } }",
        "export const MARK = \"!\";\nfn shout(text) { text.to_upper() + mark() }\nfn mark() { global::MARK }",
    );
    for _ in 0..3 {
        assert_eq!(json(&said(&script, "a")), json(r#"{"mark":"!","said":"Y!","sites":{"a":[1,2,3]}}"#));
    }
}

#[test]
fn a_variable_outside_functions_stays_out_of_them() {
    let script = with_library("let hidden = 1;\nfn transform(event) { `${hidden}` }", "");
    for _ in 0..2 {
        assert!(said(&script, "a").contains("there is no variable `hidden`"));
    }
}

#[test]
fn exit_gives_its_value_as_return_does() {
    let script =
        with_library("fn inner() { exit(\"out\") }\nfn transform(event) { inner(); \"not here\" }", "");
    assert_eq!([said(&script, "a"), said(&script, "a")], ["out", "out"]);
}

#[test]
fn an_error_in_an_import_has_its_place_with_every_event() {
    let script = with_library(
        "import \"lib/l\" as l;\nfn transform(event) {\n  l::fails(event)\n}",
        "fn fails(event) {\n    let nothing = ();\n    nothing.name\n}",
    );
    for _ in 0..3 {
        let error = script.run(&event(), now()).unwrap_err();
        assert_eq!(error.place, "scripts/lib/l.rhai:3:13", "{error}");
    }
}

#[test]
fn which_function_a_name_means_does_not_depend_on_the_events_before() {
    let text = "import \"lib/l\" as l;\n\
        fn transform(event) {\n\
            if event.action == \"lib\" { return l::both(); }\n\
            let tags = event.data.tags;\n\
            join(tags, \"-\") + join(tags, \"-\") + join(tags, \"-\")\n\
        }";
    let library =
        "fn both() { join(1, \"-\") + join(2, \"-\") + join(3, \"-\") }\nfn join(a, b) { \"lib \" }";
    let (native, lib) = ("a-ba-ba-b", "lib lib lib ");
    let script = with_library(text, library);
    for action in ["lib", "other", "lib", "lib", "other", "other"] {
        assert_eq!(said(&script, action), if action == "lib" { lib } else { native }, "{action}");
    }
}
