//! Which adapters exist: a value that maps a port's kinds to their factories.

use crate::adapter::{Mode, Port};
use crate::error::{Error, ErrorKind, Result};
use crate::secret::Secrets;
use crate::store::ScenarioStore;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What a factory may use besides its own configuration.
#[derive(Clone, Copy)]
pub struct BuildCx<'a> {
    /// Resolves secret references.
    pub secrets: &'a dyn Secrets,
    /// The folder that relative paths of the configuration start from.
    pub base: &'a Path,
}

impl fmt::Debug for BuildCx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildCx").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Builds a store from its part of the configuration.
pub type StoreFactory =
    for<'a> fn(serde_json::Value, BuildCx<'a>) -> BoxFuture<'a, Result<Arc<dyn ScenarioStore>>>;

#[derive(Clone, Copy)]
struct Entry {
    mode: Mode,
    store: StoreFactory,
}

/// The adapters that a program was built with.
#[derive(Default)]
pub struct Registry {
    stores: BTreeMap<&'static str, Entry>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.stores.iter().map(|(kind, e)| (kind, e.mode))).finish()
    }
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a store adapter.
    ///
    /// # Panics
    /// When the kind is registered already: two adapters of one name are a programming error.
    pub fn store(&mut self, kind: &'static str, mode: Mode, factory: StoreFactory) {
        let earlier = self.stores.insert(kind, Entry { mode, store: factory });
        assert!(earlier.is_none(), "two store adapters of kind {kind:?}");
    }

    /// The known kinds of a port with their modes.
    pub fn kinds(&self, port: Port) -> Vec<(&'static str, Mode)> {
        match port {
            Port::Store => self.stores.iter().map(|(kind, e)| (*kind, e.mode)).collect(),
            _ => Vec::new(),
        }
    }

    /// Builds the store of `kind`.
    ///
    /// # Errors
    /// `Configuration` that lists the known kinds, or whatever the factory says.
    pub async fn build_store(
        &self,
        kind: &str,
        config: serde_json::Value,
        cx: BuildCx<'_>,
    ) -> Result<Arc<dyn ScenarioStore>> {
        let Some(entry) = self.stores.get(kind) else {
            let known: Vec<_> = self.stores.keys().copied().collect();
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("unknown store kind {kind:?}; known kinds: {}", known.join(", ")),
            ));
        };
        (entry.store)(config, cx).await
    }
}
