//! What the section `lookups` says, and the words for what is wrong with it.

use super::*;
use crate::config::{Cache, OnFailure};
use crate::rules::Rules;

fn lookup(keys: &str) -> String {
    let found = messages(&format!("lookups:\n  x: {{ {keys} }}\n"));
    let texts: Vec<&str> = found.iter().map(|message| message.split_once(": ").unwrap().1).collect();
    texts.join("\n")
}

/// All problems of a config with the files it names.
fn compiled(text: &str, script: &str) -> Vec<String> {
    let folder = folder();
    std::fs::write(folder.path().join("scripts/one.rhai"), script).unwrap();
    let file = folder.path().join("config.yaml").to_string_lossy().into_owned();
    let problems = Rules::from_text(&file, text, &|_| None).err().unwrap_or_default();
    problems
        .iter()
        .map(|problem| problem.to_string().replace(&format!("{}/", folder.path().display()), ""))
        .collect()
}

#[test]
fn what_is_not_said_is_usual() {
    let config = read("lookups: { x: { url: 'https://a.example/' } }");
    let x = &config.lookups[0];
    assert_eq!(
        (x.timeout.as_secs(), x.connect_timeout.as_secs(), x.max_body, x.in_flight),
        (5, 5, 1 << 20, 4)
    );
    assert_eq!((x.cache, x.on_failure, x.retry.waits.len()), (Some(Cache::default()), OnFailure::Retry, 9));
    assert!(
        x.rate.is_none()
            && x.graphql.is_none()
            && x.select.is_none()
            && x.redact.is_empty()
            && x.headers.is_empty()
    );
}

#[test]
fn a_cache_is_off_or_a_mapping_and_null_needs_no_quotes() {
    let with = |keys: &str| {
        read(&format!("lookups: {{ x: {{ url: 'https://a.example/', {keys} }} }}")).lookups.remove(0)
    };
    assert_eq!(with("cache: off").cache, None);
    assert_eq!(with("cache: false").cache, None);
    assert_eq!(
        with("cache: { ttl: 5m }").cache.map(|cache| (cache.ttl.as_secs(), cache.max_bytes)),
        Some((300, 16 << 20))
    );
    assert_eq!(with("cache:").cache, Some(Cache::default()));
    for (text, meant) in [
        ("null", OnFailure::Null),
        ("'null'", OnFailure::Null),
        ("drop", OnFailure::Drop),
        ("retry", OnFailure::Retry),
    ] {
        assert_eq!(with(&format!("on_failure: {text}")).on_failure, meant, "{text}");
    }
    let variables = with("graphql: { query: q, variables: { a: '{{ data.id }}', b: 5, c: true, d: null } }")
        .graphql
        .unwrap()
        .variables;
    let texts: Vec<&str> = variables.iter().map(|(_, text)| text.text.as_str()).collect();
    assert_eq!(texts, ["{{ data.id }}", "{{ 5 }}", "{{ true }}", "{{ none }}"]);
}

#[test]
fn mistakes_in_a_lookup_are_told() {
    for (keys, wanted) in [
        (
            "timeout: 1s",
            "`lookups.x.url` is missing\n  help: what shall be asked, such as `https://netbox.example.com/api/…`?",
        ),
        (
            "url: 'ftp://a'",
            "`lookups.x.url` must be a URL that begins with http:// or https://\n  help: write it as `https://host/path`",
        ),
        (
            "url: 'http://10.0.0.1/'",
            "10.0.0.1 is private and not in egress.allow\n  help: add the address or its network to egress.allow",
        ),
        (
            "url: 'http://{{ data.host }}/'",
            "`lookups.x.url` takes its host from the event, and egress.allow is empty\n  help: such URLs reach only what egress.allow lists: add the network that is meant",
        ),
        (
            "url: 'https://a/', on_failure: drop, retry: [1s]",
            "`lookups.x.retry` is never followed: this lookup is not made again\n  help: remove it, or write `on_failure: retry`",
        ),
        (
            "url: 'https://a/', on_failure: ignore",
            "`lookups.x.on_failure` does not know `ignore`\n  help: known here: retry, null, drop",
        ),
        (
            "url: 'https://a/', cache: on",
            "`lookups.x.cache` must be `off` or a mapping such as `{ ttl: 5m }`, this is a text",
        ),
        (
            "url: 'https://a/', graphql: {}",
            "`lookups.x.graphql.query` is missing\n  help: write one such as `query($id: ID!) { … }`",
        ),
        (
            "url: 'https://a/', graphql: { query: 'q({{ data.id }})' }",
            "`lookups.x.graphql.query` holds a template, but a query is sent as it stands\n  help: declare a variable in the query and give its template in `variables`",
        ),
        (
            "url: 'https://a/', graphql: { query: q, variables: { $id: 1 } }",
            "`lookups.x.graphql.variables.$id` is no name of a variable\n  help: write it as the query does, without `$`",
        ),
        (
            "url: 'https://a/', graphql: { query: q, variables: { id: [1] } }",
            "`lookups.x.graphql.variables.id` must be a text, a number, or true or false, this is a list",
        ),
        (
            "url: 'https://a/', graphql: { query: '{ a } mutation { b }' }",
            "`lookups.x.graphql.query` holds a mutation, but lookups only read\n  help: ask with a `query`; what shall be changed is sent to a destination",
        ),
        (
            "url: 'https://a/', graphql: { query: 'subscription s { b }' }",
            "`lookups.x.graphql.query` holds a subscription, but lookups only read\n  help: ask with a `query`; what shall be changed is sent to a destination",
        ),
        ("url: 'https://a/', redact: {}", "`lookups.x.redact` must be a list of texts, this is a mapping"),
        (
            "url: 'https://a/', timeout: 121s",
            "`lookups.x.timeout` must be DURATION, this is `121s`\n  help: all lookups of a receipt end after 2m: write less",
        ),
        (
            "url: 'https://a/', cache: { max_bytes: 65535 }",
            "`lookups.x.cache.max_bytes` must be SIZE, this is `65535`\n  help: a cache has at least 64KiB; write `cache: off` for none",
        ),
        ("url: 'https://a/', selct: $", "unknown key `lookups.x.selct`\n  help: did you mean `select`?"),
    ] {
        let wanted = wanted.replace("DURATION", crate::units::DURATION).replace("SIZE", crate::units::SIZE);
        assert_eq!(lookup(keys), wanted, "{keys}");
    }
    assert_eq!(lookup("url: 'https://a/', timeout: 2m, cache: { max_bytes: 64KiB }"), "");
    let named = messages("lookups: { Device-1: { url: 'https://a/' } }");
    assert_eq!(
        named,
        [
            "config.yaml:1:12: `Device-1` cannot name a lookup\n  help: scripts call it `lookup.NAME`: up to 64 small letters, digits and `_`, no digit first"
        ]
    );
}

#[test]
fn a_route_names_lookups_that_are_there() {
    let text = "lookups: { device: { url: 'https://a/' }, unused: { url: 'https://a/' } }\n\
                destinations: { a: { url: 'https://a.example/', sign: none } }\n\
                routes: [{ name: r, to: a, lookups: [devcie, device, device] }, { name: s, to: a, lookups: rack }]\n";
    assert_eq!(
        messages(text),
        [
            "config.yaml:3:38: `routes[0].lookups` names the lookup `devcie`, which is not there\n  help: did you mean `device`?",
            "config.yaml:3:54: `routes[0].lookups` names `device` twice\n  help: once is enough: remove one",
            "config.yaml:3:92: `routes[1].lookups` names the lookup `rack`, which is not there\n  help: known here: device, unused",
        ]
    );
}

#[test]
fn templates_paths_and_uses_are_checked_with_the_rest() {
    let text = "
lookups:
  device: { url: 'https://a/{{ evnt.id }}', select: '$.a[' }
  site: { url: 'https://a/', redact: [$.a, '@.c', '$.d['] }
  rack: { url: 'https://a/', select: '@.x', graphql: { query: q, variables: { id: '{{ secrets.x }}' } } }
destinations:
  a: { url: 'https://a.example/{{ lookup.site.slug }}', sign: none }
  b: { url: 'https://a.example/', sign: none, body_template: '{{ lookup.site }}{{ lookup.sit }}' }
  c: { url: 'https://a.example/', sign: none, body_template: '{{ lookup.site.slug if lookup.site is defined }}' }
routes:
  - { name: r, to: [a, b, c], script: scripts/one.rhai, lookups: [rack] }
  - { name: s, to: [a, c], lookups: [site] }
";
    let found =
        compiled(text, "fn transform(event) { #{ a: lookup.rack, b: lookup.device, c: lookup.rak } }");
    let wanted = [
        "config.yaml:3:32: `lookups.device.url` uses the unknown name `evnt`\n  help: did you mean `event`?",
        "`lookups.device.select` is no JSONPath: ",
        "config.yaml:4:44: `lookups.site.redact` holds no JSONPath: it must begin with `$`\n  help: write it like `$.results[0]` or `$.data.device` (RFC 9535)",
        "config.yaml:4:51: `lookups.site.redact` holds no JSONPath: ",
        "config.yaml:5:38: `lookups.rack.select` is no JSONPath: it must begin with `$`\n  help: write it like `$.results[0]` or `$.data.device` (RFC 9535)",
        "config.yaml:5:87: `lookups.rack.graphql.variables.id` uses the unknown name `secrets`",
        "config.yaml:7:35: `destinations.a.url` uses `lookup.site`, which the route `r` does not look up\n  help: add it to the route: `lookups: [site]`; where routes differ, ask `{% if lookup.site is defined %}`",
        "config.yaml:8:83: `destinations.b.body_template` uses `lookup.sit`, but there is no such lookup\n  help: did you mean `site`?",
        "scripts/one.rhai:1:45: the script uses `lookup.device`, which the route `r` does not look up\n  help: add it to the route: `lookups: [device]`",
        "scripts/one.rhai:1:63: the script uses `lookup.rak`, which the route `r` does not look up\n  help: did you mean `rack`?",
    ];
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.contains(wanted), "{found}\nis not\n{wanted}");
    }
}
