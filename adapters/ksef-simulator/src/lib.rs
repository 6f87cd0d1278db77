//! A faithful KSeF on loopback: its own keys, logins, sessions, judgements, numbers and receipts,
//! with faults on request.
//!
//! States are a function of what happened and of the [`SimulatorClock`], so nothing runs in the
//! background except the unpacking of a batch. An event is in the journal before its
//! request is answered, so a restart continues.

mod admit;
mod batch;
mod clock;
mod config;
mod disk;
mod entry;
mod event;
mod faults;
mod judge;
mod keys;
mod middleware;
pub mod mock;
mod names;
mod operation;
mod package;
mod passes;
mod rates;
mod refusal;
mod routes;
mod session;
mod shared;
mod upo;
mod world;

pub use clock::SimulatorClock;
pub use config::{Config, Tempo};
pub use faults::{Fault, Faults, Planned};
pub use operation::Operation;
pub use rates::{official as official_rates, unlimited as unlimited_rates};

use flowcontrol_contract::{Error, ErrorKind, Result};
use flowcontrol_files::{Access, Lock, create_folder};
use flowcontrol_ksef_invoice::nip::Nip;
use flowcontrol_ksef_wire::messages::{
    ContextIdentifier, ContextIdentifierType, PublicKeyUsage, Sealed,
};
use flowcontrol_standin::{Listener, Server};
use keys::Keys;
use shared::Shared;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use world::World;

/// A running simulator. Dropping it stops it at once; [`Simulator::stop`] lets requests end.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    repairs: Vec<String>,
    server: Server,
}

impl Simulator {
    /// Starts one.
    ///
    /// # Errors
    /// `Configuration` for an address off loopback, `Conflict` when another simulator uses the
    /// folder, `Corrupt` for state that cannot be read, `Unavailable` when the address is taken.
    pub async fn start(config: Config) -> Result<Self> {
        if !config.listen.ip().is_loopback() {
            let why = format!("a simulator listens on loopback only, not on {}", config.listen);
            return Err(Error::new(ErrorKind::Configuration, why)
                .hint("take 127.0.0.1 or [::1]; it has no TLS and hands out tokens"));
        }
        let folder = config.state_dir;
        let lock = lock(&folder)?;
        let now = config.clock.now();
        let opened = {
            let folder = folder.clone();
            // Making RSA keys takes a while.
            tokio::task::spawn_blocking(move || {
                let keys = Keys::open(&folder, now)?;
                let (world, repairs) = World::open(&folder, &keys)?;
                Ok::<_, Error>((keys, world, repairs))
            })
        };
        let opened = opened.await.map_err(|e| Error::new(ErrorKind::Unexpected, e.to_string()))?;
        let (keys, world, repairs) = opened?;
        let unbound = |e: &std::io::Error| {
            Error::new(ErrorKind::Unavailable, format!("cannot listen on {}: {e}", config.listen))
                .hint("take another port, or 0 for a free one")
        };
        let listener = Listener::bind(config.listen).await.map_err(|e| unbound(&e))?;
        let address = listener.address();
        for repair in &repairs {
            tracing::warn!("{repair}");
        }
        let faults = Faults::default();
        config.faults.into_iter().for_each(|fault| faults.plan(fault));
        let unfinished = unfinished(&world);
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            keys: RwLock::new(keys),
            windows: Mutex::default(),
            faults,
            clock: config.clock,
            tempo: config.tempo,
            rates: config.rates,
            attachments: config.attachments,
            origin: listener.origin(),
            _lock: lock,
            unpacking: watch::Sender::new(0),
        });
        for index in unfinished {
            batch::unpack(shared.clone(), index);
        }
        let server = listener.serve(routes::router(shared.clone()));
        Ok(Self { address, shared, repairs, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of the API, as `https://api-test.ksef.mf.gov.pl/v2` is one.
    pub fn base_url(&self) -> String {
        format!("{}/v2", self.shared.origin)
    }

    /// Its time.
    pub fn clock(&self) -> &SimulatorClock {
        &self.shared.clock
    }

    /// Its script of faults.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// What was half-written when it started, and what was done about it.
    pub fn repairs(&self) -> &[String] {
        &self.repairs
    }

    /// How many invoices it was sent, whatever became of them.
    pub fn received(&self) -> usize {
        self.shared.world().sessions.iter().map(|session| session.places.len()).sum()
    }

    /// Makes a KSeF token of a taxpayer that may do everything in their own context.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn issue_token(&self, nip: &Nip) -> Result<Sealed> {
        let context =
            ContextIdentifier { kind: ContextIdentifierType::Nip, value: nip.as_str().to_owned() };
        let permissions = routes::all_permissions();
        routes::issue_token(&self.shared, &context, permissions, "made by the simulator".to_owned())
            .map(|made| made.token)
            .map_err(|_| Error::new(ErrorKind::Unavailable, "cannot write the simulator's state"))
    }

    /// Publishes a new key; with `retire` the earlier ones of its usage are taken back.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn rotate_keys(&self, usage: PublicKeyUsage, retire: bool) -> Result<()> {
        let now = self.shared.clock.now();
        self.shared.keys_mut().rotate(usage, retire, now)
    }

    /// Ends it when what is under way has ended, at most after five seconds.
    pub async fn stop(self) {
        self.server.stop().await;
        // A batch that is being unpacked still writes; what it does not finish, a restart begins anew.
        let mut unpacking = self.shared.unpacking.subscribe();
        let idle = unpacking.wait_for(|batches| *batches == 0);
        let _ = tokio::time::timeout(Duration::from_secs(5), idle).await;
    }
}

/// Batches that were closed and not unpacked when the simulator ended.
fn unfinished(world: &World) -> Vec<usize> {
    let waits = |session: &session::Session| {
        session.is_batch()
            && session.closed.is_some()
            && session.judged.is_none()
            && session.key.is_some()
    };
    (0..world.sessions.len()).filter(|index| waits(&world.sessions[*index])).collect()
}

/// Takes the folder for this simulator alone.
fn lock(folder: &Path) -> Result<Lock> {
    // Its owner's alone: it holds keys, and invoices in the clear.
    create_folder(folder, Access::Owner)?;
    Lock::try_take(&folder.join("lock"))?.map_err(|holder| {
        let why = format!("another simulator uses {}{holder}", folder.display());
        Error::new(ErrorKind::Conflict, why).hint("stop it, or give this one a folder of its own")
    })
}
