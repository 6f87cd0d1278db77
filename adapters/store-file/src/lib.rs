//! `ScenarioStore.v1` on local files: kind `file-local`.
//!
//! The folder:
//!
//! ```text
//! write.lock                  one writer at a time, across processes
//! fence                       freeze windows; replaced as a whole
//! tenants/<SHA-256 of id>/
//!     roster                  the tenant and its actors; replaced as a whole
//!     log                     the records, one frame for each acknowledged batch
//!     index/                  derived from the log; may be deleted
//!     torn-<byte>-<n>         bytes that were cut off the log after a crash
//! ```
//!
//! - **Durability.** A call returns when its frame is synced. A writer that dies leaves at most one
//!   torn frame; readers ignore it, the next writer cuts it off, keeps its bytes and reports it
//!   ([`FileStore::recovered`]). Damage anywhere else is `Corrupt` and is never cut off.
//! - **Audit.** The events of an append are in the same frame as its records. Whoever may write the
//!   folder can rewrite them, as everything in it; where that matters, keep the scenario in a
//!   database.
//! - **Writers** hold the lock for one operation at a time, so several processes can write
//!   alternately. A writer waits for the lock until the call's deadline (`Timeout`), or for ten
//!   seconds when it has none (`Unavailable`).
//! - **Readers** take no lock and change nothing in the folder. They may see another process's
//!   batch a moment before it is synced.
//! - **Memory** does not grow with the number of records: ids are found through sorted runs on
//!   disk.

mod config;
mod cursor;
mod disk;
mod failure;
mod faults;
mod fence;
mod files;
mod frame;
mod index;
mod lock;
mod log;
mod read_back;
mod read_buffer;
mod roster;
mod rules;
mod sorted_run;
mod store;
mod stream;
mod tenant;
mod trail;
mod view;
mod write_txn;

pub use config::{Config, build};
pub use faults::{Fault, Faults};
pub use files::Recovered;
pub use store::FileStore;

/// The adapter's name in the configuration.
pub const KIND: &str = "file-local";
