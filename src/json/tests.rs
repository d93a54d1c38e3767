use std::time::Instant;

use proptest::prelude::*;

use super::*;

fn value(text: &str) -> Json {
    parse(text.as_bytes(), NonFinite::Refuse).unwrap().value
}

fn error(bytes: impl AsRef<[u8]>) -> String {
    parse(bytes.as_ref(), NonFinite::Refuse).unwrap_err().to_string()
}

#[test]
fn numbers_and_key_order_stay_as_they_were_written() {
    let big = "9".repeat(5000);
    let text = format!(r#"{{"z":1E5,"a":1.50,"m":-0,"n":1e5,"e":2.5e-07,"big":{big}}}"#);
    assert_eq!(value(&text).to_string(), text.replace('\n', ""));
}

#[test]
fn an_object_with_serdes_private_number_key_stays_an_object() {
    assert!(value(r#"{"$serde_json::private::Number":"1"}"#).is_object());
}

#[test]
fn strings_are_decoded() {
    let text = r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude80é🚀""#;
    assert_eq!(value(text), Json::from("\"\\/\u{8}\u{c}\n\r\té🚀é🚀"));
    assert_eq!(value(r#""a\u0000b""#), Json::from("a\0b"));
}

#[test]
fn every_mistake_names_its_place() {
    for (text, expected) in [
        ("", "the body is empty at line 1, column 1"),
        (" \n ", "the body holds nothing but white space at line 2, column 2"),
        ("{\"a\": 1,\n \"a\": 2}", "the key \"a\" stands twice in one object at line 2, column 2"),
        (r#"{"a":1,"\u0061":2}"#, "the key \"a\" stands twice in one object at line 1, column 8"),
        (r#"{"a":1}{"b":2}"#, "there is text after the end of the document at line 1, column 8"),
        (r#"{"event": "updated",}"#, "expected a key in double quotes at line 1, column 21"),
        ("[1,]", "expected a value at line 1, column 4"),
        ("[1 2]", "expected a comma or a closing bracket at line 1, column 4"),
        (r#"{"a" 1}"#, "expected a colon after the key at line 1, column 6"),
        (r#"{"event": "upd"#, "the document ends inside a string at line 1, column 15"),
        ("[", "the document ends where a value was expected at line 1, column 2"),
        (r#""\ud800""#, "the escape is one half of a surrogate pair at line 1, column 2"),
        (r#""\ud800A""#, "the escape is one half of a surrogate pair at line 1, column 2"),
        (r#""\udc00""#, "the escape is one half of a surrogate pair at line 1, column 2"),
        (r#""\x41""#, "there is no such escape in JSON at line 1, column 2"),
        (r#""\u12g4""#, "\\u needs four hex digits at line 1, column 2"),
        ("\"Zü\nrich\"", "a control character in a string must be escaped at line 1, column 5"),
        ("01", "a number must not have leading zeros at line 1, column 1"),
        ("-", "expected a digit at line 1, column 2"),
        ("1.", "expected a digit at line 1, column 3"),
        ("1e+", "expected a digit at line 1, column 4"),
        ("+1", "expected a value at line 1, column 1"),
        ("tru", "expected a value at line 1, column 1"),
        ("truex", "there is text after the end of the document at line 1, column 5"),
        ("[NaN]", "NaN is no JSON at line 1, column 2"),
        ("[-Infinity]", "-Infinity is no JSON at line 1, column 2"),
        ("\u{feff}{}", "the body starts with a byte order mark at line 1, column 1"),
        ("{}\u{0}", "there is text after the end of the document at line 1, column 3"),
    ] {
        assert_eq!(error(text), expected, "{text:?}");
    }
    assert_eq!(error(b"\n{\"x\":\"\xc0\xaf\"}"), "the body is not valid UTF-8 at line 2, column 7");
    assert_eq!(error(b"\xff\xfe{\0"), "the body is not valid UTF-8 at line 1, column 1");
}

#[test]
fn nesting_ends_at_the_limit_and_costs_no_stack_beyond_it() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse(nested(MAX_DEPTH).as_bytes(), NonFinite::Refuse).is_ok());
    assert_eq!(
        error(nested(MAX_DEPTH + 1)),
        "the document nests deeper than 100 levels at line 1, column 101"
    );
    error("[".repeat(60_000));
    error("{\"a\":".repeat(60_000));
}

#[test]
fn twenty_thousand_keys_are_read_at_once() {
    let members: Vec<String> = (0..20_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let text = format!("{{{}}}", members.join(","));
    let start = Instant::now();
    assert_eq!(value(&text).as_object().map(|object| object.len()), Some(20_000));
    assert!(start.elapsed().as_secs() < 5);
    error(format!("{{{},\"k0\":1}}", members.join(",")));
}

#[test]
fn non_finite_numbers_become_null_and_nothing_else_changes() {
    let text = b"{ \"NaN\": NaN,\"s\":\"NaN Infinity\",\n\"i\":[Infinity,-Infinity ,-1] }";
    let document = parse(text, NonFinite::AsNull).unwrap();
    let expected = "{ \"NaN\": null,\"s\":\"NaN Infinity\",\n\"i\":[null,null ,-1] }";
    assert_eq!(std::str::from_utf8(&document.text).unwrap(), expected);
    assert_eq!((document.replaced, document.value), (3, value(expected)));
    let plain = parse(b"[1]", NonFinite::AsNull).unwrap();
    assert!(matches!(plain.text, Cow::Borrowed(b"[1]")) && plain.replaced == 0);
    for wrong in ["[nan]", "[Inf]", "[NaNa]", "[--Infinity]", "{NaN:1}", "[+Infinity]"] {
        assert!(parse(wrong.as_bytes(), NonFinite::AsNull).is_err(), "{wrong}");
    }
}

pub(crate) fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (any::<i32>(), 0..1000_u32).prop_map(|(a, b)| value(&format!("{a}.{b}"))),
        any::<String>().prop_map(Json::from),
        "[ -~'\"\\\\\n\t\u{7f}-\u{ff}\u{2028}🚀東]{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_json_writes_is_read_as_serde_json_reads_it(written in any_json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&written) } else { serde_json::to_string(&written) }.unwrap();
        prop_assert_eq!(value(&text), serde_json::from_str::<Json>(&text).unwrap());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = parse(&bytes, NonFinite::AsNull);
    }

    #[test]
    fn json_like_text_is_judged_as_serde_json_judges_it(text in r#"([\[\]{},:"0-9eE.+\\untrfalsd -]|"a"|"b"|null|1|\[|\]|\\u00){0,12}"#) {
        let ours = parse(text.as_bytes(), NonFinite::Refuse);
        let theirs = serde_json::from_str::<Json>(&text);
        let doubled = matches!(&ours, Err(error) if error.message.contains("twice"));
        prop_assert!(doubled || ours.is_ok() == theirs.is_ok(), "{:?} {:?} {:?}", text, ours, theirs);
    }
}
