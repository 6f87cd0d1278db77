//! The Postgres store of the rehearsal's database, as one of its logins.

use crate::registry::{self, PostgresLocation, Purpose};
use crate::rehearsal::Rehearsal;
use flowcontrol_base::Result;
use flowcontrol_contract::ScenarioStore;
use flowcontrol_database::{Login, Logins};
use std::sync::Arc;

/// Opens the store; the adapter refuses a login whose privileges do not match the purpose.
pub async fn open(
    run: &Rehearsal<'_>,
    login: &Login,
    purpose: Purpose,
) -> Result<Arc<dyn ScenarioStore>> {
    opening(run, login, purpose)?.await
}

/// The login that verifies: the verifier, which sees every row, or the auditor if there is none.
pub fn verifying(logins: &Logins) -> (&Login, Purpose) {
    match &logins.verifier {
        Some(login) => (login, Purpose::Verifier),
        None => (&logins.auditor, Purpose::Auditor),
    }
}

/// [`opening`] for the login of [`verifying`].
///
/// # Errors
/// As [`opening`].
pub fn opening_verifier(
    run: &Rehearsal<'_>,
) -> Result<impl Future<Output = Result<Arc<dyn ScenarioStore>>> + use<>> {
    let logins = super::workspace(run)?.logins;
    let (login, purpose) = verifying(&logins);
    opening(run, login, purpose)
}

/// [`open`] in the background, for a later step.
///
/// # Errors
/// When no database was created yet.
pub fn opening(
    run: &Rehearsal<'_>,
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
