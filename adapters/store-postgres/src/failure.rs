//! Converts errors of the driver and the server into the contract's errors.
//!
//! A message consists of the SQLSTATE and the server's primary message. DETAIL, HINT and CONTEXT
//! are not used, since they repeat row content; nor is the driver's error kept as a source, since
//! its `Debug` prints them.

use flowcontrol_contract::{Error, ErrorKind, Retry};
use sqlx::postgres::PgDatabaseError;

/// What was being done when the error occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum During {
    /// Anything that leaves nothing behind when it fails.
    Work,
    /// COMMIT: after a lost connection the outcome is unknown.
    Commit,
}

/// Converts an error of a statement.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
pub(crate) fn sql(error: sqlx::Error) -> Error {
    translate(&error, During::Work)
}

/// Converts an error of COMMIT.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
pub(crate) fn commit(error: sqlx::Error) -> Error {
    translate(&error, During::Commit)
}

fn translate(error: &sqlx::Error, during: During) -> Error {
    match error {
        sqlx::Error::Database(db) => match db.try_downcast_ref::<PgDatabaseError>() {
            Some(pg) => server(
                &ServerError {
                    code: pg.code(),
                    message: pg.message(),
                    constraint: pg.constraint(),
                },
                during,
            ),
            None => Error::new(ErrorKind::Unexpected, "the server reported an unknown error"),
        },
        // The TLS library's error for a refused certificate.
        sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => unverified(io),
        sqlx::Error::Io(io) => lost(&format!("the connection failed: {io}"), during),
        sqlx::Error::Tls(tls) => unverified(tls),
        sqlx::Error::Protocol(text) => lost(&format!("protocol error: {text}"), during),
        // These name columns and types of the store's own statements, and no values.
        sqlx::Error::ColumnDecode { index, .. } => {
            Error::new(ErrorKind::Corrupt, format!("column {index} has an unexpected type"))
        }
        sqlx::Error::RowNotFound => {
            Error::new(ErrorKind::Unexpected, "the server returned no row where one is expected")
        }
        _ => Error::new(ErrorKind::Unexpected, "the database driver failed"),
    }
}

fn unverified(why: &dyn std::fmt::Display) -> Error {
    let why = why.to_string();
    let hint = if why.contains("CaUsedAsEndEntity") {
        "the server presents the certificate of a certificate authority: configure it with one that \
                     the authority issued for it (CA:FALSE), and set tls.ca to the authority's"
    } else {
        "set tls.ca to the server's root certificate and host to a name in its certificate; a \
         server without TLS is accepted on loopback only, with tls = { mode = \"off\" }"
    };
    Error::new(ErrorKind::Unavailable, format!("no verified TLS connection: {why}"))
        .retry(Retry::Permanent)
        .hint(hint)
}

fn lost(message: &str, during: During) -> Error {
    match during {
        During::Work => Error::new(ErrorKind::Unavailable, message),
        During::Commit => ambiguous(message),
    }
}

/// The error of a COMMIT whose outcome is unknown.
pub(crate) fn ambiguous(message: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{message}, during COMMIT"))
        .retry(Retry::Ambiguous)
        .hint("it may have been written: repeat the call with the same record ids, which is idempotent")
}

/// The parts of a server's error that may be shown.
struct ServerError<'a> {
    code: &'a str,
    message: &'a str,
    constraint: Option<&'a str>,
}

fn server(said: &ServerError<'_>, during: During) -> Error {
    let code = said.code;
    // Data exceptions quote the offending value.
    let message = if code.starts_with("22") {
        "the server refused a value".to_owned()
    } else {
        said.message.to_owned()
    };
    let text = match said.constraint {
        Some(name) if !message.contains(name) => {
            format!("{message} (constraint {name}, SQLSTATE {code})")
        }
        _ => format!("{message} (SQLSTATE {code})"),
    };
    let new = |kind| Error::new(kind, text.clone());
    match code {
        "23505" | "23P01" => new(ErrorKind::Conflict),
        "23503" if said.constraint.is_some_and(|c| c.contains("actor")) => {
            new(ErrorKind::InvalidInput).hint("enroll the record's actor first")
        }
        _ if code.starts_with("23") || code.starts_with("22") => new(ErrorKind::InvalidInput),
        "42501" => new(ErrorKind::Denied)
            .hint("the login lacks the right, or row-level security forbids the row"),
        // Authentication failed before any permission was checked: the configured login or the
        // server is wrong.
        "28P01" | "28000" => new(ErrorKind::Unavailable)
            .retry(Retry::Permanent)
            .hint("check user, password and pg_hba.conf"),
        "3D000" => new(ErrorKind::Configuration).hint("check the configured database name"),
        "3F000" | "42P01" => {
            new(ErrorKind::Configuration).hint("apply the migrations: flowcontrol migrate up")
        }
        "25006" => new(ErrorKind::Unavailable)
            .retry(Retry::Permanent)
            .hint("use the primary, or check why the login or database is read-only (default_transaction_read_only)"),
        "57014" => new(ErrorKind::Timeout)
            .hint("raise statement_timeout or the caller's deadline, or find what blocks it"),
        "55P03" => new(ErrorKind::Unavailable)
            .hint("another session holds the lock; raise lock_timeout or end that session"),
        "40001" | "40P01" => new(ErrorKind::Unavailable),
        "0A000" => new(ErrorKind::Unexpected),
        "53300" => new(ErrorKind::Unavailable)
            .hint("the server has no connection left: lower pool_size or raise max_connections"),
        _ if code.starts_with("53") || code.starts_with("54") => new(ErrorKind::Exhausted),
        "58030" => new(ErrorKind::Unavailable),
        _ if code.starts_with("08") || code.starts_with("57P") => match during {
            During::Work => new(ErrorKind::Unavailable),
            During::Commit => ambiguous(&text),
        },
        "25P03" => new(ErrorKind::Timeout),
        _ => new(ErrorKind::Unexpected),
    }
}

#[cfg(test)]
mod tests {
    use super::{During, ServerError, server, translate};
    use flowcontrol_contract::{ErrorKind, Retry};

    fn said(code: &str, message: &str, constraint: Option<&str>) -> flowcontrol_contract::Error {
        server(&ServerError { code, message, constraint }, During::Work)
    }

    #[test]
    fn states_map_to_kinds() {
        for (code, kind, retry) in [
            ("23505", ErrorKind::Conflict, Retry::Permanent),
            ("23503", ErrorKind::InvalidInput, Retry::Permanent),
            ("23514", ErrorKind::InvalidInput, Retry::Permanent),
            ("42501", ErrorKind::Denied, Retry::Permanent),
            ("28P01", ErrorKind::Unavailable, Retry::Permanent),
            ("53100", ErrorKind::Exhausted, Retry::Permanent),
            ("53200", ErrorKind::Exhausted, Retry::Permanent),
            ("53300", ErrorKind::Unavailable, Retry::Temporary),
            ("25006", ErrorKind::Unavailable, Retry::Permanent),
            ("57014", ErrorKind::Timeout, Retry::Temporary),
            ("55P03", ErrorKind::Unavailable, Retry::Temporary),
            ("40P01", ErrorKind::Unavailable, Retry::Temporary),
            ("57P01", ErrorKind::Unavailable, Retry::Temporary),
            ("42P01", ErrorKind::Configuration, Retry::Permanent),
            ("XX000", ErrorKind::Unexpected, Retry::Permanent),
        ] {
            let error = said(code, "m", None);
            assert_eq!((error.kind(), error.retryable()), (kind, retry), "{code}");
            assert!(error.to_string().contains(code), "{error}");
        }
    }

    #[test]
    fn a_quoted_value_is_dropped() {
        let error = said("22P02", "invalid input syntax for type numeric: \"canary\"", None);
        assert!(!error.chain().contains("canary"), "{}", error.chain());
    }

    #[test]
    fn a_refused_certificate_is_told_from_a_lost_connection() {
        let io = std::io::Error::new(std::io::ErrorKind::InvalidData, "UnknownIssuer");
        let error = translate(&sqlx::Error::Io(io), During::Work);
        assert_eq!(error.retryable(), Retry::Permanent);
        assert!(error.message().contains("no verified TLS connection: UnknownIssuer"), "{error}");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("tls.ca")));
        let ca = "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))";
        let io = std::io::Error::new(std::io::ErrorKind::InvalidData, ca);
        let error = translate(&sqlx::Error::Io(io), During::Work);
        assert!(error.hint_text().is_some_and(|hint| hint.contains("CA:FALSE")), "{error:?}");
    }

    #[test]
    fn a_connection_lost_during_commit_is_ambiguous() {
        let io = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(translate(&io(), During::Commit).retryable(), Retry::Ambiguous);
        assert_eq!(translate(&io(), During::Work).retryable(), Retry::Temporary);
        let shutdown = ServerError { code: "57P01", message: "terminating", constraint: None };
        assert_eq!(server(&shutdown, During::Commit).retryable(), Retry::Ambiguous);
        let refused = ServerError { code: "23503", message: "violates", constraint: None };
        assert_eq!(server(&refused, During::Commit).retryable(), Retry::Permanent);
    }
}
