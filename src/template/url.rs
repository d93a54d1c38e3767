//! Rendered URLs: what may come out, and what of them is fixed beforehand.

use crate::percent;
use http::Uri;

/// Bytes of a rendered URL.
const LONGEST: usize = 8 * 1024;
/// Where the expressions, statements and comments of a template begin.
const TAGS: [&str; 3] = ["{{", "{%", "{#"];

/// The scheme and authority that stand literally before the first expression of a template.
/// `None`: they, or a part of them, come from the event.
pub fn origin(template: &str) -> Option<Uri> {
    let (authority, _) = fixed(template)?;
    authority.parse().ok()
}

/// `scheme://authority/`, and how many bytes of the template it takes.
fn fixed(template: &str) -> Option<(String, usize)> {
    let template = template.trim_start();
    let tags = TAGS.iter().filter_map(|tag| template.find(tag)).min().unwrap_or(template.len());
    let literal = template.get(..tags)?;
    let (scheme, rest) = literal.split_once("://")?;
    let end = rest.find(['/', '?'])?;
    let authority = rest.get(..end)?;
    Some((format!("{scheme}://{authority}/"), scheme.len() + 3 + end))
}

/// Scheme and authority of a URL, in a form that can be compared.
pub fn origin_of(url: &Uri) -> (String, String) {
    let lower = |text: Option<&str>| text.unwrap_or_default().to_ascii_lowercase();
    (lower(url.scheme_str()), lower(url.authority().map(|authority| authority.as_str())))
}

/// A rendered URL as it is sent, or what is wrong with it.
pub(super) fn checked(template: &str, rendered: &str) -> Result<String, String> {
    let rendered = rendered.trim();
    let (scheme, rest) = rendered.split_once("://").ok_or("gives no URL: it has no `scheme://`")?;
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err("gives a URL whose scheme is neither http nor https".to_owned());
    }
    let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let authority = checked_authority(authority)?;
    let target = checked_target(target)?;
    let url = format!("{scheme}://{authority}{target}");
    if url.len() > LONGEST {
        return Err(format!("gives a URL of more than {LONGEST} bytes"));
    }
    let parsed: Uri = url.parse().map_err(|_| "gives no URL")?;
    match origin(template) {
        Some(fixed) if origin_of(&fixed) != origin_of(&parsed) => {
            Err("gives a URL that leaves the host it begins with".to_owned())
        }
        _ => Ok(url),
    }
}

/// A host, with or without a port, in ASCII.
fn checked_authority(authority: &str) -> Result<String, String> {
    if authority.contains('@') {
        return Err("gives a URL with a user name: send credentials in a header".to_owned());
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err("gives a URL whose host is no address".to_owned());
            }
            (format!("[{address}]"), port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if host.is_empty() || !host.bytes().all(fits) {
                return Err("gives a URL whose host is not letters, digits, `-` and `.`".to_owned());
            }
            (host.to_owned(), port)
        }
    };
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(host),
        Some(digits)
            if digits.bytes().all(|byte| byte.is_ascii_digit())
                && digits.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(format!("{host}:{digits}"))
        }
        _ => Err("gives a URL whose port is none".to_owned()),
    }
}

/// Path and query, with what no URL may hold percent-encoded.
fn checked_target(target: &str) -> Result<String, String> {
    if target.contains('#') {
        return Err(
            "gives a URL with a fragment, which is never sent; `urlencode` writes `#` as `%23`".to_owned()
        );
    }
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let path = encoded(path, false);
    // However a receiver decodes them, and whatever it takes for the end of a segment.
    let decoded = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    if decoded.split(['/', ';']).any(|segment| matches!(segment, "." | "..")) {
        return Err("gives a URL with a `.` or `..` between slashes".to_owned());
    }
    let path = if path.is_empty() && query.is_some() { "/".to_owned() } else { path };
    Ok(match query {
        Some(query) => format!("{path}?{}", encoded(query, true)),
        None => path,
    })
}

/// As Python's requests does it: what is encoded already stays, unless a `%` encodes nothing; then
/// every `%` of this part is meant as itself.
fn encoded(text: &str, query: bool) -> String {
    let bytes = text.as_bytes();
    let encodes = |at: usize| {
        let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
        hex(at + 1) && hex(at + 2)
    };
    let kept = (0..bytes.len()).filter(|at| bytes[*at] == b'%').all(encodes);
    percent::encode(text, |byte| {
        percent::unreserved(byte)
            || b"!$&'()*+,;=:@/".contains(&byte)
            || (byte == b'?' && query)
            || (byte == b'%' && kept)
    })
}
