//! What people typed arrives in the config as they meant it.

use crate::model::{Json, json};
use proptest::prelude::*;

use super::*;
use crate::config::{Config, Destination, Target};
use crate::model::Event;
use crate::route::Match;

/// The config as far as it reads, whatever this version does not support.
fn config(import: &Import) -> Config {
    let mut problems = Problems::default();
    let config = Config::read("config.yaml", &import.config, &|_| None, &mut problems).unwrap();
    let known = |text: &str| {
        text.contains("does not know") || text.contains("not supported") || text.contains("unknown key")
    };
    let wrong: Vec<String> =
        problems.into_sorted().iter().map(ToString::to_string).filter(|text| !known(text)).collect();
    assert!(wrong.is_empty(), "{wrong:?} in\n{}", import.config);
    config
}

fn webhook(fields: &Json) -> Import {
    let mut whole = json!({"id": 1, "name": "w", "payload_url": "https://x.example.com/", "secret": ""});
    whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    of_text(System::Netbox, &whole.to_string())
}

fn destination(fields: Json) -> Destination {
    config(&webhook(&fields)).destinations.into_iter().next().unwrap()
}

fn url(to: &Destination) -> String {
    match &to.url {
        Target::Fixed(url) => url.to_string(),
        Target::Template { text, .. } => text.text.clone(),
    }
}

#[test]
fn urls_arrive_as_a_client_would_send_them() {
    for (given, wanted) in [
        ("https://x.example.com/a b/ü?q=ä", "https://x.example.com/a%20b/%C3%BC?q=%C3%A4"),
        ("  HTTPS://x.example.com/  ", "https://x.example.com/"),
        ("https://x.example.com/hook#Name", "https://x.example.com/hook"),
        ("https://x.example.com/${a}", "https://x.example.com/$%7Ba%7D"),
        (
            "https://x.example.com/{{ data.name }}?q={% if 1 %}a{% endif %}",
            "https://x.example.com/{{ data.name }}?q={% if 1 %}a{% endif %}",
        ),
    ] {
        assert_eq!(url(&destination(json!({"payload_url": given}))), wanted);
    }
}

#[test]
fn addresses_are_allowed_one_by_one_or_not_at_all() {
    let of = |url: &str| webhook(&json!({"payload_url": url}));
    for (url, wanted) in [
        ("http://10.1.2.3/", "10.1.2.3/32"),
        ("http://[fd00::7]:80/{{ data.id }}", "fd00::7/128"),
        ("http://LOCALHOST/", "127.0.0.1/32"),
    ] {
        let allow: Vec<String> = config(&of(url)).egress.allow.iter().map(ToString::to_string).collect();
        assert_eq!(allow, [wanted], "{url}");
    }
    assert!(config(&of("http://8.8.8.8/")).egress.allow.is_empty());
    for url in [
        "http://169.254.169.254/",
        "http://[fe80::1]/",
        "http://{{ data.host }}/",
        "mailto:x",
        "https://x.example.com:99999/",
    ] {
        let import = of(url);
        assert!(config(&import).destinations.is_empty(), "{url}\n{}", import.config);
        assert!(
            import.config.contains("\n  # w:\n  #   url: ")
                && import.todo.iter().any(|point| point.contains("w is commented out"))
        );
    }
}

#[test]
fn fields_of_netbox_become_keys_of_destinations() {
    let to = destination(json!({
        "http_method": {"value": "PATCH", "label": "PATCH"}, "http_content_type": "text/plain", "ssl_verification": false, "timeout": 7,
        "additional_headers": "X-A: 1\r\nx-a: 2\r\nContent-Type: application/yaml\r\n\r\nX-B:\r\nX-C: {{ event }}: {{ data.id }}\r\n",
    }));
    assert_eq!((to.method.as_str(), to.content_type.as_deref()), ("PATCH", Some("application/yaml")));
    assert_eq!((to.tls.verify, to.timeout.as_secs()), (false, 7));
    let headers: Vec<(&str, &str)> =
        to.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(headers, [("x-a", "2"), ("x-b", "")]);
    assert_eq!(to.headers_template.unwrap().text, "X-C: {{ event }}: {{ data.id }}\n");
}

#[test]
fn jobs_are_looked_up_in_what_netbox_sent() {
    let text = r#"[{"id": 1, "name": "w", "payload_url": "https://x.example.com/", "secret": "", "body_template": "x"},
        {"id": 2, "name": "r", "object_types": ["core.datasource"], "event_types": ["job_started", "job_completed", "job_failed", "job_errored"], "action_type": "webhook", "action_object_id": 1}]"#;
    let import = of_text(System::Netbox, text);
    let config = config(&import);
    let [route] = &config.routes[..] else { panic!("{}", import.config) };
    let mut problems = Problems::default();
    let matches = Match::compile("c", &route.path, &route.from, route.when.as_ref(), &mut problems);
    assert!(problems.is_empty(), "{}", shown(&problems.into_sorted()));
    for (body, wanted) in [
        (json!({"event": "job_ended", "model": "datasource", "data": {}}), true),
        (json!({"event": "job_ended", "object_type": "core.datasource", "data": null}), true),
        (json!({"event": "job_ended", "object_type": "extras.script", "data": {}}), false),
        (json!({"event": "job_started", "model": "datasource", "data": {}}), true),
        (
            json!({"event": "job_ended", "object_type": "other.datasource", "model": "datasource", "data": {}}),
            false,
        ),
        (json!({"event": "job_ended", "model": "script", "data": {}}), false),
        (json!({"event": "updated", "model": "datasource", "data": {"id": 1}}), false),
    ] {
        assert_eq!(matches.check(&event(&body), None).is_ok(), wanted, "{body}");
    }
}

#[test]
fn a_rule_whose_kinds_no_job_tells_takes_no_jobs() {
    let text = r#"[{"id": 1, "name": "w", "payload_url": "https://x.example.com/", "secret": "", "body_template": "x"},
        {"id": 2, "name": "r", "object_types": ["core.d\"s"], "event_types": ["job_started"], "action_type": "webhook", "action_object_id": 1}]"#;
    let import = of_text(System::Netbox, text);
    assert!(config(&import).routes.is_empty(), "{}", import.config);
    let told = import.todo.iter().any(|point| point.contains("give it a `path`"));
    assert!(told && import.config.contains("\n  # - name: r-jobs\n"), "{}", import.config);
}

#[test]
fn urls_of_nautobot_have_no_templates() {
    let text = r#"[{"id": "5f0a9e5e-6f0b-4b6e-9d8e-7f2c9f1b2a3c", "name": "w", "content_types": ["dcim.location"], "type_create": true,
        "payload_url": "https://x.example.com/{{ data.name }}", "secret": ""}]"#;
    let to = &config(&of_text(System::Netbox, text)).destinations[0];
    assert_eq!(url(to), "https://x.example.com/%7B%7B%20data.name%20%7D%7D");
}

#[test]
fn the_default_branch_of_infrahub_is_written_down() {
    let node = r#"[{"kind": "CoreStandardWebhook", "name": "w", "url": "https://x.example.com/"}]"#;
    let import = of_text(System::Infrahub, node);
    assert_eq!(config(&import).sources[0].default_branch.as_deref(), Some("main"));
    assert!(import.todo.iter().any(|point| point.starts_with("if your default branch has another name")));
}

#[test]
fn missing_pages_are_counted_by_list_and_without_what_was_given_twice() {
    let hook =
        |id: usize| json!({"id": id, "name": format!("w{id}"), "payload_url": "https://x.example.com/"});
    let rule = |id: usize| {
        json!({"id": id, "name": format!("r{id}"), "object_types": ["dcim.site"], "event_types": ["object_created"],
               "action_type": "webhook", "action_object_id": 1})
    };
    let page = |count: usize, results: Vec<Json>| json!({"count": count, "results": results});
    for (pages, wanted) in [
        (json!([page(2, vec![hook(1)]), page(2, vec![rule(1), rule(2)])]), Some("hold 1 of 2 webhooks")),
        (json!([page(2, vec![hook(1), hook(2)]), page(2, vec![rule(1)])]), Some("hold 1 of 2 event rules")),
        (json!([page(2, vec![hook(1)]), page(2, vec![hook(1)])]), Some("hold 1 of 2 webhooks")),
        (json!([page(3, vec![]), page(1, vec![hook(1)])]), Some("hold 1 of 3 objects")),
        (json!([page(2, vec![hook(1)]), page(2, vec![hook(2)]), page(1, vec![rule(1)])]), None),
    ] {
        let todo = of_text(System::Netbox, &pages.to_string()).todo;
        let said = todo.iter().find(|point| point.contains("export the other pages"));
        assert_eq!(said.is_some(), wanted.is_some(), "{pages} {said:?}");
        assert!(wanted.is_none_or(|wanted| said.unwrap().contains(wanted)), "{wanted:?}: {said:?}");
    }
}

/// The event of a body as NetBox sends it.
fn event(body: &Json) -> Event {
    use crate::model::{Actor, EventId, Object, ReceiptId, Timestamp};
    let word = body["event"].as_str().unwrap();
    let kind =
        word.strip_prefix("job_").map_or(format!("netbox.object.{word}"), |job| format!("netbox.job.{job}"));
    let object = body["data"]["id"].as_i64().map(|id| Object {
        kind: "core.datasource".to_owned(),
        id: id.to_string(),
        name: None,
        url: None,
    });
    Event {
        id: EventId::of(ReceiptId::new(Timestamp::UNIX_EPOCH), 0),
        action: kind.rsplit('.').next().unwrap().to_owned(),
        r#type: kind,
        source: "netbox".to_owned(),
        system: "netbox".to_owned(),
        object,
        branch: None,
        actor: Actor { id: None, name: None },
        occurred_at: None,
        received_at: Timestamp::UNIX_EPOCH,
        correlation_id: None,
        changes: Vec::new(),
        before: Json::Null.into(),
        after: Json::Null.into(),
        data: body["data"].clone().into(),
        native: std::sync::Arc::new(body.clone()),
    }
}

#[test]
fn webhooks_of_infrahub_and_datagerry_have_no_templates() {
    let node = r#"[{"kind": "CoreStandardWebhook", "name": "w", "url": "https://x.example.com/{{ a }}", "shared_key": "k"}]"#;
    assert_eq!(
        url(&config(&of_text(System::Infrahub, node)).destinations[0]),
        "https://x.example.com/%7B%7B%20a%20%7D%7D"
    );
}

#[test]
fn what_is_not_told_is_said() {
    for (system, text, part) in [
        (
            System::Netbox,
            r#"{"count": 9, "next": "x", "results": [{"id": 1, "name": "w", "payload_url": "https://x.example.com/"}]}"#,
            "hold 1 of 9 webhooks",
        ),
        (
            System::Netbox,
            r#"{"id": 1, "name": "w", "payload_url": "https://x.example.com/"}"#,
            "does not say whether it has a secret",
        ),
        (
            System::Infrahub,
            r#"[{"kind": "CoreCustomWebhook", "name": "w", "url": "https://x.example.com/"}]"#,
            "has no branch_scope, so Infrahub's default is used: default_branch",
        ),
        (
            System::Infrahub,
            r#"[{"kind": "CoreCustomWebhook", "name": "w", "url": "https://x.example.com/", "headers": {"count": 2}}]"#,
            "headers that the export does not tell",
        ),
        (
            System::Infrahub,
            r#"[{"kind": "CoreCustomWebhook", "name": "w", "url": "https://x.example.com/", "validate_certificates": null}]"#,
            "does not say whether certificates are validated",
        ),
        (
            System::Datagerry,
            r#"[{"public_id": 1, "name": "w", "url": "https://x.example.com/", "event_types": ["create", "EXPLODE"]}]"#,
            "events that are not known here: EXPLODE",
        ),
        (
            System::Datagerry,
            r#"[{"public_id": 1, "name": "w", "url": "http://127.0.0.1/", "event_types": ["create"]}]"#,
            "which is now the gateway's",
        ),
    ] {
        let todo = of_text(system, text).todo;
        assert!(todo.iter().any(|point| point.contains(part)), "{part} is missing in {todo:#?}");
    }
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{1,40}", Just("yes".to_owned()), Just("${x}\n# y".to_owned()), any::<String>()]
        .prop_filter("names are not empty", |name| !name.trim().is_empty())
}

fn any_body() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ \r\n\ta-f#:|>'\"$%&*!-]{0,60}",
        "(\\{\"[a-c]\": \"\\$\\{[a-c]\\}\"\\}\r?\n){1,4}",
        "( {0,4}- [a-c]: (yes|1\\.0|null|~)\n){1,4}",
        "[^{}]{0,40}",
    ]
    .prop_map(|body| format!("{body}{{{{ data.name }}}}\n{body}"))
}

fn any_data() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "[ -~]{0,15}".prop_map(Json::from),
        Just(json!("1.0"))
    ];
    proptest::collection::btree_map("[ -~]{0,10}", leaf, 1..5).prop_map(|members| json!(members))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_export_of_netbox_arrives_as_it_was_meant(
        names in proptest::collection::vec(any_name(), 1..4),
        path in "[a-z/-]{0,10}[ü $}a\"\\\\]{0,5}",
        value in "[ -z|~]{0,19}",
        body in any_body(),
        data in any_data(),
        kinds in proptest::collection::vec("[a-z_]{1,8}\\.[a-z]{1,8}", 1..4),
    ) {
        let values: Vec<&Json> = data.as_object().unwrap().values().collect();
        let mut all = Vec::new();
        for (id, name) in names.iter().enumerate() {
            all.push(json!({
                "id": id, "name": name, "payload_url": format!("https://x.example.com/{path}"), "secret": "",
                "additional_headers": format!("X-Json: {value}"), "body_template": body,
            }));
            all.push(json!({
                "id": id, "name": name, "object_types": kinds, "event_types": ["object_updated"], "enabled": id % 2 == 0,
                "conditions": {"attr": "x", "op": "in", "value": values}, "action_data": data, "action_type": {"value": "webhook"}, "action_object_id": id,
            }));
        }
        let import = of_text(System::Netbox, &Json::from(all).to_string());
        let config = config(&import);
        prop_assert_eq!(config.destinations.len(), names.len(), "{}", import.config);
        prop_assert_eq!(config.routes.len(), names.len(), "{}", import.config);
        for (index, (to, route)) in config.destinations.iter().zip(&config.routes).enumerate() {
            let sent = &to.body_template.as_ref().unwrap().text;
            prop_assert_eq!(sent, &body.replace("\r\n", "\n").replace('\r', "\n"), "{}", import.config);
            if let Some((_, kept)) = to.headers.first() && !kept.expose().contains("replace-me") {
                prop_assert_eq!(kept.expose(), value.trim(), "{}", import.config);
            }
            prop_assert_eq!(route.active, index % 2 == 0);
            prop_assert_eq!(&route.to[0].1, &to.name);
            let when = route.when.as_ref().unwrap().to_json();
            prop_assert_eq!(&when["kind"], &json!(kinds));
            prop_assert_eq!(json!(route.action_data), data.clone(), "{}", import.config);
            prop_assert_eq!(&when["conditions"]["value"], &json!(values), "{}", import.config);
        }
    }
}
