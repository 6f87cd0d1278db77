//! Says what is wrong with a configuration: where, in a user's words, with the nearest known name.
//! It never shows the file's own line, which may hold a secret that does not belong there.

use flowcontrol_base::Failure;

/// A failure for a mistake at `span` of `text`.
pub fn mistake(text: &str, span: Option<std::ops::Range<usize>>, message: &str) -> Failure {
    let (message, hint) = words(message);
    let failure = Failure::usage(message).hint(hint.unwrap_or_else(|| {
        "`flowcontrol init` in an empty folder writes a commented example".to_owned()
    }));
    match span {
        Some(span) => {
            let (line, column) = place(text, span.start);
            failure.context(format!("line {line}, column {column}"))
        }
        None => failure,
    }
}

/// A parser's message in a user's words, and what to do, as far as the message tells.
pub fn words(message: &str) -> (String, Option<String>) {
    let message = message.trim_end().replace('\n', ", ");
    let message = ["u16", "u32", "u64", "usize"]
        .iter()
        .fold(message, |m, t| m.replace(&format!("expected {t}"), "expected a whole number"));
    let Some((what, known)) = message.split_once(", expected one of ") else {
        return (message, None);
    };
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let wrong = what.split('`').nth(1).unwrap_or_default();
    let list = format!("known here: {}", known.join(", "));
    let hint = match nearest(wrong, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    };
    (what.to_owned(), Some(hint))
}

/// Line and column of a byte, both from 1; the column counts characters.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// The known name that a mistyped one most likely means, if one is near.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .min()
        .filter(|(far, name)| *far <= 2.max(name.chars().count() / 3))
        .map(|(_, name)| name)
}

/// How many characters must be added, dropped or changed to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        assert_eq!(place("a\nżó = 1", 0), (1, 1));
        assert_eq!(place("a\nżó = 1", 6), (2, 3));
        assert_eq!(place("a\n", 2), (2, 1));
        assert_eq!(place("a", 9), (1, 2));
    }

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known = ["profile", "session", "state"];
        assert_eq!(nearest("stat", known), Some("state"));
        assert_eq!(nearest("profil", known), Some("profile"));
        assert_eq!(nearest("kubernetes", known), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn unknown_names_come_with_what_is_known() {
        let (what, hint) = words("unknown field `stat`, expected one of `profile`, `state`");
        assert_eq!(what, "unknown field `stat`");
        assert_eq!(hint.unwrap(), "did you mean `state`? known here: profile, state");
        let (what, hint) = words("invalid type: string \"2s\", expected u64");
        assert_eq!(what, "invalid type: string \"2s\", expected a whole number");
        assert_eq!(hint, None);
    }
}
