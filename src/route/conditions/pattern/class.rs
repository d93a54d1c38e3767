//! Sets of characters, `[…]`. Python's have no sets within sets and no operations on sets.

use super::escape::{self, Escaped};
use super::translate::{Fault, Translator};

/// Reads a set (its `[` is read).
pub(super) fn translate(t: &mut Translator, begin: usize) -> Result<(), Fault> {
    t.out.push('[');
    if t.eat("^") {
        t.out.push('^');
    }
    let mut is_first = true;
    loop {
        if t.peek() == Some(']') && !is_first {
            t.next();
            break;
        }
        is_first = false;
        member(t, begin)?;
    }
    t.out.push(']');
    Ok(())
}

/// One character, category or range.
fn member(t: &mut Translator, begin: usize) -> Result<(), Fault> {
    let at = t.at();
    let low = one(t, begin)?;
    let is_range = t.eat("-");
    match (low, is_range) {
        (low, true) if t.peek() == Some(']') => {
            // The `-` is the last character of the set.
            write(t, &low);
            write(t, &Escaped::Char('-'));
        }
        (Escaped::Char(low), true) => match one(t, begin)? {
            Escaped::Char(high) if low <= high => {
                write(t, &Escaped::Char(low));
                t.out.push('-');
                write(t, &Escaped::Char(high));
            }
            _ => return Err(Translator::fault_at(at, "no range of characters")),
        },
        (Escaped::Class(_), true) => return Err(Translator::fault_at(at, "no range of characters")),
        (low, false) => write(t, &low),
    }
    Ok(())
}

fn one(t: &mut Translator, begin: usize) -> Result<Escaped, Fault> {
    let at = t.at();
    match t.next() {
        None => Err(Translator::fault_at(begin, "a `[` without its `]`")),
        Some('\\') => match t.peek() {
            Some('b') => {
                t.next();
                Ok(Escaped::Char('\x08'))
            }
            // In a set there are no references: digits are octal.
            Some('1'..='7') => {
                let digits = t.take(3, |c| c.is_digit(8));
                escape::octal_char(&digits, at).map(Escaped::Char)
            }
            _ => escape::read(t, at),
        },
        Some(c) => Ok(Escaped::Char(c)),
    }
}

fn write(t: &mut Translator, escaped: &Escaped) {
    match escaped {
        Escaped::Class(class) => t.out.push_str(class),
        Escaped::Char(c) if c.is_alphanumeric() => t.out.push(*c),
        Escaped::Char(c) => t.out.push_str(&format!("\\x{{{:X}}}", u32::from(*c))),
    }
}
