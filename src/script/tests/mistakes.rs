//! What is wrong with a script is said when it is compiled, with place and remedy.

use std::path::Path;

use super::{compile_in, error, event, folder, now};
use crate::problem::Problems;
use crate::script::{Limits, Script, Verdict, run_tests};

fn mistakes(text: &str, others: &[(&str, &str)]) -> Vec<String> {
    compile_in(folder(text, others).path(), &Limits::default()).unwrap_err()
}

const LIB: (&str, &str) = ("scripts/lib/x.rhai", "fn up(t) {\n  t.to_upper()\n}\nexport const MANY = 3;");

#[test]
fn a_syntax_error_has_its_line_and_column() {
    let found = mistakes("fn filter(event) {\n  let x = ;\n}", &[]);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("scripts/s.rhai:2:11: "), "{found:?}");
    assert!(found[0].contains("\n  help: "), "{found:?}");
}

#[test]
fn a_script_without_entry_or_with_a_wrong_one_is_a_mistake() {
    assert!(mistakes("fn other(event) { 1 }", &[])[0].contains("defines neither `filter` nor `transform`"));
    let wrong = mistakes("\nfn filter(event, x) { true }\nfn transform() { 1 }", &[]);
    assert_eq!(wrong.len(), 2);
    assert!(
        wrong[0].starts_with("scripts/s.rhai:2:1: `filter` takes 2 parameters, not one\n  help: write"),
        "{wrong:?}"
    );
    assert!(wrong[1].starts_with("scripts/s.rhai:3:1: `transform` takes 0 parameters, not one"), "{wrong:?}");
}

#[test]
fn a_missing_file_is_a_mistake_at_its_path() {
    let mut problems = Problems::default();
    assert!(Script::compile(Path::new("/"), "scripts/no.rhai", &Limits::default(), &mut problems).is_none());
    let text = problems.into_sorted()[0].to_string();
    assert!(text.starts_with("scripts/no.rhai:1:1: could not read the script: "), "{text}");
}

#[test]
fn an_import_is_read_once_and_its_functions_and_constants_are_there() {
    let text = "import \"lib/x\" as x;\nfn transform(event) { `${x::up(event.action)}${x::MANY}` }";
    let folder = folder(text, &[LIB]);
    let script = compile_in(folder.path(), &Limits::default()).unwrap();
    folder.close().unwrap();
    let Ok(Verdict::Messages(messages)) = script.run(&event(), now()) else { panic!() };
    assert_eq!(messages[0].body, crate::script::Body::Text("UPDATED3".to_owned()));
}

#[test]
fn an_import_inside_a_function_and_one_inside_an_import_are_read_in_advance() {
    let text = "fn transform(event) { import \"lib/y\" as y; y::twice(event.action) }";
    let lib = ("scripts/lib/y.rhai", "import \"lib/x\" as x;\nfn twice(t) { x::up(t) + x::up(t) }");
    let folder = folder(text, &[LIB, lib]);
    let script = compile_in(folder.path(), &Limits::default()).unwrap();
    folder.close().unwrap();
    assert!(matches!(script.run(&event(), now()), Ok(Verdict::Messages(_))));
}

#[test]
fn an_import_that_is_not_there_or_leads_out_is_a_mistake() {
    for (path, part) in [
        ("lib/none", "there is no file `scripts/lib/none.rhai`"),
        ("../s", "imports stay inside `scripts/`"),
        ("/etc/passwd", "imports stay inside `scripts/`"),
        ("", "imports stay inside `scripts/`"),
    ] {
        let found = mistakes(&format!("\nimport \"{path}\" as x;\nfn filter(event) {{ true }}"), &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("scripts/s.rhai:2:") && found[0].contains(part), "{found:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_import_over_a_link_that_leads_out_is_a_mistake() {
    let folder = folder("import \"out\" as x; fn filter(event) { true }", &[("secret.rhai", "fn a() { 1 }")]);
    std::os::unix::fs::symlink("../secret.rhai", folder.path().join("scripts/out.rhai")).unwrap();
    let found = compile_in(folder.path(), &Limits::default()).unwrap_err();
    assert!(found[0].contains("a link that leads out of `scripts/`"), "{found:?}");
}

#[test]
fn mistakes_inside_an_import_stand_at_its_own_file() {
    let found =
        mistakes("import \"lib/x\" as x; fn filter(event) { true }", &[("scripts/lib/x.rhai", "\nfn a( {")]);
    assert!(found[0].starts_with("scripts/lib/x.rhai:2:"), "{found:?}");
    let circle = [("scripts/a.rhai", "import \"b\" as b;"), ("scripts/b.rhai", "import \"a\" as a;")];
    let found = mistakes("import \"a\" as a; fn filter(event) { true }", &circle);
    assert!(found[0].contains("imports itself, over a and b"), "{found:?}");
}

#[test]
fn a_failing_run_names_the_line_also_of_an_import() {
    let text = "import \"lib/x\" as x;\nfn transform(event) {\n  x::up(event.data.vlan)\n}";
    let script = compile_in(folder(text, &[LIB]).path(), &Limits::default()).unwrap();
    let error = script.run(&event(), now()).unwrap_err();
    assert_eq!(error.place, "scripts/lib/x.rhai:2:5");
    assert_eq!(error.message, "there is no function `to_upper` for (i64)");
    let nested = "fn inner(e) {\n  throw \"no\"\n}\nfn filter(event) {\n  inner(event)\n}";
    let error = super::run(nested).unwrap_err();
    assert_eq!((error.place.as_str(), error.message.as_str()), ("scripts/s.rhai:2:3", "no"));
}

#[test]
fn errors_say_what_to_do() {
    let missing = error("event.data.nope.name");
    assert!(missing.contains("`name` was asked of nothing, (); write `?.name`"), "{missing}");
    assert!(
        error("slugify(event.data.nope)").contains("`slugify` for (()); () is a value that is not there")
    );
    assert!(error("evnt").contains("there is no variable `evnt`"));
    assert!(error("import event.action as x; 1").contains("name it as a literal text"));
}

#[test]
fn a_test_file_reports_differences_and_its_own_mistakes() {
    let tests = "
- name: right
  event: { action: created }
  expect: { body: { a: created } }
- name: wrong
  expect: { body: { a: created, b: 1 }, to: awx }
- name: dropped
  event: { object: null }
  expect: { filtered: true }
- event: { actoin: x }
  expect: { filtered: true }
- name: nothing expected
  event: {}
";
    let text = "fn transform(event) { if event.object == () { return; } #{ a: event.action } }";
    let folder = folder(text, &[("scripts/s.test.yaml", tests)]);
    let mut problems = Problems::default();
    let results = run_tests(folder.path(), "scripts/s.test.yaml", &Limits::default(), &mut problems);
    let names: Vec<_> = results.iter().map(|r| (r.name.as_str(), r.failures.len())).collect();
    assert_eq!(names, [("right", 0), ("wrong", 2), ("dropped", 0)]);
    assert!(results[1].failures[0].contains("to: expected `awx`, got `nothing`"));
    let diff = &results[1].failures[1];
    assert!(diff.contains("-  \"a\": \"created\",") && diff.contains("+  \"a\": \"updated\""), "{diff}");
    let problems: Vec<_> = problems.into_sorted().iter().map(ToString::to_string).collect();
    assert!(
        problems[0].contains("unknown key `event.actoin`\n  help: did you mean `action`?"),
        "{problems:?}"
    );
    assert!(problems[1].contains("`expect` is missing"), "{problems:?}");
}
