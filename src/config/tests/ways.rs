//! Proxies, proofs and TLS: the words for mistakes, and what lies over what.

use super::*;

/// All messages without their places, one below the other.
fn texts(text: &str) -> String {
    let found = messages(text);
    let texts: Vec<&str> = found.iter().map(|message| message.split_once(": ").unwrap().1).collect();
    texts.join("\n")
}

fn destination(more: &str) -> String {
    texts(&format!("destinations:\n  a: {{ url: 'https://a.example/', sign: none, {more} }}\n"))
}

fn destination_by(proxy: &str, auth: &str) -> String {
    texts(&format!(
        "egress: {{ allow: [127.0.0.0/8], proxy: '{proxy}' }}\n\
         destinations:\n  a: {{ url: 'https://a.example/', sign: none, auth: {auth} }}\n"
    ))
}

fn first(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[test]
fn proxies_are_told_what_is_wrong_with_them() {
    let proxy = |proxy: &str| texts(&format!("egress: {{ proxy: {proxy} }}"));
    for (given, wanted) in [
        (
            "proxy:3128",
            "`egress.proxy` must be a URL that begins with http://, https://, socks5:// or socks5h://\n  help: write it as `http://proxy.example.com:3128`",
        ),
        (
            "'sock5://proxy'",
            "`egress.proxy` has a scheme that no proxy of this version speaks\n  help: did you mean `socks5`?",
        ),
        (
            "'http://u:hunter2@'",
            "`egress.proxy` names no host\n  help: write it as `http://proxy.example.com:3128`",
        ),
        ("'http://proxy:70000'", "`egress.proxy` has a port that is none\n  help: ports go from 1 to 65535"),
        (
            "{ user: ann, password: hunter2 }",
            "`egress.proxy.url` is missing\n  help: such as `http://proxy.example.com:3128`",
        ),
        (
            "{ url: 'http://u:hunter2@proxy', user: ann }",
            "`egress.proxy` has credentials in its URL and in keys of their own\n  help: keep one of the two",
        ),
        (
            "{ url: 'http://proxy', password: hunter2 }",
            "`egress.proxy` has a password but no user\n  help: add `user:`",
        ),
        (
            "'socks5://ann@proxy'",
            "`egress.proxy` cannot be used with these credentials\n  help: SOCKS wants both, user and password",
        ),
        (
            "{ url: 'http://proxy', user: 'a:b', password: hunter2 }",
            "`egress.proxy` cannot be used with these credentials\n  help: a user name with a colon would be read as user and password",
        ),
        (
            "{ url: 'http://proxy', no_proxy: [awx.lan, 'http://x', 'a:0', '*x'] }",
            "`egress.proxy.no_proxy` must be a host, a domain, an address or a network, with `:port` or without, this is `http://x`\n  help: leave out the scheme: hosts alone are compared",
        ),
        (
            "{ url: 'socks5://proxy', resolve: proxy }",
            "`egress.proxy.resolve: proxy` needs a proxy that is told names\n  help: write the URL with socks5h://; socks5:// sends addresses",
        ),
        (
            "{ url: 'http://proxy', no_prxy: a }",
            "unknown key `egress.proxy.no_prxy`\n  help: did you mean `no_proxy`?",
        ),
        (
            "'http://169.254.169.254:80'",
            "169.254.169.254 is cloud metadata, which is never reached\n  help: give the proxy another address",
        ),
    ] {
        let found = proxy(given);
        assert!(found.starts_with(wanted), "{given}: {found}");
        assert!(!found.contains("hunter2"), "{found}");
    }
    let entries = proxy("{ url: 'http://proxy', no_proxy: [awx.lan, 'http://x', 'a:0', '*x'] }");
    assert_eq!(entries.matches("`egress.proxy.no_proxy` must be").count(), 3, "{entries}");
    let ca = texts("egress: { proxy: { url: 'http://proxy', ca: Cargo.toml } }");
    assert!(ca.contains("`egress.proxy.ca` is for proxies that are spoken to over TLS"), "{ca}");
    assert!(destination("proxy: nowhere").starts_with("`destinations.a.proxy` must be a URL"));
}

#[test]
fn a_destination_has_the_common_proxy_its_own_or_none() {
    let config = read(
        "egress: { proxy: 'http://proxy' }\n\
         destinations:\n\
         \x20 a: { url: 'https://a.example', sign: none }\n\
         \x20 b: { url: 'https://a.example', sign: none, proxy: none }\n\
         \x20 c: { url: 'https://a.example', sign: none, proxy: { url: 'socks5h://[fd00::1]', resolve: proxy } }\n\
         \x20 d: { url: 'https://a.example', sign: none, proxy: null }\n",
    );
    let shown = |index: usize| config.destinations[index].proxy.as_ref().map(ToString::to_string);
    assert_eq!(shown(0).as_deref(), Some("http://proxy:80"));
    assert_eq!(shown(1), None);
    assert_eq!(shown(2).as_deref(), Some("socks5h://[fd00::1]:1080"));
    assert_eq!(shown(3), shown(0));
    assert_eq!(read("egress: { proxy: '${HTTPS_PROXY:-}' }").egress.proxy, None);
}

#[test]
fn proofs_are_told_what_is_wrong_with_them() {
    for (given, wanted) in [
        (
            "auth: {}",
            "`destinations.a.auth` names no way\n  help: write `basic:`, `bearer:` or `oauth2:` below it",
        ),
        (
            "auth: { baisc: { user: a } }",
            "unknown key `destinations.a.auth.baisc`\n  help: did you mean `basic`?",
        ),
        (
            "auth: { bearer: x, basic: { user: a, password: b } }",
            "`destinations.a.auth.basic` and `destinations.a.auth.bearer` exclude each other\n  help: one request carries one proof: remove one of the two",
        ),
        (
            "auth: { bearer: x }, headers: { authorization: y }",
            "`destinations.a.auth` and the header `Authorization` exclude each other\n  help: both say who the gateway is: remove one of the two",
        ),
        (
            "auth: { basic: { user: 'a:b', password: x } }",
            "`destinations.a.auth.basic.user` has a colon, which ends user names\n  help: what follows it belongs into `password:`",
        ),
        (
            "auth: { basic: { user: a } }",
            "`destinations.a.auth.basic.password` is missing\n  help: add `password: \"${…}\"`",
        ),
        (
            "auth: { bearer: Bearer hunter2 }",
            "`destinations.a.auth.bearer` is no token\n  help: leave out the word `Bearer`, which the gateway writes itself",
        ),
        (
            "auth: { bearer: \"hunter2\\n\" }",
            "`destinations.a.auth.bearer` is no token\n  help: one word of visible ASCII: is there a line break at its end?",
        ),
        ("auth: { bearer: '${X:-}' }", "`destinations.a.auth.bearer` is empty"),
        (
            "auth: { oauth2: { token_url: 'http://sso.example/token', client_id: a, client_secret: hunter2 } }",
            "`destinations.a.auth.oauth2.token_url` would send the client's secret unencrypted\n  help: write it with https://; http:// is for loopback only",
        ),
        (
            "auth: { oauth2: { token_url: 'https://10.0.0.1/token', client_id: a, client_secret: hunter2 } }",
            "10.0.0.1 is private and not in egress.allow\n  help: add the address or its network to egress.allow",
        ),
        (
            "auth: { oauth2: { token_url: 'https://a.example/', client_id: a, client_secret: b, credentials: bdy } }",
            "`destinations.a.auth.oauth2.credentials` does not know `bdy`\n  help: did you mean `body`?",
        ),
    ] {
        let found = destination(given);
        assert!(found.starts_with(wanted), "{given}: {found}");
        assert_eq!(found.matches("help:").count(), 1, "{found}");
        assert!(!found.contains("hunter2"), "{found}");
    }
    let nothing = destination("auth: { oauth2: { scope: x } }");
    for key in ["token_url", "client_id", "client_secret"] {
        assert!(nothing.contains(&format!("`destinations.a.auth.oauth2.{key}` is missing")), "{nothing}");
    }
}

#[test]
fn a_proof_does_not_cross_the_public_network_unencrypted() {
    let to = |url: &str, auth: &str| {
        texts(&format!(
            "egress: {{ allow: [127.0.0.0/8, 10.0.0.0/8] }}\n\
             destinations:\n  a: {{ url: '{url}', sign: none, auth: {auth} }}\n"
        ))
    };
    let basic = "{ basic: { user: a, password: b } }";
    let wanted = "`destinations.a.auth` would send its proof unencrypted to 9.9.9.9";
    assert_eq!(first(&to("http://9.9.9.9/", basic)), wanted);
    assert_eq!(first(&to("http://9.9.9.9/", "{ bearer: x }")), wanted);
    for url in ["https://9.9.9.9/", "http://10.0.0.1/", "http://127.0.0.1/", "http://awx.lan/"] {
        assert_eq!(to(url, basic), "", "{url}");
    }
    let local = "{ oauth2: { token_url: 'http://localhost:1/t', client_id: a, client_secret: b } }";
    assert_eq!(to("https://a.example/", local), "");
    let by = |proxy: &str| destination_by(proxy, local);
    assert!(by("http://proxy:3128").starts_with("the client's secret would go unencrypted to the proxy"));
    assert!(by("socks5h://10.0.0.1").starts_with("the client's secret would go unencrypted to the proxy"));
    assert_eq!(by("http://127.0.0.1:3128"), "");
}

#[test]
fn certificate_files_are_read_beforehand() {
    let folder = folder();
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (file, text) in [("empty.pem", ""), ("other.pem", &*other)] {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    let of = |text: &str| {
        let mut problems = Problems::default();
        read_from(&folder, text, &mut problems);
        problems.into_sorted().into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    let none = "cannot be used: the file holds no";
    for (tls, wanted) in [
        ("ca: ca.pem, client_cert: cert.pem, client_key: key.pem", vec![]),
        ("ca: empty.pem", vec![format!("`D.tls.ca` {none} certificate in PEM")]),
        ("ca: key.pem", vec![format!("`D.tls.ca` {none} certificate in PEM")]),
        (
            "client_cert: key.pem, client_key: cert.pem",
            vec![
                format!("`D.tls.client_cert` {none} certificate in PEM"),
                format!("`D.tls.client_key` {none} private key in PEM"),
            ],
        ),
        (
            "client_cert: cert.pem, client_key: other.pem",
            vec!["`D.tls.client_key` cannot be used: keys may not be consistent: KeyMismatch".to_owned()],
        ),
        ("verify: false, ca: ca.pem", vec!["`D.tls.ca` is ignored, as nothing is verified".to_owned()]),
    ] {
        for (section, more) in [("destinations", "sign: none,"), ("lookups", "")] {
            let text = format!("{section}:\n  a: {{ url: 'https://a.example/', {more} tls: {{ {tls} }} }}\n");
            let wanted: Vec<_> =
                wanted.iter().map(|text| text.replace("D", &format!("{section}.a"))).collect();
            assert_eq!(of(&text), wanted, "{text}");
        }
    }
    let proxy = "egress: { proxy: { url: 'https://p.example:3128', ca: empty.pem } }";
    assert_eq!(of(proxy), [format!("`egress.proxy.ca` {none} certificate in PEM")]);
}

#[test]
fn what_counts_for_https_only_is_not_silently_ignored_elsewhere() {
    let folder = folder();
    let of = |url: &str, more: &str| {
        let text = format!("destinations:\n  a: {{ url: '{url}', sign: none, {more} }}\n");
        let mut problems = Problems::default();
        read_from(&folder, &text, &mut problems);
        problems.into_sorted().into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    let tls = "tls: { client_cert: cert.pem, client_key: key.pem, min_version: '1.3' }";
    let wanted = ["client_cert", "min_version"]
        .map(|key| format!("`destinations.a.tls.{key}` counts for https only, and the url is http"));
    assert_eq!(of("http://a.example/", tls), wanted);
    assert!(of("https://a.example/", tls).is_empty());
    assert!(of("{{ data.url }}", tls).iter().all(|message| !message.contains("counts for https")));
    let client = "auth: { oauth2: { token_url: 'https://b.example', client_id: a, client_secret: b } }";
    assert!(of("http://a.example/", &format!("{tls}, {client}")).is_empty(), "the token endpoint is https");
    assert_eq!(
        destination("tls: { min_version: 1.1 }"),
        "`destinations.a.tls.min_version` does not know `1.1`\n  help: did you mean `1.2`?"
    );
}

#[test]
fn a_preset_gives_the_endpoint_and_the_destination_the_client() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("presets")).unwrap();
    let preset = |auth: &str| {
        let text = format!(
            "about: a tool\ndestination:\n  url: https://tool.example/\n  sign: none\n  auth: {auth}\n"
        );
        std::fs::write(folder.path().join("presets/tool.yaml"), text).unwrap();
    };
    let of = |more: &str| {
        let mut problems = Problems::default();
        let text = format!("destinations: {{ a: {{ preset: tool, {more} }} }}");
        let config = read_from(&folder, &text, &mut problems);
        (config.unwrap().destinations.pop(), problems.into_sorted())
    };
    preset("{ oauth2: { token_url: 'https://sso.example/token', scope: hooks } }");
    let (found, problems) = of("auth: { oauth2: { client_id: me, client_secret: s } }");
    assert!(problems.is_empty(), "{problems:?}");
    let auth = found.unwrap().auth.unwrap();
    assert_eq!(auth.token_url().unwrap(), "https://sso.example/token");
    assert!(format!("{auth:?}").contains("hooks"));

    let (_, problems) = of("timeout: 5s");
    let missing: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        missing,
        [
            "`destinations.a.auth.oauth2.client_id` is missing",
            "`destinations.a.auth.oauth2.client_secret` is missing"
        ]
    );
    // Another kind replaces it, and so does a header of one's own.
    let (found, problems) = of("auth: { bearer: t }");
    assert_eq!((found.unwrap().auth.unwrap().name(), problems.len()), ("bearer", 0));
    let (found, problems) = of("headers: { Authorization: mine }");
    assert_eq!((found.unwrap().auth, problems.len()), (None, 0));
}
