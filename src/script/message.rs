//! `message(body)` and its builder: what leaves, to whom, with which headers.

use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult};

use super::value::{self, refuse};
use super::{Body, Message, guard, written};
use crate::header::is_reserved;

/// How long `.to`, `.key`, `.type` and the value of a header may be.
const MAX_TEXT: usize = 4096;
/// How many headers one message may have.
const MAX_HEADERS: usize = 50;

/// A message in the making.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    body: Arc<Body>,
    headers: Vec<(String, String)>,
    to: Option<String>,
    key: Option<String>,
    r#type: Option<String>,
}

type Built = Result<Draft, Box<EvalAltResult>>;

impl Draft {
    /// A message with nothing but a body: a map, an array or a text.
    pub(super) fn of(body: &Dynamic) -> Built {
        Ok(Self { body: Arc::new(body_of(body)?), headers: Vec::new(), to: None, key: None, r#type: None })
    }

    pub(super) fn finish(self) -> Result<Message, Box<EvalAltResult>> {
        let body = match Arc::try_unwrap(self.body) {
            Ok(body) => body,
            Err(shared) => {
                guard::charge(weight(&shared))?;
                (*shared).clone()
            }
        };
        Ok(Message { body, headers: self.headers, to: self.to, key: self.key, r#type: self.r#type })
    }

    fn header(mut self, name: &str, value: &Dynamic) -> Built {
        let value = header_text(name, value)?;
        if is_reserved(name) {
            return Err(refuse(format!("the header `{name}` is reserved and cannot be set by a script")));
        }
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            let name = value::shortened(name, 60);
            return Err(refuse(format!("`{name}` is no header name: use letters, digits and hyphens")));
        }
        if value.len() > MAX_TEXT || value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(refuse(format!(
                "the value of header `{name}` holds a line break or another control character, or is longer \
                 than {MAX_TEXT} bytes"
            )));
        }
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        if self.headers.len() == MAX_HEADERS {
            return Err(refuse(format!("a message has at most {MAX_HEADERS} headers")));
        }
        self.headers.push((name.to_owned(), value));
        Ok(self)
    }
}

fn header_text(name: &str, value: &Dynamic) -> Result<String, Box<EvalAltResult>> {
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(text.to_string());
    }
    if value.is_int() || value.is_bool() || value.is_float() {
        return Ok(value.to_string());
    }
    let name = value::shortened(name, 60);
    Err(refuse(format!("the value of header `{name}` must be a text, this is {}", value::described(value))))
}

fn body_of(body: &Dynamic) -> Result<Body, Box<EvalAltResult>> {
    if let Ok(text) = body.as_immutable_string_ref() {
        guard::charge(text.len())?;
        return Ok(Body::Text(text.to_string()));
    }
    if body.is_map() || body.is_array() || value::node_of(body).is_some() {
        return written::text(body, "body").map(Body::Json);
    }
    Err(refuse(format!("a body must be a map, an array or a text, this is {}", value::described(body))))
}

fn weight(body: &Body) -> usize {
    match body {
        Body::Json(text) | Body::Text(text) => text.len(),
    }
}

/// A text for `.to`, `.key` or `.type`: one line, not empty.
fn line(what: &str, text: &str) -> Result<Option<String>, Box<EvalAltResult>> {
    if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(refuse(format!(
            "{what}() needs one line of text, not empty and at most {MAX_TEXT} bytes"
        )));
    }
    Ok(Some(text.to_owned()))
}

/// Makes `message` known to an engine.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Draft>("message")
        .register_fn("message", |body: Dynamic| Draft::of(&body))
        .register_fn("header", |draft: Draft, name: &str, value: Dynamic| draft.header(name, &value))
        .register_fn("to", |mut draft: Draft, name: &str| -> Built {
            draft.to = line("to", name)?;
            Ok(draft)
        })
        .register_fn("key", |mut draft: Draft, lane: &str| -> Built {
            draft.key = line("key", lane)?;
            Ok(draft)
        })
        .register_fn("type", |mut draft: Draft, name: &str| -> Built {
            draft.r#type = line("type", name)?;
            Ok(draft)
        });
}
