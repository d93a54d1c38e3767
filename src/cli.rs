//! The command line: what was typed, and which command it means. One file per command.
//!
//! stdout is data, stderr is for people. Nothing below this room knows of arguments,
//! terminals or exit codes.

pub mod api;
pub mod args;
pub mod check;
pub mod completion;
pub mod deliveries;
pub mod demo;
pub mod destinations;
pub mod exit;
pub mod explain;
pub mod healthcheck;
pub mod http;
pub mod import;
pub mod listen;
pub mod receipts;
pub mod replay;
pub mod schema;
pub mod scheme;
pub mod send;
pub mod serve;
pub mod signature;
pub mod state;
pub mod table;
pub mod terminal;
pub mod test;
pub mod trial;
pub mod verdict;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};

use crate::cli::exit::{Exit, Mistakes, Stdout};
use crate::rules::Rules;

/// The config file where none is named.
pub const DEFAULT_CONFIG: &str = "config.yaml";

/// A webhook gateway between CMDBs and the tools behind them.
#[derive(Debug, Parser)]
#[command(name = "crossconnect", version, arg_required_else_help = true, after_help = EXAMPLE)]
pub struct Cli {
    /// The config file [default: config.yaml]
    #[arg(long, global = true, value_name = "FILE", env = "CROSSCONNECT_CONFIG")]
    pub config: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLE: &str = "\
Examples:
  crossconnect demo
  crossconnect check --config config.yaml
  crossconnect serve

Exit codes: 0 done, 1 failed, 2 wrong usage or wrong config.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the gateway
    Serve(serve::Args),
    /// Shows the whole walk: a gateway, a receiver, and recorded webhooks of three CMDBs
    Demo(demo::Args),
    /// Checks config, adapters and scripts, and lists every problem
    Check(check::Args),
    /// Runs the tests of adapters and scripts
    Test(test::Args),
    /// Shows what would leave for one request; sends nothing
    Try(trial::Args),
    /// Plays a sender: realistic, correctly signed webhooks
    Send(send::Args),
    /// Plays a receiver: prints requests, verifies signatures, fails on purpose
    Listen(listen::command::Args),
    /// Computes, checks or explains a signature
    Signature(signature::Args),
    /// Lists and shows the receipts of a running gateway
    Receipts(receipts::Args),
    /// Lists, shows, retries and cancels deliveries of a running gateway
    Deliveries(deliveries::Args),
    /// Lists, shows and retries dead deliveries of a running gateway
    Dead(deliveries::DeadArgs),
    /// Lists, pauses and resumes the destinations of a running gateway
    Destinations(destinations::Args),
    /// Explains every step of one receipt
    Explain(explain::Args),
    /// Runs stored receipts through the current rules again
    Replay(replay::Args),
    /// Moves what is pending from one state to another
    State(state::Args),
    /// Makes a config of what NetBox, Infrahub or DATAGERRY exported
    Import(import::Args),
    /// Prints the JSON Schema of config.yaml
    Schema(schema::Args),
    /// Asks a gateway whether it is ready
    Healthcheck(healthcheck::Args),
    /// Prints a completion script for a shell
    Completion(completion::Args),
}

/// How something is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    // For people. (Comments of the outer kind would make every help longer.)
    #[default]
    Table,
    // For programs.
    Json,
}

/// The config file as the operator named it, if one was named.
#[derive(Debug, Clone)]
pub struct ConfigFile(pub Option<String>);

impl ConfigFile {
    /// The file to read.
    pub fn name(&self) -> &str {
        self.0.as_deref().unwrap_or(DEFAULT_CONFIG)
    }

    /// Loads and compiles it; every mistake is in the error.
    pub fn load(&self) -> Result<Rules, Mistakes> {
        Rules::load(self.name()).map_err(Mistakes)
    }
}

/// Parses the arguments, runs the command, and tells how it ended.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Stdout::new();
    let result = run(cli, &mut out).and_then(|exit| {
        out.flush()?;
        Ok(exit)
    });
    exit::conclude(result, &mut io::stderr()).into()
}

/// Runs one command; what it prints as data goes to `out`.
pub fn run(cli: Cli, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let config = ConfigFile(cli.config);
    match cli.command {
        Command::Serve(args) => serve::run(&args, &config),
        Command::Demo(args) => demo::run(args, out),
        Command::Check(args) => check::run(&args, &config, out),
        Command::Test(args) => test::run(&args, &config, out),
        Command::Try(args) => wait(trial::run(&args, &config, out)),
        Command::Send(args) => wait(send::run(args, out)),
        Command::Listen(args) => wait(listen::command::run(args, out)),
        Command::Signature(args) => signature::run(args, &config, out),
        Command::Receipts(args) => wait(receipts::run(args, out)),
        Command::Deliveries(args) => wait(deliveries::run(args, out)),
        Command::Dead(args) => wait(deliveries::run_dead(args, out)),
        Command::Destinations(args) => wait(destinations::run(args, out)),
        Command::Explain(args) => wait(explain::run(args, out)),
        Command::Replay(args) => wait(replay::run(args, out)),
        Command::State(args) => wait(state::run(args, out)),
        Command::Import(args) => import::run(&args, out),
        Command::Schema(_) => schema::run(out),
        Command::Healthcheck(args) => wait(healthcheck::run(args, &config, out)),
        Command::Completion(args) => completion::run(&args, out),
    }
}

/// A runtime for this one command.
pub fn wait<F: Future<Output = anyhow::Result<Exit>>>(command: F) -> anyhow::Result<Exit> {
    tokio::runtime::Runtime::new().context("could not start the runtime")?.block_on(command)
}

/// Prints a JSON document and a line end.
pub fn print_json(out: &mut dyn Write, value: &impl serde::Serialize) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_help_has_an_example() {
        fn visit(command: &clap::Command, path: &str, missing: &mut Vec<String>) {
            let path = format!("{path} {}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            if !help.contains("Example") || !help.contains("crossconnect ") {
                missing.push(path.clone());
            }
            command.get_subcommands().for_each(|inner| visit(inner, &path, missing));
        }
        let mut missing = Vec::new();
        visit(&Cli::command(), "", &mut missing);
        assert!(missing.is_empty(), "no example in {missing:?}");
    }

    #[test]
    fn every_example_is_understood() {
        fn visit(command: &clap::Command, examples: &mut Vec<String>) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            examples.extend(
                help.lines().filter_map(|line| line.strip_prefix("  crossconnect ")).map(str::to_owned),
            );
            command.get_subcommands().for_each(|inner| visit(inner, examples));
        }
        let mut examples = Vec::new();
        visit(&Cli::command(), &mut examples);
        assert!(examples.len() >= 20, "only {} examples", examples.len());
        for example in examples {
            let parsed = Cli::try_parse_from(["crossconnect".to_owned()].into_iter().chain(words(&example)));
            let error = parsed.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.is_empty(), "{example}: {error}");
        }
    }

    /// The words of a line as a shell would see them, up to a pipe or a redirection.
    fn words(line: &str) -> Vec<String> {
        let line = line.split(['|', '>', '<']).next().unwrap_or_default();
        let mut words = Vec::new();
        for (index, part) in line.split('\'').enumerate() {
            match index % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        words
    }

    #[test]
    fn the_config_file_may_stand_before_and_behind_the_command() {
        for words in
            [["crossconnect", "--config", "a.yaml", "check"], ["crossconnect", "check", "--config", "a.yaml"]]
        {
            assert_eq!(Cli::parse_from(words).config.as_deref(), Some("a.yaml"));
        }
        assert_eq!(ConfigFile(None).name(), "config.yaml");
    }
}
