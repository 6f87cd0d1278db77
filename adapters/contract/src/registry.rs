//! Which adapters exist: a value that maps a port's kinds to their factories.

use crate::adapter::{Mode, Port};
use crate::auth::AuthProvider;
use crate::error::{Error, ErrorKind, Result};
use crate::ksef::KsefProvider;
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

/// Builds an auth adapter from its part of the configuration.
pub type AuthFactory =
    for<'a> fn(serde_json::Value, BuildCx<'a>) -> BoxFuture<'a, Result<Arc<dyn AuthProvider>>>;

/// Builds a KSeF adapter from its part of the configuration.
pub type KsefFactory =
    for<'a> fn(serde_json::Value, BuildCx<'a>) -> BoxFuture<'a, Result<Arc<dyn KsefProvider>>>;

#[derive(Clone, Copy)]
struct Entry<F> {
    mode: Mode,
    factory: F,
}

type Kinds<F> = BTreeMap<&'static str, Entry<F>>;

fn add<F>(kinds: &mut Kinds<F>, port: Port, kind: &'static str, mode: Mode, factory: F) {
    let earlier = kinds.insert(kind, Entry { mode, factory });
    assert!(earlier.is_none(), "two {port} adapters of kind {kind:?}");
}

fn find<F: Copy>(kinds: &Kinds<F>, port: Port, kind: &str) -> Result<F> {
    kinds.get(kind).map(|entry| entry.factory).ok_or_else(|| {
        let known: Vec<_> = kinds.keys().copied().collect();
        Error::new(
            ErrorKind::Configuration,
            format!("unknown {port} kind {kind:?}; known kinds: {}", known.join(", ")),
        )
    })
}

fn modes<F>(kinds: &Kinds<F>) -> Vec<(&'static str, Mode)> {
    kinds.iter().map(|(kind, entry)| (*kind, entry.mode)).collect()
}

/// The adapters that a program was built with.
#[derive(Default)]
pub struct Registry {
    stores: Kinds<StoreFactory>,
    auths: Kinds<AuthFactory>,
    ksefs: Kinds<KsefFactory>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(Port::ALL.map(|port| (port, self.kinds(port)))).finish()
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
        add(&mut self.stores, Port::Store, kind, mode, factory);
    }

    /// Adds an auth adapter.
    ///
    /// # Panics
    /// When the kind is registered already.
    pub fn auth(&mut self, kind: &'static str, mode: Mode, factory: AuthFactory) {
        add(&mut self.auths, Port::Auth, kind, mode, factory);
    }

    /// Adds a KSeF adapter.
    ///
    /// # Panics
    /// When the kind is registered already.
    pub fn ksef(&mut self, kind: &'static str, mode: Mode, factory: KsefFactory) {
        add(&mut self.ksefs, Port::Ksef, kind, mode, factory);
    }

    /// The known kinds of a port with their modes.
    pub fn kinds(&self, port: Port) -> Vec<(&'static str, Mode)> {
        match port {
            Port::Store => modes(&self.stores),
            Port::Auth => modes(&self.auths),
            Port::Ksef => modes(&self.ksefs),
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
        find(&self.stores, Port::Store, kind)?(config, cx).await
    }

    /// Builds the auth adapter of `kind`.
    ///
    /// # Errors
    /// `Configuration` that lists the known kinds, or whatever the factory says.
    pub async fn build_auth(
        &self,
        kind: &str,
        config: serde_json::Value,
        cx: BuildCx<'_>,
    ) -> Result<Arc<dyn AuthProvider>> {
        find(&self.auths, Port::Auth, kind)?(config, cx).await
    }

    /// Builds the KSeF adapter of `kind`.
    ///
    /// # Errors
    /// `Configuration` that lists the known kinds, or whatever the factory says.
    pub async fn build_ksef(
        &self,
        kind: &str,
        config: serde_json::Value,
        cx: BuildCx<'_>,
    ) -> Result<Arc<dyn KsefProvider>> {
        find(&self.ksefs, Port::Ksef, kind)?(config, cx).await
    }
}
