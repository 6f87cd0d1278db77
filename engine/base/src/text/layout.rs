//! Columns, wrapping and figures for text that people read.

use crate::text::one_line;
use flowcontrol_contract::Digest;
use unicode_width::UnicodeWidthStr as _;

/// The least width that is laid out; a narrower terminal is treated as this wide.
const NARROWEST: usize = 40;

/// `12,345,678`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `12,345 records`, `1 record`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// A duration for people: `3 ms`, `1.24 s`, `2 min 05 s`.
pub fn seconds(s: f64) -> String {
    if !s.is_finite() || s < 0.0 {
        "unknown".to_owned()
    } else if s < 0.9995 {
        format!("{:.0} ms", s * 1000.0)
    } else if s < 99.995 {
        format!("{s:.2} s")
    } else {
        let whole = s.round();
        format!("{:.0} min {:02.0} s", (whole / 60.0).floor(), whole % 60.0)
    }
}

/// The first 12 hex digits of a digest, for display.
pub fn short(digest: &Digest) -> String {
    let mut hex = digest.to_string();
    hex.truncate(12);
    hex
}

/// Columns a terminal needs for `text`.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` with spaces to `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    let gap = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(gap))
}

/// The same with the spaces first, for figures.
pub fn pad_left(text: &str, columns: usize) -> String {
    let gap = columns.saturating_sub(width(text));
    format!("{}{text}", " ".repeat(gap))
}

/// Breaks `text` at spaces into lines of at most `columns`. A longer word gets a line
/// of its own and is not broken, so that digests and paths can be copied.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let text = one_line(text);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// `text` wrapped under `indent` columns of a terminal that is `columns` wide; the first line
/// has no indent, because a label precedes it.
pub fn hang(text: &str, indent: usize, columns: usize) -> String {
    let room = columns.max(NARROWEST).saturating_sub(indent).max(20);
    wrap(text, room).join(&format!("\n{}", " ".repeat(indent)))
}

/// How a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Texts.
    Left,
    /// Figures.
    Right,
}

/// A table without rules: a header line, then the rows, two spaces between the columns. When it is
/// wider than `columns`, its widest text column wraps.
pub fn table(header: &[(&str, Side)], rows: &[Vec<String>], columns: usize) -> Vec<String> {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|r| r.iter().map(|c| one_line(c)).collect()).collect();
    let mut widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(i, (name, _))| {
            let cells = rows.iter().filter_map(|r| r.get(i)).map(|c| width(c));
            cells.chain([width(name)]).max().unwrap_or(0)
        })
        .collect();
    let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
    let texts = header.iter().enumerate().filter(|(_, (_, side))| *side == Side::Left);
    if let Some((widest, _)) = texts.max_by_key(|(i, _)| widths[*i])
        && total > columns
    {
        // Words are not broken, so the longest one is the least width.
        let words = rows.iter().filter_map(|r| r.get(widest)).flat_map(|c| c.split(' '));
        let least = words.map(width).max().unwrap_or(0).max(12);
        widths[widest] = widths[widest].saturating_sub(total - columns).max(least);
    }
    let head: Vec<String> = header.iter().map(|(name, _)| (*name).to_owned()).collect();
    let all = std::iter::once(&head).chain(&rows);
    all.flat_map(|row| table_row(row, header, &widths)).collect()
}

/// One row, of as many lines as its longest cell.
fn table_row(row: &[String], header: &[(&str, Side)], widths: &[usize]) -> Vec<String> {
    let cells: Vec<Vec<String>> = row
        .iter()
        .zip(widths)
        .map(|(cell, w)| if width(cell) > *w { wrap(cell, *w) } else { vec![cell.clone()] })
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |at: usize| {
        let parts: Vec<String> = cells
            .iter()
            .zip(widths)
            .zip(header)
            .map(|((cell, w), (_, side))| {
                let text = cell.get(at).map_or("", String::as_str);
                match side {
                    Side::Left => pad(text, *w),
                    Side::Right => pad_left(text, *w),
                }
            })
            .collect();
        parts.join("  ").trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{Side, count, counted, hang, seconds, table, wrap};

    #[test]
    fn figures_read_well_at_every_size() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(n), text);
        }
        assert_eq!(counted(1, "row", "rows"), "1 row");
        assert_eq!(counted(0, "row", "rows"), "0 rows");
        for (s, text) in [
            (0.0, "0 ms"),
            (0.0034, "3 ms"),
            (0.9994, "999 ms"),
            (0.9996, "1.00 s"),
            (99.99, "99.99 s"),
            (119.7, "2 min 00 s"),
            (3725.0, "62 min 05 s"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(seconds(s), text, "{s}");
        }
    }

    #[test]
    fn text_wraps_at_words_and_never_inside_one() {
        assert_eq!(wrap("jedna dwie trzy", 10), ["jedna dwie", "trzy"]);
        assert_eq!(wrap("a aaaaaaaaaaaaaaa b", 5), ["a", "aaaaaaaaaaaaaaa", "b"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(hang(&"word ".repeat(12), 30, 40).lines().count(), 3);
    }

    #[test]
    fn columns_line_up_with_wide_and_combining_characters() {
        let rows = [
            vec!["Львів".to_owned(), "1".to_owned()],
            vec!["日本".to_owned(), "22".to_owned()],
            vec!["e\u{301}".to_owned(), "333".to_owned()],
        ];
        let lines = table(&[("n", Side::Left), ("rows", Side::Right)], &rows, 80);
        assert_eq!(lines, ["n      rows", "Львів     1", "日本     22", "e\u{301}       333"]);
    }

    #[test]
    fn a_table_that_is_too_wide_wraps_its_widest_text() {
        let rows = [vec!["a".to_owned(), "one two three four five".to_owned(), "1".to_owned()]];
        let header = [("id", Side::Left), ("title", Side::Left), ("n", Side::Right)];
        let lines = table(&header, &rows, 20);
        assert_eq!(lines, ["id  title          n", "a   one two three  1", "    four five"]);
    }
}
