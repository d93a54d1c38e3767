//! A text that must never be shown, and how things look that may hold one.

mod mark;

use std::fmt;

use http::Uri;

use crate::model::Timestamp;

pub use mark::{fill, is_marked, is_name, mark, masked};

/// What is shown in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// A secret. `Debug` prints `[redacted]`; there is no `Display` and no `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    /// From then on it neither signs nor proves anything.
    until: Option<Timestamp>,
}

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), until: None }
    }

    /// The same, but only until an instant.
    pub fn until(self, until: Timestamp) -> Self {
        Self { until: Some(until), ..self }
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// When it ends; `None`: never.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.until
    }

    /// When it expired, if it has.
    pub fn expired_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until <= now)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Whether a header or a parameter of this name is likely to hold a credential.
pub fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "cookie", "key", "token", "secret", "password", "credential", "signature"]
        .iter()
        .any(|word| name.contains(word))
}

/// A URL as it may be shown: without user and password, and without the values of query
/// parameters that sound like secrets.
pub fn shown_url(url: &Uri) -> String {
    let scheme = url.scheme_str().map(|scheme| format!("{scheme}://")).unwrap_or_default();
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{REDACTED}@{host}"),
        None => authority.to_owned(),
    };
    let query = url.query().map(|query| format!("?{}", shown_query(query))).unwrap_or_default();
    format!("{scheme}{authority}{}{query}", url.path())
}

/// A query as it may be shown.
pub fn shown_query(query: &str) -> String {
    let show = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if sounds_secret(name) || name == "sig" => format!("{name}={REDACTED}"),
        _ => pair.to_owned(),
    };
    query.split('&').map(show).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::{Secret, Timestamp, shown_url};

    #[test]
    fn user_and_password_of_a_url_are_not_shown() {
        let url = "https://ann:hunter2@example.org/a?b=c&token=hunter2".parse().unwrap();
        assert_eq!(shown_url(&url), "https://[redacted]@example.org/a?b=c&token=[redacted]");
    }

    #[test]
    fn a_secret_ends_at_its_instant_and_not_before() {
        let secret = Secret::new("hunter2").until(Timestamp::from_second(9).unwrap());
        let expired = |second| secret.expired_at(Timestamp::from_second(second).unwrap());
        assert_eq!((expired(8), expired(9)), (None, secret.ends_at()));
        assert_eq!(Secret::new("hunter2").expired_at(Timestamp::MAX), None);
    }

    #[test]
    fn debug_output_does_not_show_it() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[redacted]");
    }
}
