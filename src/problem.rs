//! Mistakes in files, collected: a check reports all of them, never only the first.

use std::fmt;

/// One mistake and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as the operator named it.
    pub file: String,
    /// Line and column, counted from 1; `None` for the file as a whole.
    pub at: Option<(usize, usize)>,
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.at.unwrap_or((1, 1));
        write!(f, "{}:{line}:{column}: {}", self.file, self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// All mistakes found so far.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    /// Notes a mistake at a place of a file.
    pub fn add(
        &mut self,
        file: &str,
        at: Option<(usize, usize)>,
        message: impl Into<String>,
    ) -> &mut Problem {
        self.found.push(Problem { file: file.to_owned(), at, message: message.into(), help: None });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// In the order of files and lines. A mistake that was met twice is told once.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by(|a, b| (&a.file, a.at).cmp(&(&b.file, b.at)));
        let mut told: Vec<Problem> = Vec::with_capacity(self.found.len());
        for problem in self.found {
            let mut same_place =
                told.iter().rev().take_while(|seen| (&seen.file, seen.at) == (&problem.file, problem.at));
            if !same_place.any(|seen| *seen == problem) {
                told.push(problem);
            }
        }
        told
    }

    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.found.iter()
    }
}

impl Problem {
    /// Adds the remedy.
    pub fn help(&mut self, help: impl Into<String>) {
        self.help = Some(help.into());
    }
}
