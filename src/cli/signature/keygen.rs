//! `signature keygen`: a new key pair, or a new secret.

use std::io::Write;

use crate::model::json;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::exit::{Exit, Usage};
use super::super::scheme::{SCHEMES, scheme};
use super::super::{Output, print_json};
use crate::secret::Secret;
use crate::signature::{KeyPair, Scheme};

/// Of a secret, and of the seed of a pair, in bytes.
const LENGTH: usize = 32;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(long, value_parser = scheme, default_value = "standard-webhooks-ed25519", help = SCHEMES)]
    scheme: Scheme,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command: the one place that prints secrets, which nobody else knows yet.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let (secret, public) = keys(&args.scheme, random()?)?;
    match args.output {
        Output::Table => {
            writeln!(out, "secret: {}", secret.expose())?;
            public.iter().try_for_each(|public| writeln!(out, "public: {public}"))?;
        }
        Output::Json => print_json(
            out,
            &json!({"scheme": args.scheme.name(), "secret": secret.expose(), "public": public}),
        )?,
    }
    Ok(Exit::Done)
}

/// Secret and public key as configs take them; a shared secret has no public one.
fn keys(scheme: &Scheme, bytes: [u8; LENGTH]) -> Result<(Secret, Option<String>), Usage> {
    match scheme {
        Scheme::None => Err(Usage("the scheme none has no keys".into())),
        Scheme::StandardWebhooksEd25519 => {
            let KeyPair { secret, public } = KeyPair::from_seed(bytes);
            Ok((secret, Some(public)))
        }
        Scheme::StandardWebhooks => Ok((Secret::new(format!("whsec_{}", STANDARD.encode(bytes))), None)),
        // Forms of CMDBs and receivers take them as text.
        _ => Ok((Secret::new(hex::encode(bytes)), None)),
    }
}

fn random() -> anyhow::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_gets_keys_that_it_can_use() {
        for name in ["standard-webhooks-ed25519", "standard-webhooks", "netbox", "infrahub", "gitlab"] {
            let scheme = Scheme::parse(name).unwrap();
            let (secret, public) = keys(&scheme, random().unwrap()).unwrap();
            assert_eq!(scheme.signing_problem(&secret), None, "{name}");
            assert_eq!(public.is_some(), name == "standard-webhooks-ed25519");
            assert!(public.is_none_or(|public| scheme.secret_problem(&Secret::new(public)).is_none()));
            assert_ne!(keys(&scheme, random().unwrap()).unwrap().0, secret);
        }
        assert!(keys(&Scheme::None, [0; LENGTH]).is_err());
    }

    #[test]
    fn json_has_the_same_members_for_every_scheme() {
        for (name, public) in [("github", false), ("standard-webhooks-ed25519", true)] {
            let args = Args { scheme: Scheme::parse(name).unwrap(), output: Output::Json };
            let mut out = Vec::new();
            run(&args, &mut out).unwrap();
            let told: crate::model::Json = serde_json::from_slice(&out).unwrap();
            assert_eq!(told["scheme"], name);
            assert!(told["secret"].is_string() && told["public"].is_string() == public, "{told}");
        }
    }
}
