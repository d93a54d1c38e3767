//! Blobs: what the script stores without looking into it. The first byte says how the rest is kept.

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use zstd::bulk::Compressor;

use super::answer::damaged;
use crate::store::StoreError;

/// Before each of several stands how long it is, in so many bytes.
const LENGTH: usize = 4;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Compresses JSON to a fifth at some 300 MB/s; higher levels gain little on a few kilobytes.
const LEVEL: i32 = 1;
/// The longest that a blob may become again: more than any body or outcome that is accepted.
const LONGEST: usize = 256 << 20;

thread_local! {
    /// What compressing works with; to make it anew takes a good part of what a few kilobytes do. `None`: it
    /// could not be made.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
}

fn compressed(bytes: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(bytes).ok())
}

/// Packs bytes; those longer than a bound are compressed if that makes them shorter.
pub(super) fn pack(bytes: &[u8], above: usize) -> Vec<u8> {
    if bytes.len() > above
        && let Some(mut compressed) = compressed(bytes)
        && compressed.len() < bytes.len()
    {
        compressed.insert(0, ZSTD);
        return compressed;
    }
    let mut plain = Vec::with_capacity(bytes.len() + 1);
    plain.push(PLAIN);
    plain.extend_from_slice(bytes);
    plain
}

/// Several in one, which costs a server less than one by one, and is compressed as a whole.
pub(super) fn join<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(parts.iter().map(|part| part.len() + LENGTH).sum());
    for part in parts {
        // Longer than anything that is taken is nothing that comes here.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        joined.extend_from_slice(&length.to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

/// What was joined and packed.
pub(super) fn unpack_parts<const N: usize>(blob: &[u8]) -> Result<[Vec<u8>; N], StoreError> {
    let unpacked = unpack(blob)?;
    let (mut rest, mut parts) = (unpacked.as_slice(), Vec::with_capacity(N));
    while let Some((length, after)) = rest.split_first_chunk::<LENGTH>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (part, after) = after.split_at_checked(length).ok_or_else(|| damaged("a value of several"))?;
        parts.push(part.to_vec());
        rest = after;
    }
    parts.try_into().map_err(|_| damaged(format_args!("a value of {N}")))
}

/// What was packed.
pub(super) fn unpack(blob: &[u8]) -> Result<Vec<u8>, StoreError> {
    match blob.split_first() {
        Some((&PLAIN, plain)) => Ok(plain.to_vec()),
        Some((&ZSTD, compressed)) => {
            let size = zstd::bulk::Decompressor::upper_bound(compressed).unwrap_or(LONGEST).min(LONGEST);
            zstd::bulk::decompress(compressed, size).map_err(|_| damaged("a compressed value"))
        }
        _ => Err(damaged("a value without its first byte")),
    }
}

pub(super) fn unpack_json<T: DeserializeOwned>(blob: &[u8]) -> Result<T, StoreError> {
    read_json(&unpack(blob)?)
}

/// One of several.
pub(super) fn read_json<T: DeserializeOwned>(part: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(part).map_err(|error| damaged(format_args!("JSON ({error})")))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn a_blob_is_read_back_as_it_was_packed() {
        for (bytes, is_shorter) in [
            (Vec::new(), false),
            (b"short".to_vec(), false),
            (b"{\"name\": \"leaf\"}".repeat(500), true),
            ((0..100u32).flat_map(|n| Sha256::digest(n.to_le_bytes())).collect(), false),
        ] {
            let packed = pack(&bytes, 64);
            assert_eq!(packed.len() < bytes.len(), is_shorter, "{} of {}", packed.len(), bytes.len());
            assert_eq!(unpack(&packed).unwrap(), bytes);
        }
    }

    #[test]
    fn several_are_read_back_as_they_were_joined() {
        let long = b"{\"name\": \"leaf\"}".repeat(500);
        let joined = join([b"", &long, b"c"]);
        assert_eq!(unpack_parts(&pack(&joined, 64)).unwrap(), [Vec::new(), long, b"c".to_vec()]);
        let cut = &joined[..joined.len() - 1];
        for (bytes, what) in [(cut, "one is cut"), (&joined[..6], "a length is cut"), (&[], "none is there")]
        {
            assert!(unpack_parts::<3>(&pack(bytes, usize::MAX)).is_err(), "{what}");
        }
    }

    #[test]
    fn what_nobody_packed_is_told() {
        for blob in [&b""[..], b"\x02x", b"\x01not compressed"] {
            assert!(matches!(unpack(blob), Err(StoreError::Unavailable(_))));
        }
    }
}
