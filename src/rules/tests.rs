//! Rules as a whole: what is compiled from which file, and mistakes across files.

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::signature::Scheme;

const CONFIG: &str = r#"
egress: { allow: [127.0.0.0/8] }
sources:
  netbox: { adapter: netbox, secrets: ["${NETBOX:-a}", b], max_body: 1KiB, variants: false }
  infrahub: { adapter: infrahub, secrets: [s], default_branch: develop }
  lab: { adapter: infrahub, secrets: [s], sign: github }
  datagerry: { adapter: datagerry, token: t, allow_addresses: 10.0.0.1 }
  generic: { adapter: generic, secrets: [s], tolerance: off }
destinations:
  awx: { url: "http://127.0.0.1:9/", sign: none }
routes:
  - { name: first, from: netbox, when: { action: created }, to: awx }
  - { name: second, script: scripts/one.rhai, to: [awx] }
  - { name: third, script: scripts/one.rhai, to: [awx] }
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    std::fs::write(folder.path().join("scripts/one.rhai"), "fn filter(event) { true }").unwrap();
    folder
}

fn load(folder: &Path, text: &str) -> Result<Rules, Vec<Problem>> {
    let file = folder.join("config.yaml");
    std::fs::write(&file, text).unwrap();
    Rules::load_with(&file.to_string_lossy(), &|_| None)
}

fn shown(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn sources_routes_and_destinations_are_compiled() {
    let folder = folder();
    let rules = load(folder.path(), CONFIG).unwrap_or_else(|problems| panic!("{}", shown(&problems)));

    let netbox = &rules.sources["netbox"];
    let signature = netbox.gate.signature.as_ref().unwrap();
    assert_eq!((signature.secrets.len(), signature.variants.len()), (2, 0));
    assert_eq!((netbox.max_body, netbox.adapter.name.as_str()), (1024, "netbox"));

    let infrahub = &rules.sources["infrahub"];
    assert_eq!(infrahub.settings.default_branch.as_deref(), Some("develop"));
    assert!(!infrahub.gate.signature.as_ref().unwrap().variants.is_empty());
    let lab = rules.sources["lab"].gate.signature.as_ref().unwrap();
    assert_eq!((&lab.scheme, lab.variants.len()), (&Scheme::Github, 0));

    let datagerry = &rules.sources["datagerry"].gate;
    assert!(datagerry.signature.is_none() && datagerry.token.is_some() && datagerry.addresses.len() == 1);
    let generic = rules.sources["generic"].gate.signature.as_ref().unwrap();
    assert_eq!((&generic.scheme, generic.tolerance), (&Scheme::StandardWebhooks, None));

    let names: Vec<&str> = rules.routes.iter().map(|route| &*route.name).collect();
    assert_eq!(names, ["first", "second", "third"]);
    let scripts: Vec<_> = rules.routes[1..].iter().map(|route| route.script.clone().unwrap()).collect();
    assert!(Arc::ptr_eq(&scripts[0], &scripts[1]), "one script is compiled once");
    assert!(Arc::ptr_eq(&rules.routes[0].to[0].settings, &rules.destinations["awx"]));
}

#[test]
fn the_revision_follows_config_and_scripts() {
    let folder = folder();
    let revision = |text: &str| load(folder.path(), text).unwrap().revision;
    let first = revision(CONFIG);
    assert_eq!((first.len(), &first), (12, &revision(CONFIG)));
    assert_ne!(first, revision(&CONFIG.replace("created", "deleted")));
    std::fs::write(folder.path().join("scripts/shared.rhai"), "fn help() {}").unwrap();
    assert_ne!(first, revision(CONFIG), "a script that others may import");
}

#[test]
fn an_adapter_beside_the_config_goes_before_the_shipped_one() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("adapters")).unwrap();
    let shipped = crate::adapter::shipped("infrahub").unwrap().1;
    std::fs::write(folder.path().join("adapters/infrahub.yaml"), shipped).unwrap();
    std::fs::write(folder.path().join("adapters/mine.yaml"), shipped).unwrap();
    let text = CONFIG.replace("adapter: netbox", "adapter: mine");
    let rules = load(folder.path(), &text).unwrap_or_else(|problems| panic!("{}", shown(&problems)));
    assert_eq!(rules.sources["netbox"].adapter.name, "mine");
}

#[test]
fn mistakes_of_config_conditions_and_scripts_are_told_together() {
    let folder = folder();
    std::fs::write(folder.path().join("scripts/one.rhai"), "fn filter(event) { syntax error").unwrap();
    let text = CONFIG
        .replace("action: created", "acton: created")
        .replace("dedupe", "")
        .replace("token: t,", "secrets: [s],")
        .replace("url: \"http://127.0.0.1:9/\"", "url: ftp://x");
    let problems = load(folder.path(), &text).unwrap_err();
    let told = shown(&problems);
    for text in [
        "config.yaml:7:3: `sources.datagerry` has secrets, but datagerry does not sign",
        "config.yaml:10:15: `destinations.awx.url` must be a URL",
        "config.yaml:12:42: unknown key `routes[0].when.acton`",
        "scripts/one.rhai:1:",
    ] {
        assert!(told.contains(text), "{text}\n{told}");
    }
    assert_eq!(problems.len(), 4, "{told}");
}

#[test]
fn a_variable_never_shows_in_the_problems_of_later_stages() {
    let text = CONFIG.replace("acton", "action").replace("action: created", "path: \"${NETBOX}\"");
    let problems = Rules::from_text("config.yaml", &text.replace("script: scripts/one.rhai, ", ""), &|_| {
        Some("$.hunter2hunter2".to_owned())
    })
    .unwrap_err();
    let told = shown(&problems);
    assert!(
        told.contains("what `${NETBOX}` holds cannot be used here") && !told.contains("hunter2"),
        "{told}"
    );
}

#[test]
fn a_config_that_cannot_be_read_is_a_problem_of_the_file() {
    let problems = Rules::load("no/such/config.yaml").unwrap_err();
    assert_eq!(
        shown(&problems),
        "no/such/config.yaml:1:1: could not read the config: No such file or directory (os error 2)\n  help: name the config with --config FILE"
    );
    let folder = folder();
    std::fs::write(folder.path().join("config.yaml"), [0xff, 0xfe]).unwrap();
    assert!(Rules::load(&folder.path().join("config.yaml").to_string_lossy()).is_err());
}

#[test]
fn the_shipped_config_is_right_without_any_variable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("config.yaml");
    let rules = Rules::load_with(&file.to_string_lossy(), &|_| None);
    let rules = rules.unwrap_or_else(|problems| panic!("{}", shown(&problems)));
    assert!(rules.sources.len() >= 4 && rules.routes.len() >= 4);
    assert!(rules.routes.iter().all(|route| !route.to.is_empty()));
}

#[test]
fn a_source_that_accepts_nobody_any_more_is_told_from_that_instant_on() {
    let folder = folder();
    let secrets = "[{ secret: a, until: 2026-12-31T12:00:00Z }, { secret: b, until: 2026-12-01 }]";
    let rules =
        load(folder.path(), &CONFIG.replace("[s], default_branch", &format!("{secrets}, default_branch")))
            .unwrap();
    let told = |now: &str| shown(&rules.expired(now.parse().unwrap()));
    assert_eq!(told("2026-12-31T11:59:59.9Z"), "");
    let wanted = "config.yaml:5:3: all secrets of `sources.infrahub` have expired, the last at 2026-12-31T12:00:00Z\n  \
                  help: add the secret that the sender signs with now, or move `until`";
    assert!(told("2026-12-31T12:00:00Z").ends_with(wanted), "{}", told("2026-12-31T12:00:00Z"));
}

/// A config with one route that gathers.
fn gathering(destination: &str, route: &str) -> String {
    format!(
        "sources: {{ netbox: {{ adapter: netbox, secrets: [s] }} }}\n\
         destinations:\n  tool: {{ url: 'https://a.example/', sign: none, {destination} }}\n\
         routes:\n  - {{ name: r, to: [tool], {route} }}\n"
    )
}

#[test]
fn what_no_batch_could_ever_do_is_told_beforehand() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    for (name, text) in [
        ("filter", "fn filter(event) { true }"),
        ("single", "\nfn transform(event) { #{} }"),
        ("both", "fn transform(event) { #{} }\nfn transform_batch(events) { #{} }"),
        ("key", "fn batch_key(event) { 1 }"),
        ("broken", "fn transform(event) {"),
    ] {
        std::fs::write(folder.path().join(format!("scripts/{name}.rhai")), text).unwrap();
    }
    let prefix = format!("{}/", folder.path().to_string_lossy());
    let told = |destination: &str, route: &str| match load(folder.path(), &gathering(destination, route)) {
        Ok(_) => Vec::new(),
        Err(problems) => {
            problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect::<Vec<_>>()
        }
    };
    let key = "help: add a script with `fn batch_key(event) { event.data.site?.slug }`";
    let format = "help: choose `event` or `cloudevents`, give the destination a `body_template`, or the route a \
                  script with `fn transform_batch(events)`";
    for (destination, route, wanted) in [
        ("", "coalesce: key", format!("config.yaml:5:38: `routes[0]` gathers by key, and has no script that says which\n  {key}")),
        (
            "",
            "coalesce: { quiet: 1s, by: key }, script: scripts/filter.rhai",
            format!("config.yaml:5:55: `routes[0]` gathers by key, and scripts/filter.rhai defines no `batch_key`\n  {key}"),
        ),
        (
            "",
            "coalesce: kind, script: scripts/single.rhai",
            "scripts/single.rhai:2:1: `transform` never runs for the route `r`, whose events leave together\n  \
             help: write `fn transform_batch(events)`, or give the route a script without `transform`".to_owned(),
        ),
        (
            "format: native",
            "coalesce: kind",
            format!("config.yaml:5:21: `routes[0].to`: the format `native` of `tool` cannot carry a batch\n  {format}"),
        ),
        (
            "format: datagerry",
            "coalesce: kind, script: scripts/filter.rhai",
            format!("config.yaml:5:21: `routes[0].to`: the format `datagerry` of `tool` cannot carry a batch\n  {format}"),
        ),
    ] {
        assert_eq!(told(destination, route), [wanted], "{destination} {route}");
    }
    for (destination, route) in [
        ("", "coalesce: kind"),
        ("", "coalesce: key, script: scripts/key.rhai"),
        ("", "coalesce: kind, script: scripts/filter.rhai"),
        ("", "script: scripts/key.rhai"),
        ("", "script: scripts/both.rhai"),
        ("format: native", "coalesce: kind, script: scripts/both.rhai"),
        ("format: cloudevents-binary", "coalesce: kind"),
        ("body_template: '{{ batch.key }}'", "coalesce: kind"),
    ] {
        assert_eq!(told(destination, route), [""; 0], "{destination} {route}");
    }
    let broken = told("format: native", "coalesce: key, script: scripts/broken.rhai");
    assert!(broken.len() == 1 && broken[0].starts_with("scripts/broken.rhai:1:"), "{broken:#?}");
}
