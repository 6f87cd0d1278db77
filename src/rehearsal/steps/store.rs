//! The Postgres store of the rehearsal's database, as one of its logins.

use crate::registry::{self, PostgresLocation, Purpose};
use crate::rehearsal::Run;
use flowcontrol_base::Result;
use flowcontrol_contract::ScenarioStore;
use flowcontrol_database::{Login, Logins};
use std::sync::Arc;

/// Opens the store; the adapter refuses a login whose powers do not fit its use.
pub async fn open(
    run: &Run<'_>,
    login: &Login,
    purpose: Purpose,
) -> Result<Arc<dyn ScenarioStore>> {
    opening(run, login, purpose)?.await
}

/// Who verifies: the verifier, who sees every row, or the auditor where there is none.
pub fn verifying(logins: &Logins) -> (&Login, Purpose) {
    match &logins.verifier {
        Some(login) => (login, Purpose::Verifier),
        None => (&logins.auditor, Purpose::Auditor),
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
    purpose: Purpose,
) -> Result<impl Future<Output = Result<Arc<dyn ScenarioStore>>> + use<>> {
    let place = PostgresLocation {
        endpoint: &super::workspace(run)?.endpoint,
        migrations: &run.settings.config.migrations,
        tenants: &run.resources.tenants(),
    };
    Ok(registry::opening_postgres(place, login, purpose))
}
