//! Write-ahead state: one folder for each tenant, one JSON file for each invoice, session and batch.
//! Each file is replaced as a whole and durable before the call that it describes begins.
//!
//! Files are the owner's alone (0600), since those of sessions hold the keys that their invoices are
//! encrypted with. No invoice's content is kept.

use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::ksef::{InvoiceState, Submitted};
use flowcontrol_contract::{Clock, Digest, Reference, TenantId, Timestamp};
use flowcontrol_files::{
    Access, AtPath as _, FileError, Lock, create_folder, remove, replace, replace_unsynced,
};
use flowcontrol_ksef_wire::crypto::{self, SymmetricKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The SHA-256 of its bytes.
    pub invoice: Digest,
    /// Who issued it, by NIP.
    pub seller: String,
    /// Its own number, `P_2`.
    pub number: String,
    /// Whether it is declared as issued offline.
    pub offline: bool,
    /// Whose technical correction it is.
    pub corrects: Option<Digest>,
    /// The session that it is or was sent in.
    pub session: Option<Reference>,
    /// Its reference there.
    pub reference: Option<Reference>,
    /// Its state in KSeF.
    pub state: InvoiceState,
    /// How often KSeF could not decrypt it.
    #[serde(default)]
    pub undecrypted: u32,
    /// The SHA-256 of its receipt, once that is kept.
    #[serde(default)]
    pub receipt: Option<Digest>,
}

impl Entry {
    /// What a caller sees.
    pub fn view(&self) -> Submitted {
        Submitted {
            invoice: self.invoice,
            session: self.session.clone(),
            reference: self.reference.clone(),
            state: self.state.clone(),
        }
    }
}

/// A session's key and IV. `Debug` hides them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptKey {
    key: String,
    iv: String,
}

impl KeptKey {
    /// The form in which a key is written down.
    pub fn of(key: &SymmetricKey) -> Self {
        Self { key: crypto::encode(key.key()), iv: crypto::encode(key.iv()) }
    }

    /// The key itself; `None` when what was written is not a valid key.
    pub fn key(&self) -> Option<SymmetricKey> {
        SymmetricKey::from_parts(&crypto::decode(&self.key)?, &crypto::decode(&self.iv)?)
    }
}

impl fmt::Debug for KeptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// The interactive session that invoices are sent in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlineSession {
    /// Its reference.
    pub reference: Reference,
    /// What its invoices are encrypted with.
    pub key: KeptKey,
    /// When KSeF closes it by itself.
    pub until: Timestamp,
    /// How many invoices were sent in it, at most.
    pub sent: u64,
}

/// A tenant's folder.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

/// The lock of a tenant's folder, held until it is dropped.
#[derive(Debug)]
pub struct FolderLock(#[expect(dead_code, reason = "held until it is dropped")] Lock);

impl Folder {
    /// The folder of `tenant` under `root`; its name is hexadecimal, since a tenant's may be anything.
    pub fn of(root: &Path, tenant: &TenantId) -> Self {
        Self { root: root.join(hex(tenant.as_str().as_bytes())) }
    }

    /// Takes the folder's lock, waiting at most `patience`.
    ///
    /// # Errors
    /// `Conflict` when another process holds the folder for longer.
    pub async fn lock(&self, clock: &dyn Clock, patience: Duration) -> Result<FolderLock> {
        let path = self.root.join("lock");
        self.folders()?;
        let mut waited = Duration::ZERO;
        loop {
            match Lock::try_take(&path)? {
                Ok(lock) => return Ok(FolderLock(lock)),
                Err(holder) if waited >= patience => {
                    return Err(Error::conflict(format!(
                        "another process{holder} is submitting invoices of this tenant ({})",
                        self.root.display()
                    ))
                    .hint("wait for it to end; a killed process holds no lock"));
                }
                Err(_) => {}
            }
            let pause = Duration::from_millis(100);
            clock.sleep(pause).await;
            waited += pause;
        }
    }

    fn folders(&self) -> Result<()> {
        for name in ["invoices", "receipts", "quarantine", "batches"] {
            create_folder(&self.root.join(name), Access::Owner)?;
        }
        Ok(())
    }

    /// An invoice; `None` when it was never submitted.
    ///
    /// # Errors
    /// `Corrupt` that names the file.
    pub fn entry(&self, invoice: &Digest) -> Result<Option<Entry>> {
        self.read(&self.invoice_path(invoice))
    }

    /// Writes an invoice's state.
    ///
    /// # Errors
    /// `Exhausted` or `Unavailable` when it is not on the disk.
    pub fn keep(&self, entry: &Entry) -> Result<()> {
        self.write_json(&self.invoice_path(&entry.invoice), entry)
    }

    /// The same without waiting for the disk: of what follows from a file that is on it.
    ///
    /// # Errors
    /// As [`Folder::keep`].
    pub fn keep_unsynced(&self, entry: &Entry) -> Result<()> {
        let path = self.invoice_path(&entry.invoice);
        Ok(replace_unsynced(&path, &json(entry)?, Access::Owner)?)
    }

    /// Every invoice that bears a number of a seller.
    ///
    /// # Errors
    /// As [`Folder::entry`].
    pub fn numbered(&self, seller: &str, number: &str) -> Result<Vec<Entry>> {
        let folder = self.root.join("invoices");
        let files = match std::fs::read_dir(&folder) {
            Ok(files) => files,
            Err(e) if e.kind() == Io::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(FileError::new("read", &folder, e).into()),
        };
        let mut found = Vec::new();
        for file in files {
            let path = file.at_path("read", &folder)?.path();
            if path.extension().is_some_and(|e| e == "json")
                && let Some(entry) = self.read::<Entry>(&path)?
                && entry.seller == seller
                && entry.number == number
            {
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// The session to send in, if one is kept.
    ///
    /// # Errors
    /// As [`Folder::entry`].
    pub fn session(&self) -> Result<Option<OnlineSession>> {
        self.read(&self.root.join("session.json"))
    }

    /// Writes the session down; `None` removes it.
    ///
    /// # Errors
    /// As [`Folder::keep`].
    pub fn keep_session(&self, session: Option<&OnlineSession>) -> Result<()> {
        let path = self.root.join("session.json");
        match session {
            Some(session) => self.write_json(&path, session),
            None => Ok(remove(&path).map(drop)?),
        }
    }

    /// A kept receipt, byte for byte.
    ///
    /// # Errors
    /// `Corrupt` when it is missing.
    pub fn receipt(&self, invoice: &Digest) -> Result<Vec<u8>> {
        let path = self.root.join("receipts").join(format!("{invoice}.xml"));
        std::fs::read(&path).map_err(|e| {
            Error::new(ErrorKind::Corrupt, format!("the receipt {} is missing", path.display()))
                .source(e)
        })
    }

    /// Keeps a receipt byte for byte.
    ///
    /// # Errors
    /// As [`Folder::keep`].
    pub fn keep_receipt(&self, invoice: &Digest, xml: &[u8]) -> Result<()> {
        let path = self.root.join("receipts").join(format!("{invoice}.xml"));
        Ok(replace(&path, xml, Access::Owner)?)
    }

    /// Keeps a receipt that failed verification, apart from the others; returns its path.
    ///
    /// # Errors
    /// As [`Folder::keep`].
    pub fn quarantine(&self, invoice: &Digest, xml: &[u8]) -> Result<PathBuf> {
        let name = format!("{invoice}-{}.xml", Digest::of(xml).short());
        let path = self.root.join("quarantine").join(name);
        replace(&path, xml, Access::Owner)?;
        Ok(path)
    }

    /// The folder of one batch's encrypted parts.
    pub fn batch_folder(&self, batch: &Digest) -> PathBuf {
        self.root.join("batches").join(batch.to_string())
    }

    /// What is written down of a batch.
    ///
    /// # Errors
    /// As [`Folder::entry`].
    pub fn batch<T: DeserializeOwned>(&self, batch: &Digest) -> Result<Option<T>> {
        self.read(&self.root.join("batches").join(format!("{batch}.json")))
    }

    /// Writes a batch down.
    ///
    /// # Errors
    /// As [`Folder::keep`].
    pub fn keep_batch(&self, batch: &Digest, what: &impl Serialize) -> Result<()> {
        self.write_json(&self.root.join("batches").join(format!("{batch}.json")), what)
    }

    fn invoice_path(&self, invoice: &Digest) -> PathBuf {
        self.root.join("invoices").join(format!("{invoice}.json"))
    }

    fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>> {
        let Some(text) = flowcontrol_files::read(path)? else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).map_err(|e| {
            // The file may hold a key, so nothing of it is repeated.
            Error::new(
                ErrorKind::Corrupt,
                format!(
                    "{} is damaged at line {}, column {}",
                    path.display(),
                    e.line(),
                    e.column()
                ),
            )
            .hint(
                "restore it from a backup; without it, look the invoice up in KSeF with \
                 `flowcontrol ksef status --find FILE` before it is sent again",
            )
        })
    }

    fn write_json(&self, path: &Path, what: &impl Serialize) -> Result<()> {
        Ok(replace(path, &json(what)?, Access::Owner)?)
    }
}

fn json(what: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(what)
        .map_err(|e| Error::new(ErrorKind::Unexpected, "the state cannot be serialized").source(e))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Entry, Folder, KeptKey, OnlineSession};
    use flowcontrol_contract::error::ErrorKind;
    use flowcontrol_contract::ksef::InvoiceState;
    use flowcontrol_contract::{Digest, Reference, TenantId, Timestamp};
    use flowcontrol_ksef_wire::crypto::SymmetricKey;
    use std::os::unix::fs::PermissionsExt;

    fn folder(root: &std::path::Path) -> Folder {
        let folder = Folder::of(root, &TenantId::new("../../bfg").unwrap());
        folder.folders().unwrap();
        folder
    }

    fn entry() -> Entry {
        Entry {
            invoice: Digest::of("a"),
            seller: "5265877635".into(),
            number: "FV/1".into(),
            offline: false,
            corrects: None,
            session: None,
            reference: None,
            state: InvoiceState::Unknown,
            undecrypted: 0,
            receipt: None,
        }
    }

    #[test]
    fn what_is_kept_is_read_back_and_is_its_owners_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = folder(scratch.path());
        assert!(folder.root.starts_with(scratch.path()));
        assert_eq!(folder.entry(&Digest::of("a")).unwrap(), None);
        folder.keep(&entry()).unwrap();
        assert_eq!(folder.entry(&Digest::of("a")).unwrap(), Some(entry()));
        assert_eq!(folder.numbered("5265877635", "FV/1").unwrap(), [entry()]);
        assert!(folder.numbered("5265877635", "FV/2").unwrap().is_empty());
        let key = SymmetricKey::generate();
        let session = OnlineSession {
            reference: Reference::new("20250625-SO-2C3E6C8000-B675CF5D68-07").unwrap(),
            key: KeptKey::of(&key),
            until: Timestamp::parse("2026-11-27T22:00:00Z").unwrap(),
            sent: 3,
        };
        folder.keep_session(Some(&session)).unwrap();
        let read = folder.session().unwrap().unwrap();
        assert!(read == session && read.key.key() == Some(key));
        assert!(format!("{read:?}").contains("[hidden]"));
        let mode = |path: std::path::PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.root.join("session.json")), 0o600);
        assert_eq!(mode(folder.root.join("invoices")), 0o700);
        folder.keep_session(None).unwrap();
        assert_eq!(folder.session().unwrap(), None);
    }

    #[test]
    fn a_half_written_file_is_named_and_never_taken_for_none() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = folder(scratch.path());
        folder.keep(&entry()).unwrap();
        let path = folder.invoice_path(&Digest::of("a"));
        let whole = std::fs::read(&path).unwrap();
        for half in [&b""[..], &whole[..whole.len() / 2], b"null", b"{}"] {
            std::fs::write(&path, half).unwrap();
            let error = folder.entry(&Digest::of("a")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.message().contains(&path.display().to_string()), "{error}");
        }
        // One that was never put in its place counts for nothing.
        std::fs::write(&path, &whole).unwrap();
        std::fs::write(path.with_extension("new"), &whole[..9]).unwrap();
        assert_eq!(folder.entry(&Digest::of("a")).unwrap(), Some(entry()));
    }
}
