//! Configuration of a simulator.

use super::clock::SimulatorClock;
use super::faults::Planned;
use super::rates;
use flowcontrol_ksef_wire::messages::RateLimits;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How a simulator is started; only the folder has no default.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen: loopback only. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where its state is kept; one simulator at a time uses a folder.
    pub state_dir: PathBuf,
    /// Its time.
    pub clock: SimulatorClock,
    /// How long it takes for things.
    pub tempo: Tempo,
    /// Limits on each kind of request; `None` within is unlimited.
    pub rates: RateLimits,
    /// Whether invoices with an attachment are taken, which KSeF does only for who asked for it.
    pub attachments: bool,
    /// What goes wrong, in the order in which it was planned.
    pub faults: Vec<Planned>,
}

impl Config {
    /// A simulator on a free port with the machine's clock and the official limits.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            state_dir: state_dir.into(),
            clock: SimulatorClock::system(),
            tempo: Tempo::default(),
            rates: rates::official(),
            attachments: false,
            faults: Vec::new(),
        }
    }
}

/// How long things take on the simulator's clock. A state is a function of what happened and of the
/// time, so nothing runs in the background and a stopped clock stops everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tempo {
    /// Until a login is decided (100 until then).
    pub login: Duration,
    /// Until an invoice is looked at (100 until then).
    pub queue: Duration,
    /// From there until it is decided (150 until then).
    pub decision: Duration,
    /// From there until it is stored for good.
    pub storage: Duration,
    /// From the close of a session until its UPO is there.
    pub close: Duration,
}

impl Tempo {
    /// Everything at once.
    pub const INSTANT: Self = Self {
        login: Duration::ZERO,
        queue: Duration::ZERO,
        decision: Duration::ZERO,
        storage: Duration::ZERO,
        close: Duration::ZERO,
    };
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            login: Duration::from_millis(50),
            queue: Duration::from_millis(100),
            decision: Duration::from_millis(300),
            storage: Duration::from_millis(500),
            close: Duration::from_millis(200),
        }
    }
}

/// How long an access token lasts.
pub(super) const ACCESS: Duration = Duration::from_secs(15 * 60);
/// How long a refresh token lasts, and a login can be asked for.
pub(super) const REFRESH: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long the temporary token of a login lasts.
pub(super) const TEMPORARY: Duration = Duration::from_secs(3600);
/// How long a challenge lasts.
pub(super) const CHALLENGE: Duration = Duration::from_secs(10 * 60);
/// How long an interactive session stays open, and a batch waits for its parts.
pub(super) const SESSION: Duration = Duration::from_secs(12 * 3600);
/// How long a pre-signed address lasts.
pub(super) const ADDRESS: Duration = Duration::from_secs(3 * 24 * 3600);
/// Most invoices in a session.
pub(super) const INVOICES: usize = 10_000;
/// Largest invoice, in bytes.
pub(super) const INVOICE_BYTES: u64 = 1_000_000;
/// Largest invoice with an attachment, in bytes.
pub(super) const ATTACHED_BYTES: u64 = 3_000_000;
/// Largest part of a package before encryption, in bytes.
pub(super) const PART_BYTES: u64 = 100_000_000;
/// Largest package, in bytes.
pub(super) const PACKAGE_BYTES: u64 = 5_000_000_000;
/// Most parts of a package.
pub(super) const PARTS: usize = 50;
