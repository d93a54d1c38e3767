//! What must not be shown of what a receiver says back.

use crate::config::{Destination, Target};
use crate::outbound::echo::Words;
use crate::secret::Secret;

/// Every credential of the destination, in whatever way it may be written.
pub(super) fn words(destination: &Destination) -> Words {
    let proxy = destination.proxy.as_deref();
    let mut words = Words::of(&destination.headers, destination.auth.as_ref(), proxy);
    let tokens = destination.sign.scheme.token_header().map(|_| &destination.sign.secrets);
    let secrets = tokens.into_iter().flatten().chain(destination.secrets.values());
    secrets.map(Secret::expose).for_each(|secret| words.secret(secret));
    // Path and query of a URL that is a secret as a whole.
    if let Target::Fixed(url) = &destination.url
        && let Some(path) = url.path_and_query().filter(|_| destination.url_secret)
    {
        words.literal(path.as_str());
    }
    words
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::config::{Auth, Proxy, ProxyKind};
    use crate::egress::tests::fixture;
    use crate::secret::REDACTED;
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
        let hidden = words(&destination).hidden(said);
        assert_eq!(hidden.matches(REDACTED).count(), 6, "{hidden}");
        assert!(hidden.contains(" short ") && hidden.ends_with(" fine"), "{hidden}");
    }

    #[test]
    fn a_password_is_hidden_as_it_is_and_as_it_is_sent() {
        let destination = fixture::destination("https://a.example/", |destination| {
            let password = Secret::new("open sesame");
            destination.auth = Some(Auth::Basic { user: "ann".to_owned(), password });
        });
        let hidden = words(&destination).hidden("open sesame YW5uOm9wZW4gc2VzYW1l open%20sesame fine");
        assert_eq!(hidden, "[redacted] [redacted] [redacted] fine");
    }

    #[test]
    fn what_the_proxy_is_told_is_hidden_too() {
        let destination = fixture::destination("https://a.example/", |destination| {
            destination.proxy = Some(Arc::new(Proxy {
                kind: ProxyKind::Http,
                authority: "proxy.example:3128".parse().unwrap(),
                credentials: Some(("ann".to_owned(), Secret::new("open sesame"))),
                no_proxy: Vec::new(),
                ca: None,
                resolves: false,
            }));
        });
        let hidden = words(&destination).hidden("open sesame YW5uOm9wZW4gc2VzYW1l open%20sesame ann fine");
        assert_eq!(hidden, "[redacted] [redacted] [redacted] ann fine");
    }
}
