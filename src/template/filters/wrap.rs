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
    charge_times(64, text.len() / 8)?;
    let paragraphs: Vec<Vec<String>> =
        lines(&text, false).into_iter().map(|line| wrap.wrapped(line)).collect();
    let count: usize = paragraphs.iter().map(|lines| lines.len() + 1).sum();
    charge_times(between.len(), count)?;
    charge(text.len())?;
    let paragraphs: Vec<String> = paragraphs.into_iter().map(|lines| lines.join(between)).collect();
    Ok(paragraphs.join(between).into())
}

struct Wrap {
    width: usize,
    long_words: bool,
    hyphens: bool,
}

impl Wrap {
    /// One paragraph as lines, each as full as it can be.
    fn wrapped(&self, paragraph: &str) -> Vec<String> {
        let mut pieces: Vec<Vec<char>> = pieces(paragraph, self.hyphens);
        pieces.reverse();
        let mut lines: Vec<String> = Vec::new();
        while !pieces.is_empty() {
            if !lines.is_empty() && pieces.last().is_some_and(|piece| is_blank(piece)) {
                pieces.pop();
            }
            let mut line = self.line(&mut pieces);
            if line.last().is_some_and(|piece| is_blank(piece)) {
                line.pop();
            }
            if !line.is_empty() {
                lines.push(line.into_iter().flatten().collect());
            }
        }
        lines
    }

    /// Takes what fits.
    fn line(&self, pieces: &mut Vec<Vec<char>>) -> Vec<Vec<char>> {
        let (mut line, mut len) = (Vec::new(), 0);
        while let Some(piece) = pieces.pop_if(|piece| len + piece.len() <= self.width) {
            len += piece.len();
            line.push(piece);
        }
        let Some(mut long) = pieces.pop_if(|piece| piece.len() > self.width) else { return line };
        if self.long_words {
            let room = self.width - len;
            let rest = long.split_off(self.cut(&long, room));
            pieces.push(rest);
            line.push(long);
        } else if line.is_empty() {
            line.push(long);
        } else {
            pieces.push(long);
        }
        line
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

fn is_blank(piece: &[char]) -> bool {
    piece.iter().all(|letter| letter.is_whitespace())
}

/// White space and words in turn; words end behind hyphens between letters.
fn pieces(text: &str, hyphens: bool) -> Vec<Vec<char>> {
    let letters: Vec<char> = text.chars().collect();
    let is_letter = |at: Option<usize>| {
        at.and_then(|at| letters.get(at))
            .is_some_and(|letter| letter.is_alphabetic() || (*letter == '_'))
    };
    let is_hyphen = |at: Option<usize>| at.and_then(|at| letters.get(at)) == Some(&'-');
    let ends_word = |at: usize| {
        let back = |steps| at.checked_sub(steps);
        let before = is_letter(back(1)) && (is_letter(back(2)) || (is_hyphen(back(2)) && is_letter(back(3))));
        let after = is_letter(Some(at + 1))
            && (is_letter(Some(at + 2)) || (is_hyphen(Some(at + 2)) && is_letter(Some(at + 3))));
        hyphens && is_hyphen(Some(at)) && before && after
    };
    let mut pieces: Vec<Vec<char>> = Vec::new();
    let mut open: Option<bool> = None;
    for (at, letter) in letters.iter().enumerate() {
        let blank = letter.is_whitespace();
        if open != Some(blank) {
            pieces.push(Vec::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(*letter);
        }
        open = (!ends_word(at)).then_some(blank);
    }
    pieces
}
