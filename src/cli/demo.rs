//! `demo`: the whole walk in one process.

use std::io::Write;

use super::exit::Exit;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  crossconnect demo --once")]
pub struct Args {
    /// End after the round, with 0 only if everything arrived
    #[arg(long)]
    pub once: bool,
}

/// Runs the command.
pub fn run(_args: Args, _out: &mut dyn Write) -> anyhow::Result<Exit> {
    anyhow::bail!("the demo is not built into this version")
}
