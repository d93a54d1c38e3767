//! Exports of every system and version, as configs.

mod errors;
mod fields;
mod secrets;

use std::path::Path;

use super::*;
use crate::rules::Rules;
use crate::script;

const RANDOM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Exports, and the config that they give.
pub(super) const FIXTURES: [(System, &[&str], &str); 7] = [
    (System::Netbox, &["netbox-4.4-event-rules.json", "netbox-4.4-webhooks.json"], "netbox-4.4.yaml"),
    (System::Netbox, &["netbox-3.7.json"], "netbox-3.7.yaml"),
    (System::Netbox, &["netbox-2.11-webhooks.json"], "netbox-2.11.yaml"),
    (System::Netbox, &["nautobot.json"], "nautobot.yaml"),
    (System::Infrahub, &["infrahub-graphql.json"], "infrahub-graphql.yaml"),
    (System::Infrahub, &["infrahub-sdk.json"], "infrahub-sdk.yaml"),
    (System::Datagerry, &["datagerry.json"], "datagerry.yaml"),
];

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/import"))
}

fn fixture(name: &str) -> Export {
    Export { file: name.to_owned(), text: std::fs::read_to_string(folder().join(name)).unwrap() }
}

fn wishes() -> Wishes {
    Wishes { source: None, random: RANDOM.to_owned(), with_scripts: false }
}

fn made(system: System, exports: &[Export], wishes: &Wishes) -> Import {
    import(system, exports, wishes).unwrap_or_else(|problems| panic!("{}", shown(&problems)))
}

fn of(system: System, files: &[&str]) -> Import {
    made(system, &files.iter().map(|file| fixture(file)).collect::<Vec<_>>(), &wishes())
}

/// One export of this text.
fn of_text(system: System, text: &str) -> Import {
    made(system, &[Export { file: "x.json".to_owned(), text: text.to_owned() }], &wishes())
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// The rules of a config that lies alone in an empty folder, with no variables set.
fn passes_check(config: &str) -> Rules {
    let empty = tempfile::tempdir().unwrap();
    let file = empty.path().join("config.yaml");
    Rules::from_text(&file.to_string_lossy(), config, &|_| None)
        .unwrap_or_else(|problems| panic!("{}in\n{config}", shown(&problems)))
}

#[test]
fn exports_become_exactly_these_configs() {
    for (system, files, golden) in FIXTURES {
        let config = of(system, files).config;
        let wanted = std::fs::read_to_string(folder().join(golden)).unwrap_or_default();
        let diff = similar::TextDiff::from_lines(&wanted, &config);
        assert!(config == wanted, "{golden}:\n{}", diff.unified_diff());
    }
}

#[test]
fn every_config_passes_the_check_as_it_is() {
    for (system, files, golden) in FIXTURES {
        let rules = passes_check(&of(system, files).config);
        assert_eq!(rules.sources.len(), 1, "{golden}");
        assert!(!rules.routes.is_empty() && !rules.destinations.is_empty(), "{golden}");
    }
}

#[test]
fn a_config_of_features_that_need_no_dialect_passes_the_check() {
    passes_check(&of(System::Netbox, &["nautobot.json"]).config);
}

#[test]
fn only_the_random_proof_differs_between_two_runs() {
    for (system, files, _) in FIXTURES {
        let exports: Vec<Export> = files.iter().map(|file| fixture(file)).collect();
        let other = Wishes { random: "f".repeat(64), ..wishes() };
        let (one, two) = (of(system, files), made(system, &exports, &other));
        assert_eq!(one.config.matches(RANDOM).count(), 1);
        assert_eq!(one.config.replace(RANDOM, &other.random), two.config);
        assert_eq!(one.todo, two.todo);
    }
}

#[test]
fn webhooks_and_event_rules_come_in_any_order_and_number_of_files() {
    let one = of(System::Netbox, &["netbox-4.4-webhooks.json", "netbox-4.4-event-rules.json"]);
    let two = of(System::Netbox, &["netbox-4.4-event-rules.json", "netbox-4.4-webhooks.json"]);
    assert_eq!(one, two);
    let pages = format!(
        "[{}, {}]",
        fixture("netbox-4.4-webhooks.json").text,
        fixture("netbox-4.4-event-rules.json").text
    );
    assert_eq!(of_text(System::Netbox, &pages), one, "pages in a list");
    let twice = of(System::Datagerry, &["datagerry.json", "datagerry.json"]);
    assert_eq!(twice.config, of(System::Datagerry, &["datagerry.json"]).config, "the same page twice");
}

#[test]
fn the_name_of_the_source_can_be_chosen() {
    let named = Wishes { source: Some("cmdb-prod".to_owned()), ..wishes() };
    let config = made(System::Datagerry, &[fixture("datagerry.json")], &named).config;
    for part in [
        "  cmdb-prod:\n    adapter: datagerry",
        "${CMDB_PROD_TOKEN:-",
        "from: [cmdb-prod]",
        "/hooks/cmdb-prod/TOKEN",
    ] {
        assert!(config.contains(part), "{part} is missing in\n{config}");
    }
}

#[test]
fn what_is_commented_out_is_yaml_once_the_marks_are_taken_off() {
    let config = of(System::Netbox, &["netbox-4.4-event-rules.json", "netbox-4.4-webhooks.json"]).config;
    let marked = regex::Regex::new(r"(?m)^( *)# (  |- name: |[a-z]+:$)").unwrap();
    let body = config.split_once("\ndestinations:").unwrap().1;
    let text = format!("destinations:{}", marked.replace_all(body, "$1$2"));
    let mut problems = Problems::default();
    let root = crate::yaml::parse("c.yaml", &text, &mut problems);
    assert!(problems.is_empty(), "{}in\n{text}", shown(&problems.into_sorted()));
    let root = root.unwrap().to_json();
    assert_eq!(root["destinations"]["metadata"]["method"], "GET");
    assert_eq!(root["destinations"]["ca"]["tls"]["ca"], "internal-ca.pem");
    let routes: Vec<&str> =
        root["routes"].as_array().unwrap().iter().filter_map(|route| route["name"].as_str()).collect();
    assert_eq!(
        routes,
        ["active-devices", "sites", "dns", "dns-jobs", "dns-events", "gone", "metadata", "dns-2"]
    );
}

#[test]
fn skeletons_of_scripts_run_and_so_do_their_tests() {
    let with = Wishes { with_scripts: true, ..wishes() };
    let import = made(System::Infrahub, &[fixture("infrahub-graphql.json")], &with);
    assert!(import.config.contains("    script: scripts/slack_message.rhai\n"), "{}", import.config);
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("scripts")).unwrap();
    let skeleton = import.scripts.first().unwrap();
    assert!(skeleton.text.contains("\"slack-message\"") && skeleton.text.contains("transforms/slack.py"));
    std::fs::write(dir.path().join(&skeleton.path), &skeleton.text).unwrap();
    std::fs::write(dir.path().join(&skeleton.test_path), &skeleton.test).unwrap();
    let mut problems = Problems::default();
    let results =
        script::run_tests(dir.path(), &skeleton.test_path, &script::Limits::default(), &mut problems);
    assert!(problems.is_empty() && results.len() == 1, "{}", shown(&problems.into_sorted()));
    assert!(results.iter().all(|result| result.failures.is_empty()), "{results:?}");
}

#[test]
fn webhooks_with_one_transformation_share_one_script() {
    let node = |name: &str| {
        format!(
            r#"{{"id": "{name}", "kind": "CoreCustomWebhook", "name": "{name}", "url": "https://x.example.com/", "transformation": {{"name": "T 1"}}}}"#
        )
    };
    let import = of_text(System::Infrahub, &format!("[{}, {}]", node("a"), node("b")));
    let paths: Vec<&str> = import.scripts.iter().map(|script| script.path.as_str()).collect();
    assert_eq!(paths, ["scripts/t_1.rhai"]);
}
