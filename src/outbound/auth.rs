//! Who sends a request, as its `Authorization` header says it.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;

use super::classify::Unusable;
use super::client::Way;
use super::tokens::Tokens;
use crate::config::Auth;
use crate::secret::Secret;

/// Where the header's value comes from.
pub(super) enum Proof {
    None,
    /// Always the same.
    Fixed(Result<HeaderValue, Unusable>),
    /// Fetched, and again when it ends.
    Tokens(Box<Tokens>),
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Fixed(_) => "Fixed",
            Self::Tokens(_) => "Tokens",
        })
    }
}

impl Proof {
    pub fn new(way: &Way) -> Self {
        match &way.auth {
            None => Self::None,
            Some(Auth::Basic { user, password }) => Self::Fixed(basic(user, password)),
            Some(Auth::Bearer(token)) => Self::Fixed(bearer(token.expose())),
            Some(Auth::OAuth2(client)) => Self::Tokens(Box::new(Tokens::new(client.clone(), way))),
        }
    }
}

/// `Basic …` (RFC 7617)
pub(super) fn basic(user: &str, password: &Secret) -> Result<HeaderValue, Unusable> {
    let credentials = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
    sensitive(&format!("Basic {credentials}"))
}

/// `Bearer …` (RFC 6750)
pub(super) fn bearer(token: &str) -> Result<HeaderValue, Unusable> {
    sensitive(&format!("Bearer {token}"))
}

fn sensitive(text: &str) -> Result<HeaderValue, Unusable> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Unusable::new(
            "a credential holds what no header can carry",
            "look for a line break at the end of the secret or file it comes from",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}
