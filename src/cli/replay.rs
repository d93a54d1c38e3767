//! `replay`: runs stored receipts through the current rules again.

use std::collections::BTreeMap;
use std::io::Write;

use super::api::{Api, Gateway, Paging};
use super::exit::{Exit, Usage};
use super::receipts::Filter;
use super::terminal::field;
use super::{Output, print_json, terminal};
use crate::model::{Json, ReceiptId, json};

#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("mode").required(true).args(["dry_run", "confirm"])),
    after_help = "\
Examples:
  crossconnect replay --status failed --since 24h --dry-run
  crossconnect replay --status failed --since 24h --confirm
  crossconnect replay rct_019abb3a1c7e7a4f8d21c0ffee000001 --confirm"
)]
pub struct Args {
    /// These receipts, instead of filters
    #[arg(value_name = "RECEIPT")]
    receipts: Vec<ReceiptId>,
    /// Show what would be replayed
    #[arg(long)]
    dry_run: bool,
    /// Do it; deliveries that arrived are sent again
    #[arg(long)]
    confirm: bool,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    gateway: Gateway,
}

/// A receipt to replay; the source is known when it came from a list.
struct Chosen {
    id: String,
    source: String,
    status: String,
}

/// Runs the command.
pub async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let api = args.gateway.client()?;
    if !args.receipts.is_empty() && !args.filter.query().is_empty() {
        return Err(Usage("give receipts or filters, not both".into()).into());
    }
    let chosen = choose(&api, &args).await?;
    if args.dry_run {
        preview(&chosen, args.output, out)?;
        return Ok(Exit::Done);
    }
    replay(&api, &chosen, args.output, out).await
}

/// Oldest first, as they came; the whole list before the first replay, which might change it.
async fn choose(api: &Api, args: &Args) -> anyhow::Result<Vec<Chosen>> {
    if !args.receipts.is_empty() {
        let named = |id: &ReceiptId| Chosen { id: id.to_string(), source: "-".into(), status: "-".into() };
        return Ok(args.receipts.iter().map(named).collect());
    }
    let paging = Paging { limit: 1, cursor: None, all: true };
    let mut pages = api.pages("receipts", args.filter.query(), &paging);
    let mut chosen = Vec::new();
    while let Some(items) = pages.next().await? {
        chosen.extend(items.iter().map(|item| Chosen {
            id: field(item, "id"),
            source: field(item, "source"),
            status: field(item, "status"),
        }));
    }
    chosen.reverse();
    Ok(chosen)
}

fn preview(chosen: &[Chosen], output: Output, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for receipt in chosen {
        *counts.entry((&receipt.source, &receipt.status)).or_default() += 1;
    }
    let ids: Vec<&str> = chosen.iter().map(|receipt| receipt.id.as_str()).collect();
    if output == Output::Json {
        let groups: Vec<Json> = counts
            .iter()
            .map(|((source, status), count)| json!({"source": source, "status": status, "receipts": count}))
            .collect();
        return print_json(
            out,
            &json!({"dry_run": true, "matched": ids.len(), "groups": groups, "receipts": ids}),
        );
    }
    ids.iter().try_for_each(|id| writeln!(out, "{id}"))?;
    for ((source, status), count) in counts {
        eprintln!("{count} of {source}, {status}");
    }
    eprintln!("{} would be replayed; nothing was done (--confirm does it)", receipts(ids.len()));
    Ok(())
}

async fn replay(api: &Api, chosen: &[Chosen], output: Output, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let mut results = Vec::new();
    let mut failed = 0usize;
    for receipt in chosen {
        let answer = api.post(&format!("receipts/{}/replay", receipt.id), &json!({})).await;
        let result = match answer {
            Ok(answer) => answer,
            Err(error) => json!({"receipt": receipt.id, "status": "error", "error": format!("{error:#}")}),
        };
        let status = field(&result, "status");
        failed += usize::from(status == "error" || status == "failed");
        match output {
            Output::Json => results.push(result),
            Output::Table => writeln!(out, "{} {}", receipt.id, line(&result))?,
        }
    }
    if output == Output::Json {
        print_json(out, &json!({"matched": chosen.len(), "failed": failed, "results": results}))?;
    }
    eprintln!("{} replayed, {failed} failed", receipts(chosen.len()));
    Ok(Exit::failed_if(failed > 0))
}

fn line(result: &Json) -> String {
    match result.get("error").and_then(Json::as_str) {
        Some(error) => terminal::line(error).into_owned(),
        None => {
            let [status, events, deliveries] =
                ["status", "events", "deliveries"].map(|name| field(result, name));
            format!("{status}, events: {events}, deliveries: {deliveries}")
        }
    }
}

fn receipts(count: usize) -> String {
    format!("{count} receipt{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn a_replay_wants_either_dry_run_or_confirm() {
        let parse = |words: &[&str]| Cli::try_parse_from(["crossconnect", "replay"].iter().chain(words));
        assert!(parse(&[]).is_err());
        assert!(parse(&["--dry-run", "--confirm"]).is_err());
        assert!(parse(&["--dry-run"]).is_ok());
        assert!(parse(&["--confirm", "--status", "failed"]).is_ok());
    }

    #[test]
    fn a_dry_run_prints_the_ids_as_data() {
        let chosen = |id: &str| Chosen { id: id.into(), source: "netbox".into(), status: "failed".into() };
        let mut out = Vec::new();
        preview(&[chosen("rct_1"), chosen("rct_2")], Output::Table, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "rct_1\nrct_2\n");
    }
}
