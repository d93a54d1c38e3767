//! Hashes and HMACs of texts, in lower-case hex.

use hmac::{Hmac, KeyInit, Mac};
use rhai::Engine;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{Given, guard, value::refuse};

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_fn("sha256", |text: &str| -> Given<String> {
            guard::in_time()?;
            Ok(hex::encode(Sha256::digest(text)))
        })
        .register_fn("sha512", |text: &str| -> Given<String> {
            guard::in_time()?;
            Ok(hex::encode(Sha512::digest(text)))
        })
        .register_fn("hmac_sha256", |key: &str, text: &str| hmac("sha256", key, text))
        .register_fn("hmac_sha512", |key: &str, text: &str| hmac("sha512", key, text))
        .register_fn("hmac", |hash: &str, key: &str, text: &str| hmac(hash, key, text));
}

fn hmac(hash: &str, key: &str, text: &str) -> Given<String> {
    guard::in_time()?;
    match hash {
        "sha1" => signed::<Hmac<Sha1>>(key, text),
        "sha256" => signed::<Hmac<Sha256>>(key, text),
        "sha384" => signed::<Hmac<Sha384>>(key, text),
        "sha512" => signed::<Hmac<Sha512>>(key, text),
        _ => Err(refuse(format!(
            "hmac: `{}` is no hash; sha1, sha256, sha384 or sha512",
            crate::script::value::shortened(hash, 40)
        ))),
    }
}

fn signed<M: Mac + KeyInit>(key: &str, text: &str) -> Given<String> {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes())
        .map_err(|_| refuse("hmac: the key has a length that is not allowed"))?;
    mac.update(text.as_bytes());
    Ok(hex::encode(mac.finalize().into_bytes()))
}
