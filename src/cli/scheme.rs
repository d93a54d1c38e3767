//! Signing schemes as words on the command line.

use super::exit::Usage;
use crate::secret::Secret;
use crate::signature::{Custom, Encoding, Hash, Scheme, WrongKey};

/// What `--scheme` takes, for the help.
pub const SCHEMES: &str = "standard-webhooks, standard-webhooks-ed25519, netbox, infrahub, github, gitlab, none, or \
    custom:hash=sha256,encoding=hex,header=X-Signature,prefix=sha256=,over={body}";

/// Reads a scheme.
pub fn scheme(text: &str) -> Result<Scheme, String> {
    let simple = match text {
        "standard" => Some(Scheme::StandardWebhooks),
        "nautobot" => Some(Scheme::Netbox),
        _ => Scheme::parse(text),
    };
    match (simple, text.strip_prefix("custom:")) {
        (Some(scheme), _) => Ok(scheme),
        (None, Some(parts)) => custom(parts).map(Scheme::Custom),
        (None, None) => Err(format!("expected one of {SCHEMES}; found {text:?}")),
    }
}

/// Refuses secrets that `problem` finds wrong, such as [`Scheme::signing_problem`].
pub fn usable(secrets: &[Secret], problem: impl Fn(&Secret) -> Option<WrongKey>) -> Result<(), Usage> {
    match secrets.iter().find_map(problem) {
        Some(wrong) => Err(Usage(wrong.to_string())),
        None => Ok(()),
    }
}

fn custom(parts: &str) -> Result<Custom, String> {
    let mut custom = Custom {
        hash: Hash::Sha256,
        encoding: Encoding::Hex,
        header: String::new(),
        prefix: String::new(),
        over: "{body}".into(),
    };
    for part in parts.split(',') {
        let (key, value) =
            part.split_once('=').ok_or_else(|| format!("expected key=value, found {part:?}"))?;
        match key.trim() {
            "hash" => custom.hash = hash(value)?,
            "encoding" => custom.encoding = encoding(value)?,
            "header" => custom.header = value.into(),
            "prefix" => custom.prefix = value.into(),
            "over" => custom.over = value.into(),
            other => return Err(format!("{other:?} is none of hash, encoding, header, prefix, over")),
        }
    }
    match custom.problems().as_slice() {
        [] => Ok(custom),
        problems => Err(problems.join("; ")),
    }
}

fn hash(text: &str) -> Result<Hash, String> {
    match text {
        "sha1" => Ok(Hash::Sha1),
        "sha256" => Ok(Hash::Sha256),
        "sha384" => Ok(Hash::Sha384),
        "sha512" => Ok(Hash::Sha512),
        _ => Err(format!("expected sha1, sha256, sha384 or sha512, found {text:?}")),
    }
}

fn encoding(text: &str) -> Result<Encoding, String> {
    match text {
        "hex" => Ok(Encoding::Hex),
        "base64" => Ok(Encoding::Base64),
        _ => Err(format!("expected hex or base64, found {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_reads_back_its_name() {
        for word in SCHEMES.split(", ").filter(|word| !word.starts_with("or ")) {
            assert_eq!(scheme(word).as_ref().map(Scheme::name), Ok(word));
        }
        assert!(scheme("hmac").is_err_and(|text| text.contains("github")));
    }

    #[test]
    fn a_custom_scheme_is_typed_in_one_word() {
        let Ok(Scheme::Custom(read)) =
            scheme("custom:hash=sha512,encoding=base64,header=X-Sig,prefix=v0=,over={timestamp}.{body}")
        else {
            panic!("no custom scheme");
        };
        assert_eq!((read.hash, read.encoding), (Hash::Sha512, Encoding::Base64));
        assert_eq!((read.header.as_str(), read.prefix.as_str()), ("X-Sig", "v0="));
        assert_eq!(read.over, "{timestamp}.{body}");
    }

    #[test]
    fn a_custom_scheme_without_header_or_body_is_refused() {
        assert!(scheme("custom:hash=sha1").is_err());
        assert!(scheme("custom:header=X-Sig,over={id}").is_err());
        assert!(scheme("custom:header=X-Sig,sort=up").is_err());
    }
}
