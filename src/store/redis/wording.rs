//! How refusals of routes are told: brought once for all outcomes under the same rules, to every partition
//! that has some.

use std::collections::HashMap;
use std::sync::Arc;

use redis::Value;
use serde::Serialize;

use super::answer::bytes;
use super::desk::Ask;
use super::form::Blobs;
use super::pack::unpack_json;
use super::{Id, Redis};
use crate::model::{ReceiptId, Timestamp, Wordings};
use crate::store::draft::micros;
use crate::store::{StoreError, kept};

/// What an operation answers that found something missing, and did nothing.
const LACKS: &str = "lacks words";

/// Whom it is kept for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    /// A receipt that will be there, received then.
    New(Timestamp),
    /// One that is there.
    Known(ReceiptId),
}

#[derive(Serialize)]
struct Word<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// Whether an operation has to be asked again, once what it lacks was brought.
pub(super) fn lacks(answer: &Value) -> bool {
    matches!(answer, Value::BulkString(text) if text == LACKS.as_bytes())
}

/// What it says that still lacks it then.
pub(super) fn lost() -> StoreError {
    StoreError::Unavailable("how its refusals are told was lost as soon as it was written".to_owned())
}

impl Redis {
    pub(super) async fn bring_words(
        &self,
        part: u32,
        all: &[Arc<Wordings>],
        reason: Reason,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (at, receipt) = match reason {
            Reason::New(at) => (Some(micros(at)), None),
            Reason::Known(id) => (None, Some(id.to_string())),
        };
        for wordings in all {
            let mut blobs = Blobs::new(self.compress_above);
            blobs.add_json(&wordings.routes)?;
            let asked = Word { id: &wordings.id, at, receipt: receipt.clone() };
            self.desk.ask(Ask::new(part, "word", now, &asked).with(blobs.list, 0)).await?;
        }
        Ok(())
    }

    /// Those that an outcome in this partition refers to, as far as they are there.
    pub(super) async fn words(
        &self,
        part: u32,
        outcome: &kept::Reading,
    ) -> Result<HashMap<String, Arc<Wordings>>, StoreError> {
        let mut known = HashMap::new();
        for id in outcome.wordings() {
            let packed = bytes(self.look(part, "words", &Id { id: id.to_owned() }).await?)?;
            if !packed.is_empty() {
                let wordings = Wordings { id: id.to_owned(), routes: unpack_json(&packed)? };
                known.insert(id.to_owned(), Arc::new(wordings));
            }
        }
        Ok(known)
    }
}
