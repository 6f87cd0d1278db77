//! Transfers a chain to another machine: `export` and `import`.
//!
//! An import checks everything before it writes, under the lock of the store. Packets are then written and
//! synced in a temporary folder, and renamed into place one by one with `HEAD` after each: a kill
//! leaves the chain as it was or a valid part of the imported one, and repeating the import completes it.

use super::archive::{self, Archive, MAX_BYTES};
use super::chain::{ChainVerification, Head, PacketFile};
use super::chain_set::IMPORTED;
use super::join::{ChainRelation, relate};
use super::packet::{CheckResult, Draft, Outcome, ProfileRef, Verdict};
use super::redact::KnownSecrets;
use super::schema;
use super::seal::{ChainLink, Sealed};
use super::store::{EvidenceStore, PARTIAL};
use flowcontrol_base::clock;
use flowcontrol_base::text::one_line;
use flowcontrol_base::{Failure, Result, user_file};
use flowcontrol_contract::Digest;
use flowcontrol_files::{self as files, Access, AtPath as _};
use serde::Serialize;
use serde_json::{Map, json};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The hint where an export's file is there already.
const TAKEN: &str = "name another file; an export never overwrites";

/// An archive that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportedArchive {
    /// The schema of its manifest.
    pub schema: &'static str,
    /// Its path.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The digest of the file.
    pub sha256: Digest,
    /// Packets in the chain.
    pub packets: u64,
    /// The digest of the chain's last packet; store it elsewhere.
    pub head: Digest,
    /// The number of linked chains of other machines in it.
    pub linked: usize,
}

/// What to import, and how.
#[derive(Clone, Debug)]
pub struct ImportRequest<'a> {
    /// The archive.
    pub file: &'a Path,
    /// A head digest of its chain that was stored elsewhere.
    pub kept: Option<Digest>,
    /// The profile of the linking packet, if a chain that diverges from the local one is to be linked.
    pub link: Option<ProfileRef>,
    /// The version of FlowControl that imports.
    pub tool_version: &'a str,
}

/// How the imported chain was added to the local one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Joined {
    /// There was no local chain; the imported one is the local chain now.
    Began,
    /// The imported chain continued the local one, which now has all its packets.
    Extended,
    /// The local chain already had all its packets.
    Unchanged,
    /// It is stored beside the local chain, whose new last packet links it.
    Linked,
}

/// The result of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportResult {
    /// How it was added.
    pub joined: Joined,
    /// Packets that the local chain gained.
    pub added: u64,
    /// Packets in the imported chain.
    pub imported_packets: u64,
    /// The digest of the imported chain's last packet.
    pub imported_head: Digest,
    /// Packets in the local chain after the import.
    pub packets: u64,
    /// The digest of the local chain's last packet after the import.
    pub head: Digest,
    /// What could be checked about the archive, and what could not.
    pub verification: ChainVerification,
}

/// Reads the archive in `file`; its chain is verified by [`super::ChainSet::verify`].
///
/// # Errors
/// A usage failure when there is no such file, a check failure when it is not a complete archive, an
/// environment failure when it cannot be read.
pub fn open(file: &Path) -> Result<Archive> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|f| f.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.at_path("read", file).map_err(user_file::cannot_read)?;
    let read = if bytes.len() as u64 > MAX_BYTES {
        Err(format!("it is larger than {MAX_BYTES} bytes"))
    } else {
        archive::read(&bytes)
    };
    read.map_err(|why| {
        Failure::check(format!(
            "{} is not a complete evidence archive: {}",
            file.display(),
            one_line(&why)
        ))
        .hint("get it again from where `flowcontrol evidence export` wrote it")
    })
}

impl EvidenceStore {
    /// Writes the whole chain into one new file.
    ///
    /// # Errors
    /// A usage failure when `out` already exists or there is no packet; a check failure when
    /// the chain does not verify or is too large; an environment failure when it cannot be
    /// written. Nothing stands under the name `out` then.
    pub fn export(&self, out: &Path, tool_version: &str) -> Result<ExportedArchive> {
        user_file::check_free(out, TAKEN)?;
        let mut book = self.read()?.book;
        let result = book.verify(None);
        sound(&result, &format!("the evidence chain in {}", self.folder().display()))?;
        for head in book.unlinked() {
            book.imported.remove(&head);
        }
        let Some(last) = links(&book.own).pop() else {
            return Err(Failure::usage("there is no evidence to export yet")
                .hint("run `flowcontrol rehearse` first"));
        };
        let bytes = archive::write(&book, last, tool_version)?;
        user_file::create(out, &bytes, Access::Shared, TAKEN)?;
        Ok(ExportedArchive {
            schema: super::manifest::SCHEMA,
            file: out.to_owned(),
            bytes: bytes.len() as u64,
            sha256: Digest::of(&bytes),
            packets: last.sequence,
            head: last.sha256,
            linked: book.imported.len(),
        })
    }

    /// Verifies an archive and adds its chain to the local one.
    ///
    /// # Errors
    /// As [`open`]; a check failure when either chain does not verify, or they diverge and no link
    /// was requested; nothing has changed then. An environment failure when the folder cannot be
    /// written.
    pub fn import(&self, import: &ImportRequest<'_>) -> Result<ImportResult> {
        let name = import.file.display();
        let archive = open(import.file)?;
        let theirs = &archive.book;
        let verification = theirs.verify(import.kept);
        sound(&verification, &format!("the chain in {name}"))?;
        if let Some(head) = theirs.unlinked().first() {
            return Err(Failure::check(format!(
                "{name} holds the chain {IMPORTED}/{head}, which no packet in it links"
            ))
            .hint("get it again from where `flowcontrol evidence export` wrote it"));
        }
        let _lock = self.lock()?;
        let ours = self.read_locked()?.book;
        sound(&ours.verify(None), &format!("the evidence chain in {}", self.folder().display()))?;
        let (here, there) = (links(&ours.own), links(&theirs.own));
        let digests = |links: &[ChainLink]| links.iter().map(|l| l.sha256).collect::<Vec<_>>();
        let head = archive.manifest.head;
        let signed = theirs.head.signed_by().is_some();
        let (joined, added) = match relate(&digests(&here), &digests(&there)) {
            ChainRelation::Contained => {
                // An earlier import was killed before it wrote the signed head.
                let same_end = here.len() == there.len();
                if same_end && ours.head.signed_by().is_none() && signed {
                    self.keep_head(&theirs.head)?;
                }
                (Joined::Unchanged, 0)
            }
            ChainRelation::Diverges { .. } if ours.links(head) => (Joined::Unchanged, 0),
            ChainRelation::Extends { after } => {
                let missing =
                    theirs.imported.iter().filter(|(h, _)| !ours.imported.contains_key(h));
                self.place_chains(missing)?;
                if let Some(last) = here.last() {
                    // A crash may have left HEAD one packet behind; two behind would be damage.
                    self.set_head(&Head::of(*last))?;
                }
                self.place_packets(&theirs.own[after..], &there[after..])?;
                if signed {
                    self.keep_head(&theirs.head)?;
                }
                let joined = if after == 0 { Joined::Began } else { Joined::Extended };
                (joined, (there.len() - after) as u64)
            }
            ChainRelation::Diverges { place, here, there } => {
                let Some(profile) = &import.link else {
                    return Err(Failure::check(format!(
                        "the chain in {name} differs from the local chain: packet {place} \
                         has digest {there} there and {here} here"
                    ))
                    .hint(
                        "pass --link to store it beside the local chain, with a packet that links \
                           it; or import it with another state folder",
                    ));
                };
                let own = std::iter::once((&head, &theirs.own));
                let missing = own.chain(&theirs.imported);
                self.place_chains(missing.filter(|(h, _)| !ours.imported.contains_key(h)))?;
                let draft = linking(&archive, profile.clone(), import);
                self.append_locked(|_| Ok(draft), &KnownSecrets::new())?;
                (Joined::Linked, 1)
            }
        };
        let now = links(&self.read_locked()?.book.own).pop();
        Ok(ImportResult {
            joined,
            added,
            imported_packets: archive.manifest.packets,
            imported_head: head,
            packets: now.map_or(0, |l| l.sequence),
            head: now.map_or(head, |l| l.sha256),
            verification,
        })
    }

    fn staging(&self) -> Result<tempfile::TempDir> {
        let prefix = format!("{PARTIAL}import-");
        let staging = tempfile::Builder::new().prefix(&prefix).tempdir_in(self.folder());
        Ok(staging.at_path("write", self.folder())?)
    }

    /// Moves whole chains to `imported/`, each by one rename.
    fn place_chains<'a>(
        &self,
        chains: impl Iterator<Item = (&'a Digest, &'a Vec<PacketFile>)>,
    ) -> Result<()> {
        let all = self.folder().join(IMPORTED);
        for (head, entries) in chains {
            let place = all.join(head.to_string());
            let staging = self.staging()?;
            let staged = staging.path().join("chain");
            files::create_folder(&staged, Access::Shared)?;
            stage(&staged, entries)?;
            files::create_folder(&all, Access::Shared)?;
            files::rename(&staged, &place)?;
        }
        Ok(())
    }

    /// Appends `entries`, whose places in the chain are `links`.
    fn place_packets(&self, entries: &[PacketFile], links: &[ChainLink]) -> Result<()> {
        let staging = self.staging()?;
        stage(staging.path(), entries)?;
        for (entry, link) in entries.iter().zip(links) {
            let place = self.folder().join(&entry.name);
            tempfile::TempPath::try_from_path(staging.path().join(&entry.name))
                .and_then(|staged| staged.persist_noclobber(&place).map_err(|e| e.error))
                .at_path("write", &place)?;
            // It syncs the folder for both.
            self.set_head(&Head::of(*link))?;
        }
        Ok(())
    }
}

/// The packet that links an imported chain.
fn linking(archive: &Archive, profile: ProfileRef, import: &ImportRequest<'_>) -> Draft {
    let manifest = &archive.manifest;
    let mut figures = Map::new();
    figures.insert("packets".to_owned(), json!(manifest.packets));
    // Whether a digest that was stored elsewhere confirms the chain, not the archive alone.
    figures.insert("head_kept_elsewhere".to_owned(), json!(import.kept.is_some()));
    Draft {
        schema: schema::IMPORTED.to_owned(),
        created_at: clock::now(),
        tool_version: import.tool_version.to_owned(),
        ran: "evidence import --link".to_owned(),
        profile,
        snapshot_sha256: None,
        target: None,
        checks: vec![CheckResult {
            id: "chain-verified".to_owned(),
            title: "Imported chain verified".to_owned(),
            verdict: Verdict::Ready,
            reason:
                "every packet's digest, link and schema rules were checked before it was stored"
                    .to_owned(),
            figures,
        }],
        outcome: Outcome::Passed,
        body: json!({
            "packets": manifest.packets,
            "head": manifest.head,
            "exported_by": manifest.tool_version,
        }),
    }
}

/// The places of a verified chain's packets, in order.
fn links(entries: &[PacketFile]) -> Vec<ChainLink> {
    let link = |entry: &PacketFile| Sealed::parse(&entry.bytes).ok().map(|sealed| sealed.link());
    entries.iter().filter_map(link).collect()
}

fn sound(result: &ChainVerification, what: &str) -> Result<()> {
    let Some(first) = result.problems.first() else { return Ok(()) };
    let more = match result.problems.len() - 1 {
        0 => String::new(),
        n => format!(", and {n} more"),
    };
    // The reason may quote a packet of another machine, so it is escaped.
    let why = one_line(&format!("{}: {}", first.file, first.message));
    let message = format!("{what} does not verify: {why}{more}");
    Err(Failure::check(message)
        .hint("flowcontrol evidence verify, with --archive for an archive, shows all of it"))
}

/// Writes and syncs `entries` in `folder`, and the folder.
fn stage(folder: &Path, entries: &[PacketFile]) -> files::Result<()> {
    for entry in entries {
        files::write_new(&folder.join(&entry.name), &entry.bytes, Access::ReadOnly)?;
    }
    files::sync_folder(folder)
}
