//! `send`: plays a sender, one message or a flood of them.

pub mod message;
mod python;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::Full;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use self::message::{System, Writer};
use super::args::{self, Header, Pace};
use super::exit::Exit;
use super::http::{Http, encode, url};
use super::scheme::{SCHEMES, scheme, usable};
use super::{Output, print_json, terminal};
use crate::clock::{Clock as _, SystemClock};
use crate::model::{Json, json};
use crate::secret::Secret;
use crate::signature::Scheme;

/// Up to so many answers are printed one by one.
const ONE_BY_ONE: u64 = 10;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect send netbox --to http://127.0.0.1:8080/hooks/netbox --secret netbox-s3cret
  crossconnect send datagerry --to http://127.0.0.1:8080/hooks/datagerry --token datagerry-t0ken
  crossconnect send infrahub --to http://127.0.0.1:8080/hooks/infrahub --count 1000 --concurrency 16 --rate 200/s
  crossconnect send standard --to http://127.0.0.1:9090/ --scheme github --file body.json --secret hush")]
pub struct Args {
    #[arg(value_enum)]
    system: System,
    /// Where to
    #[arg(long, value_name = "URL", value_parser = url)]
    to: Uri,
    /// The shared secret, or the secret key; several where the scheme sends several signatures. None: unsigned
    #[arg(long, env = "CROSSCONNECT_SECRET", hide_env_values = true, value_parser = args::secret)]
    secret: Vec<Secret>,
    #[arg(long, value_parser = scheme, help = format!("Sign in another way than the system does: {SCHEMES}"))]
    scheme: Option<Scheme>,
    /// A path token, put behind the URL
    #[arg(long, value_parser = args::secret)]
    token: Option<Secret>,
    /// Send this body (`-`: stdin) as it is, instead of an own one
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    #[arg(long, default_value = "POST")]
    method: Method,
    /// A further header, `Name: value`
    #[arg(long, value_parser = args::header, value_name = "K:V")]
    header: Vec<Header>,
    /// How many messages
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// How many under way at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// How many per time at most, such as 100/s
    #[arg(long, value_parser = args::pace)]
    rate: Option<Pace>,
    /// How many objects the messages are about
    #[arg(long, default_value_t = 50)]
    objects: u64,
    /// For one message and its answer
    #[arg(long, default_value = "30s", value_parser = args::duration)]
    timeout: Duration,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command; 1 if any answer is not 2xx.
pub async fn run(args: Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let sender = Arc::new(sender(&args)?);
    if !sender.writer.signs() && args.system != System::Datagerry {
        eprintln!("no --secret: the messages are not signed");
    }
    let began = Instant::now();
    let mut answers = start(sender, args.count, args.concurrency, args.rate);
    let mut tally = Tally::default();
    let mut single = Vec::new();
    while let Some(answer) = answers.recv().await {
        tally.add(&answer);
        if args.count > ONE_BY_ONE {
            continue;
        }
        match args.output {
            Output::Table => writeln!(out, "{}", answer.line())?,
            Output::Json => single.push(answer.document()),
        }
    }
    let elapsed = began.elapsed();
    match args.output {
        Output::Table if args.count > ONE_BY_ONE => tally.print(elapsed, out)?,
        Output::Table => {}
        Output::Json => print_json(out, &tally.document(elapsed, single))?,
    }
    Ok(Exit::failed_if(tally.failed > 0))
}

/// Everything a message needs on its way.
#[derive(Debug)]
struct Sender {
    http: Http,
    to: Uri,
    method: Method,
    extra: Vec<Header>,
    writer: Writer,
}

fn sender(args: &Args) -> anyhow::Result<Sender> {
    let body = args.file.as_deref().map(args::input).transpose()?;
    let secrets = args::set(args.secret.clone());
    if let Some(scheme) = args.scheme.clone().or(args.system.scheme()) {
        usable(&secrets, |secret| scheme.signing_problem(secret))?;
    }
    Ok(Sender {
        http: Http::new(args.timeout)?,
        to: with_token(&args.to, args.token.as_ref())?,
        method: args.method.clone(),
        extra: args.header.clone(),
        writer: Writer::new(args.system, args.scheme.clone(), secrets, args.objects, body),
    })
}

/// The token as the last segment of the path.
fn with_token(to: &Uri, token: Option<&Secret>) -> anyhow::Result<Uri> {
    let Some(token) = token else { return Ok(to.clone()) };
    let mut parts = to.clone().into_parts();
    let query = to.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = format!("{}/{}{query}", to.path().trim_end_matches('/'), encode(token.expose()));
    parts.path_and_query = Some(path.parse().context("the token does not fit into a path")?);
    Uri::from_parts(parts).context("the token does not fit into the URL")
}

/// What came back for one message, in the order of arrival.
#[derive(Debug)]
struct Answer {
    took: Duration,
    /// Status and body, or what went wrong.
    result: Result<(u16, Bytes), String>,
}

/// Sends in the background, at most `concurrency` at once and not faster than `pace`.
#[expect(clippy::disallowed_methods, reason = "ends when its channel is dropped")]
fn start(sender: Arc<Sender>, count: u64, concurrency: u16, pace: Option<Pace>) -> mpsc::Receiver<Answer> {
    let (reports, answers) = mpsc::channel(1024);
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(concurrency.into()));
        let mut under_way = JoinSet::new();
        let mut due = tokio::time::Instant::now();
        for index in 0..count {
            if let Some(Pace(pause)) = pace {
                tokio::time::sleep_until(due).await;
                due += pause;
            }
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let (sender, reports) = (sender.clone(), reports.clone());
            under_way.spawn(async move {
                let answer = sender.send(index).await;
                drop(place);
                // Nobody reading any more: the command has ended.
                let _ = reports.send(answer).await;
            });
            while under_way.try_join_next().is_some() {}
        }
        while under_way.join_next().await.is_some() {}
    });
    answers
}

impl Sender {
    async fn send(&self, index: u64) -> Answer {
        let began = Instant::now();
        let result = self.exchange(index).await.map_err(|error| format!("{error:#}"));
        Answer { took: began.elapsed(), result }
    }

    async fn exchange(&self, index: u64) -> anyhow::Result<(u16, Bytes)> {
        let message = self.writer.message(index, SystemClock.now());
        let mut request = Request::builder().method(self.method.clone()).uri(self.to.clone());
        for (name, value) in &message.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Full::new(message.body)).context("could not make the request")?;
        for (name, value) in &self.extra {
            request.headers_mut().insert(name, value.clone());
        }
        let answer = self.http.send(request).await?;
        Ok((answer.status.as_u16(), answer.body))
    }
}

impl Answer {
    fn is_success(&self) -> bool {
        matches!(self.result, Ok((200..=299, _)))
    }

    /// The status, what a gateway said, and the milliseconds.
    fn line(&self) -> String {
        let ms = self.took.as_secs_f64() * 1e3;
        match &self.result {
            Ok((status, body)) => format!("{status} {}{ms:.1} ms", said(body)),
            Err(error) => format!("error {}", terminal::line(error)),
        }
    }

    fn document(&self) -> Json {
        let ms = self.took.as_secs_f64() * 1e3;
        match &self.result {
            Ok((status, body)) => {
                let text = || String::from_utf8_lossy(body).into_owned().into();
                let body: Json = serde_json::from_slice(body).unwrap_or_else(|_| text());
                json!({"status": status, "ms": ms, "answer": body})
            }
            Err(error) => json!({"error": error, "ms": ms}),
        }
    }
}

/// `accepted rct_… `, or the title of a problem.
fn said(body: &[u8]) -> String {
    let Ok(document) = serde_json::from_slice::<Json>(body) else { return String::new() };
    // A problem document's own status is a number and stands there already.
    let status = document.get("status").filter(|status| status.is_string());
    let parts = [status, document.get("code"), document.get("receipt"), document.get("detail")];
    parts.into_iter().flatten().map(|part| terminal::value(part) + " ").collect()
}

/// All answers together.
#[derive(Debug, Default)]
struct Tally {
    statuses: BTreeMap<String, u64>,
    /// Microseconds.
    took: Vec<u32>,
    failed: u64,
    first_failure: Option<String>,
}

impl Tally {
    fn add(&mut self, answer: &Answer) {
        let status = match &answer.result {
            Ok((status, _)) => status.to_string(),
            Err(_) => "error".into(),
        };
        *self.statuses.entry(status).or_default() += 1;
        self.took.push(u32::try_from(answer.took.as_micros()).unwrap_or(u32::MAX));
        if !answer.is_success() {
            self.failed += 1;
            self.first_failure.get_or_insert_with(|| answer.line());
        }
    }

    /// In milliseconds.
    fn quantiles(&self) -> [(&'static str, f64); 3] {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        let at = |share: f64| {
            sorted.get((last as f64 * share).round() as usize).map_or(0.0, |micros| f64::from(*micros) / 1e3)
        };
        [("p50", at(0.5)), ("p99", at(0.99)), ("max", at(1.0))]
    }

    fn print(&self, elapsed: Duration, out: &mut dyn Write) -> std::io::Result<()> {
        let (sent, seconds) = (self.took.len(), elapsed.as_secs_f64());
        writeln!(out, "{sent} sent in {seconds:.2} s, {:.0} per second", sent as f64 / seconds.max(1e-9))?;
        for (status, count) in &self.statuses {
            writeln!(out, "  {status:<6} {count}")?;
        }
        let times = self.quantiles().map(|(name, ms)| format!("{name} {ms:.1} ms")).join(", ");
        writeln!(out, "answers took {times}")?;
        match &self.first_failure {
            Some(line) => writeln!(out, "the first failure: {line}"),
            None => Ok(()),
        }
    }

    fn document(&self, elapsed: Duration, answers: Vec<Json>) -> Json {
        let times: crate::model::Map =
            self.quantiles().into_iter().map(|(name, ms)| (name.to_owned(), json!(ms))).collect();
        let mut document = json!({
            "sent": self.took.len(),
            "failed": self.failed,
            "seconds": elapsed.as_secs_f64(),
            "statuses": self.statuses,
            "ms": times,
        });
        if !answers.is_empty() {
            document["answers"] = answers.into();
        }
        document
    }
}

#[cfg(test)]
mod tests;
