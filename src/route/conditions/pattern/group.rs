//! Groups: what stands in `(…)`, and references to it.

use super::translate::{Fault, Last, Translator};

impl Translator {
    /// What follows a `(`. `None`: nothing that could be repeated, or that separates.
    pub(super) fn group(
        &mut self,
        begin: usize,
        depth: usize,
        at_start: bool,
    ) -> Result<Option<Last>, Fault> {
        if !self.eat("?") {
            self.capture(begin, depth, None)?;
            return Ok(Some(Last::Item));
        }
        let rest = self.at();
        if self.eat("#") {
            self.take(usize::MAX, |c| c != ')');
            return if self.eat(")") {
                Ok(None)
            } else {
                Err(Self::fault_at(begin, "a comment without end"))
            };
        }
        if self.eat("P<") {
            let name = self.name('>')?;
            self.capture(begin, depth, Some(name))?;
        } else if self.eat("P=") {
            let name = self.name(')')?;
            let group = self.named(rest, &name)?;
            self.refer(rest, group)?;
        } else if self.eat("(") {
            self.conditional(begin, depth)?;
        } else if let Some(open) = ["=", "!", "<=", "<!", ">"].into_iter().find(|open| self.eat(open)) {
            self.looks_around = true;
            self.enclosed(begin, depth, &format!("(?{open}"))?;
        } else if self.eat(":") {
            self.enclosed(begin, depth, "(?:")?;
        } else {
            return self.flag_group(begin, depth, at_start);
        }
        Ok(Some(Last::Item))
    }

    fn enclosed(&mut self, begin: usize, depth: usize, open: &str) -> Result<usize, Fault> {
        let flags = self.flags;
        self.out.push_str(open);
        let count = self.alternatives(depth + 1)?;
        self.flags = flags;
        if !self.eat(")") {
            return Err(Self::fault_at(begin, "a `(` without its `)`"));
        }
        self.out.push(')');
        Ok(count)
    }

    fn capture(&mut self, begin: usize, depth: usize, name: Option<String>) -> Result<(), Fault> {
        self.groups.push(false);
        let number = self.groups.len();
        if let Some(name) = name
            && self.names.insert(name, number).is_some()
        {
            return Err(Self::fault_at(begin, "a second group of the same name"));
        }
        self.enclosed(begin, depth, "(")?;
        if let Some(closed) = self.groups.get_mut(number - 1) {
            *closed = true;
        }
        Ok(())
    }

    fn name(&mut self, end: char) -> Result<String, Fault> {
        let begin = self.at();
        let name = self.take(usize::MAX, |c| c.is_alphanumeric() || c == '_');
        if name.is_empty() || name.starts_with(|c: char| c.is_numeric()) || self.next() != Some(end) {
            return Err(Self::fault_at(begin, "no name of a group"));
        }
        Ok(name)
    }

    fn named(&self, at: usize, name: &str) -> Result<usize, Fault> {
        self.names.get(name).copied().ok_or_else(|| Self::fault_at(at, "no group of this name before"))
    }

    /// `\1`, or a group by its name.
    pub(super) fn refer(&mut self, at: usize, group: usize) -> Result<(), Fault> {
        match group.checked_sub(1).and_then(|index| self.groups.get(index)) {
            Some(true) => {}
            Some(false) => return Err(Self::fault_at(at, "a group within itself")),
            None => return Err(Self::fault_at(at, format!("no group {group} before"))),
        }
        self.looks_around = true;
        self.out.push_str(&format!("(?:\\{group})"));
        Ok(())
    }

    /// `(?(1)yes|no)`.
    fn conditional(&mut self, begin: usize, depth: usize) -> Result<(), Fault> {
        let at = self.at();
        let text = self.take(usize::MAX, |c| c.is_alphanumeric() || c == '_');
        if !self.eat(")") {
            return Err(Self::fault_at(at, "no name of a group"));
        }
        let group = match text.parse() {
            Ok(number) => number,
            Err(_) => self.named(at, &text)?,
        };
        if group == 0 || group > self.groups.len() {
            return Err(Self::fault_at(at, format!("no group {group} before")));
        }
        self.looks_around = true;
        match self.enclosed(begin, depth, &format!("(?({group})"))? {
            1 | 2 => Ok(()),
            _ => Err(Self::fault_at(begin, "more than two branches of a condition")),
        }
    }

    /// `(?i)` at the beginning, `(?i:…)` and `(?-i:…)` anywhere.
    fn flag_group(&mut self, begin: usize, depth: usize, at_start: bool) -> Result<Option<Last>, Fault> {
        let on = self.take(usize::MAX, |c| "aimsux".contains(c));
        let off = if self.eat("-") { Some(self.take(usize::MAX, |c| "imsx".contains(c))) } else { None };
        let before = self.flags;
        if self.eat(")") && !on.is_empty() && off.is_none() {
            if !at_start {
                return Err(Self::fault_at(begin, "flags for the whole expression stand at its beginning"));
            }
            self.set(&on, true);
            self.ignores_case |= on.contains('i');
            return Ok(None);
        }
        let is_empty = on.is_empty() && off.as_ref().is_none_or(String::is_empty);
        if is_empty || off.as_ref().is_some_and(String::is_empty) || !self.eat(":") {
            return Err(Self::fault_at(begin, "a group that Python does not know"));
        }
        let off = off.unwrap_or_default();
        self.set(&on, true);
        self.set(&off, false);
        let open = match (on.contains('i'), off.contains('i')) {
            (true, false) => "(?i:",
            (false, true) => "(?-i:",
            _ => "(?:",
        };
        self.enclosed(begin, depth, open)?;
        self.flags = before;
        Ok(Some(Last::Item))
    }

    fn set(&mut self, letters: &str, on: bool) {
        for letter in letters.chars() {
            match letter {
                'a' => self.flags.ascii = on,
                'u' => self.flags.ascii = false,
                'm' => self.flags.multi_line = on,
                's' => self.flags.dot_all = on,
                'x' => self.flags.verbose = on,
                _ => {}
            }
        }
    }
}
