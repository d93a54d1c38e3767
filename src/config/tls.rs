//! `tls:` of a destination or a lookup.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

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

impl Tls {
    /// Whether files belong to it, which may change under the same names.
    pub fn names_files(&self) -> bool {
        self.ca.is_some() || self.client.is_some()
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self { verify: true, ca: None, client: None, min_version: TlsVersion::default() }
    }
}

/// Reads the section and its files, which must be there and be of use.
pub(super) fn read(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Given {
    let r = &mut reader;
    let has = |key: &str| r.entries().iter().any(|(entry, _)| entry.name == key);
    let (has_cert, has_key) = (has("client_cert"), has("client_key"));
    let verify = cx.flag(r, "verify").unwrap_or(true);
    let ca = authority(r, cx);
    if let Some((at, _)) = ca.as_ref().filter(|_| !verify) {
        let message = format!("`{}` is ignored, as nothing is verified", r.path_of("ca"));
        cx.problem(*at, message, "remove it, or remove `verify: false`, which it makes needless");
    }
    let ca = ca.map(|(_, path)| path);
    let (cert, key) = client(r, cx);
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

/// The file `ca`, which has to hold certificates that can be trusted.
pub(super) fn authority(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<(At, PathBuf)> {
    let (at, path) = cx.path(r, "ca")?;
    let read = certificates(&path).and_then(|found| {
        let mut roots = RootCertStore::empty();
        found.into_iter().try_for_each(|one| roots.add(one)).map_err(|error| error.to_string())
    });
    if let Err(why) = read {
        let help = "give the authority's certificates in PEM (`-----BEGIN CERTIFICATE-----`)";
        cx.problem(at, format!("`{}` cannot be used: {why}", r.path_of("ca")), help);
    }
    Some((at, path))
}

type Client = (Option<(At, PathBuf)>, Option<PathBuf>);

/// The files `client_cert` and `client_key`, which have to belong together.
fn client(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Client {
    let (cert, key) = (cx.path(r, "client_cert"), cx.path(r, "client_key"));
    let mut told = |name: &str, at: At, why: String, help: &str| {
        cx.problem(at, format!("`{}` cannot be used: {why}", r.path_of(name)), help);
    };
    let chain = cert.as_ref().and_then(|(at, path)| {
        let help = "give the certificate in PEM (`-----BEGIN CERTIFICATE-----`), those that sign it after it";
        certificates(path).map_err(|why| told("client_cert", *at, why, help)).ok()
    });
    let private = key.as_ref().and_then(|(at, path)| {
        let help = "give the certificate's private key in PEM, without a passphrase";
        let read = PrivateKeyDer::from_pem_file(path).map_err(|error| fault(&error, "private key"));
        Some((*at, read.map_err(|why| told("client_key", *at, why, help)).ok()?))
    });
    if let (Some(chain), Some((at, private))) = (chain, private)
        && let Err(error) = CertifiedKey::from_der(chain, private, &ring::default_provider())
    {
        told("client_key", at, error.to_string(), "give the private key that belongs to `client_cert`");
    }
    (cert, key.map(|(_, path)| path))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    match found {
        Ok(found) if found.is_empty() => Err(fault(&pem::Error::NoItemsFound, "certificate")),
        Ok(found) => Ok(found),
        Err(error) => Err(fault(&error, "certificate")),
    }
}

fn fault(error: &pem::Error, wanted: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("the file holds no {wanted} in PEM"),
        other => other.to_string(),
    }
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
