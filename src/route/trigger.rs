//! `match` and `match_related` of a `when`: which labels a trigger wants, by the rules of
//! Prefect, on which Infrahub's automations and webhooks run.
//!
//! Every label of a mapping must match one of its values. `!` in front negates a value, `*` at
//! its end makes it a beginning, and a label that is not there matches nothing, also negated.

pub(super) mod read;
#[cfg(test)]
mod tests;

use super::labels::known::{self, ROLE};
use super::labels::{Facts, Resource};
use super::listed;
use crate::model::Event;

/// One label and the values it may have.
#[derive(Debug)]
pub(super) struct Wanted {
    label: &'static str,
    values: Vec<Expected>,
    /// The values as written.
    written: String,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Expected {
    negated: bool,
    /// Whether what follows the text does not matter.
    begins: bool,
    text: String,
}

impl Expected {
    fn new(written: &str) -> Self {
        let (negated, text) = match written.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        let begins = text.ends_with('*');
        Self { negated, begins, text: text.strip_suffix('*').unwrap_or(text).to_owned() }
    }

    fn matches(&self, value: &str) -> bool {
        let matches = if self.begins { value.starts_with(&self.text) } else { value == self.text };
        matches != self.negated
    }
}

impl Wanted {
    fn new(label: &'static str, written: &[String], is_list: bool) -> Self {
        let shown = match written {
            [one] if !is_list => one.clone(),
            many => listed(many.iter().map(String::as_str)),
        };
        Self { label, values: written.iter().map(|text| Expected::new(text)).collect(), written: shown }
    }

    pub fn label(&self) -> &'static str {
        self.label
    }

    /// `label: values`, for messages.
    pub fn shown(&self) -> String {
        format!("{}: {}", self.label, self.written)
    }

    fn takes(&self, value: &str) -> bool {
        self.values.iter().any(|expected| expected.matches(value))
    }

    fn holds(&self, resource: &Resource<'_>) -> bool {
        resource.get(self.label).is_some_and(|value| self.takes(&value))
    }

    fn found(&self, resource: &Resource<'_>) -> String {
        match resource.get(self.label) {
            Some(value) => format!("{}: {value}", self.label),
            None => format!("no label {}", self.label),
        }
    }

    /// Whether the event's resource has the label so.
    pub fn covers(&self, event: &Event, default_branch: Option<&str>) -> bool {
        self.holds(&Facts::of(event, default_branch).resource())
    }

    /// What it has instead.
    pub fn actual(&self, event: &Event, default_branch: Option<&str>) -> String {
        self.found(&Facts::of(event, default_branch).resource())
    }
}

/// One mapping of `match_related`.
#[derive(Debug)]
pub(super) struct Related {
    /// At least one.
    labels: Vec<Wanted>,
    /// The roles that are wanted and can have these labels.
    roles: Vec<&'static str>,
}

impl Related {
    fn new(labels: Vec<Wanted>) -> Self {
        let role = labels.iter().find(|wanted| wanted.label == ROLE);
        let carriers = known::carriers(labels.iter().map(|wanted| wanted.label));
        let roles = carriers.filter(|name| role.is_none_or(|role| role.takes(name))).collect();
        Self { labels, roles }
    }

    /// The mapping, for messages.
    pub fn shown(&self) -> String {
        let labels: Vec<String> = self.labels.iter().map(Wanted::shown).collect();
        format!("{{{}}}", labels.join(", "))
    }

    /// Whether any related resource has all labels so. Stops at the first.
    pub fn covers(&self, event: &Event, default_branch: Option<&str>) -> bool {
        let has_all = |resource: Resource<'_>| self.labels.iter().all(|wanted| wanted.holds(&resource));
        Facts::of(event, default_branch).related(&self.roles).any(has_all)
    }

    /// How many resources of the wanted role there are, and what is wrong with the one that
    /// comes nearest.
    pub fn actual(&self, event: &Event, default_branch: Option<&str>) -> String {
        let (mut count, mut nearest): (usize, Option<(usize, String)>) = (0, None);
        for resource in Facts::of(event, default_branch).related(&self.roles) {
            count += 1;
            let right = self.labels.iter().filter(|wanted| wanted.holds(&resource)).count();
            if nearest.as_ref().is_none_or(|(best, _)| right > *best) {
                let wrong = self.labels.iter().find(|wanted| !wanted.holds(&resource));
                nearest = wrong.map(|wrong| (right, wrong.found(&resource)));
            }
        }
        let what = if count == 1 { "related resource" } else { "related resources" };
        let role = self.labels.iter().find(|wanted| wanted.label == ROLE);
        let role = role.map(|role| format!(" with the role {}", role.written)).unwrap_or_default();
        match nearest {
            None => format!("no {what}{role}"),
            Some((_, wrong)) if count == 1 => format!("1 {what}{role}, but with {wrong}"),
            Some((_, wrong)) => format!("{count} {what}{role}, none like it; the nearest has {wrong}"),
        }
    }
}
