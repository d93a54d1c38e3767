//! What configs say, and the words for what is wrong with them.

mod broken;
mod expansion;
mod lookups;
mod presets;
mod values;
mod ways;

use std::collections::HashMap;

use tempfile::TempDir;

use super::Config;
use crate::problem::Problems;

/// A folder with the files that `everything.yaml` names.
pub(super) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    let made = rcgen::generate_simple_self_signed(["gateway".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (file, text) in
        [("ca.pem", &*certificate), ("cert.pem", &certificate), ("key.pem", &key), ("scripts/one.rhai", "")]
    {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

/// Reads a config as if it lay in a folder, without any variables.
pub(super) fn read_from(folder: &TempDir, text: &str, problems: &mut Problems) -> Option<Config> {
    let file = folder.path().join("config.yaml");
    Config::read(&file.to_string_lossy(), text, &|_| None, problems)
}

/// Reads a config that has to be right.
fn read(text: &str) -> Config {
    let mut problems = Problems::default();
    let config = Config::read("config.yaml", text, &|_| None, &mut problems);
    assert!(problems.is_empty(), "{problems:#?}");
    config.unwrap()
}

/// All messages about a config, sorted.
fn messages_with(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    let env: HashMap<&str, &str> = env.iter().copied().collect();
    let mut problems = Problems::default();
    Config::read("config.yaml", text, &|name| env.get(name).map(|value| (*value).to_owned()), &mut problems);
    problems.into_sorted().iter().map(ToString::to_string).collect()
}

fn messages(text: &str) -> Vec<String> {
    messages_with(text, &[])
}
