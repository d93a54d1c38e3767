//! Blobs: what the script stores without looking into it. The first byte says how the rest is kept.

use serde::de::DeserializeOwned;

use super::answer::damaged;
use crate::store::StoreError;

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;
/// Compresses JSON to a fifth at some 300 MB/s; higher levels gain little on a few kilobytes.
const LEVEL: i32 = 1;
/// The longest that a blob may become again: more than any body or outcome that is accepted.
const LONGEST: usize = 256 << 20;

/// Packs bytes; those longer than a bound are compressed if that makes them shorter.
pub(super) fn pack(bytes: &[u8], above: usize) -> Vec<u8> {
    if bytes.len() > above
        && let Ok(mut compressed) = zstd::bulk::compress(bytes, LEVEL)
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
    serde_json::from_slice(&unpack(blob)?).map_err(|error| damaged(format_args!("JSON ({error})")))
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
    fn what_nobody_packed_is_told() {
        for blob in [&b""[..], b"\x02x", b"\x01not compressed"] {
            assert!(matches!(unpack(blob), Err(StoreError::Unavailable(_))));
        }
    }
}
