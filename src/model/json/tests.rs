use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::json::any_json;

#[test]
fn a_missing_place_reads_as_nothing() {
    let document = json!({"a": [{"b": "x"}], "n": 1});
    assert_eq!(document["a"][0]["b"], "x");
    assert_eq!(document["a"][1]["b"], Json::Null);
    assert_eq!((document.get("n"), document.get(0), document.get("a/0")), (Some(&json!(1)), None, None));
    assert_eq!(document.pointer("/a/0/b"), Some(&json!("x")));
    for nowhere in ["a", "/a/00/b", "/a/+0/b", "/a/1", "/n/0"] {
        assert_eq!(document.pointer(nowhere), None, "{nowhere}");
    }
    assert_eq!(json!({"a/b": {"~": 1}}).pointer("/a~1b/~0"), Some(&json!(1)));
}

#[test]
fn numbers_are_what_they_were_written_as() {
    for lexeme in ["0", "-0", "1E5", "1.0", "18446744073709551616", "-9223372036854775808", "1e-7"] {
        let number = crate::json::parse(lexeme.as_bytes(), crate::json::NonFinite::Refuse).unwrap().value;
        assert_eq!(number.to_string(), lexeme);
        assert_eq!(Value::from(number).to_string(), lexeme);
    }
    assert_eq!(Number::from_lexeme("1e400").as_f64(), None);
    assert_eq!((json!(7).as_i64(), json!(7.5).as_i64(), json!(7.5).as_f64()), (Some(7), None, Some(7.5)));
}

#[test]
fn an_object_with_many_members_is_one_like_any_other() {
    let mut map: Map = (0..1000).map(|n| (format!("key {n}"), json!(n))).collect();
    assert_eq!(map.get("key 999"), Some(&json!(999)));
    assert_eq!(map.remove("key 500"), Some(json!(500)));
    assert_eq!((map.len(), map.get("key 500"), map.get("key 501")), (999, None, Some(&json!(501))));
    assert_eq!(map.insert("key 3", json!("three")), Some(json!(3)));
    assert_eq!(map.insert("key 500", json!("again")), None);
    assert_eq!(map.keys().next_back(), Some("key 500"), "who comes back stands at the end");
    map.retain(|key, _| key.ends_with('7'));
    assert_eq!((map.len(), map.get("key 3"), map.get("key 997")), (100, None, Some(&json!(997))));
}

#[test]
fn a_node_is_four_words() {
    assert_eq!(size_of::<Json>(), 4 * size_of::<usize>());
}

#[test]
fn objects_are_equal_in_any_order() {
    assert_eq!(json!({"a": 1, "b": [2]}), json!({"b": [2], "a": 1}));
    assert_ne!(json!({"a": 1, "b": [2]}), json!({"a": 1}));
    assert_ne!(json!({"a": 1}), json!({"b": 1}));
}

proptest! {
    /// Told by another library, a document says the same.
    #[test]
    fn a_document_survives_serde_json(document in any_json()) {
        let value = Value::from(document.clone());
        prop_assert_eq!(&document, &value);
        prop_assert_eq!(document.to_string(), value.to_string());
        prop_assert_eq!(Json::of(&document).unwrap(), document.clone());
        prop_assert_eq!(Json::from(value), document);
    }

    /// What is written straight into bytes is what serde_json writes, every control character included.
    #[test]
    fn a_document_is_written_as_serde_json_writes_it(document in any_json(), text in "[\u{0}-\u{7f}]{0,20}") {
        for document in [document, Json::from(text.as_str()), json!({ text: [] })] {
            let mut out = b"before".to_vec();
            document.write_to(&mut out);
            let wanted = format!("before{}", serde_json::to_string(&document).unwrap());
            prop_assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
    }
}
