//! From Python's syntax of regular expressions to that of the engine.
//!
//! Nothing is passed on unread: what the two write alike but mean differently (`$`, `\Z`, `\<`,
//! `[a[b]`, `\w`) is written anew, and what only the engine knows is refused, as Python does.

use std::collections::HashMap;
use std::fmt;

use super::{class, escape};

/// How deep groups may nest.
const DEEPEST: usize = 40;

/// What the engine gets.
#[derive(Debug)]
pub(super) struct Translated {
    pub text: String,
    /// Whether it has look-around, back-references or the like, which may cost more than one pass.
    pub looks_around: bool,
}

/// What is wrong, and with which character (counted from 1).
#[derive(Debug)]
pub(super) struct Fault {
    at: usize,
    message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at its character {}", self.message, self.at)
    }
}

pub(super) fn translate(pattern: &str) -> Result<Translated, Fault> {
    let mut translator = Translator {
        chars: pattern.chars().collect(),
        at: 0,
        out: String::new(),
        flags: Flags::default(),
        groups: Vec::new(),
        names: HashMap::new(),
        looks_around: false,
        ignores_case: false,
    };
    translator.alternatives(0)?;
    if translator.peek().is_some() {
        return Err(translator.fault("a `)` that closes nothing"));
    }
    let Translator { out, looks_around, ignores_case, .. } = translator;
    let text = if ignores_case { format!("(?i:{out})") } else { out };
    Ok(Translated { text, looks_around })
}

/// Those that are translated away; `i` is left to the engine.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub ascii: bool,
    pub multi_line: bool,
    pub dot_all: bool,
    pub verbose: bool,
}

pub(super) struct Translator {
    chars: Vec<char>,
    at: usize,
    pub out: String,
    pub flags: Flags,
    /// Whether each group met so far is closed.
    pub groups: Vec<bool>,
    pub names: HashMap<String, usize>,
    pub looks_around: bool,
    /// `(?i)` for the whole expression.
    pub ignores_case: bool,
}

/// Whether what was read last can be repeated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Nothing,
    Item,
    Repeat,
}

impl Translator {
    pub fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    pub fn eat(&mut self, text: &str) -> bool {
        let is_next = text.chars().enumerate().all(|(n, c)| self.chars.get(self.at + n) == Some(&c));
        self.at += if is_next { text.chars().count() } else { 0 };
        is_next
    }

    /// What follows while it passes, at most so many characters.
    pub fn take(&mut self, most: usize, passes: impl Fn(char) -> bool) -> String {
        let taken: String =
            self.chars.iter().skip(self.at).take(most).copied().take_while(|c| passes(*c)).collect();
        self.at += taken.chars().count();
        taken
    }

    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { at: self.at + 1, message: message.into() }
    }

    pub fn fault_at(at: usize, message: impl Into<String>) -> Fault {
        Fault { at: at + 1, message: message.into() }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes back to where it has been.
    pub fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    /// All up to a `)` or the end; returns how many alternatives there were.
    pub fn alternatives(&mut self, depth: usize) -> Result<usize, Fault> {
        if depth > DEEPEST {
            return Err(self.fault(format!("groups nest deeper than {DEEPEST}")));
        }
        let mut count = 1;
        loop {
            self.sequence(depth, count == 1 && depth == 0)?;
            if self.peek() != Some('|') {
                return Ok(count);
            }
            self.at += 1;
            self.out.push('|');
            count += 1;
        }
    }

    fn sequence(&mut self, depth: usize, is_first: bool) -> Result<(), Fault> {
        let mut last = Last::Nothing;
        while let Some(c) = self.peek() {
            let begin = self.at;
            match c {
                '|' | ')' => return Ok(()),
                c if self.flags.verbose && c.is_ascii_whitespace() => self.at += 1,
                '#' if self.flags.verbose => {
                    self.take(usize::MAX, |c| c != '\n');
                }
                '*' | '+' | '?' | '{' if self.repeat(last)? => last = Last::Repeat,
                '^' | '$' => {
                    self.at += 1;
                    self.edge(c, depth);
                    last = Last::Nothing;
                }
                '(' => {
                    self.at += 1;
                    if let Some(now) = self.group(begin, depth, is_first && self.out.is_empty())? {
                        last = now;
                    }
                }
                '[' => {
                    self.at += 1;
                    class::translate(self, begin)?;
                    last = Last::Item;
                }
                '\\' => {
                    self.at += 1;
                    let is_item = escape::translate(self, begin)?;
                    last = if is_item { Last::Item } else { Last::Nothing };
                }
                _ => {
                    self.at += 1;
                    self.single(c);
                    last = Last::Item;
                }
            }
        }
        Ok(())
    }

    fn edge(&mut self, c: char, depth: usize) {
        let is_last = depth == 0 && matches!(self.peek(), None | Some('|'));
        self.out.push_str(match (c, self.flags.multi_line) {
            ('^', false) => "\\A",
            ('^', true) => "(?m:^)",
            ('$', true) => "(?m:$)",
            // Python's `$` stands before a line break at the very end as well. Where nothing
            // follows, the line break may as well be read, and the engine need not look ahead.
            _ if is_last => "\\n?\\z",
            _ => "(?=\\n?\\z)",
        });
    }

    fn single(&mut self, c: char) {
        match c {
            '.' if self.flags.dot_all => self.out.push_str("(?s:.)"),
            '.' => self.out.push('.'),
            c => self.literal(c),
        }
    }

    /// A character that means itself.
    pub fn literal(&mut self, c: char) {
        if "\\.+*?()|[]{}^$#&-~ ".contains(c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// A quantifier; false if a `{` is only a character.
    fn repeat(&mut self, last: Last) -> Result<bool, Fault> {
        let begin = self.at;
        let quantifier = match self.next() {
            Some('{') => match self.bounds(begin)? {
                Some(bounds) => bounds,
                None => {
                    self.at = begin;
                    return Ok(false);
                }
            },
            other => other.map(String::from).unwrap_or_default(),
        };
        match last {
            Last::Item => {}
            Last::Nothing => return Err(Self::fault_at(begin, "nothing to repeat")),
            Last::Repeat => return Err(Self::fault_at(begin, "a repetition of a repetition")),
        }
        self.out.push_str(&quantifier);
        if self.eat("?") {
            self.out.push('?');
        } else if self.eat("+") {
            self.out.push('+');
            self.looks_around = true;
        }
        Ok(true)
    }

    /// `{2}`, `{2,}`, `{,3}`, `{2,3}`; anything else is no quantifier.
    fn bounds(&mut self, begin: usize) -> Result<Option<String>, Fault> {
        let low = self.take(usize::MAX, |c| c.is_ascii_digit());
        let has_comma = self.eat(",");
        let high = if has_comma { self.take(usize::MAX, |c| c.is_ascii_digit()) } else { low.clone() };
        if !self.eat("}") || (low.is_empty() && !has_comma) {
            return Ok(None);
        }
        let number = |text: &str| match text {
            "" => Ok(None),
            text => text.parse::<u32>().map(Some).map_err(|_| Self::fault_at(begin, "too many repetitions")),
        };
        let (low, high) = (number(&low)?.unwrap_or(0), number(&high)?);
        match high {
            Some(high) if high < low => {
                Err(Self::fault_at(begin, "the least number of repetitions is above the most"))
            }
            Some(high) => Ok(Some(format!("{{{low},{high}}}"))),
            None => Ok(Some(format!("{{{low},}}"))),
        }
    }
}
