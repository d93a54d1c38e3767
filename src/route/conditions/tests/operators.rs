//! Every operator with every type of value over every type of actual value.

use super::*;

const TABLE: &str = include_str!("operators.txt");

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

fn inverted(letter: char) -> char {
    match letter {
        'T' => 'F',
        'F' => 'T',
        other => other,
    }
}

#[test]
fn values_are_compared_as_python_compares_them() {
    let actuals: Vec<&str> = TABLE.lines().filter_map(|line| line.strip_prefix("? ")).collect();
    let rows = TABLE.lines().filter(|line| !line.starts_with(['#', '?']));
    let mut checked = 0;
    for row in rows {
        let (rule, cells) = row.rsplit_once(" = ").unwrap();
        let (op, value) = rule.split_once(' ').unwrap();
        assert_eq!(cells.len(), actuals.len(), "{row}");
        let plain = set(&format!("{{ attr: x, op: {op}, value: {value} }}"));
        let negated = set(&format!("{{ attr: x, op: {op}, value: {value}, negate: true }}"));
        for (actual, wanted) in actuals.iter().zip(cells.chars()) {
            let event = event(json!({ "x": json(actual) }));
            assert_eq!(letter(&plain, &event), wanted, "{actual} {rule}");
            assert_eq!(letter(&negated, &event), inverted(wanted), "not {actual} {rule}");
            checked += 1;
        }
    }
    assert!(checked > 3000, "{checked}");
}

#[test]
fn the_operator_is_eq_where_none_is_named() {
    let event = event(json!({ "x": 1 }));
    table(
        &event,
        &[
            ("{ attr: x, value: 1 }", 'T'),
            ("{ attr: x, value: 2 }", 'F'),
            ("{ attr: x, value: 1, negate: true }", 'F'),
            ("{ attr: x, value: 1, negate: false }", 'T'),
            ("{ attr: x, value: 1, negate: null }", 'T'),
        ],
    );
}

#[test]
fn integers_are_exact_however_long() {
    let digits = "7".repeat(20_000);
    let event =
        event(json!({ "x": json(&digits), "list": [json(&digits)], "obj": {"deep": [json(&digits)]} }));
    let next = format!("{}8", &digits[1..]);
    for (rule, wanted) in [
        (format!("{{ attr: x, value: {digits} }}"), 'T'),
        (format!("{{ attr: x, value: {next} }}"), 'F'),
        (format!("{{ attr: x, op: lt, value: {next} }}"), 'T'),
        (format!("{{ attr: x, op: gt, value: -{next} }}"), 'T'),
        (format!("{{ attr: x, op: in, value: [1, {digits}] }}"), 'T'),
        (format!("{{ attr: list, op: contains, value: {digits} }}"), 'T'),
        (format!("{{ attr: obj.deep, value: [{digits}] }}"), 'T'),
        // No double is as large, and infinity is larger.
        ("{ attr: x, op: gt, value: 1.7e308 }".to_owned(), 'T'),
        ("{ attr: x, op: lt, value: 1e999 }".to_owned(), 'T'),
    ] {
        assert_eq!(verdict(&event, &rule), wanted, "{}", &rule[..40]);
    }
}

#[test]
fn integers_and_doubles_meet_without_rounding() {
    for (actual, op, value, wanted) in [
        ("9007199254740993", "eq", "9007199254740992.0", 'F'),
        ("9007199254740993", "gt", "9007199254740992.0", 'T'),
        ("-9007199254740993", "lt", "-9007199254740992.0", 'T'),
        ("1", "lt", "1.0000000001", 'T'),
        ("-1", "gt", "-1.5", 'T'),
        ("-1", "lt", "-0.5", 'T'),
        ("0", "gt", "-0.5", 'T'),
        ("0", "eq", "-0.0", 'T'),
        ("0", "lt", "1e-320", 'T'),
        ("100000000000000000000000", "eq", "1e23", 'F'),
        ("99999999999999991611392", "eq", "1e23", 'T'),
        ("0.1", "eq", "0.10000000000000000001", 'T'),
    ] {
        let event = event(json!({ "x": json(actual) }));
        let rule = format!("{{ attr: x, op: {op}, value: {value} }}");
        assert_eq!(verdict(&event, &rule), wanted, "{actual} {op} {value}");
    }
}
