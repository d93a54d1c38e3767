//! Credentials stay where they were.

use super::*;
use crate::model::{Json, json};

fn everything(import: &Import) -> String {
    let scripts = import.scripts.iter().map(|script| format!("{}{}", script.text, script.test));
    format!("{}{}{}", import.config, import.todo.join("\n"), scripts.collect::<String>())
}

#[test]
fn no_secret_of_a_fixture_comes_out_again() {
    let secret = regex::Regex::new(r"[a-z-]*(?:hush|secret)[a-z-]*").unwrap();
    let mut seen = 0;
    for (system, files, golden) in FIXTURES {
        let out = everything(&of(system, files));
        for file in files {
            let text = fixture(file).text;
            for found in
                secret.find_iter(&text).map(|found| found.as_str()).filter(|found| *found != "secret")
            {
                assert!(!out.contains(found), "{found} is in {golden}");
                seen += 1;
            }
        }
    }
    assert!(seen > 15, "only {seen} secrets in the fixtures");
}

/// A webhook of NetBox with these fields.
fn webhook(fields: Json) -> Import {
    let mut whole = json!({"id": 1, "name": "w", "payload_url": "https://x.example.com/", "secret": ""});
    whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    of_text(System::Netbox, &whole.to_string())
}

#[test]
fn credentials_are_found_wherever_people_put_them() {
    for (field, value) in [
        ("secret", "hush"),
        ("payload_url", "https://x.example.com/a?token=hush"),
        ("payload_url", "https://x.example.com/a?b=1&api_key=hush&c=2"),
        ("payload_url", "https://x.example.com/a?sig=hush"),
        ("payload_url", "https://x.example.com/token/hush/run"),
        ("payload_url", "https://ann:hush@x.example.com/a"),
        ("payload_url", "https://hush@x.example.com/{{ data.id }}"),
        ("payload_url", "https://{{ data.u }}:hush@x.example.com/{{ data.id }}"),
        ("payload_url", "https://x.example.com/{{ data.id }}?key=hush"),
        ("payload_url", "https://x.example.com/{{ data.id }}?key={{ 'hush' }}"),
        ("payload_url", "https://hooks.slack.com/services/T0/B0/hush"),
        ("payload_url", "https://discord.com/api/webhooks/12345/hush"),
        ("payload_url", "https://x.example.com/h/abcdefghij0765432189hush"),
        ("payload_url", "https://x.example.com/#hush"),
        ("payload_url", "ftp://ann:hush@x.example.com/"),
        ("payload_url", "no url token=hush"),
        ("additional_headers", "Authorization: hush"),
        ("additional_headers", "Authorization: Bearer hush"),
        ("additional_headers", "Authorization: Bearer {{ 'hush' }}"),
        ("additional_headers", "Authorization: Token hush{{ data.id }}"),
        ("additional_headers", "X-Whatever: Basic hush"),
        ("additional_headers", "X-Api-Key:hush\r\nX-Other: 1"),
        ("additional_headers", "{% if data.a %}\nX-Auth-Token: hush\n{% endif %}"),
        ("additional_headers", "{% set token = 'hush' %}\nX-A: {{ token }}"),
        ("additional_headers", "X-Hook-Signature: hush"),
        ("additional_headers", "hush without a colon"),
        ("additional_headers", "Cookie: session=hush"),
        ("body_template", r#"{"token": "hush", "a": 1}"#),
        ("body_template", r#"{"api_key" : "hush"}"#),
        ("body_template", r#"{"headers": "Authorization: Bearer hushhush"}"#),
        ("body_template", "password=hush&a={{ data.id }}"),
        ("body_template", "{% set secret = \"hush\" %}{{ secret }}"),
        ("body_template", "{% set api_token = 'x' ~ 'y' %}{# token: hush #}"),
        ("body_template", r#"{"routing": "abcdefghij0765432189hush"}"#),
        ("body_template", "token: hush\nname: {{ data.name }}\n"),
        ("body_template", r#"{"a": "{{ "abcdefghij0765432189hush" }}"}"#),
        ("body_template", "{\"token\": \"hush\", \"id\": {{ data.id }"),
        ("body_template", r#"{"password": "it's-hush"}"#),
        ("body_template", r#"{"password": "a\"hush"}"#),
        ("body_template", r#"{"password": "'hush"}"#),
        ("body_template", r#"{"password": "a\\", "token": "hush"}"#),
        ("body_template", r#"{"password": 'it's-hush'}"#),
        ("body_template", r#"{"password": "it"-hush"}"#),
        ("body_template", r#"{"password": "unclosed hush"#),
        ("body_template", r#"{"a": "{\"password\": \"it's \\\"hush\"}"}"#),
        ("body_template", r#"{"tokens": ["a", "hush"], "b": 1}"#),
        ("body_template", r#"{"auth": {"user": "ann", "password": "[hush"}}"#),
        ("body_template", r#"{"token": "{{ data.id }}-hush"}"#),
        ("body_template", r#"{"token": "{{ 'hush' }}"}"#),
        ("body_template", r#"{"token": "a{{ data["x"] }}hush"}"#),
        ("body_template", r#"{"text": "log in with password=a(hush)"}"#),
        ("body_template", "password=Tr0ub(4dor)hush"),
        ("body_template", "password='it'\\''s-hush' run"),
        ("body_template", "password: 'it''s-hush'"),
        ("body_template", "password: correct horse hush\n"),
        ("body_template", "a: 1\npassword: [hush\n"),
        ("body_template", "password={hush}&a=1"),
        ("body_template", "<password>hush</password>"),
        ("body_template", "<a:password type=\"text\"><![CDATA[it's <hush>]]></a:password>"),
        ("body_template", "<password>hush"),
        ("body_template", "<login password=\"it's hush\"/>"),
        ("body_template", r#"{% set secret = "it's-hush" %}{{ secret }}"#),
        ("body_template", r#"{% set secret = "a\"hush" %}{{ secret }}"#),
        ("body_template", r#"{% set a = "it's" %}{% set secret = 'hush' %}"#),
        ("body_template", r#"{% set secret = "hush %}"#),
    ] {
        let import = webhook(json!({ field: value }));
        let out = everything(&import);
        assert!(!out.contains("hush"), "{field}: {value}\n{out}");
    }
}

#[test]
fn what_looks_like_a_credential_but_is_none_is_kept() {
    for (field, value, kept) in [
        ("payload_url", "https://x.example.com/run/0b6f3c52-6bb7-4a34-8d2a-25a4f4a57c11", "0b6f3c52"),
        ("payload_url", "https://x.example.com/a?state=up", "?state=up"),
        ("payload_url", "https://x.example.com/a?key={{ data.id }}", "?key={{ data.id }}"),
        (
            "additional_headers",
            "Authorization: Bearer {{ data.custom_fields.t }}",
            "Bearer {{ data.custom_fields.t }}",
        ),
        ("additional_headers", "X-Origin: netbox", "X-Origin: netbox"),
        ("body_template", r#"{"project": {"key": "NET"}, "token": "{{ data.t }}"}"#, r#"{{ data.t }}"#),
        ("body_template", r#"{"project": {"key": "NET"}, "author": "netbox"}"#, "NET"),
        ("body_template", "{% if data.token == 1 %}a{% endif %}", "{% if data.token == 1 %}a"),
    ] {
        let import = webhook(json!({ field: value }));
        assert!(import.config.contains(kept), "{field}: {value}\n{}", import.config);
        assert!(!import.config.contains("replace-me}"), "{field}: {value}\n{}", import.config);
    }
}

proptest::proptest! {
    #[test]
    fn no_part_of_a_password_in_json_is_left(before in "[a-z'\"\\\\<>()\\[\\]}&=%#, :/-]{0,9}", after in "[a-z'\"\\\\, }]{0,9}") {
        let inner = json!({"a": 1, "password": format!("{before}hush{after}"), "b": "c"}).to_string();
        let outer = json!({"text": inner}).to_string();
        for template in [inner, outer] {
            let mut variables = draft::Variables::default();
            let mut vault = draft::Vault::new("w", "webhook", &mut variables);
            let masked = mask::template(&template, "body template", &mut vault);
            proptest::prop_assert!(!masked.contains("hush"), "{template} became {masked}");
        }
    }
}

#[test]
fn what_stands_around_a_credential_is_kept() {
    for (template, wanted) in [
        (r#"{"token": "it's", "a": 1}"#, r#"{"token": "{{ secrets.token }}", "a": 1}"#),
        (r#"{"token": 12345, "a": 1}"#, r#"{"token": {{ secrets.token }}, "a": 1}"#),
        (r#"{"token": null, "a": 1}"#, r#"{"token": null, "a": 1}"#),
        (r#"{"tokens": ["a", "b"]}"#, r#"{"tokens": ["{{ secrets.tokens }}", "{{ secrets.tokens_2 }}"]}"#),
        (
            r#"{"a": "Authorization: Bearer x", "b": 1}"#,
            r#"{"a": "Authorization: Bearer {{ secrets.authorization }}", "b": 1}"#,
        ),
        (r#"{"a": "{\"token\": \"x\"}"}"#, r#"{"a": "{\"token\": \"{{ secrets.token }}\"}"}"#),
        ("a=1&token=x(y)&b={{ data.id }}", "a=1&token={{ secrets.token }}&b={{ data.id }}"),
        ("<token>x</token><a>1</a>", "<token>{{ secrets.token }}</token><a>1</a>"),
        ("{% set token = \"it's\" %}{{ token }}", "{% set token = secrets.token %}{{ token }}"),
    ] {
        let mut variables = draft::Variables::default();
        let mut vault = draft::Vault::new("w", "webhook", &mut variables);
        assert_eq!(mask::template(template, "body template", &mut vault), wanted);
    }
}

#[test]
fn every_placeholder_has_a_variable_of_its_own_that_the_list_names() {
    let text = r#"[{"id": 1, "name": "netbox", "payload_url": "https://x.example.com/", "secret": "a"},
                   {"id": 2, "name": "a", "payload_url": "https://x.example.com/", "secret": "a", "additional_headers": "b-secret: 1"},
                   {"id": 3, "name": "a-b", "payload_url": "https://x.example.com/", "secret": "a"},
                   {"id": 4, "name": "2fa", "payload_url": "https://x.example.com/", "secret": "a"}]"#;
    let import = of_text(System::Netbox, text);
    let variable = regex::Regex::new(r"\$\{([A-Z0-9_]+):-").unwrap();
    let mut names: Vec<&str> =
        variable.captures_iter(&import.config).map(|found| found.get(1).unwrap().as_str()).collect();
    names.sort_unstable();
    let wanted =
        ["A_B_SECRET", "A_B_SECRET_2", "A_SECRET", "HOOK_2FA_SECRET", "NETBOX_SECRET", "NETBOX_SECRET_2"];
    assert_eq!(names, wanted, "{}", import.config);
    for name in wanted {
        assert!(import.todo.iter().any(|point| point.starts_with(&format!("set {name}"))), "{name}");
    }
}

#[test]
fn secrets_of_headers_and_action_data_and_passwords_of_infrahub_stay() {
    let rule = r#"[{"id": 1, "name": "w", "payload_url": "https://x.example.com/", "secret": ""},
        {"id": 2, "name": "r", "object_types": ["dcim.site"], "event_types": ["object_created"], "action_type": "webhook", "action_object_id": 1,
         "action_data": {"password": "hush", "pin": {"tokens": ["hush", 7654321]}, "auth": {"user": "hush"}, "note": "Bearer hush"}}]"#;
    let out = everything(&of_text(System::Netbox, rule));
    assert!(!out.contains("hush") && !out.contains("7654321"), "{out}");
    assert!(!out.contains("replace-me}"), "a variable in action data would be stored in clear\n{out}");
    let todo = of_text(System::Netbox, rule).todo;
    let left_out = "(password, pin.tokens, auth.user, note): put them into `secrets:`";
    assert!(todo.iter().any(|point| point.contains(left_out)), "{todo:#?}");
    let node = r#"[{"kind": "CoreStandardWebhook", "name": "w", "url": "https://x.example.com/?token=hush", "shared_key": "hush",
        "headers": [{"kind": "CorePasswordKeyValue", "key": "X-A", "value": "hush"}, {"key": "Authorization", "value": "Bearer hush"}]}]"#;
    assert!(!everything(&of_text(System::Infrahub, node)).contains("hush"));
}
