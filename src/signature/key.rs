//! From a configured secret to the key bytes, and from key and text to a code.
//!
//! Which text is signed is not decided here.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::{Hash, Scheme, token};
use crate::secret::Secret;

/// What marks a base64 key in the Standard Webhooks scheme.
pub(super) const PREFIX: &str = "whsec_";

/// Secrets are typed by people: padding may be missing.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text).ok().filter(|key| !key.is_empty())
}

impl Scheme {
    /// The key that signs: what follows `whsec_`, decoded, in the Standard Webhooks scheme; else
    /// the text's own bytes.
    pub(super) fn signing_key<'a>(&self, secret: &'a Secret) -> Cow<'a, [u8]> {
        let text = secret.expose();
        match self.marked_key(text) {
            Some(key) => Cow::Owned(key),
            None => Cow::Borrowed(text.as_bytes()),
        }
    }

    /// The keys that a signature may be made with.
    ///
    /// A Standard Webhooks secret without its prefix is ambiguous: the libraries of that scheme
    /// decode it, while a text is a key of its own. Both are tried where it decodes to a key of
    /// the lengths the scheme allows. Empty secrets prove nothing and give no key.
    pub(super) fn verifying_keys<'a>(&self, secret: &'a Secret) -> Vec<Cow<'a, [u8]>> {
        let text = secret.expose();
        if text.is_empty() {
            return Vec::new();
        }
        if let Some(key) = self.marked_key(text) {
            return vec![Cow::Owned(key)];
        }
        let mut keys = vec![Cow::Borrowed(text.as_bytes())];
        if *self == Self::StandardWebhooks {
            let bare = decoded(text).filter(|key| (24..=64).contains(&key.len()));
            keys.extend(bare.map(Cow::Owned));
        }
        keys
    }

    fn marked_key(&self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::StandardWebhooks => decoded(text.strip_prefix(PREFIX)?),
            _ => None,
        }
    }

    /// What is wrong with a secret for this scheme, without showing it.
    pub fn secret_problem(&self, secret: &Secret) -> Option<&'static str> {
        let text = secret.expose();
        if text.is_empty() {
            return Some("the secret is empty");
        }
        if self.token_header().is_some() {
            return token::problem(text);
        }
        let marked = *self == Self::StandardWebhooks && text.starts_with(PREFIX);
        (marked && self.marked_key(text).is_none())
            .then_some("the secret begins with `whsec_`, but what follows is no base64")
    }
}

impl Hash {
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// `sha1`, `sha256`, `sha384`, `sha512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Of its result, in bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    pub(super) fn hmac<'a>(self, key: &[u8], pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        match self {
            Self::Sha1 => code::<Hmac<Sha1>>(key, pieces),
            Self::Sha256 => code::<Hmac<Sha256>>(key, pieces),
            Self::Sha384 => code::<Hmac<Sha384>>(key, pieces),
            Self::Sha512 => code::<Hmac<Sha512>>(key, pieces),
        }
    }
}

fn code<'a, M: Mac + KeyInit>(key: &[u8], pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of every length");
    pieces.for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().to_vec()
}
