//! What a sender would send: a body from a template, and the headers its system adds.
//!
//! Every message is unique (ids, request ids, timestamps); the objects come round again, each
//! with a status that goes on from where its last message left it.

use bytes::Bytes;
use clap::ValueEnum;

use super::python;
use crate::model::{Json, Timestamp, json};
use crate::secret::Secret;
use crate::signature::{Scheme, Signer};

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum System {
    /// NetBox 4.6: a device's status changes
    Netbox,
    /// Infrahub 1.4: a node's status changes
    Infrahub,
    /// DATAGERRY 2.2: an object's field changes; cannot sign
    Datagerry,
    /// Any sender with Standard Webhooks signatures: the body of the adapter `generic`
    #[value(alias = "generic")]
    Standard,
}

/// One request, signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// Makes the messages of one sender.
#[derive(Debug)]
pub struct Writer {
    system: System,
    signer: Option<Signer>,
    template: Json,
    /// How many objects the messages are about.
    objects: u64,
    /// Sent instead of the template.
    body: Option<Bytes>,
}

/// The first of the ids that nodes of Infrahub get.
const NODES: u128 = 0x65f4_03c6_44b6_4b24_a334_0000_0000_0000;

const STATUSES: [(&str, &str); 4] =
    [("active", "Active"), ("staged", "Staged"), ("offline", "Offline"), ("planned", "Planned")];

impl System {
    /// How the system signs; DATAGERRY does not.
    pub fn scheme(self) -> Option<Scheme> {
        match self {
            Self::Netbox => Some(Scheme::Netbox),
            Self::Infrahub => Some(Scheme::Infrahub),
            Self::Datagerry => None,
            Self::Standard => Some(Scheme::StandardWebhooks),
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Netbox => include_str!("netbox.json"),
            Self::Infrahub => include_str!("infrahub.json"),
            Self::Datagerry => include_str!("datagerry.json"),
            Self::Standard => include_str!("standard.json"),
        }
    }

    fn user_agent(self) -> &'static str {
        match self {
            Self::Netbox => "python-urllib3/2.8.0",
            Self::Infrahub => "python-httpx/0.27.2",
            Self::Datagerry => "python-requests/2.32.3",
            Self::Standard => crate::cli::http::USER_AGENT,
        }
    }
}

impl Writer {
    /// `scheme` instead of the system's own; no secrets: nothing is signed. `body` is sent as
    /// it is, instead of the template.
    pub fn new(
        system: System,
        scheme: Option<Scheme>,
        secrets: Vec<Secret>,
        objects: u64,
        body: Option<Bytes>,
    ) -> Self {
        let scheme = scheme.or(system.scheme()).filter(|_| !secrets.is_empty());
        let signer = scheme.map(|scheme| Signer { scheme, secrets });
        // The templates are part of the program; a test reads each of them.
        let template = serde_json::from_str(system.template()).unwrap_or(Json::Null);
        Self { system, signer, template, objects: objects.max(1), body }
    }

    /// Whether messages are signed.
    pub fn signs(&self) -> bool {
        self.signer.is_some()
    }

    /// The message number `index` (from 0), sent at `now`.
    pub fn message(&self, index: u64, now: Timestamp) -> Message {
        let body = match &self.body {
            Some(body) => body.clone(),
            None => self.text(&Facts::new(index, self.objects, now)),
        };
        let mut headers = vec![
            ("user-agent".to_owned(), self.system.user_agent().to_owned()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        if let Some(signer) = &self.signer {
            let mut signed = signer.sign(&message_id(), now.as_second(), &body);
            if signer.scheme == Scheme::Netbox {
                // NetBox knows neither ids nor timestamps.
                signed.retain(|(name, _)| !name.starts_with("webhook-"));
            }
            headers.extend(signed);
        }
        Message { headers, body }
    }

    fn text(&self, facts: &Facts) -> Bytes {
        let mut document = self.template.clone();
        fill(&mut document, facts);
        match self.system {
            System::Netbox | System::Infrahub => python::dumps(&document).into(),
            System::Datagerry => serde_json::to_vec_pretty(&document).unwrap_or_default().into(),
            System::Standard => document.to_string().into(),
        }
    }
}

/// A fresh id: `msg_` and 32 hex digits.
pub fn message_id() -> String {
    format!("msg_{}", random_uuid().simple())
}

fn random_uuid() -> uuid::Uuid {
    let mut bytes = [0u8; 16];
    fastrand::fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// What the placeholders of a template stand for.
struct Facts {
    object: u64,
    round: u64,
    now: Timestamp,
    request: String,
    event: String,
}

impl Facts {
    fn new(index: u64, objects: u64, now: Timestamp) -> Self {
        Self {
            object: index % objects + 1,
            round: index / objects,
            now,
            request: random_uuid().to_string(),
            event: random_uuid().to_string(),
        }
    }

    /// Statuses go round, so that each message begins where the object's last one ended.
    fn status(&self, ahead: u64) -> (&'static str, &'static str) {
        STATUSES[((self.round + ahead) % STATUSES.len() as u64) as usize]
    }

    fn time(&self, format: &str) -> Json {
        self.now.strftime(format).to_string().into()
    }

    fn get(&self, name: &str) -> Option<Json> {
        let object = self.object;
        Some(match name {
            "object" => json!(object),
            "name" => json!(format!("zrh1-leaf-{object:03}")),
            "serial" => json!(format!("JPE{:08}", 19_140_000 + object)),
            "address" => json!(format!("10.{}.{}.{}", object >> 16 & 255, object >> 8 & 255, object & 255)),
            "node" => {
                json!(uuid::Uuid::from_u128(NODES | u128::from(object)).to_string())
            }
            "request" => json!(self.request),
            "event" => json!(self.event),
            "from" => json!(self.status(0).0),
            "to" => json!(self.status(1).0),
            "to_label" => json!(self.status(1).1),
            "version" => json!(format!("1.0.{}", self.round)),
            "next_version" => json!(format!("1.0.{}", self.round + 1)),
            "millis" => json!(self.now.as_millisecond()),
            "time" => self.time("%Y-%m-%dT%H:%M:%S.%6f+00:00"),
            "saved" | "zulu" => self.time("%Y-%m-%dT%H:%M:%S.%6fZ"),
            "spaced" => self.time("%Y-%m-%d %H:%M:%S.%6f+00:00"),
            _ => return None,
        })
    }
}

/// Replaces `${name}` in all texts; a text that is nothing else becomes the value itself.
fn fill(document: &mut Json, facts: &Facts) {
    match document {
        Json::String(text) if text.contains("${") => *document = filled(text, facts),
        Json::Array(items) => items.iter_mut().for_each(|item| fill(item, facts)),
        Json::Object(fields) => fields.values_mut().for_each(|field| fill(field, facts)),
        _ => {}
    }
}

fn filled(text: &str, facts: &Facts) -> Json {
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    if let Some(whole) = name.and_then(|name| facts.get(name)) {
        return whole;
    }
    let mut parts = text.split("${");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        match facts.get(name) {
            Some(Json::String(value)) => result.push_str(&value),
            Some(value) => result.push_str(&value.to_string()),
            None => result.push_str(name),
        }
        result.push_str(rest);
    }
    result.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T05:36:20.602459Z".parse().unwrap()
    }

    fn body(system: System, index: u64) -> (String, Json) {
        let message = Writer::new(system, None, Vec::new(), 2, None).message(index, now());
        let text = String::from_utf8(message.body.to_vec()).unwrap();
        let document = serde_json::from_str(&text).unwrap();
        (text, document)
    }

    #[test]
    fn no_placeholder_is_left_and_no_two_messages_are_alike() {
        for system in System::value_variants() {
            let texts: Vec<String> = (0..6).map(|index| body(*system, index).0).collect();
            assert!(texts.iter().all(|text| !text.contains("${")), "{}", texts[0]);
            let unique: std::collections::HashSet<_> = texts.iter().collect();
            assert_eq!(unique.len(), texts.len());
        }
    }

    #[test]
    fn a_netbox_message_has_the_shape_of_the_release() {
        let (text, document) = body(System::Netbox, 0);
        assert!(text.starts_with(
            r#"{"event": "updated", "timestamp": "2026-11-22T05:36:20.602459+00:00", "object_type""#
        ));
        assert!(text.contains(r"Z\u00fcrich") && text.is_ascii());
        assert_eq!(document["data"]["id"], 1);
        assert_eq!(document["data"]["url"], "/api/dcim/devices/1/");
        assert_eq!(document["request"]["id"], document["request_id"]);
        assert_eq!(document["snapshots"]["prechange"]["status"], "active");
        assert_eq!(document["snapshots"]["postchange"]["status"], document["data"]["status"]["value"]);
    }

    #[test]
    fn the_next_message_of_an_object_begins_where_the_last_one_ended() {
        let (_, first) = body(System::Netbox, 1);
        let (_, second) = body(System::Netbox, 3);
        assert_eq!(first["data"]["id"], second["data"]["id"]);
        assert_eq!(first["snapshots"]["postchange"]["status"], second["snapshots"]["prechange"]["status"]);
    }

    #[test]
    fn infrahub_and_datagerry_write_as_their_releases_do() {
        let (text, document) = body(System::Infrahub, 0);
        assert!(text.starts_with(r#"{"data": {"kind": "InfraDevice""#));
        assert_eq!(document["occured_at"], "2026-11-22 05:36:20.602459+00:00");
        let (text, document) = body(System::Datagerry, 0);
        assert!(text.starts_with("{\n  \"event_time\": {\n    \"$date\": 1795325780602\n"), "{text}");
        assert_eq!(document["object_after"]["public_id"], 1);
    }

    #[test]
    fn without_a_secret_nothing_is_signed() {
        let writer = Writer::new(System::Infrahub, None, Vec::new(), 1, Some("x".into()));
        assert!(!writer.signs());
        assert!(writer.message(0, now()).headers.iter().all(|(name, _)| !name.starts_with("webhook")));
    }
}
