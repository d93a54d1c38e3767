//! `proxy:` of the section `egress`, of a destination or of a lookup: the forward proxy that
//! requests leave by.
//!
//! URLs of proxies are not quoted in messages: many hold a password.

mod bypass;
mod url;

use std::fmt;
use std::sync::Arc;

use http::Uri;

pub use self::bypass::Bypass;

use self::url::Url;
use super::context::Context;
use super::{Proxy, ProxyKind, tls};
use crate::address::{self, Why};
use crate::secret::Secret;
use crate::yaml::{At, Node, Reader, Value};

const BYPASS: &str = "a host, a domain, an address or a network, with `:port` or without";

/// How long user name and password may be for SOCKS (RFC 1929).
const SOCKS_LONGEST: usize = 255;

/// Reads `proxy`. Where it is not given, or an empty text, the `inherited` one holds; `none`
/// means none.
pub(super) fn read(
    r: &mut Reader<'_>,
    inherited: Option<&Arc<Proxy>>,
    cx: &mut Context<'_>,
) -> Option<Arc<Proxy>> {
    let path = r.path_of("proxy");
    let Some(node) = r.node("proxy").filter(|node| node.value != Value::Null) else {
        return inherited.cloned();
    };
    if cx.expansion.is_broken(node.at) {
        return None;
    }
    match node.scalar().as_deref() {
        Some("") => inherited.cloned(),
        Some("none") => None,
        Some(text) => short(&path, node, text, cx).map(Arc::new),
        None => long(Reader::new(cx.file, path, node, cx.problems)?, cx).map(Arc::new),
    }
}

/// A URL alone.
fn short(path: &str, node: &Node, text: &str, cx: &mut Context<'_>) -> Option<Proxy> {
    let url = url(path, node.at, text, cx)?;
    let credentials = credentials(path, node.at, &url, None, None, cx);
    Some(proxy(url, credentials))
}

fn long(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Option<Proxy> {
    let r = &mut reader;
    let has_url = r.entries().iter().any(|(key, node)| key.name == "url" && node.value != Value::Null);
    if !has_url {
        r.missing("url", "such as `http://proxy.example.com:3128`", cx.problems);
    }
    let path = r.path_of("url");
    let found = cx.text(r, "url").and_then(|(at, text)| Some((at, url(&path, at, &text, cx)?)));
    let (user, password) = (cx.text(r, "user"), cx.text(r, "password"));
    let no_proxy = cx.values(r, "no_proxy", BYPASS, Bypass::parse);
    let ca = tls::authority(r, cx);
    let resolve = cx.word(r, "resolve", &["local", "proxy"]);
    let own = r.path.clone();
    let proxy = found.map(|(at, url)| {
        only_where_it_counts(&own, &url, ca.as_ref().map(|(at, _)| *at), resolve.as_ref(), cx);
        let credentials = credentials(&own, at, &url, user, password, cx);
        proxy(url, credentials)
    });
    reader.finish(cx.problems);
    Some(Proxy {
        no_proxy: no_proxy.unwrap_or_default(),
        ca: ca.map(|(_, path)| path),
        resolves: resolve.is_some_and(|(_, word)| word == "proxy"),
        ..proxy?
    })
}

fn proxy(url: Url, credentials: Option<(String, Secret)>) -> Proxy {
    let (kind, authority) = (url.kind, url.authority);
    Proxy { kind, authority, credentials, no_proxy: Vec::new(), ca: None, resolves: false }
}

fn url(path: &str, at: At, text: &str, cx: &mut Context<'_>) -> Option<Url> {
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err((message, help)) => {
            cx.problem(at, format!("`{path}` {message}"), help);
            return None;
        }
    };
    let host = bare(url.authority.host());
    if let Some(why @ Why::Never(_)) =
        host.parse().ok().and_then(|address| address::check(address, &[], &[]).err())
    {
        cx.problem(at, format!("{host} {}", why.text()), "give the proxy another address");
        return None;
    }
    Some(url)
}

/// From the URL or from keys of their own, but not from both.
fn credentials(
    path: &str,
    at: At,
    url: &Url,
    user: Option<(At, String)>,
    password: Option<(At, String)>,
    cx: &mut Context<'_>,
) -> Option<(String, Secret)> {
    let (at, user, password) = match (&url.credentials, user, password) {
        (None, None, None) => return None,
        (Some(_), Some((at, _)), _) | (Some(_), None, Some((at, _))) => {
            let message = format!("`{path}` has credentials in its URL and in keys of their own");
            cx.problem(at, message, "keep one of the two");
            return None;
        }
        (Some((user, password)), None, None) => (at, user.clone(), password.expose().to_owned()),
        (None, Some((at, user)), password) => (at, user, password.map(|(_, text)| text).unwrap_or_default()),
        (None, None, Some((at, _))) => {
            cx.problem(at, format!("`{path}` has a password but no user"), "add `user:`");
            return None;
        }
    };
    let fault = match url.kind.is_socks() {
        true if user.is_empty() || password.is_empty() => Some("SOCKS wants both, user and password"),
        true if user.len().max(password.len()) > SOCKS_LONGEST => {
            Some("SOCKS knows at most 255 bytes of each")
        }
        false if user.contains(':') => Some("a user name with a colon would be read as user and password"),
        _ => None,
    };
    if let Some(fault) = fault {
        cx.problem(at, format!("`{path}` cannot be used with these credentials"), fault);
        return None;
    }
    Some((user, Secret::new(password)))
}

fn only_where_it_counts(
    path: &str,
    url: &Url,
    ca: Option<At>,
    resolve: Option<&(At, String)>,
    cx: &mut Context<'_>,
) {
    if let Some(at) = ca.filter(|_| url.kind != ProxyKind::Https) {
        let message = format!("`{path}.ca` is for proxies that are spoken to over TLS");
        cx.problem(at, message, "write the URL with https://, or remove the key");
    }
    if let Some((at, _)) = resolve.filter(|(_, word)| word == "proxy" && url.kind == ProxyKind::Socks5) {
        let message = format!("`{path}.resolve: proxy` needs a proxy that is told names");
        cx.problem(*at, message, "write the URL with socks5h://; socks5:// sends addresses");
    }
}

/// The host without the brackets of IPv6.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

impl ProxyKind {
    pub const ALL: [(&'static str, Self); 4] =
        [("http", Self::Http), ("https", Self::Https), ("socks5", Self::Socks5), ("socks5h", Self::Socks5h)];

    fn scheme(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    pub fn is_socks(self) -> bool {
        matches!(self, Self::Socks5 | Self::Socks5h)
    }
}

/// As it may be shown: without credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.kind.scheme(), self.authority)
    }
}

impl Proxy {
    /// Whether files belong to it, which may change under the same names.
    pub fn names_files(&self) -> bool {
        self.ca.is_some()
    }

    /// Whether requests to this URL leave by the proxy.
    pub fn serves(&self, url: &Uri) -> bool {
        let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
        let host = bare(url.host().unwrap_or_default());
        !self.no_proxy.iter().any(|bypass| bypass.matches(host, url.port_u16().unwrap_or(usual)))
    }

    /// Whether the proxy reads the request itself, and does not only carry bytes.
    pub fn forwards(&self, url: &Uri) -> bool {
        !self.kind.is_socks() && url.scheme_str() == Some("http") && self.serves(url)
    }
}
