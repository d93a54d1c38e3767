//! `state copy`: moves what is pending from one state to another, while no gateway runs on either.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Subcommand;

use super::exit::{Exit, Usage};
use super::table::Table;
use super::{Output, print_json};
use crate::app;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{self, State};
use crate::store::Store;
use crate::store::copy::{Copied, copy};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect state copy --from sqlite:data/crossconnect.db --to redis://127.0.0.1:6379/0 --dry-run
  crossconnect state copy --from sqlite:data/crossconnect.db --to redis://127.0.0.1:6379/0")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copies what is pending, the dedupe keys, and pauses
    #[command(after_help = "\
Stop all gateways on both states before. What is over (and dead letters) stays behind; the old state is
left as it is, so do not start a gateway on it again. After a failure run it again: what has arrived is
left as it is.

Example:
  crossconnect state copy --from sqlite:data/crossconnect.db --to redis://127.0.0.1:6379/0")]
    Copy {
        /// The old state, as `state:` of a config; paths count from here
        #[arg(long, value_name = "STATE", env = "CROSSCONNECT_STATE_FROM", hide_env_values = true)]
        from: String,
        /// The new state
        #[arg(long, value_name = "STATE", env = "CROSSCONNECT_STATE_TO", hide_env_values = true)]
        to: String,
        /// Counts, and writes nothing
        #[arg(long)]
        dry_run: bool,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

/// Runs the command.
pub async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let Command::Copy { from, to, dry_run, output } = args.command;
    let (from, to) = (state("--from", &from)?, state("--to", &to)?);
    if from == to {
        return Err(Usage("--from and --to are the same state".into()).into());
    }
    if let State::Sqlite(file) = &from
        && !file.exists()
    {
        return Err(Usage(format!("--from: there is no file {}", file.display())).into());
    }
    let source = open(&from).await.context("--from")?;
    let target = if dry_run { None } else { Some(open(&to).await.context("--to")?) };
    let result = copy(&*source, target.as_deref(), SystemClock.now()).await;
    source.close().await;
    if let Some(target) = target {
        target.close().await;
    }
    match result {
        Ok(copied) => {
            print(copied, output, out)?;
            Ok(Exit::Done)
        }
        Err((copied, why)) => {
            print(copied, output, out)?;
            bail!("it ended before the end: {why}; run it again to go on")
        }
    }
}

fn state(option: &str, text: &str) -> Result<State, Usage> {
    config::state_url(text, Path::new(".")).map_err(|why| Usage(format!("{option}: {why}")))
}

async fn open(state: &State) -> anyhow::Result<Arc<dyn Store>> {
    let name = format!("state copy {}", std::process::id());
    let store = app::open_state(state, &name, Arc::new(SystemClock)).await?;
    let others = store.others().await?;
    if !others.is_empty() {
        store.close().await;
        bail!("the gateways {} work on it: stop them before", others.join(", "));
    }
    Ok(store)
}

fn print(copied: Copied, output: Output, out: &mut dyn Write) -> anyhow::Result<()> {
    if output == Output::Json {
        return print_json(out, &copied);
    }
    let Copied { receipts, deliveries, gathered, deferred, failed, keys, pauses, known } = copied;
    let mut table = Table::new(&["what", "moved"]);
    for (what, count) in [
        ("receipts", receipts),
        ("deliveries", deliveries),
        ("events in batches", gathered),
        ("receipts that wait for lookups", deferred),
        ("receipts that wait for a replay", failed),
        ("dedupe keys", keys),
        ("pauses", pauses),
        ("had arrived before", known),
    ] {
        table.row([what.to_owned(), count.to_string()]);
    }
    Ok(table.print(out)?)
}
