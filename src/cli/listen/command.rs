//! `listen`: the receiver on the command line; prints what comes.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use http::StatusCode;

use super::{Check, Failure, Options, Received, Receiver};
use crate::cli::args::{self, Tolerance};
use crate::cli::exit::{Exit, Usage};
use crate::cli::receipts::proof_line;
use crate::cli::scheme::{SCHEMES, scheme, usable};
use crate::cli::{Output, terminal};
use crate::model::{Json, json};
use crate::secret::Secret;
use crate::signature::Scheme;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect listen --port 9090
  crossconnect listen --port 9090 --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
  crossconnect listen --secret hush --scheme github --status 500 --times 3
  crossconnect listen --secret whpk_YLsDDNjfegS4l6WvHg8w9U3Y+VpyD4BjquBn00HpKFA= --scheme standard-webhooks-ed25519
  crossconnect listen --port 0 --count 1 --output json")]
pub struct Args {
    /// The address to listen on; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:9090", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The port to listen on, on 127.0.0.1
    #[arg(long, conflicts_with = "listen")]
    port: Option<u16>,
    /// What requests must be signed with (of an asymmetric scheme the public key); more than one: any of them
    #[arg(long, env = "CROSSCONNECT_SECRET", hide_env_values = true, value_parser = args::secret)]
    secret: Vec<Secret>,
    #[arg(long, value_parser = scheme, help = format!("How they are signed: one for all secrets, or one for each [default: standard-webhooks]: {SCHEMES}"))]
    scheme: Vec<Scheme>,
    /// How far a signed timestamp may be off, or `off`
    #[arg(long, default_value = "5m", value_parser = args::tolerance)]
    tolerance: Tolerance,
    /// Answer with this status instead of 200
    #[arg(long)]
    status: Option<StatusCode>,
    /// Only to the first so many requests
    #[arg(long, requires = "status")]
    times: Option<u64>,
    /// Wait before each answer
    #[arg(long, default_value = "0s", value_parser = args::duration)]
    delay: Duration,
    /// End after so many requests; 1 if a signature was wrong
    #[arg(long)]
    count: Option<u64>,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command until it is interrupted, or has seen `--count` requests.
pub async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let addr = args.port.map_or(args.listen, |port| SocketAddr::from(([127, 0, 0, 1], port)));
    let options = Options {
        checks: checks(&args)?,
        failure: args.status.map(|status| Failure { status, times: args.times }),
        delay: args.delay,
        ..Options::default()
    };
    let mut receiver =
        Receiver::start(addr, options).await.with_context(|| format!("could not listen on {addr}"))?;
    eprintln!("listening on http://{}", receiver.addr);
    let mut refused = false;
    let mut number = 0u64;
    while args.count.is_none_or(|count| number < count) {
        let received = tokio::select! {
            received = receiver.received.recv() => received,
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(received) = received else { break };
        number += 1;
        refused |= matches!(received.verified, Some(Err(_)));
        match args.output {
            Output::Table => print(number, &received, out)?,
            Output::Json => writeln!(out, "{}", document(&received))?,
        }
        out.flush()?;
    }
    receiver.finish().await;
    Ok(Exit::failed_if(refused))
}

/// One check per scheme, with the secrets that stand beside it.
fn checks(args: &Args) -> Result<Vec<Check>, Usage> {
    let secrets = args::set(args.secret.clone());
    if secrets.is_empty() {
        return match args.scheme.is_empty() {
            true => Ok(Vec::new()),
            false => Err(Usage("--scheme needs a --secret to verify with".into())),
        };
    }
    let check = |scheme: &Scheme, secrets: Vec<Secret>| {
        usable(&secrets, |secret| scheme.secret_problem(secret))?;
        Ok(Check::new("", scheme.clone(), secrets, args.tolerance.0))
    };
    match args.scheme.as_slice() {
        [] => Ok(vec![check(&Scheme::StandardWebhooks, secrets)?]),
        [one] => Ok(vec![check(one, secrets)?]),
        many if many.len() == secrets.len() => {
            many.iter().zip(secrets).map(|(scheme, secret)| check(scheme, vec![secret])).collect()
        }
        many => Err(Usage(format!(
            "{} --secret and {} --scheme: give one scheme for all secrets, or one for each",
            secrets.len(),
            many.len()
        ))),
    }
}

fn print(number: u64, received: &Received, out: &mut dyn Write) -> std::io::Result<()> {
    let path = terminal::line(&received.path);
    writeln!(out, "#{number} {} {path} at {} -> {}", received.method, received.at, received.answered)?;
    for (name, value) in &received.headers {
        writeln!(out, "  {name}: {}", terminal::line(value))?;
    }
    match &received.verified {
        None => {}
        Some(Ok(proof)) => writeln!(out, "  signature right: {}", proof_line(&json!(proof)))?,
        Some(Err(refusal)) => writeln!(out, "  signature WRONG: {refusal}")?,
    }
    terminal::indented(out, "  ", &terminal::body(&received.body))?;
    writeln!(out)
}

/// One line per request. The body is JSON where it is JSON, else a text, else base64.
fn document(received: &Received) -> Json {
    use base64::Engine as _;
    let mut document = json!({
        "at": received.at,
        "method": received.method,
        "path": received.path,
        "headers": received.headers,
        "answered": received.answered,
        "verified": match &received.verified {
            None => Json::Null,
            Some(Ok(proof)) => json!(proof),
            Some(Err(refusal)) => json!({"error": refusal.to_string(), "code": refusal.code()}),
        },
    });
    let (key, body) = match serde_json::from_slice::<Json>(&received.body) {
        Ok(body) => ("body", body),
        Err(_) => match std::str::from_utf8(&received.body) {
            Ok(text) => ("body", text.into()),
            Err(_) => {
                ("body_base64", base64::engine::general_purpose::STANDARD.encode(&received.body).into())
            }
        },
    };
    document[key] = body;
    document
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(words: &str) -> Args {
        Line::try_parse_from(["listen"].into_iter().chain(words.split_whitespace())).unwrap().args
    }

    #[test]
    fn secrets_and_schemes_go_together_one_for_all_or_one_for_each() {
        let count = |words| checks(&parsed(words)).map(|checks| checks.len());
        assert_eq!(count("--port 0"), Ok(0));
        assert_eq!(count("--secret a"), Ok(1));
        assert_eq!(count("--secret a --secret b --scheme netbox"), Ok(1));
        assert_eq!(count("--secret a --scheme netbox --secret b --scheme github"), Ok(2));
        assert!(count("--secret a --scheme netbox --scheme github").is_err());
        assert!(count("--scheme netbox").is_err());
        assert!(count("--secret a --scheme standard-webhooks-ed25519").is_err());
    }

    #[test]
    fn a_request_as_json_holds_its_body_as_json_text_or_base64() {
        let mut received = Received {
            at: crate::model::Timestamp::UNIX_EPOCH,
            method: "POST".into(),
            path: "/".into(),
            headers: vec![("a".into(), "b".into())],
            body: "{\"x\":1}".into(),
            verified: None,
            answered: 200,
        };
        assert_eq!(document(&received)["body"]["x"], 1);
        received.body = "plain".into();
        assert_eq!(document(&received)["body"], "plain");
        received.body = vec![0xff].into();
        assert_eq!(document(&received)["body_base64"], "/w==");
    }
}
