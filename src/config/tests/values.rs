//! Values that are right: defaults, and every key once.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::{Rate, State};
use crate::format::Format;
use crate::schedule::Schedule;
use crate::signature::{Encoding, Hash, Scheme};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_empty_config_has_the_documented_defaults() {
    let config = read("");
    assert_eq!(config.ingress.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.ingress.base_path, "");
    assert_eq!(config.ingress.max_body, 2 << 20);
    assert_eq!(config.ingress.request_timeout, 15 * SECOND);
    assert_eq!(config.ingress.header_timeout, 10 * SECOND);
    assert_eq!(config.ingress.grace, 30 * SECOND);
    assert_eq!(config.ingress.max_connections, 4096);
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.admin.token, None);
    assert_eq!(config.state, State::Sqlite("./data/crossconnect.db".into()));
    assert_eq!(config.dedupe, 24 * 3600 * SECOND);
    assert_eq!(config.retention.delivered, 7 * 24 * 3600 * SECOND);
    assert_eq!(config.retention.dead, 30 * 24 * 3600 * SECOND);
    assert_eq!((config.egress.allow.len(), config.egress.in_flight), (0, 256));
    assert_eq!(config.dir, Path::new("."));
    assert_eq!(config.loop_guard.max_hops, 8);
    assert!(config.loop_guard.name.starts_with("gw-"), "{}", config.loop_guard.name);
}

#[test]
fn a_destination_has_the_documented_defaults() {
    let config = read("destinations: { a: { url: 'https://a.example/x', sign: { secrets: [s] } } }");
    let a = &config.destinations[0];
    assert_eq!(a.format, Format::Event);
    assert_eq!(a.sign.scheme, Scheme::StandardWebhooks);
    assert_eq!(a.method, http::Method::POST);
    assert_eq!((a.timeout, a.connect_timeout), (20 * SECOND, 5 * SECOND));
    assert_eq!(a.retry, Schedule::default());
    assert!(a.ordered && a.tls.verify);
    assert_eq!((a.in_flight, a.rate), (16, None));
}

#[test]
fn every_key_reaches_its_field() {
    let folder = folder();
    let mut problems = Problems::default();
    let config = read_from(&folder, include_str!("everything.yaml"), &mut problems).unwrap();
    assert!(problems.is_empty(), "{problems:#?}");

    assert_eq!(config.ingress.listen.to_string(), "[::1]:0");
    assert_eq!(config.ingress.base_path, "/cmdb");
    assert_eq!((config.ingress.max_body, config.ingress.max_connections), (512 << 10, 12));
    assert_eq!(config.ingress.trusted_proxies[0].to_string(), "10.0.0.1/32");
    assert_eq!(config.ingress.grace, 90 * SECOND);
    assert_eq!(config.admin.token.as_ref().map(|token| token.expose()), Some("0123456789"));
    assert_eq!(config.state, State::Sqlite(folder.path().join("state/gateway.db")));
    assert_eq!(config.egress.in_flight, 9);
    assert_eq!((config.scripts.operations, config.scripts.string_bytes), (5000, 64 << 10));
    assert_eq!(config.scripts.wall_clock, Duration::from_millis(20));

    let [netbox, infrahub, datagerry, lab, wild] = &config.sources[..] else { panic!("five sources") };
    assert_eq!(netbox.secrets.len(), 2);
    assert!(netbox.templated && netbox.map.is_some());
    assert_eq!(netbox.rate, Some(Rate { count: 100, per: SECOND }));
    assert_eq!((netbox.dedupe, netbox.tolerance), (Some(10 * SECOND), None));
    assert_eq!((infrahub.tolerance, infrahub.variants), (Some(None), false));
    assert_eq!(infrahub.default_branch.as_deref(), Some("develop"));
    assert_eq!(datagerry.kinds["3"], "server");
    assert_eq!(datagerry.allow_addresses[0].to_string(), "10.1.2.3/32");
    let Some(Scheme::Custom(custom)) = &lab.scheme else { panic!("a custom scheme") };
    assert_eq!((custom.hash, custom.encoding), (Hash::Sha512, Encoding::Base64));
    assert_eq!((custom.header.as_str(), custom.over.as_str()), ("X-Lab", "{timestamp}.{body}"));
    assert!(wild.open && wild.scheme.is_none() && wild.tolerance == Some(None));

    let [awx, slack] = &config.destinations[..] else { panic!("two destinations") };
    assert_eq!(awx.method, http::Method::PUT);
    assert_eq!(awx.headers[0].1.expose(), "Bearer awx-token");
    assert_eq!(awx.retry.waits, [SECOND, Duration::ZERO, 60 * SECOND]);
    assert!(!awx.ordered && !awx.tls.verify && awx.tls.client.is_some());
    assert_eq!(slack.sign.scheme, Scheme::None);

    assert_eq!(config.routes[0].script.as_ref().map(|(_, file)| file.as_str()), Some("scripts/one.rhai"));
    assert_eq!(config.routes[1].to[0].1, "slack");
}

#[test]
fn no_secret_shows_in_debug_output() {
    let mut problems = Problems::default();
    let config = read_from(&folder(), include_str!("everything.yaml"), &mut problems).unwrap();
    let shown = format!("{config:?}");
    for secret in [
        "new-secret",
        "old-secret",
        "whole-secret",
        "lab-secret",
        "path-token",
        "awx-secret",
        "awx-token",
        "0123456789",
    ] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn state_takes_relative_and_absolute_files() {
    let state = |text: &str| read(&format!("state: {text}")).state;
    assert_eq!(state("sqlite:a.db"), State::Sqlite("./a.db".into()));
    assert_eq!(state("sqlite:/var/lib/a.db"), State::Sqlite("/var/lib/a.db".into()));
    assert_eq!(state("sqlite:///var/lib/a.db"), State::Sqlite("/var/lib/a.db".into()));
}

#[test]
fn an_empty_admin_token_is_none() {
    assert_eq!(read("admin: { token: \"\" }").admin.token, None);
    assert_eq!(read("admin: { token: \"${X:-}\" }").admin.token, None);
}

#[test]
fn on_newer_wait_and_an_absent_proxy_are_fine() {
    read(
        "egress: { proxy: null }\ndestinations: { a: { url: 'http://a.example', sign: none, on_newer: wait } }",
    );
}

#[test]
fn localhost_and_private_addresses_are_fine_where_allowed() {
    read(
        "egress: { allow: [127.0.0.0/8, 10.0.0.0/8] }\n\
         destinations:\n  a: { url: 'http://localhost:9090', sign: none }\n  b: { url: 'http://10.1.2.3/', sign: none }\n",
    );
}

#[test]
fn a_byte_order_mark_is_no_mistake() {
    read("\u{feff}dedupe: 1h\n");
}
