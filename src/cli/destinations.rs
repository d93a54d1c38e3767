//! `destinations`: how the receivers behind a running gateway are, and their pauses.

use std::io::Write;

use clap::Subcommand;

use super::api::{Api, Gateway, Query};
use super::exit::Exit;
use super::http::encode;
use super::table::Table;
use super::terminal::{field, line};
use super::{Output, print_json, verdict};
use crate::model::{Json, json};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect destinations list
  crossconnect destinations resume awx")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists destinations and how they are
    #[command(after_help = "Example:\n  crossconnect destinations list --output json")]
    List {
        #[arg(long, value_enum, default_value_t)]
        output: Output,
        #[command(flatten)]
        gateway: Gateway,
    },
    /// Stops the sending; deliveries wait
    #[command(after_help = "Example:\n  crossconnect destinations pause awx --reason 'upgrade until noon'")]
    Pause {
        #[command(flatten)]
        named: Named,
        /// Shown to whoever asks why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lets the sending go on
    #[command(after_help = "Example:\n  crossconnect destinations resume awx servicenow")]
    Resume {
        #[command(flatten)]
        named: Named,
    },
}

#[derive(Debug, clap::Args)]
struct Named {
    /// These
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    gateway: Gateway,
}

/// Runs the command.
pub async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match args.command {
        Command::List { output, gateway } => {
            let answer = gateway.client()?.get("destinations", &Query::new()).await?;
            match output {
                Output::Json => print_json(out, &answer)?,
                Output::Table => list(&answer, out)?,
            }
            Ok(Exit::Done)
        }
        Command::Pause { named, reason } => {
            let body = reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
            each(&named, "pause", &body, out).await
        }
        Command::Resume { named } => each(&named, "resume", &json!({}), out).await,
    }
}

fn list(answer: &Json, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut table = Table::new(&["DESTINATION", "PENDING", "STATE", "SINCE", "REASON", "WARNING"]);
    for item in verdict::items(answer, "items") {
        let mut row = ["name", "pending", "state", "since", "reason"].map(|name| field(item, name)).to_vec();
        row.push(warning(item));
        table.row(row);
    }
    table.print(out)?;
    Ok(())
}

fn warning(item: &Json) -> String {
    field(item.get("tls").unwrap_or(&Json::Null), "warning")
}

/// Does the same to each; one that fails does not keep the others from it.
async fn each(named: &Named, verb: &str, body: &Json, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let api = named.gateway.client()?;
    let mut results = Vec::new();
    for name in &named.names {
        let result = one(&api, name, verb, body).await;
        if named.output == Output::Table {
            writeln!(out, "{} {}", line(name), said(&result, verb))?;
        }
        results.push(result);
    }
    let failed = results.iter().any(|result| result.get("error").is_some());
    if named.output == Output::Json {
        print_json(out, &results)?;
    }
    Ok(Exit::failed_if(failed))
}

/// The gateway's answer, or its error.
async fn one(api: &Api, name: &str, verb: &str, body: &Json) -> Json {
    match api.post(&format!("destinations/{}/{verb}", encode(name)), body).await {
        Ok(answer) => answer,
        Err(error) => json!({"destination": name, "error": format!("{error:#}")}),
    }
}

fn said(result: &Json, verb: &str) -> String {
    if result.get("error").is_some() {
        return field(result, "error");
    }
    let changed = result.get("changed") == Some(&Json::Bool(true));
    let waiting = format!("{} pending", field(result, "pending"));
    match (verb, changed) {
        ("pause", true) => format!("paused, {waiting}"),
        ("pause", false) => {
            format!("was paused already, since {}: {}", field(result, "since"), field(result, "reason"))
        }
        (_, true) => format!("resumed, {waiting}"),
        (_, false) => format!("was not paused, {waiting}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view;
    use crate::config::NOT_VERIFIED;
    use crate::rules::Rules;

    #[test]
    fn a_list_tells_how_each_one_is_and_what_to_mind() {
        let text = "destinations:\n  awx: { url: 'https://a.example/', sign: none }\n  \
                    lab: { url: 'https://b.example/', sign: none, tls: { verify: false } }\n";
        let rules = Rules::from_text("config.yaml", text, &|_| None).unwrap();
        let gone = "the receiver answered 410 Gone";
        let items: Vec<Json> = rules
            .config
            .destinations
            .iter()
            .zip([
                (7, json!("paused"), json!("2026-11-22T08:00:00Z"), json!(gone)),
                (0, json!("ok"), json!(null), json!(null)),
            ])
            .map(|(destination, (pending, state, since, reason))| {
                let mut item = view::destination(destination, pending);
                item["state"] = state;
                item["since"] = since;
                item["reason"] = reason;
                item
            })
            .collect();
        let answer = json!({ "items": items });
        let mut out = Vec::new();
        list(&answer, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split("  ").collect()).collect();
        let cells = |line: usize| -> Vec<&str> {
            lines[line].iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).collect()
        };
        assert_eq!(cells(1), ["awx", "7", "paused", "2026-11-22T08:00:00Z", gone, "-"]);
        assert_eq!(cells(2), ["lab", "0", "ok", "-", "-", NOT_VERIFIED]);
    }

    #[test]
    fn what_was_done_and_what_was_so_already_are_told_apart() {
        let result = |changed: bool| json!({"destination": "awx", "changed": changed, "since": "2026-11-22T08:00:00Z", "reason": "why", "pending": 7});
        assert_eq!(said(&result(true), "pause"), "paused, 7 pending");
        assert_eq!(said(&result(false), "pause"), "was paused already, since 2026-11-22T08:00:00Z: why");
        assert_eq!(said(&result(true), "resume"), "resumed, 7 pending");
        assert_eq!(said(&result(false), "resume"), "was not paused, 7 pending");
        assert_eq!(said(&json!({"error": "no answer"}), "resume"), "no answer");
    }
}
