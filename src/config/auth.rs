//! `auth:` of a destination or a lookup: how the gateway proves who it is, besides signing.
//!
//! Read into parts first, so that a preset may give some of them (the token endpoint, say) and
//! the destination the rest.

mod client;

use std::net::IpAddr;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Uri};

use self::client::Client;
use super::context::Context;
use super::{Auth, Egress, Proxy, Target};
use crate::address;
use crate::secret::Secret;
use crate::yaml::{At, Reader, Value};

const KINDS: [&str; 3] = ["basic", "bearer", "oauth2"];

/// What `auth:` says, perhaps not all of it.
#[derive(Debug, Clone)]
pub(super) struct Given {
    parts: Parts,
    /// Keys that stand there, right or wrong: those are not missing.
    there: Vec<&'static str>,
}

#[derive(Debug, Clone)]
enum Parts {
    Basic {
        user: Option<String>,
        password: Option<Secret>,
    },
    Bearer(Option<Secret>),
    OAuth2(Box<Client>),
    /// Which kind is meant cannot be told, which has been reported.
    Wrong,
}

/// Reads `auth`; `headers` are those that stand beside it.
pub(super) fn read(
    r: &mut Reader<'_>,
    headers: &[(HeaderName, Secret)],
    cx: &mut Context<'_>,
) -> Option<Given> {
    let node = r.node("auth").filter(|node| node.value != Value::Null)?;
    let mut section = Reader::new(cx.file, r.path_of("auth"), node, cx.problems)?;
    let (path, at) = (section.path.clone(), section.at);
    if headers.iter().any(|(name, _)| *name == AUTHORIZATION) {
        let message = format!("`{path}` and the header `Authorization` exclude each other");
        cx.problem(at, message, "both say who the gateway is: remove one of the two");
    }
    let there = |kind: &&&str| {
        section.entries().iter().any(|(key, node)| key.name == **kind && node.value != Value::Null)
    };
    let kinds: Vec<&str> = KINDS.iter().filter(there).copied().collect();
    let before = cx.problems.len();
    let basic = nested(&mut section, "basic", kinds.contains(&"basic"), cx).map(|s| basic(s, cx));
    let bearer = bearer(&mut section, cx);
    let oauth2 = nested(&mut section, "oauth2", kinds.contains(&"oauth2"), cx).map(|s| client::read(s, cx));
    section.finish(cx.problems);
    if kinds.is_empty() && cx.problems.len() == before {
        cx.problem(at, format!("`{path}` names no way"), "write `basic:`, `bearer:` or `oauth2:` below it");
    }
    if let [first, second, ..] = kinds[..] {
        let message = format!("`{path}.{first}` and `{path}.{second}` exclude each other");
        cx.problem(at, message, "one request carries one proof: remove one of the two");
    }
    let (parts, there) = match kinds[..] {
        ["basic"] => basic?,
        ["bearer"] => (Parts::Bearer(bearer), Vec::new()),
        ["oauth2"] => {
            let (client, there) = oauth2?;
            (Parts::OAuth2(Box::new(client)), there)
        }
        _ => (Parts::Wrong, Vec::new()),
    };
    Some(Given { parts, there })
}

fn nested<'a>(
    section: &mut Reader<'a>,
    key: &'static str,
    is_there: bool,
    cx: &mut Context<'_>,
) -> Option<Reader<'a>> {
    // Asking makes the key known, also where nothing stands below it.
    section.node(key);
    is_there.then(|| section.section(key, cx.problems)).flatten()
}

/// Those of the keys that stand there.
fn standing(r: &Reader<'_>, keys: &[&'static str]) -> Vec<&'static str> {
    let there = |key: &&&str| {
        r.entries().iter().any(|(entry, node)| entry.name == **key && node.value != Value::Null)
    };
    keys.iter().filter(there).copied().collect()
}

fn basic(mut r: Reader<'_>, cx: &mut Context<'_>) -> (Parts, Vec<&'static str>) {
    let there = standing(&r, &["user", "password"]);
    let path = r.path_of("user");
    let user = cx.text(&mut r, "user").filter(|(at, user)| {
        let fits = !user.contains(':');
        if !fits {
            let message = format!("`{path}` has a colon, which ends user names");
            cx.problem(*at, message, "what follows it belongs into `password:`");
        }
        fits
    });
    let password = cx.text(&mut r, "password");
    r.finish(cx.problems);
    let parts = Parts::Basic {
        user: user.map(|(_, user)| user),
        password: password.map(|(_, password)| Secret::new(password)),
    };
    (parts, there)
}

fn bearer(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Secret> {
    let path = r.path_of("bearer");
    let (at, token) = cx.text(r, "bearer")?;
    let fits = HeaderValue::from_str(&token).is_ok() && !token.contains(char::is_whitespace);
    if fits {
        return Some(Secret::new(token));
    }
    let help = match token.to_ascii_lowercase().starts_with("bearer ") {
        true => "leave out the word `Bearer`, which the gateway writes itself",
        false => "one word of visible ASCII: is there a line break at its end?",
    };
    cx.problem(at, format!("`{path}` is no token"), help);
    None
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// What one layer says, and where it says nothing, what the layer below says. Another kind
/// replaces the one below as a whole.
pub(super) fn over(own: Option<Given>, below: Option<Given>) -> Option<Given> {
    let (mut own, below) = match (own, below) {
        (Some(own), Some(below)) => (own, below),
        (own, below) => return own.or(below),
    };
    match (&mut own.parts, below.parts) {
        (Parts::Basic { user, password }, Parts::Basic { user: other, password: below }) => {
            *user = user.take().or(other);
            *password = password.take().or(below);
        }
        (Parts::OAuth2(own), Parts::OAuth2(below)) => **own = std::mem::take(&mut **own).over(*below),
        _ => return Some(own),
    }
    own.there.extend(below.there);
    Some(own)
}

impl Given {
    /// The whole of it, for requests to `target` by `proxy`; what is missing or unwise is reported
    /// at the path of `auth` and where it stands.
    pub fn complete(
        self,
        (path, at): (&str, At),
        target: Option<&Target>,
        proxy: Option<&Proxy>,
        egress: &Egress,
        cx: &mut Context<'_>,
    ) -> Option<Auth> {
        private(path, at, target.and_then(Target::origin), cx);
        let mut missing = |is_missing: bool, key: &str, help: &str| {
            let name = key.rsplit('.').next().unwrap_or_default();
            if is_missing && !self.there.contains(&name) {
                cx.problem(at, format!("`{path}.{key}` is missing"), help);
            }
        };
        match self.parts {
            Parts::Basic { user, password } => {
                missing(user.is_none(), "basic.user", "who logs in?");
                missing(password.is_none(), "basic.password", "add `password: \"${…}\"`");
                Some(Auth::Basic { user: user?, password: password? })
            }
            Parts::Bearer(token) => token.map(Auth::Bearer),
            Parts::OAuth2(client) => {
                let where_from = "where do tokens come from, such as `https://sso.example.com/token`?";
                missing(client.token_url.is_none(), "oauth2.token_url", where_from);
                missing(client.id.is_none(), "oauth2.client_id", "how is the gateway called there?");
                let secret = "add `client_secret: \"${…}\"`";
                missing(client.secret.is_none(), "oauth2.client_secret", secret);
                client.complete(proxy, egress, cx).map(Auth::OAuth2)
            }
            Parts::Wrong => None,
        }
    }
}

/// Proofs must not cross the public network in plain text. Of a name it cannot be told here
/// where it leads: those are warned of at every start.
fn private(path: &str, at: At, url: Option<&Uri>, cx: &mut Context<'_>) {
    let Some(url) = url.filter(|url| url.scheme_str() == Some("http")) else { return };
    if url.host().and_then(literal).is_some_and(address::is_public) {
        let host = url.host().unwrap_or_default();
        let message = format!("`{path}` would send its proof unencrypted to {host}");
        cx.problem(at, message, "write the url with https://");
    }
}

impl Auth {
    /// The kind, as the config calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "basic",
            Self::Bearer(_) => "bearer",
            Self::OAuth2(_) => "oauth2",
        }
    }

    /// Where tokens come from, if any are fetched.
    pub fn token_url(&self) -> Option<&Uri> {
        match self {
            Self::OAuth2(client) => Some(&client.token_url),
            _ => None,
        }
    }
}
