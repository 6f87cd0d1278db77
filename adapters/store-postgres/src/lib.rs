//! `ScenarioStore.v1` on Postgres with row-level security: kind `postgres-rls`.
//!
//! Every call runs in one transaction for one tenant, as a role that owns nothing and bypasses
//! nothing; the store refuses any other login. A separate login, the verifier, sees every row and
//! writes none; it only exports and reads back.

mod append;
mod batch;
mod chain;
mod config;
mod export;
mod failure;
mod fence;
mod import;
mod lookup;
mod pool;
pub mod powers;
mod read;
mod readback;
pub mod refusal;
mod roster;
mod row;
mod sql;
mod stage;
mod store;
mod work;

pub use config::{Config, Tls, TlsMode};
pub use powers::{Powers, read_powers};
pub use refusal::{Refusal, refusals, verifier_refusals};
pub use store::PgStore;

use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::{Result, ScenarioStore};
use futures::future::BoxFuture;
use std::sync::Arc;

/// The adapter's name in the configuration.
pub const KIND: &str = "postgres-rls";

/// Builds the store from its section of the configuration, see [`Config`].
///
/// # Errors
/// As [`Config::from_value`] and [`PgStore::connect`].
pub fn build(
    config: serde_json::Value,
    cx: BuildCx<'_>,
) -> BoxFuture<'_, Result<Arc<dyn ScenarioStore>>> {
    Box::pin(async move {
        let config = Config::from_value(config, cx.base)?;
        let store: Arc<dyn ScenarioStore> = Arc::new(PgStore::connect(config, cx.secrets).await?);
        Ok(store)
    })
}
