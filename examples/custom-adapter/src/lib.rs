//! A store adapter as somebody outside the project would write it: the history of every tenant in
//! one journal of JSON lines.
//!
//! It depends on the contract and on nothing else of the project. `journal.rs` owns the file,
//! `history.rs` decides what may be written, `fence.rs` keeps freeze windows, `store.rs` implements
//! `ScenarioStore.v1` with them, and `view.rs` reads everything back. The whole history is kept in
//! memory too, so the store is meant for scenarios that fit there.

mod fence;
mod history;
mod journal;
mod store;
mod view;

use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::{Mode, ScenarioStore};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

pub use store::JournalStore;

/// The adapter's `kind` in the configuration.
pub const KIND: &str = "journal";

/// Whether it needs an outside service.
pub const MODE: Mode = Mode::Local;

/// The adapter's section of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The journal file; it is created if it does not exist. A relative path starts from the folder
    /// of the configuration.
    pub path: PathBuf,
}

/// Builds the store from its configuration: the factory to register.
///
/// # Errors
/// `Configuration` for an invalid configuration, or as [`JournalStore::open`].
pub fn build(
    config: serde_json::Value,
    cx: BuildCx<'_>,
) -> BoxFuture<'_, Result<Arc<dyn ScenarioStore>>> {
    async move {
        let config: Config = serde_json::from_value(config).map_err(|e| {
            Error::new(ErrorKind::Configuration, format!("the configuration is not valid: {e}"))
                .in_operation(KIND, "build")
                .hint("it has one field: path = \"scenario.jsonl\"")
        })?;
        let store: Arc<dyn ScenarioStore> =
            Arc::new(JournalStore::open(cx.base.join(config.path)).await?);
        Ok(store)
    }
    .boxed()
}
