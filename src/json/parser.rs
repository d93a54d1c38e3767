//! One pass over valid UTF-8 that builds the document and finds whatever is no strict JSON.
//!
//! Written here because serde_json neither refuses doubled keys nor keeps `1E5` as it was
//! written, takes an object with a certain private key for a number, and builds a tree that costs
//! three times as much.

use std::borrow::Cow;
use std::ops::Range;

use super::{MAX_DEPTH, NonFinite};
use crate::model::{Json, Map, Number, Text};

/// What is wrong, and at which byte.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) message: Cow<'static, str>,
}

impl Fault {
    pub(super) fn new(at: usize, message: impl Into<Cow<'static, str>>) -> Self {
        Self { at, message: message.into() }
    }
}

/// The bytes that stand for themselves inside a string.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut control = 0;
    while control < 0x20 {
        plain[control] = false;
        control += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain
};

/// Room for what most objects of CMDBs have, so that few grow step by step.
const USUAL_MEMBERS: usize = 8;

/// How much of a key an error shows.
const SHOWN_KEY: usize = 80;

pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
    non_finite: NonFinite,
    replaced: Vec<Range<usize>>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, non_finite: NonFinite) -> Self {
        Self { text, at: 0, non_finite, replaced: Vec::new() }
    }

    /// Where non-finite numbers stood, in order.
    pub(super) fn into_replaced(self) -> Vec<Range<usize>> {
        self.replaced
    }

    pub(super) fn document(&mut self) -> Result<Json, Fault> {
        self.skip_white();
        if self.peek().is_none() {
            return Err(self.fault("the body holds nothing but white space"));
        }
        let value = self.value(0)?;
        self.skip_white();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.fault("there is text after the end of the document")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, Fault> {
        self.skip_white();
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(Json::String)
            }
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'N') => self.not_finite(self.at, "NaN"),
            Some(b'I') => self.not_finite(self.at, "Infinity"),
            Some(_) => Err(self.fault("expected a value")),
            None => Err(self.fault("the document ends where a value was expected")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, Fault> {
        self.enter(depth)?;
        self.skip_white();
        if self.eat(b'}') {
            return Ok(Json::Object(Map::new()));
        }
        let mut map = Map::with_capacity(USUAL_MEMBERS);
        let mut seen = Seen::default();
        loop {
            let (at, key) = self.key()?;
            if seen.may_have(&key) && map.contains_key(&key) {
                return Err(doubled(at, &key));
            }
            self.skip_white();
            if !self.eat(b':') {
                return Err(self.fault("expected a colon after the key"));
            }
            map.push(key, self.value(depth)?);
            if self.ends_with(b'}', "expected a comma or a closing brace")? {
                return Ok(Json::Object(map));
            }
        }
    }

    /// A key and where it stands.
    fn key(&mut self) -> Result<(usize, Text), Fault> {
        self.skip_white();
        let at = self.at;
        match self.eat(b'"') {
            true => Ok((at, self.string()?)),
            false => Err(self.fault("expected a key in double quotes")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, Fault> {
        self.enter(depth)?;
        let mut items = Vec::new();
        self.skip_white();
        if self.eat(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.ends_with(b']', "expected a comma or a closing bracket")? {
                return Ok(Json::Array(items));
            }
        }
    }

    /// Refuses before it descends: the stack never holds more than [`MAX_DEPTH`] levels.
    fn enter(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return Err(self.fault(format!("the document nests deeper than {MAX_DEPTH} levels")));
        }
        self.at += 1;
        Ok(())
    }

    /// After a member: whether the container ends (`true`) or goes on after a comma.
    fn ends_with(&mut self, close: u8, otherwise: &'static str) -> Result<bool, Fault> {
        self.skip_white();
        if self.eat(close) {
            return Ok(true);
        }
        match self.eat(b',') {
            true => Ok(false),
            false => Err(self.fault(otherwise)),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, Fault> {
        match self.rest().starts_with(word.as_bytes()) {
            true => {
                self.at += word.len();
                Ok(value)
            }
            false => Err(self.fault("expected a value")),
        }
    }

    /// `word` is at the current place; `start` is where its sign stood.
    fn not_finite(&mut self, start: usize, word: &str) -> Result<Json, Fault> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.fault("expected a value"));
        }
        self.at += word.len();
        match self.non_finite {
            NonFinite::Refuse => Err(Fault::new(start, format!("{} is no JSON", self.since(start)))),
            NonFinite::AsNull => {
                self.replaced.push(start..self.at);
                Ok(Json::Null)
            }
        }
    }

    fn number(&mut self) -> Result<Json, Fault> {
        let start = self.at;
        if self.eat(b'-') && self.peek() == Some(b'I') {
            return self.not_finite(start, "Infinity");
        }
        if self.eat(b'0') {
            if let Some(b'0'..=b'9') = self.peek() {
                return Err(Fault::new(start, "a number must not have leading zeros"));
            }
        } else {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(Json::Number(Number::from_lexeme(self.since(start))))
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        match count {
            0 => Err(self.fault("expected a digit")),
            _ => Ok(()),
        }
    }

    /// The rest of a string whose opening quote was taken.
    fn string(&mut self) -> Result<Text, Fault> {
        let start = self.at;
        self.skip_plain();
        let mut out = Text::new(self.since(start));
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.fault("a control character in a string must be escaped")),
                None => return Err(self.fault("the document ends inside a string")),
            }
            let run = self.at;
            self.skip_plain();
            out.push_str(self.since(run));
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        self.at += 1;
        let letter = self.peek();
        self.at += 1;
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(start),
            Some(_) => return Err(Fault::new(start, "there is no such escape in JSON")),
            None => return Err(Fault::new(start, "the document ends inside a string")),
        })
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, Fault> {
        let lone = || Fault::new(start, "the escape is one half of a surrogate pair");
        let first = self.four_hex_digits(start)?;
        let code = match first {
            0xd800..0xdc00 => {
                if !(self.eat(b'\\') && self.eat(b'u')) {
                    return Err(lone());
                }
                let second = self.four_hex_digits(start)?;
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(lone());
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(lone)
    }

    fn four_hex_digits(&mut self, start: usize) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| Fault::new(start, "\\u needs four hex digits"))?;
            self.at += 1;
        }
        Ok(code)
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn skip_white(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn skip_plain(&mut self) {
        let rest = self.rest();
        self.at += rest.iter().position(|&byte| !PLAIN[usize::from(byte)]).unwrap_or(rest.len());
    }

    fn fault(&self, message: impl Into<Cow<'static, str>>) -> Fault {
        Fault::new(self.at, message)
    }
}

/// Which keys an object may have already: one bit for all keys that look alike. Spares most keys the
/// search among the others.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    /// False means surely not. Notes the key.
    fn may_have(&mut self, key: &str) -> bool {
        let bytes = key.as_bytes();
        let letter = |at: usize| bytes.get(at).copied().map_or(0, u64::from);
        let len = bytes.len();
        let look = letter(0) + 3 * letter(len / 2) + 7 * letter(len.saturating_sub(1)) + 13 * len as u64;
        let bit = 1 << (look % 64);
        let seen = self.0 & bit != 0;
        self.0 |= bit;
        seen
    }
}

fn doubled(at: usize, key: &str) -> Fault {
    let shown: String = key.chars().take(SHOWN_KEY).collect();
    Fault::new(at, format!("the key {shown:?} stands twice in one object"))
}
