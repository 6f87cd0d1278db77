//! The manifest of an evidence archive: its files with their sizes and digests.

use super::canonical::canonical;
use super::seal::ChainLink;
use flowcontrol_base::Result;
use flowcontrol_contract::Digest;
use serde::{Deserialize, Serialize};

/// The schema of the manifests this version writes and reads.
pub const SCHEMA: &str = "FlowControlEvidenceArchive.v1";

/// An archive's first file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of FlowControl that exported.
    pub tool_version: String,
    /// Packets in the chain, those of linked chains not counted.
    pub packets: u64,
    /// The digest of the chain's last packet.
    pub head: Digest,
    /// Every other file, in the archive's order.
    pub files: Vec<FileRef>,
}

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRef {
    /// Its name in the archive.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// The digest of its content.
    pub sha256: Digest,
}

impl Manifest {
    /// The manifest of `files` (name and content), whose chain ends in `last`.
    pub fn of(files: &[(String, Vec<u8>)], last: ChainLink, tool_version: &str) -> Self {
        let refer = |(name, bytes): &(String, Vec<u8>)| FileRef {
            name: name.clone(),
            bytes: bytes.len() as u64,
            sha256: Digest::of(bytes),
        };
        Self {
            schema: SCHEMA.to_owned(),
            tool_version: tool_version.to_owned(),
            packets: last.sequence,
            head: last.sha256,
            files: files.iter().map(refer).collect(),
        }
    }

    /// The file's content: canonical JSON and a line end.
    ///
    /// # Errors
    /// As [`canonical`].
    pub fn render(&self) -> Result<Vec<u8>> {
        Ok(format!("{}\n", canonical(self)?).into_bytes())
    }

    /// Parses a manifest; accepts only exactly what [`Manifest::render`] writes.
    ///
    /// # Errors
    /// One sentence: why it is not valid.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Name {
            schema: String,
        }
        let name: Name =
            serde_json::from_slice(bytes).map_err(|e| format!("it is not valid JSON: {e}"))?;
        if name.schema != SCHEMA {
            return Err(format!(
                "it has schema {:?}, and this build reads {SCHEMA}; use a newer flowcontrol",
                name.schema
            ));
        }
        let read: Self = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        // It is copied into a packet of the chain that links the archive.
        let plain = |c: u8| c.is_ascii_alphanumeric() || b".-+".contains(&c);
        if read.tool_version.len() > 64 || !read.tool_version.bytes().all(plain) {
            return Err("its tool_version is not a valid version".to_owned());
        }
        match read.render() {
            Ok(form) if form == bytes => Ok(read),
            _ => Err("it is not in canonical form".to_owned()),
        }
    }

    /// The first difference between `files` and the manifest, in one sentence; `None` when they match.
    pub fn differs(&self, files: &[(String, Vec<u8>)]) -> Option<String> {
        for (listed, (name, bytes)) in self.files.iter().zip(files) {
            if listed.name != *name {
                return Some(format!(
                    "{name} is in the place of {}, which the manifest lists",
                    listed.name
                ));
            }
            let found = Digest::of(bytes);
            if listed.sha256 != found || listed.bytes != bytes.len() as u64 {
                return Some(format!(
                    "{name} has digest {found}, the manifest says {}",
                    listed.sha256
                ));
            }
        }
        match (self.files.get(files.len()), files.get(self.files.len())) {
            (Some(missing), _) => {
                Some(format!("{} is listed in the manifest but missing", missing.name))
            }
            (_, Some((extra, _))) => Some(format!("{extra} is not listed in the manifest")),
            (None, None) => None,
        }
    }
}
