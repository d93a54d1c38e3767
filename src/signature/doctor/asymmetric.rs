//! The doctor's word on Ed25519 signatures.

use ed25519_dalek::VerifyingKey;
use http::HeaderMap;

use super::tries::{Candidate, Named, TextForm};
use super::{Finding, Signed, renew};
use crate::signature::{Encoding, Scheme, ed25519, envelope};

/// What stands for the hash in a [`Finding`].
pub(super) const NAME: &str = "ed25519";
/// The one header that carries such signatures.
pub(super) const HEADER: &str = "webhook-signature";
const PREFIX: &str = "v1a,";
const OVER: &str = "{id}.{timestamp}.{body}";

/// How a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    Trimmed,
    /// Without its prefix.
    Bare,
}

/// A public key to try, and what it was read from.
pub(super) struct Key<'a> {
    of: Named<'a>,
    form: Form,
    key: VerifyingKey,
}

/// The keys that the secrets can be read as; what has no prefix may be of either kind.
pub(super) fn keys<'a>(secrets: &[Named<'a>]) -> Vec<Key<'a>> {
    let mut keys: Vec<Key<'_>> = Vec::new();
    for named in secrets {
        let (text, trimmed) = (named.secret.expose(), named.secret.expose().trim());
        for (form, text) in [
            (Form::Whole, text.to_owned()),
            (Form::Trimmed, trimmed.to_owned()),
            (Form::Bare, format!("{}{trimmed}", ed25519::PUBLIC)),
            (Form::Bare, format!("{}{trimmed}", ed25519::SECRET)),
        ] {
            let Ok(key) = ed25519::public_key(&text) else { continue };
            if !keys.iter().any(|known| known.key == key) {
                keys.push(Key { of: *named, form, key });
            }
        }
    }
    keys
}

/// The plainest way in which a candidate is right.
pub(super) fn explain(candidate: &Candidate<'_>, keys: &[Key<'_>], signed: &[Signed<'_>]) -> Option<Finding> {
    if candidate.tag.len() != ed25519::SIGNATURE {
        return None;
    }
    signed.iter().find_map(|signed| {
        let message = signed.pieces.concat();
        let right = |key: &&Key<'_>| ed25519::is_right(&key.key, &message, &candidate.tag);
        Some(finding(candidate, signed, keys.iter().find(right)?))
    })
}

fn finding(candidate: &Candidate<'_>, signed: &Signed<'_>, key: &Key<'_>) -> Finding {
    let usual = candidate.header.eq_ignore_ascii_case(HEADER)
        && candidate.prefix == PREFIX
        && candidate.encoding == Encoding::Base64
        && signed.over == OVER;
    let scheme = usual.then(|| Scheme::StandardWebhooksEd25519.name());
    let mut remedies = Vec::new();
    remedies.extend(key.of.expired.map(renew));
    remedies.extend(key.form.remedy().map(str::to_owned));
    remedies.push(match scheme {
        Some(name) if signed.text.form == TextForm::Raw && remedies.is_empty() => {
            format!("nothing to change: the scheme {name} accepts it")
        }
        Some(name) => format!("use the scheme {name}"),
        None => format!("no scheme takes it: the sender has to send {HEADER}: {PREFIX}… over {OVER}"),
    });
    remedies.extend(signed.text.form.remedy().map(str::to_owned));
    Finding {
        header: candidate.header.to_owned(),
        scheme,
        hash: Some(NAME),
        over: signed.over,
        text: signed.text.form.phrase(),
        key: key.form.phrase(),
        secret: key.of.label.to_owned(),
        expired_at: key.of.expired,
        remedy: remedies.join("; "),
    }
}

impl Form {
    fn phrase(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Trimmed => " without the white space around it",
            Self::Bare => " (base64-decoded)",
        }
    }

    fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::Trimmed => Some("take the white space (often a line end) out of the configured key"),
            Self::Bare => Some("write `whpk_` in front of a public key, `whsk_` in front of a secret one"),
        }
    }
}

/// Whether the signature header holds asymmetric signatures and no others.
pub(super) fn is_alone(headers: &HeaderMap) -> bool {
    let value = headers.get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut entries = value.split_ascii_whitespace().peekable();
    entries.peek().is_some() && entries.all(|entry| entry.starts_with(PREFIX))
}

/// What is missing to check such signatures, or wrong with their headers.
pub(super) fn problem(headers: &HeaderMap, keys: &[Key<'_>]) -> Option<String> {
    if !is_alone(headers) {
        return None;
    }
    if keys.is_empty() {
        let name = Scheme::StandardWebhooksEd25519.name();
        return Some(format!(
            "the signature is one of the scheme {name}: give the sender's public key, which begins with `whpk_`"
        ));
    }
    let recipe = Scheme::StandardWebhooksEd25519.recipe()?;
    envelope::Envelope::read(&recipe, headers).err().map(|refusal| refusal.to_string())
}
