//! The templates of a destination: URL, headers and body, in the Jinja2 that NetBox's users write.
//!
//! Checked once, rendered per delivery under limits. Pure: no files, no wall clock, no network.

mod args;
mod check;
mod context;
mod engine;
mod filters;
mod functions;
mod headers;
mod held;
mod json;
mod meter;
mod methods;
mod number;
mod ops;
mod predicates;
mod print;
mod printf;
mod program;
mod question;
#[cfg(test)]
mod tests;
mod tree;
mod url;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use minijinja::{Environment, Value};

use crate::format::Kinds;
use crate::model::{BatchId, DeliveryId, Event, Json};
use crate::problem::Problems;
use crate::secret;
use crate::yaml::{self, At};

pub use question::Questions;
pub use url::{origin, origin_of};

use check::Allowed;

/// What the engine calls the templates.
const URL: &str = "url";
const HEADERS: &str = "headers";
const BODY: &str = "body";

/// A template as written, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The file as the operator named it.
    pub file: String,
    /// Where its value begins.
    pub at: At,
    /// Where its lines begin in the file, see [`yaml::Node::lines`].
    pub lines: Vec<(usize, At)>,
    /// Its key, such as `destinations.awx.body_template`.
    pub key: String,
    pub text: String,
}

/// What a destination has templates for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Texts<'t> {
    pub url: Option<&'t Text>,
    /// `Name: value` lines.
    pub headers: Option<&'t Text>,
    pub body: Option<&'t Text>,
    /// What templates may use as `secrets.NAME`.
    pub secrets: &'t [&'t str],
    /// What they may use as `lookup.NAME`, if the route makes that lookup.
    pub lookups: &'t [&'t str],
}

/// A lookup whose result a template uses without asking whether it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    pub name: String,
    pub file: String,
    pub at: At,
    /// The template's key, such as `destinations.awx.body_template`.
    pub key: String,
    /// It is used in the body only, which a script's message replaces.
    pub body: bool,
}

/// The templates of one destination, checked.
#[derive(Debug)]
pub struct Templates {
    env: Environment<'static>,
    url: Option<Text>,
    headers: Option<Text>,
    body: Option<Text>,
    secrets: Vec<String>,
    /// The lookups they count on.
    pub lookups: Vec<Used>,
}

/// Why a template could not be rendered, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    pub message: String,
    /// `file:line:column`.
    pub place: String,
}

/// What a template sees: one delivery's event or batch.
#[derive(Debug)]
pub struct Scene(Value);

impl Templates {
    /// Checks the templates; `None` if there are none, or mistakes in them, which are all told.
    pub fn compile(texts: Texts<'_>, problems: &mut Problems) -> Option<Self> {
        let all = [(URL, texts.url), (HEADERS, texts.headers), (BODY, texts.body)];
        let before = problems.len();
        let allowed = Allowed::of_destination(texts.secrets, texts.lookups);
        let mut lookups = Vec::new();
        for (name, text) in all {
            let Some(text) = text else { continue };
            lookups.extend(check::safely(name, text, allowed, problems));
        }
        let any = all.iter().any(|(_, text)| text.is_some());
        (any && problems.len() == before).then(|| Self {
            env: engine::environment(),
            url: texts.url.cloned(),
            headers: texts.headers.cloned(),
            body: texts.body.cloned(),
            secrets: texts.secrets.iter().map(|name| (*name).to_owned()).collect(),
            lookups,
        })
    }

    /// What the templates of one delivery see. Made once per delivery.
    pub fn scene(&self, event: &Arc<Event>, kinds: &Kinds, delivery: DeliveryId) -> Scene {
        self.scene_with(event, kinds, delivery, None, None)
    }

    /// The same with what lookups found (a JSON object, by name), and for a batch: then `event`
    /// stands for all of its events, and its `data` is the body.
    pub fn scene_with(
        &self,
        event: &Arc<Event>,
        kinds: &Kinds,
        delivery: DeliveryId,
        batch: Option<BatchId>,
        lookups: Option<&Arc<Json>>,
    ) -> Scene {
        let marks = self.secrets.iter().map(|name| (name.clone(), secret::mark(name, delivery)));
        Scene(context::of(event, kinds, delivery, batch, marks, lookups))
    }

    /// The body, if there is a template for it.
    pub fn body(&self, scene: &Scene) -> Result<Option<String>, TemplateError> {
        self.body.as_ref().map(|text| render(&self.env, BODY, text, scene)).transpose()
    }

    /// The headers, in order; none may be one that the gateway sets.
    pub fn headers(&self, scene: &Scene) -> Result<Vec<(String, String)>, TemplateError> {
        let Some(text) = &self.headers else { return Ok(Vec::new()) };
        let rendered = render(&self.env, HEADERS, text, scene)?;
        headers::parse(&rendered).map_err(|message| text.failed(&message, 0))
    }

    /// The URL, if there is a template for it; what no URL may hold is percent-encoded.
    pub fn url(&self, scene: &Scene) -> Result<Option<String>, TemplateError> {
        let Some(text) = &self.url else { return Ok(None) };
        let rendered = render(&self.env, URL, text, scene)?;
        url::checked(&text.text, &rendered).map(Some).map_err(|message| text.failed(&message, 0))
    }
}

fn render(env: &Environment<'_>, name: &str, text: &Text, scene: &Scene) -> Result<String, TemplateError> {
    // Neither the engine nor a filter is meant to panic; should one of them, it costs this
    // receipt and not the worker.
    let rendered = catch_unwind(AssertUnwindSafe(|| engine::render(env, name, &text.text, scene.0.clone())));
    match rendered {
        Ok(rendered) => rendered.map_err(|error| {
            let message = format!("could not be rendered: {}", engine::why(&error));
            text.failed(&message, engine::offset(&text.text, &error))
        }),
        Err(_) => Err(text.failed("made the template engine fail; please report it", 0)),
    }
}

impl Text {
    /// Where in the file a byte of the text stands.
    fn place(&self, offset: usize) -> At {
        yaml::place_of(self.at, &self.lines, &self.text, offset)
    }

    fn failed(&self, message: &str, offset: usize) -> TemplateError {
        let (line, column) = self.place(offset);
        TemplateError {
            message: format!("`{}` {message}", self.key),
            place: format!("{}:{line}:{column}", self.file),
        }
    }
}
