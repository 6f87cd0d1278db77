//! Files that survive a power cut, exclusive locks, and failures of the file system as sentences.
//!
//! Everything here blocks: it is for short files and for threads that may wait. A file that is
//! replaced goes through four steps, always in this order: written under another name in the same
//! folder, synced, renamed, and the folder synced. A reader sees the old content or the new, never a
//! part, and when the call returns the new content survives a power cut.
//!
//! ```
//! use flowcontrol_files::{Access, replace};
//! let folder = tempfile::tempdir()?;
//! replace(&folder.path().join("journal.json"), b"{}", Access::Owner)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod error;
mod folder;
mod lock;
mod staged;

pub use access::Access;
pub use error::{AtPath, FileError, Result};
pub use folder::{create_folder, parent, read, remove, rename, sync_folder, sync_parent};
pub use lock::{Holder, Lock, try_lock, try_lock_shared, wait_for};
pub use staged::{Staged, create, replace, replace_unsynced, write_new};
