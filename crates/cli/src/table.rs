//! Columns that are as wide as the first rows need, cut to the width of the terminal.

use std::io::{self, IsTerminal};

use console::{Term, measure_text_width, pad_str, truncate_str};

use crate::printer::to_stdout;

/// Narrower than this nothing is cut.
const NARROWEST: usize = 12;

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    title: &'static str,
    to_the_right: bool,
    /// Gives way when the terminal is narrow.
    shrinks: bool,
    /// Shown when the first rows differ in it.
    is_optional: bool,
}

impl Column {
    pub(crate) fn left(title: &'static str) -> Self {
        Self { title, to_the_right: false, shrinks: false, is_optional: false }
    }

    pub(crate) fn right(title: &'static str) -> Self {
        Self { to_the_right: true, ..Self::left(title) }
    }

    pub(crate) fn shrinks(title: &'static str) -> Self {
        Self { shrinks: true, ..Self::left(title) }
    }

    pub(crate) fn optional(title: &'static str) -> Self {
        Self { is_optional: true, ..Self::left(title) }
    }
}

/// A table on stdout, written row by row.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    /// Width of each column; `None` for those that are not shown.
    widths: Vec<Option<usize>>,
}

impl Table {
    /// With columns as wide as these rows need. Empty columns are left out.
    pub(crate) fn new(columns: Vec<Column>, rows: &[Vec<String>]) -> Self {
        let room = io::stdout().is_terminal().then(|| Term::stdout().size().1.into());
        Self::fitted(columns, rows, room)
    }

    fn fitted(columns: Vec<Column>, rows: &[Vec<String>], room: Option<usize>) -> Self {
        let cells = |i: usize| rows.iter().filter_map(move |row| row.get(i));
        let mut widths: Vec<Option<usize>> = columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                let is_empty = cells(i).all(String::is_empty);
                let is_one = cells(i).collect::<std::collections::BTreeSet<_>>().len() < 2;
                let hidden = is_empty || (column.is_optional && is_one);
                (!hidden).then(|| cells(i).map(|c| measure_text_width(c)).max().unwrap_or(0).max(column.title.len()))
            })
            .collect();
        if let Some(room) = room {
            let needed = widths.iter().flatten().map(|w| w + 2).sum::<usize>();
            let shrinking = columns.iter().position(|c| c.shrinks);
            if let Some(width) = shrinking.and_then(|i| widths[i].as_mut()) {
                *width = width.saturating_sub(needed.saturating_sub(room)).max(NARROWEST.min(*width));
            }
        }
        Self { columns, widths }
    }

    /// Writes the titles; false when nobody reads any more.
    pub(crate) fn head(&self, bold: bool) -> bool {
        let line = self.line(&self.columns.iter().map(|c| c.title.to_owned()).collect::<Vec<_>>());
        let bold = bold && io::stdout().is_terminal();
        to_stdout(if bold { format!("\u{1b}[1m{line}\u{1b}[0m\n") } else { line + "\n" }.as_bytes())
    }

    /// Writes rows; false when nobody reads any more.
    pub(crate) fn rows(&self, rows: &[Vec<String>]) -> bool {
        to_stdout(rows.iter().map(|row| self.line(row) + "\n").collect::<String>().as_bytes())
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for ((cell, column), width) in cells.iter().zip(&self.columns).zip(&self.widths) {
            let Some(width) = *width else { continue };
            // What a record says must not command the terminal.
            let cell = cell.replace(char::is_control, "\u{fffd}");
            let cut = if column.shrinks { shortened(&cell, width) } else { cell };
            let side = if column.to_the_right { console::Alignment::Right } else { console::Alignment::Left };
            line.push_str(&pad_str(&cut, width, side, None));
            line.push_str("  ");
        }
        line.trim_end().to_owned()
    }
}

/// A long name without its middle: names of granules differ at both ends.
fn shortened(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width || width < 3 {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    if measure_text_width(text) != letters.len() {
        return truncate_str(text, width, "…").into_owned();
    }
    let end = (width - 1) / 2;
    let start = width - 1 - end;
    letters[..start].iter().chain(&['…']).chain(&letters[letters.len() - end..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(room: Option<usize>) -> Table {
        let rows = vec![
            vec!["ATL08_20240618_0001_007_01.h5".to_owned(), "2.5 MB".into(), String::new(), "ATL08".into()],
            vec!["ATL08_20240619_0002_007_01.h5".to_owned(), "12 MB".into(), String::new(), "ATL08".into()],
        ];
        let columns = vec![Column::shrinks("name"), Column::right("size"), Column::right("cloud"), Column::optional("collection")];
        Table::fitted(columns, &rows, room)
    }

    #[test]
    fn what_is_empty_or_always_the_same_is_left_out() {
        assert_eq!(table(None).widths, [Some(29), Some(6), None, None]);
    }

    #[test]
    fn names_give_way_to_a_narrow_terminal() {
        let narrow = table(Some(30));
        assert_eq!(narrow.widths, [Some(20), Some(6), None, None]);
        let line = narrow.line(&["ATL08_20240618_0001_007_01.h5".to_owned(), "2.5 MB".into(), String::new(), String::new()]);
        assert_eq!(line, "ATL08_2024…007_01.h5  2.5 MB");
        assert_eq!(table(Some(3)).widths[0], Some(NARROWEST));
    }
}
