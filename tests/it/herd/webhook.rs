//! Webhooks as NetBox sends them: a captured one, told of other objects and changes, and signed.

use std::sync::LazyLock;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha512;

use crate::corpus;

pub const SECRET: &str = "netbox-s3cret";

/// An update of a prefix.
static CAPTURED: LazyLock<Value> = LazyLock::new(|| {
    let mut records = corpus::all().into_iter();
    let captured = records.find(|record| record.name() == "netbox-v3.7.8-prefix-update-001").unwrap();
    serde_json::from_slice(&captured.body).unwrap()
});

/// The `change`-th change of an object: its headers and its body, the same for the same numbers.
pub fn webhook(object: u64, change: u64) -> (Vec<(String, String)>, Bytes) {
    let mut body = CAPTURED.clone();
    let before = json!({"change": change - 1});
    let after = json!({"change": change});
    body["timestamp"] = json!(format!("2026-11-22T05:40:{:02}.{:06}+00:00", change % 60, change));
    body["request_id"] = json!(format!("00000000-0000-4000-{:04x}-{object:012x}", change));
    body["data"]["id"] = json!(object);
    body["data"]["url"] = json!(format!("/api/ipam/prefixes/{object}/"));
    body["data"]["custom_fields"] = after.clone();
    body["snapshots"]["prechange"]["custom_fields"] = before;
    body["snapshots"]["postchange"]["custom_fields"] = after;
    let body = Bytes::from(body.to_string());
    let mut mac = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&body);
    let signature = hex::encode(mac.finalize().into_bytes());
    (vec![("X-Hook-Signature".to_owned(), signature)], body)
}
