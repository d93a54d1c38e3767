//! The built binary: exit codes, what goes to stdout, signals.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::world::write;

fn crossconnect(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crossconnect")).args(args).current_dir(dir).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_demo_ends_with_0_once_everything_arrived() {
    let dir = tempfile::tempdir().unwrap();
    let output = crossconnect(dir.path(), &["demo", "--once"]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    for part in
        ["netbox.object.updated", "infrahub.node.updated", "datagerry.object.updated", "signature is right"]
    {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
}

#[test]
fn the_shipped_config_and_the_tests_of_adapters_and_scripts_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = crossconnect(root, &["check"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let output = crossconnect(root, &["test"]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(said.lines().last().is_some_and(|line| line.contains(" 0 failed")), "{said}");
}

#[test]
fn check_reports_every_mistake_of_every_file_with_its_place_and_ends_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let config = "sources:\n  nb: { adapter: netbax, secrets: [s] }\n  two: { adapter: netbox, secretes: [s] }\n\
                  destinations:\n  t: { url: \"ftp://x\", sign: none }\n\
                  routes:\n  - { name: r, script: scripts/bad.rhai, to: [tt] }\n";
    write(&dir.path().join("config.yaml"), config);
    write(&dir.path().join("scripts/bad.rhai"), "fn filter(event) { event.action == }\n");
    let output = crossconnect(dir.path(), &["check"]);
    assert_eq!(output.status.code(), Some(2));
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    for part in
        ["config.yaml:2:", "config.yaml:3:", "config.yaml:5:", "config.yaml:7:", "scripts/bad.rhai:1:"]
    {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
    assert!(said.contains("did you mean `netbox`?") && said.contains("did you mean `secrets`?"), "{said}");
    assert_eq!(crossconnect(dir.path(), &["serve"]).status.code(), Some(2), "serve does not start with it");
}

#[test]
fn try_shows_the_request_that_would_leave() {
    let dir = tempfile::tempdir().unwrap();
    let config = "egress: { allow: [127.0.0.0/8] }\nsources: { lab: { adapter: generic, secrets: [s3cret-of-lab] } }\n\
                  destinations: { t: { url: \"http://127.0.0.1:9/x\", sign: { scheme: github, secrets: [s3cret-of-t] } } }\n\
                  routes: [{ name: r, to: [t] }]\n";
    write(&dir.path().join("config.yaml"), config);
    write(
        &dir.path().join("body.json"),
        r#"{"type": "lab.thing.created", "object": {"kind": "thing", "id": "1"}}"#,
    );
    let args = ["try", "--source", "lab", "--file", "body.json", "--sign", "--output", "json"];
    let output = crossconnect(dir.path(), &args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let trial: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(trial["requests"][0]["url"], "http://127.0.0.1:9/x");
    assert_eq!(trial["verified"]["scheme"], "standard-webhooks");
    assert!(!text(&output.stdout).contains("s3cret"));
    let wrong: [&[&str]; 3] = [
        &["--source", "nope"],
        &["--source", "lab", "--lookup", "nope"],
        &["--source", "lab", "--lookup", "nope=body.json"],
    ];
    for more in wrong {
        let output = crossconnect(dir.path(), &[&["try", "--file", "body.json"], more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", text(&output.stderr));
    }
}

#[test]
fn schema_and_help_go_to_stdout() {
    let dir = tempfile::tempdir().unwrap();
    let schema = crossconnect(dir.path(), &["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert!(schema["properties"]["sources"].is_object());
    assert_eq!(crossconnect(dir.path(), &["no-such-command"]).status.code(), Some(2));
}

#[test]
fn sigterm_drains_and_ends_with_0() {
    let dir = tempfile::tempdir().unwrap();
    let config = "ingress: { listen: 127.0.0.1:0 }\nadmin: { listen: 127.0.0.1:0 }\nstate: sqlite:state.db\n\
                  sources: { lab: { adapter: generic, open: true } }\n";
    write(&dir.path().join("config.yaml"), config);
    let mut gateway = Command::new(env!("CARGO_BIN_EXE_crossconnect"))
        .args(["serve", "--config", "config.yaml", "--log-format", "json"])
        .current_dir(dir.path())
        .env_remove("RUST_LOG")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(gateway.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("crossconnect is ready") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended before it was ready");
    }
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = ready["ingress"].as_str().unwrap();
    // A request is under way when the signal comes; it is answered all the same.
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
        .write_all(
            b"POST /hooks/lab HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        )
        .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut answer = String::new();
    reader.read_line(&mut answer).unwrap();
    assert!(answer.contains("100"), "{answer}");
    let killed = Command::new("kill").args(["-TERM", &gateway.id().to_string()]).status().unwrap();
    assert!(killed.success());
    while !line.contains("draining") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended without draining");
    }
    stream.write_all(b"{}").unwrap();
    let mut rest = String::new();
    while reader.read_line(&mut rest).is_ok_and(|read| read > 0) {}
    assert!(rest.contains("200 OK") && rest.contains("accepted"), "{rest}");
    // Nobody reads the log any further; a full pipe must not hold it up.
    drop(log);
    assert_eq!(gateway.wait().unwrap().code(), Some(0));
}
