//! Ways out through real proxies: tinyproxy and microsocks, which have to be installed.

mod played;
mod started;

use serde_json::{Value, json};

use self::played::{Authority, Played, encrypted};
use self::started::Started;
use crate::world::{World, change};

/// A destination `tool` at the receiver, and `more` below it.
fn config(proxy: &str, url: &str, more: &str) -> String {
    format!(
        "egress: {{ allow: [127.0.0.0/8, \"::1/128\"], proxy: {proxy} }}\n\
         sources: {{ lab: {{ adapter: generic, open: true }} }}\n\
         destinations:\n\
         \x20 tool: {{ url: \"{url}\", sign: none, retry: [], {more} }}\n\
         routes: [{{ name: all, to: [tool] }}]\n"
    )
}

/// Delivers one event and gives its only attempt.
async fn attempt(world: &World) -> Value {
    let before = world.admin("GET", "/api/v1/deliveries").await.body["items"].as_array().unwrap().len();
    let answer = world.post("lab", &change("a", 1 + before as u64)).await;
    assert_eq!(answer.body["deliveries"], 1, "{answer:?}");
    world.tried(1).await;
    let list = world.admin("GET", "/api/v1/deliveries").await.body;
    assert_eq!(list["items"].as_array().unwrap().len(), before + 1);
    let id = list["items"][0]["id"].as_str().unwrap().to_owned();
    world.admin("GET", &format!("/api/v1/deliveries/{id}")).await.body["attempts"][0].clone()
}

/// The class and the error of an attempt that failed.
fn failure(attempt: &Value) -> (&str, &str) {
    (attempt["class"].as_str().unwrap_or_default(), attempt["error"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn an_http_proxy_reads_plain_requests_and_carries_encrypted_ones() {
    let proxy = Started::tinyproxy("").await;
    let authority = Authority::new();
    let egress = format!("\"http://{}\"", proxy.address);
    let world =
        World::start_with(&config(&egress, "{receiver}/plain", ""), &[("ca.pem", &authority.pem())]).await;
    assert_eq!(attempt(&world).await["status"], 200);
    let target = encrypted(&authority, world.receiver.addr).await;
    let by_tls = config(&egress, &format!("https://{target}/tls"), "tls: { ca: ca.pem }");
    world.reconfigure(&by_tls, |_| {});
    assert_eq!(attempt(&world).await["status"], 200);

    let got = world.receiver.received();
    assert_eq!((got[0].path.as_str(), got[1].path.as_str()), ("/plain", "/tls"));
    assert!(got[0].header("via").contains("tinyproxy"), "the proxy read it");
    assert_eq!(got[1].header("via"), "", "and of this it could read nothing");
    assert_eq!(got[0].header("host"), world.receiver.addr.to_string());
    let log = proxy.log_with(&format!("CONNECT {target}")).await;
    assert!(log.contains(&format!("POST http://{}/plain", world.receiver.addr)), "{log}");
    world.finish().await;
}

#[tokio::test]
async fn an_http_proxy_with_a_login_takes_the_right_one_only() {
    let proxy = Started::tinyproxy("BasicAuth ann s3cr3t-pw").await;
    let authority = Authority::new();
    let right = format!("\"http://ann:s3cr3t-pw@{}\"", proxy.address);
    let world =
        World::start_with(&config(&right, "{receiver}/plain", ""), &[("ca.pem", &authority.pem())]).await;
    let target = encrypted(&authority, world.receiver.addr).await;
    let tls = format!("https://{target}/tls");
    assert_eq!(attempt(&world).await["status"], 200);
    world.reconfigure(&config(&right, &tls, "tls: { ca: ca.pem }"), |_| {});
    assert_eq!(attempt(&world).await["status"], 200);
    assert!(world.receiver.received().iter().all(|got| got.header("proxy-authorization").is_empty()));

    let wrong = format!("{{ url: \"http://{}\", user: ann, password: guessed-pw }}", proxy.address);
    let without = format!("\"http://{}\"", proxy.address);
    for (proxy, url, class, error) in [
        (&without, "{receiver}/plain", "config", "the proxy answered 407"),
        (&without, &tls, "config", "the proxy answered 407"),
        (&wrong, &tls, "config", "the proxy answered 401"),
        // In its answer to a plain request nothing tells that this is not the receiver's.
        (&wrong, "{receiver}/plain", "http_4xx", "the receiver answered 401"),
    ] {
        world.reconfigure(&config(proxy, url, "tls: { ca: ca.pem }"), |_| {});
        let refused = attempt(&world).await;
        assert_eq!(failure(&refused), (class, error), "{url}");
        if class == "config" {
            assert!(refused["remedy"].as_str().unwrap().contains("user and"), "{refused}");
        }
        assert!(!refused.to_string().contains("guessed-pw"), "{refused}");
    }
    assert_eq!(world.receiver.received().len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn socks5_is_told_the_address_and_socks5h_the_name() {
    let open = Started::microsocks(None).await;
    let closed = Started::microsocks(Some(("ann", "s3cr3t-pw"))).await;
    let world = World::start(&config("null", "{receiver}/direct", "")).await;
    played::also_on_ipv6(world.receiver.addr).await;
    let port = world.receiver.addr.port();
    for (proxy, login) in [(&open, ""), (&closed, "ann:s3cr3t-pw@")] {
        for (scheme, told) in [("socks5", "127.0.0.1"), ("socks5h", "localhost")] {
            let url = format!("\"{scheme}://{login}{}\"", proxy.address);
            world.reconfigure(&config(&url, &format!("http://localhost:{port}/"), ""), |_| {});
            let tried = attempt(&world).await;
            assert_eq!(tried["status"], 200, "{tried}");
            proxy.log_with(&format!("connected to {told}:{port}")).await;
        }
    }
    let before = world.receiver.received().len();
    for (proxy, login, error) in [
        (&closed, "", "the proxy wants a user and a password"),
        (&closed, "ann:guessed-pw@", "the proxy refused the user or the password"),
    ] {
        world.reconfigure(
            &config(&format!("\"socks5://{login}{}\"", proxy.address), "{receiver}/", ""),
            |_| {},
        );
        let refused = attempt(&world).await;
        assert_eq!(failure(&refused), ("config", error));
        assert!(!refused.to_string().contains("guessed-pw"), "{refused}");
    }
    let gone = config(&format!("\"socks5://{}\"", open.address), "http://127.0.0.1:1/", "");
    world.reconfigure(&gone, |_| {});
    assert_eq!(
        failure(&attempt(&world).await),
        ("connect", "the proxy could not connect: connection refused")
    );
    assert_eq!(world.receiver.received().len(), before);
    world.finish().await;
}

#[tokio::test]
async fn a_proxy_may_be_spoken_to_over_tls() {
    let inner = Started::tinyproxy("BasicAuth ann s3cr3t-pw").await;
    let authority = Authority::new();
    let proxy = encrypted(&authority, inner.address).await;
    let known = format!("{{ url: \"https://ann:s3cr3t-pw@{proxy}\", ca: ca.pem }}");
    let world =
        World::start_with(&config(&known, "{receiver}/plain", ""), &[("ca.pem", &authority.pem())]).await;
    assert_eq!(attempt(&world).await["status"], 200);
    let target = encrypted(&authority, world.receiver.addr).await;
    world.reconfigure(&config(&known, &format!("https://{target}/tls"), "tls: { ca: ca.pem }"), |_| {});
    assert_eq!(attempt(&world).await["status"], 200, "TLS within TLS");
    assert_eq!(world.receiver.received().len(), 2);

    let unknown = format!("\"https://{proxy}\"");
    let no_tls = Played::start("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let plain = format!("\"https://{}\"", no_tls.address);
    for (proxy, remedy) in [(unknown, "proxy.ca"), (plain, "speaks TLS")] {
        world.reconfigure(&config(&proxy, "{receiver}/plain", ""), |_| {});
        let refused = attempt(&world).await;
        let (class, error) = failure(&refused);
        assert!(class == "tls" && error.contains("with the proxy"), "{refused}");
        assert!(refused["remedy"].as_str().unwrap().contains(remedy), "{refused}");
    }
    world.finish().await;
}

#[tokio::test]
async fn what_no_proxy_names_and_destinations_without_a_proxy_leave_directly() {
    let proxy = Played::start("HTTP/1.1 500 never\r\n\r\n").await;
    let url = proxy.address;
    let named = format!("{{ url: \"http://{url}\", no_proxy: [other.example, 127.0.0.0/8] }}");
    let world = World::start(&config(&named, "{receiver}/named", "")).await;
    assert_eq!(attempt(&world).await["status"], 200);
    world.reconfigure(&config(&format!("\"socks5h://{url}\""), "{receiver}/own", "proxy: none"), |_| {});
    assert_eq!(attempt(&world).await["status"], 200);
    let port = world.receiver.addr.port();
    let by_port = format!("{{ url: \"http://{url}\", no_proxy: [\"127.0.0.1:{port}\"] }}");
    world.reconfigure(&config("null", "{receiver}/port", &format!("proxy: {by_port}")), |_| {});
    assert_eq!(attempt(&world).await["status"], 200);
    assert_eq!((world.receiver.received().len(), proxy.heard().len()), (3, 0));
    world.finish().await;
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_not_there_is_named() {
    let proxy = Started::tinyproxy("ConnectPort 1").await;
    let world = World::start(&config("null", "{receiver}/", "")).await;
    let target = format!("https://{}/", world.receiver.addr);
    world.reconfigure(&config(&format!("\"http://{}\"", proxy.address), &target, ""), |_| {});
    let refused = attempt(&world).await;
    assert_eq!(failure(&refused), ("connect", "the proxy answered 403"));
    assert!(refused["remedy"].as_str().unwrap().contains("no_proxy"), "{refused}");
    for scheme in ["http", "https", "socks5", "socks5h"] {
        for url in [&target, "{receiver}/"] {
            world.reconfigure(&config(&format!("\"{scheme}://127.0.0.1:1\""), url, ""), |_| {});
            let refused = attempt(&world).await;
            let (class, error) = failure(&refused);
            assert!(
                class == "connect" && error.starts_with("the proxy: could not connect"),
                "{scheme}: {refused}"
            );
            assert!(refused["remedy"].as_str().unwrap().contains("start the proxy"), "{refused}");
        }
    }
    assert!(world.receiver.received().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn of_a_target_that_egress_does_not_allow_no_proxy_hears() {
    let proxy = Played::start("HTTP/1.1 200 OK\r\n\r\n").await;
    let world = World::start(&config("null", "{receiver}/", "")).await;
    let port = world.receiver.addr.port();
    for scheme in ["http", "socks5", "socks5h"] {
        for resolve in ["local", "proxy"] {
            if (scheme, resolve) == ("socks5", "proxy") {
                continue;
            }
            let by = format!("{{ url: \"{scheme}://{}\", resolve: {resolve} }}", proxy.address);
            for url in ["http://127.0.0.1", "https://127.0.0.1", "http://localhost", "https://localhost"] {
                // `check` already refuses such a config; what counts is the look when sending.
                world.reconfigure(&config(&by, &format!("{url}:{port}/"), ""), |config| {
                    config.egress.allow.clear()
                });
                let refused = attempt(&world).await;
                assert_eq!(refused["class"], "refused_address", "{scheme} {url}: {refused}");
            }
        }
    }
    assert_eq!((proxy.heard().len(), world.receiver.received().len()), (0, 0));
    world.finish().await;
}

#[tokio::test]
async fn a_name_that_does_not_resolve_here_is_left_to_the_proxy_only_if_told_so() {
    let proxy = Played::start("HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await;
    let by = |resolve: &str| format!("{{ url: \"http://{}\", resolve: {resolve} }}", proxy.address);
    let world = World::start(&config(&by("local"), "http://awx.invalid/hook", "")).await;
    let refused = attempt(&world).await;
    assert_eq!(refused["class"], "dns", "{refused}");
    assert!(refused["remedy"].as_str().unwrap().contains("resolve: proxy"), "{refused}");
    assert!(proxy.heard().is_empty());
    world.reconfigure(&config(&by("proxy"), "http://awx.invalid/hook", ""), |_| {});
    assert_eq!(attempt(&world).await["status"], 204);
    let heard = proxy.heard();
    assert!(heard[0].starts_with("POST http://awx.invalid/hook HTTP/1.1\r\n"), "{heard:?}");
    // A host from the event is judged by its address, so it has to have one.
    world.reconfigure(&config(&by("proxy"), "http://{{ data.host }}/", ""), |_| {});
    let event = json!({"type": "lab.thing.updated", "object": {"kind": "thing", "id": "z"}, "data": {"host": "awx.invalid"}});
    world.post("lab", &event).await;
    world.tried(1).await;
    let list = world.admin("GET", "/api/v1/deliveries").await.body;
    assert_eq!(list["items"][0]["last_class"], "dns", "{list}");
    assert_eq!(proxy.heard().len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn tokens_are_fetched_by_the_same_proxy() {
    let proxy = Started::tinyproxy("").await;
    let token = r#"{"access_token": "from-afar", "expires_in": 60}"#;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{token}", token.len());
    let tokens = Played::start(&head).await;
    let auth = format!(
        "auth: {{ oauth2: {{ token_url: \"http://{}/token\", client_id: me, client_secret: s3cr3t }} }}",
        tokens.address
    );
    let world = World::start(&config(&format!("\"http://{}\"", proxy.address), "{receiver}/", &auth)).await;
    let tried = attempt(&world).await;
    assert_eq!(tried["status"], 200, "{tried}");
    assert!(!tried.to_string().contains("from-afar"), "{tried}");
    assert_eq!(world.receiver.received()[0].header("authorization"), "Bearer from-afar");
    proxy.log_with(&format!("POST http://{}/token", tokens.address)).await;
    world.finish().await;
}

#[tokio::test]
async fn destinations_are_listed_with_proxy_and_proof_but_without_secrets() {
    let egress = "\"http://ann:s3cr3t-pw@127.0.0.1:3128\"";
    let more = "auth: { bearer: s3cr3t-token }, tls: { verify: false }";
    let world = World::start(&config(egress, "https://127.0.0.1:9/", more)).await;
    let list = world.admin("GET", "/api/v1/destinations").await.body;
    let tool = &list["items"][0];
    assert_eq!((&tool["proxy"], &tool["auth"]), (&json!("http://127.0.0.1:3128"), &json!("bearer")));
    assert_eq!(tool["tls"]["verify"], false);
    assert!(tool["tls"]["warning"].as_str().unwrap().contains("not verified"), "{tool}");
    assert!(!list.to_string().contains("s3cr3t"), "{list}");
    world.reconfigure(&config("null", "https://127.0.0.1:9/", ""), |_| {});
    let list = world.admin("GET", "/api/v1/destinations").await.body;
    let tool = &list["items"][0];
    assert_eq!(
        (&tool["proxy"], &tool["auth"], &tool["tls"]),
        (&Value::Null, &Value::Null, &json!({"verify": true}))
    );
    world.finish().await;
}
