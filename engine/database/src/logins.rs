//! The roles that migrations grant to, and who logs in as them.

use crate::{Endpoint, Login};

/// The names of the roles that migrations grant to. Roles are cluster-wide, so they are named in
/// the configuration and provisioned before migrations run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleNames {
    /// Owns the schema and runs migrations; neither superuser nor BYPASSRLS.
    pub owner: String,
    /// The service's login; subject to RLS.
    pub application: String,
    /// Replays snapshots; subject to RLS.
    pub replayer: String,
    /// Reads one tenant at a time; subject to RLS.
    pub auditor: String,
    /// Reads everything for verification: read-only, BYPASSRLS.
    pub verifier: String,
}

impl Default for RoleNames {
    fn default() -> Self {
        Self {
            owner: "bfg_owner".into(),
            application: "bfg_application".into(),
            replayer: "bfg_replayer".into(),
            auditor: "bfg_auditor".into(),
            verifier: "bfg_verifier".into(),
        }
    }
}

/// One login for each role of a rehearsal's database.
#[derive(Clone, Debug)]
pub struct Logins {
    /// See [`RoleNames::owner`].
    pub owner: Login,
    /// See [`RoleNames::application`].
    pub application: Login,
    /// See [`RoleNames::replayer`].
    pub replayer: Login,
    /// See [`RoleNames::auditor`].
    pub auditor: Login,
    /// See [`RoleNames::verifier`]; absent where a managed server does not allow BYPASSRLS.
    pub verifier: Option<Login>,
}

impl Logins {
    /// All logins, the verifier's included if there is one.
    pub fn all(&self) -> impl Iterator<Item = &Login> {
        let Self { owner, application, replayer, auditor, verifier } = self;
        [owner, application, replayer, auditor].into_iter().chain(verifier)
    }
}

/// The database that one rehearsal works in.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The database itself.
    pub endpoint: Endpoint,
    /// Who logs in.
    pub logins: Logins,
}
