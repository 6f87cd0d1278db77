//! Failures to start a server: the end of its log, and the cause when the disk is full.

use flowcontrol_base::Failure;
use std::path::Path;
use std::process::ExitStatus;

const TAIL_LINES: usize = 15;
const FULL_HINT: &str =
    "free some space, or set TMPDIR to a folder on another disk (a rehearsal needs about 100 MB)";

/// The log, or why it cannot be read.
pub(super) fn read(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) => format!("(the log {} cannot be read: {e})", path.display()),
    }
}

/// The last lines of a log.
pub(super) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Whether the server ended because another process took its port.
pub(super) fn port_taken(log: &str) -> bool {
    log.contains("Address already in use")
}

fn disk_full(text: &str) -> bool {
    text.contains("No space left on device") || text.contains("Disk quota exceeded")
}

/// A failure that `what` did not start; without a status it exceeded its time limit.
pub(super) fn failure(what: &str, status: Option<ExitStatus>, log: &str, folder: &Path) -> Failure {
    if disk_full(log) {
        return Failure::environment(format!(
            "the disk that holds {} is full: {what} could not start",
            folder.parent().unwrap_or(folder).display()
        ))
        .hint(FULL_HINT);
    }
    if log.contains("SSL is not supported by this build") {
        return Failure::environment(format!(
            "{what} was built without TLS, which a temporary server needs"
        ))
        .hint(
            "name another PostgreSQL with FLOWCONTROL_PG_BIN (those of distributions have TLS), \
             or use --target container",
        );
    }
    let ended = status
        .map_or_else(|| "did not become ready in time".to_owned(), |s| format!("ended with {s}"));
    let tail = tail(log);
    let said = if tail.is_empty() {
        "its log is empty".to_owned()
    } else {
        format!("its log ends:\n{tail}")
    };
    let failure = Failure::environment(format!("{what} {ended}; {said}"));
    if log.contains("Permission denied") {
        return failure.hint(
            "the server runs as an unprivileged user, who must be able to read the PostgreSQL \
             binaries and to reach the temporary folder (TMPDIR)",
        );
    }
    failure
        .hint("use --target container or external, or another PostgreSQL with FLOWCONTROL_PG_BIN")
}

/// A failed file operation.
pub(super) fn io_failure(what: &str, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    let failure = Failure::environment(format!("{what}: {error}"));
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => failure.hint(FULL_HINT),
        _ => failure.hint("set TMPDIR to a folder that can be written to"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named() {
        let log = "FATAL:  could not write to file \"base/1/x\": No space left on device\n";
        let failure = failure("initdb", None, log, Path::new("/scratch/flowcontrol-pg-1"));
        assert_eq!(failure.message, "the disk that holds /scratch is full: initdb could not start");
        assert_eq!(failure.hint.as_deref(), Some(FULL_HINT));
    }

    #[test]
    fn a_build_without_tls_is_named() {
        let log = "2026-03-01 06:30:00.000 GMT [7] FATAL:  SSL is not supported by this build\n";
        let failure = failure("the PostgreSQL server", None, log, Path::new("/scratch/pg"));
        assert!(failure.message.contains("built without TLS"), "{failure}");
        assert!(failure.hint.unwrap().contains("FLOWCONTROL_PG_BIN"));
    }

    #[test]
    fn the_log_is_cut_to_its_end() {
        let log: String = (0..100).map(|n| format!("line {n}\n\n")).collect();
        let tail = tail(&log);
        assert!(tail.starts_with("line 85\n"), "{tail}");
        assert!(tail.ends_with("line 99"), "{tail}");
    }
}
