//! Where in a Jinja2 template code stands, and where plain text. Understands no code.

use std::ops::Range;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub range: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// `{{ … }}`.
    Expression,
    /// `{% … %}`.
    Statement,
    /// `{# … #}`.
    Comment,
}

const MARKS: [(&str, &str, Kind); 3] =
    [("{{", "}}", Kind::Expression), ("{%", "%}", Kind::Statement), ("{#", "#}", Kind::Comment)];

impl Piece {
    /// Where what is said ends, and the mark at the end begins.
    pub fn inner_end(&self, text: &str) -> usize {
        let code = text.get(self.range.clone()).unwrap_or_default();
        let is_closed = self.kind != Kind::Text
            && code.len() >= 4
            && MARKS.iter().any(|(_, close, kind)| *kind == self.kind && code.ends_with(close));
        if is_closed { self.range.end - 2 } else { self.range.end }
    }
}

/// The quoted texts in code, with their quotes. One that does not end goes to the end.
pub(super) fn literals(text: &str, piece: &Piece) -> Vec<Range<usize>> {
    let end = piece.inner_end(text);
    let mut literals = Vec::new();
    let mut open: Option<(usize, char)> = None;
    let mut is_escaped = false;
    for (at, c) in text.get(piece.range.start..end).unwrap_or_default().char_indices() {
        let at = piece.range.start + at;
        match open {
            None if c == '"' || c == '\'' => open = Some((at, c)),
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if c == '\\' => is_escaped = true,
            Some((start, quote)) if c == quote => {
                literals.push(start..at + 1);
                open = None;
            }
            _ => {}
        }
    }
    literals.extend(open.map(|(start, _)| start..end));
    literals
}

/// Whether there is any code.
pub(super) fn is_template(text: &str) -> bool {
    MARKS.iter().any(|(open, ..)| text.contains(open))
}

/// The parts in order. Code that does not end goes to the end.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let next = rest.match_indices('{').find_map(|(open, _)| {
            let (.., close, kind) = MARKS
                .iter()
                .find(|(mark, ..)| rest.get(open..).is_some_and(|tail| tail.starts_with(mark)))?;
            Some((open, *close, *kind))
        });
        let Some((open, close, kind)) = next else {
            pieces.push(Piece { range: at..text.len(), kind: Kind::Text });
            break;
        };
        if open > 0 {
            pieces.push(Piece { range: at..at + open, kind: Kind::Text });
        }
        let inside = rest.get(open + 2..).unwrap_or_default();
        let length = inside.find(close).map_or(inside.len(), |end| end + 2);
        pieces.push(Piece { range: at + open..at + open + 2 + length, kind });
        at += open + 2 + length;
    }
    pieces
}

/// Splits at characters that stand in plain text. Each part comes with the character before it.
pub(super) fn split(text: &str, is_separator: impl Fn(char) -> bool) -> Vec<(Option<char>, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut before) = (0, None);
    for piece in pieces(text).into_iter().filter(|piece| piece.kind == Kind::Text) {
        let plain = text.get(piece.range.clone()).unwrap_or_default();
        for (at, c) in plain.char_indices().filter(|(_, c)| is_separator(*c)) {
            let end = piece.range.start + at;
            parts.push((before, text.get(start..end).unwrap_or_default()));
            (start, before) = (end + c.len_utf8(), Some(c));
        }
    }
    parts.push((before, text.get(start..).unwrap_or_default()));
    parts
}

/// What stands outside of code.
pub(super) fn plain(text: &str) -> String {
    let plain = pieces(text).into_iter().filter(|piece| piece.kind == Kind::Text);
    plain.filter_map(|piece| text.get(piece.range)).collect()
}

/// Whether code holds a text of its own, such as `{{ "abc" }}`.
pub(super) fn has_literals(text: &str) -> bool {
    let code = pieces(text).into_iter().filter(|piece| piece.kind != Kind::Text);
    code.filter_map(|piece| text.get(piece.range)).any(|code| code.contains(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_text_are_told_apart() {
        let text = "a{{ b }}c{% if d %}{# e #}f {g} {{ open";
        let parts: Vec<(Kind, &str)> =
            pieces(text).into_iter().map(|piece| (piece.kind, &text[piece.range])).collect();
        assert_eq!(
            parts,
            [
                (Kind::Text, "a"),
                (Kind::Expression, "{{ b }}"),
                (Kind::Text, "c"),
                (Kind::Statement, "{% if d %}"),
                (Kind::Comment, "{# e #}"),
                (Kind::Text, "f {g} "),
                (Kind::Expression, "{{ open"),
            ]
        );
        assert_eq!(plain(text), "acf {g} ");
        assert!(pieces("").is_empty());
    }

    #[test]
    fn separators_inside_code_separate_nothing() {
        assert_eq!(split("a={{ x['&'] }}&b=1", |c| c == '&'), [(None, "a={{ x['&'] }}"), (Some('&'), "b=1")]);
        assert_eq!(split("", |c| c == '&'), [(None, "")]);
    }
}
