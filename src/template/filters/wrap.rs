//! Filters of texts of many lines.

use minijinja::{Error, State, Value};

use super::Entry;
use crate::template::args::Args;
use crate::template::meter::{charge, charge_times, fault};
use crate::template::print;

type Result<T = Value, E = Error> = std::result::Result<T, E>;

pub(super) const FILTERS: &[Entry] = &[
    ("indent", &["width", "first", "blank"], indent),
    ("wordwrap", &["width", "break_long_words", "wrapstring", "break_on_hyphens"], wordwrap),
];

/// The lines of a text, wherever Python ends one; with their ends if those are wanted.
pub(in crate::template) fn lines(text: &str, ends: bool) -> Vec<&str> {
    let is_end = |letter: char| {
        matches!(
            letter,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let (mut lines, mut rest) = (Vec::new(), text);
    while let Some(end) = rest.find(is_end) {
        let tail = rest.get(end..).unwrap_or_default();
        let width = if tail.starts_with("\r\n") { 2 } else { tail.chars().next().map_or(1, char::len_utf8) };
        let (line, after) = rest.split_at(end + width);
        lines.push(if ends { line } else { line.get(..end).unwrap_or_default() });
        rest = after;
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

fn indent(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let text = print::text(value)?;
    let width = match args.text("width") {
        Ok(Some(width)) => width.to_owned(),
        _ => super::letters::filled(args.count("width", 4)?, ' ')?,
    };
    let text = format!("{text}\n");
    let lines = lines(&text, false);
    charge_times(width.len() + 1, lines.len())?;
    charge(text.len())?;
    let mut out = String::new();
    for (index, line) in lines.into_iter().enumerate() {
        let wanted = if index == 0 {
            args.flag("first", false)
        } else {
            out.push('\n');
            args.flag("blank", false) || !line.is_empty()
        };
        if wanted {
            out.push_str(&width);
        }
        out.push_str(line);
    }
    Ok(out.into())
}

fn wordwrap(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let text = print::text(value)?;
    let wrap = Wrap {
        width: args.count("width", 79)?,
        long_words: args.flag("break_long_words", true),
        hyphens: args.flag("break_on_hyphens", true),
    };
    if wrap.width == 0 {
        return Err(fault("`wordwrap` needs a width"));
    }
    let between = args.text("wrapstring")?.unwrap_or("\n");
    let mut out = String::new();
    for (index, paragraph) in lines(&text, false).into_iter().enumerate() {
        let letters: Vec<char> = paragraph.chars().collect();
        charge_times(8, letters.len())?;
        let wrapped = wrap.wrapped(&letters)?;
        // A paragraph without words is an empty line.
        for (number, (start, end)) in wrapped.into_iter().chain([(0, 0)]).enumerate() {
            let ends = start == end;
            if (number == 0 && index > 0) || (number > 0 && !ends) {
                charge(between.len())?;
                out.push_str(between);
            }
            out.extend(letters.get(start..end).unwrap_or_default());
        }
    }
    charge(out.len())?;
    Ok(out.into())
}

struct Wrap {
    width: usize,
    long_words: bool,
    hyphens: bool,
}

/// A part of a paragraph: where it starts and ends.
type Part = (usize, usize);

impl Wrap {
    /// One paragraph as lines, each as full as it can be.
    fn wrapped(&self, paragraph: &[char]) -> Result<Vec<Part>> {
        let is_blank = |(start, end): &Part| {
            paragraph.get(*start..*end).unwrap_or_default().iter().all(|letter| letter.is_whitespace())
        };
        let mut pieces = pieces(paragraph, self.hyphens);
        charge_times(16, pieces.len())?;
        pieces.reverse();
        let mut lines = Vec::new();
        while !pieces.is_empty() {
            if !lines.is_empty() {
                pieces.pop_if(|piece| is_blank(piece));
            }
            charge(16)?;
            let (start, mut end) = self.line(paragraph, &mut pieces);
            while end > start && is_blank(&(end - 1, end)) {
                end -= 1;
            }
            if end > start {
                lines.push((start, end));
            }
        }
        Ok(lines)
    }

    /// Takes what fits; the next piece comes last.
    fn line(&self, paragraph: &[char], pieces: &mut Vec<Part>) -> Part {
        let start = pieces.last().map_or(0, |(start, _)| *start);
        let mut end = start;
        while let Some(piece) = pieces.pop_if(|piece| piece.1 - start <= self.width) {
            end = piece.1;
        }
        let Some(long) = pieces.pop_if(|piece| piece.1 - piece.0 > self.width) else { return (start, end) };
        if self.long_words {
            let room = self.width - (end - start);
            end = long.0 + self.cut(paragraph.get(long.0..long.1).unwrap_or_default(), room);
            pieces.push((end, long.1));
        } else if end == start {
            end = long.1;
        } else {
            pieces.push(long);
        }
        (start, end)
    }

    /// Where to cut a word that is too long: behind its last hyphen, if that may be.
    fn cut(&self, word: &[char], room: usize) -> usize {
        let head = word.get(..room).unwrap_or(word);
        match head.iter().rposition(|letter| *letter == '-') {
            Some(hyphen)
                if self.hyphens && hyphen > 0 && head.iter().take(hyphen).any(|letter| *letter != '-') =>
            {
                hyphen + 1
            }
            _ => room,
        }
    }
}

/// White space and words in turn; words end behind hyphens between letters.
fn pieces(letters: &[char], hyphens: bool) -> Vec<Part> {
    let is_letter = |at: Option<usize>| {
        at.and_then(|at| letters.get(at)).is_some_and(|letter| letter.is_alphabetic() || *letter == '_')
    };
    let is_hyphen = |at: Option<usize>| at.and_then(|at| letters.get(at)) == Some(&'-');
    let ends_word = |at: usize| {
        let back = |steps| at.checked_sub(steps);
        let before = is_letter(back(1)) && (is_letter(back(2)) || (is_hyphen(back(2)) && is_letter(back(3))));
        let after = is_letter(Some(at + 1))
            && (is_letter(Some(at + 2)) || (is_hyphen(Some(at + 2)) && is_letter(Some(at + 3))));
        hyphens && is_hyphen(Some(at)) && before && after
    };
    let (mut pieces, mut start) = (Vec::new(), 0);
    for at in 1..=letters.len() {
        let turns = letters.get(at).map(|letter| letter.is_whitespace())
            != letters.get(at - 1).map(|letter| letter.is_whitespace());
        if turns || ends_word(at - 1) {
            pieces.push((start, at));
            start = at;
        }
    }
    pieces
}
