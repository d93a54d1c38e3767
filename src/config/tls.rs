//! `tls:` of a destination or a lookup.

use super::context::Context;
use super::{Auth, Target, Tls, TlsVersion};
use crate::yaml::{At, Reader};

/// What `verify: false` means, for whoever looks at it.
pub const NOT_VERIFIED: &str = "certificates are not verified: whoever answers there is believed";

/// What `tls:` says.
#[derive(Debug, Clone, Default)]
pub(super) struct Given {
    pub tls: Tls,
    /// What means nothing where nothing is encrypted: the key's path, its place and its file.
    for_https: Vec<(String, At, String)>,
}

impl Default for Tls {
    fn default() -> Self {
        Self { verify: true, ca: None, client: None, min_version: TlsVersion::default() }
    }
}

/// Reads the section; the files must be there.
pub(super) fn read(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Given {
    let r = &mut reader;
    let has = |key: &str| r.entries().iter().any(|(entry, _)| entry.name == key);
    let (has_cert, has_key) = (has("client_cert"), has("client_key"));
    let verify = cx.flag(r, "verify").unwrap_or(true);
    let ca = cx.path(r, "ca").map(|(_, path)| path);
    let cert = cx.path(r, "client_cert");
    let key = cx.path(r, "client_key").map(|(_, path)| path);
    let oldest = cx.word(r, "min_version", &["1.2", "1.3"]);
    if has_cert != has_key {
        let (there, missing) =
            if has_cert { ("client_cert", "client_key") } else { ("client_key", "client_cert") };
        let message = format!("`{}` stands there without `{missing}`", reader.path_of(there));
        cx.problem(reader.at, message, "a certificate and its key belong together");
    }
    let named = [
        ("client_cert", cert.as_ref().map(|(at, _)| *at)),
        ("min_version", oldest.as_ref().map(|(at, _)| *at)),
    ];
    let place = |(key, at): (&str, Option<At>)| Some((reader.path_of(key), at?, cx.file.to_owned()));
    let for_https = named.into_iter().filter_map(place).collect();
    reader.finish(cx.problems);
    let min_version = match oldest {
        Some((_, word)) if word == "1.3" => TlsVersion::Tls13,
        _ => TlsVersion::Tls12,
    };
    Given { tls: Tls { verify, ca, client: cert.map(|(_, path)| path).zip(key), min_version }, for_https }
}

impl Given {
    /// Reports what can mean nothing because neither the URL nor a token endpoint is `https`.
    pub fn check(&self, url: &Target, auth: Option<&Auth>, cx: &mut Context<'_>) {
        let asks_by_tls = auth.and_then(Auth::token_url).is_some_and(|url| url.scheme_str() == Some("https"));
        if url.may_be_https() || asks_by_tls {
            return;
        }
        for (path, at, file) in &self.for_https {
            let message = format!("`{path}` counts for https only, and the url is http");
            let help = "write the url with https://, or remove the key";
            cx.problems.add(file, Some(*at), message).help(help);
        }
    }
}
