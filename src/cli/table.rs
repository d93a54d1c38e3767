//! Aligned columns for people.

use std::io::{self, Write};

use super::terminal;

/// The widest a cell gets, in characters.
const MAX_CELL: usize = 72;

/// Rows under a header. May be printed several times (page by page); the header comes once.
#[derive(Debug)]
pub struct Table {
    columns: Vec<&'static str>,
    widths: Vec<usize>,
    rows: Vec<Vec<String>>,
    headed: bool,
    bold: bool,
}

impl Table {
    /// A table with these column names.
    pub fn new(columns: &[&'static str]) -> Self {
        Self {
            columns: columns.to_vec(),
            widths: columns.iter().map(|name| name.chars().count()).collect(),
            rows: Vec::new(),
            headed: false,
            bold: terminal::emphasis(),
        }
    }

    /// Adds a row; control characters are escaped, long cells cut.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| cut(&terminal::line(&cell))).collect();
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = cell.chars().count().max(*width);
        }
        self.rows.push(cells);
    }

    /// Prints and forgets the rows added since the last time.
    pub fn print(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.headed {
            self.headed = true;
            let names: Vec<String> = self.columns.iter().map(|name| (*name).to_owned()).collect();
            let header = self.aligned(&names);
            match self.bold {
                true => writeln!(out, "\u{1b}[1m{header}\u{1b}[0m")?,
                false => writeln!(out, "{header}")?,
            }
        }
        let rows = std::mem::take(&mut self.rows);
        rows.iter().try_for_each(|row| writeln!(out, "{}", self.aligned(row)))
    }

    fn aligned(&self, cells: &[String]) -> String {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(&self.widths) {
            text.push_str(cell);
            let missing = width.saturating_sub(cell.chars().count());
            text.extend(std::iter::repeat_n(' ', missing + 2));
        }
        text.truncate(text.trim_end().len());
        text
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_CELL {
        return text.to_owned();
    }
    text.chars().take(MAX_CELL - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(table: &mut Table) -> String {
        let mut out = Vec::new();
        table.bold = false;
        table.print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_by_characters_and_lines_end_without_spaces() {
        let mut table = Table::new(&["NAME", "STATE"]);
        table.row(["zürich".into(), "pending".into()]);
        table.row(["a".into(), String::new()]);
        assert_eq!(printed(&mut table), "NAME    STATE\nzürich  pending\na\n");
    }

    #[test]
    fn further_pages_come_without_a_header() {
        let mut table = Table::new(&["A", "B"]);
        table.row(["long".into(), "1".into()]);
        assert_eq!(printed(&mut table), "A     B\nlong  1\n");
        table.row(["x".into(), "2".into()]);
        assert_eq!(printed(&mut table), "x     2\n");
    }

    #[test]
    fn cells_from_outside_are_escaped_and_cut() {
        let mut table = Table::new(&["A"]);
        table.row([format!("\u{1b}[31m{}", "x".repeat(200))]);
        let text = printed(&mut table);
        assert!(!text.contains('\u{1b}'));
        assert!(text.lines().all(|line| line.chars().count() <= MAX_CELL));
    }
}
