//! The only file that names adapter crates: which adapters this program was built with.

use crate::config::{HeldSecrets, ProcessSecrets, Settings};
use crate::error::Result;
use flowcontrol_contract::registry::{BuildCx, Registry};
use flowcontrol_contract::{Mode, Port, ScenarioStore};
use flowcontrol_store_file as store_file;
use flowcontrol_store_postgres as store_postgres;
use sqlx::postgres::PgConnection;
use std::path::Path;
use std::sync::Arc;

/// The kind of the store that a rehearsal replays into.
pub const POSTGRES: &str = store_postgres::KIND;
/// The kind of the store that a rehearsal rolls back to.
pub const FILE: &str = store_file::KIND;

/// Every adapter of this build. Adding one is a folder, a line here and its configuration.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.store(store_file::KIND, Mode::Local, store_file::build);
    registry.store(store_postgres::KIND, Mode::Live, store_postgres::build);
    registry
}

/// The kinds of a port that this program was built with.
pub fn built(port: Port) -> Vec<String> {
    registry().kinds(port).into_iter().map(|(kind, _)| kind.to_owned()).collect()
}

/// Builds the active profile's store.
///
/// # Errors
/// When the profile or the adapter's configuration is wrong, or the store cannot be opened.
pub async fn open_store(settings: &Settings) -> Result<Arc<dyn ScenarioStore>> {
    let kind = settings.profile()?.kind(Port::Store);
    let config = settings
        .config
        .adapters
        .get(kind)
        .cloned()
        .unwrap_or_else(|| serde_json::Value::Object(serde_json::Map::new()));
    let cx = BuildCx { secrets: &ProcessSecrets { base: &settings.base }, base: &settings.base };
    Ok(registry().build_store(kind, config, cx).await?)
}

/// Opens a file-local store in a folder of its own.
///
/// # Errors
/// When the folder cannot be used.
pub async fn open_file_store(dir: &Path) -> Result<Arc<dyn ScenarioStore>> {
    let config = serde_json::json!({ "dir": dir });
    let cx = BuildCx { secrets: &HeldSecrets::default(), base: Path::new("") };
    Ok(registry().build_store(FILE, config, cx).await?)
}

/// Why a login can get around row-level security, in words; empty when it cannot. What is not
/// there yet, such as the schema before migrations, is no reason.
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
