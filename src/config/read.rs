//! The document as a whole: the order in which sections are read, and what binds them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::context::Context;
use super::expand::{Expansion, expand};
use super::preset::Presets;
use super::route::Names;
use super::{
    Admin, Config, Destination, Egress, Ingress, Lookup, Retention, Source, admin, destination, egress,
    ingress, lookup, loop_guard, route, scripts, source, state,
};
use crate::problem::Problems;
use crate::script::Limits;
use crate::units::{self, DURATION};
use crate::yaml::{self, Reader, Value};

impl Config {
    /// Reads a config. `file` is how the operator named it: it stands in messages, and relative
    /// paths count from its folder. `env` looks up environment variables.
    ///
    /// All mistakes go to `problems`. A config with mistakes is returned as far as it could be
    /// read, so that the files it names can be checked as well; it must not be put to work.
    pub fn read(
        file: &str,
        text: &str,
        env: &dyn Fn(&str) -> Option<String>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut found = Problems::default();
        let (config, expansion) = read(file, text, env, &mut found);
        expansion.scrub(found, problems);
        config
    }
}

/// Reads a config and tells what was expanded. The problems still have to be
/// [scrubbed](Expansion::scrub).
pub(crate) fn read(
    file: &str,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) -> (Option<Config>, Expansion) {
    // Some editors begin files with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some(mut root) = yaml::parse(file, text, problems) else { return (None, Expansion::default()) };
    let dir = folder(file);
    let expansion = expand(file, &dir, env, &mut root, problems);
    let Some(top) = Reader::new(file, "", &root, problems) else { return (None, expansion) };
    let mut cx = Context { file, dir: &dir, expansion: &expansion, problems };
    let config = document(top, env, &mut cx);
    (Some(config), expansion)
}

/// The folder a file lies in, never empty.
fn folder(file: &str) -> PathBuf {
    match Path::new(file).parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn document(mut top: Reader<'_>, env: &dyn Fn(&str) -> Option<String>, cx: &mut Context<'_>) -> Config {
    let t = &mut top;
    let ingress = t.section("ingress", cx.problems).map_or_else(Ingress::default, |s| ingress::read(s, cx));
    let admin = t.section("admin", cx.problems).map_or_else(Admin::default, |s| admin::read(s, cx));
    same_address(&ingress, &admin, t, cx);
    let state = state::read(t, cx);
    let dedupe = cx.value(t, "dedupe", DURATION, units::some_time);
    let retention =
        t.section("retention", cx.problems).map_or_else(Retention::default, |s| state::retention(s, cx));
    let egress = t.section("egress", cx.problems).map_or_else(Egress::default, |s| egress::read(s, cx));
    let loop_guard = loop_guard::read(t.section("loop_guard", cx.problems), &ingress, &state, env, cx);
    let instance = loop_guard::instance(&ingress, env);
    let scripts = t.section("scripts", cx.problems).map_or_else(Limits::default, |s| scripts::read(s, cx));
    let lookups = lookups(t, &egress, cx);
    let sources = sources(t, cx);
    let mut presets = Presets::default();
    let destinations = destinations(t, &egress, &mut presets, cx);
    let names = Names {
        sources: &keys(&top, "sources"),
        destinations: &keys(&top, "destinations"),
        lookups: &keys(&top, "lookups"),
    };
    let routes = route::read(top.node("routes"), &names, cx);
    top.finish(cx.problems);
    Config {
        file: cx.file.to_owned(),
        dir: cx.dir.to_owned(),
        ingress,
        admin,
        state,
        dedupe: dedupe.unwrap_or(Duration::from_secs(24 * 3600)),
        retention,
        egress,
        loop_guard,
        instance,
        lookups,
        scripts,
        sources,
        destinations,
        presets: presets.files,
        routes,
    }
}

fn lookups(top: &mut Reader<'_>, egress: &Egress, cx: &mut Context<'_>) -> Vec<Lookup> {
    let Some(section) = top.section("lookups", cx.problems) else { return Vec::new() };
    section.entries().iter().filter_map(|(key, node)| lookup::read(key, node, egress, cx)).collect()
}

fn sources(top: &mut Reader<'_>, cx: &mut Context<'_>) -> Vec<Source> {
    let Some(section) = top.section("sources", cx.problems) else { return Vec::new() };
    section.entries().iter().filter_map(|(key, node)| source::read(key, node, cx)).collect()
}

fn destinations(
    top: &mut Reader<'_>,
    egress: &Egress,
    presets: &mut Presets,
    cx: &mut Context<'_>,
) -> Vec<Destination> {
    let Some(section) = top.section("destinations", cx.problems) else { return Vec::new() };
    let read = |(key, node)| destination::read(key, node, egress, presets, cx);
    section.entries().iter().map(|(key, node)| (key, node)).filter_map(read).collect()
}

/// The names of a section, also of entries with mistakes: routes may refer to them.
fn keys<'a>(top: &Reader<'a>, section: &str) -> Vec<&'a str> {
    let found = top.entries().iter().find(|(key, _)| key.name == section);
    match found.map(|(_, node)| &node.value) {
        Some(Value::Map(entries)) => entries.iter().map(|(key, _)| key.name.as_str()).collect(),
        _ => Vec::new(),
    }
}

fn same_address(ingress: &Ingress, admin: &Admin, top: &Reader<'_>, cx: &mut Context<'_>) {
    if ingress.listen != admin.listen || ingress.listen.port() == 0 {
        return;
    }
    let at = |name: &str| {
        let section = top.entries().iter().find(|(key, _)| key.name == name)?;
        section.1.get("listen").map(|node| node.at)
    };
    let at = at("admin").or_else(|| at("ingress")).unwrap_or(top.at);
    let message = format!("ingress and admin would both listen on {}", admin.listen);
    cx.problem(at, message, "give one of them another port");
}
