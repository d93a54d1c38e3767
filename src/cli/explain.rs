//! `explain`: every step's verdict for one receipt, as text.

use std::io::{self, Write};

use super::api::{Gateway, Query};
use super::exit::Exit;
use super::terminal::{self, field};
use super::{Output, print_json, verdict};
use crate::model::{Json, ReceiptId};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  crossconnect explain rct_019abb3a1c7e7a4f8d21c0ffee000001")]
pub struct Args {
    /// The id that the sender was answered
    receipt: ReceiptId,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    gateway: Gateway,
}

/// Runs the command.
pub async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let receipt = args.gateway.client()?.get(&format!("receipts/{}", args.receipt), &Query::new()).await?;
    match args.output {
        Output::Json => print_json(out, receipt.get("explain").unwrap_or(&Json::Null))?,
        Output::Table => explain(&receipt, out)?,
    }
    Ok(Exit::Done)
}

/// One paragraph per step: what it was, what it said, and in detail.
fn explain(receipt: &Json, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{} from {} at {}: {}",
        field(receipt, "id"),
        field(receipt, "source"),
        field(receipt, "received_at"),
        field(receipt, "status")
    )?;
    for (index, step) in verdict::items(receipt, "explain").iter().enumerate() {
        writeln!(out, "{:>3}. {}: {}", index + 1, field(step, "step"), field(step, "verdict"))?;
        match step.get("detail") {
            None | Some(Json::Null) => {}
            Some(Json::String(text)) => terminal::indented(out, "     ", &terminal::block(text))?,
            Some(Json::Array(lines)) => {
                lines.iter().try_for_each(|line| writeln!(out, "     {}", terminal::value(line)))?;
            }
            Some(Json::Object(fields)) => {
                for (name, value) in fields {
                    writeln!(out, "     {}: {}", terminal::line(name), terminal::value(value))?;
                }
            }
            Some(other) => writeln!(out, "     {}", terminal::value(other))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::model::json;

    use super::*;

    #[test]
    fn each_step_is_numbered_with_verdict_and_detail() {
        let receipt = json!({
            "id": "rct_1", "source": "netbox", "received_at": "2026-11-22T08:00:00Z", "status": "processed",
            "explain": [
                {"step": "verify", "verdict": "accepted", "detail": "netbox over raw"},
                {"step": "route device-status", "verdict": "no", "detail": {"condition": "changed", "actual": "name"}},
                {"step": "dedupe", "verdict": "new", "detail": null},
            ],
        });
        let mut out = Vec::new();
        explain(&receipt, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "rct_1 from netbox at 2026-11-22T08:00:00Z: processed\n\
             \x20 1. verify: accepted\n     netbox over raw\n\
             \x20 2. route device-status: no\n     condition: changed\n     actual: name\n\
             \x20 3. dedupe: new\n"
        );
    }
}
