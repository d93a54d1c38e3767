//! What one event makes a lookup ask: an exact request, and the name its answer is remembered by.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use sha2::{Digest, Sha256};

use super::miss::Miss;
use crate::config::{self, Target};
use crate::model::{Event, Json, Map, json};
use crate::rules::Lookup;
use crate::secret::shown_url;
use crate::template::Scene;

const AGENT: &str = concat!("crossconnect/", env!("CARGO_PKG_VERSION"));
/// Bytes of a query with its variables.
const LARGEST: usize = 1024 * 1024;

/// By what equal questions are known.
pub(super) type Key = [u8; 32];

/// An exact question.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub method: Method,
    pub url: Uri,
    pub body: Bytes,
    pub key: Key,
}

impl Question {
    /// What the event makes the lookup ask.
    pub fn of(lookup: &Lookup, event: &Arc<Event>) -> Result<Self, Miss> {
        let scene = lookup.questions.scene(event);
        let url = url(lookup, &scene)?;
        let (method, body) = match &lookup.settings.graphql {
            None => (Method::GET, Bytes::new()),
            Some(graphql) => {
                let variables = lookup.questions.variables(&scene).map_err(|error| Miss::template(&error))?;
                (Method::POST, query(&graphql.query, variables)?)
            }
        };
        let key = key(&method, &url, &body);
        Ok(Self { method, url, body, key })
    }

    /// Where it asks, as it may be shown.
    pub fn shown(&self) -> String {
        shown_url(&self.url)
    }

    /// The request. The lookup's own headers win.
    pub fn request(&self, settings: &config::Lookup) -> Result<Request<Full<Bytes>>, Miss> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if self.method == Method::POST {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        for (name, secret) in &settings.headers {
            let value = HeaderValue::from_bytes(secret.expose().as_bytes());
            let mut value = value.map_err(|_| {
                Miss::config(format!(
                    "the value of the header {name} holds a line break or another control character"
                ))
            })?;
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }
}

fn url(lookup: &Lookup, scene: &Scene) -> Result<Uri, Miss> {
    if let Target::Fixed(url) = &lookup.settings.url {
        return Ok(url.clone());
    }
    let rendered = lookup.questions.url(scene).map_err(|error| Miss::template(&error))?;
    let parsed = rendered.and_then(|url| url.parse().ok());
    parsed.ok_or_else(|| Miss::config("the rendered url is none; correct the lookup's template"))
}

fn query(query: &str, variables: Map) -> Result<Bytes, Miss> {
    let body = json!({"query": query, "variables": Json::Object(variables)}).to_string();
    match body.len() {
        ..=LARGEST => Ok(Bytes::from(body)),
        len => {
            Err(Miss::config(format!("the query has {len} bytes with its variables, more than {LARGEST}")))
        }
    }
}

fn key(method: &Method, url: &Uri, body: &[u8]) -> Key {
    let url = url.to_string();
    let mut digest = Sha256::new();
    for part in [method.as_str().as_bytes(), url.as_bytes(), body] {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
