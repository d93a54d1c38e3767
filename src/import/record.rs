//! One object of an export, read field by field; what is missing or of a wrong kind is reported
//! with its place.

use super::write::shown;
use crate::model::{Json, Map};
use crate::problem::Problems;

/// How much of a name stands in a comment.
const SHOWN_NAME: usize = 80;
/// How deep data that is copied may nest. Configs take a little more.
const DEEPEST: usize = 48;

/// One object and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub file: String,
    /// Its JSONPath.
    pub path: String,
    /// What GraphQL called the list it was in.
    pub kind: Option<String>,
    members: Map,
}

impl Record {
    pub fn new(file: &str, path: String, kind: Option<&str>, members: Map) -> Self {
        Self { file: file.to_owned(), path: shown(&path), kind: kind.map(str::to_owned), members }
    }

    /// The same for two copies of one object.
    pub fn fingerprint(&self) -> (Option<String>, String) {
        (self.kind.clone(), Json::Object(self.members.clone()).to_string())
    }

    pub fn has(&self, key: &str) -> bool {
        self.members.contains_key(key)
    }

    /// A field, out of `{"value": …}` where it is wrapped so; `None` for null.
    pub fn value(&self, key: &str) -> Option<&Json> {
        self.members.get(key).map(plain).filter(|value| !value.is_null())
    }

    /// The first of several fields that is there.
    pub fn any(&self, keys: &[&str]) -> Option<&Json> {
        keys.iter().find_map(|key| self.value(key))
    }

    /// A text, or a number as written; empty ones count as missing.
    pub fn text(&self, key: &str, problems: &mut Problems) -> Option<String> {
        let value = self.value(key)?;
        let text = text(value);
        if text.is_none() {
            self.wrong(key, "a text", problems);
        }
        text.filter(|text| !text.trim().is_empty())
    }

    /// A text that has to be there.
    pub fn needed(&self, key: &str, problems: &mut Problems) -> Option<String> {
        let before = problems.len();
        let text = self.text(key, problems);
        if text.is_none() && problems.len() == before {
            self.missing(key, problems);
        }
        text
    }

    pub fn flag(&self, key: &str, problems: &mut Problems) -> Option<bool> {
        match self.value(key)? {
            Json::Bool(flag) => Some(*flag),
            _ => {
                self.wrong(key, "true or false", problems);
                None
            }
        }
    }

    /// A list of texts, each out of `{"value": …}` where it is wrapped so.
    pub fn texts(&self, key: &str, problems: &mut Problems) -> Option<Vec<String>> {
        let texts = match self.value(key)? {
            Json::Array(items) => items.iter().map(|item| text(plain(item))).collect(),
            _ => None,
        };
        if texts.is_none() {
            self.wrong(key, "a list of texts", problems);
        }
        texts
    }

    /// Data that is copied as it is.
    pub fn data(&self, key: &str, problems: &mut Problems) -> Option<&Json> {
        let data = self.members.get(key).filter(|data| !data.is_null())?;
        if depth_within(data, DEEPEST) {
            return Some(data);
        }
        self.wrong(key, &format!("data of at most {DEEPEST} levels"), problems);
        None
    }

    /// The id, as text.
    pub fn id(&self) -> Option<String> {
        self.any(&["id", "public_id"]).and_then(text)
    }

    /// `webhook 3 "Ansible"`, for comments.
    pub fn about(&self, what: &str, name: &str) -> String {
        let id = self.id().map(|id| format!(" {}", shown_name(&id))).unwrap_or_default();
        format!("{what}{id} {:?}", shown_name(name))
    }

    pub fn missing(&self, key: &str, problems: &mut Problems) {
        let message = format!("`{}` has no `{key}`", self.path);
        let help = format!("export the object whole, with its field `{key}`");
        problems.add(&self.file, None, message).help(help);
    }

    /// Never quotes the value, which may be a secret.
    pub fn wrong(&self, key: &str, wanted: &str, problems: &mut Problems) {
        let message = format!("`{}.{key}` must be {wanted}", self.path);
        problems.add(&self.file, None, message).help("export the object as the API gives it");
    }
}

/// What is inside of `{"value": …}`.
pub(super) fn plain(json: &Json) -> &Json {
    json.as_object().and_then(|members| members.get("value")).unwrap_or(json)
}

/// A text, or a number as written.
pub(super) fn text(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.to_string()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A name as comments show it.
pub(super) fn shown_name(name: &str) -> String {
    shown(&name.chars().take(SHOWN_NAME).collect::<String>())
}

fn depth_within(json: &Json, left: usize) -> bool {
    match json {
        Json::Array(items) => left > 0 && items.iter().all(|item| depth_within(item, left - 1)),
        Json::Object(members) => left > 0 && members.values().all(|member| depth_within(member, left - 1)),
        _ => true,
    }
}
