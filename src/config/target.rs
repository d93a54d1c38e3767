//! `url:` of a destination: fixed, or a template.

use std::fmt;
use std::net::IpAddr;

use http::Uri;

use super::context::Context;
use super::{Destination, Egress, Target};
use crate::address::{self, Why};
use crate::secret::{REDACTED, shown_url};
use crate::template::{self, Text};
use crate::yaml::{At, Reader};

/// A URL and where it was given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub target: Target,
    file: String,
    at: At,
}

/// Reads `url`.
pub(super) fn read(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Given> {
    let path = r.path_of("url");
    let (at, text) = cx.text(r, "url")?;
    let lines = r.node("url").map(|node| node.lines.clone()).unwrap_or_default();
    let target = parse(Text { file: cx.file.to_owned(), at, lines, key: path.clone(), text });
    given(&path, at, target, cx)
}

/// Reads a URL that is no template.
pub(super) fn read_fixed(r: &mut Reader<'_>, key: &'static str, cx: &mut Context<'_>) -> Option<Given> {
    let path = r.path_of(key);
    let (at, text) = cx.text(r, key)?;
    given(&path, at, fixed(&text).map(Target::Fixed), cx)
}

/// URLs are not quoted in messages: many hold a token in their path.
fn given(path: &str, at: At, target: Result<Target, Wrong>, cx: &mut Context<'_>) -> Option<Given> {
    match target {
        Ok(target) => Some(Given { target, file: cx.file.to_owned(), at }),
        Err((message, help)) => {
            cx.problem(at, format!("`{path}` {message}"), help);
            None
        }
    }
}

impl Given {
    pub fn at(&self) -> At {
        self.at
    }

    /// Notes a problem where the URL was given, in whatever file that is.
    pub fn problem(&self, message: &str, help: &str, cx: &mut Context<'_>) {
        cx.problems.add(&self.file, Some(self.at), message).help(help);
    }
}

type Wrong = (&'static str, &'static str);

fn parse(text: Text) -> Result<Target, Wrong> {
    if !["{{", "{%", "{#"].iter().any(|mark| text.text.contains(mark)) {
        return fixed(&text.text).map(Target::Fixed);
    }
    let origin = template::origin(&text.text);
    if let Some(origin) = &origin {
        fixed(&origin.to_string())?;
    }
    Ok(Target::Template { text, origin })
}

fn fixed(text: &str) -> Result<Uri, Wrong> {
    let wrong = ("must be a URL that begins with http:// or https://", "write it as `https://host/path`");
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err(wrong);
    }
    if text.contains('#') {
        return Err(("has a fragment, which is never sent", "remove the `#` and what follows it"));
    }
    let uri: Uri = text.parse().map_err(|_| ("is no URL", "percent-encode spaces and other letters"))?;
    let authority = uri.authority().ok_or(wrong)?;
    if authority.as_str().contains('@') {
        return Err(("holds a user name", "send credentials by `auth: { basic: { user: …, password: … } }`"));
    }
    let host = authority.host();
    let port = authority.as_str().strip_prefix(host).unwrap_or_default();
    let port_is_right = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    match (host.is_empty(), port_is_right) {
        (true, _) => Err(("names no host", "write it as `https://host/path`")),
        (_, false) => Err(("has a port that is none", "ports go from 1 to 65535")),
        _ => Ok(uri),
    }
}

/// Addresses typed out can be judged now; names only once they are resolved.
pub(super) fn reachable(given: &Given, egress: &Egress, cx: &mut Context<'_>) {
    let url = match &given.target {
        Target::Fixed(url) | Target::Template { origin: Some(url), .. } => url,
        Target::Template { origin: None, text } => {
            if egress.allow.is_empty() {
                let message =
                    format!("`{}` takes its host from the event, and egress.allow is empty", text.key);
                let help = "such URLs reach only what egress.allow lists: add the network that is meant";
                cx.problems.add(&given.file, Some(given.at), message).help(help);
            }
            return;
        }
    };
    let host = url.host().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let named = ["127.0.0.1", "::1"].iter().filter_map(|address| address.parse().ok());
    let judge = |address| address::check(address, &egress.allow, &egress.deny).err();
    let refusals: Vec<Option<Why>> = match literal {
        Some(address) => vec![judge(address)],
        None if host.eq_ignore_ascii_case("localhost") => named.map(judge).collect(),
        None => return,
    };
    // One way that is open suffices.
    if let Some(why) = refusals.into_iter().collect::<Option<Vec<_>>>().and_then(|mut all| all.pop()) {
        let help = match why {
            Why::NotAllowed(_) | Why::NotListed => "add the address or its network to egress.allow",
            _ => "deliveries cannot go there",
        };
        cx.problems.add(&given.file, Some(given.at), format!("{host} {}", why.text())).help(help);
    }
}

impl Target {
    /// Scheme and authority, where they are known beforehand.
    pub fn origin(&self) -> Option<&Uri> {
        match self {
            Self::Fixed(url) => Some(url),
            Self::Template { origin, .. } => origin.as_ref(),
        }
    }

    /// Whether connections may need TLS.
    pub fn may_be_https(&self) -> bool {
        self.origin().is_none_or(|origin| origin.scheme_str() == Some("https"))
    }
}

/// Paths and queries hold tokens at times.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin =
            self.origin().and_then(Uri::authority).map_or("{{ … }}", |authority| authority.as_str());
        f.debug_tuple("Target").field(&origin).finish()
    }
}

impl Destination {
    /// One of its URLs as it may be shown.
    pub fn shown(&self, url: &Uri) -> String {
        match (self.url_secret, url.scheme_str(), url.authority()) {
            (true, Some(scheme), Some(authority)) => format!("{scheme}://{authority}/{REDACTED}"),
            _ => shown_url(url),
        }
    }

    /// Where it sends, as it may be shown.
    pub fn shown_target(&self) -> String {
        match &self.url {
            Target::Fixed(url) => self.shown(url),
            Target::Template { origin: Some(origin), .. } => format!("{origin}{{{{ … }}}}"),
            Target::Template { origin: None, .. } => "{{ … }}".to_owned(),
        }
    }
}
