//! The adapter's section of the configuration.

use crate::KIND;
use crate::store::FileStore;
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::{Error, ErrorKind, Result, ScenarioStore};
use futures::future::BoxFuture;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// The configuration of a file-local store.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The store's folder; a relative path starts from the configuration's folder.
    pub dir: PathBuf,
}

/// Builds the store from its section of the configuration.
///
/// # Errors
/// `Configuration` that names the wrong field, or a `dir` that is not a folder.
pub fn build(
    config: serde_json::Value,
    cx: BuildCx<'_>,
) -> BoxFuture<'_, Result<Arc<dyn ScenarioStore>>> {
    Box::pin(async move {
        let wrong = |message: String| {
            Error::new(ErrorKind::Configuration, message)
                .hint("it has one field, for example dir = \".flowcontrol/store\"")
                .in_operation(KIND, "build")
        };
        let config: Config = serde_json::from_value(config)
            .map_err(|e| wrong(format!("configuration of the store: {e}")))?;
        if config.dir.as_os_str().is_empty() {
            return Err(wrong("configuration of the store: `dir` is empty".into()));
        }
        let store: Arc<dyn ScenarioStore> = Arc::new(FileStore::open(cx.base.join(config.dir))?);
        Ok(store)
    })
}
