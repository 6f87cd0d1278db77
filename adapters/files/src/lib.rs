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

mod error;
mod folder;
mod lock;
mod staged;

pub use error::{AtPath, FileError, Result};
pub use folder::{create_folder, parent, read, remove, rename, sync_folder, sync_parent};
pub use lock::{Holder, Lock, try_lock};
pub use staged::{Staged, create, replace, replace_unsynced};

/// Who may use a new file or folder, within the process's umask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone: files 0600, folders 0700.
    Owner,
    /// Everybody reads, the owner writes: files 0644, folders 0755.
    Shared,
    /// Everybody reads and nobody writes: files 0444, folders 0755.
    ReadOnly,
}

impl Access {
    /// The permission bits of a file.
    pub const fn file_mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Shared => 0o644,
            Self::ReadOnly => 0o444,
        }
    }

    /// The permission bits of a folder.
    pub const fn folder_mode(self) -> u32 {
        match self {
            Self::Owner => 0o700,
            Self::Shared | Self::ReadOnly => 0o755,
        }
    }
}
