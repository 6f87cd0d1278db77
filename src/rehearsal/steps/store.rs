//! The Postgres store of the rehearsal's database, as one of its logins.

use crate::config::HeldSecrets;
use crate::error::Result;
use crate::registry;
use crate::rehearsal::Run;
use crate::target::{Login, Logins, TlsTrust};
use flowcontrol_contract::ScenarioStore;
use flowcontrol_contract::registry::BuildCx;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// What a login is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Replays under row-level security.
    Replayer,
    /// Reads under row-level security.
    Auditor,
    /// Reads everything.
    Verifier,
}

/// Opens the store; the adapter refuses a login whose powers do not fit its use.
pub async fn open(run: &Run<'_>, login: &Login, purpose: Use) -> Result<Arc<dyn ScenarioStore>> {
    opening(run, login, purpose)?.await
}

/// Who verifies: the verifier, who sees every row, or the auditor where there is none.
pub fn verifying(logins: &Logins) -> (&Login, Use) {
    match &logins.verifier {
        Some(login) => (login, Use::Verifier),
        None => (&logins.auditor, Use::Auditor),
    }
}

/// The store of [`verifying`], as [`opening`].
///
/// # Errors
/// As [`opening`].
pub fn opening_verifier(
    run: &Run<'_>,
) -> Result<impl Future<Output = Result<Arc<dyn ScenarioStore>>> + use<>> {
    let logins = super::workspace(run)?.logins;
    let (login, purpose) = verifying(&logins);
    opening(run, login, purpose)
}

/// [`open`] as work of its own, for a store that a later step needs.
///
/// # Errors
/// When there is no database yet.
pub fn opening(
    run: &Run<'_>,
    login: &Login,
    purpose: Use,
) -> Result<impl Future<Output = Result<Arc<dyn ScenarioStore>>> + use<>> {
    let endpoint = super::workspace(run)?.endpoint;
    let name = match purpose {
        Use::Replayer => "replayer",
        Use::Auditor => "auditor",
        Use::Verifier => "verifier",
    };
    let tls = match &endpoint.tls {
        TlsTrust::Off => json!({"mode": "off"}),
        TlsTrust::VerifyFull { ca } => json!({"mode": "verify-full", "ca": ca}),
    };
    let password = login.password.as_ref().map(|_| json!({"held": name}));
    let migrations = &run.settings.config.migrations;
    let config = json!({
        "host": endpoint.host, "port": endpoint.port, "database": endpoint.database,
        "user": login.user, "password": password, "tls": tls,
        "schema": migrations.schema, "tenant_setting": migrations.tenant_setting,
        "tenants": run.made.tenants(), "pool_size": 2,
        "verifier": purpose == Use::Verifier,
        "read_only": purpose != Use::Replayer,
    });
    let secrets = HeldSecrets(run.made.passwords.clone());
    Ok(async move {
        let cx = BuildCx { secrets: &secrets, base: Path::new("") };
        Ok(registry::registry().build_store(registry::POSTGRES, config, cx).await?)
    })
}
