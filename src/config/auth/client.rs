//! `oauth2:` of `auth`: the client, and where its tokens come from.

use http::Uri;

use super::{literal, standing};
use crate::config::context::Context;
use crate::config::{Egress, OAuth2, Proxy, Target, target};
use crate::secret::Secret;
use crate::yaml::Reader;

/// What stands there, perhaps not all of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Client {
    pub token_url: Option<target::Given>,
    pub id: Option<String>,
    pub secret: Option<Secret>,
    scope: Option<String>,
    audience: Option<String>,
    in_body: Option<bool>,
}

/// Reads the mapping, and says which keys stand there, right or wrong.
pub(super) fn read(mut reader: Reader<'_>, cx: &mut Context<'_>) -> (Client, Vec<&'static str>) {
    let r = &mut reader;
    let there = standing(r, &["token_url", "client_id", "client_secret"]);
    let token_url = target::read_fixed(r, "token_url", cx).filter(|given| encrypted(given, r, cx));
    let mut text = |key| cx.text(r, key).map(|(_, text)| text);
    let (id, secret) = (text("client_id"), text("client_secret").map(Secret::new));
    let (scope, audience) = (text("scope"), text("audience"));
    let in_body = cx.word(r, "credentials", &["header", "body"]).map(|(_, word)| word == "body");
    reader.finish(cx.problems);
    (Client { token_url, id, secret, scope, audience, in_body }, there)
}

/// Of an endpoint on loopback: the way to it does not lead to another machine first.
fn stays_here(token_url: &Uri, proxy: &Proxy) -> bool {
    token_url.scheme_str() != Some("http") || !proxy.serves(token_url) || is_here(proxy.authority.host())
}

fn is_here(host: &str) -> bool {
    match literal(host) {
        Some(address) => address.is_loopback(),
        None => host.eq_ignore_ascii_case("localhost"),
    }
}

/// The client's secret must not cross a network in plain text.
fn encrypted(given: &target::Given, r: &Reader<'_>, cx: &mut Context<'_>) -> bool {
    let Some(url) = given.target.origin().filter(|url| url.scheme_str() == Some("http")) else { return true };
    let stays_here = url.host().is_some_and(is_here);
    if !stays_here {
        let message = format!("`{}` would send the client's secret unencrypted", r.path_of("token_url"));
        cx.problem(given.at(), message, "write it with https://; http:// is for loopback only");
    }
    stays_here
}

impl Client {
    /// What this layer says, and where it says nothing, what the one below says.
    pub fn over(self, below: Self) -> Self {
        Self {
            token_url: self.token_url.or(below.token_url),
            id: self.id.or(below.id),
            secret: self.secret.or(below.secret),
            scope: self.scope.or(below.scope),
            audience: self.audience.or(below.audience),
            in_body: self.in_body.or(below.in_body),
        }
    }

    /// `None`: something is missing, or wrong.
    pub fn complete(self, proxy: Option<&Proxy>, egress: &Egress, cx: &mut Context<'_>) -> Option<OAuth2> {
        let given = self.token_url?;
        target::reachable(&given, egress, cx);
        let Target::Fixed(token_url) = given.target.clone() else { return None };
        if proxy.is_some_and(|proxy| !stays_here(&token_url, proxy)) {
            let message = "the client's secret would go unencrypted to the proxy, and tokens come back so";
            given.problem(message, "name the token endpoint's host in no_proxy", cx);
        }
        Some(OAuth2 {
            token_url,
            client_id: self.id?,
            client_secret: self.secret?,
            scope: self.scope,
            audience: self.audience,
            in_body: self.in_body.unwrap_or(false),
        })
    }
}
