//! `preset:` of destinations: what it gives, what overrules it, and what can be wrong.

use super::*;
use crate::format::Format;
use crate::rules::Rules;
use crate::signature::Scheme;

/// A folder with presets of its own.
fn presets(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("presets")).unwrap();
    for (file, text) in files {
        std::fs::write(folder.path().join("presets").join(file), text).unwrap();
    }
    folder
}

/// All messages about the rules that a config makes, without the folder.
fn told(folder: &TempDir, text: &str) -> Vec<String> {
    let file = folder.path().join("config.yaml");
    let problems = match Rules::from_text(&file.to_string_lossy(), text, &|_| None) {
        Ok(_) => Vec::new(),
        Err(problems) => problems,
    };
    let prefix = format!("{}/", folder.path().to_string_lossy());
    problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
}

#[test]
fn a_preset_needs_no_more_than_its_example() {
    let config = read(
        "destinations:\n  pd: { preset: pagerduty, secrets: { routing_key: k } }\n  \
         chat: { preset: slack, url: 'https://hooks.slack.com/services/T/B/X' }\n",
    );
    let [pd, chat] = &config.destinations[..] else { panic!("two destinations") };
    assert_eq!(pd.shown_target(), "https://events.pagerduty.com/v2/enqueue");
    assert_eq!(chat.shown_target(), "https://hooks.slack.com/[redacted]");
    assert_eq!((&pd.sign.scheme, &chat.sign.scheme), (&Scheme::None, &Scheme::None));
    assert_eq!(config.presets.len(), 2);
}

#[test]
fn keys_of_ones_own_overrule_those_of_the_preset() {
    let config = read(
        "destinations:\n  a:\n    preset: github\n    url: https://api.github.com/repos/a/b/dispatches\n    \
         method: PUT\n    rate: 9/s\n    in_flight: 7\n    headers: { accept: text/plain, Authorization: Bearer x }\n    \
         sign: { secrets: [s] }\n",
    );
    let a = &config.destinations[0];
    assert_eq!((a.method.as_str(), a.in_flight, a.rate.map(|rate| rate.count)), ("PUT", 7, Some(9)));
    let value = |name: &str| {
        let found: Vec<_> = a.headers.iter().filter(|(known, _)| known == name).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0].1.expose().to_owned()
    };
    assert_eq!(value("accept"), "text/plain");
    assert_eq!(value("x-github-api-version"), "2022-11-28");
    assert_eq!((&a.sign.scheme, a.sign.secrets.len()), (&Scheme::Github, 1));
    assert!(a.body_template.is_some());
}

#[test]
fn a_body_of_ones_own_replaces_that_of_the_preset_and_what_it_needs() {
    let config = read("destinations: { a: { preset: pagerduty, format: native } }");
    let a = &config.destinations[0];
    assert_eq!((a.format, a.body_template.is_none(), &a.content_type), (Format::Native, true, &None));
    let config = read(
        "destinations: { a: { preset: pagerduty, body_template: '{{ e.id }}', content_type: text/plain } }",
    );
    let a = &config.destinations[0];
    assert_eq!(a.body_template.as_ref().map(|template| template.text.as_str()), Some("{{ e.id }}"));
    assert_eq!(a.content_type.as_deref(), Some("text/plain"));
}

#[test]
fn an_unknown_preset_is_told_with_the_nearest_known_one() {
    let folder = presets(&[("chatter.yaml", "destination: { sign: none }")]);
    let own = "presets of your own lie in presets/NAME.yaml beside the config";
    for (name, near) in [("slak", "slack"), ("chater", "chatter"), ("service-now", "servicenow")] {
        assert_eq!(
            told(&folder, &format!("destinations:\n  a: {{ preset: {name} }}\n")),
            [format!(
                "config.yaml:2:16: `destinations.a.preset` does not know `{name}`\n  help: did you mean `{near}`?; {own}"
            )]
        );
    }
    let found = told(&folder, "destinations:\n  a: { preset: ../config }\n  b: { preset: ../config }\n");
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[1].starts_with("config.yaml:3:16: `destinations.b.preset` does not know"), "{found:#?}");
}

#[test]
fn mistakes_in_a_preset_are_told_once_in_its_own_file() {
    let folder = presets(&[
        (
            "one.yaml",
            "destination:\n  sign: { scheme: githb }\n  metod: PUT\n  rate: often\nabout: x\ntest: []\n",
        ),
        ("two.yaml", "about: nothing else\n"),
        (
            "five.yaml",
            "destination: { sign: none, headers: { Token: '${TOKEN}' }, body_template: '${{ e.id }}' }\n",
        ),
        ("three.yaml", "destination: { sign: none, body_template: '{{ e.id' }\n"),
        ("four.yaml", "destination:\n  sign: none\n  body_template: '{{ secrets.key }}'\n"),
    ]);
    let twice = |name: &str| {
        let url = "url: 'https://a.example/'";
        let text =
            format!("destinations:\n  a: {{ preset: {name}, {url} }}\n  b: {{ preset: {name}, {url} }}\n");
        told(&folder, &text)
    };
    let starts = |found: Vec<String>, wanted: &[&str]| {
        assert_eq!(found.len(), wanted.len(), "{found:#?}");
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(found.starts_with(wanted), "{found}");
        }
    };
    starts(
        twice("one"),
        &[
            "presets/one.yaml:2:19: `destination.sign.scheme` does not know `githb`\n  help: did you mean `github`?",
            "presets/one.yaml:3:3: unknown key `destination.metod`\n  help: did you mean `method`?",
            "presets/one.yaml:4:9: `destination.rate` must be a rate",
            "presets/one.yaml:6:1: unknown key `test`\n  help: did you mean `tests`?",
        ],
    );
    starts(twice("two"), &["presets/two.yaml:1:1: `destination` is missing"]);
    starts(
        twice("five"),
        &["presets/five.yaml:1:46: `destination.headers.Token` holds a variable, which presets do not know"],
    );
    starts(twice("three"), &["presets/three.yaml:1:49: `destination.body_template` is no template"]);
    starts(
        twice("four"),
        &[
            "presets/four.yaml:3:22: `destination.body_template` uses `secrets.key`, which the destination does not have",
        ],
    );
}

#[test]
fn a_missing_secret_is_told_at_its_destination_with_the_remedy() {
    let folder = presets(&[]);
    let wanted = |at: &str, name: &str| {
        format!(
            "config.yaml:{at}: `destinations.{name}.secrets.routing_key` is missing, which the preset pagerduty needs\n  \
             help: add `secrets: {{ routing_key: \"${{…}}\" }}`: the integration key of an Events API v2 integration"
        )
    };
    let text =
        "destinations:\n  a: { preset: pagerduty }\n  b: { preset: pagerduty, secrets: { other: x } }\n";
    assert_eq!(told(&folder, text), [wanted("2:16", "a"), wanted("3:16", "b")]);
    assert_eq!(
        told(&folder, "destinations:\n  a: { preset: pagerduty, secrets: { routing_key: '' } }\n"),
        [
            "config.yaml:2:51: `destinations.a.secrets.routing_key` is empty\n  help: is the variable that should hold it set?"
        ]
    );
    let found = told(&folder, "destinations:\n  a: { preset: awx, url: 'https://a.example/' }\n");
    assert_eq!(
        found,
        ["config.yaml:2:3: `destinations.a.sign` has no secrets to sign with\n  \
          help: add `sign: { secrets: [\"${…}\"] }`, or send unsigned with `sign: { scheme: none }`"]
    );
}

#[test]
fn a_preset_without_a_url_asks_for_one() {
    assert_eq!(
        told(&presets(&[]), "destinations:\n  a: { preset: slack }\n"),
        [
            "config.yaml:2:6: `destinations.a.url` is missing\n  help: where shall deliveries go, such as `https://awx.example.com/hook`?"
        ]
    );
}

#[test]
fn the_revision_changes_with_a_preset_of_ones_own() {
    let folder = presets(&[("own.yaml", "destination: { sign: none }\n")]);
    let file = folder.path().join("config.yaml").to_string_lossy().into_owned();
    let revision = || {
        let text = "destinations: { a: { preset: own, url: 'https://a.example/' } }";
        Rules::from_text(&file, text, &|_| None).unwrap().revision
    };
    let before = revision();
    assert_eq!(before, revision());
    std::fs::write(folder.path().join("presets/own.yaml"), "destination: { sign: none, method: PUT }\n")
        .unwrap();
    assert_ne!(before, revision());
}

#[test]
fn an_empty_preset_is_none_and_never_switches_signing_off() {
    let folder = presets(&[]);
    for (destination, wanted) in [
        ("{ preset: , url: 'https://a.example/' }", "`destinations.a.sign` has no secrets to sign with"),
        ("{ preset: slack, url: }", "`destinations.a.url` is missing"),
        ("{ preset: , sign: none }", "`destinations.a.url` is missing"),
        // Who names a scheme means to sign.
        (
            "{ preset: jenkins, url: 'https://a.example/', sign: github }",
            "`destinations.a.sign` has no secrets to sign with",
        ),
        (
            "{ preset: slack, url: 'https://a.example/', sign: { secrets: [s] } }",
            "`destinations.a.sign` has secrets, but its format or preset sends unsigned",
        ),
    ] {
        let found = told(&folder, &format!("destinations:\n  a: {destination}\n"));
        assert_eq!(found.len(), 1, "{destination}: {found:#?}");
        assert!(found[0].contains(wanted), "{destination}: {found:#?}");
    }
}

#[test]
fn the_content_type_has_one_place_whatever_says_it() {
    let text =
        |keys: &str| format!("destinations: {{ a: {{ url: 'https://a.example/', sign: none, {keys} }} }}");
    for (keys, wanted) in [
        ("headers: { Content-Type: text/xml }", "text/xml"),
        ("headers: { Content-Type: text/xml }, content_type: text/plain", "text/plain"),
    ] {
        let config = read(&text(keys));
        let a = &config.destinations[0];
        assert_eq!((a.content_type.as_deref(), a.headers.len()), (Some(wanted), 0), "{keys}");
    }
}

#[test]
fn a_preset_says_what_newer_changes_do_unless_the_destination_does() {
    let folder = presets(&[("own.yaml", "destination: { sign: none, on_newer: supersede }\n")]);
    let text =
        |keys: &str| format!("destinations:\n  a: {{ preset: own, url: 'https://a.example/', {keys} }}\n");
    for (keys, wanted) in [("", true), ("on_newer: wait", false), ("on_newer: wait, ordered: none", false)] {
        let mut problems = Problems::default();
        let config = read_from(&folder, &text(keys), &mut problems).unwrap();
        assert!(problems.is_empty(), "{problems:#?}");
        assert_eq!(config.destinations[0].supersede, wanted, "{keys}");
    }
    let found = told(&folder, &text("ordered: none"));
    assert!(
        found[0].starts_with("config.yaml:2:57: `destinations.a.on_newer: supersede` does nothing"),
        "{found:#?}"
    );
}
