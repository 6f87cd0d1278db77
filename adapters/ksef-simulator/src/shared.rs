//! What all requests share.

use super::clock::SimulatorClock;
use super::config::Tempo;
use super::faults::Faults;
use super::keys::Keys;
use super::passes::{self, Claims, Doubt, Kind};
use super::rates::Windows;
use super::refusal::Refusal;
use super::world::World;
use axum::http::{HeaderMap, header};
use flowcontrol_contract::Error;
use flowcontrol_files::{FileError, Lock};
use flowcontrol_ksef_wire::messages::{ContextIdentifier, RateLimits, ReferenceNumber};
use serde_json::json;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// Shared by all requests of one simulator.
#[derive(Debug)]
pub(super) struct Shared {
    pub world: Mutex<World>,
    pub keys: RwLock<Keys>,
    pub windows: Mutex<Windows>,
    pub faults: Faults,
    pub clock: SimulatorClock,
    pub tempo: Tempo,
    pub rates: RateLimits,
    pub attachments: bool,
    /// `http://address:port`, for pre-signed addresses.
    pub origin: String,
    /// Keeps others out of the folder as long as anything here may still write to it.
    pub _lock: Lock,
    /// How many batches are being unpacked.
    pub unpacking: watch::Sender<usize>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub login: ReferenceNumber,
    pub context: ContextIdentifier,
    pub permissions: Vec<String>,
}

impl Shared {
    // A thread that panicked while it held a lock left what it wrote down in the journal; the state
    // in memory is as good as before, since it changes after the disk does.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn keys_mut(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the pass of a request.
    pub fn pass(&self, headers: &HeaderMap, kind: Kind) -> Result<Claims, Refusal> {
        let refuse = |why: &str| Refusal::Unauthorized(why.to_owned());
        let told = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = told
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(|| refuse("Wymagane jest uwierzytelnienie."))?;
        match passes::read(self.keys().signing(), token.trim(), self.clock.now()) {
            Ok(claims) if claims.kind == kind => Ok(claims),
            Ok(_) => Err(refuse("Token nie jest przeznaczony do tej operacji.")),
            Err(Doubt::Expired) => Err(refuse("Token wygasł.")),
            Err(Doubt::Forged) => Err(refuse("Token jest nieprawidłowy.")),
        }
    }

    /// Who asks, by the access token.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let claims = self.pass(headers, Kind::Access)?;
        let world = self.world();
        let state = world
            .login(&claims.login, self.clock.now())
            .ok_or_else(|| Refusal::Unauthorized("Token jest nieprawidłowy.".to_owned()))?;
        Ok(Caller {
            login: claims.login,
            context: state.login.context.clone(),
            permissions: state.login.permissions.clone(),
        })
    }

    /// Who asks, when they may: any one of `permissions` is enough.
    pub fn caller_with(
        &self,
        headers: &HeaderMap,
        permissions: &[&str],
    ) -> Result<Caller, Refusal> {
        let caller = self.caller(headers)?;
        if caller.permissions.iter().any(|has| permissions.contains(&has.as_str())) {
            return Ok(caller);
        }
        Err(Refusal::Forbidden {
            reason: "missing-permissions",
            detail: "Brak wymaganych uprawnień do wykonania operacji w bieżącym kontekście.".into(),
            security: [
                ("requiredAnyOfPermissions".to_owned(), json!(permissions)),
                ("presentPermissions".to_owned(), json!(caller.permissions)),
            ]
            .into(),
        })
    }
}

impl From<FileError> for Refusal {
    fn from(error: FileError) -> Self {
        Error::from(error).into()
    }
}

/// A failure of the disk is not an answer of KSeF: it is logged, and the caller sees no path.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        tracing::error!(error = %error.chain(), "the simulator failed");
        Self::Broken("The simulator failed; see its log.".to_owned())
    }
}
