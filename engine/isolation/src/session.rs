//! One login's connection, and attempts in transactions that are always rolled back.

use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::sql::literal;
use flowcontrol_database::{Endpoint, Login};
use futures::TryStreamExt;
use sqlx::postgres::{PgConnection, PgDatabaseError};
use sqlx::{AssertSqlSafe, Connection, Either};

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The statement ran and reached this many rows.
    Rows(u64),
    /// The server refused it.
    Refused(ServerRefusal),
    /// A preceding statement, such as the insert of a fixture row, was refused.
    Unprepared(ServerRefusal),
}

impl AttemptOutcome {
    /// Whether the locks of another attacker, not a rule of the database, made it fail.
    fn collided(&self) -> bool {
        match self {
            Self::Rows(_) => false,
            Self::Refused(refusal) | Self::Unprepared(refusal) => {
                matches!(refusal.code.as_str(), "40P01" | "55P03")
            }
        }
    }
}

/// A server's refusal, without the message: a message may quote a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRefusal {
    /// SQLSTATE.
    pub code: String,
    /// The server's C function that refused, which distinguishes a policy from a privilege in any
    /// language of messages.
    pub routine: String,
    /// The violated constraint, if there is one.
    pub constraint: Option<String>,
}

impl ServerRefusal {
    /// Refused by a policy's WITH CHECK, or because policies may not be switched off.
    pub fn by_policy(&self) -> bool {
        self.code == "42501"
            && matches!(
                self.routine.as_str(),
                "ExecWithCheckOptions" | "check_enable_rls" | "get_row_security_policies"
            )
    }

    /// Refused for lack of a privilege or of ownership.
    pub fn by_privilege(&self) -> bool {
        self.code == "42501" && !self.by_policy()
    }

    /// Refused by a constraint (class 23): the row had passed every policy before.
    pub fn by_constraint(&self) -> bool {
        self.code.starts_with("23") && !self.routine.starts_with("exec_stmt_raise")
    }

    /// The refusal as text for reports.
    pub fn describe(&self) -> String {
        match &self.constraint {
            Some(name) => format!("SQLSTATE {} (constraint {name})", self.code),
            None => format!("SQLSTATE {} ({})", self.code, self.routine),
        }
    }
}

/// How the last statement of an attempt is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendMode {
    /// As a statement; rows are those affected or returned.
    Plain,
    /// As COPY ... TO STDOUT; rows are lines.
    CopyOut,
    /// As [`SendMode::CopyOut`], where the catalog says that the server will refuse it.
    CopyOutDenied,
    /// As COPY ... FROM STDIN, aborted as soon as the server accepts it, which counts as one row.
    CopyIn,
}

/// A connection of one login.
pub struct Session {
    conn: PgConnection,
    endpoint: Endpoint,
    login: Login,
    setting: String,
    /// Whether a transaction is open, or failed and was not ended yet.
    failed: bool,
}

/// Ends a failed transaction and begins a new one, with limits: an attack that succeeds may wait for a
/// lock or run over a whole table.
const BEGIN: [&str; 5] = [
    "rollback",
    "begin",
    "set local lock_timeout = '5s'",
    "set local statement_timeout = '60s'",
    "set constraints all immediate",
];

/// Attackers run concurrently on the same rows; everything is rolled back at once, so that another
/// attempt finds the locks free.
const TRIES: usize = 4;

impl Session {
    /// Opens a connection whose session never had a tenant set.
    ///
    /// # Errors
    /// An environment failure when the server cannot be reached.
    pub async fn open(endpoint: &Endpoint, login: &Login, setting: &str) -> Result<Self> {
        Ok(Self {
            conn: connect(endpoint, login).await?,
            endpoint: endpoint.clone(),
            login: login.clone(),
            setting: setting.to_owned(),
            failed: false,
        })
    }

    /// The connection outside any transaction.
    ///
    /// # Errors
    /// See [`Session::attempt`].
    pub async fn ready(&mut self) -> Result<&mut PgConnection> {
        if std::mem::take(&mut self.failed) {
            sqlx::raw_sql("rollback").execute(&mut self.conn).await.map_err(|e| broken(&e))?;
        }
        Ok(&mut self.conn)
    }

    /// SQL that sets the tenant for the rest of the transaction.
    pub fn tenant(&self, tenant: &str) -> String {
        set_tenant(&self.setting, tenant)
    }

    /// Runs `setup` and then `last` in one transaction that is rolled back.
    ///
    /// # Errors
    /// An environment failure when the connection breaks; a refusal is an [`AttemptOutcome`].
    pub async fn attempt(
        &mut self,
        setup: &[String],
        last: &str,
        send: SendMode,
    ) -> Result<AttemptOutcome> {
        for _ in 1..TRIES {
            let outcome = self.attempt_once(setup, last, send).await?;
            if !outcome.collided() {
                return Ok(outcome);
            }
        }
        self.attempt_once(setup, last, send).await
    }

    async fn attempt_once(
        &mut self,
        setup: &[String],
        last: &str,
        send: SendMode,
    ) -> Result<AttemptOutcome> {
        let mut before: Vec<&str> = BEGIN.to_vec();
        before.extend(setup.iter().map(String::as_str));
        if matches!(send, SendMode::Plain | SendMode::CopyOutDenied) {
            match self.at_once(&before, last).await? {
                Some(outcome) => return Ok(outcome),
                None if send == SendMode::Plain => {
                    return Err(Failure::environment(
                        "an isolation probe received a response that its statement cannot have",
                    ));
                }
                // The catalog was wrong, and the connection cannot be used any more.
                None => self.conn = connect(&self.endpoint, &self.login).await?,
            }
        }
        self.failed = true;
        let begun = sqlx::raw_sql(AssertSqlSafe(before.join("; "))).execute(&mut self.conn).await;
        let outcome = match refusal(begun)? {
            Err(refused) => AttemptOutcome::Unprepared(refused),
            Ok(_) => match self.copy(last, send).await? {
                Ok(rows) => AttemptOutcome::Rows(rows),
                Err(refused) => AttemptOutcome::Refused(refused),
            },
        };
        if send != SendMode::CopyIn && matches!(outcome, AttemptOutcome::Refused(_)) {
            // sqlx 0.9 leaves the response to a refused COPY TO partly read, so that every later
            // response would be taken for the previous one. The transaction ends with the
            // connection. `CopyOutDenied` keeps this rare.
            self.conn = connect(&self.endpoint, &self.login).await?;
            self.failed = false;
        }
        self.ready().await?;
        Ok(outcome)
    }

    /// Sends everything, the rollback included, in one message: there are thousands of attempts.
    /// After an error the server skips the rest, has rolled back the transaction and released its
    /// locks; the next message begins with a rollback. `None` when the server began to copy, which
    /// breaks the connection.
    async fn at_once(&mut self, before: &[&str], last: &str) -> Result<Option<AttemptOutcome>> {
        let message = format!("{}; {last}; rollback", before.join("; "));
        let mut done = Vec::with_capacity(before.len() + 2);
        let mut stream = sqlx::raw_sql(AssertSqlSafe(message)).fetch_many(&mut self.conn);
        let refused = loop {
            match stream.try_next().await {
                Ok(Some(Either::Left(result))) => done.push(result.rows_affected()),
                Ok(Some(Either::Right(_))) => {}
                Ok(None) => break None,
                Err(sqlx::Error::Protocol(_)) => return Ok(None),
                Err(e) => break refusal::<()>(Err(e))?.err(),
            }
        };
        drop(stream);
        self.failed = refused.is_some();
        Ok(Some(match (refused, done.get(before.len())) {
            (Some(refused), _) if done.len() < before.len() => AttemptOutcome::Unprepared(refused),
            (Some(refused), _) => AttemptOutcome::Refused(refused),
            (None, Some(rows)) => AttemptOutcome::Rows(*rows),
            (None, None) => {
                return Err(Failure::environment(
                    "an isolation probe received fewer responses than it sent statements",
                ));
            }
        }))
    }

    /// Runs one statement outside a transaction, in autocommit mode.
    ///
    /// # Errors
    /// See [`Session::attempt`].
    pub async fn autocommit(&mut self, sql: &str) -> Result<AttemptOutcome> {
        self.ready().await?;
        self.statement(sql).await
    }

    /// Sets the tenant from a bound value, as the adapter does, runs `last`, and rolls back.
    ///
    /// # Errors
    /// See [`Session::attempt`].
    pub async fn attempt_bound(&mut self, tenant: &str, last: &str) -> Result<AttemptOutcome> {
        self.failed = true;
        sqlx::raw_sql(AssertSqlSafe(BEGIN.join("; ")))
            .execute(&mut self.conn)
            .await
            .map_err(|e| broken(&e))?;
        let set = sqlx::query("select set_config($1, $2, true)")
            .bind(self.setting.clone())
            .bind(tenant)
            .execute(&mut self.conn)
            .await;
        let outcome = match refusal(set)? {
            Err(refused) => AttemptOutcome::Refused(refused),
            Ok(_) => self.statement(last).await?,
        };
        self.ready().await?;
        Ok(outcome)
    }

    async fn statement(&mut self, sql: &str) -> Result<AttemptOutcome> {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.conn).await;
        Ok(match refusal(done)? {
            Ok(done) => AttemptOutcome::Rows(done.rows_affected()),
            Err(refused) => AttemptOutcome::Refused(refused),
        })
    }

    async fn copy(
        &mut self,
        sql: &str,
        send: SendMode,
    ) -> Result<std::result::Result<u64, ServerRefusal>> {
        if send == SendMode::CopyIn {
            return match refusal(self.conn.copy_in_raw(sql).await)? {
                Err(refused) => Ok(Err(refused)),
                Ok(copy) => {
                    copy.abort("a probe").await.map_err(|e| broken(&e))?;
                    Ok(Ok(1))
                }
            };
        }
        let lines = async {
            let mut stream = self.conn.copy_out_raw(sql).await?;
            let mut lines = 0;
            while let Some(chunk) = stream.try_next().await? {
                lines += chunk.iter().filter(|b| **b == b'\n').count() as u64;
            }
            Ok(lines)
        };
        refusal(lines.await)
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// An environment failure when the connection breaks.
    pub async fn close(self) -> Result<()> {
        self.conn.close().await.map_err(|e| broken(&e))
    }
}

async fn connect(endpoint: &Endpoint, login: &Login) -> Result<PgConnection> {
    let mut conn = endpoint.connect(login).await?;
    sqlx::raw_sql("set standard_conforming_strings = on; set client_min_messages = error")
        .execute(&mut conn)
        .await
        .map_err(|e| broken(&e))?;
    Ok(conn)
}

/// SQL that sets the tenant for the rest of the transaction.
pub fn set_tenant(setting: &str, tenant: &str) -> String {
    format!("select set_config({}, {}, true)", literal(setting), literal(tenant))
}

/// A failure of the connection itself, which ends the run. Its text never contains a row: server
/// messages are reduced to their code.
pub fn broken(error: &sqlx::Error) -> Failure {
    let text = match error {
        sqlx::Error::Database(e) => format!("SQLSTATE {}", e.code().unwrap_or_default()),
        other => other.to_string(),
    };
    Failure::environment(format!("an isolation probe failed on the server: {text}"))
}

fn refusal<T>(
    result: std::result::Result<T, sqlx::Error>,
) -> Result<std::result::Result<T, ServerRefusal>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(sqlx::Error::Database(error)) => {
            match error.try_downcast_ref::<PgDatabaseError>() {
                // 57P01 to 57P03 and class 08: the server is going away.
                Some(pg) if pg.code().starts_with("57P") || pg.code().starts_with("08") => {
                    Err(broken(&sqlx::Error::Database(error)))
                }
                Some(pg) => Ok(Err(ServerRefusal {
                    code: pg.code().to_owned(),
                    routine: pg.routine().unwrap_or_default().to_owned(),
                    constraint: pg.constraint().map(str::to_owned),
                })),
                None => Err(broken(&sqlx::Error::Database(error))),
            }
        }
        Err(other) => Err(broken(&other)),
    }
}
