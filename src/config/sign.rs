//! `sign:` of a source or a destination: scheme, secrets, and the parts of a custom scheme.

use super::context::Context;
use super::secrets;
use crate::secret::Secret;
use crate::signature::{Custom, Encoding, Hash, Scheme, WrongKey};
use crate::yaml::{At, Node, Reader, Value};

/// The schemes of this version, as they are written.
pub(super) const SCHEMES: [&str; 8] = [
    "standard-webhooks",
    "standard-webhooks-ed25519",
    "netbox",
    "infrahub",
    "github",
    "gitlab",
    "custom",
    "none",
];

/// What `sign:` says.
#[derive(Debug, Clone, Default)]
pub(super) struct Sign {
    /// `None`: not given, or wrong.
    pub scheme: Option<Scheme>,
    /// The scheme is wrong, which has been reported.
    pub wrong: bool,
    /// `None`: not given.
    pub secrets: Option<Vec<(At, Secret)>>,
    /// `false`: unsigned while there are no secrets.
    pub required: Option<bool>,
    /// Whether the destination itself names the scheme, and not its preset.
    pub named: bool,
}

/// What one layer says, and where it says nothing, what the layer below says.
pub(super) fn over(own: Option<Sign>, below: Option<Sign>) -> Option<Sign> {
    let (own, below) = match (own, below) {
        (Some(own), Some(below)) => (own, below),
        (own, below) => {
            let below = below.map(|below| Sign { named: false, ..below });
            return own.or(below);
        }
    };
    Some(Sign {
        named: own.named,
        wrong: own.wrong || below.wrong,
        scheme: own.scheme.clone().or(below.scheme),
        secrets: own.secrets.or(below.secrets),
        // Who names a scheme means to sign.
        required: own.required.or(if own.scheme.is_some() { None } else { below.required }),
    })
}

/// Whether there are secrets that were all empty, which has been reported.
pub(super) fn reported_empty(r: &Reader<'_>) -> bool {
    let sign = r.entries().iter().find(|(key, _)| key.name == "sign");
    let secrets = sign.and_then(|(_, sign)| sign.get("secrets"));
    secrets.is_some_and(|node| match &node.value {
        Value::List(items) => !items.is_empty(),
        value => *value != Value::Null,
    })
}

/// Reads `sign:`; a name alone is short for `{ scheme: name }`.
pub(super) fn read(reader: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Sign> {
    let path = reader.path_of("sign");
    let node = reader.node("sign").filter(|node| node.value != Value::Null)?;
    if cx.expansion.is_broken(node.at) {
        return None;
    }
    match node.scalar() {
        Some(name) => {
            let scheme = short(&path, node, &name, cx);
            Some(Sign { wrong: scheme.is_none(), scheme, secrets: None, required: None, named: true })
        }
        None => Some(long(Reader::new(cx.file, path, node, cx.problems)?, cx)),
    }
}

fn short(path: &str, node: &Node, name: &str, cx: &mut Context<'_>) -> Option<Scheme> {
    match Scheme::parse(name) {
        Some(scheme) => Some(scheme),
        None if name == "custom" => {
            let message = format!("`{path}` of scheme custom needs its parts");
            cx.problem(node.at, message, "write `{ scheme: custom, header: X-Signature, hash: sha256 }`");
            None
        }
        None => {
            unknown(path, node.at, name, cx);
            None
        }
    }
}

fn unknown(path: &str, at: At, name: &str, cx: &mut Context<'_>) {
    let shown = cx.expansion.shown(at, name).to_owned();
    let help = crate::yaml::nearest(name, &SCHEMES);
    cx.problem(at, format!("`{path}` does not know `{shown}`"), help);
}

fn long(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Sign {
    let r = &mut reader;
    let before = cx.problems.len();
    let given = cx.text(r, "scheme");
    let scheme = match given {
        Some((at, name)) if name != "custom" => {
            let scheme = Scheme::parse(&name);
            if scheme.is_none() {
                unknown(&r.path_of("scheme"), at, &name, cx);
            }
            only_for_custom(r, &name, cx);
            scheme
        }
        Some(_) => custom(r, cx).map(Scheme::Custom),
        None => {
            only_for_custom(r, "another", cx);
            None
        }
    };
    let wrong = cx.problems.len() > before;
    let secrets = secrets::read(r, "secrets", cx);
    let required = cx.flag(r, "required");
    reader.finish(cx.problems);
    Sign { named: scheme.is_some(), scheme, wrong, secrets, required }
}

fn only_for_custom(r: &mut Reader<'_>, scheme: &str, cx: &mut Context<'_>) {
    for key in ["hash", "encoding", "header", "prefix", "over"] {
        if let Some(node) = r.node(key) {
            let message = format!("`{}` belongs to scheme custom, this is {scheme}", r.path_of(key));
            cx.problem(node.at, message, "write `scheme: custom`, or remove the key");
        }
    }
}

fn custom(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Custom> {
    let hash = cx.word(r, "hash", &["sha256", "sha512", "sha384", "sha1"]);
    let encoding = cx.word(r, "encoding", &["hex", "base64"]);
    let header = custom_header(r, cx);
    let prefix = cx.value(r, "prefix", "a text of visible ASCII", |text| {
        Custom::prefix_problem(text).map_or_else(|| Ok(text.to_owned()), |_| Err(None))
    });
    let over = cx.value(r, "over", "a text with `{body}` in it", |text| {
        Custom::over_problem(text).map_or_else(|| Ok(text.to_owned()), |help| Err(Some(help.to_owned())))
    });
    Some(Custom {
        hash: match hash.as_ref().map(|(_, name)| name.as_str()) {
            Some("sha512") => Hash::Sha512,
            Some("sha384") => Hash::Sha384,
            Some("sha1") => Hash::Sha1,
            _ => Hash::Sha256,
        },
        encoding: if encoding.is_some_and(|(_, name)| name == "base64") {
            Encoding::Base64
        } else {
            Encoding::Hex
        },
        header: header?,
        prefix: prefix.unwrap_or_default(),
        over: over.unwrap_or_else(|| "{body}".to_owned()),
    })
}

fn custom_header(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<String> {
    let present = r.entries().iter().any(|(key, _)| key.name == "header");
    let given = cx.text(r, "header");
    if !present {
        r.missing("header", "name the header that carries the signature, such as `X-Signature`", cx.problems);
    }
    let (at, name) = given?;
    let path = r.path_of("header");
    if let Some(help) = Custom::header_problem(&name) {
        cx.problem(at, format!("`{path}` cannot carry a signature"), help);
        return None;
    }
    Some(name)
}

/// Reports secrets that `problem` finds wrong: [`Scheme::secret_problem`] of a source,
/// [`Scheme::signing_problem`] of a destination.
pub(super) fn check_keys(
    secrets: &[(At, Secret)],
    problem: impl Fn(&Secret) -> Option<WrongKey>,
    cx: &mut Context<'_>,
) {
    let known = |(at, _): &&(At, Secret)| !cx.expansion.is_broken(*at);
    for (at, secret) in secrets.iter().filter(known) {
        if let Some(WrongKey { problem, remedy }) = problem(secret) {
            cx.problems.add(cx.file, Some(*at), problem).help(remedy);
        }
    }
}
