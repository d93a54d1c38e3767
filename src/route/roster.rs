//! All routes before one event: which of them it passes, and which condition of the others says no.
//!
//! Routes that want the same are asked once, and those that want one kind, type, action or source are
//! looked up by it, so an event costs nearly the same with one route and with hundreds. The verdicts are
//! those of asking route by route. Nothing is worded here but what the event has, once for each topic.

mod plan;
#[cfg(test)]
mod tests;
mod topic;

use std::sync::Arc;

use super::{Condition, Match};
use crate::model::{Event, Refused, RouteWording, Wording, Wordings};
use plan::Step;
use topic::Topics;

/// The conditions of all routes, in the order of the config.
#[derive(Debug)]
pub struct Roster {
    wordings: Arc<Wordings>,
    routes: Vec<Vec<Arc<Condition>>>,
    topics: usize,
    first: Step,
}

/// What the routes said about one event.
#[derive(Debug)]
pub struct Answer {
    /// Of each route the number of the condition that said no; `None`: all of them hold.
    pub said: Vec<Option<u32>>,
    /// What the event has, by topic of the conditions that said no.
    pub actual: Vec<(u32, String)>,
    wordings: Arc<Wordings>,
}

impl Answer {
    /// In short; `None`: no route was refused. Those of which `said` tells nothing are told of elsewhere.
    pub fn refused(self) -> Option<Refused> {
        let is_any = self.said.iter().any(Option::is_some);
        is_any.then(|| Refused::new(self.wordings, &self.said, self.actual))
    }
}

impl Roster {
    pub fn new<'m>(routes: impl Iterator<Item = (&'m str, &'m Match)>) -> Self {
        let (mut topics, mut worded, mut conditions) = (Topics::default(), Vec::new(), Vec::new());
        for (name, matches) in routes {
            let wording = |condition: &Arc<Condition>| Wording {
                condition: condition.key.to_owned(),
                wanted: condition.wanted.clone(),
                topic: topics.of(&condition.test),
            };
            let told = matches.conditions.iter().map(wording).collect();
            worded.push(RouteWording { name: name.to_owned(), conditions: told });
            conditions.push(matches.conditions.clone());
        }
        Self {
            wordings: Arc::new(Wordings::new(worded)),
            first: Step::first(&conditions),
            routes: conditions,
            topics: topics.count(),
        }
    }

    /// How the routes and conditions are told.
    pub fn wordings(&self) -> &Arc<Wordings> {
        &self.wordings
    }

    /// Asks all conditions but the sets, see [`Match::check_set`]. `default_branch` is the source's.
    pub fn ask(&self, event: &Event, default_branch: Option<&str>) -> Answer {
        let mut asking = Asking {
            roster: self,
            event,
            default_branch,
            said: vec![Some(0); self.routes.len()],
            is_told: vec![false; self.topics],
            actual: Vec::new(),
        };
        asking.step(&self.first);
        Answer { said: asking.said, actual: asking.actual, wordings: self.wordings.clone() }
    }

    fn condition(&self, route: usize, number: usize) -> Option<&Condition> {
        self.routes.get(route)?.get(number).map(|condition| &**condition)
    }
}

struct Asking<'a> {
    roster: &'a Roster,
    event: &'a Event,
    default_branch: Option<&'a str>,
    said: Vec<Option<u32>>,
    /// By topic.
    is_told: Vec<bool>,
    actual: Vec<(u32, String)>,
}

impl Asking<'_> {
    fn step(&mut self, step: &Step) {
        let depth = step.depth;
        if depth > 0 {
            step.routes.iter().for_each(|route| self.say(*route, Some(depth)));
        }
        for field in &step.fields {
            let next = field.wanted_by(self.event);
            if next.map_or(0, |next| next.routes.len()) < field.routes {
                self.tell(field.example, depth);
            }
            next.into_iter().for_each(|next| self.step(next));
        }
        for (route, next) in &step.shared {
            if self.holds(*route, depth) {
                self.step(next);
            } else {
                self.tell(*route, depth);
            }
        }
        step.alone.iter().for_each(|route| self.alone(*route, depth));
    }

    /// Asks a route's conditions from this one on.
    fn alone(&mut self, route: usize, first: usize) {
        let count = self.roster.routes.get(route).map_or(0, Vec::len);
        let no = (first..count).find(|number| !self.holds(route, *number));
        self.say(route, no);
        no.into_iter().for_each(|number| self.tell(route, number));
    }

    fn holds(&self, route: usize, number: usize) -> bool {
        let condition = self.roster.condition(route, number);
        condition.is_none_or(|condition| condition.test.holds(self.event, self.default_branch))
    }

    fn say(&mut self, route: usize, no: Option<usize>) {
        if let Some(said) = self.said.get_mut(route) {
            *said = no.and_then(|number| u32::try_from(number).ok());
        }
    }

    /// Words what the event has for a condition that said no, unless that is done.
    fn tell(&mut self, route: usize, number: usize) {
        let roster = self.roster;
        let worded = u32::try_from(number).ok().and_then(|number| roster.wordings.of(route, number));
        let (Some((_, wording)), Some(condition)) = (worded, roster.condition(route, number)) else { return };
        let is_told = self.is_told.get_mut(wording.topic as usize);
        if is_told.is_some_and(|is_told| !std::mem::replace(is_told, true)) {
            self.actual.push((wording.topic, condition.actual(self.event, self.default_branch)));
        }
    }
}
