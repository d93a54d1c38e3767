//! `crossconnect import`: what goes to stdout, stderr and into folders, and what of it works.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::write;

fn run(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossconnect"))
        .args(args)
        .current_dir(dir)
        .env_remove("CROSSCONNECT_CONFIG")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn fixture(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/fixtures/import", name].iter().collect();
    path.to_string_lossy().into_owned()
}

/// The secret that nobody knows.
fn random(config: &str) -> String {
    let (_, rest) = config.split_once("_SECRET:-").unwrap();
    rest.chars().take_while(char::is_ascii_hexdigit).collect()
}

/// The config saved alone in an empty folder, with no variables set.
fn passes_check(config: &str) {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("config.yaml"), config);
    let output = Command::new(env!("CARGO_BIN_EXE_crossconnect"))
        .arg("check")
        .current_dir(dir.path())
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{}in\n{config}", text(&output.stdout));
}

#[test]
fn the_config_goes_to_stdout_and_what_is_left_to_do_to_stderr() {
    let dir = tempfile::tempdir().unwrap();
    let import = || run(dir.path(), &["import", "netbox", &fixture("nautobot.json")]);
    let output = import();
    let (config, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("What is left to do:\n  1. set NETBOX_SECRET"), "{said}");
    assert!(!said.contains("crossconnect check has something to say"), "{said}");
    passes_check(&config);
    let (one, two) = (random(&config), random(&text(&import().stdout)));
    assert!(one.len() == 64 && two.len() == 64 && one != two, "{one} {two}");
}

#[test]
fn every_system_gives_a_config_that_passes_the_check() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        ["netbox", "netbox-4.4-event-rules.json", "netbox-4.4-webhooks.json"],
        ["infrahub", "infrahub-graphql.json", "infrahub-sdk.json"],
        ["datagerry", "datagerry.json", "datagerry.json"],
    ] {
        let [system, one, two] = args;
        let output = run(dir.path(), &["import", system, &fixture(one), &fixture(two)]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        passes_check(&text(&output.stdout));
    }
}

#[test]
fn a_folder_gets_the_config_and_scripts_that_run() {
    let dir = tempfile::tempdir().unwrap();
    let output =
        run(dir.path(), &["import", "infrahub", &fixture("infrahub-graphql.json"), "--dir", "gateway"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", text(&output.stderr));
    let gateway = dir.path().join("gateway");
    let check = run(&gateway, &["check"]);
    assert!(check.status.success(), "{}", text(&check.stdout));
    let tests = run(&gateway, &["test", "scripts/"]);
    assert!(text(&tests.stdout).contains("1 passed, 0 failed"), "{}", text(&tests.stdout));
}

#[test]
fn files_that_are_there_are_replaced_only_by_force() {
    let dir = tempfile::tempdir().unwrap();
    let export = fixture("infrahub-graphql.json");
    let args = ["import", "infrahub", &export, "--dir", "gateway"];
    let script = dir.path().join("gateway/scripts/slack_message.rhai");
    write(&script, "mine");
    let refused = run(dir.path(), &args);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("slack_message.rhai would be replaced"),
        "{}",
        text(&refused.stderr)
    );
    assert!(!dir.path().join("gateway/config.yaml").exists(), "nothing is written half");
    assert_eq!(std::fs::read_to_string(&script).unwrap(), "mine");
    let forced = run(dir.path(), &[&args[..], &["--force"]].concat());
    assert!(forced.status.success(), "{}", text(&forced.stderr));
    assert!(std::fs::read_to_string(&script).unwrap().contains("fn transform"));
}

#[cfg(unix)]
#[test]
fn a_config_that_everybody_could_read_becomes_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.yaml");
    write(&config, "old");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).unwrap();
    let args = ["import", "netbox", &fixture("nautobot.json"), "--dir", ".", "--force"];
    let output = run(dir.path(), &args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(config.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_the_config() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["import", "datagerry", &fixture("datagerry.json"), "--dir", "."]);
    let mode = dir.path().join("config.yaml").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn every_file_that_cannot_be_read_is_told_and_nothing_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("latin.json"), b"[\"\xe9\"]").unwrap();
    write(&dir.path().join("broken.json"), "{\n  \"a\": }");
    let output =
        run(dir.path(), &["import", "netbox", "absent.json", "latin.json", &fixture("nautobot.json")]);
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(
        said.contains("absent.json:1:1: could not read")
            && said.contains("latin.json:1:1: the export is not UTF-8")
    );
    let output = run(
        dir.path(),
        &["import", "netbox", "broken.json", &fixture("datagerry.json"), &fixture("nautobot.json")],
    );
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(said.contains("broken.json:2:8: the export is no JSON"), "{said}");
    assert!(said.contains("`$.results[0]` looks like an object of DATAGERRY"), "{said}");
}

#[test]
fn an_export_may_come_from_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let mut import = Command::new(env!("CARGO_BIN_EXE_crossconnect"))
        .args(["import", "netbox", "-"])
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let export = std::fs::read(fixture("nautobot.json")).unwrap();
    import.stdin.take().unwrap().write_all(&export).unwrap();
    let output = import.wait_with_output().unwrap();
    assert!(text(&output.stdout).contains("adapter: nautobot"), "{}", text(&output.stderr));
}

/// A gateway's folder made of these objects of NetBox.
fn imported(objects: &Value) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("export.json"), &objects.to_string());
    let output = run(dir.path(), &["import", "netbox", "export.json", "--dir", "."]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    dir
}

/// The requests that leave for a body that NetBox sends.
fn requests(dir: &TempDir, body: &Value) -> Vec<Value> {
    write(&dir.path().join("body.json"), &body.to_string());
    let args = ["try", "--source", "netbox", "--file", "body.json", "--sign", "--output", "json"];
    let output = run(dir.path(), &args);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let trial: Value = serde_json::from_slice(&output.stdout).unwrap();
    trial["requests"].as_array().unwrap().clone()
}

#[test]
fn what_a_tool_got_from_netbox_it_gets_from_the_gateway() {
    let dir = imported(&json!([
        {"id": 1, "name": "Tickets", "payload_url": "https://tickets.example.com/{{ model }}/{{ data.id }}?a=b",
         "http_method": "PUT", "http_content_type": "application/yaml", "secret": "s",
         "additional_headers": "X-Origin: netbox\r\nX-Request: {{ request_id }}\r\nAuthorization: Token hush",
         "body_template": "name: {{ data.name }}\r\nby: \"{{ username }}\"\r\n"},
        {"id": 5, "name": "New sites", "object_types": ["dcim.site"], "event_types": ["object_created", "job_completed"],
         "action_type": {"value": "webhook", "label": "Webhook"}, "action_object_id": 1, "enabled": true}
    ]));
    let body = |event: &str, kind: &str| {
        json!({"event": event, "timestamp": "2025-06-30T21:57:20.313712+00:00", "object_type": kind, "model": "site",
               "username": "ann", "request_id": "r-1", "data": {"id": 7, "url": "/api/dcim/sites/7/", "name": "fra1"},
               "snapshots": {"prechange": null, "postchange": {"name": "fra1"}}})
    };
    let sent = requests(&dir, &body("created", "dcim.site"));
    let [request] = &sent[..] else { panic!("{sent:#?}") };
    assert_eq!(request["method"], "PUT");
    let shown = request.to_string();
    for part in
        ["/site/7?a=b", "name: fra1", "by: \\\"ann\\\"", "x-request", "r-1", "application/yaml", "x-origin"]
    {
        assert!(shown.to_lowercase().contains(&part.to_lowercase()), "{part} is missing in {request:#}");
    }
    assert!(!shown.contains("hush"));
    assert_eq!(requests(&dir, &body("updated", "dcim.site")).len(), 0);
    assert_eq!(requests(&dir, &body("created", "dcim.rack")).len(), 0);
    let job = |kind: &str| json!({"event": "job_ended", "object_type": kind, "username": "ann", "data": {}});
    assert_eq!(requests(&dir, &job("dcim.site")).len(), 1);
    assert_eq!(requests(&dir, &job("core.datasource")).len(), 0);
}
