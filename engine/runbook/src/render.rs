//! The printed runbook: the files exactly as they run, under the header that reviewers expect.

use super::source::Source;
use std::fmt::Write as _;

/// The header lines of a printed runbook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunbookHeader {
    /// What is replayed after the migrations, such as `BFGScenarioSnapshot.v1`.
    pub source: String,
    /// The adapter bundle that the profile leads to.
    pub target: String,
    /// The scenario's session.
    pub session: String,
    /// The snapshot's short digest.
    pub checksum: String,
    /// The number of records in the snapshot.
    pub rows: u64,
    /// The runbook gate's decision.
    pub runbook_decision: String,
}

/// The runbook of `source`: the up files in order, each introduced by its version, name and
/// SHA-256, so that what is reviewed is what runs.
pub fn render(source: &Source, header: &RunbookHeader) -> String {
    let mut text = String::from("-- ProductionAdapterMigrationRunbook.v1\n");
    for (name, value) in [
        ("source", &header.source),
        ("target", &header.target),
        ("session", &header.session),
        ("checksum", &header.checksum),
        ("rows", &header.rows.to_string()),
        ("runbook_decision", &header.runbook_decision),
    ] {
        line(&mut text, &format!("-- {name}={}", without_controls(value)));
    }
    line(
        &mut text,
        &format!("-- migrations={} sha256={}", source.migrations.len(), source.digest()),
    );
    for migration in &source.migrations {
        let (version, name, up) = (migration.version, &migration.name, &migration.up);
        line(&mut text, &format!("\n-- {version} {name} sha256={}", up.sha256));
        text.push_str(&up.text);
    }
    text
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

/// A value cannot leave its comment. Unlike in messages, what would end the line becomes a space and
/// not an escape: reviewers compare the values.
fn without_controls(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::source::{FolderEntry, read};
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_header_is_the_seeds_and_the_files_follow_unchanged() {
        let entries: BTreeMap<String, FolderEntry> = [
            ("0001_first.up.sql", "create table a ();\r\n"),
            ("0001_first.down.sql", "drop table if exists a;"),
            ("verify/0001_first.sql", "select true;"),
        ]
        .map(|(path, text)| (path.to_owned(), FolderEntry::File(text.as_bytes().to_vec())))
        .into();
        let source = read("here", entries).unwrap();
        let header = RunbookHeader {
            source: "BFGScenarioSnapshot.v1".into(),
            target: "db-auth-session-adapter".into(),
            session: "grant-demo-local\ndrop table a".into(),
            checksum: "bfg-feb1d61b".into(),
            rows: 0,
            runbook_decision: "BLOCKED_PENDING_PREFLIGHT".into(),
        };
        let text = render(&source, &header);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..7],
            [
                "-- ProductionAdapterMigrationRunbook.v1",
                "-- source=BFGScenarioSnapshot.v1",
                "-- target=db-auth-session-adapter",
                "-- session=grant-demo-local drop table a",
                "-- checksum=bfg-feb1d61b",
                "-- rows=0",
                "-- runbook_decision=BLOCKED_PENDING_PREFLIGHT",
            ]
        );
        let up = &source.migrations[0].up;
        assert_eq!(lines[9], format!("-- 0001 first sha256={}", up.sha256));
        assert_eq!(lines[10], "create table a ();");
    }
}
