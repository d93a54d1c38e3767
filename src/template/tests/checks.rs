//! What `check` tells of a template that nobody has rendered yet.

use super::*;

/// All problems of a body, as they are printed.
fn problems_of(name: &str, template: &str, secrets: &[&str]) -> Vec<String> {
    let text = text(name, template);
    let mut problems = Problems::default();
    let texts = match name {
        "url" => Texts { url: Some(&text), ..Texts::default() },
        "headers" => Texts { headers: Some(&text), ..Texts::default() },
        _ => Texts { body: Some(&text), ..Texts::default() },
    };
    assert!(Templates::compile(Texts { secrets, ..texts }, &mut problems).is_none(), "{template}");
    problems.into_sorted().iter().map(ToString::to_string).collect()
}

fn problems(template: &str) -> Vec<String> {
    problems_of("body", template, &["token"])
}

#[test]
fn every_unknown_word_is_told_at_its_place_with_the_nearest_known_one() {
    let template = "{{ dta.name|uper }} {{ data.name|lower|tojsn }}\n{% if data is deffined %}{{ rnge(3) }}{% endif %}\n\
                    {{ data.name.uper() }}{{ data.tags|map('titel')|select('od')|list }}{{ secrets.tokn }}";
    assert_eq!(
        problems(template),
        [
            "config.yaml:1:4: `body` uses the unknown name `dta`\n  help: did you mean `data`?",
            "config.yaml:1:13: `body` uses the unknown filter `uper`\n  help: did you mean `upper`?",
            "config.yaml:1:40: `body` uses the unknown filter `tojsn`\n  help: did you mean `tojson`?",
            "config.yaml:2:15: `body` uses the unknown test `deffined`\n  help: did you mean `defined`?",
            "config.yaml:2:29: `body` uses the unknown function `rnge`\n  help: did you mean `range`?",
            "config.yaml:3:14: `body` uses the unknown method `uper`\n  help: did you mean `upper`?",
            "config.yaml:3:36: `body` uses the unknown filter `titel`\n  help: did you mean `title`?",
            "config.yaml:3:49: `body` uses the unknown test `od`\n  help: did you mean `odd`?",
            "config.yaml:3:72: `body` uses `secrets.tokn`, which the destination does not have\n  \
             help: did you mean `token`?",
        ]
    );
}

#[test]
fn the_page_for_users_names_whatever_there_is() {
    let page = include_str!("../../../docs/templates.md");
    let known = [
        super::super::filters::names(),
        super::super::predicates::names(),
        super::super::functions::names(),
        super::super::methods::names(),
        super::super::context::names(),
    ];
    for name in known.concat() {
        assert!(page.contains(&format!("`{name}")), "{name} is missing in docs/templates.md");
    }
}

#[test]
fn names_that_a_template_gives_or_asks_about_are_known() {
    for template in [
        "{% set a = 1 %}{{ a }}{% for b, c in data.items() %}{{ b }}{{ c }}{{ loop.index }}{% endfor %}",
        "{% macro m(x, y=1) %}{{ x }}{{ y }}{{ caller() }}{% endmacro %}{% call(z) m(1) %}{{ z }}{% endcall %}",
        "{% with q = 2 %}{{ q }}{% endwith %}{% set s %}x{% endset %}{{ s }}{% block b %}{% endblock %}{{ self.b() }}",
        "{% if extra is defined %}{{ extra }}{% endif %}{{ other|default('x') }}{{ more|d('y') }}",
        "{% set ns = namespace(n=0) %}{% set ns.n = 1 %}{{ ns.n }}{% set c = cycler(1, 2) %}{{ c.next() }}",
        "{{ event }}{{ model }}{{ object_type }}{{ timestamp }}{{ username }}{{ request_id }}{{ request.id }}\
         {{ snapshots.prechange }}{{ context }}{{ e.native }}{{ delivery.id }}{{ secrets.token }}{{ secrets['token'] }}",
    ] {
        compiled(None, None, Some(template));
    }
}

#[test]
fn lookups_are_those_of_the_config_and_what_is_not_asked_about_is_counted_on() {
    let found = problems("{{ lookup.devcie.name }}{{ lookup.rack|default('x') }}");
    assert_eq!(
        found,
        [
            "config.yaml:1:4: `body` uses `lookup.devcie`, but there is no such lookup\n  help: describe it in the config, under `lookups: { devcie: … }`",
            "config.yaml:1:28: `body` uses `lookup.rack`, but there is no such lookup\n  help: describe it in the config, under `lookups: { rack: … }`",
        ]
    );
    for (template, used) in [
        ("{{ lookup.device.name }} {{ lookup['site'] }}", vec!["device", "site"]),
        ("{{ lookup.device.name if lookup.device is defined }}", vec![]),
        ("{{ lookup.device|default('none') }}{{ lookup.site }}", vec!["site"]),
        ("{% set lookup = {'x': 1} %}{{ lookup.x }}", vec![]),
        ("{{ lookup | tojson }}{{ lookup[data.name] }}{{ lookup.items()|list }}", vec![]),
    ] {
        let templates = compiled(None, None, Some(template));
        let names: Vec<&str> = templates.lookups.iter().map(|used| used.name.as_str()).collect();
        assert_eq!(names, used, "{template}");
        assert!(templates.lookups.iter().all(|used| used.body && used.key == "body"));
    }
}

#[test]
fn what_can_never_work_is_told() {
    for (name, template, words) in [
        ("body", "{{ data.name", "1:9: `body` is no template: syntax error"),
        ("body", "a\n{% for x in data %}", "is no template: syntax error"),
        ("body", "{% include 'x' %}", "1:4: `body` includes another template"),
        ("body", "{% extends 'x' %}", "extends another template"),
        ("body", "{% import 'x' as y %}", "imports another template"),
        ("body", "{% from 'x' import y %}", "imports another template"),
        ("body", "{{ 'x' * 10**9 }}", "repeats something to more than 4096"),
        ("body", "{{ [1] * 1000 * 1000 }}", "repeats something"),
        ("body", "{{ secrets.token|upper }}", "puts a secret through the filter `upper`"),
        ("body", "{{ secrets.token|trim|b64encode }}", "puts a secret through the filter `b64encode`"),
        ("body", "{{ secrets[data.x] }}", "looks a secret up by a name that is not known"),
        ("body", "{{ secrets }}", "uses `secrets` as a whole"),
        ("body", "{{ secrets.other }}", "uses `secrets.other`, which the destination does not have"),
        ("headers", "X-A: 1\nHost: {{ data.x }}", "2:1: `headers` sets the header `Host`"),
        ("headers", "{% if data.x %}webhook-id: 1{% endif %}", "sets the header `webhook-id`"),
        ("url", "https://a.example/{{ data.x }}#top", "has a fragment"),
    ] {
        let found = problems_of(name, template, &["token"]);
        assert!(found.iter().any(|problem| problem.contains(words)), "{template}: {found:#?}");
    }
}

#[test]
fn a_template_too_large_or_too_deep_is_told_and_harms_nobody() {
    let long = format!("{{{{ {} }}}}", vec!["1"; 200_000].join("+"));
    let wide = format!("{{{{ {} }}}}", vec!["1"; 2_000].join("+"));
    let chain = format!("{{{{ data{} }}}}", "|e".repeat(700));
    let path = format!("{{{{ data{} }}}}", ".a".repeat(700));
    let deep = format!("{{{{ {}1{} }}}}", "[".repeat(600), "]".repeat(600));
    let nested = format!("{}{}", "{% if 1 %}".repeat(500), "{% endif %}".repeat(500));
    let elif = format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 2 %}".repeat(3000));
    let repeated = ["not ", "-", "1 if 1 else ", "1 ** ", "(", "data[", "range(", "{1: ", "1 is ", "1 or "];
    let repeated = repeated.map(|part| format!("{{{{ {}1 }}}}", part.repeat(1400 / part.split(' ').count())));
    for template in [long, wide, chain, path, deep, nested, elif].iter().chain(&repeated) {
        let found = problems(template);
        assert_eq!(found.len(), 1, "{}: {found:?}", &template[..40]);
    }
    compiled(None, None, Some(&format!("{{{{ {} }}}}", vec!["data.name"; 100].join(" ~ "))));
    compiled(None, None, Some(&"{% if data %}x{% endif %}".repeat(1000)));
}

#[test]
fn a_template_of_a_block_in_yaml_is_told_at_its_line_and_column() {
    let config =
        "destinations:\n  tool:\n    body_template: |\n      {\n        \"a\": {{ dta.x }}\n      }\n";
    let node = yaml::parse("config.yaml", config, &mut Problems::default()).unwrap();
    let node = node.get("destinations").and_then(|node| node.get("tool")?.get("body_template")).unwrap();
    let text = Text {
        at: node.at,
        lines: node.lines.clone(),
        ..text("destinations.tool.body_template", &node.scalar().unwrap())
    };
    let mut problems = Problems::default();
    Templates::compile(Texts { body: Some(&text), ..Texts::default() }, &mut problems);
    let problem = &problems.into_sorted()[0];
    assert_eq!(problem.at, Some((5, 17)));
}
