//! Mistakes in sets: all of them, each with its place and its remedy.

use super::*;

fn told(text: &str) -> Vec<String> {
    let (set, problems) = compile(text);
    assert!(set.is_none() && !problems.is_empty(), "{text}");
    problems
}

#[test]
fn every_mistake_is_told_with_its_place_and_remedy() {
    let example = "write it like `{ and: [{ attr: status.value, value: active }] }`";
    for (text, problem, help) in [
        ("{}", "1:1: `conditions` is empty", &*format!("remove it, or {example}")),
        ("[]", "1:1: `conditions` must be a rule or a set of rules, this is a list", example),
        ("7", "1:1: `conditions` must be a rule or a set of rules, this is a number", example),
        ("{ adn: [] }", "1:3: `conditions.adn` is no logic: a set is `and` or `or`", "did you mean `and`?"),
        ("{ foo: [] }", "1:3: `conditions.foo` is no logic: a set is `and` or `or`", "known here: and, or"),
        ("{ AND: [] }", "1:3: `conditions.AND` must be written in small letters", "did you mean `and`?"),
        ("{ and: {} }", "1:8: `conditions.and` must be a list of rules, this is a mapping", example),
        ("{ or: }", "1:5: `conditions.or` must be a list of rules, this is nothing", example),
        (
            "{ and: [], or: [] }",
            "1:3: `conditions.and` must stand alone",
            "a set has one key, `and` or `or`; rules and further sets go into its list",
        ),
        (
            "{ attr: x, value: 1, or: [] }",
            "1:22: `conditions.or` must stand alone",
            "a set has one key, `and` or `or`; rules and further sets go into its list",
        ),
        (
            "{ and: [x] }",
            "1:9: `conditions.and[0]` must be a rule or a set of rules, this is a text",
            example,
        ),
        ("{ attr: x, valu: 1, value: 1 }", "1:12: unknown key `conditions.valu`", "did you mean `value`?"),
        (
            "{ value: 1 }",
            "1:1: `conditions.attr` is missing",
            "name what is compared, such as `status.value`",
        ),
        (
            "{ attr: x }",
            "1:1: `conditions.value` is missing",
            "`eq` compares with it; only `changed` and `unchanged` need none",
        ),
        (
            "{ attr: x..y, value: 1 }",
            "1:9: `conditions.attr` has an empty name in it",
            "names are separated by single dots, as in `status.value`",
        ),
        (
            "{ attr: x, op: gte2, value: 1 }",
            "1:16: `conditions.op` is no operator: `gte2`",
            "did you mean `gte`?",
        ),
        ("{ attr: x, op: EQ, value: 1 }", "1:16: `conditions.op` is no operator: `EQ`", "did you mean `eq`?"),
        (
            "{ attr: x, op: matches, value: a }",
            "1:16: `conditions.op` is no operator: `matches`",
            "known here: eq, gt, gte, lt, lte, in, contains, regex, changed, unchanged",
        ),
        (
            "{ attr: x, value: { a: 1 } }",
            "1:19: `conditions.value` must not be a mapping: no operator takes one",
            "compare its parts: `attr: status.value`",
        ),
        (
            "{ attr: x, op: gt, value: '1' }",
            "1:27: `conditions.value` is a text, which `gt` does not take",
            "`gt` takes a number; a text goes with eq, contains, regex",
        ),
        (
            "{ attr: x, op: in, value: a }",
            "1:27: `conditions.value` is a text, which `in` does not take",
            "`in` takes a list; a text goes with eq, contains, regex",
        ),
        (
            "{ attr: x, op: regex, value: 1 }",
            "1:30: `conditions.value` is a number, which `regex` does not take",
            "`regex` takes a text; a number goes with eq, gt, gte, lt, lte, contains",
        ),
        (
            "{ attr: x, op: contains, value: null }",
            "1:33: `conditions.value` is null, which `contains` does not take",
            "`contains` takes a text or true or false or a number or a list; null goes with eq",
        ),
        (
            "{ attr: x, value: [1, [-.5]] }",
            "1:24: `conditions.value` has a number that JSON does not know: `-.5`",
            "write it like `12`, `-0.5` or `1e9`, or quote it as a text",
        ),
        (
            "{ attr: x, op: regex, value: 'a(b' }",
            "1:30: `conditions.value` is no regular expression: a `(` without its `)` at its character 2",
            "regular expressions are those of Python's `re`",
        ),
        (
            "{ attr: x, op: changed, value: 1 }",
            "1:32: `conditions.value` must not be there: `changed` compares the states itself",
            "remove it, and ask for the value in a rule of its own",
        ),
        (
            "{ attr: snapshots.prechange.status, op: unchanged }",
            "1:9: `conditions.attr` must not name a snapshot: `unchanged` looks into both",
            "write `status`",
        ),
    ] {
        assert_eq!(told(text), [format!("c.yaml:{problem}\n  help: {help}")], "{text}");
    }
    for (text, problem) in [
        ("{ attr: 1, value: 1 }", "1:9: `conditions.attr` must be a text, this is a number"),
        (
            "{ attr: x, op: 1, value: 1 }",
            "1:16: `conditions.op` must be the name of an operator, this is a number",
        ),
        (
            "{ attr: x, value: 1, negate: 'yes' }",
            "1:30: `conditions.negate` must be true or false, this is a text",
        ),
    ] {
        assert_eq!(told(text), [format!("c.yaml:{problem}")], "{text}");
    }
}

#[test]
fn values_that_an_operator_does_not_take_are_told_for_every_pair() {
    let values = [
        ("a", "eq contains regex"),
        ("true", "eq contains"),
        ("1", "eq gt gte lt lte contains"),
        ("1.5", "eq gt gte lt lte contains"),
        ("[a]", "eq in contains"),
        ("null", "eq"),
        ("{ a: 1 }", ""),
    ];
    for (value, takes) in values {
        for (op, _) in operator::Op::ALL.iter().filter(|(_, op)| !op.compares_states()) {
            let is_taken = takes.split(' ').any(|taken| taken == *op);
            let text = format!("{{ attr: x, op: {op}, value: {value} }}");
            assert_eq!(compile(&text).0.is_some(), is_taken, "{text}");
        }
    }
}

#[test]
fn all_mistakes_of_a_set_are_told_at_once() {
    let text = "and:\n  - { attr: x, op: eqq, value: 1 }\n  - or:\n      - { attr: y, op: gt, value: z }\n      - { atr: y, value: 1 }\n  - { attr: ok, value: 1 }\n  - { attr: s, op: changed, value: 1 }\n";
    let places: Vec<String> =
        told(text).iter().map(|line| line.splitn(4, ':').take(3).collect::<Vec<_>>().join(":")).collect();
    assert_eq!(places, ["c.yaml:2:20", "c.yaml:4:35", "c.yaml:5:9", "c.yaml:5:11", "c.yaml:7:36"]);
}

#[test]
fn sets_have_limits() {
    let nested =
        |depth: usize| format!("{}{{ attr: x, value: 1 }}{}", "{ and: [".repeat(depth), "] }".repeat(depth));
    assert!(compile(&nested(24)).0.is_some());
    assert!(told(&nested(25))[0].contains(" nests deeper than 24 sets\n  help: a set within a set"));
    let many = |count: usize| format!("{{ or: [{}] }}", vec!["{ attr: x, value: 1 }"; count].join(", "));
    assert!(compile(&many(1000)).0.is_some());
    assert_eq!(
        told(&many(1001)),
        [
            "c.yaml:1:1: `conditions` has 1001 rules, more than 1000\n  help: `in` asks for many values with one rule"
        ]
    );
}

#[test]
fn mistakes_in_pasted_json_are_told_where_they_stand_in_the_file() {
    let first = |text: &str| told(text)[0].lines().next().unwrap().to_owned();
    assert_eq!(
        first("conditions"),
        "c.yaml:1:1: `conditions` must be a mapping, or a text that holds one as JSON"
    );
    assert_eq!(
        first(r#"'{"attr": "x", "op": "lk", "value": 1}'"#),
        "c.yaml:1:22: `conditions.op` is no operator: `lk`"
    );
    assert_eq!(
        first("|\n    {\n      \"and\": [\n        {\"attr\": \"x\", \"vlue\": 1}\n      ]\n    }\n"),
        "c.yaml:4:9: `conditions.and[0].value` is missing"
    );
    assert_eq!(
        first("|\n\n    {\"attr\": \"x\",\n     \"op\": \"lk\", \"value\": 1}\n"),
        "c.yaml:4:12: `conditions.op` is no operator: `lk`"
    );
    let broken = first("|\n    {\"and\": [\n      {\"attr\": \"x\", \"value\": 1\n    ]}\n");
    assert!(broken.starts_with("c.yaml:4:5: `conditions`: could not read the JSON: "), "{broken}");
    assert_eq!(
        first(r#"'{"attr": "x", "attr": "y", "value": 1}'"#),
        "c.yaml:1:16: `conditions`: the key `attr` stands here twice"
    );
}
