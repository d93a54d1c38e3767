//! URLs of webhooks: what of them is a credential, and whether deliveries may go there.

use std::net::{IpAddr, Ipv4Addr};

use http::Uri;
use ipnet::IpNet;

use super::code;
use super::credential;
use super::draft::{Destination, Vault};
use super::write::Text;
use crate::address::{self, Why};
use crate::percent;
use crate::template;

/// Where a URL leads, as far as it can be told beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    /// A public address.
    Open,
    /// A name, which may turn out to be a private address.
    Name(String),
    /// An address that has to be allowed.
    Private(IpNet),
    /// Nowhere, because.
    Never(String),
}

/// Whether the sender takes URLs for templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Jinja {
    Yes,
    No,
}

/// Puts the URL into the destination, with placeholders for what must not be copied, and what
/// follows from it.
pub(super) fn set(raw: &str, jinja: Jinja, to: &mut Destination, vault: &mut Vault<'_>) {
    let is_template = jinja == Jinja::Yes && code::is_template(raw);
    let mut url = normal(raw.trim(), is_template);
    if let Some((before, user, after)) = user(&url) {
        // Whoever is named there is logged on by the header of the same meaning.
        let placeholder = vault.placeholder("basic", "base64 of `user:password` from the URL");
        to.headers.push(("Authorization".to_owned(), Text::literal("Basic ").then(&placeholder)));
        to.remarks.push("The URL named a user: see the header Authorization.".to_owned());
        url = match code::is_template(user) {
            true => String::new(),
            false => format!("{before}{after}"),
        };
    }
    if !is_template && let Some((before, _)) = url.split_once('#') {
        url = before.to_owned();
    }
    match reach(&url, is_template) {
        Reach::Open => {}
        Reach::Name(host) => to.host = Some(host),
        Reach::Private(network) => to.allow = Some(network),
        Reach::Never(why) => to.off = Some(why),
    }
    if url.is_empty() || (!is_template && http_uri(&url, false).is_none()) {
        to.url = Text::literal("replace-me");
        return;
    }
    let before = vault.variables.list.len();
    to.url = masked(&url, is_template, vault);
    to.url_secret = vault.variables.list.len() > before;
}

/// The scheme in small letters, and percent-encoded what no URL may hold.
fn normal(raw: &str, is_template: bool) -> String {
    let (scheme, rest) = raw.split_once("://").map_or(("", raw), |(scheme, rest)| (scheme, rest));
    let scheme =
        if scheme.is_empty() { String::new() } else { format!("{}://", scheme.to_ascii_lowercase()) };
    if is_template {
        return format!("{scheme}{rest}");
    }
    let rest = percent::encode(rest, |byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
    format!("{scheme}{rest}")
}

/// What stands before the user, who it is, and what stands behind the `@`.
fn user(url: &str) -> Option<(&str, &str, &str)> {
    let start = url.find("://")? + 3;
    let rest = url.get(start..)?;
    let authority =
        code::split(rest, |c| matches!(c, '/' | '?' | '#')).first().map_or("", |(_, first)| first);
    let at = authority.rfind('@')?;
    Some((url.get(..start)?, authority.get(..at)?, rest.get(at + 1..)?))
}

/// The URL, or of a template what stands before its path, if it is one that the config takes.
fn http_uri(url: &str, is_template: bool) -> Option<Uri> {
    let uri: Uri = if is_template { template::origin(url)? } else { url.parse().ok()? };
    let authority = uri.authority()?;
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    let port_is_right = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    let good =
        matches!(uri.scheme_str(), Some("http" | "https")) && !authority.host().is_empty() && port_is_right;
    good.then_some(uri)
}

fn reach(url: &str, is_template: bool) -> Reach {
    if url.is_empty() {
        return Reach::Never("its URL has a user that comes from the event".to_owned());
    }
    let Some(uri) = http_uri(url, is_template) else {
        let why = match is_template && template::origin(url).is_none() {
            true => "its host comes from the event; such URLs reach only what egress.allow lists",
            false => "its URL is none that begins with http:// or https:// and names a host",
        };
        return Reach::Never(why.to_owned());
    };
    let host = uri.host().unwrap_or_default();
    if host.eq_ignore_ascii_case("localhost") {
        return Reach::Private(IpNet::from(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
    let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() else {
        return Reach::Name(host.to_ascii_lowercase());
    };
    match address::check(address, &[], &[]) {
        Ok(()) => Reach::Open,
        Err(Why::NotAllowed(_)) => Reach::Private(IpNet::from(address)),
        Err(why) => Reach::Never(format!("{address} {}", why.text())),
    }
}

/// Placeholders for what in path and query is a credential.
fn masked(url: &str, is_template: bool, vault: &mut Vault<'_>) -> Text {
    let start = url.find("://").map_or(0, |at| at + 3);
    let (origin, rest) = url.split_at(start);
    let mut parts = code::split(rest, |c| matches!(c, '/' | '?' | '&' | ';')).into_iter();
    let host = parts.next().map_or("", |(_, host)| host);
    let secret_path = credential::has_secret_path(host_of(host));
    let mut mask = Mask { is_template, secret_path, announced: false, vault };
    let mut text = Text::literal(origin).then(&Text::literal(host));
    let mut swallowed = false;
    for (separator, part) in parts {
        // One placeholder stands for all that is secret of such a path.
        swallowed &= separator == Some('/');
        if swallowed {
            continue;
        }
        let separator = separator.map(String::from).unwrap_or_default();
        let (next, was_masked) = mask.part(part);
        swallowed = secret_path && was_masked;
        text = text.then(&Text::literal(&separator)).then(&next);
    }
    text
}

/// Segments before a secret one.
const ANNOUNCING: [&str; 6] = ["token", "secret", "key", "apikey", "api-key", "api_key"];

/// Whether a part says something itself, rather than to be filled in from the event.
fn is_literal(part: &str) -> bool {
    !code::plain(part).is_empty() || code::has_literals(part)
}

fn host_of(authority: &str) -> &str {
    authority.split(':').next().unwrap_or_default()
}

struct Mask<'m, 'd> {
    is_template: bool,
    /// Every segment but plain words is a part of the secret.
    secret_path: bool,
    /// The segment before said that this one is a secret.
    announced: bool,
    vault: &'m mut Vault<'d>,
}

impl Mask<'_, '_> {
    /// A segment or a parameter, and whether a placeholder stands for it.
    fn part(&mut self, part: &str) -> (Text, bool) {
        if let Some((name, value)) = part.split_once('=').filter(|(name, _)| !code::is_template(name)) {
            if is_literal(value) && credential::is_parameter(name, value) {
                let value = self.placeholder(name, "query parameter");
                return (Text::literal(&format!("{name}=")).then(&value), true);
            }
            return (Text::literal(part), false);
        }
        let plain = code::plain(part);
        let is_word = plain.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_secret = self.announced || credential::looks_random(&plain) || (self.secret_path && !is_word);
        self.announced = ANNOUNCING.contains(&plain.to_ascii_lowercase().as_str());
        match is_literal(part) && is_secret {
            true => (self.placeholder("url-token", "part of the path"), true),
            false => (Text::literal(part), false),
        }
    }

    fn placeholder(&mut self, hint: &str, what: &str) -> Text {
        let what = match hint {
            "url-token" => format!("{what} of the URL"),
            name => format!("{what} {name:?} of the URL"),
        };
        match self.is_template {
            true => Text::literal(&format!("{{{{ secrets.{} }}}}", self.vault.secret(hint, &what))),
            false => self.vault.placeholder(hint, &what),
        }
    }
}
