//! `demo`: the whole walk in one process, over real HTTP, with the shipped config.

mod reading;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::Full;
use serde::Deserialize;

use self::reading::reading;
use super::exit::Exit;
use super::http::Http;
use super::listen::{Check, Options, Received, Receiver};
use crate::app::App;
use crate::clock::{Clock, SystemClock};
use crate::config::Destination;
use crate::model::{Decision, ReceiptId};
use crate::rules::{Rules, Source};
use crate::script;
use crate::signature::Scheme;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  crossconnect demo --once")]
pub struct Args {
    /// End after the round, with 0 only if everything arrived
    #[arg(long)]
    pub once: bool,
}

/// A recorded webhook.
#[derive(Debug, Deserialize)]
struct Capture {
    source: String,
    what: String,
    body: String,
}

const CONFIG: &str = include_str!("../../config.yaml");
const CAPTURES: &str = include_str!("demo/captures.jsonl");
/// Far longer than a round takes; what did not arrive by then will not.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the command.
pub fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    super::wait(demo(&args, out))
}

async fn demo(args: &Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let dir = std::env::temp_dir().join(format!("crossconnect-demo-{}", std::process::id()));
    let result = rounds(args, &dir, out).await;
    let _ = std::fs::remove_dir_all(&dir);
    result
}

async fn rounds(args: &Args, dir: &std::path::Path, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let mut stage = Stage::set(dir).await?;
    writeln!(
        out,
        "gateway   http://{}  (state: an empty SQLite file in {})",
        stage.app.ingress,
        dir.display()
    )?;
    writeln!(out, "receiver  http://{}  (verifies every signature)", stage.receiver.addr)?;
    let arrived = stage.round(out).await?;
    writeln!(out, "\nadmin API http://{}/api/v1/receipts", stage.app.admin)?;
    if args.once {
        stage.app.drain().await;
        return Ok(if arrived { Exit::Done } else { Exit::Failed });
    }
    let Stage { app, receiver, rules, .. } = stage;
    writeln!(out, "\nGoing on until Ctrl-C. Try:")?;
    writeln!(out, "  crossconnect --help")?;
    writeln!(out, "  crossconnect receipts list --url http://{}", app.admin)?;
    writeln!(
        out,
        "  crossconnect send netbox --to http://{}/hooks/netbox --secret netbox-s3cret\n",
        app.ingress
    )?;
    out.flush()?;
    watch(receiver, &rules, out).await?;
    app.drain().await;
    Ok(Exit::Done)
}

/// Prints what arrives until the operator has seen enough.
async fn watch(mut receiver: Receiver, rules: &Rules, out: &mut dyn Write) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            received = receiver.received.recv() => match received {
                Some(received) => {
                    arrival(rules, &received, out)?;
                    out.flush()?;
                }
                None => return Ok(()),
            },
        }
    }
}

/// A gateway, a receiver, and somebody who plays the senders.
struct Stage {
    app: App,
    /// For the sources' secrets; the destinations' addresses in it are not the receiver's.
    rules: Rules,
    receiver: Receiver,
    http: Http,
}

impl Stage {
    async fn set(dir: &std::path::Path) -> anyhow::Result<Self> {
        let config = unpack(dir)?;
        // The receiver's checks come from the rules, the rules' addresses from the receiver: so the
        // rules are loaded once for the checks and again with the address.
        let known = load(&config, "http://127.0.0.1:9090")?;
        let options = Options { checks: checks(&known), ..Options::default() };
        let receiver = Receiver::start(([127, 0, 0, 1], 0).into(), options).await?;
        let to = format!("http://{}", receiver.addr);
        let app = App::start(load(&config, &to)?, Arc::new(SystemClock)).await?;
        Ok(Self { app, rules: known, receiver, http: Http::new(PATIENCE)? })
    }

    /// Sends every capture once; whether all that was promised arrived and was rightly signed.
    async fn round(&mut self, out: &mut dyn Write) -> anyhow::Result<bool> {
        let mut promised = 0;
        for line in CAPTURES.lines() {
            let capture: Capture = serde_json::from_str(line).context("a capture is no JSON")?;
            promised += self.send(&capture, out).await?;
        }
        writeln!(out, "\nwhat arrived")?;
        let mut right = 0;
        for _ in 0..promised {
            match tokio::time::timeout(PATIENCE, self.receiver.received.recv()).await {
                Ok(Some(received)) => right += usize::from(arrival(&self.rules, &received, out)?),
                _ => break,
            }
        }
        writeln!(out, "\n{right} of {promised} deliveries arrived, signed as their destinations want it")?;
        Ok(promised > 0 && right == promised)
    }

    /// Sends one capture as its sender would; how many deliveries the gateway promised.
    async fn send(&self, capture: &Capture, out: &mut dyn Write) -> anyhow::Result<usize> {
        let source =
            self.rules.sources.get(capture.source.as_str()).context("the shipped config lacks a source")?;
        let body = Bytes::from(capture.body.clone());
        let token =
            source.gate.token.as_ref().map(|token| format!("/{}", token.expose())).unwrap_or_default();
        let url = format!("http://{}/hooks/{}{token}", self.app.ingress, capture.source);
        let mut request = http::Request::post(&url);
        for (name, value) in signed(source, &body) {
            request = request.header(name, value);
        }
        let answer = self.http.send(request.body(Full::new(body))?).await?;
        let text = String::from_utf8_lossy(&answer.body);
        writeln!(out, "\n{}\n  in     {} {text}", capture.what, answer.status.as_u16())?;
        let said: serde_json::Value = serde_json::from_slice(&answer.body)?;
        let id: ReceiptId = said["receipt"].as_str().context("the answer names no receipt")?.parse()?;
        let stored = self.app.store.receipt(id).await?;
        let proof = &stored.receipt.proof;
        writeln!(out, "  proof  {} ({})", proof.scheme, proof.variant.as_deref().unwrap_or("no signature"))?;
        for processed in &stored.outcome.events {
            let event = &processed.event;
            let object = event.object.as_ref();
            let name = object.and_then(|object| object.name.as_deref().or(Some(&object.id))).unwrap_or("-");
            let changed: Vec<&str> = event.changes.iter().map(|change| change.field.as_str()).collect();
            writeln!(out, "  event  {} {name}, changed: {}", event.r#type, changed.join(", "))?;
            for verdict in processed.verdicts() {
                writeln!(out, "  route  {}: {}", verdict.route, decided(&verdict.decision))?;
            }
        }
        Ok(usize::try_from(said["deliveries"].as_u64().unwrap_or(0))?)
    }
}

fn decided(decision: &Decision) -> String {
    match decision {
        Decision::Unmatched { condition, wanted, actual } => {
            format!("no, `{condition}` wants {wanted}, not {actual}")
        }
        Decision::Filtered { reason } => {
            format!("filtered, {}", reason.as_deref().unwrap_or("the script said no"))
        }
        Decision::Routed { deliveries, .. } => format!("yes, {} delivery(ies)", deliveries.len()),
        Decision::Gathered { key, .. } => format!("yes, waits for others of {key}"),
        Decision::Deferred { lookups } => format!("waits for the lookups {}", lookups.join(", ")),
        Decision::Failed(failure) => format!("FAILED, {}", failure.message),
    }
}

/// A few lines per arrival; whether its signature was right (or none was asked for), and a body in
/// a CMDB's dialect is what that CMDB's tools understand.
fn arrival(rules: &Rules, received: &Received, out: &mut dyn Write) -> anyhow::Result<bool> {
    let body = String::from_utf8_lossy(&received.body);
    let short: String = body.chars().take(160).collect();
    let (right, signature) = match &received.verified {
        None => (true, "not signed, as configured".to_owned()),
        Some(Ok(proof)) => (true, format!("{} signature is right", proof.scheme)),
        Some(Err(refusal)) => (false, format!("WRONG SIGNATURE: {refusal}")),
    };
    writeln!(
        out,
        "  {} {}  {signature}\n    {short}{}",
        received.method,
        received.path,
        if short == body { "" } else { "…" }
    )?;
    match reading(rules, received) {
        None => Ok(right),
        Some(Ok(told)) => {
            writeln!(out, "    {told}")?;
            Ok(right)
        }
        Some(Err(cause)) => {
            writeln!(out, "    NOT UNDERSTOOD: {cause}")?;
            Ok(false)
        }
    }
}

/// Writes the shipped files where the rules can be loaded from.
fn unpack(dir: &std::path::Path) -> anyhow::Result<String> {
    let mut files = vec![("config.yaml", CONFIG)];
    files.extend(script::shipped().iter().copied());
    for (name, text) in files {
        let path = dir.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("could not create {}", parent.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(dir.join("config.yaml").display().to_string())
}

/// The shipped config with addresses that are free and a state that is empty.
fn load(config: &str, receiver: &str) -> anyhow::Result<Rules> {
    let env = |name: &str| match name {
        "CROSSCONNECT_LISTEN" | "CROSSCONNECT_ADMIN_LISTEN" => Some("127.0.0.1:0".to_owned()),
        "CROSSCONNECT_STATE" => Some("sqlite:demo.db".to_owned()),
        _ => name.strip_suffix("_URL").map(|to| format!("{receiver}/{}", to.to_lowercase())),
    };
    Rules::load_with(config, &env).map_err(|problems| anyhow::Error::new(crate::app::Error::Rules(problems)))
}

fn checks(rules: &Rules) -> Vec<Check> {
    let destinations = rules.destinations.values().filter(|to| to.sign.scheme != Scheme::None);
    let check = |to: &Arc<Destination>| {
        let (path, sign) = (to.url.origin()?.path(), &to.sign);
        Some(Check::new(path, sign.scheme.clone(), sign.secrets.clone(), Some(Duration::from_secs(300))))
    };
    destinations.filter_map(check).collect()
}

/// The headers of the source's sender: its signature, fresh, with the first configured secret.
fn signed(source: &Source, body: &[u8]) -> Vec<(String, String)> {
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    if let Some(verifier) = &source.gate.signature {
        let now = SystemClock.now();
        let id = format!("msg_{}", ReceiptId::new(now));
        headers.extend(verifier.signer().sign(&id, now.as_second(), body));
    }
    headers
}
