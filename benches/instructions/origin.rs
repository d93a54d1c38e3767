//! What counts depend on besides the code.

use std::fmt;
use std::process::Command;

/// Compiler, target and profile of this program.
pub struct Origin {
    pub compiler: String,
    pub profile: String,
}

impl Origin {
    pub fn here() -> Self {
        let output = Command::new("rustc").arg("-vV").output().expect("rustc has to be installed");
        let told = String::from_utf8(output.stdout).unwrap();
        let line =
            |key: &str| told.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
        // …/target/PROFILE/deps/instructions-…
        let program = std::env::current_exe().unwrap();
        let profile = program.parent().and_then(|deps| deps.parent()?.file_name()).unwrap();
        Self {
            compiler: format!("rustc {}, {}", line("release:"), line("host:")),
            profile: profile.to_string_lossy().into_owned(),
        }
    }

    /// As the ledger's head has it.
    pub fn parse(text: &str) -> Option<Self> {
        let (compiler, profile) = text.rsplit_once(", profile ")?;
        Some(Self { compiler: compiler.to_owned(), profile: profile.to_owned() })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, profile {}", self.compiler, self.profile)
    }
}
