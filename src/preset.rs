//! Receivers by name: a file that says how a tool wants its webhooks.
//!
//! A preset holds keys of a destination, which the destination's own keys overrule. Reading
//! them is the config's business; here they are only found, and their tests are read.

mod expect;
mod trial;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

pub use expect::Sent;
pub use trial::{Given, ROUTE, Trial, Trials};

/// Where the operator's own presets lie, beside the config.
const FOLDER: &str = "presets";

/// A preset's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// As it is called in messages.
    pub label: String,
    pub text: Cow<'static, str>,
}

/// The preset of a name: the operator's own beside the config goes before the shipped one.
///
/// # Errors
///
/// Why the operator's own file could not be read.
pub fn find(dir: &Path, name: &str) -> Result<Option<File>, String> {
    if !is_name(name) {
        return Ok(None);
    }
    let own = dir.join(FOLDER).join(format!("{name}.yaml"));
    if own.is_file() {
        let label = own.strip_prefix(".").unwrap_or(&own).to_string_lossy().into_owned();
        let text =
            std::fs::read_to_string(&own).map_err(|error| format!("could not read {label}: {error}"))?;
        return Ok(Some(File { label, text: Cow::Owned(text) }));
    }
    let shipped = FILES.iter().find(|(file, _)| name_of(file) == name);
    Ok(shipped.map(|(file, text)| File { label: (*file).to_owned(), text: Cow::Borrowed(*text) }))
}

/// The names of all presets, the operator's own and the shipped ones, in order.
pub fn names(dir: &Path) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = FILES.iter().map(|(file, _)| name_of(file).to_owned()).collect();
    for entry in std::fs::read_dir(dir.join(FOLDER)).into_iter().flatten().flatten() {
        let file = entry.file_name();
        let own = file.to_str().and_then(|file| file.strip_suffix(".yaml"));
        names.extend(own.filter(|own| is_name(own)).map(str::to_owned));
    }
    names
}

/// A name stays in its folder.
fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(known)
}

fn name_of(file: &str) -> &str {
    file.trim_start_matches("presets/").trim_end_matches(".yaml")
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$((concat!("presets/", $name, ".yaml"), include_str!(concat!("../presets/", $name, ".yaml")))),*]
    };
}

/// Path and text of every shipped preset.
static FILES: [(&str, &str); 11] = files![
    "awx",
    "eda",
    "github",
    "gitlab",
    "jenkins",
    "kriten",
    "pagerduty",
    "semaphore",
    "servicenow",
    "slack",
    "teams",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_own_preset_goes_first_and_no_name_leaves_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("presets")).unwrap();
        for file in ["presets/slack.yaml", "presets/chat.yaml", "presets/notes.txt", "outside.yaml"] {
            std::fs::write(dir.path().join(file), "about: mine").unwrap();
        }
        let text = |name: &str| find(dir.path(), name).unwrap().map(|file| file.text.into_owned());
        assert_eq!(text("slack").as_deref(), Some("about: mine"));
        assert!(text("teams").is_some_and(|text| text.contains("AdaptiveCard")));
        let absolute = dir.path().join("outside").to_string_lossy().into_owned();
        for name in ["../outside", "", ".hidden", "a/b", absolute.as_str()] {
            assert_eq!(text(name), None, "{name}");
        }
        let names = names(dir.path());
        assert!(names.contains("chat") && names.contains("kriten") && !names.contains("notes"), "{names:?}");
        assert_eq!(names.len(), FILES.len() + 1);
    }
}
