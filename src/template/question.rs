//! The templates of a lookup: the URL it asks, and the variables of its query.
//!
//! They see the event as `event` (also `e`) and NetBox's other names; no delivery, no secrets and
//! no other lookup, as a lookup comes before all of these.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use minijinja::Environment;

use super::check::{self, Allowed};
use super::{BODY, Scene, TemplateError, Text, URL, context, engine, url};
use crate::json::{NonFinite, parse};
use crate::model::{Event, Json};
use crate::problem::Problems;

/// The templates of one lookup, checked.
#[derive(Debug)]
pub struct Questions {
    env: Environment<'static>,
    url: Option<Text>,
    variables: Vec<(String, Text)>,
}

impl Questions {
    /// Checks the templates. `url` is `None` where it is no template. `None`: there are mistakes in
    /// them, which are all told.
    pub fn compile(
        url: Option<&Text>,
        variables: &[(String, Text)],
        problems: &mut Problems,
    ) -> Option<Self> {
        let before = problems.len();
        let texts = variables.iter().map(|(_, text)| (BODY, text));
        for (name, text) in url.map(|text| (URL, text)).into_iter().chain(texts) {
            check::safely(name, text, Allowed::QUESTION, problems);
        }
        (problems.len() == before).then(|| Self {
            env: engine::environment(),
            url: url.cloned(),
            variables: variables.to_vec(),
        })
    }

    /// What the templates see of an event.
    pub fn scene(&self, event: &Arc<Event>) -> Scene {
        Scene(context::of_question(event))
    }

    /// The URL, if there is a template for it; what no URL may hold is percent-encoded.
    pub fn url(&self, scene: &Scene) -> Result<Option<String>, TemplateError> {
        let Some(text) = &self.url else { return Ok(None) };
        let rendered = super::render(&self.env, URL, text, scene)?;
        url::checked(&text.text, &rendered).map(Some).map_err(|message| text.failed(&message, 0))
    }

    /// The variables. One that is nothing but an expression keeps its value's kind: a number stays
    /// a number, what is undefined is `null`. Any other is a text.
    pub fn variables(&self, scene: &Scene) -> Result<crate::model::Map, TemplateError> {
        self.variables.iter().map(|(name, text)| Ok((name.clone(), self.variable(text, scene)?))).collect()
    }

    fn variable(&self, text: &Text, scene: &Scene) -> Result<Json, TemplateError> {
        let Some(expression) = alone(&text.text) else {
            return super::render(&self.env, BODY, text, scene).map(Json::from);
        };
        let program = format!("{{{{ ({expression}) | default(none) | to_json }}}}");
        let rendered =
            catch_unwind(AssertUnwindSafe(|| engine::render(&self.env, BODY, &program, scene.0.clone())));
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(_) => return Err(text.failed("made the template engine fail; please report it", 0)),
        };
        let rendered = rendered
            .map_err(|error| text.failed(&format!("could not be rendered: {}", engine::why(&error)), 0))?;
        parse(rendered.as_bytes(), NonFinite::Refuse)
            .map(|document| document.value)
            .map_err(|error| text.failed(&format!("gives no JSON: {error}"), 0))
    }
}

/// The expression that a template consists of, if it is nothing else.
fn alone(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inside = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let inside = inside.strip_suffix(['-', '+']).unwrap_or(inside).trim();
    let other = ["{{", "}}", "{%", "%}", "{#", "#}"];
    (!inside.is_empty() && !other.iter().any(|tag| inside.contains(tag))).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{event_of, text};
    use super::*;

    fn compiled(url: Option<&str>, variables: &[(&str, &str)]) -> Result<Questions, Vec<String>> {
        let url = url.map(|url| text("lookups.a.url", url));
        let variable = |(name, template): &(&str, &str)| ((*name).to_owned(), text("variables.x", template));
        let variables: Vec<_> = variables.iter().map(variable).collect();
        let mut problems = Problems::default();
        let questions = Questions::compile(url.as_ref(), &variables, &mut problems);
        questions.ok_or_else(|| problems.into_sorted().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_event_goes_by_both_of_its_names_and_netboxs_names_are_there() {
        let template =
            "https://a.example/{{ event.object.id }}/{{ e.data.name }}/{{ data.name }}/{{ model }}";
        let questions = compiled(Some(template), &[]).unwrap();
        let scene = questions.scene(&Arc::new(event_of(r#"{"name": "a b"}"#)));
        let url = questions.url(&scene).unwrap().unwrap();
        assert_eq!(url, "https://a.example/7/a%20b/a%20b/device");
    }

    #[test]
    fn a_variable_that_is_one_expression_keeps_its_kind() {
        let variables = [
            ("id", "{{ event.object.id }}"),
            ("number", "{{ data.id }}"),
            ("big", "{{- data.big -}}"),
            ("text", "device {{ data.id }}"),
            ("flag", "{{ data.id > 3 }}"),
            ("list", "{{ data.tags }}"),
            ("none", "{{ data.missing }}"),
            ("literal", "5"),
        ];
        let questions = compiled(None, &variables).unwrap();
        let data = r#"{"id": 7, "big": 12345678901234567890123, "tags": ["a", 1.50]}"#;
        let scene = questions.scene(&Arc::new(event_of(data)));
        let found = Json::Object(questions.variables(&scene).unwrap()).to_string();
        assert_eq!(
            found,
            r#"{"id":"7","number":7,"big":12345678901234567890123,"text":"device 7","flag":true,"list":["a",1.50],"none":null,"literal":"5"}"#
        );
    }

    #[test]
    fn what_comes_later_is_not_known_to_a_lookup() {
        for (template, words) in [
            ("https://a.example/{{ secrets.key }}", "`lookups.a.url` uses the unknown name `secrets`"),
            ("https://a.example/{{ delivery.id }}", "uses the unknown name `delivery`"),
            ("https://a.example/{{ lookup.site }}", "uses the unknown name `lookup`"),
            ("https://a.example/{{ evnt.id }}", "did you mean `event`?"),
            ("https://a.example/{{ data.id }}#x", "has a fragment"),
        ] {
            let found = compiled(Some(template), &[]).unwrap_err();
            assert!(found[0].contains(words), "{template}: {found:?}");
        }
    }

    #[test]
    fn an_event_cannot_lead_to_another_host() {
        let questions = compiled(Some("https://a.example/x{{ data.path }}"), &[]).unwrap();
        let url = |path: &str| {
            let event = event_of(&format!(r#"{{"path": "{path}"}}"#));
            questions.url(&questions.scene(&Arc::new(event)))
        };
        assert!(url("/../admin").is_err());
        assert_eq!(url("@evil.example/").unwrap().unwrap(), "https://a.example/x@evil.example/");
    }
}
