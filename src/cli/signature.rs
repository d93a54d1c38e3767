//! `signature`: computes one, checks one, finds out why one does not match, or makes keys.

mod keygen;

use std::io::Write;

use crate::model::{Map, json};
use clap::Subcommand;

use super::args::{self, Header, Tolerance};
use super::exit::{Exit, Usage};
use super::receipts::proof_line;
use super::scheme::{SCHEMES, scheme, usable};
use super::{ConfigFile, Output, print_json};
use crate::clock::{Clock as _, SystemClock};
use crate::secret::Secret;
use crate::signature::{Scheme, Signer, Variant, Verifier, diagnose};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect signature sign --scheme netbox --secret netbox-s3cret body.json
  crossconnect signature verify --scheme github --secret hush --header 'X-Hub-Signature-256:sha256=…' body.json
  crossconnect signature doctor --secret hush --header 'X-Hook-Signature:9991f5…' body.json
  crossconnect signature keygen")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the headers that sign a body
    #[command(after_help = "\
Examples:
  crossconnect signature sign --scheme netbox --secret netbox-s3cret body.json
  crossconnect signature sign --scheme infrahub --secret test --id msg_1 --timestamp 1740656629 -")]
    Sign(Sign),
    /// Checks a signature: 0 if it is right, 1 if not
    #[command(after_help = "\
Example:
  crossconnect signature verify --scheme netbox --secret netbox-s3cret --header 'X-Hook-Signature:9991f5…' body.json")]
    Verify(Verify),
    /// Tries the known variants and says which one matches, or what is wrong: 0 if one does
    #[command(after_help = "\
Examples:
  crossconnect signature doctor --secret hush --header 'X-Hook-Signature:9991f5…' body.json
  crossconnect signature doctor --config config.yaml --header 'webhook-signature:v1,…' body.json")]
    Doctor(Doctor),
    /// Makes a new key pair, or a new secret
    #[command(after_help = "\
Examples:
  crossconnect signature keygen
  crossconnect signature keygen --scheme github --output json")]
    Keygen(keygen::Args),
}

#[derive(Debug, clap::Args)]
struct Sign {
    #[arg(long, value_parser = scheme, default_value = "standard-webhooks", help = SCHEMES)]
    scheme: Scheme,
    /// The shared secret, or the secret key; newest first
    #[arg(long, required = true, env = "CROSSCONNECT_SECRET", hide_env_values = true, value_parser = args::secret)]
    secret: Vec<Secret>,
    /// The message's id [default: a fresh one]
    #[arg(long)]
    id: Option<String>,
    /// Unix seconds [default: now]
    #[arg(long)]
    timestamp: Option<i64>,
    /// The body, byte for byte; `-`: stdin
    file: String,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Verify {
    #[arg(long, value_parser = scheme, default_value = "standard-webhooks", help = SCHEMES)]
    scheme: Scheme,
    /// The shared secret, or the public key; any of several may match
    #[arg(long, required = true, env = "CROSSCONNECT_SECRET", hide_env_values = true, value_parser = args::secret)]
    secret: Vec<Secret>,
    /// The headers that came, `Name: value`
    #[arg(long, required = true, value_parser = args::header, value_name = "K:V")]
    header: Vec<Header>,
    /// Also accept what releases of Infrahub signed instead of the body
    #[arg(long)]
    variants: bool,
    /// How far a signed timestamp may be off, or `off`
    #[arg(long, default_value = "5m", value_parser = args::tolerance)]
    tolerance: Tolerance,
    /// The body, byte for byte; `-`: stdin
    file: String,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, clap::Args)]
struct Doctor {
    /// A secret to try; without any, and with --config, those of the configured sources
    #[arg(long, env = "CROSSCONNECT_SECRET", hide_env_values = true, value_parser = args::secret)]
    secret: Vec<Secret>,
    /// The headers that came, `Name: value`
    #[arg(long, required = true, value_parser = args::header, value_name = "K:V")]
    header: Vec<Header>,
    /// The body, byte for byte; `-`: stdin
    file: String,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
pub fn run(args: Args, config: &ConfigFile, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match args.command {
        Command::Sign(sign) => self::sign(sign, out),
        Command::Verify(verify) => self::verify(verify, out),
        Command::Doctor(doctor) => explain(doctor, config, out),
        Command::Keygen(keygen) => keygen::run(&keygen, out),
    }
}

fn sign(args: Sign, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let body = args::input(&args.file)?;
    let signer = Signer { scheme: args.scheme, secrets: secrets(args.secret)? };
    usable(&signer.secrets, |secret| signer.scheme.signing_problem(secret))?;
    let id = args.id.unwrap_or_else(super::send::message::message_id);
    let timestamp = args.timestamp.unwrap_or_else(|| SystemClock.now().as_second());
    let headers = signer.sign(&id, timestamp, &body);
    match args.output {
        Output::Table => headers.iter().try_for_each(|(name, value)| writeln!(out, "{name}: {value}"))?,
        Output::Json => {
            let headers: Map = headers.into_iter().map(|(name, value)| (name, value.into())).collect();
            print_json(out, &headers)?;
        }
    }
    Ok(Exit::Done)
}

fn verify(args: Verify, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let body = args::input(&args.file)?;
    let variants = match args.variants {
        true => vec![Variant::PythonJson, Variant::PythonJsonCompact, Variant::PythonStr],
        false => Vec::new(),
    };
    let verifier = Verifier {
        scheme: args.scheme,
        secrets: secrets(args.secret)?,
        tolerance: args.tolerance.0,
        variants,
    };
    usable(&verifier.secrets, |secret| verifier.scheme.secret_problem(secret))?;
    let result = verifier.verify(&args::header_map(&args.header), &body, SystemClock.now());
    match (&result, args.output) {
        (Ok(proof), Output::Table) => writeln!(out, "right: {}", proof_line(&json!(proof)))?,
        (Err(refusal), Output::Table) => writeln!(out, "wrong: {refusal}")?,
        (Ok(proof), Output::Json) => print_json(out, &json!({"verified": true, "proof": proof}))?,
        (Err(refusal), Output::Json) => {
            let told = json!({"verified": false, "error": refusal.to_string(), "code": refusal.code()});
            print_json(out, &told)?;
        }
    }
    Ok(Exit::failed_if(result.is_err()))
}

fn explain(args: Doctor, config: &ConfigFile, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let body = args::input(&args.file)?;
    let mut named: Vec<(String, Secret)> = args::set(args.secret)
        .into_iter()
        .enumerate()
        .map(|(index, secret)| (format!("--secret {}", index + 1), secret))
        .collect();
    if config.0.is_some() {
        named.extend(configured(config)?);
    }
    if named.is_empty() {
        return Err(
            Usage("nothing to try: give --secret, or --config to try its sources' secrets".into()).into()
        );
    }
    let diagnosis = diagnose(&args::header_map(&args.header), &body, &named, SystemClock.now());
    match args.output {
        Output::Table => writeln!(out, "{diagnosis}")?,
        Output::Json => print_json(out, &diagnosis)?,
    }
    Ok(Exit::failed_if(!diagnosis.is_explained()))
}

/// The secrets of all sources, by the name to show instead of them.
fn configured(config: &ConfigFile) -> anyhow::Result<Vec<(String, Secret)>> {
    let rules = config.load()?;
    let named = rules.config.sources.iter().flat_map(|source| {
        let secrets = source.secrets.iter().enumerate();
        secrets
            .map(|(index, secret)| (format!("source {}, secret {}", source.name, index + 1), secret.clone()))
    });
    Ok(named.collect())
}

fn secrets(given: Vec<Secret>) -> Result<Vec<Secret>, Usage> {
    let secrets = args::set(given);
    match secrets.is_empty() {
        true => Err(Usage("the secret is empty".into())),
        false => Ok(secrets),
    }
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

    fn ran(words: &[&str]) -> (Exit, String) {
        let args = Line::try_parse_from(["signature"].iter().chain(words)).unwrap().args;
        let mut out = Vec::new();
        let exit = run(args, &ConfigFile(None), &mut out).unwrap();
        (exit, String::from_utf8(out).unwrap())
    }

    fn file(folder: &tempfile::TempDir, body: &str) -> String {
        let path = folder.path().join("body");
        std::fs::write(&path, body).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_known_vectors_of_netbox_and_infrahub_come_out() {
        let folder = tempfile::tempdir().unwrap();
        let body = file(&folder, r#"{"event":"created"}"#);
        let (_, text) = ran(&["sign", "--scheme", "netbox", "--secret", "secret", &body]);
        assert!(
            text.to_lowercase().contains("x-hook-signature: 9991f540238f51a6b3e398b2c407d68e43f19b32"),
            "{text}"
        );
        let body = file(&folder, "{}");
        let id = "msg_217b4ebcb84f4736b1ee222182aed371";
        let words = [
            "sign",
            "--scheme",
            "infrahub",
            "--secret",
            "test",
            "--id",
            id,
            "--timestamp",
            "1740656629",
            &body,
        ];
        let (_, text) = ran(&words);
        assert!(text.contains("v1,BQN9AgPA4evuGDChi9VKxNKRwediIXsAQz8hVHMfKNg="), "{text}");
    }

    #[test]
    fn what_was_signed_is_verified_and_anything_else_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let body = file(&folder, "{\"a\": 1}");
        let (_, text) = ran(&["sign", "--scheme", "infrahub", "--secret", "k", &body]);
        let headers: Vec<&str> = text.lines().flat_map(|line| ["--header", line]).collect();
        let words = |secret: &'static str| {
            let mut words = vec!["verify", "--scheme", "infrahub", "--secret", secret];
            words.extend(&headers);
            words.push(&body);
            words
        };
        let (exit, text) = ran(&words("k"));
        assert_eq!(exit, Exit::Done);
        assert!(text.starts_with("right: infrahub"), "{text}");
        let (exit, text) = ran(&words("other"));
        assert_eq!((exit, text.starts_with("wrong: ")), (Exit::Failed, true));
    }

    #[test]
    fn a_key_pair_signs_with_one_half_and_verifies_with_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let body = file(&folder, "{}");
        let (_, pair) = ran(&["keygen"]);
        let (secret, public) = pair.trim().split_once("\npublic: ").unwrap();
        let secret = secret.strip_prefix("secret: ").unwrap();
        let scheme = ["--scheme", "standard-webhooks-ed25519", "--secret"];
        let (_, text) = ran(&[&["sign"], &scheme[..], &[secret, &body]].concat());
        assert!(text.contains("webhook-signature: v1a,"), "{text}");
        let headers: Vec<&str> = text.lines().flat_map(|line| ["--header", line]).collect();
        let verified = ran(&[&["verify"], &scheme[..], &[public], &headers, &[&body]].concat());
        assert_eq!(
            verified,
            (Exit::Done, "right: standard-webhooks-ed25519, over raw, secret 1\n".to_owned())
        );
        let words = [&["sign"], &scheme[..], &[public, &body]].concat();
        let args = Line::try_parse_from(["signature"].iter().chain(&words)).unwrap().args;
        let refused = run(args, &ConfigFile(None), &mut Vec::new()).unwrap_err().to_string();
        assert!(refused.contains("cannot sign") && !refused.contains(public), "{refused}");
    }

    #[test]
    fn a_doctor_without_anything_to_try_is_wrong_usage() {
        let folder = tempfile::tempdir().unwrap();
        let body = file(&folder, "{}");
        let args = Line::try_parse_from(["signature", "doctor", "--header", "a: b", &body]).unwrap().args;
        let error = run(args, &ConfigFile(None), &mut Vec::new()).unwrap_err();
        assert!(error.is::<Usage>());
    }
}
