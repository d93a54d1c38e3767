//! Whatever is written reads back as what was meant.

use crate::model::json;
use proptest::prelude::*;

use super::*;
use crate::problem::Problems;
use crate::yaml;

/// Texts that YAML readers take for something else, or that break lines and quotes.
const TRAPS: [&str; 40] = [
    "",
    " ",
    "yes",
    "NO",
    "null",
    "~",
    "true",
    "1.0",
    "0x1F",
    "1e5",
    "-",
    "- a",
    "a: b",
    "a #b",
    "#",
    "'",
    "\"",
    "\\",
    "${HOME}",
    "$${x}",
    "$",
    "${",
    "%x",
    "@",
    "`",
    "!tag",
    "&a",
    "*a",
    "|",
    ">",
    "? a",
    "{a}",
    "[b]",
    "a,b",
    "\u{85}",
    "\u{feff}x",
    "x\u{2028}y",
    "\t",
    "2026-11-22",
    "<<",
];

fn read(text: &str) -> Json {
    let mut problems = Problems::default();
    let node = yaml::parse("t.yaml", text, &mut problems);
    let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{found:?} in\n{text}");
    literal(&node.unwrap().to_json())
}

/// The texts as configs understand them where there are no variables.
fn literal(json: &Json) -> Json {
    match json {
        Json::String(text) => json!(text.replace("$${", "${")),
        Json::Array(items) => items.iter().map(literal).collect(),
        Json::Object(members) => {
            members.iter().map(|(key, value)| (key, literal(value))).collect::<crate::model::Map>().into()
        }
        other => other.clone(),
    }
}

fn written(value: &Json) -> String {
    let mut w = Writer::default();
    w.entry(0, "first", &Tree::of(value));
    w.gap();
    w.entry(0, "last", &Tree::text("end"));
    w.finish()
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => proptest::sample::select(&TRAPS[..]).prop_map(str::to_owned),
        3 => any::<String>(),
        2 => "[ \t\n#:'\"|>$ {}a-c-]{0,30}",
        1 => "[a-zA-Z0-9_./-]{0,80}",
        1 => "\\PC{200,700}",
    ]
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?"
            .prop_map(|lexeme| serde_json::from_str(&lexeme).unwrap()),
        any_text().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            proptest::collection::vec((any_text(), inner), 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_data_reads_back_as_it_was(value in any_json()) {
        let text = written(&value);
        let back = read(&text);
        prop_assert_eq!(back["first"].to_string(), value.to_string(), "{}", text);
        prop_assert_eq!(&back["last"], "end");
    }

    #[test]
    fn what_is_commented_out_is_yaml_without_the_marks(value in any_json()) {
        let mut w = Writer::default();
        w.off(1, |w| w.entry(1, "first", &Tree::of(&value)));
        let text = w.finish();
        prop_assert!(text.lines().all(|line| line.starts_with("  #")), "{}", text);
        let uncommented: String = text.lines().map(uncomment).collect();
        prop_assert_eq!(read(&uncommented)["first"].to_string(), value.to_string(), "{}", text);
    }

    #[test]
    fn a_comment_stays_a_comment(text in any_text()) {
        let mut w = Writer::default();
        w.comment(1, &text);
        w.point("  1.", &text);
        prop_assert_eq!(read(&w.finish()), Json::Null);
    }
}

fn uncomment(line: &str) -> String {
    let rest = line.strip_prefix("  #").unwrap_or(line);
    format!("  {}\n", rest.strip_prefix(' ').unwrap_or(rest))
}

#[test]
fn traps_are_read_as_texts_as_keys_and_as_values() {
    for trap in TRAPS {
        let value = json!({trap: [trap, {"in": trap}]});
        assert_eq!(read(&written(&value))["first"], value, "{trap:?}");
    }
}

#[test]
fn texts_of_several_lines_are_blocks_that_keep_every_space() {
    for text in
        ["a\nb", "a\n", "a\n\n\n", "  a\n b\n", "\na\n", "a\n \n\tb  \n", "\ta\n", "- a\n- b", "a\n\n  \nb"]
    {
        let written = written(&json!(text));
        assert!(written.starts_with("first: |"), "{written}");
        assert_eq!(read(&written)["first"], json!(text), "{written}");
    }
    for text in ["\n", " \n ", "a\r\nb", "a\n\u{1}b"] {
        assert_eq!(read(&written(&json!(text)))["first"], json!(text));
    }
}

#[test]
fn variables_are_written_so_that_the_config_expands_them() {
    let text = Text::literal("a ${b} ").then(&Text::variable("C"));
    assert_eq!(text.as_str(), "a $${b} ${C:-replace-me}");
}
