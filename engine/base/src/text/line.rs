//! Escapes text so that it stays on one line.

/// Control characters as escapes, so that a value cannot forge a line or drive a terminal.
pub fn one_line(text: &str) -> String {
    if !text.chars().any(unprintable) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if unprintable(c) { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// Control characters, line and paragraph separators, and bidirectional formatting characters.
pub fn unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_value_cannot_forge_a_line_or_drive_a_terminal() {
        assert_eq!(one_line("zażółć\noutcome=passed"), "zażółć\\noutcome=passed");
        assert_eq!(one_line("\u{1b}[2Jx\u{2028}y\u{202e}z"), "\\u{1b}[2Jx\\u{2028}y\\u{202e}z");
        assert_eq!(one_line("Львів"), "Львів");
    }
}
