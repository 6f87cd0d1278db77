//! Error messages for a wrong configuration: the place, a plain description and the nearest known
//! name. They never show the line of the file, which may hold a secret that should not be there.

use flowcontrol_base::Failure;

/// A failure for a mistake at the bytes `span` of `text`.
pub fn mistake(text: &str, span: Option<std::ops::Range<usize>>, message: &str) -> Failure {
    let (message, hint) = plain_message(message);
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

/// Rewrites a parser's message for users, with a hint if the message lists the known names.
pub fn plain_message(message: &str) -> (String, Option<String>) {
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

/// The known name that is most similar to `wrong`, if one is similar enough.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .min()
        .filter(|(far, name)| *far <= 2.max(name.chars().count() / 3))
        .map(|(_, name)| name)
}

/// The edit distance of two words: characters to add, drop or change.
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
        let (what, hint) =
            plain_message("unknown field `stat`, expected one of `profile`, `state`");
        assert_eq!(what, "unknown field `stat`");
        assert_eq!(hint.unwrap(), "did you mean `state`? known here: profile, state");
        let (what, hint) = plain_message("invalid type: string \"2s\", expected u64");
        assert_eq!(what, "invalid type: string \"2s\", expected a whole number");
        assert_eq!(hint, None);
    }
}
