//! `tls:` of a destination.

use super::context::Context;
use super::{Tls, TlsVersion};
use crate::yaml::Reader;

impl Default for Tls {
    fn default() -> Self {
        Self { verify: true, ca: None, client: None, min_version: TlsVersion::default() }
    }
}

/// Reads the section; the files must be there.
pub(super) fn read(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Tls {
    let r = &mut reader;
    let has = |key: &str| r.entries().iter().any(|(entry, _)| entry.name == key);
    let (has_cert, has_key) = (has("client_cert"), has("client_key"));
    let verify = cx.flag(r, "verify").unwrap_or(true);
    let ca = cx.path(r, "ca").map(|(_, path)| path);
    let cert = cx.path(r, "client_cert").map(|(_, path)| path);
    let key = cx.path(r, "client_key").map(|(_, path)| path);
    if has_cert != has_key {
        let (there, missing) =
            if has_cert { ("client_cert", "client_key") } else { ("client_key", "client_cert") };
        let message = format!("`{}` stands there without `{missing}`", reader.path_of(there));
        cx.problem(reader.at, message, "a certificate and its key belong together");
    }
    reader.finish(cx.problems);
    Tls { verify, ca, client: cert.zip(key), min_version: TlsVersion::default() }
}
