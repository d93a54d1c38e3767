//! The words for common mistakes, to the letter; and that all of them are told at once.

use proptest::prelude::*;

use super::*;

/// The only message about a config.
fn message(text: &str) -> String {
    let found = messages(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].clone()
}

/// All messages without their places.
fn texts(text: &str) -> String {
    let found = messages(text);
    let texts: Vec<&str> = found.iter().map(|message| message.split_once(": ").unwrap().1).collect();
    texts.join("\n")
}

/// A destination with some more keys.
fn destination(more: &str) -> String {
    texts(&format!("destinations:\n  a: {{ url: 'https://a.example/', {more} }}\n"))
}

fn source(keys: &str) -> String {
    texts(&format!("sources:\n  a: {{ {keys} }}\n"))
}

fn route(keys: &str) -> String {
    let text = format!(
        "sources: {{ netbox-prod: {{ adapter: netbox, secrets: [s] }} }}\n\
         destinations: {{ awx: {{ url: 'https://a.example/', sign: none }} }}\n\
         routes:\n  - {{ {keys} }}\n"
    );
    texts(&text)
}

#[test]
fn keys_and_kinds_of_values() {
    assert_eq!(
        message("ingress: { lissten: 127.0.0.1:80 }"),
        "config.yaml:1:12: unknown key `ingress.lissten`\n  help: did you mean `listen`?"
    );
    assert_eq!(message("ingress: [a]"), "config.yaml:1:10: `ingress` must be a mapping, this is a list");
    assert_eq!(message("- a"), "config.yaml:1:1: the document must be a mapping, this is a list");
    assert_eq!(
        message("routes: {}"),
        "config.yaml:1:9: `routes` must be a list of routes, this is a mapping"
    );
    assert_eq!(
        message("sources: { a: { adapter: netbox, secrets: [s], open: yes } }"),
        "config.yaml:1:54: `sources.a.open` must be true or false, this is a text"
    );
}

#[test]
fn values_in_a_form_of_their_own() {
    for (text, wanted) in [
        (
            "dedupe: 24",
            "config.yaml:1:9: `dedupe` must be a duration such as `250ms`, `15s`, `5m` or `1h30m`, this is `24`\n  help: a unit is missing: write `24s` for seconds",
        ),
        (
            "retention: { dead: 1w }",
            "config.yaml:1:20: `retention.dead` must be a duration such as `250ms`, `15s`, `5m` or `1h30m`, this is `1w`\n  help: the units are ms, s, m, h and d",
        ),
        (
            "ingress: { max_body: 2mb }",
            "config.yaml:1:22: `ingress.max_body` must be a size such as `2MiB`, `512KiB` or `1000000`, this is `2mb`\n  help: the units are B, kB, MB, GB, KiB, MiB and GiB",
        ),
        (
            "ingress: { listen: localhost:8080 }",
            "config.yaml:1:20: `ingress.listen` must be an address and a port such as `127.0.0.1:8080` or `[::1]:8080`, this is `localhost:8080`\n  help: names are not looked up: write `127.0.0.1:8080`",
        ),
        (
            "ingress: { base_path: cmdb }",
            "config.yaml:1:23: `ingress.base_path` must be a path such as `/` or `/cmdb`, this is `cmdb`\n  help: it begins with a slash",
        ),
        (
            "egress: { allow: [10.0.0.0/8, intranet] }",
            "config.yaml:1:31: `egress.allow` must be an address or a network such as `10.0.0.0/8`, this is `intranet`",
        ),
        (
            "egress: { in_flight: 0 }",
            "config.yaml:1:22: `egress.in_flight` must be a whole number from 1 to 65536, this is `0`",
        ),
        (
            "state: postgres://x",
            "config.yaml:1:8: `state` must begin with `sqlite:` or `redis://`\n  help: write `sqlite:data/crossconnect.db`; the path counts from the folder of the config; or `redis://HOST:6379/0` (docs/redis.md)",
        ),
    ] {
        assert_eq!(message(text), wanted);
    }
}

#[test]
fn an_admin_side_open_to_the_network_needs_a_token() {
    let wanted = "config.yaml:1:18: the admin side would be open to everybody on 0.0.0.0:8081: `admin.token` is not set\n  help: set `admin.token`, or listen on 127.0.0.1";
    assert_eq!(message("admin: { listen: 0.0.0.0:8081 }"), wanted);
    assert_eq!(message("admin: { listen: 0.0.0.0:8081, token: \"${T:-}\" }"), wanted);
    assert_eq!(
        message("admin: { listen: 127.0.0.1:8080 }"),
        "config.yaml:1:18: ingress and admin would both listen on 127.0.0.1:8080\n  help: give one of them another port"
    );
}

#[test]
fn a_source_has_to_prove_itself() {
    assert_eq!(
        source("adapter: netbox"),
        "nothing proves who sends to `sources.a`\n  help: give it `secrets:`, a `token:` or `allow_addresses:`; `open: true` takes anything from anybody"
    );
    assert_eq!(source("adapter: netbox, secrets: []"), source("adapter: netbox"));
    assert_eq!(
        source("adapter: netbox, secrets: ['${NOT_SET:-}']"),
        "an entry of `sources.a.secrets` is empty, and would prove nothing\n  help: is the variable that should hold it set?"
    );
    assert_eq!(
        source("adapter: netbox, secrets: [s], open: true"),
        "`sources.a` is open and has `secrets`: only one of them can be meant\n  help: remove `open: true`, or the proof"
    );
    assert_eq!(
        source("adapter: generic, sign: github"),
        "`sources.a` has a scheme but no secrets\n  help: add `secrets:`"
    );
    assert_eq!(
        source("adapter: datagerry, token: a b"),
        "`sources.a.token` cannot stand in a URL as it is\n  help: letters, digits, `-`, `.`, `_` and `~` make a token; try `openssl rand -hex 24`"
    );
    assert_eq!(
        source("adapter: generic, secrets: [whsec_#]"),
        "the secret begins with `whsec_`, but what follows is no base64\n  help: copy it whole, or use a text that does not begin with `whsec_`"
    );
}

#[test]
fn adapters_and_names() {
    assert_eq!(
        source("adapter: netbx, secrets: [s]"),
        "there is no adapter `netbx`\n  help: did you mean `netbox`?; adapters of your own lie in adapters/NAME.yaml beside the config"
    );
    assert!(source("secrets: [s]").starts_with("`sources.a.adapter` is missing\n  help: one of "));
    assert_eq!(
        message("sources: { 'net box': { adapter: netbox, secrets: [s] } }"),
        "config.yaml:1:12: `net box` cannot name a source\n  help: a name has up to 64 letters, digits, `-`, `_`, `.`, and begins with a letter or digit"
    );
}

#[test]
fn urls_of_destinations() {
    let url = |url: &str| message(&format!("destinations:\n  a: {{ url: '{url}', sign: none }}\n"));
    for (text, wanted) in [
        ("awx.example.com/x", "must be a URL that begins with http:// or https://"),
        ("https://", "is no URL"),
        ("https://user:pw@awx.example.com/", "holds a user name"),
        ("https://awx.example.com:99999/", "has a port that is none"),
        ("https://awx.example.com/#top", "has a fragment, which is never sent"),
        ("https://awx.example.com/ä b", "is no URL"),
    ] {
        let found = url(text);
        assert!(
            found.starts_with(&format!("config.yaml:2:13: `destinations.a.url` {wanted}\n  help: ")),
            "{found}"
        );
        assert!(!found.contains("pw"), "{found}");
    }
    assert_eq!(
        url("http://127.0.0.1:9090/awx"),
        "config.yaml:2:13: 127.0.0.1 is loopback and not in egress.allow\n  help: add the address or its network to egress.allow"
    );
    assert!(url("http://localhost/").contains("localhost is loopback and not in egress.allow"));
    assert!(url("http://[fd12::1]/").contains("[fd12::1] is private (unique local) and not in egress.allow"));
    assert!(
        url("http://169.254.169.254/x").contains("169.254.169.254 is cloud metadata, which is never reached")
    );
}

#[test]
fn signing_of_destinations() {
    let none = "`destinations.a.sign` has no secrets to sign with\n  help: add `sign: { secrets: [\"${…}\"] }`, or send unsigned with `sign: { scheme: none }`";
    assert_eq!(destination("method: POST"), none);
    assert_eq!(destination("sign: github"), none);
    assert_eq!(
        destination("sign: { scheme: githb, secrets: [s] }"),
        "`destinations.a.sign.scheme` does not know `githb`\n  help: did you mean `github`?"
    );
    assert_eq!(
        destination("sign: { scheme: github, secrets: [s], hash: sha1 }"),
        "`destinations.a.sign.hash` belongs to scheme custom, this is github\n  help: write `scheme: custom`, or remove the key"
    );
    assert_eq!(
        destination("sign: { scheme: custom, secrets: [s] }"),
        "`destinations.a.sign.header` is missing\n  help: name the header that carries the signature, such as `X-Signature`"
    );
    assert_eq!(
        destination("sign: { scheme: custom, header: X-A, secrets: [s], over: '{url}{body}' }"),
        "`destinations.a.sign.over` must be a text with `{body}` in it, this is `{url}{body}`\n  help: it may hold `{body}`, `{id}` and `{timestamp}`"
    );
    assert_eq!(
        destination("sign: { secrets: [whsec_%%] }"),
        "the secret begins with `whsec_`, but what follows is no base64\n  help: copy it whole, or use a text that does not begin with `whsec_`"
    );
    assert_eq!(
        destination(
            "sign: { scheme: standard-webhooks-ed25519, secrets: [whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=] }"
        ),
        "the key is a public one, which cannot sign\n  help: give the secret key, which begins with `whsk_`; the public one is for the receiver"
    );
    assert_eq!(
        source("adapter: generic, secrets: [whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=]"),
        "the secret is a key of the scheme standard-webhooks-ed25519\n  help: write `sign: { scheme: standard-webhooks-ed25519, … }`, or use a `whsec_` secret"
    );
    assert_eq!(
        source("adapter: infrahub, sign: standard-webhooks-ed25519, secrets: [whsk_nWGxne9W]"),
        "the secret key has neither 32 nor 64 bytes\n  help: copy the key whole, with its padding"
    );
}

#[test]
fn headers_methods_and_tls_of_destinations() {
    assert_eq!(
        destination("sign: none, headers: { Host: x }"),
        "the header `Host` is set by the gateway itself\n  help: remove it"
    );
    assert!(
        destination("sign: none, headers: { webhook-id: x }").contains("the header `webhook-id` is set by")
    );
    assert_eq!(
        destination("sign: none, headers: { 'a b': x }"),
        "`destinations.a.headers.a b` is no name of a header\n  help: letters, digits and `-` make a name"
    );
    assert_eq!(
        destination("sign: none, headers: { X: \"a\\nb\" }"),
        "`destinations.a.headers.X` holds what no header can carry\n  help: one line of ASCII text; base64 for anything else"
    );
    assert!(
        destination("sign: none, headers: { X-A: 1, x-a: 2 }").contains("the header `x-a` stands here twice")
    );
    assert_eq!(
        destination("sign: none, method: FETCH"),
        "`destinations.a.method` must be one of POST, PUT, PATCH, DELETE, GET, this is `FETCH`"
    );
    assert_eq!(
        destination("sign: none, tls: { ca: missing.pem }"),
        "`destinations.a.tls.ca` names the file `missing.pem`, which is not there\n  help: relative paths count from the folder of the config"
    );
    assert!(destination("sign: none, tls: { client_key: x }").contains("stands there without `client_cert`"));
    assert_eq!(
        destination("sign: none, format: evnt"),
        "`destinations.a.format` does not know `evnt`\n  help: did you mean `event`?"
    );
}

#[test]
fn when_a_receiver_is_left_alone() {
    assert_eq!(
        destination("sign: none, breaker: true"),
        "`destinations.a.breaker` must be `off`, or a mapping such as `{ failures: 70%, of: 10, within: 30s, open: 30s }`, this is `true`"
    );
    assert_eq!(
        destination("sign: none, breaker: { failures: 70 }"),
        "`destinations.a.breaker.failures` must be a share such as `70%`, this is `70`\n  help: the sign is missing: write `70%`"
    );
    assert_eq!(
        destination("sign: none, breaker: { failures: 0% }"),
        "`destinations.a.breaker.failures` must be a share such as `70%`, this is `0%`\n  help: it is more than 0% and at most 100%"
    );
    assert_eq!(
        destination("sign: none, breaker: { off: 1 }"),
        "unknown key `destinations.a.breaker.off`\n  help: did you mean `of`?"
    );
    assert_eq!(
        destination("sign: none, pause_after: 5"),
        "`destinations.a.pause_after` must be a duration such as `5d`, or `off`, this is `5`\n  help: a unit is missing: write `5s` for seconds"
    );
    assert_eq!(destination("sign: none, breaker: off, pause_after: off"), "");
}

#[test]
fn routes_refer_to_what_is_there() {
    assert_eq!(
        route("name: r, to: [axw]"),
        "`routes[0].to` names the destination `axw`, which is not there\n  help: did you mean `awx`?"
    );
    assert_eq!(
        route("name: r, to: [awx, awx]"),
        "`routes[0].to` names `awx` twice\n  help: it would get everything twice: remove one"
    );
    assert_eq!(
        route("name: r, to: awx, from: [netbox, netbox-*]"),
        "`routes[0].from` matches no source: `netbox`\n  help: known here: netbox-prod"
    );
    assert_eq!(
        route("name: r, to: awx, from: netbox-prd"),
        "`routes[0].from` matches no source: `netbox-prd`\n  help: did you mean `netbox-prod`?"
    );
    assert_eq!(
        route("name: r, to: awx, script: scripts/none.rhai"),
        "`routes[0].script` names the file `scripts/none.rhai`, which is not there\n  help: relative paths count from the folder of the config"
    );
    assert_eq!(
        route("name: r }\n  - { name: r, to: awx"),
        "`routes[0].to` is missing\n  help: name at least one destination\nthe route `r` stands here twice, first in line 4\n  help: names tell routes apart in logs and metrics: choose another"
    );
    assert!(route("to: awx").contains("`routes[0].name` is missing"));
}

#[test]
fn what_the_gateway_never_tells_is_not_waited_for() {
    let told = |more: &str| route(&format!("name: r, to: awx, {more}"));
    assert_eq!(
        told("when: { type: [crossconnect.delivery.daed] }"),
        "`routes[0].when.type` wants `crossconnect.delivery.daed`, which the gateway never tells\n  \
         help: did you mean `crossconnect.delivery.dead`?"
    );
    assert_eq!(
        told("from: netbox-prod, when: { type: crossconnect.receipt.failed }"),
        "`routes[0]` takes nothing: its `from` leaves out the source of the types it wants\n  \
         help: write `from: crossconnect`, or remove `from`"
    );
    for right in [
        "when: { type: [crossconnect.*, '!crossconnect.other'] }",
        "when: { type: crossconnect.destination.* }",
        "from: [crossconnect], when: { type: crossconnect.delivery.dead }",
        "from: ['!netbox-prod'], when: { type: crossconnect.delivery.dead }",
        "from: netbox-prod, when: { type: [crossconnect.delivery.dead, netbox.*] }",
    ] {
        assert_eq!(told(right), "", "{right}");
    }
}

#[test]
fn what_leaves_together() {
    let coalesce = |said: &str| route(&format!("name: r, to: awx, coalesce: {said}"));
    let known = "known here: correlation, object, kind, branch, key";
    for (said, told) in [
        ("{ by: corelation }", "`routes[0].coalesce.by` does not know `corelation`\n  help: did you mean `correlation`?".to_owned()),
        ("request", format!("`routes[0].coalesce` does not know `request`\n  help: {known}")),
        ("true", format!("`routes[0].coalesce` does not know `true`\n  help: {known}")),
        ("[kind]", "`routes[0].coalesce` must be a mapping, this is a list".to_owned()),
        (
            "{ quiet: 5s }",
            "`routes[0].coalesce.by` is missing\n  help: what the events of a batch have in common: correlation, object, kind, branch, key".to_owned(),
        ),
        ("{ by: kind, maxwait: 5s }", "unknown key `routes[0].coalesce.maxwait`\n  help: did you mean `max_wait`?".to_owned()),
        (
            "{ by: kind, quiet: 1m }",
            "`routes[0].coalesce.quiet` (60s) is longer than `max_wait` (30s by default), and would never count\n  help: a batch leaves after whichever is over first: shorten `quiet`, or raise `max_wait`".to_owned(),
        ),
        (
            "{ by: kind, max_wait: 1s }",
            "`routes[0].coalesce.quiet` (2s) is longer than `max_wait` (1s), and would never count\n  help: a batch leaves after whichever is over first: shorten `quiet`, or raise `max_wait`".to_owned(),
        ),
        (
            "{ by: kind, quiet: 2 }",
            "`routes[0].coalesce.quiet` must be a duration such as `250ms`, `15s`, `5m` or `1h30m`, this is `2`\n  help: a unit is missing: write `2s` for seconds".to_owned(),
        ),
        (
            "{ by: kind, quiet: 0s }",
            "`routes[0].coalesce.quiet` must be a duration such as `250ms`, `15s`, `5m` or `1h30m`, this is `0s`\n  help: it must be longer than nothing".to_owned(),
        ),
        ("{ by: kind, max_events: 0 }", "`routes[0].coalesce.max_events` must be a whole number from 1 to 10000, this is `0`".to_owned()),
        (
            "{ by: kind, max_events: 10001 }",
            "`routes[0].coalesce.max_events` must be a whole number from 1 to 10000, this is `10001`".to_owned(),
        ),
        (
            "{ by: kind, max_bytes: 65MiB }",
            "`routes[0].coalesce.max_bytes` must be a size such as `2MiB`, `512KiB` or `1000000`, this is `65MiB`\n  help: the largest batch has 64MiB".to_owned(),
        ),
    ] {
        assert_eq!(coalesce(said), told, "{said}");
    }
    let twice = coalesce("{ by: kinds, quiet: soon, max_bytes: much }");
    assert_eq!(twice.matches("`routes[0].coalesce.").count(), 3, "{twice}");
    assert_eq!(coalesce("{ by: kind, quiet: 30s, max_events: 10000, max_bytes: 64MiB }"), "");
}

#[test]
fn what_a_newer_change_does() {
    assert_eq!(
        destination("sign: none, on_newer: supercede"),
        "`destinations.a.on_newer` does not know `supercede`\n  help: did you mean `supersede`?"
    );
    let useless = "`destinations.a.on_newer: supersede` does nothing with `ordered: none`\n  \
                   help: only what waits in order can be replaced: write `ordered: object`, or `on_newer: wait`";
    assert_eq!(destination("sign: none, ordered: none, on_newer: supersede"), useless);
    assert_eq!(destination("sign: none, ordered: none, on_newer: wait"), "");
    assert_eq!(destination("sign: none, ordered: object, on_newer: supersede"), "");
}

#[test]
fn all_problems_of_a_config_are_told_at_once() {
    let text = include_str!("broken.yaml");
    let found = messages(text);
    let places: Vec<&str> = found.iter().map(|message| message.split(':').nth(1).unwrap()).collect();
    let marked: Vec<String> = text
        .lines()
        .enumerate()
        .flat_map(|(line, text)| {
            let count = text.split_once("# !").map_or(0, |(_, marks)| 1 + marks.matches('!').count());
            std::iter::repeat_n((line + 1).to_string(), count)
        })
        .collect();
    assert_eq!(places, marked, "{found:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn reading_never_panics_on_any_text(text in "\\PC{0,80}") {
        messages(&text);
    }

    #[test]
    fn reading_never_panics_on_any_value_of_any_key(
        key in prop::sample::select(vec![
            "listen", "token", "state", "sources", "routes", "adapter", "secrets", "sign", "scheme", "url", "headers",
            "retry", "coalesce", "by", "quiet", "max_events", "on_newer", "breaker", "pause_after", "when", "to", "from", "kinds",
            "tls", "auth", "proxy", "basic", "bearer", "oauth2", "allow", "over", "header", "base_path", "rate", "script",
        ]),
        value in "([ -~]|[{}\\[\\]:,$'\"*!]|é){0,30}",
    ) {
        for shell in [
            "KEY: VALUE", "ingress: { KEY: VALUE }", "sources: { a: { adapter: netbox, KEY: VALUE } }",
            "destinations: { a: { url: 'http://x', KEY: VALUE, sign: { scheme: custom, KEY: VALUE } } }",
            "routes: [{ name: a, KEY: VALUE, when: { KEY: VALUE } }]", "egress:\n  KEY: VALUE\nadmin:\n  KEY: VALUE\n",
        ] {
            messages(&shell.replace("KEY", key).replace("VALUE", &value));
        }
    }
}

#[test]
fn secrets_that_end() {
    assert_eq!(
        source("adapter: netbox, secrets: [{ secret: s, until: soon }]"),
        "`sources.a.secrets[0].until` must be an instant such as `2026-12-31T00:00:00Z`, or a date (midnight UTC), this is `soon`"
    );
    assert_eq!(
        source("adapter: netbox, secrets: [s, { secret: o, until: 2026-12-31T00:00:00 }]"),
        "`sources.a.secrets[1].until` must be an instant such as `2026-12-31T00:00:00Z`, or a date (midnight UTC), this is `2026-12-31T00:00:00`\n  help: add `Z` for UTC, or an offset such as `+01:00`"
    );
    assert_eq!(
        source("adapter: netbox, secrets: [s, { until: 2026-12-31 }]"),
        "`sources.a.secrets[1].secret` is missing\n  help: the secret that ends, such as `${OLD_SECRET}`"
    );
    assert_eq!(
        source("adapter: netbox, secrets: [s, { secret: o, untill: 2026-12-31 }]"),
        "unknown key `sources.a.secrets[1].untill`\n  help: did you mean `until`?"
    );
    assert_eq!(
        source("adapter: netbox, secrets: { secret: '${NOT_SET:-}', until: 2026-12-31 }"),
        "an entry of `sources.a.secrets.secret` is empty, and would prove nothing\n  help: is the variable that should hold it set?"
    );
    let none = "`destinations.a.sign` has no secret to sign with from 2026-12-31T00:00:00Z on\n  help: add the secret that comes after it, in front, or remove `until`";
    assert_eq!(destination("sign: { secrets: [{ secret: s, until: 2026-12-31 }] }"), none);
    assert_eq!(
        destination(
            "sign: { secrets: [{ secret: s, until: 2026-12-31 }, { secret: o, until: 2026-12-01 }] }"
        ),
        none
    );
    assert_eq!(destination("sign: { secrets: [n, { secret: o, until: 2026-12-01 }] }"), "");
}

#[test]
fn loops_and_updates_that_changed_nothing() {
    assert_eq!(
        texts("loop_guard: { name: fra 1, max_hops: 0 }"),
        "`fra 1` cannot name a gateway\n  help: a name has up to 64 letters, digits, `-`, `_`, `.`, and begins with a letter or digit\n\
         `loop_guard.max_hops` must be a whole number from 1 to 100, this is `0`"
    );
    let ignored = "`routes[0].ignore` ignores nothing without `no_op: drop`\n  help: add `no_op: drop`, or remove `ignore`";
    assert!(route("name: r, to: awx, ignore: [last_seen]").contains(ignored));
    assert!(route("name: r, to: awx, no_op: keep, ignore: last_seen").contains(ignored));
    for field in ["!seen", "$.seen", ".seen", "a..b", "seen."] {
        let told = route(&format!("name: r, to: awx, no_op: drop, ignore: [ok, '{field}']"));
        assert!(
            told.starts_with(&format!("`{field}` in `routes[0].ignore` names no field\n  help: ")),
            "{told}"
        );
    }
    assert_eq!(route("name: r, to: awx, no_op: drop, ignore: [seen, custom_fields.*, '*_at']"), "");
    assert!(route("name: r, to: awx, no_op: dorp").contains("did you mean `drop`?"));
    assert!(
        destination("sign: none, headers: { Crossconnect-Hops: 1 }").contains("is set by the gateway itself")
    );
}
