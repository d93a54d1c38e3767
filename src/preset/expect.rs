//! What a test of a preset expects, and how the request differs from it.

use bytes::Bytes;

use crate::expectation::{difference, part};
use crate::model::Json;
use crate::problem::Problems;
use crate::units;
use crate::yaml::{Node, Reader};

/// A request as it would leave; secrets in it read `[redacted]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// Only what is said is compared.
#[derive(Debug, Default)]
pub(super) struct Expect {
    method: Option<String>,
    url: Option<String>,
    /// By name; `null`: must not be there, `true`: must, whatever it says.
    headers: Option<Json>,
    /// The body has at least this.
    body: Option<Json>,
    /// In bytes.
    largest: Option<usize>,
    /// Dotted paths to texts of the body, and how many letters they may have; lists are gone
    /// through.
    longest: Vec<(String, usize)>,
    /// A part of the reason why nothing leaves.
    fails: Option<String>,
}

pub(super) fn read(mut section: Reader<'_>, problems: &mut Problems) -> Option<Expect> {
    let before = problems.len();
    let largest = section.text("largest", problems).map(|text| units::size(&text));
    if matches!(largest, Some(Err(_))) {
        problems.add(section.file, Some(section.at), "`largest` must be a size such as `28KiB`");
    }
    let expect = Expect {
        method: section.text("method", problems),
        url: section.text("url", problems),
        headers: section.node("headers").map(Node::to_json),
        body: section.node("body").map(Node::to_json),
        largest: largest.and_then(Result::ok),
        longest: longest(&mut section, problems),
        fails: section.text("fails", problems),
    };
    section.finish(problems);
    (problems.len() == before).then_some(expect)
}

fn longest(section: &mut Reader<'_>, problems: &mut Problems) -> Vec<(String, usize)> {
    let Some(paths) = section.section("longest", problems) else { return Vec::new() };
    let mut found = Vec::new();
    for (key, node) in paths.entries() {
        match node.scalar().and_then(|text| text.parse().ok()) {
            Some(most) => found.push((key.name.clone(), most)),
            None => paths.wrong(&key.name, node, "a number of letters", problems),
        }
    }
    found
}

impl Expect {
    pub fn failures(&self, sent: &Result<Sent, String>) -> Vec<String> {
        match (sent, &self.fails) {
            (Ok(sent), None) => self.differences(sent),
            (Ok(_), Some(part)) => vec![format!("should fail with `{part}`, but a request would leave")],
            (Err(why), Some(part)) if why.contains(part.as_str()) => Vec::new(),
            (Err(why), Some(part)) => vec![format!("should fail with `{part}`, but: {why}")],
            (Err(why), None) => vec![why.clone()],
        }
    }

    fn differences(&self, sent: &Sent) -> Vec<String> {
        let mut failures = Vec::new();
        for (what, expected, found) in [("method", &self.method, &sent.method), ("url", &self.url, &sent.url)]
        {
            if expected.as_ref().is_some_and(|expected| expected != found) {
                failures.extend(expected.iter().map(|it| format!("{what}: expected `{it}`, got `{found}`")));
            }
        }
        if let Some(Json::Object(expected)) = &self.headers {
            let found = expected.iter().map(|(name, wanted)| (name, header(sent, name, wanted))).collect();
            failures.extend(differing("headers", &Json::Object(expected.clone()), &Json::Object(found)));
        }
        let body = serde_json::from_slice(&sent.body)
            .unwrap_or_else(|_| Json::String(String::from_utf8_lossy(&sent.body).into_owned().into()));
        if let Some(expected) = &self.body {
            failures.extend(differing("body", expected, &part(&body, expected)));
        }
        if let Some(largest) = self.largest.filter(|largest| sent.body.len() > *largest) {
            failures.push(format!("the body has {} bytes, more than {largest}", sent.body.len()));
        }
        failures.extend(self.longest.iter().filter_map(|(path, most)| too_long(&body, path, *most)));
        failures
    }
}

/// The value of a header, or only `true` where no more is wanted; `null`: it is not there.
fn header(sent: &Sent, name: &str, wanted: &Json) -> Json {
    let found = sent.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    match (found, wanted) {
        (None, _) => Json::Null,
        (Some(_), Json::Bool(true)) => Json::Bool(true),
        (Some((_, value)), _) => Json::String(value.as_str().into()),
    }
}

fn too_long(body: &Json, path: &str, most: usize) -> Option<String> {
    let texts = texts(body, path);
    match texts.iter().map(|text| text.chars().count()).max() {
        None => Some(format!("the body has no text at {path}")),
        Some(length) if length > most => {
            Some(format!("the text at {path} has {length} letters, more than {most}"))
        }
        Some(_) => None,
    }
}

/// The texts at a dotted path, in all elements of the lists it leads through.
fn texts<'j>(json: &'j Json, path: &str) -> Vec<&'j str> {
    match json {
        Json::Array(items) => items.iter().flat_map(|item| texts(item, path)).collect(),
        Json::String(text) if path.is_empty() => vec![text],
        Json::Object(members) => {
            let (name, rest) = path.split_once('.').unwrap_or((path, ""));
            members.get(name).map(|member| texts(member, rest)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn differing(what: &str, expected: &Json, found: &Json) -> Option<String> {
    // Compared as documents: the order of keys says nothing.
    if expected == found {
        return None;
    }
    difference(what, &format!("{expected:#}"), &format!("{found:#}"))
}

#[cfg(test)]
mod tests {
    use crate::model::json;

    use super::*;
    use crate::yaml;

    fn failures(expect: &str, body: &Json) -> Vec<String> {
        let mut problems = Problems::default();
        let node = yaml::parse("f", expect, &mut problems).unwrap();
        let section = Reader::new("f", "expect", &node, &mut problems).unwrap();
        let expect = read(section, &mut problems).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = Bytes::from(body.to_string());
        expect.failures(&Ok(Sent { method: "POST".into(), url: "https://a/".into(), headers, body }))
    }

    #[test]
    fn only_what_is_said_is_compared_and_all_of_that() {
        let body = json!({"blocks": [{"text": "one", "n": 1}, {"text": "three", "n": 2}], "more": null});
        for right in [
            "{}",
            "{ method: POST, url: 'https://a/', headers: { Content-Type: application/json, CONTENT-type: true, x-none: null } }",
            "{ body: { blocks: [{ text: one }, { n: 2 }] }, largest: 1KiB, longest: { blocks.text: 5 } }",
            "{ body: { more: null } }",
        ] {
            assert_eq!(failures(right, &body), [""; 0], "{right}");
        }
        for (wrong, told) in [
            ("{ method: PUT }", "method: expected `PUT`, got `POST`"),
            ("{ headers: { x-none: a } }", "-  \"x-none\": \"a\""),
            ("{ headers: { x-none: true } }", "-  \"x-none\": true\n+  \"x-none\": null"),
            ("{ headers: { content-type: null } }", "+  \"content-type\": \"application/json\""),
            (
                "{ body: { blocks: [{ text: two }, {}] } }",
                "-      \"text\": \"two\"\n+      \"text\": \"one\"",
            ),
            ("{ body: { lost: 1 } }", "-  \"lost\": 1"),
            ("{ largest: 4 }", "bytes, more than 4"),
            ("{ longest: { blocks.text: 4 } }", "the text at blocks.text has 5 letters, more than 4"),
            ("{ longest: { blocks.title: 4 } }", "the body has no text at blocks.title"),
            ("{ fails: why }", "should fail with `why`, but a request would leave"),
        ] {
            let found = failures(wrong, &body).join("\n");
            assert!(found.contains(told), "{wrong}: {found}");
        }
    }
}
