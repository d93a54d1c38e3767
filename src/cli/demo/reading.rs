//! What a tool that knows only one CMDB makes of a delivery in that CMDB's dialect.

use bytes::Bytes;
use http::Method;

use super::Received;
use crate::clock::{Clock, SystemClock};
use crate::format::Format;
use crate::json;
use crate::model::{Event, Proof, ReceiptId, Request};
use crate::pipeline::{self, Incoming};
use crate::rules::{Rules, Source};

/// The event that the dialect's own adapter reads, in words; `None`: the destination of that path
/// takes no dialect that a source of the rules speaks.
pub(super) fn reading(rules: &Rules, received: &Received) -> Option<Result<String, String>> {
    let takes = |path: Option<&str>| path == received.path.split('?').next();
    let mut destinations = rules.destinations.values();
    let to = destinations.find(|to| takes(to.url.origin().map(http::Uri::path)))?;
    let (name, _) = Format::ALL.into_iter().find(|(_, format)| *format == to.format)?;
    let source = rules.sources.values().find(|source| source.adapter.name == name)?;
    Some(read(source, received).map(|event| told(name, &event)))
}

fn read(source: &Source, received: &Received) -> Result<Event, String> {
    let now = SystemClock.now();
    let incoming = Incoming {
        id: ReceiptId::new(now),
        received_at: now,
        request: Request { method: Method::POST.to_string(), ..Request::default() },
        body: plain(&received.body),
        proof: Proof { scheme: "none".to_owned(), variant: None, secret: None },
    };
    let (receipt, document) = pipeline::receive(source, incoming).map_err(|error| error.to_string())?;
    let events = source.adapter.normalise(&source.settings, &receipt, document);
    let mut events = events.map_err(|failure| failure.message)?;
    if events.is_empty() { Err("it holds no event".to_owned()) } else { Ok(events.remove(0)) }
}

/// The body as a tool sees it that knows nothing of what gateways add for one another.
fn plain(body: &Bytes) -> Bytes {
    let Ok(document) = json::parse(body, json::NonFinite::Refuse) else { return body.clone() };
    let mut value = document.value;
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, _| name != "context" && name != "crossconnect");
    }
    Bytes::from(value.to_string())
}

fn told(name: &str, event: &Event) -> String {
    let object = event.object.as_ref();
    let kind = object.map_or("nothing", |object| object.kind.as_str());
    let called = object.and_then(|object| object.name.as_deref()).unwrap_or_default();
    let changed: Vec<&str> = event.changes.iter().map(|change| change.field.as_str()).collect();
    format!("read by {name}'s rules: {kind} {called} {}, changed: {}", event.action, changed.join(", "))
}
