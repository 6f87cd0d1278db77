//! The connections that a run of the probes needs, opened concurrently: over TLS each takes a
//! tenth of a second, nearly all of it waiting.

use super::context::Attacker;
use super::session::Session;
use flowcontrol_base::{Failure, Result};
use flowcontrol_database::{Login, Workspace};
use futures::future::try_join_all;
use std::collections::BTreeMap;

/// Open connections; no tenant was set on any of them yet.
pub struct Sessions {
    /// The logins that attack.
    pub(super) attackers: Vec<Attacker>,
    /// The readers, the one that sees most rows first.
    pub(super) readers: Vec<(String, Session)>,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    /// Opens the connections of all logins.
    ///
    /// # Errors
    /// An environment failure when a login is refused or the server cannot be reached.
    pub async fn open(workspace: &Workspace, tenant_setting: &str) -> Result<Self> {
        let logins = &workspace.logins;
        let open =
            async |login: &Login| Session::open(&workspace.endpoint, login, tenant_setting).await;
        let attacker = async |(key, login): (&'static str, &Login)| {
            let (session, untouched) = tokio::try_join!(open(login), open(login))?;
            Ok::<_, Failure>(Attacker {
                key,
                login: login.clone(),
                session,
                untouched: Some(untouched),
                insertable: BTreeMap::new(),
            })
        };
        let reader =
            async |login: &Login| Ok::<_, Failure>((login.user.clone(), open(login).await?));
        let attacking = [
            ("application", &logins.application),
            ("replayer", &logins.replayer),
            ("auditor", &logins.auditor),
            ("owner", &logins.owner),
        ];
        let reading = [&logins.replayer, &logins.application, &logins.auditor, &logins.owner];
        let (attackers, readers) = tokio::try_join!(
            try_join_all(attacking.into_iter().map(attacker)),
            try_join_all(logins.verifier.iter().chain(reading).map(reader)),
        )?;
        Ok(Self { attackers, readers })
    }
}
