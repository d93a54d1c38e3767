//! Values that are right: defaults, and every key once.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::config::{Auth, Breaker, ProxyKind, Rate, State, TlsVersion};
use crate::format::Format;
use crate::model::By;
use crate::schedule::Schedule;
use crate::secret::Secret;
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
    assert_eq!((a.in_flight, a.rate, a.supersede), (16, None, false));
    let breaker = Breaker { failures: 0.7, of: 10, within: 30 * SECOND, open: 30 * SECOND };
    assert_eq!((a.breaker, a.pause_after), (Some(breaker), Some(5 * 24 * 3600 * SECOND)));
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

    let [awx, slack, chat] = &config.destinations[..] else { panic!("three destinations") };
    assert_eq!(awx.method, http::Method::PUT);
    assert_eq!(awx.headers[0].1.expose(), "awx-token");
    assert_eq!(awx.retry.waits, [SECOND, Duration::ZERO, 60 * SECOND]);
    assert!(!awx.ordered && !awx.tls.verify && awx.tls.client.is_some());
    assert_eq!(awx.tls.min_version, TlsVersion::Tls13);
    assert_eq!(slack.sign.scheme, Scheme::None);
    assert!(!awx.supersede && slack.supersede);
    let breaker = Breaker { failures: 0.5, of: 4, within: 60 * SECOND, open: 10 * SECOND };
    assert_eq!((awx.breaker, awx.pause_after), (Some(breaker), Some(2 * 24 * 3600 * SECOND)));
    assert_eq!((slack.breaker, slack.pause_after), (None, None));

    let everywhere = config.egress.proxy.as_ref().unwrap();
    assert_eq!((everywhere.to_string().as_str(), everywhere.resolves), ("https://proxy.example:3129", true));
    assert!(everywhere.ca.is_some() && !everywhere.serves(&"http://10.1.1.1/".parse().unwrap()));
    let credentials =
        everywhere.credentials.as_ref().map(|(user, password)| (user.as_str(), password.expose()));
    assert_eq!(credentials, Some(("proxy-user", "proxy-password")));
    let own = awx.proxy.as_ref().unwrap();
    assert_eq!((own.to_string().as_str(), own.kind), ("socks5h://10.9.9.9:1080", ProxyKind::Socks5h));
    assert_eq!((&slack.proxy, &chat.proxy), (&None, &config.egress.proxy));
    let Some(Auth::OAuth2(client)) = &awx.auth else { panic!("a client") };
    assert_eq!(client.token_url, "https://sso.example/token");
    assert_eq!((client.client_id.as_str(), client.client_secret.expose()), ("gateway", "client-secret"));
    assert_eq!((client.scope.as_deref(), client.audience.as_deref()), (Some("hooks"), Some("awx")));
    assert!(client.in_body);
    let password = Secret::new("basic-password");
    assert_eq!(slack.auth, Some(Auth::Basic { user: "ann".to_owned(), password }));
    assert_eq!(chat.auth, Some(Auth::Bearer(Secret::new("bearer-token"))));

    assert_eq!(config.routes[0].script.as_ref().map(|(_, file)| file.as_str()), Some("scripts/one.rhai"));
    assert_eq!(config.routes[1].to[0].1, "slack");
    let (by, window) = config.routes[0].coalesce.map(|coalesce| (coalesce.by, coalesce.window)).unwrap();
    assert_eq!((by, window.quiet, window.max_wait), (By::Key, SECOND, 60 * SECOND));
    assert_eq!((window.max_events, window.max_bytes), (20, 1 << 20));
    assert_eq!(config.routes[1].coalesce, None);
    let (by, window) = config.routes[2].coalesce.map(|coalesce| (coalesce.by, coalesce.window)).unwrap();
    assert_eq!((by, window.quiet, window.max_wait), (By::Correlation, 2 * SECOND, 30 * SECOND));
    assert_eq!((window.max_events, window.max_bytes), (500, 8 << 20));
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
        "proxy-password",
        "own-password",
        "client-secret",
        "basic-password",
        "bearer-token",
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
