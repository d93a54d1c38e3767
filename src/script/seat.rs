//! The events of a batch as `transform_batch` sees them: each in place, its body parsed only if
//! the script asks for `native`.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::guard;
use crate::json::{self, NonFinite};
use crate::model::{Event, Json, Member, ReceiptId};

static NOTHING: Json = Json::Null;

/// One event of a batch.
#[derive(Debug)]
pub(super) struct Seat {
    pub event: Arc<Event>,
    pub lookup: Json,
    native: Arc<Native>,
}

/// The body of a receipt, which several events may come from.
#[derive(Debug)]
struct Native {
    body: Bytes,
    parsed: OnceLock<Json>,
}

/// The events of a batch, in their order.
pub(super) fn seats(members: &[Member]) -> Arc<[Seat]> {
    let mut natives: HashMap<ReceiptId, Arc<Native>> = HashMap::new();
    let seat = |member: &Member| Seat {
        event: member.event.clone(),
        lookup: member.lookups.clone(),
        native: natives.entry(member.receipt).or_insert_with(|| Arc::new(Native::of(&member.body))).clone(),
    };
    members.iter().map(seat).collect()
}

impl Native {
    fn of(body: &Bytes) -> Self {
        Self { body: body.clone(), parsed: OnceLock::new() }
    }
}

impl Seat {
    /// The whole body as received; nothing, and the run ends, once the run has read too much.
    pub fn native(&self) -> &Json {
        let Native { body, parsed } = &*self.native;
        if let Some(known) = parsed.get() {
            return known;
        }
        if !guard::may_parse(body.len()) {
            return &NOTHING;
        }
        // A body that is no JSON came from the operator's own template, as a text.
        parsed.get_or_init(|| match json::parse(body, NonFinite::AsNull) {
            Ok(document) => document.value,
            Err(_) => Json::String(String::from_utf8_lossy(body).into_owned().into()),
        })
    }
}
