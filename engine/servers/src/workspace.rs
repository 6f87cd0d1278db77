//! The workspace: the database that one rehearsal creates and drops, never the configured one.

use super::roles::grant_sql;
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Timestamp;
use flowcontrol_contract::sql::{identifier, literal};
use flowcontrol_database::{Endpoint, Login, Logins, RoleNames, Workspace};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

/// The prefix of rehearsals' databases.
pub const DATABASE_PREFIX: &str = "flowcontrol_rehearsal_";
/// The prefix of their comments, followed by the time of creation and the session.
const COMMENT_PREFIX: &str = "FlowControl rehearsal, created ";
/// A rehearsal's database that is older than this many microseconds counts as abandoned.
const ABANDONED_AFTER_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// Creates the database over the administrator's connection to `endpoint` and grants it to the
/// roles, which exist already.
pub(super) async fn create(
    connection: &mut PgConnection,
    endpoint: &Endpoint,
    admin: &Login,
    names: &RoleNames,
    logins: &Logins,
    session: &str,
) -> Result<Workspace> {
    let database = format!("{DATABASE_PREFIX}{}", clock::random_hex(8));
    let made = fill(connection, &database, names, logins.verifier.is_some(), session).await;
    if let Err(error) = made {
        let failure = refused(&error, endpoint, admin);
        // A partly created database is dropped; if it does not exist, that is not another failure.
        let dropped = drop_database(connection, &database).await;
        return Err(match dropped {
            Ok(()) => failure,
            Err(e) => failure
                .hint(format!("the database {database} was left behind and must be dropped: {e}")),
        });
    }
    Ok(Workspace { endpoint: endpoint.database(&database), logins: logins.clone() })
}

async fn fill(
    connection: &mut PgConnection,
    database: &str,
    names: &RoleNames,
    verifier: bool,
    session: &str,
) -> sqlx::Result<()> {
    // Owning the database lets the owner role do what a migration tool's login usually can. Where
    // the administrator may not transfer it, the owner role may still create its schema.
    let may_give: bool = sqlx::query_scalar(
        "select pg_has_role(current_user, oid, 'USAGE') and pg_has_role(current_user, oid,
                case when current_setting('server_version_num')::int >= 160000
                     then 'SET' else 'MEMBER' end)
         from pg_roles where rolname = $1",
    )
    .bind(&names.owner)
    .fetch_optional(&mut *connection)
    .await?
    .unwrap_or(false);
    let owner =
        if may_give { format!(" OWNER {}", identifier(&names.owner)) } else { String::new() };
    let quoted = identifier(database);
    let statement = |locale: &str| {
        format!("CREATE DATABASE {quoted}{owner} TEMPLATE template0 ENCODING 'UTF8'{locale}")
    };
    let mut result = Ok(());
    // The server's default locale may require another encoding, and C.UTF-8 may be missing.
    for locale in [" LOCALE 'C.UTF-8'", "", " LOCALE 'C'"] {
        result = run(connection, statement(locale)).await;
        match &result {
            Err(e) if is_locale_error(e) => {}
            _ => break,
        }
    }
    result?;
    let comment = format!("{COMMENT_PREFIX}{}, session {session}", clock::now());
    run(connection, format!("COMMENT ON DATABASE {quoted} IS {}", literal(&comment))).await?;
    run(connection, grant_sql(names, database, verifier)).await
}

async fn run(connection: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

fn is_locale_error(error: &sqlx::Error) -> bool {
    // 42809: no such locale. 22023: the encoding does not match the locale.
    code_is(error, "42809") || code_is(error, "22023")
}

fn refused(error: &sqlx::Error, endpoint: &Endpoint, admin: &Login) -> Failure {
    let code = error.as_database_error().and_then(|e| e.code());
    let failure = Failure::environment(format!(
        "cannot create a database for the rehearsal on {}:{} as {}: {error}",
        endpoint.host, endpoint.port, admin.user
    ));
    match code.as_deref() {
        Some("42501") => {
            failure.hint(format!("grant the privilege: ALTER ROLE {} CREATEDB", admin.user))
        }
        Some("25006") => failure.hint("this server is a read-only standby; name its primary"),
        Some("42704") => failure.hint("create the roles first: flowcontrol migrate roles"),
        Some("53100") => failure.hint("the server's disk is full"),
        _ => failure,
    }
}

/// Drops the workspace's database, terminating the sessions in it, and checks that it does not exist
/// any more.
pub(super) async fn remove(endpoint: &Endpoint, admin: &Login, database: &str) -> Result<()> {
    if !database.starts_with(DATABASE_PREFIX) {
        return Err(Failure::usage(format!(
            "`{database}` is not a rehearsal's database and is not dropped"
        )));
    }
    let mut connection = endpoint.connect(admin).await?;
    let dropped = drop_database(&mut connection, database).await;
    drop(connection.close().await);
    dropped.map_err(|e| {
        Failure::environment(format!("cannot drop the rehearsal's database {database}: {e}")).hint(
            format!(
                "drop it by hand: DROP DATABASE {} WITH (FORCE); granting {} pg_signal_backend \
                 lets the next run end what is connected to it",
                identifier(database),
                identifier(&admin.user)
            ),
        )
    })
}

async fn drop_database(connection: &mut PgConnection, database: &str) -> sqlx::Result<()> {
    let statement = format!("DROP DATABASE IF EXISTS {}", identifier(database));
    let forced = run(connection, format!("{statement} WITH (FORCE)")).await;
    match &forced {
        // The login may drop the database, but not terminate other roles' sessions. The server waits a few
        // seconds for sessions that are closing.
        Err(e) if code_is(e, "42501") => run(connection, statement).await,
        _ => forced,
    }
}

fn code_is(error: &sqlx::Error, code: &str) -> bool {
    error.as_database_error().and_then(|e| e.code()).is_some_and(|found| found == code)
}

/// Drops databases of rehearsals that were killed more than a day ago; returns messages about what it dropped and
/// which younger or unmarked ones it kept.
pub(super) async fn sweep(connection: &mut PgConnection) -> Result<Vec<String>> {
    let failed = |e: sqlx::Error| {
        Failure::environment(format!("cannot look for databases of killed rehearsals: {e}"))
    };
    let found: Vec<(String, Option<String>, i64)> = sqlx::query_as(
        "select datname::text, shobj_description(oid, 'pg_database'),
                (select count(*) from pg_stat_activity a where a.datid = d.oid)
         from pg_database d where starts_with(datname::text, $1) order by datname",
    )
    .bind(DATABASE_PREFIX)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let mut said = Vec::new();
    for (database, comment, connected) in found {
        match judge(comment.as_deref(), connected, clock::now()) {
            Leftover::InUse => {}
            Leftover::Young => said.push(format!(
                "{database} belongs to another rehearsal and is less than a day old; it was not dropped"
            )),
            Leftover::Unmarked => said.push(format!(
                "{database} is named like a rehearsal's database but lacks its comment; it was not dropped"
            )),
            Leftover::Abandoned => {
                // Without FORCE, so that a session which connects at this moment keeps it.
                match run(&mut *connection, format!("DROP DATABASE {}", identifier(&database)))
                    .await
                {
                    Ok(()) => said.push(format!("dropped {database}, left by a killed rehearsal")),
                    Err(e) => said.push(format!(
                        "{database} was left by a killed rehearsal but cannot be dropped: {e}"
                    )),
                }
            }
        }
    }
    Ok(said)
}

#[derive(Debug, PartialEq, Eq)]
enum Leftover {
    InUse,
    Young,
    Unmarked,
    Abandoned,
}

fn judge(comment: Option<&str>, connected: i64, now: Timestamp) -> Leftover {
    let created = comment
        .and_then(|text| text.strip_prefix(COMMENT_PREFIX))
        .and_then(|rest| rest.split(',').next())
        .and_then(|time| Timestamp::parse(time).ok());
    match created {
        _ if connected > 0 => Leftover::InUse,
        None => Leftover::Unmarked,
        Some(time) if now.micros().saturating_sub(time.micros()) > ABANDONED_AFTER_MICROS => {
            Leftover::Abandoned
        }
        Some(_) => Leftover::Young,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_marked_idle_old_database_is_abandoned() {
        let now = Timestamp::parse("2026-03-02T12:00:00Z").unwrap();
        let comment = |time: &str| format!("{COMMENT_PREFIX}{time}, session s");
        let old = comment("2026-03-01T11:59:59.000000Z");
        let young = comment("2026-03-01T12:00:01.000000Z");
        assert_eq!(judge(Some(&old), 0, now), Leftover::Abandoned);
        assert_eq!(judge(Some(&old), 1, now), Leftover::InUse);
        assert_eq!(judge(Some(&young), 0, now), Leftover::Young);
        assert_eq!(judge(Some("ours, keep"), 0, now), Leftover::Unmarked);
        assert_eq!(judge(None, 0, now), Leftover::Unmarked);
    }

    #[test]
    fn the_comment_written_is_the_comment_read() {
        let comment = format!("{COMMENT_PREFIX}{}, session a, b", clock::now());
        let later =
            Timestamp::from_micros(clock::now().micros() + 2 * ABANDONED_AFTER_MICROS).unwrap();
        assert_eq!(judge(Some(&comment), 0, later), Leftover::Abandoned);
    }
}
