//! `serve`: the runtime, the log and the signals around the gateway.

use anyhow::Context as _;
use clap::ValueEnum;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::exit::{Exit, Mistakes, Usage};
use super::{ConfigFile, wait};
use crate::app;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect serve --config /etc/crossconnect/config.yaml
  crossconnect serve --log-format json

RUST_LOG sets what is logged, such as debug or crossconnect::egress=debug,info.
SIGTERM and SIGINT drain: requests and attempts under way are finished. A second one ends at once.")]
pub struct Args {
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

/// How log lines look, on stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Runs the gateway until a signal ends it.
pub fn run(args: &Args, config: &ConfigFile) -> anyhow::Result<Exit> {
    log(args.log_format)?;
    wait(async {
        let stop = signals()?;
        match app::run(config.name().to_owned(), stop.cancelled_owned()).await {
            Ok(()) => Ok(Exit::Done),
            Err(app::Error::Rules(problems)) => Err(Mistakes(problems).into()),
            Err(error) => Err(error.into()),
        }
    })
}

/// Sends the log to stderr; what is logged stands in `RUST_LOG`, else it is `info`.
pub fn log(format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env()
        .map_err(|error| Usage(format!("RUST_LOG cannot be read: {error}")))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Its fallback prints to stderr too, and panics where that is closed.
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => lines.with_ansi(colours()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("could not start the log: {error}"))
}

fn colours() -> bool {
    use std::io::IsTerminal as _;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Cancelled by the first SIGTERM or SIGINT; the second one ends the process. Takes effect
/// before this returns.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "waits for signals as long as the process lives")]
pub fn signals() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("could not watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("could not watch for SIGINT")?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        let mut either = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        either().await;
        tracing::info!("stopping: finishing what is under way (a second signal ends at once)");
        told.cancel();
        either().await;
        tracing::warn!("ended by a second signal");
        std::process::exit(Exit::Failed.code().into());
    });
    Ok(stop)
}

/// Cancelled by the first Ctrl-C; the second one ends the process.
#[cfg(not(unix))]
pub fn signals() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.context("could not watch for Ctrl-C").is_ok() {
            told.cancel();
            let _ = tokio::signal::ctrl_c().await;
            std::process::exit(Exit::Failed.code().into());
        }
    });
    Ok(stop)
}
