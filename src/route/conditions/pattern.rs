//! `regex`: a regular expression of Python's `re`, matched as `re.match` does.

mod class;
mod escape;
mod group;
mod translate;

use fancy_regex::{Error, Regex, RegexBuilder, RegexInput, RuntimeError};

/// So many steps back end a match: what an event holds must not cost the gateway seconds.
const MOST_STEPS: usize = 50_000;
/// Look-around and back-references may read a text once per character; more bytes they do not get.
const LONGEST_LOOKED: usize = 8 * 1024;
/// Of a compiled pattern, in bytes.
const LARGEST: usize = 2 * 1024 * 1024;

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Pattern {
    written: String,
    regex: Regex,
    looks_around: bool,
}

impl Pattern {
    /// Compiles an expression; the error says what is wrong with it, and where.
    pub fn compile(written: &str) -> Result<Self, String> {
        let translated = translate::translate(written).map_err(|fault| fault.to_string())?;
        let regex = RegexBuilder::new(&format!("\\A(?:{})", translated.text))
            .backtrack_limit(MOST_STEPS)
            .delegate_size_limit(LARGEST)
            .max_prog_size(LARGEST / 16)
            .build()
            .map_err(|error| why(&error))?;
        Ok(Self { written: written.to_owned(), regex, looks_around: translated.looks_around })
    }

    /// As the operator wrote it.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether a text begins with a match; the error says why that could not be found out.
    pub fn matches(&self, text: &str) -> Result<bool, String> {
        if self.looks_around && text.len() > LONGEST_LOOKED {
            return Err(format!("a text of {} bytes is too long for this expression", text.len()));
        }
        self.regex.is_match_input(RegexInput::new(text).anchored(true)).map_err(|error| match error {
            Error::RuntimeError(RuntimeError::BacktrackLimitExceeded | RuntimeError::StackOverflow) => {
                "matching the expression takes too many steps".to_owned()
            }
            error => why(&error),
        })
    }
}

/// The engine's words in one line. Its places are those of the translation, so they are not told.
fn why(error: &Error) -> String {
    let text = match error {
        Error::ParseError(_, error) => error.to_string(),
        error => error.to_string(),
    };
    let line = text.lines().next().unwrap_or_default().trim_end_matches(['.', ':']);
    line.to_lowercase()
}
