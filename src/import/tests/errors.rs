//! What cannot be read is told with its file, its place and a remedy, all of it at once.

use super::*;

fn problems(system: System, texts: &[&str]) -> String {
    let export =
        |(index, text): (usize, &&str)| Export { file: format!("{index}.json"), text: (*text).to_owned() };
    let exports: Vec<Export> = texts.iter().enumerate().map(export).collect();
    match import(system, &exports, &wishes()) {
        Ok(made) => panic!("made\n{}", made.config),
        Err(problems) => {
            assert!(problems.iter().all(|problem| problem.help.is_some()), "{problems:?}");
            shown(&problems)
        }
    }
}

#[test]
fn every_mistake_has_a_place_and_a_remedy() {
    use System::{Datagerry, Infrahub, Netbox};
    for (system, text, parts) in [
        (Netbox, "{\n  \"a\": }", &["0.json:2:8: the export is no JSON", "YAML and CSV"][..]),
        (Netbox, "", &["0.json:1:1: the export is empty"]),
        (Netbox, " \n", &["the export is empty"]),
        (Netbox, "[]", &["there is no webhook of NetBox", "/api/extras/webhooks/"]),
        (Netbox, "3", &["`$` is no object"]),
        (Netbox, r#"{"detail": "Invalid token"}"#, &["`$` is an answer that tells an error (`detail`)"]),
        (
            Netbox,
            r#"{"results": [{"id": 1, "name": "x", "display": "x"}]}"#,
            &["`$.results[0]` is neither", "without `brief`"],
        ),
        (Netbox, r#"[{"payload_url": "https://x.example.com/"}]"#, &["`$[0]` has no `name`"]),
        (Netbox, r#"[{"name": "a", "payload_url": {"a": 1}}]"#, &["`$[0].payload_url` must be a text"]),
        (
            Netbox,
            r#"[{"name": "a", "action_type": "webhook", "action_object_id": 1}]"#,
            &["has no `object_types`", "has no `event_types`"],
        ),
        (
            Netbox,
            r#"[{"name": "a", "action_type": "webhook", "object_types": ["dcim.site"], "event_types": ["object_created"]}]"#,
            &["has no `action_object_id`"],
        ),
        (
            Netbox,
            r#"[{"public_id": 1, "name": "x", "url": "https://x/", "event_types": []}]"#,
            &["looks like an object of DATAGERRY", "`crossconnect import datagerry`"],
        ),
        (
            Netbox,
            r#"{"data": {"CoreStandardWebhook": {"edges": [{"node": {"id": "1"}}]}}}"#,
            &["looks like an object of Infrahub", "`crossconnect import infrahub`"],
        ),
        (
            Infrahub,
            r#"[{"name": "a", "payload_url": "https://x/"}]"#,
            &["`$[0]` looks like an object of NetBox", "import netbox"],
        ),
        (
            Infrahub,
            r#"{"data": null, "errors": [{"message": "no"}]}"#,
            &["tells an error (`errors`)", "token"],
        ),
        (
            Infrahub,
            r#"{"data": {"CoreWebhook": {"edges": [{"node": {"id": "1"}}]}}}"#,
            &["`$.data.CoreWebhook.edges[0].node` has no `name`", "has no `url`"],
        ),
        (
            Infrahub,
            r#"[{"kind": "CoreStandardWebhook", "name": "a", "url": "https://x/", "active": "yes"}]"#,
            &["`$[0].active` must be true or false"],
        ),
        (
            Datagerry,
            r#"{"results": [{"public_id": 1, "name": "a", "event_types": ["CREATE"]}]}"#,
            &["`$.results[0]` has no `url`"],
        ),
        (
            Datagerry,
            r#"{"result": {"public_id": 1, "name": "a", "url": "https://x/"}}"#,
            &["`$.result` has no `event_types`"],
        ),
    ] {
        let said = problems(system, &[text]);
        for part in parts {
            assert!(said.contains(part), "{part} is missing for {text}:\n{said}");
        }
    }
}

#[test]
fn a_route_that_check_would_refuse_is_commented_out() {
    let rule = |rest: &str| {
        format!(
            r#"[{{"id": 1, "name": "w", "payload_url": "https://x.example.com/", "secret": ""}},
            {{"id": 2, "name": "fine", "object_types": ["dcim.site"], "event_types": ["object_created"], "action_type": "webhook", "action_object_id": 1}},
            {{"id": 3, "name": "bad", "event_types": ["object_created"], "action_type": "webhook", "action_object_id": 1, {rest}}}]"#
        )
    };
    let node = |rest: &str| {
        format!(
            r#"[{{"kind": "CoreStandardWebhook", "name": "fine", "url": "https://x.example.com/"}},
            {{"kind": "CoreStandardWebhook", "name": "bad", "url": "https://x.example.com/", {rest}}}]"#
        )
    };
    for (system, text) in [
        (
            System::Netbox,
            rule(
                r#""object_types": ["dcim.site"], "conditions": {"attr": "name", "op": "regex", "value": "["}"#,
            ),
        ),
        (System::Netbox, rule(r#""object_types": ["dcim.site"], "conditions": {"and": 3}"#)),
        (System::Netbox, rule(r#""object_types": ["dcim.site"], "conditions": ["a"]"#)),
        (System::Netbox, rule(r#""object_types": [""]"#)),
        (System::Infrahub, node(r#""event_type": "infrahub.node.exploded""#)),
        (System::Infrahub, node(r#""event_type": "node""#)),
        (System::Infrahub, node(r#""branch_scope": "some""#)),
        (System::Infrahub, node(r#""event_type": "infrahub.branch.merged", "node_kind": "InfraDevice""#)),
    ] {
        let import = of_text(system, &text);
        let routes = passes_check(&import.config).routes;
        assert_eq!(routes.len(), 1, "{text}\n{}", import.config);
        assert!(import.config.contains("\n  # - name: bad\n"), "{}", import.config);
        let told = import.todo.iter().any(|point| point.starts_with("the route bad of "));
        assert!(told, "{:#?}", import.todo);
    }
}

#[test]
fn all_mistakes_of_all_files_are_told_at_once() {
    let said = problems(System::Netbox, &["{", r#"[{"payload_url": "https://x/"}, 3]"#, "nonsense"]);
    for part in ["0.json:1:2", "1.json:1:1: `$[0]` has no `name`", "`$[1]` is no object", "2.json:1:1"] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
}

#[test]
fn a_wrong_name_of_the_source_is_refused() {
    let wrong = Wishes { source: Some("a b".to_owned()), ..wishes() };
    let problems = import(System::Datagerry, &[fixture("datagerry.json")], &wrong).unwrap_err();
    assert!(shown(&problems).contains("\"a b\" cannot name a source"));
}

#[test]
fn exports_without_bounds_are_refused() {
    let said = problems(System::Netbox, &[&" ".repeat(LARGEST_EXPORT + 1)]);
    assert!(said.contains("larger than 16 MiB"), "{said}");
    let deep = format!(
        r#"[{{"name": "a", "payload_url": "https://x/", "content_types": ["a.b"], "type_create": true, "conditions": {}1{}}}]"#,
        "[".repeat(60),
        "]".repeat(60)
    );
    assert!(
        problems(System::Netbox, &[&deep]).contains("`$[0].conditions` must be data of at most 48 levels")
    );
    let many: Vec<String> = (0..2100).map(|id| format!(r#"{{"id": {id}, "payload_url": "u"}}"#)).collect();
    let said = problems(System::Netbox, &[&format!("[{}]", many.join(","))]);
    assert!(said.contains("more than 2000 objects"), "{}", said.len());
}

#[test]
fn no_value_of_an_export_is_quoted_in_a_mistake() {
    let said = problems(
        System::Netbox,
        &[
            r#"[{"name": ["hush-1"], "payload_url": {"x": "hush-2"}, "secret": "hush-3", "enabled": "hush-4", "type_create": "hush-5"}]"#,
        ],
    );
    assert!(!said.contains("hush"), "{said}");
}
