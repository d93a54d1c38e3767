//! How an event becomes the body of a delivery. One file per format.
//!
//! The dialects (`netbox`, `infrahub`, `datagerry`) tell an event of any system as one of the
//! three would. Told in table form in `docs/formats.md`.

mod batch;
mod cloudevents;
mod datagerry;
mod facts;
mod infrahub;
pub(crate) mod netbox;
mod time;
mod told;

#[cfg(test)]
mod extension_tests;
#[cfg(test)]
mod generated_tests;
#[cfg(test)]
mod plain_tests;
#[cfg(test)]
mod roundtrip_tests;
#[cfg(test)]
mod samples;

use std::collections::HashMap;

use bytes::Bytes;
use serde::Serialize;

use crate::json::{self, NonFinite};
use crate::model::{Event, Json, Receipt};
use crate::signature::Scheme;

pub use batch::Digest;

const JSON: &str = "application/json";

/// The shape in which a destination wants events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// The event model as JSON.
    #[default]
    Event,
    /// CloudEvents 1.0, everything in one JSON document.
    CloudEvents,
    /// CloudEvents 1.0, attributes as headers, the event model as body.
    CloudEventsBinary,
    /// The sender's own body, byte for byte (redacted).
    Native,
    /// As NetBox 4 tells its events.
    Netbox,
    /// As Infrahub tells its events.
    Infrahub,
    /// As DATAGERRY tells its events.
    Datagerry,
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
    pub const ALL: [(&'static str, Self); 7] = [
        ("event", Self::Event),
        ("cloudevents", Self::CloudEvents),
        ("cloudevents-binary", Self::CloudEventsBinary),
        ("native", Self::Native),
        ("netbox", Self::Netbox),
        ("infrahub", Self::Infrahub),
        ("datagerry", Self::Datagerry),
    ];

    /// The format of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, format)| format)
    }

    /// As configs call it.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, format)| *format == self).map_or("event", |(name, _)| name)
    }

    /// How whoever speaks this format signs; a destination may choose otherwise.
    pub fn usual_scheme(self) -> Scheme {
        match self {
            Self::Event | Self::CloudEvents | Self::CloudEventsBinary | Self::Native => {
                Scheme::StandardWebhooks
            }
            Self::Netbox => Scheme::Netbox,
            Self::Infrahub => Scheme::Infrahub,
            Self::Datagerry => Scheme::None,
        }
    }

    /// Renders one event of a receipt. The same event always becomes the same bytes.
    ///
    /// # Errors
    /// A text: why the event cannot be written as JSON.
    pub fn render(self, event: &Event, receipt: &Receipt, kinds: &Kinds) -> Result<Rendered, String> {
        if self.dialect() == Some(event.system.as_str()) && is_custom(event) {
            return custom(event, receipt);
        }
        match self {
            Self::Event => Rendered::json(event),
            Self::CloudEvents => cloudevents::structured(event, &event.id.to_string(), event),
            Self::CloudEventsBinary => cloudevents::binary(event, &event.id.to_string(), event),
            Self::Native => {
                let sent = receipt.request.header("content-type").unwrap_or(JSON);
                Ok(Rendered::of(sent, receipt.body.clone()))
            }
            Self::Netbox => Rendered::json(&netbox::view(event, kinds)),
            Self::Infrahub => Rendered::json(&infrahub::body(event, kinds)),
            Self::Datagerry => Rendered::json(&datagerry::body(event, kinds)),
        }
    }

    /// The system that speaks it.
    fn dialect(self) -> Option<&'static str> {
        match self {
            Self::Netbox => Some("netbox"),
            Self::Infrahub => Some("infrahub"),
            Self::Datagerry => Some("datagerry"),
            _ => None,
        }
    }
}

impl Rendered {
    fn of(content_type: &str, body: Bytes) -> Self {
        Self { content_type: content_type.to_owned(), headers: Vec::new(), body }
    }

    fn json(value: &impl Serialize) -> Result<Self, String> {
        let body = serde_json::to_vec(value).map_err(|error| error.to_string())?;
        Ok(Self::of(JSON, Bytes::from(body)))
    }
}

/// Whether the event is a body of its sender's own making, which is its `data` as a whole, and
/// not an event that somebody called `custom`.
fn is_custom(event: &Event) -> bool {
    let custom = event.r#type.strip_suffix(".custom") == Some(event.system.as_str());
    custom && holds(&event.data, &event.native)
}

/// Whether a document is another, or another with data that a route added.
fn holds(data: &Json, whole: &Json) -> bool {
    let added = || {
        let whole = whole.as_object()?;
        Some(whole.iter().all(|(key, value)| data.get(key) == Some(value)))
    };
    data == whole || (data.is_object() && added() == Some(true))
}

/// As it came: a text as a text, but one that came as JSON, or looks like it, as JSON.
fn custom(event: &Event, receipt: &Receipt) -> Result<Rendered, String> {
    let is_json = |bytes| json::parse(bytes, NonFinite::AsNull).is_ok();
    match &*event.data {
        Json::String(text) if !is_json(&receipt.body) && !is_json(text.as_bytes()) => {
            Ok(Rendered::of("text/plain; charset=utf-8", Bytes::copy_from_slice(text.as_bytes())))
        }
        data => Rendered::json(data),
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{event, receipt};
    use super::*;
    use crate::model::json;

    fn rendered(format: Format, event: &Event, body: &[u8]) -> (String, String) {
        let rendered = format.render(event, &receipt(body), &Kinds::new()).unwrap();
        (rendered.content_type, String::from_utf8(rendered.body.to_vec()).unwrap())
    }

    #[test]
    fn every_format_has_a_name_and_whoever_speaks_a_dialect_signs_as_its_system() {
        for (name, format) in Format::ALL {
            assert_eq!(Format::parse(name), Some(format));
            let wanted = match name {
                "netbox" => Scheme::Netbox,
                "infrahub" => Scheme::Infrahub,
                "datagerry" => Scheme::None,
                _ => Scheme::StandardWebhooks,
            };
            assert_eq!(format.usual_scheme(), wanted, "{name}");
        }
        assert_eq!(Format::parse("Event"), None);
        assert_eq!(Format::default(), Format::Event);
    }

    #[test]
    fn native_is_the_body_as_it_came() {
        let mut receipt = receipt(b"{ \"a\" : 1.0 }");
        receipt.request.headers.push(("content-type".to_owned(), "text/weird".to_owned()));
        let rendered = Format::Native.render(&event(json!({})), &receipt, &Kinds::new()).unwrap();
        assert_eq!((rendered.content_type.as_str(), &rendered.body), ("text/weird", &receipt.body));
    }

    #[test]
    fn what_a_sender_made_itself_leaves_as_it_came_in_its_own_dialect() {
        for (format, system) in
            [(Format::Netbox, "netbox"), (Format::Infrahub, "infrahub"), (Format::Datagerry, "datagerry")]
        {
            let custom = |data: Json| {
                event(json!({"system": system, "type": format!("{system}.custom"), "action": "custom",
                    "object": null, "data": data, "native": data}))
            };
            let text = ("text/plain; charset=utf-8".to_owned(), "grün".to_owned());
            assert_eq!(rendered(format, &custom(json!("grün")), "grün".as_bytes()), text);
            for body in ["\"123\"", "[1.0,{\"a\":null}]", "{}", "{\"data\":{\"data\":1}}", "null"] {
                let data = json::parse(body.as_bytes(), NonFinite::Refuse).unwrap().value;
                let found = rendered(format, &custom(data), body.as_bytes());
                assert_eq!(found, (JSON.to_owned(), body.to_owned()));
            }
        }
    }

    #[test]
    fn an_event_that_a_plugin_calls_custom_is_no_custom_body() {
        let body = json!({"event": "custom", "object_type": "a.b", "data": {"id": 1}});
        let plugin = event(json!({"system": "netbox", "type": "netbox.custom", "action": "custom",
            "object": {"kind": "a.b", "id": "1"}, "data": {"id": 1}, "native": body}));
        let (_, found) = rendered(Format::Netbox, &plugin, b"{}");
        let found: Json = serde_json::from_str(&found).unwrap();
        assert_eq!((&found["event"], &found["data"]["id"]), (&json!("custom"), &json!(1)));
    }
}
