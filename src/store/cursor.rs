//! Where a page of a list ended, as text that callers hand back.

use super::{PageRequest, StoreError};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;

/// The time and the number of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cursor {
    pub(super) at: i64,
    pub(super) seq: i64,
}

impl Cursor {
    pub(super) fn text(self) -> String {
        format!("{:x}.{:x}", self.at, self.seq)
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let parsed = text.split_once('.').and_then(|(at, seq)| {
            // As unsigned, because that is how `{:x}` prints.
            let at = u64::from_str_radix(at, 16).ok()?.cast_signed();
            let seq = u64::from_str_radix(seq, 16).ok()?.cast_signed();
            Some(Self { at, seq })
        });
        parsed.ok_or_else(|| StoreError::Conflict("the cursor is not one that a list gave".into()))
    }
}

impl PageRequest {
    /// How many lines the page has at most.
    pub(super) fn lines(&self) -> usize {
        if self.limit == 0 { DEFAULT_LIMIT } else { self.limit.min(MAX_LIMIT) }
    }

    /// The last line of the page before.
    pub(super) fn after(&self) -> Result<Option<Cursor>, StoreError> {
        self.cursor.as_deref().map(Cursor::parse).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_what_it_prints() {
        for cursor in [Cursor { at: 1_750_000_000_000_000, seq: 7 }, Cursor { at: -1, seq: i64::MAX }] {
            assert_eq!(Cursor::parse(&cursor.text()), Ok(cursor));
        }
        assert!(Cursor::parse("1").is_err());
        assert!(Cursor::parse("1.x; DROP TABLE receipts").is_err());
    }
}
