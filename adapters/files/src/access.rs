//! Permissions of new files and folders.

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
