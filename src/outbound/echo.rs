//! What another party says back, without the credentials it was sent.
//!
//! Some servers repeat what they got, in errors above all. Whatever is recorded or shown of an
//! answer passes through here.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderName;

use crate::config::{Auth, Proxy};
use crate::model::Json;
use crate::percent;
use crate::secret::{REDACTED, Secret};

/// Words of headers that are shorter may well be no credentials, and would be found everywhere.
const SHORTEST_WORD: usize = 8;
/// The same for what is known to be one, and for the part of one that a cut left over.
const SHORTEST_SECRET: usize = 4;

/// What must not be shown, in the ways it may be written.
#[derive(Clone, Default)]
pub struct Words {
    /// The longest first, as one may hold another.
    words: Vec<String>,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").field("count", &self.words.len()).finish_non_exhaustive()
    }
}

impl Words {
    /// The credentials of one way out: its headers, its proof and its proxy's. Tokens that are
    /// fetched are hidden by the client itself.
    pub fn of(headers: &[(HeaderName, Secret)], auth: Option<&Auth>, proxy: Option<&Proxy>) -> Self {
        let mut words = Self::default();
        for (_, value) in headers {
            words.header(value.expose());
        }
        match auth {
            Some(Auth::Basic { user, password }) => words.login(user, password),
            Some(Auth::Bearer(token)) => words.secret(token.expose()),
            Some(Auth::OAuth2(client)) => words.secret(client.client_secret.expose()),
            None => {}
        }
        if let Some((user, password)) = proxy.and_then(|proxy| proxy.credentials.as_ref()) {
            words.login(user, password);
        }
        words
    }

    /// The words of a header's value. `Bearer abc`: the credential alone is as secret as the whole.
    pub fn header(&mut self, value: &str) {
        let words = value.split_whitespace().filter(|word| word.len() >= SHORTEST_WORD);
        words.for_each(|word| self.put(word.to_owned()));
    }

    /// A text that is known to be secret, as it is, within JSON and within a URL.
    pub fn secret(&mut self, text: &str) {
        if text.len() >= SHORTEST_SECRET {
            self.put(text.to_owned());
            self.put(quoted(text));
            self.put(percent::encode(text, percent::unreserved));
        }
    }

    /// A text that is hidden only as it is.
    pub fn literal(&mut self, text: &str) {
        if text.len() >= SHORTEST_WORD {
            self.put(text.to_owned());
        }
    }

    /// A password, also as Basic authentication sends it.
    fn login(&mut self, user: &str, password: &Secret) {
        self.secret(password.expose());
        self.put(BASE64_STANDARD.encode(format!("{user}:{}", password.expose())));
    }

    fn put(&mut self, word: String) {
        let at = self.words.partition_point(|known| known.len() >= word.len());
        if !self.words.contains(&word) {
            self.words.insert(at, word);
        }
    }

    /// The text without them.
    pub fn hidden(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for word in &self.words {
            if text.contains(word.as_str()) {
                text = text.replace(word.as_str(), REDACTED);
            }
        }
        text
    }

    /// The same of a text whose end was cut off, maybe within one of them.
    pub fn hidden_in_cut(&self, text: &str) -> String {
        let mut text = self.hidden(text);
        // A letter that was cut itself hides what stands before it.
        let end = text.trim_end_matches(char::REPLACEMENT_CHARACTER).len();
        let begun = self.words.iter().filter_map(|word| begun(word, text.get(..end)?)).max();
        if let Some(begun) = begun {
            text.truncate(end - begun);
        }
        text
    }

    /// The document without them, in texts, names and numbers.
    pub fn hide_in(&self, document: &mut Json) {
        match document {
            Json::String(text) => {
                if self.occur_in(text) {
                    *text = self.hidden(text).into();
                }
            }
            Json::Number(number) => {
                if self.words.contains(&number.to_string()) {
                    *document = Json::from(REDACTED);
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.hide_in(item)),
            Json::Object(members) => {
                if members.keys().any(|name| self.occur_in(name)) {
                    let named = std::mem::take(members).into_iter();
                    *members = named.map(|(name, value)| (self.hidden(&name), value)).collect();
                }
                members.values_mut().for_each(|value| self.hide_in(value));
            }
            Json::Null | Json::Bool(_) => {}
        }
    }

    fn occur_in(&self, text: &str) -> bool {
        self.words.iter().any(|word| text.contains(word.as_str()))
    }
}

/// How many bytes at the end of a text begin a word and do not end it.
fn begun(word: &str, text: &str) -> Option<usize> {
    let lengths = SHORTEST_SECRET..word.len().min(text.len() + 1);
    let begins = |length: &usize| {
        let beginning = word.as_bytes().get(..*length);
        beginning.is_some_and(|beginning| text.as_bytes().ends_with(beginning))
    };
    lengths.rev().find(begins)
}

/// A text as it stands within the quotes of JSON.
pub fn quoted(text: &str) -> String {
    let quoted = Json::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use crate::model::json;

    use super::*;

    fn words(secrets: &[&str]) -> Words {
        let mut words = Words::default();
        secrets.iter().for_each(|secret| words.secret(secret));
        words
    }

    #[test]
    fn the_beginning_of_a_secret_at_a_cut_is_dropped() {
        let words = words(&["hunter2hunter2", "hünter", "abc\"def"]);
        for (text, shown) in [
            ("said hunter2hunter", "said "),
            ("said hunter2hunter2", "said [redacted]"),
            ("said hunter2hunt", "said "),
            ("said hunt", "said "),
            ("said hun", "said hun"),
            ("said hunter2 fine", "said hunter2 fine"),
            ("said hünt\u{fffd}", "said "),
            ("said h\u{fffd}", "said h\u{fffd}"),
            (r#"said abc\"d"#, "said "),
            ("hunt", ""),
            ("", ""),
        ] {
            assert_eq!(words.hidden_in_cut(text), shown, "{text}");
        }
    }

    #[test]
    fn a_document_loses_secrets_wherever_they_stand() {
        let mut document = json!({
            "a": ["my hunter2", {"hunter2": 1}], "pin": 4711, "other": 47110, "flag": true, "none": null,
        });
        words(&["hunter2", "4711"]).hide_in(&mut document);
        let hidden = json!({
            "a": ["my [redacted]", {"[redacted]": 1}], "pin": "[redacted]", "other": 47110, "flag": true, "none": null,
        });
        assert_eq!(document, hidden);
    }

    #[test]
    fn debug_output_does_not_show_them() {
        assert!(!format!("{:?}", words(&["hunter2"])).contains("hunter2"));
    }
}
