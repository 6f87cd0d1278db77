//! Faults that tests inject into the store's writes.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

/// A fault of the next write or sync of a log; it happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The write stops after this many bytes, as on a full disk; the store cleans up after it.
    Full(usize),
    /// The write stops after this many bytes and nothing is cleaned up, as if the process died.
    Crash(usize),
    /// Everything is written, but the sync fails.
    Sync,
}

/// The fault that a test has planned; empty in production.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Option<Fault>>>);

impl Faults {
    /// Plans one fault.
    pub fn plan(&self, fault: Fault) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    fn take(&self, which: impl Fn(Fault) -> bool) -> Option<Fault> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_some_and(which) { slot.take() } else { None }
    }

    /// Writes all of `bytes`; the error tells whether the process counts as dead.
    pub(crate) fn write(&self, file: &mut File, bytes: &[u8]) -> Result<(), (io::Error, bool)> {
        match self.take(|fault| fault != Fault::Sync) {
            Some(Fault::Full(n) | Fault::Crash(n)) if n > bytes.len() => {
                Err((io::Error::other("the planned fault lies beyond the write"), false))
            }
            Some(Fault::Full(n)) => {
                file.write_all(&bytes[..n]).map_err(|e| (e, false))?;
                Err((io::ErrorKind::StorageFull.into(), false))
            }
            Some(Fault::Crash(n)) => {
                file.write_all(&bytes[..n]).map_err(|e| (e, true))?;
                Err((io::Error::other("planned crash"), true))
            }
            Some(Fault::Sync) | None => file.write_all(bytes).map_err(|e| (e, false)),
        }
    }

    /// Makes the file's content durable.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        match self.take(|fault| fault == Fault::Sync) {
            Some(_) => Err(io::Error::other("planned failure of fsync")),
            None => file.sync_data(),
        }
    }
}
