//! A script past a limit fails its own receipt, in plain words, and harms nothing else.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{compile_in, error, event, folder, now, run, script};
use crate::script::{Limits, Script};

fn limited(limits: &Limits, body: &str) -> String {
    let text = format!("fn transform(event) {{ {body} }}");
    let script = compile_in(folder(&text, &[]).path(), limits).unwrap();
    script.run(&event(), now()).unwrap_err().message
}

#[test]
fn a_script_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&script("fn filter(event) { true }"));
}

#[test]
fn every_limit_has_its_own_words() {
    let said = |body: &str| error(body);
    let limits = Limits { wall_clock: Duration::from_secs(60), ..Limits::default() };
    assert_eq!(limited(&limits, "loop { }"), "the script ran past its limit of 1000000 operations");
    let limits = Limits { wall_clock: Duration::from_millis(30), operations: u64::MAX, ..Limits::default() };
    assert_eq!(limited(&limits, "loop { }"), "the script ran past its limit of 30 ms");
    let recursion = run("fn f(n) { f(n + 1) } fn filter(event) { f(0) }").unwrap_err();
    assert_eq!(recursion.message, "the script ran past its limit of 32 calls inside one another");
    assert!(said("let s = \"x\"; loop { s += s; }").contains("limit of 1048576 bytes of text in one value"));
    assert!(said("let a = [1]; loop { a += a; }").contains("limit of 10000 items of arrays in one value"));
    assert!(
        said("let a = [1]; loop { a = [a]; }").contains("limit of 64 levels of values inside one another")
    );
    assert!(said("let m = #{}; loop { m = #{ m: m }; }").contains("limit of 64 levels"));
    assert!(said("let f = || 1; loop { let g = f; f = || g.call(); }").contains("limit of 64 levels"));
}

#[test]
fn a_limit_cannot_be_caught() {
    assert!(error("loop { try { let a = [1]; loop { a = [a]; } } catch { } }").contains("64 levels"));
}

#[test]
fn the_place_of_a_limit_is_known() {
    let error = run("\nfn filter(event) {\n  let i = 0;\n  while true {\n    i += 1;\n  }\n}").unwrap_err();
    assert_eq!(error.place, "scripts/s.rhai:2:1");
}

#[test]
fn all_values_together_are_bounded_too() {
    let limits = Limits { operations: u64::MAX, wall_clock: Duration::from_secs(20), ..Limits::default() };
    let big = "let s = \"x\"; while s.len() < 500000 { s += s; }";
    let held: String = (0..60).map(|i| format!("let v{i} = s + \"{i}\";")).collect();
    assert!(limited(&limits, &format!("{big} {held}")).contains("limit of 16 MiB for all its values"));
    // rhai checks no map that grows by `m[k] = v`.
    let limits = Limits { map_entries: 1000, ..limits };
    let grown = limited(&limits, "let m = #{}; let i = 0; loop { m[`k${i}`] = i; i += 1; }");
    assert_eq!(grown, "the script ran past its limit of 1000 entries of maps in one value");
    let deep = format!("fn f(s, n) {{ let a = s + n; let b = s + a.len(); if n == 0 {{ 0 }} else {{ f(s, n - 1) + f(a, n - 1) }} }}
         fn transform(event) {{ {big} f(s, 25) }}");
    let script = compile_in(folder(&deep, &[]).path(), &limits).unwrap();
    let message = script.run(&event(), now()).unwrap_err().message;
    assert!(message.contains("limit of 16 MiB") || message.contains("bytes of text"), "{message}");
    let copies = limited(
        &limits,
        "let a = []; loop { a.push(message([event, event, event, event, event, event, event, event])); if a.len() > 9000 { return a; } }",
    );
    assert!(copies.contains("limit of 16 MiB"), "{copies}");
}

#[test]
fn host_functions_are_bounded_too() {
    assert!(
        error("let s = \"x\"; while s.len() < 500000 { s += s; } regex_replace(s, \"x\", s)")
            .contains("longer than 1048576 bytes")
    );
    assert!(
        error("let s = \"x\"; while s.len() < 600000 { s += s; } base64_encode(base64_encode(s))")
            .contains("limit of")
    );
    assert!(error("regex_match(\"a\", \"(a{1000}){1000}\")").contains("is no regular expression"));
    assert!(error("loop { jsonpath(event, \"$..*\"); }").contains("limit of"));
}

#[test]
fn deep_recursion_fits_the_stack_of_a_worker_thread() {
    let nested = format!("{}f(n+1){}", "(1+".repeat(20), ")".repeat(20));
    let text = format!("fn f(n) {{ {nested} }} fn filter(event) {{ f(0) == 1 }}");
    let script = script(&text);
    let worker = std::thread::Builder::new().stack_size(2 << 20);
    let error = worker.spawn(move || script.run(&event(), now())).unwrap().join().unwrap().unwrap_err();
    assert!(error.message.contains("32 calls"), "{error:?}");
}

#[test]
fn a_failed_run_leaves_the_next_one_alone() {
    let script = script("fn filter(event) { if event.action == \"updated\" { loop { } } true }");
    let mut other = event();
    other.action = "created".to_owned();
    for _ in 0..3 {
        assert!(script.run(&event(), now()).is_err());
        assert!(script.run(&other, now()).is_ok());
    }
}

#[test]
fn a_worked_script_is_quick() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut problems = crate::problem::Problems::default();
    let limits = Limits { wall_clock: Duration::from_secs(60), ..Limits::default() };
    let script = Script::compile(root, "scripts/slack_message.rhai", &limits, &mut problems).unwrap();
    let event = std::sync::Arc::new(event());
    let begun = Instant::now();
    for _ in 0..1000 {
        script.run_shared(&event, now()).unwrap();
    }
    println!("{:?} per run", begun.elapsed() / 1000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_engine_panic(body in proptest::collection::vec(piece(), 0..12)) {
        let text = format!("fn transform(event) {{ {} }}", body.join(" "));
        let limits = Limits { operations: 5_000, wall_clock: Duration::from_millis(200), ..Limits::default() };
        if let Ok(script) = compile_in(folder(&text, &[]).path(), &limits) {
            let result = script.run(&event(), now());
            let broken = result.as_ref().is_err_and(|error| error.message.contains("interpreter"));
            prop_assert!(!broken, "{text}");
        }
    }
}

fn piece() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "let a = event.data;",
        "let b = [1, 2];",
        "let c = #{ x: 1 };",
        "b.push(event.changes);",
        "c.y = b;",
        "let f = |x| x;",
        "f.call(b);",
        "a",
        "b[0]",
        "c.x",
        "+",
        "==",
        "event.data.tags",
        ".len()",
        ";",
        "(",
        ")",
        "for x in event.changes {",
        "}",
        "if a == b {",
        "loop { break; }",
        "message(c)",
        ".header(\"a\", b)",
        "a.copy()",
        "jsonpath(a, \"$..*\")",
        "`${a}${b}`",
        "throw a;",
        "return c;",
        "try { throw 1; } catch (e) { e }",
        "b += b;",
        "c += c;",
        "let g = || b.push(1); g.call();",
        "this",
        "-9223372036854775808",
        "1 / 0",
        "1.0 / 0.0",
        "event.data = 1;",
        "b.sort();",
        "b.map(f)",
        "a.reduce(|s, v| s, 0)",
        "switch a { 1 => 2, _ => 3 }",
        "0xffff",
        "\"\\u{1F600}\".sub_string(1, 2)",
        "b.pad(100000, 1);",
        "b.extract(-5, 99)",
        "c.remove(\"x\")",
        "a?.x",
        "??",
    ])
}
