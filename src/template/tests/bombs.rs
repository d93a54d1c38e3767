//! Templates that ask for more than a rendering may have: they fail, soon and in words.

use std::time::{Duration, Instant};

use super::*;

/// What a template may at most take before it is stopped, on a machine under load.
const SOON: Duration = Duration::from_secs(20);

/// The reason why a template fails.
fn failure(template: &str, data: &str) -> String {
    let begun = Instant::now();
    let failed = body(template, data).map(|text| text.len()).expect_err(template);
    assert!(begun.elapsed() < SOON, "{template} took {:?}", begun.elapsed());
    failed.message
}

#[test]
fn what_would_take_too_much_memory_fails_before_it_does() {
    let data = r#"{"big": 1000000000, "text": "xxxxxxxxxxxxxxxx", "list": [1, 2, 3, 4]}"#;
    for template in [
        "{{ data.text * data.big }}",
        "{{ data.list * data.big }}",
        "{{ ('x' * (data.big * data.big)) }}",
        "{{ data.text|center(10**9) }}",
        "{{ data.text.ljust(data.big) }}",
        "{{ data.text.zfill(data.big) }}",
        "{{ '\t'.expandtabs(data.big) }}",
        "{{ 'a\nb'|indent(data.big) }}",
        "{{ ((data.text ~ '\n') * 50000)|indent(data.text * 1000) }}",
        "{{ data.list|tojson(indent=data.big) }}",
        "{{ data.list|batch(data.big, 'x') }}",
        "{{ data.list|slice(data.big) }}",
        "{{ (data.text * 100000)|replace('x', data.text * 1000) }}",
        "{{ (data.text * 100000).replace('x', data.text * 1000) }}",
        "{{ (data.text * 100000)|regex_replace('x', data.text * 1000) }}",
        "{{ (data.text * 100000)|regex_replace('(x{100})', '\\\\1' * 2000) }}",
        "{{ (data.text * 100000)|wordwrap(1, wrapstring=data.text * 1000) }}",
        "{{ range(100000)|join(data.text * 1000) }}",
        "{{ (data.text * 1000).join(data.text * 60000) }}",
        "{% set ns = namespace(x=data.text) %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x=data.text) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=data.list) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=data.text) %}{% for i in range(100) %}\
         {% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
        "{% set ns = namespace(x=data.text) %}{% for i in range(100) %}\
         {% set ns.x = '%s%s' % (ns.x, ns.x) %}{% endfor %}",
        "{% set ns = namespace(x=data.text) %}{% for i in range(100) %}\
         {% set ns.x = '{0}{0}'.format(ns.x) %}{% endfor %}",
        "{% set ns = namespace(x=data.text) %}{% for i in range(100) %}\
         {% set ns.x = [ns.x, ns.x]|join %}{% endfor %}",
        "{% set ns = namespace(x=data.list) %}{% for i in range(100) %}\
         {% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=data.list) %}{% for i in range(60) %}\
         {% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}",
        "{% set l = [] %}{% for i in range(100000) %}{% set _ = l.extend(range(100000)) %}{% endfor %}",
        "{% set l = [] %}{% for i in range(100000) %}{% set _ = l.append(data.text * 10000) %}{% endfor %}",
        "{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}{% set ns = namespace(x=data.text) %}\
         {% for i in range(100) %}{% set ns.x = m(ns.x) %}{% endfor %}",
    ] {
        let message = failure(template, data);
        let told = ["MiB of memory", "longer than", "deeper than", "more than"];
        assert!(told.iter().any(|words| message.contains(words)), "{template}: {message}");
    }
}

#[test]
fn what_would_take_too_long_fails_instead() {
    let data = format!(r#"{{"big": {:?}}}"#, "ab ".repeat(300_000));
    for template in [
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(100000) %}{% if data.big[i] == 'x' %}{% endif %}{% endfor %}",
        "{% for i in range(100000) %}{% if 'zz' in data.big %}{% endif %}{% endfor %}",
        "{% for i in range(100000) %}{% set x = data.big|upper %}{% endfor %}",
        "{% for i in range(100000) %}{% set x = data.big|regex_search('(a|b|ab)*c') %}{% endfor %}",
        "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}\
         {% set ms = namespace(x=[1]) %}{% for i in range(100) %}{% set ms.x = [ms.x, ms.x] %}{% endfor %}\
         {{ ms.x == ns.x }}",
    ] {
        failure(template, &data);
    }
}

#[test]
fn a_value_never_nests_deeper_than_it_can_be_dropped() {
    for template in [
        "{% set ns = namespace(x=[]) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x={}) %}{% for i in range(90000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}",
        "{% set ns = namespace(x=()) %}{% for i in range(90000) %}{% set ns.x = (ns.x, 1) %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(90000) %}{% set ns.x = ns.x|batch(1) %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(90000) %}{% set ns.x = dict(a=ns.x) %}{% endfor %}",
        "{% set ns = namespace(x=1) %}{% set ns.x = [ns] %}",
        "{% set ns = namespace(x=1) %}{% set ns.x = ns %}",
        "{% set ns = namespace() %}{% set ms = namespace(x=ns) %}",
    ] {
        failure(template, "{}");
    }
    // What a list holds is a copy, so it cannot hold itself.
    assert_eq!(body("{% set l = [1] %}{% set _ = l.append(l) %}{{ l }}", "{}").unwrap(), "[1, [1]]");
    let chain = "{% set ns = namespace(x=[]) %}{% for i in range(20000) %}{% set l = [] %}\
                 {% set _ = ns.x.append(l) %}{% set ns.x = l %}{% endfor %}done";
    assert_eq!(body(chain, "{}").unwrap(), "done");
}

#[test]
fn a_text_of_two_megabytes_is_the_largest_that_comes_out() {
    let row = "{% for i in range(2048) %}{{ data.row }}{% endfor %}";
    let data = |len: usize| format!(r#"{{"row": "{}"}}"#, "x".repeat(len));
    assert_eq!(body(row, &data(1024)).unwrap().len(), 2 * 1024 * 1024);
    let told = body(row, &data(1025)).unwrap_err().message;
    assert_eq!(told, "`body` could not be rendered: gives 2099200 bytes, more than 2097152");
}

#[test]
fn lists_of_a_size_that_users_have_are_no_bombs() {
    let adding = "{% set ns = namespace(l=[]) %}{% for i in range(1500) %}{% set ns.l = ns.l + [{'n': i}] %}\
                  {% endfor %}{{ ns.l|length }}";
    assert_eq!(body(adding, "{}").unwrap(), "1500");
    let growing =
        "{% set l = [] %}{% for i in range(20000) %}{% set _ = l.append(i) %}{% endfor %}{{ l|sum }}";
    assert_eq!(body(growing, "{}").unwrap(), "199990000");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever filters are chained, the rendering ends, and no panic costs more than itself.
    #[test]
    fn chains_of_filters_end(
        names in proptest::collection::vec(proptest::sample::select(filters()), 1..5),
        times in proptest::sample::select(vec!["1", "3", "10**9", "-1", "0.5", "none"]),
        start in proptest::sample::select(vec!["data.text", "data.list", "data", "7", "none", "nothing", "1.5"]),
    ) {
        let chain: String = names.iter().map(|name| format!("|{name}({times})")).collect();
        for chain in [chain.clone(), chain.replace(&format!("({times})"), "")] {
            let template = format!("{{{{ ({start}){chain} }}}}{{{{ nothing is defined }}}}");
            let begun = Instant::now();
            if let Err(failed) = body(&template, r#"{"text": "a<b> c\n%s{}", "list": [3, "x", null, {"a": [1.50]}]}"#) {
                assert!(!failed.message.contains("report"), "{template}: {}", failed.message);
            }
            assert!(begun.elapsed() < SOON, "{template}");
        }
    }
}

fn filters() -> Vec<&'static str> {
    super::super::filters::names()
}
