//! `preset:` of a destination: the file of that name, read once however many name it.

use std::collections::HashMap;

use super::context::Context;
use super::destination;
use super::layer::Layer;
use crate::preset;
use crate::yaml::{self, Reader, nearest};

/// The presets read so far; `None`: there was a mistake, which has been reported.
#[derive(Debug, Default)]
pub(super) struct Presets(HashMap<String, Option<Layer>>);

impl Presets {
    /// What the preset that a destination names gives it.
    pub fn of(&mut self, r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Layer> {
        let path = r.path_of("preset");
        let (at, name) = cx.text(r, "preset")?;
        if let Some(known) = self.0.get(&name) {
            return known.clone();
        }
        let layer = match preset::find(cx.dir, &name) {
            Ok(Some((file, text))) => read(&file, &text, cx),
            Ok(None) => {
                let names: Vec<&str> = preset::shipped_names().collect();
                let shown = cx.expansion.shown(at, &name).to_owned();
                let help = nearest(&name, &names);
                cx.problem(at, format!("`{path}` does not know `{shown}`"), help);
                None
            }
            Err(why) => {
                cx.problem(at, why, "save the preset as a readable file");
                None
            }
        };
        self.0.insert(name, layer.clone());
        layer
    }
}

/// `tests:` are for `crossconnect test`.
fn read(file: &str, text: &str, cx: &mut Context<'_>) -> Option<Layer> {
    let before = cx.problems.len();
    let root = yaml::parse(file, text, cx.problems)?;
    let mut top = Reader::new(file, "", &root, cx.problems)?;
    top.text("about", cx.problems);
    top.node("tests");
    let layer = match top.node("destination") {
        Some(node) => destination::preset(file, cx.dir, node, cx.problems),
        None => {
            top.missing("destination", "a preset is keys of a destination", cx.problems);
            Layer::default()
        }
    };
    top.finish(cx.problems);
    (cx.problems.len() == before).then_some(layer)
}
