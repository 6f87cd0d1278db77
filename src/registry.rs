//! The only file that names adapter crates: the adapters that this program was built with.

use crate::config::{HeldSecrets, MigrationSettings, ProcessSecrets, Settings};
use flowcontrol_auth as auth;
use flowcontrol_base::Result;
use flowcontrol_contract::registry::{BuildCx, Registration, Registry};
use flowcontrol_contract::{AuthProvider, KsefProvider, Mode, Port, ScenarioStore, TenantId};
use flowcontrol_database::{Endpoint, Login, TlsTrust};
use flowcontrol_ksef as ksef;
use flowcontrol_ksef_simulator as ksef_simulator;
use flowcontrol_store_file as store_file;
use flowcontrol_store_postgres as store_postgres;
use serde_json::json;
use sqlx::postgres::PgConnection;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// The kind of the store that a rehearsal replays into.
pub const POSTGRES: &str = store_postgres::KIND;
/// The kind of the store that a rehearsal restores in a rollback.
pub const FILE: &str = store_file::KIND;

/// The headers that the local auth adapter reads the caller from: actor, tenant, role, permissions.
pub const CALLER_HEADERS: [&str; 4] = auth::HEADERS;

/// The registry of the built-in adapters. To add an adapter, write a crate, add a line here and
/// document its configuration; a program of your own registers its kinds and passes the registry to
/// [`crate::run_with`].
pub fn built_in() -> Registry {
    let mut registry = Registry::new();
    for kind in [
        Registration::store(store_file::KIND, Mode::Local, store_file::build),
        Registration::store(store_postgres::KIND, Mode::Live, store_postgres::build),
        Registration::auth(auth::MOCK, Mode::Local, auth::build_mock),
        Registration::auth(auth::OIDC, Mode::Live, auth::build_oidc),
        Registration::planned(Port::Ocr, "local-ocr", Mode::Local),
        Registration::planned(Port::Ocr, "document-ai", Mode::Live),
        Registration::ksef(ksef_simulator::mock::KIND, Mode::Local, ksef_simulator::mock::build),
        Registration::ksef(ksef::KIND, Mode::Live, ksef::build),
        Registration::planned(Port::Eta, "local-eta", Mode::Local),
        Registration::planned(Port::Eta, "maps-eta", Mode::Live),
        Registration::planned(Port::Sync, "service-worker", Mode::Local),
        Registration::planned(Port::Sync, "background-sync", Mode::Live),
    ] {
        registry.register(kind);
    }
    registry
}

/// Builds the active profile's store.
///
/// # Errors
/// When the profile or the adapter's configuration is wrong, or the store cannot be opened.
pub async fn open_store(settings: &Settings) -> Result<Arc<dyn ScenarioStore>> {
    let (kind, config) = chosen(settings, Port::Store)?;
    Ok(settings.adapters.build_store(kind, config, building(settings, &secrets(settings))).await?)
}

/// Builds the active profile's auth adapter, without contacting its provider.
///
/// # Errors
/// When the profile or the adapter's configuration is wrong.
pub async fn open_auth(settings: &Settings) -> Result<Arc<dyn AuthProvider>> {
    let (kind, config) = chosen(settings, Port::Auth)?;
    Ok(settings.adapters.build_auth(kind, config, building(settings, &secrets(settings))).await?)
}

/// Builds the active profile's KSeF adapter, without signing in.
///
/// # Errors
/// When the profile or the adapter's configuration is wrong, or its certificate cannot be used to
/// sign in.
pub async fn open_ksef(settings: &Settings) -> Result<Arc<dyn KsefProvider>> {
    let (kind, config) = chosen(settings, Port::Ksef)?;
    Ok(settings.adapters.build_ksef(kind, config, building(settings, &secrets(settings))).await?)
}

/// A fault of the KSeF simulator, as `ksef serve --fault` takes it.
#[derive(Clone, Debug)]
pub struct KsefFault(ksef_simulator::Planned);

impl FromStr for KsefFault {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        text.parse().map(Self)
    }
}

/// The options of `ksef serve`.
#[derive(Clone, Copy, Debug)]
pub struct KsefServe<'a> {
    /// The loopback address to listen on.
    pub listen: SocketAddr,
    /// The folder of its state.
    pub state: &'a Path,
    /// The faults to play.
    pub faults: &'a [KsefFault],
    /// Decide every invoice at once.
    pub instant: bool,
    /// Enforce KSeF's request limits.
    pub limits: bool,
}

/// Starts a KSeF simulator, which runs until it is stopped or dropped.
///
/// # Errors
/// When the address is not loopback or is in use, or the state folder cannot be used.
pub async fn serve_ksef(serve: KsefServe<'_>) -> Result<ksef_simulator::Simulator> {
    let mut config = ksef_simulator::Config::new(serve.state);
    config.listen = serve.listen;
    config.faults = serve.faults.iter().map(|fault| fault.0.clone()).collect();
    if serve.instant {
        config.tempo = ksef_simulator::Tempo::INSTANT;
    }
    if !serve.limits {
        config.rates = ksef_simulator::unlimited_rates();
    }
    Ok(ksef_simulator::Simulator::start(config).await?)
}

/// The active profile's kind of a port, and that kind's own configuration.
fn chosen(settings: &Settings, port: Port) -> Result<(&str, serde_json::Value)> {
    let kind = settings.profile()?.kind(port);
    let config = settings.config.adapters.get(kind).cloned();
    Ok((kind, config.unwrap_or_else(|| json!({}))))
}

fn secrets(settings: &Settings) -> ProcessSecrets<'_> {
    ProcessSecrets { base: &settings.base }
}

fn building<'a>(settings: &'a Settings, secrets: &'a ProcessSecrets<'a>) -> BuildCx<'a> {
    BuildCx { secrets, base: &settings.base }
}

/// Opens a file-local store in a folder of its own.
///
/// # Errors
/// When the folder cannot be used.
pub async fn open_file_store(dir: &Path) -> Result<Arc<dyn ScenarioStore>> {
    let config = serde_json::json!({ "dir": dir });
    let cx = BuildCx { secrets: &HeldSecrets::default(), base: Path::new("") };
    Ok(store_file::build(config, cx).await?)
}

/// The purpose of a login to a Postgres store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Replaying under row-level security.
    Replayer,
    /// Reading under row-level security.
    Auditor,
    /// Reading every tenant's rows.
    Verifier,
}

/// A database with the scenario's tables, and the tenants to open it for.
#[derive(Clone, Copy, Debug)]
pub struct PostgresLocation<'a> {
    /// The database.
    pub endpoint: &'a Endpoint,
    /// The schema, and how it separates tenants.
    pub migrations: &'a MigrationSettings,
    /// The tenants.
    pub tenants: &'a [TenantId],
}

/// Opens the Postgres store of a database as `login`, whose rights must fit `purpose`. Runs as its
/// own task, so that several can be opened concurrently.
pub fn opening_postgres(
    place: PostgresLocation<'_>,
    login: &Login,
    purpose: Purpose,
) -> impl Future<Output = Result<Arc<dyn ScenarioStore>>> + use<> {
    const HELD: &str = "login";
    let tls = match &place.endpoint.tls {
        TlsTrust::Off => json!({"mode": "off"}),
        TlsTrust::VerifyFull { ca } => json!({"mode": "verify-full", "ca": ca}),
    };
    let config = json!({
        "host": place.endpoint.host, "port": place.endpoint.port,
        "database": place.endpoint.database,
        "user": login.user, "password": login.password.as_ref().map(|_| json!({"held": HELD})),
        "tls": tls, "schema": place.migrations.schema,
        "tenant_setting": place.migrations.tenant_setting,
        "tenants": place.tenants, "pool_size": 2,
        "verifier": purpose == Purpose::Verifier,
        "read_only": purpose != Purpose::Replayer,
    });
    let held = login.password.iter().map(|p| (HELD.to_owned(), p.clone()));
    let secrets = HeldSecrets(held.collect());
    async move {
        let cx = BuildCx { secrets: &secrets, base: Path::new("") };
        Ok(store_postgres::build(config, cx).await?)
    }
}

/// The reasons why a login could bypass row-level security; empty when it cannot. Objects that do
/// not exist yet, such as the schema before migrations, are no reason.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn login_refusals(connection: &mut PgConnection, schema: &str) -> Result<Vec<String>> {
    use store_postgres::Refusal;
    let powers = store_postgres::read_powers(connection, schema).await?;
    let about_the_place = |refusal: &Refusal| {
        matches!(refusal, Refusal::NoSchema(_) | Refusal::NoTable(_) | Refusal::Standby)
    };
    let found = store_postgres::refusals(&powers);
    Ok(found.iter().filter(|r| !about_the_place(r)).map(ToString::to_string).collect())
}
