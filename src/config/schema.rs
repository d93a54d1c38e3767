//! The JSON Schema of config.yaml, for editors. A test holds it to what the readers ask for.

use crate::model::Json;

const TEXT: &str = include_str!("schema.json");

/// The schema (draft 2020-12).
pub fn schema() -> Json {
    // A test proves that the text is JSON.
    serde_json::from_str(TEXT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Config;
    use crate::model::{Json, json};
    use crate::problem::Problems;

    /// A config with every key there is.
    const EVERYTHING: &str = include_str!("tests/everything.yaml");

    fn document(text: &str) -> crate::yaml::Node {
        crate::yaml::parse("f", text, &mut Problems::default()).unwrap()
    }

    /// As much of JSON Schema as this schema uses.
    fn valid(schema: &Json, value: &Json, root: &Json) -> Result<(), String> {
        if let Some(name) = schema["$ref"].as_str() {
            let target = root.pointer(name.trim_start_matches('#')).ok_or("no such $ref")?;
            valid(target, value, root)?;
        }
        let fail = |why: String| Err(format!("{value}: {why}"));
        let types: Vec<&str> = match &schema["type"] {
            Json::Array(types) => types.iter().filter_map(Json::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        let is = |name: &str| match name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.as_u64().is_some(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            other => panic!("type {other}"),
        };
        if !types.is_empty() && !types.iter().any(|name| is(name)) {
            return fail(format!("is no {types:?}"));
        }
        if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
            && !regex::Regex::new(pattern).unwrap().is_match(text)
        {
            return fail(format!("does not match {pattern}"));
        }
        if schema.get("const").is_some_and(|wanted| wanted != value)
            || schema["enum"].as_array().is_some_and(|known| !known.contains(value))
        {
            return fail("is not one of the allowed values".to_owned());
        }
        if let Some(choices) = schema["anyOf"].as_array()
            && !choices.iter().any(|choice| valid(choice, value, root).is_ok())
        {
            return fail("fits none of the choices".to_owned());
        }
        for item in value.as_array().into_iter().flatten().filter(|_| schema.get("items").is_some()) {
            valid(&schema["items"], item, root)?;
        }
        for (key, item) in value.as_object().into_iter().flatten() {
            match schema["properties"].get(key) {
                Some(known) => valid(known, item, root)?,
                None if schema["additionalProperties"] == json!(false) => return fail(format!("has {key}")),
                None if schema["additionalProperties"].is_object() => {
                    valid(&schema["additionalProperties"], item, root)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    #[test]
    fn a_config_with_every_key_fits_the_schema_and_the_readers() {
        let schema = schema();
        valid(&schema, &document(EVERYTHING).to_json(), &schema).unwrap();
        let mut problems = Problems::default();
        crate::config::tests::read_from(&crate::config::tests::folder(), EVERYTHING, &mut problems);
        assert!(problems.is_empty(), "{problems:#?}");
    }

    #[test]
    fn a_state_in_redis_fits_the_schema_in_every_form() {
        let schema = schema();
        for text in [
            "state: redis://user:password@host:6379/0",
            "state: rediss+sentinel://a,b/main",
            "state: Redis+Cluster://a,b",
            "state: unix:///run/redis.sock",
            "state: '${STATE}'",
            "state: { url: 'rediss://h', user: u, password: p, prefix: x, partitions: 4, durability: fsync, \
             compress_above: 2KiB, max_memory: 2GiB, sentinel: { user: u, password: p }, tls: { verify: false } }",
            "state: { url: 'redis://h', max_memory: 80% }",
        ] {
            valid(&schema, &document(text).to_json(), &schema).unwrap();
        }
    }

    #[test]
    fn the_schema_refuses_what_the_readers_refuse() {
        let schema = schema();
        for text in [
            "ingres: {}",
            "ingress: { listen: 8080 }",
            "dedupe: 5",
            "state: ftp://host",
            "state: { url: ftp://host }",
            "state: { url: 'redis://h', durability: disk }",
            "state: { url: 'redis://h', prefix: '{a}' }",
            "state: { url: 'redis://h', max_memory: most }",
            "egress: { proxy: ftp://proxy }",
            "egress: { proxy: { url: 'http://proxy', resolve: there } }",
            "lookups: { a: { url: 'ftp://x' } }",
            "lookups: { a: { url: 'https://x', cache: on } }",
            "lookups: { a: { url: 'https://x', on_failure: never } }",
            "destinations: { a: { url: 'https://x', auth: { digest: {} } } }",
            "destinations: { a: { url: 'https://x', tls: { min_version: '1.1' } } }",
            "destinations: { a: { url: 'ftp://x' } }",
            "destinations: { a: { breaker: soon } }",
            "destinations: { a: { breaker: { failures: 70 } } }",
            "destinations: { a: { pause_after: 5 } }",
            "routes: [{ name: 'a b', to: x }]",
            "destinations: { a: { url: 'https://x', on_newer: replace } }",
            "routes: [{ name: a, to: x, coalesce: { quiet: 5 } }]",
            "routes: [{ name: a, to: x, coalesce: { by: request } }]",
            "routes: [{ name: a, to: x, coalesce: all }]",
            "routes: [{ name: a, to: x, when: { branch_scope: main } }]",
            "routes: [{ name: a, to: x, when: { active: soon } }]",
            "routes: [{ name: a, to: x, when: { match: [a] } }]",
            "routes: [{ name: a, to: x, when: { match_related: [a] } }]",
            "routes: [{ name: a, to: x, when: { conditions: { attr: a, op: like, value: b } } }]",
            "routes: [{ name: a, to: x, when: { conditions: { and: [{ attr: a, vlue: b }] } } }]",
            "routes: [{ name: a, to: x, when: { conditions: { or: { attr: a, value: b } } } }]",
        ] {
            assert!(valid(&schema, &document(text).to_json(), &schema).is_err(), "{text}");
            let mut problems = Problems::default();
            Config::read("f", text, &|_| None, &mut problems);
            let mut route = Problems::default();
            if let Some(config) = Config::read("f", text, &|_| None, &mut route)
                && let Some(when) = config.routes.first().and_then(|route| route.when.as_ref())
            {
                crate::route::Match::compile("f", "routes[0]", &[], Some(when), &mut problems);
            }
            assert!(!problems.is_empty(), "{text}");
        }
    }

    /// The keys a reader knows, which it lists for a key that resembles none.
    fn known_to_the_reader(config: &str) -> BTreeSet<String> {
        let mut problems = Problems::default();
        let read = Config::read("f", config, &|_| None, &mut problems);
        for route in read.iter().flat_map(|config| &config.routes) {
            crate::route::Match::compile("f", &route.path, &[], route.when.as_ref(), &mut problems);
        }
        let unknown = problems.iter().find(|problem| problem.message.contains("zzzzzzzzzzzzzzzzzzzz"));
        let help =
            unknown.and_then(|problem| problem.help.clone()).unwrap_or_else(|| panic!("{problems:#?}"));
        let list =
            help.strip_prefix("known here: ").unwrap().split(", ").map(str::to_owned).collect::<Vec<_>>();
        let set: BTreeSet<String> = list.iter().cloned().collect();
        assert_eq!(list.len(), set.len(), "asked twice: {list:?}");
        set
    }

    #[test]
    fn the_schema_and_the_readers_know_the_same_keys() {
        let root = schema();
        let zzz = "zzzzzzzzzzzzzzzzzzzz: 1";
        for (pointer, config) in [
            ("", zzz.to_owned()),
            ("/$defs/state/anyOf/2", format!("state: {{ {zzz} }}")),
            (
                "/$defs/state/anyOf/2/properties/sentinel",
                format!("state: {{ url: redis+sentinel://a/b, sentinel: {{ {zzz} }} }}"),
            ),
            ("/$defs/tls", format!("state: {{ url: rediss://h, tls: {{ {zzz} }} }}")),
            ("/properties/ingress", format!("ingress: {{ {zzz} }}")),
            ("/properties/admin", format!("admin: {{ {zzz} }}")),
            ("/properties/retention", format!("retention: {{ {zzz} }}")),
            ("/properties/egress", format!("egress: {{ {zzz} }}")),
            ("/properties/loop_guard", format!("loop_guard: {{ {zzz} }}")),
            ("/properties/scripts", format!("scripts: {{ {zzz} }}")),
            ("/$defs/source", format!("sources: {{ a: {{ {zzz} }} }}")),
            ("/$defs/secret", format!("sources: {{ a: {{ secrets: [{{ {zzz} }}] }} }}")),
            ("/$defs/destination", format!("destinations: {{ a: {{ {zzz} }} }}")),
            (
                "/$defs/destination/properties/breaker/anyOf/1",
                format!("destinations: {{ a: {{ breaker: {{ {zzz} }} }} }}"),
            ),
            ("/$defs/tls", format!("destinations: {{ a: {{ tls: {{ {zzz} }} }} }}")),
            ("/$defs/auth", format!("destinations: {{ a: {{ auth: {{ {zzz} }} }} }}")),
            (
                "/$defs/auth/properties/basic",
                format!("destinations: {{ a: {{ auth: {{ basic: {{ {zzz} }} }} }} }}"),
            ),
            (
                "/$defs/auth/properties/oauth2",
                format!("destinations: {{ a: {{ auth: {{ oauth2: {{ {zzz} }} }} }} }}"),
            ),
            ("/$defs/proxy/anyOf/3", format!("egress: {{ proxy: {{ {zzz} }} }}")),
            ("/$defs/proxy/anyOf/3", format!("destinations: {{ a: {{ proxy: {{ {zzz} }} }} }}")),
            ("/$defs/lookup", format!("lookups: {{ a: {{ {zzz} }} }}")),
            ("/$defs/lookup/properties/graphql", format!("lookups: {{ a: {{ graphql: {{ {zzz} }} }} }}")),
            ("/$defs/lookup/properties/cache/anyOf/1", format!("lookups: {{ a: {{ cache: {{ {zzz} }} }} }}")),
            ("/$defs/sign/anyOf/2", format!("destinations: {{ a: {{ sign: {{ {zzz} }} }} }}")),
            ("/$defs/sign/anyOf/2", format!("sources: {{ a: {{ sign: {{ scheme: custom, {zzz} }} }} }}")),
            ("/$defs/route", format!("routes: [{{ {zzz} }}]")),
            ("/$defs/coalesce/anyOf/2", format!("routes: [{{ name: a, to: b, coalesce: {{ {zzz} }} }}]")),
            ("/$defs/route/properties/when", format!("routes: [{{ name: a, to: b, when: {{ {zzz} }} }}]")),
        ] {
            let properties = root.pointer(pointer).unwrap()["properties"].as_object().unwrap();
            let properties: BTreeSet<String> = properties.keys().map(str::to_owned).collect();
            assert_eq!(properties, known_to_the_reader(&config), "{pointer}");
        }
    }
}
