//! Schemes that sign nothing: the secret itself stands in a header.
//!
//! The body is not looked at, so nothing proves it.

use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::envelope::malformed;
use super::verify::Matches;
use super::{Refusal, WrongKey};
use crate::model::Timestamp;
use crate::secret::Secret;

/// The header of [`Scheme::Gitlab`](super::Scheme::Gitlab); its value is a secret.
pub const TOKEN_HEADER: &str = "X-Gitlab-Token";

/// The secrets that stand in the header. Every secret is compared, whatever was found; an empty one
/// proves nothing.
pub(super) fn matching(
    header: &str,
    secrets: &[Secret],
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Matches, Refusal> {
    let given = given(header, headers)?;
    let mut found = Matches::default();
    for (place, secret) in secrets.iter().enumerate().filter(|(_, secret)| !secret.expose().is_empty()) {
        if same(given, secret.expose().as_bytes()) {
            found.add(place, secret, now);
        }
    }
    Ok(found)
}

/// The one value, byte for byte but for white space around it.
pub(super) fn given<'h>(header: &str, headers: &'h HeaderMap) -> Result<&'h [u8], Refusal> {
    let mut values = headers.get_all(header).iter();
    let value = values.next().ok_or_else(|| Refusal::MissingHeader(header.to_ascii_lowercase()))?;
    if values.next().is_some() {
        return Err(Refusal::DoubledHeader(header.to_ascii_lowercase()));
    }
    match value.as_bytes().trim_ascii() {
        [] => Err(malformed(header, "it is empty")),
        given => Ok(given),
    }
}

/// Equal, in a time that tells neither where they differ nor how long the secret is.
pub(super) fn same(given: &[u8], secret: &[u8]) -> bool {
    Sha256::digest(given).ct_eq(&Sha256::digest(secret)).into()
}

/// What keeps a secret from standing in a header as it is.
pub(super) fn problem(secret: &str) -> Option<WrongKey> {
    let fits = HeaderValue::from_bytes(secret.as_bytes()).is_ok() && secret.trim_ascii() == secret;
    (!fits).then_some(WrongKey {
        problem: "the secret cannot stand in a header as it is",
        remedy: "one line without white space around it: is there a line break at its end?",
    })
}
