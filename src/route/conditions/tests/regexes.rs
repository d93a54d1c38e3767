//! `regex`: Python's expressions, matched from the beginning of a text.

use super::super::pattern::Pattern;
use super::*;

const TABLE: &str = include_str!("regexes.txt");

#[test]
fn expressions_match_as_in_python() {
    let mut wrong = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let (wanted, case) = line.split_once(' ').unwrap();
        let (pattern, text): (String, String) = serde_json::from_str(case).unwrap();
        let found = match Pattern::compile(&pattern).map(|pattern| pattern.matches(&text)) {
            Err(_) => "!".to_owned(),
            Ok(Ok(true)) => "T".to_owned(),
            Ok(Ok(false)) => "F".to_owned(),
            Ok(Err(why)) => why,
        };
        if found != wanted {
            wrong.push(format!("{line} but {found} {:?}", Pattern::compile(&pattern)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_expression_matches_texts_only() {
    for actual in [json!(null), json!(true), json!(1), json!(["a"]), json!({"a": 1})] {
        let event = event(json!({ "x": actual }));
        assert_eq!(verdict(&event, "{ attr: x, op: regex, value: '' }"), '!', "{actual}");
        assert_eq!(verdict(&event, "{ attr: x, op: regex, value: '', negate: true }"), '!', "{actual}");
    }
}

#[test]
fn an_event_cannot_burn_time_with_an_expression() {
    for pattern in ["(?:a|a)*(?=c)b", "(a*)*\\1b", "(?:(?!.*z).)*y", "(x+x+)+(?!z)y", "(?:a?){20}(?=b)a{20}"]
    {
        let pattern = Pattern::compile(pattern).unwrap();
        for text in ["a".repeat(60), "x".repeat(1_000), "a".repeat(1_000), "a".repeat(1_000_000)] {
            let begin = std::time::Instant::now();
            let _ = pattern.matches(&text);
            assert!(begin.elapsed().as_secs() < 10, "{} {}", pattern.as_str(), text.len());
        }
    }
}

#[test]
fn what_takes_too_long_is_invalid_and_not_a_verdict() {
    let rule = "{ attr: x, op: regex, value: '(x+x+)+(?!z)y', negate: true }";
    let (_, actual) = refusal(&event(json!({ "x": "x".repeat(40) })), rule);
    assert!(
        actual.starts_with("invalid: matching the expression takes too many steps: x is \"xx"),
        "{actual}"
    );
    let (_, actual) = refusal(&event(json!({ "x": "x".repeat(20_000) })), rule);
    assert!(actual.starts_with("invalid: a text of 20000 bytes is too long for this expression"), "{actual}");
}

#[test]
fn plain_expressions_read_texts_of_any_length() {
    let long = format!("leaf {} end\n", "é".repeat(500_000));
    for (pattern, wanted) in [
        ("leaf.*end$", true),
        ("^leaf.*en$", false),
        ("x|leaf .* en$|y", false),
        ("(?:leaf|spine) \\w+ end$", true),
    ] {
        assert_eq!(Pattern::compile(pattern).unwrap().matches(&long), Ok(wanted), "{pattern}");
    }
}
