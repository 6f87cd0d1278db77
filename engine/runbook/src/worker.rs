//! The connection that runs files, one after another, reset before each.
//!
//! Opening a connection over TLS costs more than most files do, so a connection without an
//! error is reused. `DISCARD ALL` resets what the file set, prepared, listened to or created
//! for the session. It cannot reset a library that the file loaded, nor the name,
//! though it does the value, of a custom setting.

use super::{Site, session};
use flowcontrol_base::Result;
use flowcontrol_contract::sql::literal;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// At most one idle connection.
#[derive(Debug, Default)]
pub struct Worker {
    idle: Option<PgConnection>,
}

impl Worker {
    /// Opens a worker with one idle connection.
    ///
    /// # Errors
    /// As [`session::open`].
    pub async fn open(site: Site<'_>) -> Result<Self> {
        Ok(Self { idle: Some(session::open(site, "flowcontrol migrations").await?) })
    }

    /// A connection for the next file, with the application name `application`. A caller that gets an
    /// error on it must drop it.
    ///
    /// # Errors
    /// As [`session::open`].
    pub async fn take(&mut self, site: Site<'_>, application: &str) -> Result<PgConnection> {
        if let Some(mut connection) = self.idle.take()
            && renew(&mut connection, application).await.is_ok()
        {
            return Ok(connection);
        }
        session::open(site, application).await
    }

    /// Returns `connection`, on which no transaction is open, for the next file.
    pub fn keep(&mut self, connection: PgConnection) {
        self.idle = Some(connection);
    }

    /// Closes the idle connection.
    pub async fn close(self) {
        if let Some(connection) = self.idle {
            // What ran on it is committed; an error when closing changes nothing.
            drop(connection.close().await);
        }
    }
}

async fn renew(connection: &mut PgConnection, application: &str) -> Result<(), sqlx::Error> {
    // The client forgets its statements before the server does.
    connection.clear_cached_statements().await?;
    sqlx::raw_sql("discard all").execute(&mut *connection).await?;
    let name = literal(application);
    let rename = format!("set standard_conforming_strings = on; set application_name = {name}");
    sqlx::raw_sql(AssertSqlSafe(rename)).execute(&mut *connection).await?;
    session::prepare(connection).await
}
