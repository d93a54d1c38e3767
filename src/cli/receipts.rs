//! `receipts`: lists and shows what a running gateway accepted.

use std::io::Write;

use clap::{Subcommand, ValueEnum};

use super::api::{Gateway, Pages, Paging, Query};
use super::exit::Exit;
use super::table::Table;
use super::terminal::{self, field};
use super::{Output, args, print_json, verdict};
use crate::model::{Json, ReceiptId, Timestamp};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect receipts list --source netbox-prod --since 24h
  crossconnect receipts show rct_019abb3a1c7e7a4f8d21c0ffee000001")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists receipts, newest first
    #[command(after_help = "\
Examples:
  crossconnect receipts list --status failed
  crossconnect receipts list --since 2026-11-22T08:00:00Z --all --output json")]
    List {
        #[arg(long, value_enum, default_value_t)]
        output: Output,
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        gateway: Gateway,
    },
    /// Shows one receipt with its events, verdicts and deliveries
    #[command(after_help = "Example:\n  crossconnect receipts show rct_019abb3a1c7e7a4f8d21c0ffee000001")]
    Show {
        /// The id that the sender was answered
        id: ReceiptId,
        #[arg(long, value_enum, default_value_t)]
        output: Output,
        #[command(flatten)]
        gateway: Gateway,
    },
}

/// Which receipts; all that are set must hold.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Filters")]
pub struct Filter {
    /// Of this source
    #[arg(long)]
    pub source: Option<String>,
    /// That went well or did not
    #[arg(long, value_enum)]
    pub status: Option<Status>,
    /// Received at or after this time, or within this span (24h)
    #[arg(long, value_parser = args::moment, value_name = "TIME")]
    pub since: Option<Timestamp>,
    /// Received before this time, or longer ago than this span
    #[arg(long, value_parser = args::moment, value_name = "TIME")]
    pub until: Option<Timestamp>,
    /// That this route delivered
    #[arg(long)]
    pub route: Option<String>,
    /// With this correlation id
    #[arg(long, value_name = "ID")]
    pub correlation: Option<String>,
}

/// What became of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Status {
    Processed,
    Failed,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Failed => "failed",
        }
    }
}

impl Filter {
    /// As the API takes it.
    pub fn query(&self) -> Query {
        let texts = [
            ("source", self.source.clone()),
            ("status", self.status.map(|status| status.name().to_owned())),
            ("since", self.since.map(|time| time.to_string())),
            ("until", self.until.map(|time| time.to_string())),
            ("route", self.route.clone()),
            ("correlation", self.correlation.clone()),
        ];
        texts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Runs the command.
pub async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match args.command {
        Command::List { filter, paging, output, gateway } => {
            let api = gateway.client()?;
            let pages = api.pages("receipts", filter.query(), &paging);
            print_list(pages, output, table(), row, out).await?;
        }
        Command::Show { id, output, gateway } => {
            let receipt = gateway.client()?.get(&format!("receipts/{id}"), &Query::new()).await?;
            match output {
                Output::Json => print_json(out, &receipt)?,
                Output::Table => show(&receipt, out)?,
            }
        }
    }
    Ok(Exit::Done)
}

/// Prints a list page by page, so that a long one takes no more memory than a page.
pub async fn print_list(
    mut pages: Pages<'_>,
    output: Output,
    mut table: Table,
    row: fn(&Json) -> Vec<String>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut printed = 0usize;
    while let Some(items) = pages.next().await? {
        if output == Output::Table {
            items.iter().for_each(|item| table.row(row(item)));
            table.print(out)?;
            continue;
        }
        for item in items {
            write!(out, "{}{item}", if printed == 0 { "{\"items\":[\n" } else { ",\n" })?;
            printed += 1;
        }
    }
    match (output, pages.cursor()) {
        (Output::Table, Some(cursor)) => {
            eprintln!("there are more: --all, or --cursor {}", terminal::line(cursor))
        }
        (Output::Table, None) => {}
        (Output::Json, cursor) => {
            let begin = if printed == 0 { "{\"items\":[" } else { "\n" };
            writeln!(out, "{begin}],\"next\":{}}}", Json::from(cursor))?;
        }
    }
    Ok(())
}

fn table() -> Table {
    Table::new(&["RECEIPT", "RECEIVED", "SOURCE", "STATUS", "TYPE", "KIND", "NAME", "OUT", "DUP", "REASON"])
}

fn row(receipt: &Json) -> Vec<String> {
    [
        "id",
        "received_at",
        "source",
        "status",
        "event_type",
        "kind",
        "name",
        "deliveries",
        "duplicates",
        "reason",
    ]
    .map(|name| field(receipt, name))
    .to_vec()
}

fn show(receipt: &Json, out: &mut dyn Write) -> anyhow::Result<()> {
    for name in ["id", "source", "received_at", "status", "reason", "duplicates", "replays"] {
        writeln!(out, "{name:<12} {}", field(receipt, name))?;
    }
    let request = receipt.get("request").unwrap_or(&Json::Null);
    let [method, path, client] = ["method", "path", "client"].map(|name| field(request, name));
    writeln!(out, "{:<12} {method} {path} from {client}", "request")?;
    if let Some(proof) = receipt.get("proof") {
        writeln!(out, "{:<12} {}", "verified", proof_line(proof))?;
    }
    for note in verdict::items(receipt, "notes") {
        writeln!(out, "{:<12} {}", "note", terminal::value(note))?;
    }
    writeln!(out)?;
    verdict::processed(out, verdict::items(receipt, "events"))?;
    let deliveries = verdict::items(receipt, "deliveries");
    if !deliveries.is_empty() {
        writeln!(out)?;
        let mut table = verdict::delivery_table();
        deliveries.iter().for_each(|delivery| table.row(verdict::delivery_row(delivery)));
        table.print(out)?;
    }
    if let Some(body) = receipt.get("body").filter(|body| !body.is_null()) {
        writeln!(out, "\nbody")?;
        let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        terminal::indented(out, "  ", &terminal::body(text.as_bytes()))?;
    }
    Ok(())
}

/// `netbox, over raw, secret 1`; secrets count from 1 for people.
pub fn proof_line(proof: &Json) -> String {
    let mut words = vec![field(proof, "scheme")];
    if let Some(variant) = proof.get("variant").and_then(Json::as_str) {
        words.push(format!("over {}", terminal::line(variant)));
    }
    if let Some(secret) = proof.get("secret").and_then(Json::as_u64) {
        words.push(format!("secret {}", secret + 1));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use crate::model::json;

    use super::*;

    #[test]
    fn only_filters_that_are_set_are_asked_for() {
        assert!(Filter::default().query().is_empty());
        let filter =
            Filter { status: Some(Status::Failed), since: Some(Timestamp::UNIX_EPOCH), ..Filter::default() };
        let expected = [("status", "failed".to_owned()), ("since", "1970-01-01T00:00:00Z".to_owned())];
        assert_eq!(filter.query(), expected);
    }

    #[test]
    fn a_receipt_is_shown_with_its_events_deliveries_and_body() {
        let receipt = json!({
            "id": "rct_1", "source": "netbox", "received_at": "2026-11-22T08:00:00Z", "status": "processed",
            "reason": null, "duplicates": 1, "replays": 0,
            "request": {"method": "POST", "path": "/hooks/netbox", "client": "10.0.0.1"},
            "proof": {"scheme": "netbox", "variant": "raw", "secret": 0}, "notes": ["a note"],
            "events": [{"event": {"id": "evt_1", "type": "netbox.object.updated", "changes": []},
                        "routes": [{"route": "all", "decision": "routed", "deliveries": ["dlv_1"], "script": null}]}],
            "deliveries": [{"id": "dlv_1", "state": "delivered", "destination": "awx", "last_status": 200}],
            "body": "{\"a\":1}",
        });
        let mut out = Vec::new();
        show(&receipt, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in [
            "rct_1",
            "netbox, over raw, secret 1",
            "a note",
            "route all: yes: 1 delivery",
            "dlv_1",
            "\"a\": 1",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
