//! The connection that runs files, one after another, each as if the connection were new.
//!
//! Opening a connection over TLS costs more than most files do, so one that a file left in good
//! order serves the next. `DISCARD ALL` takes back what the file set, prepared, listened to or made
//! for the session. What that cannot take back is a library that the file loaded, and the name,
//! though not the value, of a setting that it invented.

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
    /// A worker with a connection at hand.
    ///
    /// # Errors
    /// As [`session::open`].
    pub async fn open(site: Site<'_>) -> Result<Self> {
        Ok(Self { idle: Some(session::open(site, "flowcontrol migrations").await?) })
    }

    /// A connection for the next file, which other sessions see as `application`. Whoever meets an
    /// error on it drops it.
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

    /// Keeps `connection`, on which no transaction is open, for the next file.
    pub fn keep(&mut self, connection: PgConnection) {
        self.idle = Some(connection);
    }

    /// Says goodbye to the server.
    pub async fn close(self) {
        if let Some(connection) = self.idle {
            // What ran on it is committed; a farewell that fails changes nothing.
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
