//! How a command ends, and what a person reads when it does not end well.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::app;
use crate::problem::Problem;

/// 0 done, 1 failed, 2 wrong usage or wrong config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    Failed,
    Wrong,
}

impl Exit {
    /// `Failed` if something did.
    pub fn failed_if(failed: bool) -> Self {
        if failed { Self::Failed } else { Self::Done }
    }

    /// The number the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Wrong => 2,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The command was called wrongly in a way the argument parser cannot see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Mistakes in config, adapters or scripts: all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", count(.0.len()))]
pub struct Mistakes(pub Vec<Problem>);

/// `1 problem`, `3 problems`.
pub fn count(problems: usize) -> String {
    format!("{problems} problem{}", if problems == 1 { "" } else { "s" })
}

/// Turns the result of a command into its exit, and tells a person about an error.
pub fn conclude(result: anyhow::Result<Exit>, err: &mut dyn Write) -> Exit {
    let error = match result {
        Ok(exit) => return exit,
        Err(error) if is_closed_stdout(&error) => return Exit::Done,
        Err(error) => error,
    };
    // Where stderr is gone there is nobody left to tell.
    if let Some(Mistakes(problems)) = error.downcast_ref() {
        for problem in problems {
            let _ = writeln!(err, "{problem}");
        }
        let _ = writeln!(err, "{}", count(problems.len()));
        return Exit::Wrong;
    }
    let _ = writeln!(err, "error: {error:#}");
    // A state that cannot be opened is not the one that the config means.
    let is_state = matches!(error.downcast_ref(), Some(app::Error::State(_)));
    if is_state || error.is::<Usage>() { Exit::Wrong } else { Exit::Failed }
}

/// stdout, whose reader may leave early (`| head`), which is no failure.
#[derive(Debug)]
pub struct Stdout(io::Stdout);

#[derive(Debug, thiserror::Error)]
#[error("stdout was closed")]
struct Closed;

impl Stdout {
    pub fn new() -> Self {
        Self(io::stdout())
    }
}

impl Default for Stdout {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(mark)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(mark)
    }
}

/// Tells a broken stdout from a broken connection.
fn mark(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => io::Error::new(io::ErrorKind::BrokenPipe, Closed),
        _ => error,
    }
}

fn is_closed_stdout(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.get_ref().is_some_and(|inner| inner.is::<Closed>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concluded(error: anyhow::Error) -> (Exit, String) {
        let mut err = Vec::new();
        let exit = conclude(Err(error), &mut err);
        (exit, String::from_utf8(err).unwrap())
    }

    #[test]
    fn the_three_ends_have_the_promised_codes() {
        assert_eq!([Exit::Done, Exit::Failed, Exit::Wrong].map(Exit::code), [0, 1, 2]);
        assert_eq!(concluded(anyhow::anyhow!("no answer")), (Exit::Failed, "error: no answer\n".to_owned()));
        assert_eq!(concluded(Usage("no".into()).into()).0, Exit::Wrong);
        let state = anyhow::Error::from(app::Error::State("wrong password".into())).context("--from");
        assert_eq!(concluded(state).0, Exit::Wrong);
    }

    #[test]
    fn every_mistake_in_files_is_printed_and_counted() {
        let problem = |line| Problem {
            file: "config.yaml".into(),
            at: Some((line, 3)),
            message: "unknown key".into(),
            help: Some("remove it".into()),
        };
        let (exit, text) = concluded(Mistakes(vec![problem(1), problem(7)]).into());
        assert_eq!(exit, Exit::Wrong);
        assert_eq!(
            text,
            "config.yaml:1:3: unknown key\n  help: remove it\n\
             config.yaml:7:3: unknown key\n  help: remove it\n2 problems\n"
        );
    }

    #[test]
    fn a_reader_that_left_is_no_failure_but_a_broken_connection_is() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(concluded(mark(broken()).into()), (Exit::Done, String::new()));
        assert_eq!(concluded(broken().into()).0, Exit::Failed);
    }
}
