//! In which order the conditions of all routes are asked.
//!
//! A step asks the next condition of the routes that have come to it, and is followed by those of the
//! routes that passed, so every route is still asked in the order of its own conditions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::webhook::Field as Shorthand;
use super::super::{Condition, Test};
use crate::glob::{Glob, Patterns};
use crate::model::Event;

/// From here on each route is asked alone: deeper, hardly two of them want the same.
const DEEPEST: usize = 6;
/// A route that lists more kinds than this is asked alone: it would stand below each of them.
const MOST_LISTED: usize = 8;

type Routes = [Vec<Arc<Condition>>];

/// Routes whose conditions before the one of this depth hold.
#[derive(Debug)]
pub(super) struct Step {
    pub depth: usize,
    pub routes: Vec<usize>,
    /// Those whose next condition names what it wants of a field.
    pub fields: Vec<Field>,
    /// Those whose next condition is that of this route.
    pub shared: Vec<(usize, Step)>,
    /// Those that are asked one by one.
    pub alone: Vec<usize>,
}

/// Routes by the one text that they want to stand in a field.
#[derive(Debug)]
pub(super) struct Field {
    of: Of,
    /// How many they are, and one of them.
    pub routes: usize,
    pub example: usize,
    /// In the order of the texts, in small letters where their case does not matter.
    by_text: Vec<(String, Step)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Source,
    Action,
    Type,
    Kind,
}

impl Of {
    /// The field of a condition that can be looked up, and its patterns.
    fn test(test: &Test) -> Option<(Self, &Patterns<Glob>)> {
        Some(match test {
            Test::From(globs) => (Self::Source, globs),
            Test::Action(globs) => (Self::Action, globs),
            Test::Type(globs) => (Self::Type, globs),
            Test::Kind(globs) => (Self::Kind, globs),
            _ => return None,
        })
    }

    fn text(self, event: &Event) -> Option<&str> {
        match self {
            Self::Source => Some(&event.source),
            Self::Action => Some(&event.action),
            Self::Type => Some(&event.r#type),
            Self::Kind => event.object.as_ref().map(|object| object.kind.as_str()),
        }
    }

    fn ignores_case(self) -> bool {
        matches!(self, Self::Action | Self::Kind)
    }

    /// There are few sources and actions: who lists some shares the list with others.
    fn most(self) -> usize {
        if matches!(self, Self::Source | Self::Action) { 1 } else { MOST_LISTED }
    }
}

impl Field {
    /// The step of the routes that want what the event has.
    pub fn wanted_by(&self, event: &Event) -> Option<&Step> {
        let text = self.of.text(event)?;
        let fold = |byte: u8| if self.of.ignores_case() { byte.to_ascii_lowercase() } else { byte };
        let order = |(known, _): &(String, Step)| known.bytes().cmp(text.bytes().map(fold));
        self.by_text.binary_search_by(order).ok().and_then(|at| self.by_text.get(at)).map(|(_, step)| step)
    }
}

impl Step {
    pub fn first(routes: &Routes) -> Self {
        Self::new(routes, (0..routes.len()).collect(), 0)
    }

    fn new(routes: &Routes, here: Vec<usize>, depth: usize) -> Self {
        let mut step =
            Self { depth, routes: here, fields: Vec::new(), shared: Vec::new(), alone: Vec::new() };
        if step.routes.len() < 2 || depth == DEEPEST {
            step.alone.clone_from(&step.routes);
            return step;
        }
        let (mut fields, mut shared) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for &route in &step.routes {
            let next = routes.get(route).and_then(|conditions| conditions.get(depth));
            match next.map(|condition| (named(&condition.test), same(condition))) {
                Some((Some((of, texts)), _)) => fields.entry(of).or_default().push((route, texts)),
                Some((None, Some(same))) => shared.entry(same).or_default().push(route),
                _ => step.alone.push(route),
            }
        }
        step.fields = fields.into_iter().map(|(of, named)| Field::new(routes, of, named, depth)).collect();
        for (_, same) in shared {
            match same.first() {
                Some(&example) if same.len() > 1 => {
                    step.shared.push((example, Self::new(routes, same, depth + 1)));
                }
                _ => step.alone.extend(same),
            }
        }
        step
    }
}

impl Field {
    fn new(routes: &Routes, of: Of, named: Vec<(usize, Vec<String>)>, depth: usize) -> Self {
        let (count, example) = (named.len(), named.first().map_or(0, |(route, _)| *route));
        let mut by_text = BTreeMap::<String, Vec<usize>>::new();
        for (route, texts) in named {
            for text in texts {
                let wanting = by_text.entry(text).or_default();
                // One that lists a text twice.
                if wanting.last() != Some(&route) {
                    wanting.push(route);
                }
            }
        }
        let step = |(text, here)| (text, Step::new(routes, here, depth + 1));
        Self { of, routes: count, example, by_text: by_text.into_iter().map(step).collect() }
    }
}

/// The texts that a condition wants to stand in a field, if that is all it wants.
fn named(test: &Test) -> Option<(Of, Vec<String>)> {
    let (of, globs) = Of::test(test)?;
    let wanted = globs.only_wanted().filter(|wanted| wanted.len() <= of.most())?;
    let text = |glob: &Glob| {
        let text = glob.literal()?;
        Some(if of.ignores_case() { text.to_ascii_lowercase() } else { text.to_owned() })
    };
    Some((of, wanted.iter().map(text).collect::<Option<_>>()?))
}

/// Conditions that are written the same and are the same for that.
fn same(condition: &Condition) -> Option<(&'static str, bool, &str)> {
    let is_plain = match &condition.test {
        Test::From(_) | Test::Action(_) | Test::Type(_) | Test::Kind(_) => true,
        Test::Branch(_) | Test::Actor(_) | Test::Changed(_) => true,
        Test::Webhook(Shorthand::Off | Shorthand::EventType(_) | Shorthand::NodeKind(_)) => true,
        Test::Webhook(Shorthand::DefaultBranch | Shorthand::OtherBranches) => true,
        Test::Match(_) | Test::Related(_) | Test::Path(_) => false,
    };
    is_plain.then_some((condition.key, condition.is_list, &*condition.wanted))
}
