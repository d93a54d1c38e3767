//! Events that try to say more than their template lets them.

use super::*;

/// `data.x` as JSON.
fn x(value: &str) -> String {
    serde_json::json!({"x": value}).to_string()
}

const EVIL: &str = "a\r\nX-Evil: 1\nHost: evil\u{85}b\u{2028}c\u{b}d\u{1c}e\t\0f";

#[test]
fn no_expression_begins_a_header_in_whatever_way_it_is_written() {
    for template in [
        "X-Name: {{ data.x }}",
        "X-Name: {{ data.x|safe }}",
        "X-Name: {{ data.x|e }}",
        "X-Name: {{ data.x|forceescape|safe }}",
        "X-Name: {{ data.x|string|upper|safe }}",
        "X-Name: {{ [data.x, data.x|safe]|join('\n') }}",
        "X-Name: {{ data.x ~ '\nX-Own: 1' }}",
        "X-Name: {{ '%s\n%s' % (data.x, 1) }}",
        "X-Name: {{ ('%s'|safe)|format(data.x) }}",
        "X-Name: {{ 'a'|safe|replace('a', data.x)|safe }}",
        "X-Name: {{ {'a': data.x}|xmlattr }}",
        "X-Name: {{ data.x|urlize }}",
        "X-Name: {{ [data.x]|tojson(indent=2) }}",
        "X-Name: {{ data.x|wordwrap(1)|safe }}",
        "X-Name: {{ (data.x|safe).replace('a', '\n')|safe }}",
        "X-Name: {{ data.x|b64encode|b64decode|safe }}",
        "X-Name: {{ ('\"' ~ 'a\\\\nX-Evil: 1' ~ '\"')|from_json }}",
        "X-Name: {{ data.x|regex_replace('$', '\\\\n')|safe }}",
        "X-Name: {% for c in data.x %}{{ c }}{% endfor %}",
        "X-Name: {% set y %}{{ data.x }}{% endset %}{{ y }}{{ y|safe }}",
        "X-Name: {% set y | upper %}{{ data.x }}{% endset %}{{ y }}",
        "X-Name: {% macro m(v) %}{{ v }}{% endmacro %}{{ m(data.x) }}{{ m(data.x|safe) }}",
        "X-Name: {% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ data.x }}{% endcall %}",
        "X-Name: {% filter upper %}{{ data.x }}{% endfilter %}",
        "X-Name: {% autoescape false %}{{ data.x }}{% set y %}{{ data.x }}{% endset %}{{ y }}{% endautoescape %}",
        "X-Name: {% autoescape true %}{{ data.x }}{% endautoescape %}",
        "X-Name: {% autoescape 'html' %}{{ data.x }}{{ data.x|safe }}{% endautoescape %}",
        "X-Name: {% block b %}{{ data.x }}{% endblock %}{{ self.b() }}",
        "X-Name: {% with y = data.x %}{{ y }}{% endwith %}",
    ] {
        let given = headers(template, &x(EVIL)).unwrap_or_else(|error| panic!("{template}: {error:?}"));
        let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["X-Name"], "{template}");
        assert!(
            !given[0].1.contains(|c: char| c.is_control() || "\u{2028}\u{2029}".contains(c)),
            "{template}"
        );
    }
}

#[test]
fn the_lines_of_a_template_stay_lines() {
    let template = "{% macro field(name, value) %}X-{{ name }}: {{ value }}\n{% endmacro %}\
                    {% for tag in data.tags %}X-Tag-{{ loop.index }}: {{ tag }}\n{% endfor %}\
                    {{ field('A', data.x) }}{{ field('B', 2) }}\
                    {% set both %}X-C: 3\nX-D: {{ data.x }}\n{% endset %}{{ both }}\n\n  X-Name :  v: w  \nx-a: later\r\nX-Ü: no";
    let data = serde_json::json!({"tags": ["p", "q\nX-Evil: 1"], "x": "y\nX-Evil: 1"}).to_string();
    let error = headers(template, &data).unwrap_err();
    assert!(error.message.contains("does not begin with the name of a header"), "{error:?}");
    let given = headers(template.trim_end_matches("X-Ü: no"), &data).unwrap();
    let given: Vec<(&str, &str)> =
        given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let wanted = [
        ("X-Tag-1", "p"),
        ("X-Tag-2", "q X-Evil: 1"),
        ("X-B", "2"),
        ("X-C", "3"),
        ("X-D", "y X-Evil: 1"),
        ("X-Name", "v: w"),
        ("x-a", "later"),
    ];
    assert_eq!(given, wanted);
}

#[test]
fn headers_that_are_none_or_too_many_or_too_long_fail() {
    for (template, value, words) in [
        ("{{ data.x }}: v", "Host", "which the gateway sets itself"),
        ("{{ data.x }}: v", "webhook-id", "which the gateway sets itself"),
        ("{{ data.x }}: v", "X Y", "does not begin with the name"),
        ("{{ data.x }}: v", "", "does not begin with the name"),
        ("{{ data.x }}", "no colon", "without a colon"),
        ("{% for i in range(51) %}X-{{ i }}: {{ data.x }}\n{% endfor %}", "v", "more than 50 headers"),
        ("X-Long: {{ data.x * 4096 }}", "v", "more than 4096 bytes"),
    ] {
        let error = headers(template, &x(value)).unwrap_err();
        assert!(error.message.contains(words), "{template}: {}", error.message);
        assert_eq!(error.place, "config.yaml:1:1");
    }
    assert_eq!(headers("X-Name: {{ data.x }}", &x("Zürich")).unwrap()[0].1, "Zürich");
}

#[test]
fn what_an_event_says_of_a_url_stays_below_the_templates_host() {
    let template = "https://tool.example.com/hooks/{{ data.x }}/end?q={{ data.x }}";
    for (value, wanted) in [
        ("a", "a/end?q=a"),
        ("", "/end?q="),
        ("a b", "a%20b/end?q=a%20b"),
        ("Zürich", "Z%C3%BCrich/end?q=Z%C3%BCrich"),
        ("a%20b", "a%20b/end?q=a%20b"),
        ("100%", "100%25/end?q=100%25"),
        ("%zz%41", "%25zz%2541/end?q=%25zz%2541"),
        ("a\"<>`{}|^[]\\b", "a%22%3C%3E%60%7B%7D%7C%5E%5B%5D%5Cb/end?q=a%22%3C%3E%60%7B%7D%7C%5E%5B%5D%5Cb"),
        ("@evil.example.com", "@evil.example.com/end?q=@evil.example.com"),
        ("//evil.example.com", "//evil.example.com/end?q=//evil.example.com"),
        ("https://evil.example.com", "https://evil.example.com/end?q=https://evil.example.com"),
        ("a\tb\r\nc\u{0}", "a%09b%0D%0Ac%00/end?q=a%09b%0D%0Ac%00"),
        ("a\u{3002}b\u{ff0e}\u{2024}", "a%E3%80%82b%EF%BC%8E%E2%80%A4/end?q=a%E3%80%82b%EF%BC%8E%E2%80%A4"),
        ("~-._!$&'()*+,;=:", "~-._!$&'()*+,;=:/end?q=~-._!$&'()*+,;=:"),
        ("...", ".../end?q=..."),
    ] {
        let given = url(template, &x(value)).unwrap_or_else(|error| panic!("{value:?}: {error:?}"));
        assert_eq!(given, format!("https://tool.example.com/hooks/{wanted}"), "{value:?}");
        assert_eq!(given.parse::<http::Uri>().unwrap().host(), Some("tool.example.com"));
    }
    for value in [
        "..",
        ".",
        "%2e%2e",
        ".%2E",
        "a/../b",
        "a/./b",
        "../../admin",
        "..\\admin",
        "a/%2e%2e/b",
        "..;/admin",
        "%2e%2e%2fadmin",
        "..%5cadmin",
        "a#b",
        "#",
    ] {
        assert!(url(template, &x(value)).is_err(), "{value:?}");
    }
    assert!(url(template, &x(&"x".repeat(5000))).unwrap_err().message.contains("more than 8192 bytes"));
}

#[test]
fn a_query_may_follow_the_host_at_once() {
    assert_eq!(url("http://a.example?q={{ data.x }}", &x("/../b")).unwrap(), "http://a.example/?q=/../b");
    assert_eq!(origin("http://a.example?q={{ data.x }}").unwrap().host(), Some("a.example"));
    for open in [
        "http://a.example{{ data.x }}/",
        "{{ data.x }}",
        "http://{{ data.x }}/",
        "http://a{% if data %}/{% endif %}",
    ] {
        assert_eq!(origin(open), None, "{open}");
    }
}

#[test]
fn a_host_from_an_event_is_a_host_and_nothing_else() {
    for (template, value, wanted) in [
        ("{{ data.x }}", "http://tool.example.com:8080/a b?c", "http://tool.example.com:8080/a%20b?c"),
        ("{{ data.x }}", " HTTPS://Tool.example.com/\n", "https://Tool.example.com/"),
        ("{{ data.x }}", "http://[::1]:80/x", "http://[::1]:80/x"),
        ("https://{{ data.x }}.example.com/hook", "fra1", "https://fra1.example.com/hook"),
        ("https://tool.example.com{{ data.x }}", "/a", "https://tool.example.com/a"),
    ] {
        assert_eq!(url(template, &x(value)).unwrap(), wanted);
    }
    for (template, value) in [
        ("{{ data.x }}", "ftp://a.example/"),
        ("{{ data.x }}", "a.example"),
        ("{{ data.x }}", "http://"),
        ("{{ data.x }}", "http:///a"),
        ("{{ data.x }}", "http://ann@a.example/"),
        ("{{ data.x }}", "http://ann:pw@a.example/"),
        ("{{ data.x }}", "http://a.example:0/"),
        ("{{ data.x }}", "http://a.example:99999/"),
        ("{{ data.x }}", "http://a.example:8 0/"),
        ("{{ data.x }}", "http://a.example:/"),
        ("{{ data.x }}", "http://[::1/"),
        ("{{ data.x }}", "http://[::1]x/"),
        ("{{ data.x }}", "http://[zz]/"),
        ("{{ data.x }}", "http://zürich.example/"),
        ("{{ data.x }}", "http://a%2eexample/"),
        ("{{ data.x }}", "http://a\u{3002}example/"),
        ("{{ data.x }}", "http://a example/"),
        ("{{ data.x }}", "http://a\texample/"),
        ("{{ data.x }}", "http://a.example#b"),
        ("{{ data.x }}", "http://a.example\\@evil.example/"),
        ("https://tool.example.com{{ data.x }}", "@evil.example/"),
        ("https://{{ data.x }}.example.com/hook", "a@evil.example/"),
        ("https://{{ data.x }}.example.com/hook", "a:b"),
        ("https://{{ data.x }}.example.com/hook", "evil.example/#"),
    ] {
        let given = url(template, &x(value));
        assert!(given.is_err(), "{template} {value:?}: {given:?}");
    }
    // Where no host stands in the template, the event may name any; the guard judges it.
    assert_eq!(
        url("https://{{ data.x }}.example.com/hook", &x("evil.example/?")).unwrap(),
        "https://evil.example/?.example.com/hook"
    );
}
