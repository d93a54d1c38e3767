//! Filters of HTML and URLs.

use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};
use regex::Regex;

use super::{Entry, safe};
use crate::percent;
use crate::template::args::Args;
use crate::template::meter::{charge, charge_times, fault};
use crate::template::{held, print};

type Result<T = Value, E = Error> = std::result::Result<T, E>;

pub(super) const FILTERS: &[Entry] = &[
    ("safe", &[], |state, value, _| Ok(safe(state, print::text(value)?.into_owned()))),
    ("e", &[], escape),
    ("escape", &[], escape),
    ("forceescape", &[], |state, value, _| Ok(safe(state, escaped(&print::text(value)?)?))),
    ("striptags", &[], |_, value, _| Ok(stripped(&print::text(value)?)?.into())),
    ("xmlattr", &["autospace"], xmlattr),
    ("urlize", &["trim_url_limit", "nofollow", "target", "rel"], urlize),
    ("urlencode", &[], urlencode),
];

fn escape(state: &mut State<'_, '_>, value: &Value, _: &Args<'_>) -> Result {
    match value.is_safe() {
        true => Ok(value.clone()),
        false => Ok(safe(state, escaped(&print::text(value)?)?)),
    }
}

/// Safe to stand in HTML, also between quotes.
pub(in crate::template) fn escaped(text: &str) -> Result<String> {
    charge(text.len())?;
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    charge(out.len() - text.len())?;
    Ok(out)
}

fn stripped(text: &str) -> Result<String> {
    charge_times(text.len(), 3)?;
    let bare = without(&without(text, "<!--", "-->"), "<", ">");
    let words: Vec<&str> = bare.split_whitespace().collect();
    Ok(unescaped(&words.join(" ")))
}

/// Without what stands from `open` to `close`.
fn without(text: &str, open: &str, close: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(open) {
        let Some((_, next)) = after.split_once(close) else { break };
        out.push_str(before);
        rest = next;
    }
    out + rest
}

/// The named characters of HTML from U+00A0 to U+00FF, in order.
const LATIN: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg \
    plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave \
    Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH \
    Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave \
    aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth \
    ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";

fn unescaped(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        match after.split_once(';').and_then(|(name, next)| Some((entity(name)?, next))) {
            Some((letter, next)) => {
                out.push(letter);
                rest = next;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out + rest
}

fn entity(name: &str) -> Option<char> {
    if let Some(code) = name.strip_prefix('#') {
        let code = match code.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => code.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "bull" => '•',
        "euro" => '€',
        "trade" => '™',
        _ => {
            let place = LATIN.split_whitespace().position(|known| known == name)?;
            return char::from_u32(0xa0 + u32::try_from(place).ok()?);
        }
    })
}

fn xmlattr(state: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let mut out = String::new();
    for (key, value) in held::pairs(value)? {
        if value.is_none() || value.is_undefined() {
            continue;
        }
        let key = print::text(&key)?;
        if key.contains([' ', '\t', '\n', '\r', '\u{c}', '/', '>', '=']) {
            return Err(fault(format!("`xmlattr` is given `{key}`, which is no name of an attribute")));
        }
        if !out.is_empty() || args.flag("autospace", true) {
            out.push(' ');
        }
        let value =
            if value.is_safe() { print::text(&value)?.into_owned() } else { escaped(&print::text(&value)?)? };
        out.push_str(&format!("{}=\"{value}\"", escaped(&key)?));
    }
    Ok(safe(state, out))
}

fn urlencode(_: &mut State<'_, '_>, value: &Value, _: &Args<'_>) -> Result {
    let pairs = match value.kind() {
        ValueKind::Map => held::pairs(value)?,
        ValueKind::Seq | ValueKind::Iterable => held::items(value)?
            .iter()
            .map(|pair| match held::items(pair)?.as_slice() {
                [key, value] => Ok((key.clone(), value.clone())),
                _ => Err(fault("`urlencode` needs pairs of name and value")),
            })
            .collect::<Result<_>>()?,
        _ => return Ok(encoded(&print::text(value)?, true)?.into()),
    };
    let query = |value: &Value| Ok::<_, Error>(encoded(&print::text(value)?, false)?.replace("%20", "+"));
    let fields: Vec<String> = pairs
        .iter()
        .map(|(key, value)| Ok(format!("{}={}", query(key)?, query(value)?)))
        .collect::<Result<_>>()?;
    Ok(fields.join("&").into())
}

/// Percent-encoded but for what never needs it; slashes stay in paths.
fn encoded(text: &str, path: bool) -> Result<String> {
    charge_times(text.len(), 3)?;
    Ok(percent::encode(text, |byte| percent::unreserved(byte) || (path && byte == b'/')))
}

/// What is taken for a web address, with or without its scheme.
const ADDRESS: &str = r"(?ix)^ (?:
      (?:https?://|www\.) (?:(?:[\w%-]+\.)+)? (?:[a-z]{2,63} | xn--[\w%]{2,59})
    | (?:[\w%-]{2,63}\.)+ (?:com|net|int|edu|gov|org|info|mil)
    | https?:// (?:\d{1,3}(?:\.\d{1,3}){3} | \[(?:[\da-f]{0,4}:){2}(?:[\da-f]{0,4}:?){1,6}\])
    ) (?::\d{1,5})? (?:[/?\#]\S*)? $";

#[expect(clippy::unwrap_used, reason = "the patterns stand here, and a test compiles them")]
static ADDRESSES: LazyLock<[Regex; 2]> =
    LazyLock::new(|| [ADDRESS, r"^\S+@\w[\w.-]*\.\w+$"].map(|pattern| Regex::new(pattern).unwrap()));

fn urlize(state: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let text =
        if value.is_safe() { print::text(value)?.into_owned() } else { escaped(&print::text(value)?)? };
    charge_times(text.len(), 4)?;
    let mut rel: Vec<&str> = args.text("rel")?.unwrap_or_default().split_whitespace().collect();
    rel.push("noopener");
    if args.flag("nofollow", false) {
        rel.push("nofollow");
    }
    rel.sort_unstable();
    rel.dedup();
    let mut link = Link { attributes: format!(" rel=\"{}\"", escaped(&rel.join(" "))?), limit: None };
    if let Some(target) = args.text("target")? {
        link.attributes.push_str(&format!(" target=\"{}\"", escaped(target)?));
    }
    if args.some("trim_url_limit").is_some() {
        link.limit = Some(args.count("trim_url_limit", 0)?);
    }
    let mut out = String::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let gap = rest.find(|letter: char| !letter.is_whitespace()).unwrap_or(rest.len());
        let (blank, after) = rest.split_at(gap);
        let (word, next) = after.split_at(after.find(char::is_whitespace).unwrap_or(after.len()));
        out.push_str(blank);
        charge_times(link.attributes.len() + 32, usize::from(!word.is_empty()))?;
        out.push_str(&link.word(word));
        rest = next;
    }
    charge(out.len())?;
    Ok(safe(state, out))
}

struct Link {
    attributes: String,
    limit: Option<usize>,
}

impl Link {
    /// A word, its address made a link.
    fn word(&self, word: &str) -> String {
        let middle = word.trim_start_matches(['(', '<']);
        let mut middle = middle;
        while let Some(rest) = middle.strip_prefix("&lt;").or_else(|| middle.strip_prefix(['(', '<'])) {
            middle = rest;
        }
        let head = word.get(..word.len() - middle.len()).unwrap_or_default();
        let mut core = middle;
        while let Some(rest) = core.strip_suffix("&gt;").or_else(|| core.strip_suffix([')', '>', '.', ','])) {
            core = rest;
        }
        let mut end = core.len();
        for (open, close) in [("(", ")"), ("&lt;", "&gt;")] {
            // A bracket that is opened in the address is closed in it.
            let inner = middle.get(..end).unwrap_or_default();
            let open = inner.matches(open).count().saturating_sub(inner.matches(close).count());
            for _ in 0..open {
                let tail = middle.get(end..).unwrap_or_default();
                end += tail.find(close).map_or(0, |at| at + close.len());
            }
        }
        let (core, tail) = middle.split_at(end);
        format!("{head}{}{tail}", self.linked(core))
    }

    fn linked(&self, word: &str) -> String {
        let [address, mail] = &*ADDRESSES;
        let attributes = &self.attributes;
        if address.is_match(word) {
            let scheme =
                if word.starts_with("http://") || word.starts_with("https://") { "" } else { "https://" };
            let shown = match self.limit {
                Some(limit) if word.chars().count() > limit => {
                    word.chars().take(limit).collect::<String>() + "..."
                }
                _ => word.to_owned(),
            };
            return format!("<a href=\"{scheme}{word}\"{attributes}>{shown}</a>");
        }
        match word.strip_prefix("mailto:") {
            Some(name) if mail.is_match(name) => format!("<a href=\"{word}\">{name}</a>"),
            None if !word.starts_with("www.")
                && !word.starts_with('@')
                && !word.contains(':')
                && mail.is_match(word) =>
            {
                format!("<a href=\"mailto:{word}\">{word}</a>")
            }
            _ => word.to_owned(),
        }
    }
}
