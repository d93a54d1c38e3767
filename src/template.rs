//! The templates of a destination: URL, headers and body, in the Jinja2 that NetBox's users write.
//!
//! Compiled once, rendered per delivery under limits. Pure: no files, no clock, no network.

mod context;
mod engine;
mod headers;
mod url;

use std::sync::Arc;

use minijinja::{Environment, Error, Value};

use crate::format::Kinds;
use crate::model::{DeliveryId, Event};
use crate::problem::Problems;
use crate::secret;
use crate::yaml::At;

pub use url::{origin, origin_of};

/// A template as written, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The file as the operator named it.
    pub file: String,
    /// Where its value begins.
    pub at: At,
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
}

/// The templates of one destination, compiled.
#[derive(Debug)]
pub struct Templates {
    env: Environment<'static>,
    url: Option<Text>,
    headers: Option<Text>,
    body: Option<Text>,
    secrets: Vec<String>,
}

/// Why a template could not be rendered, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    pub message: String,
    /// `file:line:column`.
    pub place: String,
}

/// What a template sees: one delivery's event.
#[derive(Debug)]
pub struct Scene(Value);

impl Templates {
    /// Compiles the templates; `None` if there are none, or mistakes in them.
    pub fn compile(texts: Texts<'_>, problems: &mut Problems) -> Option<Self> {
        let all = [("url", texts.url), ("headers", texts.headers), ("body", texts.body)];
        let mut env = engine::environment();
        let before = problems.len();
        for (name, text) in all {
            let Some(text) = text else { continue };
            if let Err(error) = env.add_template_owned(name, text.text.clone()) {
                let (at, why) = (place(text, &error), why(&error));
                problems
                    .add(&text.file, Some(at), format!("`{}` is no template: {why}", text.key))
                    .help("templates are Jinja2, such as `{{ data.name }}`");
                continue;
            }
            undeclared_secrets(&env, name, text, texts.secrets, problems);
        }
        let any = all.iter().any(|(_, text)| text.is_some());
        (any && problems.len() == before).then(|| Self {
            env,
            url: texts.url.cloned(),
            headers: texts.headers.cloned(),
            body: texts.body.cloned(),
            secrets: texts.secrets.iter().map(|name| (*name).to_owned()).collect(),
        })
    }

    /// What the templates of one delivery see. Made once per delivery.
    pub fn scene(&self, event: &Arc<Event>, kinds: &Kinds, delivery: DeliveryId) -> Scene {
        let marks = self.secrets.iter().map(|name| (name.clone(), secret::mark(name, delivery)));
        Scene(context::of(event, kinds, delivery, marks))
    }

    /// Whether there is a template for the body.
    pub fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// The body, if there is a template for it.
    pub fn body(&self, scene: &Scene) -> Result<Option<String>, TemplateError> {
        self.body.as_ref().map(|text| self.render("body", text, scene)).transpose()
    }

    /// The headers, in order; none may be one that the gateway sets.
    pub fn headers(&self, scene: &Scene) -> Result<Vec<(String, String)>, TemplateError> {
        let Some(text) = &self.headers else { return Ok(Vec::new()) };
        let rendered = self.render("headers", text, scene)?;
        headers::parse(&rendered).map_err(|message| text.failed(message))
    }

    /// The URL, if there is a template for it; what no URL may hold is percent-encoded.
    pub fn url(&self, scene: &Scene) -> Result<Option<String>, TemplateError> {
        let Some(text) = &self.url else { return Ok(None) };
        let rendered = self.render("url", text, scene)?;
        url::checked(&text.text, &rendered).map(Some).map_err(|message| text.failed(message))
    }

    fn render(&self, name: &str, text: &Text, scene: &Scene) -> Result<String, TemplateError> {
        let rendered =
            self.env.get_template(name).and_then(|template| engine::render(&template, scene.0.clone()));
        rendered.map_err(|error| {
            let (line, column) = place(text, &error);
            TemplateError {
                message: format!("`{}` could not be rendered: {}", text.key, why(&error)),
                place: format!("{}:{line}:{column}", text.file),
            }
        })
    }
}

impl Text {
    fn failed(&self, message: String) -> TemplateError {
        let (line, column) = self.at;
        TemplateError {
            message: format!("`{}` {message}", self.key),
            place: format!("{}:{line}:{column}", self.file),
        }
    }
}

fn undeclared_secrets(
    env: &Environment<'_>,
    name: &str,
    text: &Text,
    secrets: &[&str],
    problems: &mut Problems,
) {
    let Ok(template) = env.get_template(name) else { return };
    for variable in template.undeclared_variables(true) {
        let Some(secret) = variable.strip_prefix("secrets.") else { continue };
        let secret = secret.split('.').next().unwrap_or_default();
        if !secrets.contains(&secret) {
            let message =
                format!("`{}` uses `secrets.{secret}`, which the destination does not have", text.key);
            problems
                .add(&text.file, Some(text.at), message)
                .help(format!("give the destination `secrets: {{ {secret}: \"${{…}}\" }}`"));
        }
    }
}

/// Where in the file a mistake stands. A text of several lines is taken for a block (`|`), which
/// begins in the line below its key.
fn place(text: &Text, error: &Error) -> At {
    let line = error.line().unwrap_or(1).max(1);
    match text.text.contains('\n') {
        true => (text.at.0 + line, 1),
        false => text.at,
    }
}

fn why(error: &Error) -> String {
    let kind = error.kind().to_string();
    match error.detail() {
        Some(detail) => format!("{kind}: {detail}"),
        None => kind,
    }
}
