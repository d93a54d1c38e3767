//! A text that must never be shown, and how things look that may hold one.

mod mark;

use std::fmt;

use http::Uri;

pub use mark::{fill, is_marked, is_name, mark, masked};

/// What is shown in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// A secret. `Debug` prints `[redacted]`; there is no `Display` and no `Serialize`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
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
    use super::{Secret, shown_url};

    #[test]
    fn user_and_password_of_a_url_are_not_shown() {
        let url = "https://ann:hunter2@example.org/a?b=c&token=hunter2".parse().unwrap();
        assert_eq!(shown_url(&url), "https://[redacted]@example.org/a?b=c&token=[redacted]");
    }

    #[test]
    fn debug_output_does_not_show_it() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[redacted]");
    }
}
