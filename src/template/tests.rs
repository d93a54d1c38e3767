//! Templates against Jinja2's own output, and against whoever means ill.

mod attacks;
mod bombs;
mod checks;
mod oracle;
mod rendering;

use std::sync::Arc;

use super::{Scene, TemplateError, Templates, Text, Texts, origin};
use crate::format::Kinds;
use crate::model::{Actor, DeliveryId, Event, EventId, Json, Object, Timestamp};
use crate::problem::Problems;
use crate::{secret, yaml};

/// An event of NetBox.
pub(super) fn event() -> Event {
    event_of(r#"{"id": 7, "name": "leaf-01"}"#)
}

/// An event of NetBox with this as its `data`.
pub(super) fn event_of(data: &str) -> Event {
    let data: Json = serde_json::from_str(data).unwrap();
    Event {
        id: EventId::of(crate::model::ReceiptId::new(Timestamp::UNIX_EPOCH), 0),
        r#type: "netbox.object.updated".to_owned(),
        action: "updated".to_owned(),
        source: "netbox".to_owned(),
        system: "netbox".to_owned(),
        object: Some(Object {
            kind: "dcim.device".to_owned(),
            id: "7".to_owned(),
            name: Some("leaf-01".to_owned()),
            url: Some("/api/dcim/devices/7/".to_owned()),
        }),
        branch: None,
        actor: Actor { id: None, name: Some("ann".to_owned()) },
        occurred_at: None,
        received_at: Timestamp::UNIX_EPOCH,
        correlation_id: None,
        changes: Vec::new(),
        before: Json::Null.into(),
        after: Json::Null.into(),
        native: Arc::new(serde_json::json!({"data": data}).into()),
        data: data.into(),
    }
}

pub(super) fn text(key: &str, text: &str) -> Text {
    Text {
        file: "config.yaml".to_owned(),
        at: (1, 1),
        lines: Vec::new(),
        key: key.to_owned(),
        text: text.to_owned(),
    }
}

/// A destination with these templates; panics with all problems if it has any.
pub(super) fn compiled(url: Option<&str>, headers: Option<&str>, body: Option<&str>) -> Templates {
    let (url, headers, body) =
        (url.map(|t| text("url", t)), headers.map(|t| text("headers", t)), body.map(|t| text("body", t)));
    let texts = Texts {
        url: url.as_ref(),
        headers: headers.as_ref(),
        body: body.as_ref(),
        secrets: &["token"],
        lookups: &["device", "site"],
    };
    let mut problems = Problems::default();
    let templates = Templates::compile(texts, &mut problems);
    templates.unwrap_or_else(|| panic!("{:#?}", problems.into_sorted()))
}

fn scene(templates: &Templates, event: Event) -> Scene {
    templates.scene(&Arc::new(event), &Kinds::default(), DeliveryId::new(Timestamp::UNIX_EPOCH))
}

/// A body for an event with this `data`.
fn body(template: &str, data: &str) -> Result<String, TemplateError> {
    let templates = compiled(None, None, Some(template));
    templates.body(&scene(&templates, event_of(data))).map(Option::unwrap)
}

fn headers(template: &str, data: &str) -> Result<Vec<(String, String)>, TemplateError> {
    let templates = compiled(None, Some(template), None);
    templates.headers(&scene(&templates, event_of(data)))
}

fn url(template: &str, data: &str) -> Result<String, TemplateError> {
    let templates = compiled(Some(template), None, None);
    templates.url(&scene(&templates, event_of(data))).map(Option::unwrap)
}
