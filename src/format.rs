//! How an event becomes the body of a delivery. One file per format.

use bytes::Bytes;

use crate::model::{Event, Receipt};

/// The shape in which a destination wants events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// The event model as JSON.
    #[default]
    Event,
    /// The sender's own body, byte for byte (redacted).
    Native,
}

/// A rendered body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub content_type: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Format {
    /// Renders one event of a receipt.
    pub fn render(self, event: &Event, receipt: &Receipt) -> Result<Rendered, String> {
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
