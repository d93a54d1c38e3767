//! Exports as lists of objects, whatever they are wrapped in: pages of a REST API, answers of
//! GraphQL, bare lists, single objects. Knows how to tell the systems apart.

use std::collections::{BTreeMap, HashSet};

use super::record::Record;
use super::write::shown;
use super::{Export, LARGEST_EXPORT, System};
use crate::json::{self, NonFinite};
use crate::model::{Json, Map};
use crate::problem::Problems;

/// More objects than anybody has webhooks.
const MOST: usize = 2000;
/// What the objects of an empty page are.
const OBJECT: &str = "object";
/// How deep lists and answers may be wrapped in one another.
const DEEPEST: usize = 6;

/// What was found in the exports.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub records: Vec<Record>,
    /// How many objects of a kind there are, as the pages of their list say, and how many of them
    /// were found.
    pub pages: BTreeMap<String, (usize, usize)>,
}

/// Reads exports of a system. Whatever is no JSON, or of another system, is a problem.
pub(super) fn read(system: System, exports: &[Export], problems: &mut Problems) -> Found {
    let mut found = Found::default();
    for export in exports {
        let mut reader = Reader { system, file: &export.file, found: &mut found, problems, foreign: false };
        if let Some(root) = reader.parse(&export.text) {
            reader.unwrap(&root, "$".to_owned(), None, 0);
        }
    }
    // Pages may overlap when something was added between two requests.
    let mut seen = HashSet::new();
    found.records.retain(|record| seen.insert(record.fingerprint()));
    for (kind, (_, held)) in &mut found.pages {
        let of_kind = |record: &&Record| kind == OBJECT || *kind == list_of(system, record);
        *held = found.records.iter().filter(of_kind).count();
    }
    if let (true, true, Some(first)) = (found.records.is_empty(), problems.is_empty(), exports.first()) {
        let message = format!("there is no webhook of {} in it", system.title());
        problems.add(&first.file, None, message).help(wanted(system).1);
    }
    found
}

struct Reader<'r> {
    system: System,
    file: &'r str,
    found: &'r mut Found,
    problems: &'r mut Problems,
    /// Objects of another system have been reported; once is enough.
    foreign: bool,
}

impl Reader<'_> {
    fn parse(&mut self, text: &str) -> Option<Json> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.len() > LARGEST_EXPORT {
            let message = format!("the export is larger than {} MiB", LARGEST_EXPORT >> 20);
            self.problems.add(self.file, None, message).help("export webhooks and event rules alone");
            return None;
        }
        if text.trim().is_empty() {
            let help = "was it made by a request that failed? ask the API again";
            self.problems.add(self.file, None, "the export is empty").help(help);
            return None;
        }
        match json::parse(text.as_bytes(), NonFinite::Refuse) {
            Ok(document) => Some(document.value),
            Err(error) => {
                let at = Some((error.line, error.column));
                let message = format!("the export is no JSON: {}", error.message);
                let help = "save what the API answers as it is; YAML and CSV are not read";
                self.problems.add(self.file, at, message).help(help);
                None
            }
        }
    }

    /// Goes through what objects are wrapped in. `kind` is what GraphQL calls the list they are in.
    fn unwrap(&mut self, json: &Json, path: String, kind: Option<&str>, depth: usize) {
        if depth > DEEPEST {
            return self.unknown(&path, "nests too deeply");
        }
        match json {
            Json::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.unwrap(item, format!("{path}[{index}]"), kind, depth + 1);
                }
            }
            Json::Object(members) => self.object(members, path, kind, depth),
            _ => self.unknown(&path, "is no object"),
        }
    }

    fn object(&mut self, members: &Map, path: String, kind: Option<&str>, depth: usize) {
        let inner = ["results", "result", "edges", "node"].into_iter().find(|key| members.contains_key(key));
        let data = members.get("data").and_then(Json::as_object).filter(|_| !members.contains_key("name"));
        let count = members.get("count").or_else(|| members.get("total")).and_then(Json::as_u64);
        match (inner, data) {
            (Some(key), _) => {
                let before = self.found.records.len();
                self.unwrap(&members[key], format!("{path}.{key}"), kind, depth + 1);
                if let Some(count) = count.and_then(|count| usize::try_from(count).ok()) {
                    let first = self.found.records.get(before);
                    let list = first.map_or(OBJECT.to_owned(), |first| list_of(self.system, first));
                    let (most, _) = self.found.pages.entry(list).or_default();
                    *most = count.max(*most);
                }
            }
            (None, Some(data)) => {
                for (kind, answer) in data {
                    self.unwrap(answer, format!("{path}.data.{kind}"), Some(kind), depth + 1);
                }
            }
            // GraphQL was asked for the number alone.
            (None, None) if kind.is_some() && members.len() == 1 && count.is_some() => {}
            (None, None) => self.record(members, path, kind),
        }
    }

    fn record(&mut self, members: &Map, path: String, kind: Option<&str>) {
        if let Some(key) = ["errors", "detail", "error"].into_iter().find(|key| members.contains_key(key))
            && members.len() <= 4
            && !members.contains_key("name")
        {
            let path = shown(&path);
            let message = format!("`{path}` is an answer that tells an error (`{key}`)");
            let help = "ask the API again, with a token that may read webhooks";
            self.problems.add(self.file, None, message).help(help);
            return;
        }
        if self.found.records.len() == MOST {
            let help = "export webhooks and event rules alone, in parts";
            self.problems.add(self.file, None, format!("more than {MOST} objects")).help(help);
        }
        if self.found.records.len() >= MOST {
            return self.found.records.push(Record::new(self.file, path, None, Map::new()));
        }
        match system_of(members, kind) {
            Some(system) if system == self.system => {
                self.found.records.push(Record::new(self.file, path, kind, members.clone()));
            }
            Some(_) if self.foreign => {}
            Some(other) => {
                self.foreign = true;
                let message = format!("`{}` looks like an object of {}", shown(&path), other.title());
                let help = format!("use `crossconnect import {}` for this file", other.name());
                self.problems.add(self.file, None, message).help(help);
            }
            None => self.unknown(&path, wanted(self.system).0),
        }
    }

    fn unknown(&mut self, path: &str, why: &str) {
        let path = shown(path);
        self.problems.add(self.file, None, format!("`{path}` {why}")).help(wanted(self.system).1);
    }
}

/// What the objects of the list are that a record was in.
fn list_of(system: System, record: &Record) -> String {
    match system {
        System::Netbox if !record.has("payload_url") => "event rule".to_owned(),
        _ => record.kind.clone().unwrap_or_else(|| "webhook".to_owned()),
    }
}

/// What an object is not, and how to get what is wanted.
fn wanted(system: System) -> (&'static str, &'static str) {
    match system {
        System::Netbox => (
            "is neither a webhook nor an event rule of NetBox",
            "export /api/extras/webhooks/?limit=0 and /api/extras/event-rules/?limit=0, without `brief`",
        ),
        System::Infrahub => (
            "is no webhook of Infrahub",
            "docs/import.md has the GraphQL query that asks for all that is needed",
        ),
        System::Datagerry => ("is no webhook of DATAGERRY", "export /rest/webhooks/?limit=0"),
    }
}

/// Whose object it is, by the names of its fields.
fn system_of(members: &Map, kind: Option<&str>) -> Option<System> {
    let has = |key: &str| members.contains_key(key);
    let any = |keys: &[&str]| keys.iter().any(|key| has(key));
    let named = ["__typename", "kind"].into_iter().find_map(|key| members.get(key)?.as_str());
    let is_core = |kind: &str| kind.starts_with("Core") && kind.ends_with("Webhook");
    if any(&["payload_url", "action_type", "action_object_id", "action_object_type"]) {
        Some(System::Netbox)
    } else if kind.is_some_and(is_core)
        || named.is_some_and(is_core)
        || any(&["branch_scope", "node_kind", "shared_key", "validate_certificates"])
        || (has("event_type") && has("url"))
    {
        Some(System::Infrahub)
    } else if has("public_id") || (has("event_types") && has("url") && has("name")) {
        Some(System::Datagerry)
    } else {
        None
    }
}
