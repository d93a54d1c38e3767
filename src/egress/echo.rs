//! What a receiver says back, without the credentials it was sent.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::config::{Auth, Destination, Target};
use crate::secret::{REDACTED, Secret};

use super::target::Place;

/// Words of headers that are shorter may well be no credentials, and would be found everywhere.
const SHORTEST_WORD: usize = 8;
/// The same for what is known to be one.
const SHORTEST_SECRET: usize = 4;

/// The text with every credential of the destination replaced, in whatever way it was written.
pub(super) fn hidden(text: &str, destination: &Destination) -> String {
    let mut text = text.to_owned();
    for word in words(destination) {
        if text.contains(word.as_str()) {
            text = text.replace(word.as_str(), REDACTED);
        }
    }
    text
}

/// The longest first, as one may hold another.
fn words(destination: &Destination) -> Vec<String> {
    let headers = destination.headers.iter().map(|(_, secret)| secret.expose());
    // `Bearer abc`: the credential alone is as secret as the whole value.
    let parts = headers.flat_map(str::split_whitespace).filter(|word| word.len() >= SHORTEST_WORD);
    let tokens = destination.sign.scheme.token_header().map(|_| &destination.sign.secrets);
    let tokens = tokens.into_iter().flatten().chain(destination.secrets.values()).chain(proof(destination));
    let secrets = tokens.map(Secret::expose).filter(|word| word.len() >= SHORTEST_SECRET);
    let mut words: Vec<String> = parts.map(str::to_owned).collect();
    for secret in secrets {
        words.extend([Place::Text, Place::Json, Place::Url].map(|place| place.written(secret)));
    }
    words.extend(basic(destination));
    words.extend(secret_path(destination));
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words
}

/// What proves who sends. The client itself hides the tokens it fetched.
fn proof(destination: &Destination) -> Option<&Secret> {
    match destination.auth.as_ref()? {
        Auth::Basic { password: secret, .. } | Auth::Bearer(secret) => Some(secret),
        Auth::OAuth2(client) => Some(&client.client_secret),
    }
}

/// User and password as they are sent.
fn basic(destination: &Destination) -> Option<String> {
    let Some(Auth::Basic { user, password }) = &destination.auth else { return None };
    Some(BASE64_STANDARD.encode(format!("{user}:{}", password.expose())))
}

/// Path and query of a URL that is a secret as a whole.
fn secret_path(destination: &Destination) -> Option<String> {
    let Target::Fixed(url) = &destination.url else { return None };
    let path = url.path_and_query()?.as_str();
    (destination.url_secret && path.len() >= SHORTEST_WORD).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::egress::tests::fixture;
    use crate::signature::Scheme;

    #[test]
    fn whatever_is_secret_about_a_destination_is_hidden_in_what_it_says() {
        let destination = fixture::destination("https://a.example/services/T0/B0?x=1", |destination| {
            destination.url_secret = true;
            destination.headers = fixture::headers(&[("authorization", "Bearer abcdefgh"), ("x", "short")]);
            destination.secrets = BTreeMap::from([("pin".to_owned(), Secret::new("a\"b c"))]);
            destination.sign.scheme = Scheme::Gitlab;
            destination.sign.secrets = vec![Secret::new("gl-tok")];
        });
        let said = r#"abcdefgh short a"b c a\"b c a%22b%20c gl-tok /services/T0/B0?x=1 fine"#;
        let hidden = hidden(said, &destination);
        assert_eq!(hidden.matches(REDACTED).count(), 6, "{hidden}");
        assert!(hidden.contains(" short ") && hidden.ends_with(" fine"), "{hidden}");
    }

    #[test]
    fn a_password_is_hidden_as_it_is_and_as_it_is_sent() {
        let destination = fixture::destination("https://a.example/", |destination| {
            let password = Secret::new("open sesame");
            destination.auth = Some(Auth::Basic { user: "ann".to_owned(), password });
        });
        let hidden = hidden("open sesame YW5uOm9wZW4gc2VzYW1l open%20sesame fine", &destination);
        assert_eq!(hidden, "[redacted] [redacted] [redacted] fine");
    }
}
