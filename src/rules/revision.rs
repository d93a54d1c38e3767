//! A short name for the exact texts the rules were made of.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

/// How deep folders of scripts are looked through.
const DEEPEST: usize = 8;

/// Collects files; the order in which they come does not matter.
#[derive(Debug, Default)]
pub(super) struct Revision {
    files: BTreeMap<String, [u8; 32]>,
}

impl Revision {
    pub fn add(&mut self, name: &str, content: &[u8]) {
        self.files.insert(name.to_owned(), Sha256::digest(content).into());
    }

    /// Adds every script below a folder: scripts may import one another.
    pub fn add_scripts(&mut self, folder: &Path) {
        self.scripts(folder, 0);
    }

    fn scripts(&mut self, folder: &Path, depth: usize) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "rhai") {
                if let Ok(content) = std::fs::read(&path) {
                    self.add(&path.to_string_lossy(), &content);
                }
            } else if depth < DEEPEST && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.scripts(&path, depth + 1);
            }
        }
    }

    /// Twelve hexadecimal digits.
    pub fn finish(&self) -> String {
        let mut hash = Sha256::new();
        for (name, content) in &self.files {
            hash.update(name.len().to_be_bytes());
            hash.update(name);
            hash.update(content);
        }
        hex::encode(&hash.finalize()[..6])
    }
}

#[cfg(test)]
mod tests {
    use super::Revision;

    fn revision(files: &[(&str, &str)]) -> String {
        let mut revision = Revision::default();
        files.iter().for_each(|(name, content)| revision.add(name, content.as_bytes()));
        revision.finish()
    }

    #[test]
    fn a_revision_changes_with_any_text_and_with_nothing_else() {
        let first = revision(&[("a", "1"), ("b", "2")]);
        assert_eq!(first.len(), 12);
        assert_eq!(first, revision(&[("b", "2"), ("a", "1")]));
        assert_ne!(first, revision(&[("a", "1"), ("b", "3")]));
        assert_ne!(first, revision(&[("a", "1")]));
    }
}
