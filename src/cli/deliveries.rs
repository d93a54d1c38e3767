//! `deliveries` and `dead`: what leaves a running gateway, and what could not.

use std::io::Write;

use clap::Subcommand;

use super::api::{self, Api, Gateway, Paging, Query};
use super::exit::{Exit, Usage};
use super::receipts::print_list;
use super::table::Table;
use super::terminal::{self, field};
use super::{Output, args, print_json, verdict};
use crate::model::{DeliveryId, Json, ReceiptId, Timestamp, json};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect deliveries list --destination awx --state pending
  crossconnect deliveries retry dlv_019abb3a1c7e7a4f8d21c0ffee000002")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists deliveries, newest first
    #[command(
        after_help = "Example:\n  crossconnect deliveries list --destination awx --class timeout --since 24h"
    )]
    List {
        /// In this state
        #[arg(long, value_parser = ["pending", "delivered", "dead", "cancelled", "superseded"])]
        state: Option<String>,
        #[command(flatten)]
        list: Listing,
    },
    /// Shows one delivery with its attempts
    #[command(after_help = "Example:\n  crossconnect deliveries show dlv_019abb3a1c7e7a4f8d21c0ffee000002")]
    Show(Showing),
    /// Makes deliveries due now, with a fresh schedule
    #[command(after_help = "\
Examples:
  crossconnect deliveries retry dlv_019abb3a1c7e7a4f8d21c0ffee000002
  crossconnect deliveries retry --all --state pending --destination awx")]
    Retry {
        /// With --all: those in this state
        #[arg(long, value_parser = ["pending", "dead", "cancelled"], default_value = "dead")]
        state: String,
        #[command(flatten)]
        retry: Retrying,
    },
    /// Ends pending deliveries
    #[command(after_help = "Example:\n  crossconnect deliveries cancel dlv_019abb3a1c7e7a4f8d21c0ffee000002")]
    Cancel {
        /// These
        #[arg(required = true, value_name = "ID")]
        ids: Vec<DeliveryId>,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
        #[command(flatten)]
        gateway: Gateway,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect dead list
  crossconnect dead retry --all --destination awx")]
pub struct DeadArgs {
    #[command(subcommand)]
    command: DeadCommand,
}

#[derive(Debug, Subcommand)]
enum DeadCommand {
    /// Lists dead deliveries, newest first
    #[command(after_help = "Example:\n  crossconnect dead list --destination awx --output json")]
    List(Listing),
    /// Shows one delivery with its attempts
    #[command(after_help = "Example:\n  crossconnect dead show dlv_019abb3a1c7e7a4f8d21c0ffee000002")]
    Show(Showing),
    /// Makes dead deliveries pending again, with a fresh schedule
    #[command(after_help = "\
Examples:
  crossconnect dead retry dlv_019abb3a1c7e7a4f8d21c0ffee000002
  crossconnect dead retry --all --class http_5xx")]
    Retry(Retrying),
}

#[derive(Debug, clap::Args)]
struct Listing {
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(Debug, clap::Args)]
struct Showing {
    /// Its id, `dlv_…`
    id: DeliveryId,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(Debug, clap::Args)]
struct Retrying {
    /// These
    #[arg(required_unless_present = "all", value_name = "ID")]
    ids: Vec<DeliveryId>,
    /// All that the filters leave
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    gateway: Gateway,
}

/// Which deliveries; all that are set must hold.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Filters")]
struct Filter {
    /// To this destination
    #[arg(long)]
    destination: Option<String>,
    /// Made by this route
    #[arg(long)]
    route: Option<String>,
    /// Of this receipt
    #[arg(long, value_name = "ID")]
    receipt: Option<ReceiptId>,
    /// Whose last attempt failed so: config, dns, connect, tls, timeout, refused_address, http_3xx, http_4xx, http_5xx
    #[arg(long)]
    class: Option<String>,
    /// Made at or after this time, or within this span (24h)
    #[arg(long, value_parser = args::moment, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Made before this time, or longer ago than this span
    #[arg(long, value_parser = args::moment, value_name = "TIME")]
    until: Option<Timestamp>,
}

impl Filter {
    fn query(&self, state: Option<&str>) -> Query {
        let texts = [
            ("destination", self.destination.clone()),
            ("route", self.route.clone()),
            ("state", state.map(str::to_owned)),
            ("receipt", self.receipt.map(|id| id.to_string())),
            ("class", self.class.clone()),
            ("since", self.since.map(|time| time.to_string())),
            ("until", self.until.map(|time| time.to_string())),
        ];
        texts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Runs `deliveries`.
pub async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match args.command {
        Command::List { state, list } => print(&list, state.as_deref(), out).await,
        Command::Show(args) => show(&args, out).await,
        Command::Retry { state, retry: args } => retry(&args, &state, out).await,
        Command::Cancel { ids, output, gateway } => {
            each(&gateway.client()?, &ids, "cancel", output, out).await
        }
    }
}

/// Runs `dead`.
pub async fn run_dead(args: DeadArgs, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match args.command {
        DeadCommand::List(list) => print(&list, Some("dead"), out).await,
        DeadCommand::Show(args) => show(&args, out).await,
        DeadCommand::Retry(args) => retry(&args, "dead", out).await,
    }
}

async fn print(list: &Listing, state: Option<&str>, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let api = list.gateway.client()?;
    let pages = api.pages("deliveries", list.filter.query(state), &list.paging);
    print_list(pages, list.output, verdict::delivery_table(), verdict::delivery_row, out).await?;
    Ok(Exit::Done)
}

async fn retry(args: &Retrying, state: &str, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let api = args.gateway.client()?;
    if !args.all {
        if !args.filter.query(None).is_empty() {
            return Err(Usage("filters go with --all, not with ids".into()).into());
        }
        return each(&api, &args.ids, "retry", args.output, out).await;
    }
    let answer = api.post("deliveries/retry", &api::filter(&args.filter.query(Some(state)))).await?;
    match args.output {
        Output::Json => print_json(out, &answer)?,
        Output::Table => writeln!(out, "{} retried", field(&answer, "retried"))?,
    }
    Ok(Exit::Done)
}

/// Does the same to each of some deliveries; one that fails does not keep the others from it.
async fn each(
    api: &Api,
    ids: &[DeliveryId],
    verb: &str,
    output: Output,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let mut results = Vec::new();
    let mut failed = false;
    for id in ids {
        let error = api.post(&format!("deliveries/{id}/{verb}"), &json!({})).await.err();
        failed |= error.is_some();
        let said = error.map(|error| format!("{error:#}"));
        if output == Output::Table {
            let word = if verb == "retry" { "due now" } else { "cancelled" };
            writeln!(out, "{id} {}", said.as_deref().unwrap_or(word))?;
        }
        results.push(json!({"id": id, "ok": said.is_none(), "error": said}));
    }
    if output == Output::Json {
        print_json(out, &results)?;
    }
    Ok(Exit::failed_if(failed))
}

async fn show(args: &Showing, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let delivery = args.gateway.client()?.get(&format!("deliveries/{}", args.id), &Query::new()).await?;
    match args.output {
        Output::Json => print_json(out, &delivery)?,
        Output::Table => describe(&delivery, out)?,
    }
    Ok(Exit::Done)
}

const HEAD: [&str; 11] = [
    "id",
    "state",
    "reason",
    "receipt",
    "event",
    "route",
    "destination",
    "lane",
    "created_at",
    "due_at",
    "finished_at",
];

fn describe(delivery: &Json, out: &mut dyn Write) -> anyhow::Result<()> {
    HEAD.iter().try_for_each(|name| writeln!(out, "{name:<12} {}", field(delivery, name)))?;
    let attempts = verdict::items(delivery, "attempts");
    if !attempts.is_empty() {
        writeln!(out)?;
        let mut table = Table::new(&["#", "AT", "STATUS", "MS", "CLASS", "ERROR"]);
        for attempt in attempts {
            table.row(
                ["number", "at", "status", "duration_ms", "class", "error"].map(|name| field(attempt, name)),
            );
        }
        table.print(out)?;
    }
    if let Some(remedy) = attempts.last().and_then(|attempt| attempt.get("remedy")).and_then(Json::as_str) {
        writeln!(out, "  help: {}", terminal::line(remedy))?;
    }
    if let Some(body) = delivery.get("body").filter(|body| !body.is_null()) {
        writeln!(out, "\nbody")?;
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        terminal::indented(out, "  ", &terminal::body(text.as_bytes()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_delivery_is_shown_with_its_attempts_and_the_last_remedy() {
        let delivery = json!({
            "id": "dlv_1", "state": "dead", "reason": "10 attempts failed", "destination": "awx",
            "attempts": [
                {"number": 1, "at": "2026-11-22T08:00:00Z", "duration_ms": 12, "status": 500, "class": "http_5xx",
                 "error": "500 Internal Server Error", "remedy": "look at the receiver"},
            ],
            "body": "{}",
        });
        let mut out = Vec::new();
        describe(&delivery, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in ["dead", "10 attempts failed", "http_5xx", "help: look at the receiver"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn a_filter_carries_the_state_of_its_command() {
        let filter = Filter { destination: Some("awx".into()), ..Filter::default() };
        let expected = [("destination", "awx".to_owned()), ("state", "dead".to_owned())];
        assert_eq!(filter.query(Some("dead")), expected);
    }
}
