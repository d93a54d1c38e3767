//! `branch:` of a `when`: by role or by name.

use crate::glob::Glob;

/// What the default branch is called where a source does not say.
pub(super) const DEFAULT: &str = "main";

/// One wanted branch.
#[derive(Debug)]
pub(super) enum Branch {
    /// The source's default branch. An event without a branch comes from a system that has
    /// none, where everything happens on the one line there is: it counts as default.
    Default,
    /// Any branch but the default one.
    Other,
    All,
    Named(Glob),
}

impl Branch {
    pub fn new(text: &str) -> Self {
        match text {
            "default" => Self::Default,
            "other" => Self::Other,
            "all" => Self::All,
            name => Self::Named(Glob::new(name)),
        }
    }

    /// Whether an event's branch is this one.
    pub fn is(&self, branch: Option<&str>, default: Option<&str>) -> bool {
        let is_default = branch.is_none_or(|branch| branch == default.unwrap_or(DEFAULT));
        match self {
            Self::Default => is_default,
            Self::Other => !is_default,
            Self::All => true,
            Self::Named(glob) => branch.is_some_and(|branch| glob.matches(branch)),
        }
    }
}
