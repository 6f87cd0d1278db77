//! The checksum of a migration file, independent of its line endings.

use flowcontrol_contract::Digest;

/// `text` with CRLF and CR as LF, and exactly one line break after its last visible character.
/// This is also the text that runs, so that a function's body is the same in every catalog.
pub fn normalise(text: &str) -> String {
    let mut normal = text.replace("\r\n", "\n").replace('\r', "\n");
    normal.truncate(normal.trim_end().len());
    normal.push('\n');
    normal
}

/// SHA-256 of an already normalised text.
pub fn sha256(normal: &str) -> Digest {
    Digest::of(normal.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_endings_and_the_end_of_the_file_do_not_count() {
        let expected = sha256(&normalise("select 1;\nselect 2;\n"));
        for same in [
            "select 1;\r\nselect 2;\r\n",
            "select 1;\rselect 2;",
            "select 1;\nselect 2;",
            "select 1;\nselect 2;\n\n \t\r\n",
        ] {
            assert_eq!(sha256(&normalise(same)), expected, "{same:?}");
        }
    }

    #[test]
    fn anything_else_counts() {
        let base = sha256(&normalise("select 1;\nselect 2;\n"));
        for other in
            ["select 1;\n\nselect 2;\n", " select 1;\nselect 2;\n", "select 1; \nselect 2;\n"]
        {
            assert_ne!(sha256(&normalise(other)), base, "{other:?}");
        }
    }
}
