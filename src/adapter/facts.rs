//! One case of `events:` in an adapter file: the facts of an event and where each lies.

use std::borrow::Cow;
use std::sync::Arc;

use super::changes::{self, Strategy, children};
use super::diff::Way;
use super::expr::{Expr, Scope};
use super::expr_file::Context;
use super::guard::Guard;
use super::instant::rfc3339;
use super::path::Path;
use crate::model::{Actor, Change, Failure, Json, Names, Object, Part, Stage};
use crate::yaml::{Node, Reader, Value};

/// Where the facts lie. What is not given is null.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    r#type: Option<Expr>,
    action: Option<Expr>,
    object: ObjectFacts,
    branch: Option<Expr>,
    actor_id: Option<Expr>,
    actor_name: Option<Expr>,
    occurred_at: Option<Expr>,
    correlation_id: Option<Expr>,
    before: Option<Expr>,
    after: Option<Expr>,
    data: Option<Expr>,
    changes: Option<Vec<Strategy>>,
}

#[derive(Debug, Clone, Default)]
struct ObjectFacts {
    kind: Option<Expr>,
    id: Option<Expr>,
    name: Option<Expr>,
    url: Option<Expr>,
    /// Without kind and id the event is about no object, rather than broken.
    optional: Option<bool>,
}

/// A case: when it applies, for each of what, and its facts.
#[derive(Debug)]
pub(super) struct Case {
    pub when: Guard,
    pub each: Option<Path>,
    pub facts: Facts,
}

/// An event without its ids.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub r#type: String,
    pub action: String,
    pub object: Option<Object>,
    pub branch: Option<String>,
    pub actor: Actor,
    pub occurred_at: Option<String>,
    pub correlation_id: Option<String>,
    pub changes: Vec<Change>,
    pub before: Told,
    pub after: Told,
    pub data: Told,
}

/// A fact that is a document: where it stands in the webhook's, or itself.
#[derive(Debug, Clone)]
pub(super) enum Told {
    At(Names),
    Value(Json),
}

impl Told {
    fn of((value, names): (Cow<'_, Json>, Option<&Names>)) -> Self {
        match names {
            Some(names) => Self::At(names.clone()),
            None => Self::Value(value.into_owned()),
        }
    }

    /// As a part of the webhook's document.
    pub fn part(self, document: &Arc<Json>) -> Part {
        match self {
            Self::At(names) => Part::of(document, &names),
            Self::Value(value) => value.into(),
        }
    }
}

impl Case {
    /// Compiles a case; what it does not say, `common` says.
    pub fn compile(context: &mut Context<'_>, path: &str, node: &Node, common: &Facts) -> Option<Self> {
        let mut reader = Reader::new(context.file, path, node, context.problems)?;
        let when = match reader.node("when") {
            Some(node) => Guard::compile(context, node)?,
            None => Guard::default(),
        };
        let each = reader.texts("each", context.problems).unwrap_or_default();
        let each = each.first().and_then(|(at, text)| context.path(*at, text));
        let facts = Facts::read(context, &mut reader).over(common);
        if facts.r#type.is_none() {
            reader.missing(
                "type",
                "every event needs a type, such as `netbox.object.updated`",
                context.problems,
            );
        }
        reader.finish(context.problems);
        Some(Self { when, each, facts })
    }

    /// The events of this case, with its own facts or those a source put over them.
    pub fn drafts<'d>(&'d self, facts: &'d Facts, scope: &Scope<'d>) -> Result<Vec<Draft>, Failure> {
        let Some(path) = &self.each else { return Ok(vec![facts.draft(scope)?]) };
        let elements = children(path.first(scope.base(path)));
        elements.into_iter().map(|(key, item)| facts.draft(&Scope { item, key, ..*scope })).collect()
    }
}

impl Facts {
    /// Compiles a mapping of facts, such as a source's `map:` or an adapter's `common:`.
    pub fn compile(context: &mut Context<'_>, path: &str, node: &Node) -> Option<Self> {
        let mut reader = Reader::new(context.file, path, node, context.problems)?;
        let facts = Self::read(context, &mut reader);
        reader.finish(context.problems);
        Some(facts)
    }

    fn read(context: &mut Context<'_>, reader: &mut Reader<'_>) -> Self {
        let mut facts = Self::default();
        if let Some(node) = reader.node("object") {
            facts.object = ObjectFacts::nested(context, &reader.path_of("object"), node);
        }
        if let Some(node) = reader.node("actor") {
            let path = reader.path_of("actor");
            if let Some(mut inner) = Reader::new(context.file, path, node, context.problems) {
                facts.actor_id = expr(context, &mut inner, "id");
                facts.actor_name = expr(context, &mut inner, "name");
                inner.finish(context.problems);
            }
        }
        for (name, fact) in [
            ("object.kind", &mut facts.object.kind),
            ("object.id", &mut facts.object.id),
            ("object.name", &mut facts.object.name),
            ("object.url", &mut facts.object.url),
            ("actor.id", &mut facts.actor_id),
            ("actor.name", &mut facts.actor_name),
            ("type", &mut facts.r#type),
            ("action", &mut facts.action),
            ("branch", &mut facts.branch),
            ("occurred_at", &mut facts.occurred_at),
            ("correlation_id", &mut facts.correlation_id),
            ("before", &mut facts.before),
            ("after", &mut facts.after),
            ("data", &mut facts.data),
        ] {
            if let Some(found) = expr(context, reader, name) {
                *fact = Some(found);
            }
        }
        let changes = reader.node("changes").filter(|node| node.value != Value::Null);
        facts.changes = changes.map(|node| changes::compile(context, &reader.path_of("changes"), node));
        facts
    }

    /// These facts, and those of `below` where these say nothing.
    pub fn over(mut self, below: &Self) -> Self {
        for (fact, other) in [
            (&mut self.r#type, &below.r#type),
            (&mut self.action, &below.action),
            (&mut self.object.kind, &below.object.kind),
            (&mut self.object.id, &below.object.id),
            (&mut self.object.name, &below.object.name),
            (&mut self.object.url, &below.object.url),
            (&mut self.branch, &below.branch),
            (&mut self.actor_id, &below.actor_id),
            (&mut self.actor_name, &below.actor_name),
            (&mut self.occurred_at, &below.occurred_at),
            (&mut self.correlation_id, &below.correlation_id),
            (&mut self.before, &below.before),
            (&mut self.after, &below.after),
            (&mut self.data, &below.data),
        ] {
            if fact.is_none() {
                fact.clone_from(other);
            }
        }
        self.object.optional = self.object.optional.or(below.object.optional);
        self.changes = self.changes.or_else(|| below.changes.clone());
        self
    }

    /// Facts of a body whose shape is not known: everything is `data`.
    pub fn custom(system: &str) -> Self {
        Self {
            r#type: Some(Expr::Const(Json::String(format!("{system}.custom").into()))),
            action: Some(Expr::Const(Json::String("custom".into()))),
            data: Path::parse("$").ok().map(Expr::Path),
            ..Self::default()
        }
    }

    /// Evaluates all the facts.
    pub fn draft<'d>(&'d self, scope: &Scope<'d>) -> Result<Draft, Failure> {
        let text = |fact: &'d Option<Expr>| fact.as_ref().and_then(|expr| expr.text(scope));
        let find = |fact: &'d Option<Expr>| {
            let found = fact.as_ref().and_then(|expr| expr.find(scope));
            found.unwrap_or((Cow::Owned(Json::Null), None))
        };
        let r#type = required("type", self.r#type.as_ref(), scope)?;
        let last = r#type.rsplit('.').next().unwrap_or(&r#type);
        let action = text(&self.action).unwrap_or_else(|| last.to_owned());
        let (before, after) = (find(&self.before), find(&self.after));
        let way = Way::of(&action);
        let mut changes = Vec::new();
        for strategy in self.changes.iter().flatten() {
            strategy.find(scope, &before.0, &after.0, way, &mut changes);
        }
        Ok(Draft {
            object: self.object.find(scope)?,
            branch: text(&self.branch),
            actor: Actor { id: text(&self.actor_id), name: text(&self.actor_name) },
            occurred_at: self
                .occurred_at
                .as_ref()
                .and_then(|expr| expr.eval(scope))
                .and_then(|at| rfc3339(&at)),
            correlation_id: text(&self.correlation_id),
            data: Told::of(find(&self.data)),
            r#type,
            action,
            changes,
            before: Told::of(before),
            after: Told::of(after),
        })
    }
}

impl ObjectFacts {
    fn nested(context: &mut Context<'_>, path: &str, node: &Node) -> Self {
        let mut object = Self::default();
        if let Some(mut inner) = Reader::new(context.file, path, node, context.problems) {
            object.optional = inner.flag("optional", context.problems);
            object.kind = expr(context, &mut inner, "kind");
            object.id = expr(context, &mut inner, "id");
            object.name = expr(context, &mut inner, "name");
            object.url = expr(context, &mut inner, "url");
            inner.finish(context.problems);
        }
        object
    }

    fn find<'d>(&'d self, scope: &Scope<'d>) -> Result<Option<Object>, Failure> {
        if self.kind.is_none() && self.id.is_none() {
            return Ok(None);
        }
        let kind = required("object.kind", self.kind.as_ref(), scope);
        let id = required("object.id", self.id.as_ref(), scope);
        if self.optional == Some(true) && (kind.is_err() || id.is_err()) {
            return Ok(None);
        }
        let text = |fact: &'d Option<Expr>| fact.as_ref().and_then(|expr| expr.text(scope));
        Ok(Some(Object { kind: kind?, id: id?, name: text(&self.name), url: text(&self.url) }))
    }
}

fn expr(context: &mut Context<'_>, reader: &mut Reader<'_>, name: &'static str) -> Option<Expr> {
    let node = reader.node(name)?;
    context.expr(&reader.path_of(name), node)
}

fn required<'d>(fact: &str, expr: Option<&'d Expr>, scope: &Scope<'d>) -> Result<String, Failure> {
    if let Some(text) = expr.and_then(|expr| expr.text(scope)).filter(|text| !text.is_empty()) {
        return Ok(text);
    }
    let place = expr.and_then(|expr| expr.place(scope.lets));
    let message = match place {
        Some(place) => {
            format!("could not map the body: the fact `{fact}` is missing, nothing fitting at {place}")
        }
        None => format!("could not map the body: the fact `{fact}` is missing"),
    };
    Err(Failure { stage: Stage::Map, message, place: place.map(str::to_owned) })
}
