//! `try`: what would happen to one request, up to the bytes that would leave. Sends nothing.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Context as _;
use http::Method;

use super::args::{self, Header};
use super::exit::{Exit, Usage};
use super::receipts::proof_line;
use super::terminal::{self, field};
use super::{ConfigFile, Output, print_json, verdict};
use crate::admin::Try;
use crate::app;
use crate::clock::{Clock as _, SystemClock};
use crate::json::{self, NonFinite};
use crate::lookup::Lookups;
use crate::model::Json;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect try --source netbox-prod --file body.json --sign
  crossconnect try --source lab --file - --header 'Idempotency-Key: 7' --output json
  crossconnect try --source infrahub --file body.json --sign --lookup device=device.json")]
pub struct Args {
    /// The configured source that the request would come to
    #[arg(long)]
    source: String,
    /// The body, byte for byte; `-`: stdin
    #[arg(long, value_name = "BODY")]
    file: String,
    /// A header that came with it, `Name: value`
    #[arg(long, value_parser = args::header, value_name = "K:V")]
    header: Vec<Header>,
    #[arg(long, default_value = "POST")]
    method: Method,
    /// Sign it with the source's own secret first
    #[arg(long)]
    sign: bool,
    /// What a lookup shall have found, as a JSON file; nobody is asked for it
    #[arg(long, value_name = "NAME=FILE")]
    lookup: Vec<String>,
    /// Make no lookups; routes that need them wait
    #[arg(long)]
    no_lookups: bool,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command; 1 if the request would not be accepted, or not be understood.
pub async fn run(args: &Args, config: &ConfigFile, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let rules = Arc::new(config.load()?);
    let known = args.lookup.iter().map(|given| named(given)).collect::<Result<Vec<_>, _>>()?;
    app::trial::check_names(&rules, &args.source, known.iter().map(|(name, _)| *name)).map_err(Usage)?;
    let body = args::input(&args.file)?;
    let headers: Vec<(String, String)> = args
        .header
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let request = Try {
        source: args.source.clone(),
        method: args.method.to_string(),
        headers,
        body,
        sign: args.sign,
        ask: !args.no_lookups,
        lookups: known.into_iter().map(read).collect::<anyhow::Result<_>>()?,
    };
    let lookups = Lookups::new(Arc::new(SystemClock));
    let trial = app::trial::run(&rules, request, &lookups, SystemClock.now()).await;
    let trial = trial.map_err(anyhow::Error::msg)?;
    match args.output {
        Output::Table => print(&trial, out)?,
        Output::Json => print_json(out, &trial)?,
    }
    if is_refused(&trial) && !args.sign {
        eprintln!("--sign signs it with the source's own secret first");
    }
    Ok(Exit::failed_if(has_failed(&trial)))
}

/// `NAME=FILE`.
fn named(given: &str) -> Result<(&str, &str), Usage> {
    given.split_once('=').ok_or_else(|| Usage(format!("expected --lookup NAME=FILE, got `{given}`")))
}

fn read((name, file): (&str, &str)) -> anyhow::Result<(String, Arc<Json>)> {
    let text = args::input(file)?;
    let document = json::parse(&text, NonFinite::Refuse).with_context(|| format!("{file} is no JSON"))?;
    Ok((name.to_owned(), Arc::new(document.value)))
}

fn is_refused(trial: &Json) -> bool {
    trial.get("verified").and_then(|verified| verified.get("error")).is_some_and(|error| !error.is_null())
}

/// Not proved, not mapped, refused by a script, or without what a lookup should have found.
fn has_failed(trial: &Json) -> bool {
    let unmapped = trial.get("failure").is_some_and(|failure| !failure.is_null());
    let broken = |route: &Json| {
        let alone = route.get("sealed").and_then(|sealed| sealed.get("failed"));
        field(route, "decision") == "failed" || alone.is_some()
    };
    let routes = verdict::items(trial, "routes");
    let deferred = routes.iter().any(|route| field(route, "decision") == "deferred");
    let missed = verdict::items(trial, "lookups").iter().any(|looked| !looked["class"].is_null());
    is_refused(trial) || unmapped || routes.iter().any(broken) || (deferred && missed)
}

fn print(trial: &Json, out: &mut dyn Write) -> io::Result<()> {
    let verified = trial.get("verified").unwrap_or(&Json::Null);
    match verified.get("error").filter(|error| !error.is_null()) {
        Some(error) => writeln!(out, "NOT verified: {}", terminal::value(error))?,
        None => writeln!(out, "verified: {}", proof_line(verified))?,
    }
    if let Some(failure) = trial.get("failure").filter(|failure| !failure.is_null()) {
        writeln!(out, "failed{}", verdict::failure(failure))?;
    }
    for event in verdict::items(trial, "events") {
        print_event(event, trial, out)?;
    }
    let requests = verdict::items(trial, "requests");
    requests.iter().try_for_each(|request| print_request(request, out))?;
    let count = requests.len();
    writeln!(out, "\n{count} request{} would leave; nothing was sent", if count == 1 { "" } else { "s" })
}

/// The event whole, then what was looked up for it, and what each route said about it.
fn print_event(event: &Json, trial: &Json, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nevent {}", verdict::event(event))?;
    let pretty = serde_json::to_string_pretty(event).map_err(io::Error::from)?;
    terminal::indented(out, "  ", &terminal::block(&pretty))?;
    let about = |name: &str| {
        let lines = verdict::items(trial, name).iter();
        lines.filter(|line| line.get("event") == event.get("id")).collect::<Vec<_>>()
    };
    for looked in about("lookups") {
        writeln!(out, "lookup {}", verdict::lookup(looked))?;
        let value = looked.get("value").filter(|value| !value.is_null());
        if let Some(value) = value {
            let pretty = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
            terminal::indented(out, "  ", &terminal::block(&pretty))?;
        }
    }
    about("routes").into_iter().map(verdict::route).try_for_each(|route| writeln!(out, "route {route}"))
}

fn print_request(request: &Json, out: &mut dyn Write) -> io::Result<()> {
    let [delivery, destination, method, url] =
        ["delivery", "destination", "method", "url"].map(|name| field(request, name));
    let batch = match request.get("batch") {
        Some(_) => ", as a batch of this one event",
        None => "",
    };
    writeln!(out, "\nrequest to {destination} ({delivery}){batch}\n  {method} {url}")?;
    for header in verdict::items(request, "headers") {
        let part = |index: usize| header.get(index).map(terminal::value).unwrap_or_default();
        writeln!(out, "  {}: {}", part(0), part(1))?;
    }
    writeln!(out)?;
    let body = match request.get("body") {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.to_string(),
        Some(other) => other.to_string(),
    };
    terminal::indented(out, "  ", &terminal::body(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use crate::model::json;

    use super::*;

    fn trial() -> Json {
        json!({
            "verified": {"scheme": "netbox", "variant": "raw", "secret": 0},
            "events": [{"id": "evt_1", "type": "netbox.object.updated", "object": {"kind": "dcim.device", "id": "1"}}],
            "routes": [
                {"event": "evt_1", "route": "a", "decision": "filtered", "reason": "no"},
                {"event": "evt_1", "route": "b", "decision": "routed", "deliveries": ["dlv_1"], "script": null},
            ],
            "requests": [{"delivery": "dlv_1", "destination": "awx", "method": "POST", "url": "https://awx/x",
                          "headers": [["webhook-id", "dlv_1"]], "body": "{\"a\":1}"}],
            "failure": null,
        })
    }

    fn printed(trial: &Json) -> String {
        let mut out = Vec::new();
        print(trial, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_trial_shows_proof_event_verdicts_and_requests() {
        let text = printed(&trial());
        for part in [
            "verified: netbox, over raw, secret 1",
            "event netbox.object.updated dcim.device 1",
            "route a: dropped by the script: no",
            "  POST https://awx/x\n  webhook-id: dlv_1\n\n  {\n    \"a\": 1\n  }",
            "1 request would leave; nothing was sent",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!has_failed(&trial()));
    }

    #[test]
    fn what_was_looked_up_is_shown_and_what_was_not_found_fails() {
        let mut waiting = trial();
        waiting["lookups"] = json!([
            {"event": "evt_1", "name": "device", "url": "https://cmdb/1", "status": 200, "cached": false, "ms": 12,
             "value": {"name": "leaf"}, "class": null, "error": null},
            {"event": "evt_1", "name": "site", "url": "https://cmdb/2", "status": 500, "cached": false, "ms": 3,
             "value": null, "class": "http_5xx", "error": "the server answered 500"},
        ]);
        assert!(!has_failed(&waiting), "no route waits for it");
        waiting["routes"][0] =
            json!({"event": "evt_1", "route": "a", "decision": "deferred", "lookups": ["device", "site"]});
        let text = printed(&waiting);
        for part in [
            "lookup device: 200 from https://cmdb/1 in 12 ms\n  {\n    \"name\": \"leaf\"\n  }\n",
            "lookup site: failed: the server answered 500 (https://cmdb/2)\n",
            "route a: waits for the lookups device, site",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(has_failed(&waiting));
    }

    #[test]
    fn a_request_that_is_not_proved_or_not_understood_fails() {
        let mut refused = trial();
        refused["verified"] = json!({"error": "the signature matches none of the secrets"});
        assert!(has_failed(&refused) && printed(&refused).starts_with("NOT verified: the signature"));
        let mut unmapped = trial();
        unmapped["failure"] = json!({"stage": "map", "message": "no object", "place": "$.data.id"});
        assert!(has_failed(&unmapped) && printed(&unmapped).contains("failed in map: no object ($.data.id)"));
    }
}
