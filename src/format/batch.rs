//! A batch as its receivers are told of it: one document, and one event that stands for all of
//! its events where a template or an attribute asks for an event.

use std::collections::HashMap;

use serde::{Serialize, Serializer};

use super::{Format, Rendered, cloudevents, time};
use crate::model::{Actor, Batch, Event, Json, Map, Member, Object, Part, ReceiptId, Timestamp, json};

/// The type of every batch.
const TYPE: &str = "crossconnect.batch";
/// The system that the event which stands for a batch comes from.
const SYSTEM: &str = "crossconnect";
/// In place of a word that the events do not share.
const SEVERAL: &str = "several";
const CHANGED: &str = "changed";

/// A batch and what is to be said about it as a whole. As JSON it is the body of a batch.
#[derive(Debug)]
pub struct Digest<'b> {
    batch: &'b Batch,
    first: &'b Member,
    last: &'b Member,
    at: Timestamp,
    summary: Summary,
}

#[derive(Debug, Clone, Serialize)]
struct Summary {
    events: usize,
    /// How many events of each, in the order of their first ones; those about no object are of none.
    kinds: Map,
    actions: Map,
    /// When the earliest and the latest happened, as far as their senders tell.
    first: String,
    last: String,
}

impl<'b> Digest<'b> {
    /// `None`: there are no events in it.
    pub fn of(batch: &'b Batch, at: Timestamp) -> Option<Self> {
        let events = || batch.members.iter().map(|member| &*member.event);
        let (first, last) = (batch.members.first()?, batch.members.last()?);
        let earliest = events().min_by_key(|event| time::instant(event))?;
        let latest = events().max_by_key(|event| time::instant(event))?;
        let kinds = events().filter_map(|event| event.object.as_ref()).map(|object| object.kind.as_str());
        let summary = Summary {
            events: batch.members.len(),
            kinds: counted(kinds),
            actions: counted(events().map(|event| event.action.as_str())),
            first: time::rfc3339(earliest),
            last: time::rfc3339(latest),
        };
        Some(Self { batch, first, last, at: time::micros(at), summary })
    }

    /// The batch itself.
    pub fn batch(&self) -> &'b Batch {
        self.batch
    }

    /// The receipt of its first event.
    pub fn receipt(&self) -> ReceiptId {
        self.first.receipt
    }

    /// The event that stands for all, with what they share; its `data` is the body of the batch.
    /// Its id is that of the first event: a batch is named by [`Batch::id`].
    ///
    /// # Errors
    /// Why the body cannot be written as JSON.
    pub fn event(&self) -> Result<Event, String> {
        let data = Json::of(self).map_err(|error| error.to_string())?;
        Ok(Event { data: data.into(), ..self.head() })
    }

    /// The same without `data`.
    pub fn head(&self) -> Event {
        let or = |word: Option<&str>, other: &str| word.unwrap_or(other).to_owned();
        Event {
            id: self.first.event.id,
            r#type: TYPE.to_owned(),
            action: or(self.common(|event| Some(event.action.as_str())), CHANGED),
            source: or(self.common(|event| Some(event.source.as_str())), SEVERAL),
            system: SYSTEM.to_owned(),
            object: Some(self.object()),
            branch: self.common(|event| event.branch.clone()),
            actor: self.common(|event| Some(&event.actor)).cloned().unwrap_or_else(Actor::default),
            occurred_at: Some(self.summary.last.clone()),
            received_at: self.at,
            correlation_id: self.common(|event| event.correlation_id.clone()),
            changes: Vec::new(),
            before: Part::default(),
            after: Part::default(),
            data: Part::default(),
            native: Json::Null.into(),
        }
    }

    /// The one object that all events are about, as the newest names it, or the batch as a thing.
    fn object(&self) -> Object {
        let named = |event: &'b Event| event.object.as_ref().map(|object| (&object.kind, &object.id));
        if let (Some(_), Some(object)) = (self.common(named), &self.last.event.object) {
            return object.clone();
        }
        let kind = self.common(|event| event.object.as_ref().map(|object| object.kind.as_str()));
        let events = self.summary.events;
        Object {
            kind: kind.unwrap_or(SEVERAL).to_owned(),
            id: self.batch.key.clone(),
            name: Some(format!("{events} event{}", if events == 1 { "" } else { "s" })),
            url: None,
        }
    }

    /// What all events have, if it is the same.
    fn common<T: PartialEq>(&self, of: impl Fn(&'b Event) -> Option<T>) -> Option<T> {
        let mut found = self.batch.members.iter().map(|member| of(&member.event));
        let first = found.next()??;
        found.all(|other| other.as_ref() == Some(&first)).then_some(first)
    }
}

/// How often each word stands there, in the order in which they first do.
fn counted<'w>(words: impl Iterator<Item = &'w str>) -> Map {
    let mut order = Vec::new();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in words {
        let count = counts.entry(word).or_default();
        if *count == 0 {
            order.push(word);
        }
        *count += 1;
    }
    order.into_iter().map(|word| (word.to_owned(), json!(counts.get(word)))).collect()
}

impl Serialize for Digest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Body<'b> {
            r#type: &'static str,
            id: crate::model::BatchId,
            timestamp: Timestamp,
            by: &'static str,
            key: &'b str,
            summary: &'b Summary,
            events: Vec<&'b Event>,
        }
        let body = Body {
            r#type: TYPE,
            id: self.batch.id,
            timestamp: self.at,
            by: self.batch.by.name(),
            key: &self.batch.key,
            summary: &self.summary,
            events: self.batch.members.iter().map(|member| &*member.event).collect(),
        };
        body.serialize(serializer)
    }
}

impl Format {
    /// Whether batches can leave in it: the dialects tell of one object at a time.
    pub fn carries_batches(self) -> bool {
        matches!(self, Self::Event | Self::CloudEvents | Self::CloudEventsBinary)
    }

    /// Renders a batch.
    ///
    /// # Errors
    /// A text: why it cannot be told in this format, and what to do.
    pub fn render_batch(self, digest: &Digest<'_>) -> Result<Rendered, String> {
        let id = digest.batch.id.to_string();
        match self {
            Self::Event => Rendered::json(digest),
            Self::CloudEvents => cloudevents::structured(&digest.head(), &id, digest),
            Self::CloudEventsBinary => cloudevents::binary(&digest.head(), &id, digest),
            _ => Err(format!(
                "the format `{}` tells of one object and cannot carry a batch; choose event or cloudevents, \
                 or give the destination a `body_template`",
                self.name()
            )),
        }
    }
}

#[cfg(test)]
mod tests;
