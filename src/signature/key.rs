//! From a configured secret to the key, and from key and text to a code.
//!
//! Which text is signed is not decided here.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use ring::hmac;
use subtle::ConstantTimeEq;

use super::recipe::{Algorithm, Message, Recipe};
use super::{Hash, Scheme, WrongKey, ed25519, token};
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

/// What a signature is checked with.
pub(super) enum ProvingKey<'a> {
    Shared(Cow<'a, [u8]>),
    Public(ed25519_dalek::VerifyingKey),
}

impl ProvingKey<'_> {
    /// Whether one of the signatures was made over the message by this key, or by the one that
    /// belongs to it. Shared keys: every signature is compared, whatever was found.
    pub fn proves(&self, recipe: &Recipe<'_>, message: &Message<'_>, given: &[Vec<u8>]) -> bool {
        match (recipe.algorithm, self) {
            (Algorithm::Hmac(hash), Self::Shared(key)) => {
                let right = hash.hmac(key, recipe.pieces(message));
                given.iter().fold(false, |found, given| found | bool::from(right.ct_eq(given)))
            }
            (Algorithm::Ed25519, Self::Public(key)) => {
                let message = recipe.pieces(message).collect::<Vec<_>>().concat();
                given.iter().any(|given| ed25519::is_right(key, &message, given))
            }
            _ => false,
        }
    }
}

impl Scheme {
    /// The bytes of one signature; `None`: the secret is no key that signs, which
    /// [`Scheme::signing_problem`] tells.
    pub(super) fn tag(&self, secret: &Secret, recipe: &Recipe<'_>, message: &Message<'_>) -> Option<Vec<u8>> {
        match recipe.algorithm {
            Algorithm::Hmac(hash) => Some(hash.hmac(&self.shared_key(secret), recipe.pieces(message))),
            Algorithm::Ed25519 => {
                let key = ed25519::signing_key(secret.expose()).ok()?;
                Some(ed25519::sign(&key, &recipe.pieces(message).collect::<Vec<_>>().concat()))
            }
        }
    }

    /// The key that signs: what follows `whsec_`, decoded, in the Standard Webhooks scheme; else
    /// the text's own bytes.
    fn shared_key<'a>(&self, secret: &'a Secret) -> Cow<'a, [u8]> {
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
    pub(super) fn proving_keys<'a>(&self, secret: &'a Secret) -> Vec<ProvingKey<'a>> {
        let text = secret.expose();
        if *self == Self::StandardWebhooksEd25519 {
            return ed25519::public_key(text).map(ProvingKey::Public).into_iter().collect();
        }
        if text.is_empty() {
            return Vec::new();
        }
        if let Some(key) = self.marked_key(text) {
            return vec![ProvingKey::Shared(Cow::Owned(key))];
        }
        let mut keys = vec![ProvingKey::Shared(Cow::Borrowed(text.as_bytes()))];
        if *self == Self::StandardWebhooks {
            let bare = decoded(text).filter(|key| (24..=64).contains(&key.len()));
            keys.extend(bare.map(|key| ProvingKey::Shared(Cow::Owned(key))));
        }
        keys
    }

    fn marked_key(&self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::StandardWebhooks => decoded(text.strip_prefix(PREFIX)?),
            _ => None,
        }
    }

    /// Why nothing can be proved with a secret.
    pub fn secret_problem(&self, secret: &Secret) -> Option<WrongKey> {
        let text = secret.expose();
        if text.is_empty() {
            return Some(EMPTY);
        }
        match self {
            Self::StandardWebhooksEd25519 => ed25519::public_key(text).err(),
            Self::StandardWebhooks if text.starts_with(PREFIX) => {
                self.marked_key(text).is_none().then_some(NO_BASE64)
            }
            // Any text is a secret, but nobody shares one that looks like this.
            Self::StandardWebhooks => ed25519::public_key(text).is_ok().then_some(ASYMMETRIC),
            _ => self.token_header().and_then(|_| token::problem(text)),
        }
    }

    /// Why nothing can be signed with a secret: all that [`Scheme::secret_problem`] tells, and that
    /// a public key does not sign.
    pub fn signing_problem(&self, secret: &Secret) -> Option<WrongKey> {
        match self {
            Self::StandardWebhooksEd25519 if !secret.expose().is_empty() => {
                ed25519::signing_key(secret.expose()).err()
            }
            _ => self.secret_problem(secret),
        }
    }
}

const EMPTY: WrongKey =
    WrongKey { problem: "the secret is empty", remedy: "is the variable that should hold it set?" };
const NO_BASE64: WrongKey = WrongKey {
    problem: "the secret begins with `whsec_`, but what follows is no base64",
    remedy: "copy it whole, or use a text that does not begin with `whsec_`",
};
const ASYMMETRIC: WrongKey = WrongKey {
    problem: "the secret is a key of the scheme standard-webhooks-ed25519",
    remedy: "write `sign: { scheme: standard-webhooks-ed25519, … }`, or use a `whsec_` secret",
};

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
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        // Twice as fast as `sha2` on processors without instructions for SHA.
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
        pieces.for_each(|piece| context.update(piece));
        context.sign().as_ref().to_vec()
    }
}
