//! `completion`: a script that completes the command line in a shell.

use std::io::Write;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use super::exit::Exit;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  crossconnect completion bash > /etc/bash_completion.d/crossconnect")]
pub struct Args {
    shell: Shell,
}

/// Runs the command.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    // The generator panics when its writer fails, so it gets one that cannot.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "crossconnect", &mut script);
    out.write_all(&script)?;
    Ok(Exit::Done)
}
