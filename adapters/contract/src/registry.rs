//! The registry of adapters: one registration for each kind.

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

/// What a factory may use besides the adapter's configuration.
#[derive(Clone, Copy)]
pub struct BuildCx<'a> {
    /// Resolves secret references.
    pub secrets: &'a dyn Secrets,
    /// The folder that relative paths in the configuration start from.
    pub base: &'a Path,
}

impl fmt::Debug for BuildCx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildCx").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Builds a store from its section of the configuration.
pub type StoreFactory =
    for<'a> fn(serde_json::Value, BuildCx<'a>) -> BoxFuture<'a, Result<Arc<dyn ScenarioStore>>>;

/// Builds an auth adapter from its section of the configuration.
pub type AuthFactory =
    for<'a> fn(serde_json::Value, BuildCx<'a>) -> BoxFuture<'a, Result<Arc<dyn AuthProvider>>>;

/// Builds a KSeF adapter from its section of the configuration.
pub type KsefFactory =
    for<'a> fn(serde_json::Value, BuildCx<'a>) -> BoxFuture<'a, Result<Arc<dyn KsefProvider>>>;

#[derive(Clone, Copy)]
enum Factory {
    Store(StoreFactory),
    Auth(AuthFactory),
    Ksef(KsefFactory),
    /// The kind may be configured, but this program has no adapter for it yet.
    Planned,
}

/// A registered kind: its port, name, mode and factory.
#[derive(Clone, Copy)]
pub struct Registration {
    /// The port that it implements.
    pub port: Port,
    /// Its `kind` in the configuration.
    pub kind: &'static str,
    /// Local or live; configuration checks and gates use it.
    pub mode: Mode,
    factory: Factory,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { port, kind, mode, .. } = self;
        write!(f, "{port} {kind} ({mode:?}, built: {})", self.is_built())
    }
}

impl Registration {
    /// Registers a store adapter.
    pub const fn store(kind: &'static str, mode: Mode, factory: StoreFactory) -> Self {
        Self { port: Port::Store, kind, mode, factory: Factory::Store(factory) }
    }

    /// Registers an auth adapter.
    pub const fn auth(kind: &'static str, mode: Mode, factory: AuthFactory) -> Self {
        Self { port: Port::Auth, kind, mode, factory: Factory::Auth(factory) }
    }

    /// Registers a KSeF adapter.
    pub const fn ksef(kind: &'static str, mode: Mode, factory: KsefFactory) -> Self {
        Self { port: Port::Ksef, kind, mode, factory: Factory::Ksef(factory) }
    }

    /// Registers a kind that a profile may name before its adapter exists. It cannot be built, and
    /// no gate counts it.
    pub const fn planned(port: Port, kind: &'static str, mode: Mode) -> Self {
        Self { port, kind, mode, factory: Factory::Planned }
    }

    /// Whether the program has an adapter of this kind.
    pub const fn is_built(&self) -> bool {
        !matches!(self.factory, Factory::Planned)
    }
}

/// The registered kinds, by port.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<(Port, &'static str), Registration>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds.values()).finish()
    }
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a kind. An adapter replaces a planned kind with its name and mode.
    ///
    /// # Panics
    /// When the kind is registered already, for this port or another: two adapters with one name
    /// are a programming error, since `[adapters.KIND]` configures one.
    pub fn register(&mut self, new: Registration) {
        let Registration { port, kind, mode, .. } = new;
        let taken = self.kinds.values().find(|known| known.kind == kind);
        let fits = |known: &Registration| {
            !known.is_built() && new.is_built() && (known.port, known.mode) == (port, mode)
        };
        assert!(taken.is_none_or(fits), "two {port} adapters of kind {kind:?}");
        self.kinds.insert((port, kind), new);
    }

    /// The registrations of a port: local kinds first, then by name.
    pub fn kinds(&self, port: Port) -> Vec<Registration> {
        let mut kinds: Vec<_> = self.kinds.values().filter(|r| r.port == port).copied().collect();
        kinds.sort_by_key(|r| (r.mode == Mode::Live, r.kind));
        kinds
    }

    /// The registration of a port's kind, if there is one.
    pub fn find(&self, port: Port, kind: &str) -> Option<&Registration> {
        self.kinds.values().find(|r| r.port == port && r.kind == kind)
    }

    fn factory(&self, port: Port, kind: &str) -> Result<Factory> {
        match self.find(port, kind) {
            Some(found) if found.is_built() => Ok(found.factory),
            Some(_) => Err(Error::new(
                ErrorKind::Configuration,
                format!("this version has no {port} adapter {kind:?} yet"),
            )),
            None => {
                let known: Vec<_> = self.kinds(port).iter().map(|r| r.kind).collect();
                Err(Error::new(
                    ErrorKind::Configuration,
                    format!("unknown {port} kind {kind:?}; known kinds: {}", known.join(", ")),
                ))
            }
        }
    }

    /// Builds the store of `kind`.
    ///
    /// # Errors
    /// `Configuration` that lists the known kinds, or the factory's error.
    pub async fn build_store(
        &self,
        kind: &str,
        config: serde_json::Value,
        cx: BuildCx<'_>,
    ) -> Result<Arc<dyn ScenarioStore>> {
        match self.factory(Port::Store, kind)? {
            Factory::Store(build) => build(config, cx).await,
            Factory::Auth(_) | Factory::Ksef(_) | Factory::Planned => Err(mismatched(kind)),
        }
    }

    /// Builds the auth adapter of `kind`.
    ///
    /// # Errors
    /// `Configuration` that lists the known kinds, or the factory's error.
    pub async fn build_auth(
        &self,
        kind: &str,
        config: serde_json::Value,
        cx: BuildCx<'_>,
    ) -> Result<Arc<dyn AuthProvider>> {
        match self.factory(Port::Auth, kind)? {
            Factory::Auth(build) => build(config, cx).await,
            Factory::Store(_) | Factory::Ksef(_) | Factory::Planned => Err(mismatched(kind)),
        }
    }

    /// Builds the KSeF adapter of `kind`.
    ///
    /// # Errors
    /// `Configuration` that lists the known kinds, or the factory's error.
    pub async fn build_ksef(
        &self,
        kind: &str,
        config: serde_json::Value,
        cx: BuildCx<'_>,
    ) -> Result<Arc<dyn KsefProvider>> {
        match self.factory(Port::Ksef, kind)? {
            Factory::Ksef(build) => build(config, cx).await,
            Factory::Store(_) | Factory::Auth(_) | Factory::Planned => Err(mismatched(kind)),
        }
    }
}

/// The constructors of [`Registration`] pair each port with its factory, so this is a defect of
/// FlowControl.
fn mismatched(kind: &str) -> Error {
    Error::new(ErrorKind::Unexpected, format!("the registration of {kind:?} is for another port"))
}

#[cfg(test)]
mod tests {
    use super::{Registration, Registry};
    use crate::adapter::{Mode, Port};

    #[test]
    fn a_planned_kind_is_known_and_cannot_be_built() {
        let mut registry = Registry::new();
        registry.register(Registration::planned(Port::Store, "later", Mode::Live));
        registry.register(Registration::planned(Port::Store, "here", Mode::Local));
        let kinds = registry.kinds(Port::Store);
        assert_eq!(kinds.iter().map(|r| r.kind).collect::<Vec<_>>(), ["here", "later"]);
        let error = registry.factory(Port::Store, "later").err().unwrap().to_string();
        assert!(error.contains("no store adapter \"later\" yet"), "{error}");
        let error = registry.factory(Port::Store, "lather").err().unwrap().to_string();
        assert!(error.contains("known kinds: here, later"), "{error}");
    }

    #[test]
    #[should_panic(expected = "two auth adapters of kind")]
    fn one_kind_is_registered_once() {
        let mut registry = Registry::new();
        registry.register(Registration::planned(Port::Store, "one", Mode::Live));
        registry.register(Registration::planned(Port::Auth, "one", Mode::Live));
    }
}
