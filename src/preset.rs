//! Receivers by name: a file that says how a tool wants its webhooks.
//!
//! A preset holds keys of a destination, which the destination's own keys overrule. Reading
//! them is the config's business; here they are only found.

use std::borrow::Cow;
use std::path::Path;

/// The preset of a name: the operator's own beside the config goes before the shipped one.
/// Gives the file as it is called in messages, and its text.
///
/// # Errors
///
/// Why the operator's own file could not be read.
pub fn find(dir: &Path, name: &str) -> Result<Option<(String, Cow<'static, str>)>, String> {
    let own = dir.join("presets").join(format!("{name}.yaml"));
    let label = own.strip_prefix(".").unwrap_or(&own).to_string_lossy().into_owned();
    if own.is_file() {
        let text =
            std::fs::read_to_string(&own).map_err(|error| format!("could not read {label}: {error}"))?;
        return Ok(Some((label, Cow::Owned(text))));
    }
    let shipped = shipped().iter().find(|(file, _)| name_of(file) == name);
    Ok(shipped.map(|(file, text)| ((*file).to_owned(), Cow::Borrowed(*text))))
}

/// The names of the shipped presets.
pub fn shipped_names() -> impl Iterator<Item = &'static str> {
    shipped().iter().map(|(file, _)| name_of(file))
}

/// Path and text of every shipped preset.
pub fn shipped() -> &'static [(&'static str, &'static str)] {
    &FILES
}

fn name_of(file: &str) -> &str {
    file.trim_start_matches("presets/").trim_end_matches(".yaml")
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../", $name)))),*]
    };
}

static FILES: [(&str, &str); 1] = files!["presets/slack.yaml"];
