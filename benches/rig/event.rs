//! NetBox's device updates, made and signed before the clock starts. Each has a marker by which the
//! receiver knows it again.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use crossconnect::secret::Secret;
use crossconnect::signature::{Scheme, Signer};

use super::body::device_update;

/// Of the source, in the config and at the bare server.
pub const SECRET: &str = "netbox-s3cret";
/// What stands before the nine digits of the number.
pub const MARK: &str = "bench-";

/// A body and its signature.
pub struct Signed {
    pub body: Bytes,
    pub signature: String,
}

/// So many webhooks about so many objects, unlike any that were made before.
pub fn webhooks(count: usize, objects: usize) -> Vec<Signed> {
    static BATCH: AtomicUsize = AtomicUsize::new(0);
    let batch = BATCH.fetch_add(1, Ordering::Relaxed);
    let signer = Signer { scheme: Scheme::Netbox, secrets: vec![Secret::new(SECRET)] };
    (0..count).map(|number| signed(&signer, body(batch, number, number % objects + 1))).collect()
}

fn body(batch: usize, number: usize, object: usize) -> String {
    device_update(batch, number, object, &format!("{MARK}{number:09}"))
}

fn signed(signer: &Signer, body: String) -> Signed {
    let headers = signer.sign("unused", 0, body.as_bytes());
    let signature = headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("x-hook-signature"));
    Signed { body: Bytes::from(body), signature: signature.unwrap().1 }
}
