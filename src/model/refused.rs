//! Routes whose conditions said no to an event. There may be hundreds for every event, so they are noted
//! by number, beside texts that all events under the same rules share.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Decision, RouteVerdict};

/// How the routes and conditions of some rules are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wordings {
    /// The same for the same texts, anywhere and at any time.
    pub id: String,
    /// In the order of the config.
    pub routes: Vec<RouteWording>,
}

/// The part of one route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteWording {
    pub name: String,
    /// In the order in which they are asked.
    pub conditions: Vec<Wording>,
}

/// The part of one condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording {
    /// `from`, or the key of `when`.
    pub condition: String,
    /// As the config has it.
    pub wanted: String,
    /// What of an event it looks at: to all conditions with the same number an event has the same.
    pub topic: u32,
}

impl Wordings {
    pub fn new(routes: Vec<RouteWording>) -> Self {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        };
        for RouteWording { name, conditions } in &routes {
            add(name);
            add(&conditions.len().to_string());
            for Wording { condition, wanted, topic } in conditions {
                [condition, wanted, &topic.to_string()].into_iter().for_each(|text| add(text));
            }
        }
        Self { id: hex::encode(&hash.finalize()[..16]), routes }
    }

    /// That of a condition, by the numbers of its route and its own.
    pub fn of(&self, route: usize, condition: u32) -> Option<(&str, &Wording)> {
        let route = self.routes.get(route)?;
        Some((&route.name, route.conditions.get(condition as usize)?))
    }
}

/// The routes that a condition refused an event for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub wordings: Arc<Wordings>,
    /// Routes that follow one another in the wordings: the condition that said no, and how many routes
    /// they are. `None`: what these say stands in [`super::Processed::routes`].
    pub runs: Vec<(Option<u32>, u32)>,
    /// What the event has, by topic.
    pub actual: Vec<(u32, String)>,
}

impl Refused {
    /// `said` tells of each route in order which of its conditions said no.
    pub fn new(wordings: Arc<Wordings>, said: &[Option<u32>], actual: Vec<(u32, String)>) -> Self {
        let mut runs: Vec<(Option<u32>, u32)> = Vec::new();
        for no in said {
            match runs.last_mut() {
                Some((last, count)) if last == no => *count += 1,
                _ => runs.push((*no, 1)),
            }
        }
        Self { wordings, runs, actual }
    }

    /// The verdict of every route in order; `None` for those that stand elsewhere.
    pub(super) fn verdicts(&self) -> impl Iterator<Item = Option<RouteVerdict>> {
        let each = self.runs.iter().flat_map(|(no, count)| std::iter::repeat_n(*no, *count as usize));
        each.enumerate().map(|(route, no)| no.and_then(|no| self.verdict(route, no)))
    }

    fn verdict(&self, route: usize, condition: u32) -> Option<RouteVerdict> {
        let (name, wording) = self.wordings.of(route, condition)?;
        let actual = self.actual.iter().find(|(topic, _)| *topic == wording.topic);
        let decision = Decision::Unmatched {
            condition: wording.condition.clone(),
            wanted: wording.wanted.clone(),
            actual: actual.map(|(_, text)| text.clone()).unwrap_or_default(),
        };
        Some(RouteVerdict { route: name.to_owned(), decision })
    }
}
