//! Explains a signature: by which scheme, key and text it would be right, and what to change.
//!
//! For an operator with a captured request in hand; nothing on the way of a webhook calls it.

mod asymmetric;
mod token;
mod tries;

use std::fmt;

use http::HeaderMap;
use serde::Serialize;

use super::recipe::{Algorithm, Part, TIMESTAMP, TWIN, parts};
use super::{Encoding, Hash, Refusal, Scheme, envelope};
use crate::model::Timestamp;
use crate::secret::Secret;
use tries::{Candidate, Key, KeyForm, Text, TextForm};

/// How far a timestamp may be off before it is mentioned, in seconds: the usual tolerance.
const USUAL_TOLERANCE: u64 = 300;

/// The ways in which senders put the signed text together.
const FRAMES: [&str; 4] =
    ["{body}", "{id}.{timestamp}.{body}", "{timestamp}.{body}", "v0:{timestamp}:{body}"];

/// What was found out about one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// By what the signature is right; plainest first, empty if by nothing.
    pub findings: Vec<Finding>,
    /// What is wrong with the headers, whatever the signature is.
    pub problems: Vec<String>,
}

/// One way in which the signature is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The header that carries the signature.
    pub header: String,
    /// The scheme that this is; `None`: only `custom` can describe it.
    pub scheme: Option<&'static str>,
    /// `sha1`, `sha256`, `sha384`, `sha512`, or `ed25519` of an asymmetric signature; `None`: the
    /// secret itself was sent.
    pub hash: Option<&'static str>,
    /// What was signed, as a template; empty if nothing was, as is `text`.
    pub over: &'static str,
    /// What stood for `{body}`.
    pub text: &'static str,
    /// How the key was made from the secret.
    pub key: &'static str,
    /// The label of the secret.
    pub secret: String,
    /// When the secret expired, if it has: the signature is right, and yet not accepted.
    pub expired_at: Option<Timestamp>,
    /// What to change; `nothing to change` if the scheme accepts it as it is.
    pub remedy: String,
}

impl Diagnosis {
    /// Whether the signature is right in some way.
    pub fn is_explained(&self) -> bool {
        !self.findings.is_empty()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self.hash {
            None => {
                let Self { header, secret, key, remedy, .. } = self;
                return write!(f, "the token in {header} is the secret {secret:?}{key}; {remedy}");
            }
            Some(asymmetric::NAME) => "Ed25519".to_owned(),
            Some(hash) => format!("HMAC-{}", hash.to_uppercase()),
        };
        write!(f, "the signature in {} is right for {algorithm} over {}", self.header, self.text)?;
        if self.over != "{body}" {
            write!(f, " as {}", self.over)?;
        }
        write!(f, " with the secret {:?}{}; {}", self.secret, self.key, self.remedy)
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let findings = self.findings.iter().map(ToString::to_string);
        let lines: Vec<String> = findings.chain(self.problems.iter().cloned()).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Tries every known scheme, key, text and hash on every header that could be a signature.
///
/// `secrets` come with the labels that the answer calls them by.
pub fn diagnose(headers: &HeaderMap, body: &[u8], secrets: &[(String, Secret)], now: Timestamp) -> Diagnosis {
    let candidates = tries::candidates(headers);
    let named = tries::named(secrets, now);
    let keys = tries::keys(&named);
    let publics = asymmetric::keys(&named);
    let texts = tries::texts(body);
    let signed = signed(headers, &texts);
    let mut findings = Vec::new();
    for candidate in &candidates {
        let finding = explain(candidate, &keys, &signed);
        findings.extend(finding.or_else(|| asymmetric::explain(candidate, &publics, &signed)));
    }
    forget_twin(&mut findings);
    let mut problems = header_problems(headers);
    problems.extend(asymmetric::problem(headers, &publics));
    problems.extend(timestamp_problem(headers, now));
    let token = token::explain(headers, &named);
    let has_token = token.is_some();
    match token {
        Some(Ok(finding)) => findings.push(finding),
        Some(Err(problem)) => problems.push(problem),
        None => {}
    }
    if candidates.is_empty() && has_token {
        return Diagnosis { findings, problems };
    }
    if candidates.is_empty() {
        problems.push("no header holds anything that looks like a signature".to_owned());
    } else if findings.is_empty() {
        problems.push(format!(
            "the signature is right for none of the {} secrets, whatever the hash and the form of the body: \
             the sender has another secret, or the body was changed",
            secrets.len()
        ));
    }
    Diagnosis { findings, problems }
}

/// GitHub sends two signatures. Of one that is right by the newer, the older needs no word.
fn forget_twin(findings: &mut Vec<Finding>) {
    if findings.iter().any(|finding| finding.scheme == Some(Scheme::Github.name())) {
        findings.retain(|finding| !finding.header.eq_ignore_ascii_case(TWIN));
    }
}

/// A text that may have been signed, and the frame it stands in.
struct Signed<'a> {
    over: &'static str,
    text: &'a Text<'a>,
    pieces: Vec<&'a [u8]>,
}

/// Every text in every frame that the headers can fill.
fn signed<'a>(headers: &'a HeaderMap, texts: &'a [Text<'a>]) -> Vec<Signed<'a>> {
    let first = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let fill = |over, text: &'a Text<'a>| -> Option<Vec<&'a [u8]>> {
        let piece = |part| match part {
            Part::Text(text) => Some(str::as_bytes(text)),
            Part::Id => first(super::recipe::ID).map(str::as_bytes),
            Part::Timestamp => first(TIMESTAMP).map(str::as_bytes),
            Part::Body => Some(&*text.bytes),
        };
        parts(over).into_iter().map(piece).collect()
    };
    let framed = |text| {
        let fill = &fill;
        FRAMES.into_iter().filter_map(move |over| Some(Signed { over, text, pieces: fill(over, text)? }))
    };
    texts.iter().flat_map(framed).collect()
}

/// The plainest way in which one candidate is right.
fn explain(candidate: &Candidate<'_>, keys: &[Key<'_>], signed: &[Signed<'_>]) -> Option<Finding> {
    let hash = Hash::ALL.into_iter().find(|hash| hash.length() == candidate.tag.len())?;
    signed.iter().find_map(|Signed { over, text, pieces }| {
        let right = |key: &&Key<'_>| hash.hmac(&key.bytes, pieces.iter().copied()) == candidate.tag;
        Some(finding(candidate, hash, over, text, keys.iter().find(right)?))
    })
}

fn finding(
    candidate: &Candidate<'_>,
    hash: Hash,
    over: &'static str,
    text: &Text<'_>,
    key: &Key<'_>,
) -> Finding {
    let scheme = known_scheme(candidate, hash, over, key.form);
    let mut remedies: Vec<String> = Vec::new();
    let (label, expired) = key.of.map_or(("", None), |named| (named.label, named.expired));
    remedies.extend(expired.map(renew));
    remedies.extend(key.form.remedy().map(str::to_owned));
    match &scheme {
        Some(scheme) if text.form == TextForm::Raw && remedies.is_empty() => {
            remedies.push(format!("nothing to change: the scheme {} accepts it", scheme.name()));
        }
        Some(scheme) => remedies.push(format!("use the scheme {}", scheme.name())),
        None => remedies.push(custom(candidate, hash, over)),
    }
    remedies.extend(text.remedy().map(str::to_owned));
    Finding {
        header: candidate.header.to_owned(),
        scheme: scheme.map(|scheme| scheme.name()),
        hash: Some(hash.name()),
        over,
        text: text.form.phrase(),
        key: key.form.phrase(),
        secret: label.to_owned(),
        expired_at: expired,
        remedy: remedies.join("; "),
    }
}

/// What to do about a secret that is over.
fn renew(expired: Timestamp) -> String {
    format!("it expired at {expired}: give the sender the newer one, or move `until`")
}

fn known_scheme(candidate: &Candidate<'_>, hash: Hash, over: &str, key: KeyForm) -> Option<Scheme> {
    let decoded = key.is_decoded();
    let webhooks = if decoded { Scheme::StandardWebhooks } else { Scheme::Infrahub };
    let schemes = [Scheme::Netbox, Scheme::Github, webhooks];
    schemes.into_iter().find(|scheme| {
        scheme.recipe().is_some_and(|recipe| {
            recipe.header.eq_ignore_ascii_case(candidate.header)
                && recipe.algorithm == Algorithm::Hmac(hash)
                && recipe.encoding == candidate.encoding
                && recipe.prefix == candidate.prefix
                && recipe.over == parts(over)
                && (!decoded || *scheme == Scheme::StandardWebhooks)
        })
    })
}

fn custom(candidate: &Candidate<'_>, hash: Hash, over: &str) -> String {
    let encoding = match candidate.encoding {
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
    };
    let Candidate { header, prefix, .. } = candidate;
    let hash = hash.name();
    format!(
        "use the scheme custom {{ hash: {hash}, encoding: {encoding}, header: {header}, \
         prefix: {prefix:?}, over: {over:?} }}"
    )
}

/// What the schemes whose signature header is there have against the headers.
fn header_problems(headers: &HeaderMap) -> Vec<String> {
    let mut problems = Vec::new();
    for scheme in [Scheme::Netbox, Scheme::Github, Scheme::Infrahub] {
        let Some(recipe) = scheme.recipe() else { continue };
        let (name, given) = (recipe.header, headers.get(recipe.header));
        // What holds only asymmetric signatures is not one of these schemes'.
        if given.is_none() || (name == asymmetric::HEADER && asymmetric::is_alone(headers)) {
            continue;
        }
        if let Err(refusal) = envelope::Envelope::read(&recipe, headers) {
            problems.push(refusal.to_string());
        }
    }
    problems
}

fn timestamp_problem(headers: &HeaderMap, now: Timestamp) -> Option<String> {
    let seconds = match envelope::timestamp(headers) {
        Ok((_, seconds)) => seconds,
        Err(Refusal::Malformed { .. }) => {
            let text = headers.get(TIMESTAMP)?.to_str().ok()?.trim();
            let milliseconds = text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_digit());
            return milliseconds.then(|| format!("{TIMESTAMP} is in milliseconds, seconds are needed"));
        }
        Err(_) => return None,
    };
    let off_by = now.as_second() - seconds;
    if off_by.unsigned_abs() <= USUAL_TOLERANCE {
        return None;
    }
    let (amount, side) = (off_by.unsigned_abs(), if off_by > 0 { "behind" } else { "ahead of" });
    Some(format!(
        "the timestamp is {amount} s {side} the clock here, more than the usual tolerance of \
         {USUAL_TOLERANCE} s: synchronise the clocks, or (for a recording) set tolerance: off"
    ))
}
