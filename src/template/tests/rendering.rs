//! What templates give that Jinja2 alone does not: numbers as received, filters of Ansible and
//! NetBox, errors with their place.

use super::*;

#[test]
fn numbers_come_out_as_they_came_in_and_can_be_reckoned_with() {
    let data = r#"{"a": 1.0, "b": 1.50, "c": 12345678901234567890, "d": 123456789012345678901234567890123456789012345,
        "e": 1E5, "f": -0.0, "list": [1.50, 2, 3.25], "deep": {"x": [1.10]}}"#;
    let document = crate::json::parse(data.as_bytes(), crate::json::NonFinite::Refuse).unwrap().value;
    let event = Event { data: document.into(), ..event() };
    let render = |template: &str| {
        let templates = compiled(None, None, Some(template));
        templates.body(&scene(&templates, event.clone())).unwrap().unwrap()
    };
    for (template, wanted) in [
        (
            "{{ data.a }} {{ data.b }} {{ data.c }} {{ data.e }} {{ data.f }}",
            "1.0 1.50 12345678901234567890 1E5 -0.0",
        ),
        ("{{ data.d }}", "123456789012345678901234567890123456789012345"),
        ("{{ data.list }} {{ data.deep }}", "[1.50, 2, 3.25] {'x': [1.10]}"),
        (
            "{{ data.list|tojson }} {{ data.b|tojson }} {{ data.d|tojson }}",
            "[1.50, 2, 3.25] 1.50 123456789012345678901234567890123456789012345",
        ),
        (
            "{{ data.b + 1 }} {{ data.b * 2 }} {{ data.b > 1 }} {{ data.b == 1.5 }} {{ data.c + 1 }}",
            "2.5 3.0 True True 12345678901234567891",
        ),
        (
            "{{ data.list|sum }} {{ data.list|max }} {{ data.list|sort }} {{ 1.5 in data.list }}",
            "6.75 3.25 [1.50, 2, 3.25] True",
        ),
        (
            "{{ data.b|round }} {{ data.b|int }} {{ data.b|float }} {{ data.b is number }} {{ data.b is float }} {{ '%.1f' % data.b }}",
            "2.0 1 1.5 True True 1.5",
        ),
        (
            "{{ data.b ~ '' }} {{ data.list|join(';') }} {{ data.b|string }} {{ [data.b] }}",
            "1.50 1.50;2;3.25 1.50 [1.50]",
        ),
        ("{{ 'yes' if data.f else 'no' }} {{ 'yes' if data.b else 'no' }}", "no yes"),
    ] {
        assert_eq!(render(template), wanted, "{template}");
    }
}

#[test]
fn filters_of_ansible_and_netbox_are_there() {
    let data = r#"{"name": "Leaf-01.fra1", "t": "2025-06-30T21:57:20.313712+02:00", "s": "2025-06-30 21:57:20", "z": "Zürich Edge #1", "n": 1751320640}"#;
    for (template, wanted) in [
        (r"{{ data.name|regex_replace('^(\w+)-(\d+)', '\\2-\\1') }}", "01-Leaf.fra1"),
        (
            r"{{ data.name|regex_replace('(?P<a>\w+)-', '\\g<a>_') }} {{ data.name|regex_replace('[a-z]', '', count=2) }}",
            "Leaf_01.fra1 Lf-01.fra1",
        ),
        (
            r"{{ data.name|regex_replace('LEAF', 'x', ignorecase=true) }} {{ 'a\nb'|regex_replace('^', '> ', multiline=true) }}",
            "x-01.fra1 > a\n> b",
        ),
        (
            r"{{ data.name|regex_search('\d+') }} {{ data.name|regex_search('x') }} {{ data.name|regex_search('(\w+)-(\d+)', '\\2', '\\1') }}",
            "01 None ['01', 'Leaf']",
        ),
        (r"{{ data.name|regex_match('Leaf') }} {{ data.name|regex_match('fra') }}", "True False"),
        (
            r"{{ data.name|regex_findall('[a-z]+') }} {{ 'a1b2'|regex_findall('([a-z])(\d)') }} {{ 'a.b'|regex_escape }}",
            r"['eaf', 'fra'] [('a', '1'), ('b', '2')] a\.b",
        ),
        (
            "{{ data.z|slugify }} {{ data.z|b64encode }} {{ data.z|b64encode|b64decode }}",
            "zurich-edge-1 WsO8cmljaCBFZGdlICMx Zürich Edge #1",
        ),
        ("{{ 'a\r\nb\tc'|header_safe }}", "a  b c"),
        (
            r#"{{ {"b": "<é>", "a": [1]}|to_json }} {{ '{"x": [1.50]}'|from_json }} {{ ('{"x": 2}'|from_json).x }}"#,
            r#"{"b": "<\u00e9>", "a": [1]} {'x': [1.50]} 2"#,
        ),
        (
            "{{ data.t|strftime('%d.%m.%Y %H:%M %z') }} {{ data.s|datetimeformat }} {{ data.n|strftime('%Y-%m-%d') }} {{ '2025-01-02'|strftime('%A') }}",
            "30.06.2025 21:57 +0200 2025-06-30 21:57:20 2025-06-30 Thursday",
        ),
        ("{{ 'yes'|bool }} {{ 'no'|bool }} {{ 1|bool }}", "True False True"),
        (
            "{{ event }} {{ model }} {{ object_type }} {{ username }} {{ e.actor.name }} {{ e.native.data.name }} {{ snapshots.prechange }}",
            "updated device dcim.device ann ann Leaf-01.fra1 None",
        ),
    ] {
        assert_eq!(body(template, data).unwrap(), wanted, "{template}");
    }
}

#[test]
fn what_fails_says_where_and_why() {
    let (mut places, mut wanted) = (Vec::new(), Vec::new());
    for (template, place, message) in [
        ("a\n  {{ data.site.name }}", "2:10", "`data.site` is undefined"),
        ("{{ data.nope.x }}", "1:8", "`data.nope` is undefined"),
        ("{% if data.a > 'x' %}{% endif %}", "1:4", "`>` cannot be used between a number and a text"),
        ("x {{ data.a + none }}", "1:6", "`+` cannot be used between a number and `None`"),
        ("{{ nothing + 1 }}{{ nothing is defined }}", "1:4", "`nothing` is undefined"),
        ("{{ data.a / 0 }}", "1:4", "`/` divides by zero"),
        ("{{ data.a|length }}", "1:11", "a number has no length"),
        ("{{ data.list.append(1) }}", "1:13", "what an event holds cannot be changed"),
        ("{{ 'x'|regex_search('(?=a)') }}", "1:8", "`(?=a)` is no regular expression here: look-around"),
        (
            "{{ 'x'|regex_search(('a' * 3000) ~ ('a' * 3000)) }}",
            "1:8",
            "a regular expression may have at most 4096 bytes",
        ),
        ("{{ data.a|truncate(5, 6, 7, 8, 9) }}", "1:11", "`truncate` takes 4 arguments at most"),
        ("{{ 'abc'|center(widht=5) }}", "1:10", "`center` has no argument `widht`"),
        ("{{ '%9999999d'|format(1) }}", "1:16", "width or precision beyond 65536"),
        ("{{ range(10**6) }}", "1:4", "a range has at most 100000 numbers"),
        ("{{ 'x'|strftime('%Y') }}", "1:8", "the value is no date"),
        ("{{ data.name.nope }}{{ data.a.upper() }}", "1:30", "has no method named upper"),
    ] {
        let error = body(template, r#"{"a": 1, "name": "n", "list": []}"#).unwrap_err();
        places.push((template, error.place.trim_start_matches("config.yaml:").to_owned()));
        wanted.push((template, place.to_owned()));
        assert!(error.message.starts_with("`body` could not be rendered: "), "{}", error.message);
        assert!(error.message.contains(message), "{template}: {}", error.message);
    }
    assert_eq!(places, wanted);
}

#[test]
fn a_secret_is_a_mark_until_it_is_sent() {
    let templates =
        compiled(None, None, Some(r#"{"a": {{ secrets.token|tojson }}, "b": "{{ secrets.token }}"}"#));
    let id = DeliveryId::new(Timestamp::UNIX_EPOCH);
    let scene = templates.scene(&Arc::new(event()), &Kinds::default(), id);
    let given = templates.body(&scene).unwrap().unwrap();
    let filled = secret::fill(&given, id, |name| Some(format!("<{name}>"))).unwrap();
    assert_eq!(filled, r#"{"a": "<token>", "b": "<token>"}"#);
}

#[test]
fn a_template_reads_only_what_it_names_and_a_long_text_once() {
    let data = format!(r#"{{"long": {:?}}}"#, "x".repeat(1_000_000));
    // A copy at every use would be 100 megabytes, more than a rendering may take.
    let template = "{% for i in range(100) %}{% if data.long %}.{% endif %}{% endfor %}";
    assert_eq!(body(template, &data).unwrap().len(), 100);
}

#[test]
fn what_lookups_found_is_there_by_name_with_its_digits() {
    let found = r#"{"device": {"name": "leaf", "height": 1.50, "tags": ["a"]}, "site": null}"#;
    let found = Arc::new(crate::json::parse(found.as_bytes(), crate::json::NonFinite::Refuse).unwrap().value);
    let templates = compiled(
        None,
        Some("X-Site: {{ lookup.site or 'none' }}"),
        Some(
            "{{ lookup.device.name }} {{ lookup.device | to_json }} {{ lookup.site is none }} {{ lookup.device.rack is defined }}",
        ),
    );
    let id = DeliveryId::new(Timestamp::UNIX_EPOCH);
    let scene = templates.scene_with(&Arc::new(event()), &Kinds::default(), id, None, Some(&found));
    let body = templates.body(&scene).unwrap().unwrap();
    assert_eq!(body, r#"leaf {"name": "leaf", "height": 1.50, "tags": ["a"]} True False"#);
    assert_eq!(templates.headers(&scene).unwrap(), [("X-Site".to_owned(), "none".to_owned())]);
}

#[test]
fn a_batch_has_a_name_of_its_own_and_an_event_has_none() {
    let templates = compiled(
        None,
        None,
        Some("{{ batch.key if batch else 'one' }} {{ e.id }} {{ (e | tojson | from_json).id == e.id }}"),
    );
    let event = Arc::new(Event { data: serde_json::json!({"key": "05c7"}).into(), ..event() });
    let (kinds, delivery) = (Kinds::default(), DeliveryId::new(Timestamp::UNIX_EPOCH));
    let body = |scene: &Scene| templates.body(scene).unwrap().unwrap();
    let batch = crate::model::BatchId::new(Timestamp::UNIX_EPOCH);
    let one = templates.scene(&event, &kinds, delivery);
    assert_eq!(body(&one), format!("one {} True", event.id));
    let many = templates.scene_with(&event, &kinds, delivery, Some(batch), None);
    assert_eq!(body(&many), format!("05c7 {batch} True"));
}
