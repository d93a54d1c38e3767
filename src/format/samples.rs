//! Events and receipts for tests.

use std::sync::Arc;

use bytes::Bytes;

use crate::model::{Event, Json, Proof, Receipt, ReceiptId, Request, Timestamp, json};

/// An event with these of its members; `native` too.
pub(super) fn event(parts: Json) -> Event {
    let mut whole = json!({
        "id": "evt_01939f6a8a4f7c3e9d2b5a6c7d8e9f00", "type": "lab.object.updated", "action": "updated",
        "source": "lab-1", "system": "lab", "object": {"kind": "Server", "id": "42", "name": "srv", "url": null},
        "branch": null, "actor": {"id": null, "name": null}, "occurred_at": null,
        "received_at": "2026-11-22T05:30:00.25Z", "correlation_id": null, "changes": [],
        "before": null, "after": null, "data": null,
    });
    let mut native = Json::Null;
    if let Json::Object(parts) = parts {
        for (name, value) in parts {
            match name.as_str() {
                "native" => native = value,
                _ => whole[name.as_str()] = value,
            }
        }
    }
    let mut event: Event = whole.told().unwrap();
    event.native = Arc::new(native);
    event
}

/// A receipt of this body.
pub(super) fn receipt(body: &[u8]) -> Receipt {
    Receipt {
        id: ReceiptId::new(Timestamp::UNIX_EPOCH),
        source: Arc::from("lab-1"),
        received_at: Timestamp::UNIX_EPOCH,
        request: Request::default(),
        body: Bytes::copy_from_slice(body),
        dedupe: None,
        proof: Proof { scheme: "open".to_owned(), variant: None, secret: None },
        notes: Vec::new(),
        masked: Vec::new(),
    }
}
