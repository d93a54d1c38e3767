//! Every rule of CloudEvents 1.0.2 and its HTTP and JSON bindings, over every captured event.

use std::collections::BTreeMap;

use super::super::roundtrip_tests::{captured_events, model};
use super::super::samples::{event, receipt};
use super::super::{Format, Kinds};
use crate::json::{self, NonFinite};
use crate::model::{Event, Json, json};

type Attributes = BTreeMap<String, String>;

fn render(format: Format, event: &Event) -> super::Rendered {
    format.render(event, &receipt(b"{}"), &Kinds::new()).unwrap()
}

/// The attributes and the data of a structured message.
fn structured(event: &Event) -> (Attributes, Json) {
    let rendered = render(Format::CloudEvents, event);
    assert_eq!(rendered.content_type, "application/cloudevents+json; charset=utf-8");
    assert!(rendered.headers.is_empty());
    let document = json::parse(&rendered.body, NonFinite::Refuse).unwrap().value;
    let mut attributes = Attributes::new();
    let mut data = Json::Null;
    for (name, value) in document.as_object().unwrap() {
        match name {
            "data" => data = value.clone(),
            _ => drop(attributes.insert(name.to_owned(), value.as_str().expect(name).to_owned())),
        }
    }
    (attributes, data)
}

/// The same of a binary message.
fn binary(event: &Event) -> (Attributes, Json) {
    let rendered = render(Format::CloudEventsBinary, event);
    let mut attributes = Attributes::from([("datacontenttype".to_owned(), rendered.content_type)]);
    for (header, value) in rendered.headers {
        assert!(value.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'"'), "{header}: {value}");
        let name = header.strip_prefix("ce-").unwrap_or_else(|| panic!("{header}"));
        assert_ne!(name, "datacontenttype", "it is the content type");
        assert_eq!(attributes.insert(name.to_owned(), decode(&value)), None, "{header} twice");
    }
    (attributes, json::parse(&rendered.body, NonFinite::Refuse).unwrap().value)
}

/// One round of percent-decoding, strict: UTF-8 and two upper-case digits.
fn decode(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            assert!(
                digits.iter().all(|digit| digit.is_ascii_digit() || (b'A'..=b'F').contains(digit)),
                "{value}"
            );
            bytes.extend(hex::decode(digits.map(|digit| digit.to_ascii_lowercase())).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// What the specification says of attributes.
fn follow_the_rules(attributes: &Attributes, event: &Event) {
    for required in ["id", "source", "specversion", "type"] {
        assert!(attributes.contains_key(required), "{required}");
    }
    for (name, value) in attributes {
        assert!(!name.is_empty() && name.len() <= 20 && name != "data", "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{name}");
        assert!(!value.is_empty(), "{name} is empty");
        let banned = |c: char| {
            c < ' '
                || ('\u{7f}'..='\u{9f}').contains(&c)
                || ('\u{fdd0}'..='\u{fdef}').contains(&c)
                || matches!(u32::from(c) & 0xffff, 0xfffe | 0xffff)
        };
        assert!(!value.contains(banned), "{name}: {value:?}");
    }
    assert_eq!(attributes["specversion"], "1.0");
    assert_eq!(attributes["id"], event.id.to_string());
    assert_eq!(attributes["datacontenttype"], "application/json");
    let segment = |c: char| c.is_ascii_alphanumeric() || "-._~%".contains(c);
    assert!(attributes["source"].chars().all(segment), "{}", attributes["source"]);
    assert_eq!(decode(&attributes["source"]), event.source);
    let rfc3339 = regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$").unwrap();
    assert!(rfc3339.is_match(&attributes["time"]), "{}", attributes["time"]);
    attributes["time"].parse::<jiff::Timestamp>().unwrap();
}

#[test]
fn every_captured_event_follows_the_specification_in_both_modes() {
    let events = captured_events();
    assert!(events.len() > 400, "{}", events.len());
    for event in &events {
        let (attributes, data) = structured(event);
        follow_the_rules(&attributes, event);
        assert_eq!(data, model(event), "the data is the event model");
        assert_eq!(binary(event), (attributes, data), "both modes say the same");
    }
}

#[test]
fn the_attributes_of_an_event_are_these() {
    let event = event(json!({"type": "netbox.object.updated", "system": "netbox", "source": "netbox-prod",
        "object": {"kind": "dcim.device", "id": "1", "name": "zürich edge", "url": "/api/dcim/devices/1/"},
        "occurred_at": "2025-06-30T21:57:20.313712Z", "correlation_id": "05c7", "actor": {"id": null, "name": "jürg"}}));
    let rendered = render(Format::CloudEventsBinary, &event);
    let headers: Vec<_> =
        rendered.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        headers,
        [
            ("ce-specversion", "1.0"),
            ("ce-id", "evt_01939f6a8a4f7c3e9d2b5a6c7d8e9f00"),
            ("ce-source", "netbox-prod"),
            ("ce-type", "netbox.object.updated"),
            ("ce-time", "2025-06-30T21:57:20.313712Z"),
            ("ce-subject", "dcim.device/1"),
            ("ce-system", "netbox"),
            ("ce-action", "updated"),
            ("ce-objectkind", "dcim.device"),
            ("ce-objectid", "1"),
            ("ce-objectname", "z%C3%BCrich%20edge"),
            ("ce-actorname", "j%C3%BCrg"),
            ("ce-correlationid", "05c7"),
        ]
    );
}

#[test]
fn what_no_attribute_may_hold_is_replaced_or_left_out() {
    let long = "x".repeat(1025);
    let odd =
        event(json!({"source": "a:b/c d%é", "type": "a\u{0}b", "action": "", "occurred_at": "yesterday",
        "object": {"kind": "k\n\u{85}\u{fdd0}\u{1ffff}", "id": "%41\"", "name": long, "url": null},
        "branch": "", "actor": {"id": "\u{7f}", "name": null}, "data": {"n": "\u{0}"}}));
    let (attributes, data) = structured(&odd);
    follow_the_rules(&attributes, &odd);
    assert_eq!(binary(&odd), (attributes.clone(), data.clone()));
    assert_eq!(attributes["source"], "a%3Ab%2Fc%20d%25%C3%A9");
    assert_eq!(attributes["time"], "2026-11-22T05:30:00.25Z", "when it came in");
    assert_eq!(attributes["objectkind"], "k\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
    assert_eq!(attributes["objectid"], "%41\"");
    for absent in ["objectname", "branch", "action", "actorname", "correlationid"] {
        assert!(!attributes.contains_key(absent), "{absent}");
    }
    assert_eq!(data["data"]["n"], "\u{0}", "the data stays as it is");
}

#[test]
fn attributes_are_as_long_as_they_are_on_their_way() {
    let (long, euros) = ("t".repeat(5000), "€".repeat(200));
    let odd = event(
        json!({"type": format!("{euros}{long}"), "object": {"kind": "k", "id": "1", "name": euros, "url": null}}),
    );
    let (attributes, data) = structured(&odd);
    assert_eq!((attributes["type"].len(), &attributes["objectname"]), (1024, &euros));
    assert_eq!(data["type"], odd.r#type);
    let (attributes, _) = binary(&odd);
    assert_eq!(attributes["type"], "€".repeat(113), "nine bytes each");
    assert!(!attributes.contains_key("objectname"), "600 bytes are 1800 on their way");
}

#[test]
fn header_values_are_encoded_as_the_binding_says() {
    for (text, wanted) in [
        ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
        ("100% \"q\"", "100%25%20%22q%22"),
        ("a/b:c;d=e,f~!'()*", "a/b:c;d=e,f~!'()*"),
    ] {
        assert_eq!(super::header(text), wanted);
    }
}

#[test]
fn an_event_about_nothing_has_no_subject() {
    let (attributes, _) = structured(&event(json!({"object": null})));
    assert!(!attributes.keys().any(|name| name == "subject" || name.starts_with("object")), "{attributes:?}");
}
