//! `verify:` of an adapter file: how the system signs.

use std::time::Duration;

use super::expr_file::Context;
use super::repeat::duration;
use crate::signature::{Custom, Encoding, Hash, Scheme, Variant};
use crate::yaml::{Node, Reader, nearest};

/// What an adapter says about signatures.
#[derive(Debug, Default)]
pub(super) struct Verify {
    pub scheme: Option<Scheme>,
    pub variants: Vec<Variant>,
    pub tolerance: Option<Duration>,
}

const SCHEMES: [&str; 8] = [
    "netbox",
    "infrahub",
    "github",
    "gitlab",
    "standard-webhooks",
    "standard-webhooks-ed25519",
    "custom",
    "none",
];
const VARIANTS: [(&str, Variant); 3] = [
    ("python-json", Variant::PythonJson),
    ("python-json-compact", Variant::PythonJsonCompact),
    ("python-str", Variant::PythonStr),
];

impl Verify {
    /// Compiles `{scheme, variants, tolerance}`, for `custom` also its parts.
    pub fn compile(context: &mut Context<'_>, node: &Node) -> Self {
        let Some(mut reader) = Reader::new(context.file, "verify", node, context.problems) else {
            return Self::default();
        };
        let scheme = scheme(context, &mut reader);
        let words = reader.texts("variants", context.problems).unwrap_or_default();
        let mut variants = Vec::new();
        for (at, word) in words {
            match VARIANTS.iter().find(|(name, _)| *name == word) {
                Some((_, variant)) => variants.push(*variant),
                None => {
                    let help = nearest(&word, &VARIANTS.map(|(name, _)| name));
                    context.wrong(at, format!("unknown variant `{word}`"), &help);
                }
            }
        }
        let tolerance = reader.node("tolerance").and_then(|node| duration(context, node));
        reader.finish(context.problems);
        Self { scheme, variants, tolerance }
    }
}

fn scheme(context: &mut Context<'_>, reader: &mut Reader<'_>) -> Option<Scheme> {
    let Some(word) = reader.text("scheme", context.problems) else {
        reader.missing("scheme", &format!("one of {}", SCHEMES.join(", ")), context.problems);
        return None;
    };
    match word.as_str() {
        "none" => None,
        "custom" => custom(context, reader).map(Scheme::Custom),
        name => {
            let scheme = Scheme::parse(name);
            if scheme.is_none() {
                let help = nearest(&word, &SCHEMES);
                context.wrong(reader.at, format!("unknown scheme `{word}`"), &help);
            }
            scheme
        }
    }
}

fn custom(context: &mut Context<'_>, reader: &mut Reader<'_>) -> Option<Custom> {
    let mut choose = |name: &'static str, known: &[&str]| -> Option<usize> {
        let word = reader.text(name, context.problems).unwrap_or_default();
        let found = known.iter().position(|known| *known == word);
        if found.is_none() {
            reader.missing(name, &format!("one of {}", known.join(", ")), context.problems);
        }
        found
    };
    let hash = choose("hash", &["sha1", "sha256", "sha384", "sha512"]);
    let encoding = choose("encoding", &["hex", "base64"]);
    let header = reader.text("header", context.problems);
    if header.is_none() {
        reader.missing("header", "the header that carries the signature", context.problems);
    }
    let prefix = reader.text("prefix", context.problems).unwrap_or_default();
    let over = reader.text("over", context.problems).unwrap_or_else(|| "{body}".to_owned());
    let hash = [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512].get(hash?).copied()?;
    let encoding = [Encoding::Hex, Encoding::Base64].get(encoding?).copied()?;
    Some(Custom { hash, encoding, header: header?.to_ascii_lowercase(), prefix, over })
}
