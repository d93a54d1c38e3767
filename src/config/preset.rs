//! `preset:` of a destination: the file of that name, read once however many name it.

use std::collections::HashMap;

use super::Target;
use super::context::Context;
use super::destination;
use super::layer::Layer;
use crate::preset::{self, File};
use crate::secret::Secret;
use crate::yaml::{self, Node, Reader, Value, nearest};

/// The presets read so far; `None`: there was a mistake, which has been reported.
#[derive(Debug, Default)]
pub(super) struct Presets {
    read: HashMap<String, Option<Preset>>,
    /// Their files.
    pub files: Vec<File>,
}

/// What a preset gives its destinations, and what it needs of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Preset {
    pub name: String,
    file: String,
    pub layer: Layer,
    /// Secrets that its templates use, and what they are.
    needs: Vec<(String, String)>,
}

/// What is wrong with a preset has been told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported;

impl Presets {
    /// What the preset that a destination names gives it; nothing, where it names none.
    ///
    /// # Errors
    /// The preset is wrong or not known, which has been reported.
    pub fn of(&mut self, r: &mut Reader<'_>, cx: &mut Context<'_>) -> Result<Preset, Reported> {
        let path = r.path_of("preset");
        let entry = r.entries().iter().find(|(key, _)| key.name == "preset");
        let given = entry.is_some_and(|(_, node)| node.value != Value::Null);
        let Some((at, name)) = cx.text(r, "preset") else {
            return if given { Err(Reported) } else { Ok(Preset::default()) };
        };
        if let Some(known) = self.read.get(&name) {
            return known.clone().ok_or(Reported);
        }
        let preset = match preset::find(cx.dir, &name) {
            Ok(Some(file)) => {
                let preset = read(&name, &file, cx);
                self.files.push(file);
                preset
            }
            Ok(None) => {
                let names = preset::names(cx.dir);
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let shown = cx.expansion.shown(at, &name).to_owned();
                let help = nearest(&name, &names);
                let help = format!("{help}; presets of your own lie in presets/NAME.yaml beside the config");
                cx.problem(at, format!("`{path}` does not know `{shown}`"), help);
                // Told again wherever else it stands.
                return Err(Reported);
            }
            Err(why) => {
                cx.problem(at, why, "save the preset as a readable file");
                None
            }
        };
        self.read.insert(name, preset.clone());
        preset.ok_or(Reported)
    }
}

/// `example:` and `tests:` are for `crossconnect test`.
fn read(name: &str, file: &File, cx: &mut Context<'_>) -> Option<Preset> {
    let before = cx.problems.len();
    let label = file.label.as_str();
    let root = yaml::parse(label, &file.text, cx.problems)?;
    let mut top = Reader::new(label, "", &root, cx.problems)?;
    top.text("about", cx.problems);
    top.node("example");
    top.node("tests");
    let needs = needs(&mut top, cx);
    let layer = match top.node("destination") {
        Some(node) => {
            no_variables(label, "destination", node, cx);
            destination::preset(label, cx.dir, node, cx.problems)
        }
        None => {
            top.missing("destination", "a preset is keys of a destination", cx.problems);
            Layer::default()
        }
    };
    top.finish(cx.problems);
    let preset = Preset { name: name.to_owned(), file: label.to_owned(), layer, needs };
    (cx.problems.len() == before).then_some(preset)
}

/// A variable would be sent as it stands here. Templates may mean their `${` otherwise.
fn no_variables(file: &str, path: &str, node: &Node, cx: &mut Context<'_>) {
    match &node.value {
        Value::Text(text) if text.contains("${") && !path.ends_with("_template") => {
            let message = format!("`{path}` holds a variable, which presets do not know");
            let help = "give it in the destination, whose own keys overrule those of the preset";
            cx.problems.add(file, Some(node.at), message).help(help);
        }
        Value::List(items) => items.iter().for_each(|item| no_variables(file, path, item, cx)),
        Value::Map(entries) => {
            entries
                .iter()
                .for_each(|(key, item)| no_variables(file, &format!("{path}.{}", key.name), item, cx));
        }
        _ => {}
    }
}

fn needs(top: &mut Reader<'_>, cx: &mut Context<'_>) -> Vec<(String, String)> {
    let Some(section) = top.section("secrets", cx.problems) else { return Vec::new() };
    let mut needs = Vec::new();
    for (key, node) in section.entries() {
        match node.scalar() {
            Some(what) => needs.push((key.name.clone(), what)),
            None => section.wrong(&key.name, node, "a text that says what it is", cx.problems),
        }
    }
    needs
}

impl Preset {
    /// Reports the secrets that the preset needs and the destination does not have, unless
    /// templates of its own made them superfluous.
    pub fn check(&self, destination: &str, own: &Node, layer: &mut Layer, cx: &mut Context<'_>) {
        let url = match layer.url.as_ref().map(|url| &url.target) {
            Some(Target::Template { text, .. }) => Some(text),
            _ => None,
        };
        let templates = [url, layer.body_template.as_ref(), layer.headers_template.as_ref()];
        let ours = templates.into_iter().flatten().filter(|template| template.file == self.file);
        let texts: Vec<String> = ours.map(|template| template.text.clone()).collect();
        let uses = |name: &str| texts.iter().any(|text| text.contains(&format!("secrets.{name}")));
        let Some(named) = own.get("preset").map(|node| node.at) else { return };
        let given = own.get("secrets");
        for (name, what) in &self.needs {
            if layer.secrets.contains_key(name) || !uses(name) {
                continue;
            }
            // One that is there and wrong has been reported.
            if given.is_none_or(|given| given.get(name).is_none()) {
                let message = format!(
                    "`{destination}.secrets.{name}` is missing, which the preset {} needs",
                    self.name
                );
                let help = format!("add `secrets: {{ {name}: \"${{…}}\" }}`: {what}");
                cx.problem(named, message, help);
            }
            layer.secrets.insert(name.clone(), Secret::new(""));
        }
    }
}
