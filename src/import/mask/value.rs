//! Credentials behind their names, `password=…` and the like: where they begin, and where they end.
//! Where the end is unclear it is the end of the line: rather too much than a part left over.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::import::code::{Kind, Piece};
use crate::import::credential;

/// `name:`, `"name":`, `name=`, with the quote before the value, and a scheme kept out of it.
const NAMED: &str = r#"(?x)
    (?<name> [A-Za-z0-9_.-]+ ) (?<closed> \\* ["'] )? \s* (?<sign> [:=] ) \s* (?<list> \[ \s* )?
    (?: (?<escape> \\* ) (?<quote> ["'] ) )? (?: (?i:bearer|basic|token|apikey) [\ \t]+ )?"#;
/// `<name>`.
const ELEMENT: &str = r"<(?:[A-Za-z0-9_-]+:)?(?<name>[A-Za-z0-9_.-]+)(?:\s[^<>]*)?>";
/// What may follow the quote at the end of a value.
const AFTER: &str = ",;)]}<>&";

static PATTERNS: LazyLock<Option<[Regex; 2]>> =
    LazyLock::new(|| Some([Regex::new(NAMED).ok()?, Regex::new(ELEMENT).ok()?]));

/// Values behind names of credentials, each with its name.
pub(super) fn find<'t>(text: &'t str, pieces: &[Piece]) -> Vec<(&'t str, Range<usize>)> {
    let Some([named, element]) = &*PATTERNS else { return Vec::new() };
    let mut found = Vec::new();
    let mut strings = Strings { text, at: 0, open: false };
    let mut done = 0;
    for captures in named.captures_iter(text) {
        let Some(name) = captures.name("name").filter(|name| name.start() >= done) else { continue };
        if !credential::is_field(name.as_str()) {
            continue;
        }
        let in_string = strings.open_at(name.start());
        for range in (Reader { text, pieces, in_string }).values(&captures, name.start()) {
            done = range.end;
            found.push((name.as_str(), range));
        }
    }
    let last = text.rfind("</");
    for captures in element.captures_iter(text) {
        let (Some(name), Some(tag)) = (captures.name("name"), captures.get(0)) else { continue };
        if credential::is_field(name.as_str()) {
            let closed = last.filter(|last| *last >= tag.end());
            let length = closed.and_then(|_| text.get(tag.end()..)?.find("</"));
            let reader = Reader { text, pieces, in_string: false };
            let end = length.map_or_else(|| reader.line_end(tag.end()), |length| tag.end() + length);
            found.push((name.as_str(), tag.end()..end));
        }
    }
    found
}

/// Whether a place stands between double quotes of its line. Asked from the front to the back.
struct Strings<'t> {
    text: &'t str,
    at: usize,
    open: bool,
}

impl Strings<'_> {
    fn open_at(&mut self, place: usize) -> bool {
        for (at, c) in self.text.get(self.at..place).unwrap_or_default().char_indices() {
            match c {
                '\n' => self.open = false,
                '"' if backslashes(self.text, self.at + at).is_multiple_of(2) => self.open = !self.open,
                _ => {}
            }
        }
        self.at = place;
        self.open
    }
}

/// How many backslashes stand right before a place.
fn backslashes(text: &str, place: usize) -> usize {
    text.as_bytes().iter().take(place).rev().take_while(|byte| **byte == b'\\').count()
}

struct Reader<'t> {
    text: &'t str,
    pieces: &'t [Piece],
    /// The name stands in a string that ends at the next double quote.
    in_string: bool,
}

impl<'t> Reader<'t> {
    fn values(&self, captures: &Captures<'_>, name: usize) -> Vec<Range<usize>> {
        let start = captures.get(0).map_or(0, |whole| whole.end());
        let is = |key: &str, wanted: &str| captures.name(key).is_some_and(|found| found.as_str() == wanted);
        let quote = captures.name("quote").and_then(|quote| quote.as_str().chars().next());
        let escape = captures.name("escape").map_or(0, |escape| escape.len());
        let is_closed = captures.name("closed").is_some();
        match quote {
            Some(quote) if captures.name("list").is_some() => self.items(start, quote, escape),
            Some(quote) => vec![self.quoted(start, quote, escape)],
            // What is inside has names of its own.
            None if self.is_container(start, is_closed) => Vec::new(),
            None if is_closed => self.number(start).unwrap_or_else(|| vec![self.bare(start)]),
            // A line of YAML, or a header.
            None if is("sign", ":") && self.begins_line(name) && !self.in_code(start) => {
                std::iter::once(start..self.line_end(start)).collect()
            }
            None => vec![self.bare(captures.name("list").map_or(start, |list| list.start()))],
        }
    }

    /// The first place where a value at `from` may end by what the character there is: code in
    /// plain text is passed over, and what stands in code does not leave it.
    fn chars(&self, from: usize) -> impl Iterator<Item = (usize, char)> + use<'_, 't> {
        let first = self.pieces.partition_point(|piece| piece.range.end <= from);
        let inside = self.in_code(from);
        let last = if inside { first + 1 } else { self.pieces.len() };
        let pieces = self.pieces.get(first..last).unwrap_or_default();
        pieces.iter().filter(move |piece| inside || piece.kind == Kind::Text).flat_map(move |piece| {
            let start = piece.range.start.max(from);
            let part = self.text.get(start..piece.inner_end(self.text)).unwrap_or_default();
            part.char_indices().map(move |(at, c)| (start + at, c))
        })
    }

    /// Whether a place is inside of code; where code begins is a place in the text.
    fn in_code(&self, place: usize) -> bool {
        let piece = self.pieces.get(self.pieces.partition_point(|piece| piece.range.end <= place));
        piece.is_some_and(|piece| piece.kind != Kind::Text && piece.range.start < place)
    }

    /// Where the text, or the code, around a place ends.
    fn end(&self, place: usize) -> usize {
        let piece = self.pieces.get(self.pieces.partition_point(|piece| piece.range.end <= place));
        let code = piece.filter(|_| self.in_code(place));
        code.map_or(self.text.len(), |piece| piece.inner_end(self.text))
    }

    fn line_end(&self, from: usize) -> usize {
        let end = self.chars(from).find(|(_, c)| *c == '\n').map_or_else(|| self.end(from), |(at, _)| at);
        let line = self.text.get(from..end).unwrap_or_default();
        from + line.trim_end().len()
    }

    fn begins_line(&self, name: usize) -> bool {
        let before = self.text.get(..name).unwrap_or_default();
        let before = before.trim_end_matches([' ', '\t']);
        let before = before.strip_suffix('-').map_or(before, |before| before.trim_end_matches([' ', '\t']));
        before.is_empty() || before.ends_with('\n')
    }

    /// Up to the quote that ends what `quote` began, each behind `escape` backslashes: 1 where
    /// JSON stands in a string of JSON, 3 where that does once more.
    fn quoted(&self, start: usize, quote: char, escape: usize) -> Range<usize> {
        let mut doubled = None;
        for (at, _) in self.chars(start).filter(|(_, c)| *c == quote) {
            let run = backslashes(self.text, at).min(at - start);
            if doubled == Some(at) || run % (2 * escape + 2) != escape {
                if run < escape {
                    break;
                }
                continue;
            }
            let rest = self.text.get(at + 1..).unwrap_or_default();
            if self.in_code(start) || self.may_follow(rest, quote, escape) {
                return start..at - escape;
            }
            if quote == '\'' && rest.starts_with('\'') {
                doubled = Some(at + 1);
                continue;
            }
            return start..self.line_end(at);
        }
        start..self.line_end(start)
    }

    fn may_follow(&self, rest: &str, quote: char, escape: usize) -> bool {
        let mut chars = rest.chars();
        match chars.next() {
            None => true,
            Some('/') => chars.next() == Some('>'),
            Some('\\') => escape > 0 || chars.next().is_some_and(|c| "nrt\"'".contains(c) && c != quote),
            Some(c) => c.is_whitespace() || AFTER.contains(c) || ("\"'".contains(c) && c != quote),
        }
    }

    /// The texts of a list, of which the first begins at `start`.
    fn items(&self, mut start: usize, quote: char, escape: usize) -> Vec<Range<usize>> {
        let mut items = Vec::new();
        loop {
            let item = self.quoted(start, quote, escape);
            let rest = self.text.get(item.end..).unwrap_or_default();
            items.push(item);
            let between = rest.trim_start_matches(['\\', quote]).trim_start();
            let next = between.strip_prefix(',').map(|next| next.trim_start().trim_start_matches('\\'));
            match next.and_then(|next| next.strip_prefix(quote)) {
                Some(next) => start = self.text.len() - next.len(),
                None => return items,
            }
        }
    }

    fn is_container(&self, start: usize, is_closed: bool) -> bool {
        let rest = self.text.get(start..).unwrap_or_default();
        let Some(inner) = rest.strip_prefix('{').filter(|inner| !inner.starts_with(['{', '%', '#'])) else {
            return false;
        };
        is_closed || inner.trim_start().starts_with(['"', '\'', '\\'])
    }

    /// A number of JSON, or nothing for its other words.
    fn number(&self, start: usize) -> Option<Vec<Range<usize>>> {
        let rest = self.text.get(start..)?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let ends = after.is_empty() || after.starts_with(|c: char| c.is_whitespace() || ",]}".contains(c));
        match word {
            "null" | "true" | "false" if ends => Some(Vec::new()),
            _ => (ends && word.parse::<f64>().is_ok()).then(|| std::iter::once(start..start + end).collect()),
        }
    }

    fn bare(&self, start: usize) -> Range<usize> {
        for (at, c) in self.chars(start) {
            if c.is_whitespace() || c == '&' {
                return start..at;
            }
            if self.in_string && c == '"' && backslashes(self.text, at).is_multiple_of(2) {
                let rest = self.text.get(at + 1..).unwrap_or_default();
                let is_end = self.may_follow(rest, '"', 0);
                return start..if is_end { at } else { self.line_end(at) };
            }
        }
        start..self.end(start)
    }
}
