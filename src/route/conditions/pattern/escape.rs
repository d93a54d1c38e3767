//! What follows a backslash.

use super::translate::{Fault, Translator};

/// What a backslash means inside and outside of `[…]`.
pub(super) enum Escaped {
    Char(char),
    /// `\d` and its like: what to write within `[…]`.
    Class(&'static str),
}

/// Reads an escape outside of `[…]` (the backslash is read); says whether it can be repeated.
pub(super) fn translate(t: &mut Translator, begin: usize) -> Result<bool, Fault> {
    match t.peek() {
        Some('A') => edge(t, "\\A"),
        // The very end; the engine's own `\Z` is another one.
        Some('Z' | 'z') => edge(t, "\\z"),
        Some('b') if t.flags.ascii => {
            t.looks_around = true;
            edge(t, concat!("(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|", "(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))"))
        }
        Some('B') if t.flags.ascii => {
            t.looks_around = true;
            edge(t, concat!("(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|", "(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))"))
        }
        Some('b') => edge(t, "(?:\\b)"),
        Some('B') => edge(t, "(?:\\B)"),
        Some('1'..='9') => {
            reference(t, begin)?;
            Ok(true)
        }
        _ => {
            match read(t, begin)? {
                Escaped::Char(c) => t.literal(c),
                Escaped::Class(class) => {
                    t.out.push('[');
                    t.out.push_str(class);
                    t.out.push(']');
                }
            }
            Ok(true)
        }
    }
}

fn edge(t: &mut Translator, written: &str) -> Result<bool, Fault> {
    t.next();
    t.out.push_str(written);
    Ok(false)
}

/// `\1` to `\99`; three octal digits are a character.
fn reference(t: &mut Translator, begin: usize) -> Result<(), Fault> {
    let start = t.at();
    let octal = t.take(3, |c| c.is_digit(8));
    if octal.len() == 3 {
        let c = octal_char(&octal, begin)?;
        t.literal(c);
        return Ok(());
    }
    t.rewind(start);
    let digits = t.take(2, |c| c.is_ascii_digit());
    t.refer(begin, digits.parse().unwrap_or_default())
}

/// The escapes that mean the same inside and outside of `[…]`.
pub(super) fn read(t: &mut Translator, begin: usize) -> Result<Escaped, Fault> {
    let Some(c) = t.next() else {
        return Err(Translator::fault_at(begin, "a `\\` with nothing behind it"));
    };
    Ok(Escaped::Char(match c {
        'd' | 'D' | 's' | 'S' | 'w' | 'W' => return Ok(Escaped::Class(category(c, t.flags.ascii))),
        'a' => '\x07',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'x' => return hex(t, 2, begin),
        'u' => return hex(t, 4, begin),
        'U' => return hex(t, 8, begin),
        '0' => {
            let digits = t.take(2, |c| c.is_digit(8));
            octal_char(&format!("0{digits}"), begin)?
        }
        'N' => return Err(Translator::fault_at(begin, "`\\N{…}` is not supported: write the character")),
        c if c.is_ascii_alphanumeric() => {
            return Err(Translator::fault_at(begin, format!("Python knows no `\\{c}`")));
        }
        c => c,
    }))
}

/// Python's categories: `\w` has letters and numbers but no marks, `\s` the separators of ASCII.
fn category(c: char, ascii: bool) -> &'static str {
    match (c, ascii) {
        ('d', true) => "0-9",
        ('D', true) => "[^0-9]",
        ('s', true) => " \\t-\\r",
        ('S', true) => "[^ \\t-\\r]",
        ('w', true) => "0-9A-Za-z_",
        ('W', true) => "[^0-9A-Za-z_]",
        ('d', false) => "\\d",
        ('D', false) => "\\D",
        ('s', false) => "\\s\\x1c-\\x1f",
        ('S', false) => "[^\\s\\x1c-\\x1f]",
        ('w', false) => "\\p{L}\\p{N}_",
        _ => "[^\\p{L}\\p{N}_]",
    }
}

fn hex(t: &mut Translator, digits: usize, begin: usize) -> Result<Escaped, Fault> {
    let text = t.take(digits, |c| c.is_ascii_hexdigit());
    if text.len() < digits {
        return Err(Translator::fault_at(begin, format!("an escape that needs {digits} digits")));
    }
    let c = u32::from_str_radix(&text, 16).ok().and_then(char::from_u32);
    c.map(Escaped::Char).ok_or_else(|| Translator::fault_at(begin, "no character of Unicode"))
}

pub(super) fn octal_char(digits: &str, begin: usize) -> Result<char, Fault> {
    let code = u32::from_str_radix(digits, 8).ok().filter(|code| *code <= 0o377);
    code.and_then(char::from_u32).ok_or_else(|| Translator::fault_at(begin, "an octal number above 377"))
}
