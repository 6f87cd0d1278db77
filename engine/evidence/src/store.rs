//! The folder that holds a chain: one file for each packet, `HEAD`, and a lock.
//!
//! A packet is written to a temporary file, synced, and renamed, never over another file;
//! then the folder is synced and `HEAD` is replaced. A crash leaves either no packet, or a packet
//! that `HEAD` does not name yet; a partly written file keeps the prefix `.partial-` and
//! is not part of the chain. The lock keeps two processes from appending to the same packet.

use super::chain::{ChainVerification, Head, sequence_in_name};
use super::folder::names;
use super::packet::Draft;
use super::redact::KnownSecrets;
use super::seal::{ChainLink, Flaw, Sealed};
use crate::keys::{PrivateKey, PublicKey};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_files::{self as files, Access, AtPath as _, Staged};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const HEAD: &str = "HEAD";
pub(super) const LOCK: &str = ".lock";
pub(super) const PARTIAL: &str = ".partial-";
/// How long a process waits for another process's append, which takes milliseconds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The chain in a state folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceStore {
    folder: PathBuf,
    signer: Option<PrivateKey>,
}

/// A packet as it was stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPacket {
    /// The packet with its digest.
    pub sealed: Sealed,
    /// Its file.
    pub path: PathBuf,
}

/// One file of the folder that has a packet's name.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedPacket {
    /// Its name.
    pub file: String,
    /// The packet, or why it is not valid.
    pub read: Result<Sealed, Flaw>,
}

/// The content of the folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChainListing {
    /// Packets and damaged packets, in order of sequence.
    pub packets: Vec<ListedPacket>,
    /// Files that a crash left partly written; not part of the chain.
    pub partial: Vec<String>,
    /// Files that the store did not write.
    pub strays: Vec<String>,
}

impl EvidenceStore {
    /// The chain in the state folder `state`. Creates nothing.
    pub fn at(state: &Path) -> Self {
        Self { folder: state.join("evidence"), signer: None }
    }

    /// The same chain; packets that are appended from now on are signed with `key`.
    #[must_use]
    pub fn signed_by(self, key: PrivateKey) -> Self {
        Self { signer: Some(key), ..self }
    }

    /// The secrets of this store itself: its signing key.
    pub fn secrets(&self) -> KnownSecrets {
        let mut known = KnownSecrets::new();
        known.extend(self.signer.iter().flat_map(PrivateKey::forms));
        known
    }

    /// The folder with the packets.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Links, seals and stores `draft` as the chain's next packet. The packet is durable when this
    /// returns.
    ///
    /// # Errors
    /// A check failure when the draft is refused (see [`Sealed::seal`]) or when the chain's end is
    /// damaged, since nothing may be appended to that; an environment failure when the folder cannot
    /// be written or another process holds the lock for ten seconds.
    pub fn append(&self, draft: Draft, secrets: &KnownSecrets) -> Result<StoredPacket> {
        self.append_after(|_| Ok(draft), secrets)
    }

    /// Appends a draft that depends on the packet it will follow.
    ///
    /// # Errors
    /// As [`EvidenceStore::append`], and those of `draft`.
    pub fn append_after(
        &self,
        draft: impl FnOnce(Option<Digest>) -> Result<Draft>,
        secrets: &KnownSecrets,
    ) -> Result<StoredPacket> {
        let _lock = self.lock()?;
        self.append_locked(draft, secrets)
    }

    /// Locks the folder for as long as the result lives.
    pub(super) fn lock(&self) -> Result<File> {
        files::create_folder(&self.folder, Access::Shared)?;
        let lock = self.folder.join(LOCK);
        // Others read the chain, and share the lock for it.
        self.wait(|| files::try_lock(&lock, Access::Shared))
    }

    /// [`EvidenceStore::append_after`] for a caller that holds the lock.
    pub(super) fn append_locked(
        &self,
        draft: impl FnOnce(Option<Digest>) -> Result<Draft>,
        secrets: &KnownSecrets,
    ) -> Result<StoredPacket> {
        let end = self.end()?;
        if let Some(link) = end {
            let (head, found) = (Head::of(link), self.head()?);
            // A crash left HEAD one packet behind. Two behind would look like tampering, and
            // so would an unsigned HEAD beside a signed packet.
            let ours = self.signer.as_ref().map(PrivateKey::public);
            if !found.agrees(&head) || (ours.is_some() && found.signed_by() != ours) {
                self.set_head(&head)?;
            }
        }
        let (sequence, previous) = end.map_or((1, None), |l| (l.sequence + 1, Some(l.sha256)));
        let mut known = self.secrets();
        known.join(secrets);
        let mut sealed = Sealed::seal(draft(previous)?.link(sequence, previous), &known)?;
        if let Some(key) = &self.signer {
            sealed = sealed.signed(key)?;
        }
        let path = self.folder.join(sealed.file_name());
        let mut staged =
            Staged::prefixed(&path, format!("{PARTIAL}{sequence:05}-"), Access::ReadOnly)?;
        writeln!(staged, "{}", sealed.text()).at_path("write", &path)?;
        staged.create()?;
        self.set_head(&Head::of(sealed.link()))?;
        Ok(StoredPacket { sealed, path })
    }

    /// Writes `HEAD`, signed if there is a key, for a caller that holds the lock.
    pub(super) fn set_head(&self, head: &Head) -> Result<()> {
        self.keep_head(&head.clone().signed(self.signer.as_ref()))
    }

    /// Writes `HEAD` unchanged, for a caller that holds the lock.
    pub(super) fn keep_head(&self, head: &Head) -> Result<()> {
        let at = self.folder.join(HEAD);
        let mut staged = Staged::prefixed(&at, format!("{PARTIAL}HEAD-"), Access::Shared)?;
        staged.write_all(head.render().as_bytes()).at_path("write", &at)?;
        Ok(staged.replace()?)
    }

    /// The content of the folder; an absent folder counts as an empty chain.
    ///
    /// # Errors
    /// An environment failure when it cannot be read.
    pub fn list(&self) -> Result<ChainListing> {
        let folder = self.read()?;
        let packets = folder
            .book
            .own
            .into_iter()
            .map(|entry| ListedPacket { read: Sealed::parse(&entry.bytes), file: entry.name })
            .collect();
        Ok(ChainListing { packets, partial: folder.partial, strays: folder.strays })
    }

    /// One packet, named by its sequence number (`7`), its digest or at least four digits of it
    /// (`1a2b3c4d`, `bfg-1a2b3c4d`), or its file's name.
    ///
    /// # Errors
    /// A usage failure when nothing or more than one packet has that name; a check failure when
    /// the packet is damaged.
    pub fn load(&self, which: &str) -> Result<Sealed> {
        let listing = self.list()?;
        let hex = which.strip_prefix("bfg-").unwrap_or(which);
        let place = if which.len() <= 5 { which.parse::<u64>().ok() } else { None };
        let mut found = listing.packets.into_iter().filter(|listed| {
            let by_digest = || {
                let digest = listed.read.as_ref().map(|s| s.sha256().to_string());
                hex.len() >= 4 && digest.is_ok_and(|d| d.starts_with(hex))
            };
            listed.file == which
                || match place {
                    Some(place) => sequence_in_name(&listed.file) == Some(place),
                    None => by_digest(),
                }
        });
        let list = "flowcontrol evidence list shows what exists";
        let Some(first) = found.next() else {
            return Err(Failure::usage(format!("no evidence packet is named {which:?}")).hint(list));
        };
        if found.next().is_some() {
            let message = format!("more than one evidence packet is named {which:?}");
            return Err(Failure::usage(message).hint(list));
        }
        first.read.map_err(|flaw| {
            Failure::check(format!("evidence packet {} is damaged: {flaw}", first.file))
                .hint("flowcontrol evidence verify shows what else is wrong")
        })
    }

    /// Verifies the whole chain; `kept` is a head digest that was stored elsewhere.
    ///
    /// # Errors
    /// An environment failure when the folder cannot be read; problems of the chain are in
    /// the result.
    pub fn verify(&self, kept: Option<Digest>) -> Result<ChainVerification> {
        self.verify_signed(kept, &[])
    }

    /// Verifies the whole chain, and that `trusted` keys signed it; empty requires no signature.
    ///
    /// # Errors
    /// As [`EvidenceStore::verify`].
    pub fn verify_signed(
        &self,
        kept: Option<Digest>,
        trusted: &[PublicKey],
    ) -> Result<ChainVerification> {
        let folder = self.read()?;
        let mut verification = folder.book.verify_signed(kept, trusted);
        for name in folder.partial {
            verification.notes.push(format!(
                "{name} was left partly written by a crash; it is not part of the chain and can be \
                 deleted"
            ));
        }
        for name in folder.strays {
            verification.notes.push(format!("{name} is not an evidence packet and was ignored"));
        }
        Ok(verification)
    }

    /// The chain's last packet, checked as far as an append needs: no gap and no fork in the names,
    /// the last seal valid, `HEAD` current. The rest is for [`EvidenceStore::verify`].
    fn end(&self) -> Result<Option<ChainLink>> {
        let broken = |why: String| {
            Failure::check(format!(
                "the evidence chain in {} cannot be continued: {why}",
                self.folder.display()
            ))
            .hint(
                "run `flowcontrol evidence verify`, restore the folder from a copy, or move it \
                 aside to begin a new chain",
            )
        };
        let names = names(&self.folder).at_path("read", &self.folder)?;
        let head = self.head()?;
        let packets: Vec<&String> = names
            .iter()
            .filter(|n| sequence_in_name(n).is_some() && n.ends_with(".json"))
            .collect();
        for (name, expected) in packets.iter().zip(1..) {
            if sequence_in_name(name) != Some(expected) {
                return Err(broken(format!("{name} is in the place of packet {expected}")));
            }
        }
        let Some(&last) = packets.last() else {
            return match head {
                Head::Absent => Ok(None),
                _ => Err(broken("HEAD names a packet, but there is none".to_owned())),
            };
        };
        let bytes = self.bytes(last)?;
        let link = match Sealed::parse(&bytes) {
            Ok(sealed) if sealed.file_name() == *last => sealed.link(),
            Ok(_) => return Err(broken(format!("{last} was renamed"))),
            Err(flaw) => return Err(broken(format!("{last}: {flaw}"))),
        };
        match head {
            Head::Names { sha256, .. } if sha256 == link.sha256 => Ok(Some(link)),
            Head::Names { sha256, .. } if Some(sha256) == link.previous => Ok(Some(link)),
            Head::Absent if link.sequence == 1 => Ok(Some(link)),
            Head::Absent => Err(broken("HEAD is missing".to_owned())),
            Head::Unreadable => Err(broken("HEAD was edited".to_owned())),
            Head::Names { sequence, .. } => Err(broken(format!(
                "HEAD names packet {sequence}, which is not the end of this chain"
            ))),
        }
    }

    /// Repeats `attempt` to take the lock until it is taken.
    pub(super) fn wait<T>(&self, attempt: impl FnMut() -> files::Result<Option<T>>) -> Result<T> {
        files::wait_for(LOCK_TIMEOUT, attempt)?.ok_or_else(|| {
            Failure::environment(format!(
                "another process has kept the evidence chain in {} locked for {} s",
                self.folder.display(),
                LOCK_TIMEOUT.as_secs()
            ))
            .hint("wait for it to end, or end it, and run this again")
        })
    }
}
