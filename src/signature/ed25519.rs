//! Standard Webhooks' asymmetric keys: how they are written, made, and used.
//!
//! A secret key is `whsk_` and base64 of its seed (32 bytes), or of seed and public key (64); a
//! public key is `whpk_` and base64 of 32 bytes. Who holds a secret key can also verify. Nothing
//! here is random: a new key comes from a seed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::WrongKey;
use super::key::decoded;
use crate::secret::Secret;

/// What marks a key that signs.
pub(super) const SECRET: &str = "whsk_";
/// What marks a key that verifies.
pub(super) const PUBLIC: &str = "whpk_";
/// Of a signature, in bytes.
pub(super) const SIGNATURE: usize = 64;

const COPY_IT: &str = "copy the key whole, with its padding";
const NO_PREFIX: WrongKey = WrongKey {
    problem: "the key begins neither with `whsk_` nor with `whpk_`",
    remedy: "`crossconnect signature keygen` makes a pair; text secrets and `whsec_` go with the scheme standard-webhooks",
};
const NO_BASE64: WrongKey =
    WrongKey { problem: "what follows the prefix of the key is no base64", remedy: COPY_IT };
const SECRET_LENGTH: WrongKey =
    WrongKey { problem: "the secret key has neither 32 nor 64 bytes", remedy: COPY_IT };
const PUBLIC_LENGTH: WrongKey = WrongKey { problem: "the public key has not 32 bytes", remedy: COPY_IT };
const HALVES: WrongKey = WrongKey {
    problem: "the two halves of the secret key do not belong together",
    remedy: "copy it whole, or write its first 32 bytes alone",
};
const WEAK: WrongKey = WrongKey {
    problem: "the public key is none that proves anything",
    remedy: "ask the sender for the one that belongs to its secret key",
};
const CANNOT_SIGN: WrongKey = WrongKey {
    problem: "the key is a public one, which cannot sign",
    remedy: "give the secret key, which begins with `whsk_`; the public one is for the receiver",
};

/// A new pair, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPair {
    /// `whsk_…`, for who signs.
    pub secret: Secret,
    /// `whpk_…`, for who verifies.
    pub public: String,
}

impl KeyPair {
    /// The pair of a seed, which has to be random and is the secret itself.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let public = SigningKey::from_bytes(&seed).verifying_key();
        Self {
            secret: Secret::new(format!("{SECRET}{}", STANDARD.encode(seed))),
            public: format!("{PUBLIC}{}", STANDARD.encode(public.as_bytes())),
        }
    }
}

/// The key that signs.
pub(super) fn signing_key(text: &str) -> Result<SigningKey, WrongKey> {
    if text.starts_with(PUBLIC) {
        return Err(CANNOT_SIGN);
    }
    let bytes = decoded(text.strip_prefix(SECRET).ok_or(NO_PREFIX)?).ok_or(NO_BASE64)?;
    match (<&[u8; 32]>::try_from(&*bytes), <&[u8; 64]>::try_from(&*bytes)) {
        (Ok(seed), _) => Ok(SigningKey::from_bytes(seed)),
        (_, Ok(pair)) => SigningKey::from_keypair_bytes(pair).map_err(|_| HALVES),
        _ => Err(SECRET_LENGTH),
    }
}

/// The key that verifies; that of a secret key follows from it.
pub(super) fn public_key(text: &str) -> Result<VerifyingKey, WrongKey> {
    let Some(code) = text.strip_prefix(PUBLIC) else {
        return signing_key(text).map(|key| key.verifying_key());
    };
    let bytes = decoded(code).ok_or(NO_BASE64)?;
    let bytes = <&[u8; 32]>::try_from(&*bytes).map_err(|_| PUBLIC_LENGTH)?;
    VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak()).ok_or(WEAK)
}

/// The signature of a message.
pub(super) fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    key.sign(message).to_bytes().to_vec()
}

/// Whether the signature is right, in the strictest reading of RFC 8032: no other bytes are a
/// signature of the same message by the same key.
pub(super) fn is_right(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    let signature = Signature::from_slice(signature);
    signature.is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
}
