//! Skeletons of scripts that stand for what the sender ran itself.

use super::draft::Draft;
use super::name;
use super::record::shown_name;

/// A script to be written, and a test of it that runs as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skeleton {
    /// `scripts/NAME.rhai`, from the folder of the config.
    pub path: String,
    pub text: String,
    /// `scripts/NAME.test.yaml`.
    pub test_path: String,
    pub test: String,
}

/// A Python transformation of Infrahub.
#[derive(Debug)]
pub(super) struct Transformation {
    pub name: String,
    pub class: Option<String>,
    pub file: Option<String>,
}

/// The place of a transformation's script in the draft; made once for all webhooks that use it.
pub(super) fn for_transformation(of: &Transformation, about: &str, draft: &mut Draft) -> usize {
    let text = text(of, about);
    let title = first_line(of);
    if let Some(known) = draft.scripts.iter().position(|script| script.text.starts_with(&title)) {
        return known;
    }
    let slug = name::slug(&of.name, "transformation").replace('-', "_");
    let name = draft.script_names.unique(&slug, '_');
    draft.scripts.push(Skeleton {
        path: format!("scripts/{name}.rhai"),
        text,
        test_path: format!("scripts/{name}.test.yaml"),
        test: TEST.to_owned(),
    });
    draft.scripts.len() - 1
}

fn first_line(of: &Transformation) -> String {
    format!("// Stands for the Python transformation {:?} of Infrahub.\n", shown_name(&of.name))
}

fn text(of: &Transformation, about: &str) -> String {
    let mut text = first_line(of);
    let class = of.class.as_ref().map(|class| format!("class {}", shown_name(class)));
    let file = of.file.as_ref().map(|file| format!("file {}", shown_name(file)));
    let place: Vec<String> = class.into_iter().chain(file).collect();
    if !place.is_empty() {
        text.push_str(&format!("// Its {}.\n", place.join(", ")));
    }
    text.push_str(&format!("// First used by {about}.\n"));
    text.push_str(BODY);
    text
}

const BODY: &str = "\
//
// What Infrahub gave the transformation is `event.native`: data, id, branch, account_id,
// occured_at and event. What `transform` gives is the body that leaves. docs/scripts.md has
// the functions there are, and what else an event tells.

fn transform(event) {
    // So far the body leaves as Infrahub sent it. What Python did goes here:
    // #{ text: `${event.object.name} was ${event.action}` }
    event.native
}
";

const TEST: &str = "\
# What the script is given, and what is expected of it. Change both with the script.
- name: the body leaves as Infrahub sent it
  event:
    type: infrahub.node.updated
    object: { kind: InfraDevice, id: 65f403c6, name: atl1-edge1 }
    native:
      data: { node_id: 65f403c6, kind: InfraDevice, action: updated }
      id: ce3b7013
      branch: main
      event: infrahub.node.updated
  expect:
    body:
      data: { node_id: 65f403c6, kind: InfraDevice, action: updated }
      id: ce3b7013
      branch: main
      event: infrahub.node.updated
";
