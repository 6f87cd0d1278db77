//! A connection for one file, with all settings pinned that a file could depend on, and the
//! conversion of server errors into failures.

use super::Site;
use super::source::Script;
use super::statement::Statement;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_contract::sql::identifier;
use sqlx::postgres::{PgConnection, PgDatabaseError, PgErrorPosition};
use sqlx::{AssertSqlSafe, Connection};
use std::time::Duration;

/// Whether settings last for the transaction or for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingScope {
    /// Until the transaction ends.
    Transaction,
    /// Until the connection closes.
    Connection,
}

/// Opens a connection with the application name `application`.
///
/// # Errors
/// An environment failure when the server cannot be reached, is a read-only standby, or keeps the
/// database in an encoding other than UTF-8.
pub async fn open(site: Site<'_>, application: &str) -> Result<PgConnection> {
    let options = site.endpoint.options(site.login).application_name(application);
    let place = site.endpoint.redacted();
    let failed = |e: sqlx::Error| {
        Failure::environment(format!("cannot connect to {place} as {}: {e}", site.login.user))
            .hint("check that the server runs and that the owner role may log in")
    };
    let mut connection = PgConnection::connect_with(&options).await.map_err(failed)?;
    prepare(&mut connection).await.map_err(failed)?;
    let (standby, encoding): (bool, String) = sqlx::query_as(
        "select pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('server_encoding')",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(failed)?;
    if standby {
        return Err(Failure::environment(format!("{place} is a read-only standby"))
            .hint("connect to the primary server"));
    }
    if encoding != "UTF8" {
        return Err(Failure::environment(format!("{place} is encoded as {encoding}")).hint(
            "create the database with: create database .. encoding 'UTF8' template template0",
        ));
    }
    Ok(connection)
}

/// Applies the settings of a new session, or of one that was reset.
///
/// # Errors
/// The server's error.
pub async fn prepare(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    // Lets the server notice within a second that this process was killed or cancelled. Not every
    // platform can; there, a stopped file ends at its statement_timeout instead.
    let _ = sqlx::raw_sql("set client_connection_check_interval = '1s'")
        .execute(&mut *connection)
        .await;
    sqlx::raw_sql("set client_min_messages = warning; set idle_session_timeout = 0")
        .execute(connection)
        .await
        .map(|_| ())
}

/// Pins the settings that a file runs under: timeouts, search path, quoting, and the roles' names.
///
/// # Errors
/// The server's error.
pub async fn pin(
    connection: &mut PgConnection,
    site: Site<'_>,
    scope: SettingScope,
) -> Result<(), sqlx::Error> {
    let milliseconds = |d: Duration| d.as_millis().max(1).to_string();
    let limits = site.limits;
    let mut settings = vec![
        ("lock_timeout".to_owned(), milliseconds(limits.lock_timeout)),
        ("statement_timeout".to_owned(), milliseconds(limits.statement_timeout)),
        ("idle_in_transaction_session_timeout".to_owned(), milliseconds(limits.idle_timeout)),
        ("search_path".to_owned(), format!("{}, pg_temp", identifier(&site.layout.schema))),
        ("standard_conforming_strings".to_owned(), "on".to_owned()),
        ("check_function_bodies".to_owned(), "on".to_owned()),
        ("row_security".to_owned(), "on".to_owned()),
        ("timezone".to_owned(), "UTC".to_owned()),
        ("datestyle".to_owned(), "ISO, YMD".to_owned()),
    ];
    let roles = site.layout.role_settings();
    settings.extend(roles.into_iter().map(|(name, value)| (name, value.to_owned())));
    let (names, values): (Vec<String>, Vec<String>) = settings.into_iter().unzip();
    sqlx::query(
        "select pg_catalog.set_config(s.name, s.value, $3)
           from unnest($1::text[], $2::text[]) as s(name, value)",
    )
    .bind(names)
    .bind(values)
    .bind(scope == SettingScope::Transaction)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Why a file failed.
#[derive(Debug)]
pub struct ScriptFailure {
    /// The failure for the user.
    pub failure: Failure,
    /// The note for the ledger: the place and the SQLSTATE, without the server's message.
    pub note: String,
    /// Whether another attempt may succeed, because other sessions held the locks.
    pub busy: bool,
}

/// Runs one statement of a file.
///
/// # Errors
/// A [`ScriptFailure`] that names the file, the line, the SQLSTATE and the server's message.
pub async fn run(
    connection: &mut PgConnection,
    script: &Script,
    statement: &Statement,
) -> Result<(), ScriptFailure> {
    sqlx::raw_sql(AssertSqlSafe(statement.text.clone()))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| refused(script, Some(statement), &error))
}

/// Converts a server error on `statement`, or on the file as a whole.
pub fn refused(
    script: &Script,
    statement: Option<&Statement>,
    error: &sqlx::Error,
) -> ScriptFailure {
    let path = &script.path;
    let server = error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
    let Some(server) = server else {
        let failure = Failure::environment(format!("{path}: the connection failed: {error}"))
            .hint("what was not committed is rolled back; `flowcontrol migrate status` shows what is applied");
        return ScriptFailure { failure, note: format!("connection lost in {path}"), busy: false };
    };
    let code = server.code();
    let place = match statement {
        Some(statement) => format!("{path} line {}", line(statement, server)),
        None => format!("{path} at its end"),
    };
    let busy = matches!(code, "55P03" | "40P01");
    let exit = if busy || code == "57014" { Exit::Environment } else { Exit::Check };
    let mut failure = Failure::new(exit, format!("{place}: {code} {}", server.message()));
    failure.hint = Some(match code {
        "55P03" => {
            "another session holds a lock that this file needs; terminate that session, or run \
                    again when it is done"
                .to_owned()
        }
        "57014" => "the statement took longer than statement_timeout, or was cancelled; split the \
                    work, or raise the limit in the configuration"
            .to_owned(),
        "25006" => "a verify file may only read; raise an exception or select false to fail".into(),
        "42501" => {
            "grant the owner role the missing privilege; it must own the schema, but need not be \
                    superuser"
                .to_owned()
        }
        "25001" => "make the first line of the file `-- flowcontrol: no-transaction`".to_owned(),
        _ => {
            server.hint().map_or_else(|| "correct the file and run again".to_owned(), str::to_owned)
        }
    });
    ScriptFailure { failure, note: format!("{code} at {place}"), busy }
}

/// The line in the file: of the server's position, else of the line inside a DO block's body that
/// the server's context names, else of the statement.
fn line(statement: &Statement, server: &PgDatabaseError) -> usize {
    if let Some(PgErrorPosition::Original(position)) = server.position() {
        return statement.line_of(position);
    }
    let inside = server.r#where().and_then(|context| {
        let (_, rest) = context.rsplit_once("inline_code_block line ")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    });
    let body = statement.tokens.iter().find(|t| t.kind == super::token::TokenKind::Dollar);
    match (inside, body) {
        (Some(line), Some(body)) => body.line + line.saturating_sub(1),
        _ => statement.line,
    }
}
