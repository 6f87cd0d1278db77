//! Quotes words and assignments for a POSIX shell.

/// Quotes `word` so that a POSIX shell reads it literally, whatever it contains.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// `NAME=value` lines that a shell can source; the names must be shell identifiers.
pub fn assignments(values: &[(&'static str, String)]) -> String {
    values.iter().map(|(name, value)| format!("{name}={}\n", quoted(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::{assignments, quoted};
    use proptest::prelude::proptest;
    use std::process::Command;

    #[test]
    fn plain_values_stay_as_they_are() {
        assert_eq!(quoted("ProductionAdapterDryRun.v1"), "ProductionAdapterDryRun.v1");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        let values = [("A", "x".to_owned()), ("B", "$(y)".to_owned())];
        assert_eq!(assignments(&values), "A=x\nB='$(y)'\n");
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]
        /// A real shell gives back what went in. It cannot hold a NUL.
        #[test]
        fn a_shell_reads_what_was_meant(word in "[^\u{0}]{0,12}") {
            let script = format!("printf '%s.' {}", quoted(&word));
            let said = Command::new("sh").arg("-c").arg(script).output().unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("{word}."));
        }
    }
}
