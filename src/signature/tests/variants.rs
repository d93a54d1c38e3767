use proptest::prelude::*;

use super::*;
use crate::json::{NonFinite, parse};
use crate::model::Json;
use crate::signature::python::{COMPACT_ASCII, COMPACT_UTF8, SPACED_ASCII, dumps};
use crate::signature::{Signer, Variant, variant};

fn value(text: &str) -> Json {
    parse(text.as_bytes(), NonFinite::Refuse).unwrap().value
}

fn names(body: &str) -> Vec<&'static str> {
    variant::texts(body.as_bytes(), &Variant::ALL).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn python_writes_json_with_its_own_escapes() {
    let text =
        r#"{"a\"\\\/\b\f\n\r\t\u0000\u007f": ["ü", "🚀", "~ "], "n": [1E5, -0.0, 1e-07], "e": {}, "l": []}"#;
    let spaced = r#"{"a\"\\/\b\f\n\r\t\u0000\u007f": ["\u00fc", "\ud83d\ude80", "~ "], "n": [1E5, -0.0, 1e-07], "e": {}, "l": []}"#;
    assert_eq!(Variant::PythonJson.text(&value(text)), spaced);
    let compact = spaced.replace(", ", ",").replace(": ", ":");
    assert_eq!(Variant::PythonJsonCompact.text(&value(text)), compact);
    assert_eq!(dumps(&value(r#"["\u007f\u0085ü\u001f"]"#), COMPACT_UTF8), "[\"\u{7f}\u{85}ü\\u001f\"]");
}

#[test]
fn python_str_chooses_quotes_and_escapes_as_repr_does() {
    for (json, expected) in [
        (r#"{"a": null, "b": true, "c": false, "d": 1.0}"#, "{'a': None, 'b': True, 'c': False, 'd': 1.0}"),
        (r#"["it's"]"#, r#"["it's"]"#),
        (r#"["it's \"x\""]"#, r#"['it\'s "x"']"#),
        (r#"["\"x\""]"#, r#"['"x"']"#),
        (r#"["\n\r\t\\\b\u0000\u007f"]"#, r"['\n\r\t\\\x08\x00\x7f']"),
        (r#"["é\u00a0\u00ad\u0085"]"#, r"['é\xa0\xad\x85']"),
        (r#"["東京 🚀\u200b\u2028\ue000\ufeff\u3000"]"#, r"['東京 🚀\u200b\u2028\ue000\ufeff\u3000']"),
        (r#"["\udb40\udc01\udbff\udfff"]"#, r"['\U000e0001\U0010ffff']"),
        (r#""just 'text'""#, "just 'text'"),
        ("[]", "[]"),
        ("null", "None"),
        ("12.50", "12.50"),
    ] {
        assert_eq!(Variant::PythonStr.text(&value(json)), expected, "{json}");
    }
}

#[test]
fn only_bodies_written_as_a_release_writes_them_have_variants() {
    assert_eq!(names(r#"{"a":1,"b":"ü"}"#), ["python_json", "python_json_compact", "python_str"]);
    assert_eq!(names(r#"{"a": 1, "b": "\u00fc"}"#), ["python_json_compact", "python_str"]);
    assert_eq!(names(r#"{"a":1,"b":"\u00fc"}"#), ["python_json", "python_str"]);
    assert_eq!(names(""), ["empty_as_braces"]);
    for other in [
        r#"{"a":1, "b":2}"#,
        r#"{"a": 1, "b": "ü"}"#,
        r#" {"a":1}"#,
        "{\"a\":1}\n",
        r#"{"a":1,"a":1}"#,
        r#"{"a":"\u00FC"}"#,
        r#"{"a":"\/"}"#,
        r#"{"a":"\u0061"}"#,
        r#"{"a":NaN}"#,
        "{",
        " ",
    ] {
        assert!(names(other).is_empty(), "{other}");
    }
    assert!(variant::texts(b"", &[]).is_empty());
}

#[test]
fn a_string_that_reads_like_a_document_is_no_proof_of_its_text() {
    assert_eq!(names(r#""just text""#), ["python_str"]);
    for text in ["{'a': 1}", "[1]", " {\"a\": 1}", "True", "None", "12", "1e5", "nan", "\"x\"", "", "true"] {
        let body = Json::from(text).to_string();
        assert!(!names(&body).contains(&"python_str"), "{body}");
    }
}

#[test]
fn the_configured_order_and_choice_of_variants_is_kept() {
    let signed = "{\"a\": 1}";
    let pairs =
        Signer { scheme: Scheme::Infrahub, secrets: vec![Secret::new("k")] }.sign("m", 9, signed.as_bytes());
    let headers = headers(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let mut verifier = verifier(Scheme::Infrahub, &["k"]);
    for (variants, proved) in
        [(vec![], false), (vec![Variant::PythonStr], false), (vec![Variant::PythonJson], true)]
    {
        verifier.variants = variants;
        assert_eq!(verifier.verify(&headers, b"{\"a\":1}", at(9)).is_ok(), proved);
        assert!(verifier.verify(&headers, b"{\"a\":2}", at(9)).is_err());
    }
    for variant in Variant::ALL {
        assert_eq!(Variant::parse(variant.name()), Some(variant));
    }
}

proptest! {
    #[test]
    fn every_json_form_reads_back_as_the_same_document(written in crate::json::any_json()) {
        for style in [SPACED_ASCII, COMPACT_ASCII, COMPACT_UTF8] {
            let text = dumps(&written, style);
            prop_assert_eq!(&value(&text), &written);
            prop_assert!(!style.ascii || text.is_ascii());
            prop_assert!(names(&text).contains(&"python_json") || text == dumps(&written, SPACED_ASCII));
        }
    }

    #[test]
    fn no_body_makes_the_variants_panic(body: Vec<u8>) {
        let _ = variant::texts(&body, &Variant::ALL);
    }
}
