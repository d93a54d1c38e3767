//! An event as Infrahub shows it to its automations: a resource, and the resources related to
//! it, each a few labels.
//!
//! Nothing is copied: labels point into the event, texts are written when they are read, and
//! related resources are made one by one, so a route that asks for little pays for little.
//! What a webhook does not tell (a branch's uuid, an event's level) is no label.

mod infrahub;
pub(super) mod known;
mod related;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::branch::DEFAULT;
use crate::model::{Event, Json};
use crate::signature::python_str;

/// What a transformation returned: no envelope, so nothing is known but the payload.
const CUSTOM: &str = "infrahub.custom";
/// Whose `data` is what Infrahub's webhooks hold.
const SYSTEM: &str = "infrahub";
/// What Infrahub calls the branch of everything that lies on no branch; its webhooks say `null`.
const GLOBAL: &str = "-global-";

/// Labels by name.
#[derive(Debug, Default)]
pub(super) struct Resource<'e> {
    labels: Vec<(&'static str, Text<'e>)>,
}

impl<'e> Resource<'e> {
    fn of_role(role: &'static str) -> Self {
        let mut labels = Vec::with_capacity(8);
        labels.push((known::ROLE, Text::plain(role)));
        Self { labels }
    }

    fn with(mut self, label: &'static str, text: Option<Text<'e>>) -> Self {
        self.labels.extend(text.map(|text| (label, text)));
        self
    }

    /// A label's text; no resource has a label twice.
    pub fn get(&self, label: &str) -> Option<Cow<'e, str>> {
        self.labels.iter().find(|(name, _)| *name == label).map(|(_, text)| text.read())
    }
}

/// The text of a label, not yet written.
#[derive(Debug, Clone, Copy)]
struct Text<'e> {
    prefix: &'static str,
    body: Body<'e>,
}

#[derive(Debug, Clone, Copy)]
enum Body<'e> {
    Plain(&'e str),
    /// As Python's `str` writes it.
    Python(&'e Json),
}

impl<'e> Text<'e> {
    fn plain(text: &'e str) -> Self {
        Self { prefix: "", body: Body::Plain(text) }
    }

    /// The text of a value; `null` is none.
    fn of(value: &'e Json) -> Option<Self> {
        (!value.is_null()).then(|| Self::or_null(value))
    }

    /// The text of a value, as attributes are told: `null` is `NULL`.
    fn or_null(value: &'e Json) -> Self {
        let body = match value {
            Json::Null => Body::Plain("NULL"),
            Json::String(text) => Body::Plain(text),
            other => Body::Python(other),
        };
        Self { prefix: "", body }
    }

    fn after(self, prefix: &'static str) -> Self {
        Self { prefix, ..self }
    }

    fn read(self) -> Cow<'e, str> {
        let text = match self.body {
            Body::Plain(text) => Cow::Borrowed(text),
            Body::Python(value) => Cow::Owned(python_str(value)),
        };
        if self.prefix.is_empty() { text } else { Cow::Owned(format!("{}{text}", self.prefix)) }
    }
}

/// What labels are made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'e> {
    event: &'e Event,
    /// Of Infrahub's events their kind: `node`, `branch`, `group` … Empty for other systems, also
    /// where they relay an event of Infrahub: its data then is in their shape.
    family: &'e str,
    /// Infrahub's `data`; `null` for other systems.
    data: &'e Json,
    branch: Option<&'e str>,
}

impl<'e> Facts<'e> {
    /// `default_branch` is the source's; `main` if it has none.
    pub fn of(event: &'e Event, default_branch: Option<&'e str>) -> Self {
        let custom = event.r#type == CUSTOM;
        let rest = event.r#type.strip_prefix("infrahub.").filter(|_| !custom);
        let relayed = event.system != SYSTEM;
        let own = rest.filter(|_| !relayed && event.data.is_object());
        let family = own.and_then(|rest| rest.split('.').next()).unwrap_or_default();
        let branch = match event.branch.as_deref() {
            None if custom => None,
            None if !family.is_empty() || relayed && rest.is_some() => Some(GLOBAL),
            None => Some(default_branch.unwrap_or(DEFAULT)),
            told => told,
        };
        let data = if family.is_empty() { &Json::Null } else { &event.data };
        Self { event, family, data, branch }
    }

    /// The branch: where the system has none, the source's default branch, for everything
    /// happens there; `None` where the sender has branches and did not tell.
    pub fn branch(&self) -> Option<&'e str> {
        self.branch
    }

    /// What the event is about.
    pub fn resource(&self) -> Resource<'e> {
        infrahub::resource(self)
    }

    /// What else it touches, of some roles; of the others nothing is made.
    pub fn related(self, roles: &'e [&'static str]) -> impl Iterator<Item = Resource<'e>> {
        related::of(self, roles)
    }

    fn told(&self, key: &str) -> Option<Text<'e>> {
        told(self.data, key)
    }

    fn on_branch(&self) -> Option<Text<'e>> {
        self.branch.map(Text::plain)
    }

    fn id(&self) -> Option<Text<'e>> {
        self.told("node_id").or(self.event.object.as_ref().map(|object| Text::plain(&object.id)))
    }

    fn kind(&self) -> Option<Text<'e>> {
        self.told("kind").or(self.event.object.as_ref().map(|object| Text::plain(&object.kind)))
    }

    fn name(&self) -> Option<Text<'e>> {
        self.event.object.as_ref().and_then(|object| object.name.as_deref()).map(Text::plain)
    }

    /// The node that contains this one. Releases after 1.1 know it and do not send it.
    fn parent(&self) -> Option<(Text<'e>, Text<'e>)> {
        let parent = self.data.get("changelog")?.get("parent")?;
        Some((told(parent, "node_id")?, told(parent, "node_kind")?))
    }
}

fn told<'e>(value: &'e Json, key: &str) -> Option<Text<'e>> {
    value.get(key).and_then(Text::of)
}
