//! How an event becomes the body of a delivery. One file per format.

pub(crate) mod netbox;

use std::collections::HashMap;

use bytes::Bytes;

use crate::model::{Event, Receipt};
use crate::signature::Scheme;

/// The shape in which a destination wants events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// The event model as JSON.
    #[default]
    Event,
    /// The sender's own body, byte for byte (redacted).
    Native,
}

/// What a dialect calls the kinds of other systems, by the event's kind; for DATAGERRY the
/// number of a type. Kinds that are not listed keep their names.
pub type Kinds = HashMap<String, String>;

/// A rendered body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub content_type: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Format {
    /// Every format by its name in configs.
    pub const ALL: [(&'static str, Self); 2] = [("event", Self::Event), ("native", Self::Native)];

    /// The format of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, format)| format)
    }

    /// How whoever speaks this format signs; a destination may choose otherwise.
    pub fn usual_scheme(self) -> Scheme {
        match self {
            Self::Event | Self::Native => Scheme::StandardWebhooks,
        }
    }

    /// Renders one event of a receipt.
    pub fn render(self, event: &Event, receipt: &Receipt, kinds: &Kinds) -> Result<Rendered, String> {
        // Only dialects name kinds.
        let _ = kinds;
        let (content_type, body) = match self {
            Self::Event => {
                let body = serde_json::to_vec(event).map_err(|error| error.to_string())?;
                ("application/json".to_owned(), Bytes::from(body))
            }
            Self::Native => {
                let sent = receipt.request.header("content-type").unwrap_or("application/json");
                (sent.to_owned(), receipt.body.clone())
            }
        };
        Ok(Rendered { content_type, headers: Vec::new(), body })
    }
}
