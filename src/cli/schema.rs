//! `schema`: the JSON Schema of config.yaml, for editors.

use std::io::Write;

use super::exit::Exit;
use super::print_json;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  crossconnect schema > config.schema.json")]
pub struct Args {}

/// Runs the command.
pub fn run(out: &mut dyn Write) -> anyhow::Result<Exit> {
    print_json(out, &crate::config::schema())?;
    Ok(Exit::Done)
}
