//! What people configured in their CMDB, as a config of the gateway: exports of NetBox, Infrahub and
//! DATAGERRY in, the text of a config.yaml and a list of what is left to do out.
//!
//! Pure: texts in, texts out. What can be told for a credential never enters what comes out; a
//! placeholder stands where one was. Files, terminals and randomness stay outside.

mod code;
mod credential;
mod datagerry;
mod draft;
mod export;
mod header;
mod infrahub;
mod mask;
mod name;
mod netbox;
mod record;
mod refusal;
mod render;
mod script;
mod target;
#[cfg(test)]
mod tests;
mod todo;
mod write;

use crate::problem::{Problem, Problems};
use draft::Draft;

pub use script::Skeleton;

/// How large one export may be, in bytes.
pub const LARGEST_EXPORT: usize = 16 << 20;

/// Whose exports are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// NetBox 2.11 to 4.7, and Nautobot.
    Netbox,
    Infrahub,
    Datagerry,
}

/// One file as it was exported.
#[derive(Debug, Clone)]
pub struct Export {
    /// As the operator named it, for messages.
    pub file: String,
    pub text: String,
}

/// What the operator wants of the config.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// The name of the source; the system's own where there is none.
    pub source: Option<String>,
    /// What proves the sender until the operator sets a secret of their own. It must be such that
    /// nobody can guess it; letters and digits.
    pub random: String,
    /// Whether skeletons of scripts are saved beside the config. If not, they stand in it as comments.
    pub with_scripts: bool,
}

/// A config, and what came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The text of config.yaml.
    pub config: String,
    /// What is left to do, in the order in which to do it.
    pub todo: Vec<String>,
    /// One for each transformation that a webhook of Infrahub has.
    pub scripts: Vec<Skeleton>,
}

impl System {
    pub const ALL: [Self; 3] = [Self::Netbox, Self::Infrahub, Self::Datagerry];

    /// As it stands in configs and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Netbox => "netbox",
            Self::Infrahub => "infrahub",
            Self::Datagerry => "datagerry",
        }
    }

    /// As its makers write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Netbox => "NetBox",
            Self::Infrahub => "Infrahub",
            Self::Datagerry => "DATAGERRY",
        }
    }
}

/// Turns exports into a config.
///
/// # Errors
/// Every mistake in any of the exports; nothing is made of the rest.
pub fn import(system: System, exports: &[Export], wishes: &Wishes) -> Result<Import, Vec<Problem>> {
    let mut problems = Problems::default();
    if let Some(source) = wishes.source.as_deref().filter(|source| !name::is_name(source)) {
        let message = format!("{source:?} cannot name a source");
        let help = "a name has up to 64 letters, digits, `-`, `_`, `.`, and begins with a letter or digit";
        problems.add("--source", None, message).help(help);
    }
    let found = export::read(system, exports, &mut problems);
    let mut draft = Draft::new(system, wishes);
    match system {
        System::Netbox => netbox::plan(&found, &mut draft, &mut problems),
        System::Infrahub => infrahub::plan(&found, &mut draft, &mut problems),
        System::Datagerry => datagerry::plan(&found, &mut draft, &mut problems),
    }
    if !problems.is_empty() {
        return Err(problems.into_sorted());
    }
    refusal::comment_out(&mut draft);
    let todo = todo::list(&draft);
    let config = render::config(&draft, &todo);
    Ok(Import { config, todo, scripts: draft.scripts })
}
