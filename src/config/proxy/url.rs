//! The URL of a proxy: scheme, perhaps credentials, host, perhaps a port.

use http::uri::Authority;

use crate::config::ProxyKind;
use crate::percent;
use crate::secret::Secret;
use crate::yaml::nearest;

#[derive(Debug)]
pub(super) struct Url {
    pub kind: ProxyKind,
    /// Always with a port.
    pub authority: Authority,
    pub credentials: Option<(String, Secret)>,
}

/// What is wrong, and what to do about it.
type Wrong = (String, String);

const FORM: &str = "write it as `http://proxy.example.com:3128`";

fn wrong(message: &str, help: &str) -> Wrong {
    (message.to_owned(), help.to_owned())
}

impl Url {
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let Some((scheme, rest)) = text.split_once("://") else {
            let message = "must be a URL that begins with http://, https://, socks5:// or socks5h://";
            return Err(wrong(message, FORM));
        };
        let kind = kind(scheme)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !matches!(path, "" | "/") {
            let help = "remove it; in a password `/`, `?` and `#` are written `%2F`, `%3F` and `%23`";
            return Err(wrong("has a path, which proxies do not have", help));
        }
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(decoded(credentials)?), host),
            None => (None, authority),
        };
        Ok(Self { kind, authority: with_port(host, kind)?, credentials })
    }
}

fn kind(scheme: &str) -> Result<ProxyKind, Wrong> {
    let scheme = scheme.to_ascii_lowercase();
    let known = ProxyKind::ALL.map(|(name, _)| name);
    match ProxyKind::ALL.iter().find(|(name, _)| *name == scheme) {
        Some((_, kind)) => Ok(*kind),
        // What stands before `://` may be anything, a part of a password too.
        None => {
            Err(("has a scheme that no proxy of this version speaks".to_owned(), nearest(&scheme, &known)))
        }
    }
}

fn decoded(credentials: &str) -> Result<(String, Secret), Wrong> {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let decoded = percent::decode(user).zip(percent::decode(password));
    let (user, password) = decoded.ok_or_else(|| {
        wrong("has credentials with a `%` that encodes nothing", "write the letter `%` itself as `%25`")
    })?;
    Ok((user, Secret::new(password)))
}

fn with_port(text: &str, kind: ProxyKind) -> Result<Authority, Wrong> {
    let authority: Authority = match text.parse() {
        Ok(authority) => authority,
        Err(_) if text.is_empty() => return Err(wrong("names no host", FORM)),
        Err(_) => return Err(wrong("is no URL", FORM)),
    };
    let host = authority.host();
    match (host.is_empty(), text.strip_prefix(host).unwrap_or_default()) {
        (true, _) => Err(wrong("names no host", FORM)),
        (false, "") => {
            let port = usual_port(kind);
            format!("{host}:{port}").parse().map_err(|_| wrong("is no URL", FORM))
        }
        (false, port) => match port.strip_prefix(':').map(str::parse::<u16>) {
            Some(Ok(1..)) => Ok(authority),
            _ => Err(wrong("has a port that is none", "ports go from 1 to 65535")),
        },
    }
}

fn usual_port(kind: ProxyKind) -> u16 {
    match kind {
        ProxyKind::Http => 80,
        ProxyKind::Https => 443,
        ProxyKind::Socks5 | ProxyKind::Socks5h => 1080,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (text, kind, authority, credentials) in [
            ("http://proxy:3128", ProxyKind::Http, "proxy:3128", None),
            ("HTTPS://proxy/", ProxyKind::Https, "proxy:443", None),
            ("socks5://10.0.0.1", ProxyKind::Socks5, "10.0.0.1:1080", None),
            ("socks5h://[fd00::1]:9", ProxyKind::Socks5h, "[fd00::1]:9", None),
            ("http://ann:p%40ss%2F@proxy", ProxyKind::Http, "proxy:80", Some(("ann", "p@ss/"))),
            ("http://ann@proxy:1", ProxyKind::Http, "proxy:1", Some(("ann", ""))),
            ("http://ann:a@b:c@proxy:1", ProxyKind::Http, "proxy:1", Some(("ann", "a@b:c"))),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.kind, url.authority.as_str()), (kind, authority), "{text}");
            let found = url.credentials.as_ref().map(|(user, password)| (user.as_str(), password.expose()));
            assert_eq!(found, credentials, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_a_password() {
        for (text, wanted) in [
            ("proxy:3128", "must be a URL"),
            ("socks4://hunter2@proxy", "has a scheme"),
            ("http://", "names no host"),
            ("http://:3128", "names no host"),
            ("http://ann:hunter2@", "names no host"),
            ("http://proxy:0", "has a port that is none"),
            ("http://proxy:99999", "has a port that is none"),
            ("http://proxy:", "has a port that is none"),
            ("http://ann:hunter2@proxy:x", ""),
            ("http://ann:hunter2/x@proxy:3128", ""),
            ("http://proxy:3128/pac", "has a path"),
            ("http://ann:hunter2%zz@proxy", "has credentials"),
            ("http://pro xy", "is no URL"),
        ] {
            let (message, help) = Url::parse(text).map(|url| url.authority).unwrap_err();
            assert!(message.starts_with(wanted), "{text}: {message}");
            assert!(!message.contains("hunter2") && !help.contains("hunter2"), "{text}");
        }
        assert_eq!(Url::parse("sock5://p").unwrap_err().1, "did you mean `socks5`?");
    }
}
