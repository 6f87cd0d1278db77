//! The package of a batch: a tar archive under gzip, cut into parts that are encrypted on their way to
//! the disk. Memory is one buffer, whatever the batch's size; no invoice's text touches the disk.

use flate2::Compression;
use flate2::write::GzEncoder;
use flowcontrol_contract::Digest;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_files::{Access, create_folder};
use flowcontrol_ksef_wire::crypto::{Encryptor, Hasher, SymmetricKey};
use flowcontrol_ksef_wire::messages::{BatchFile, BatchFilePart, CompressionType};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Most parts of a package.
pub const MOST_PARTS: usize = 50;

/// Writes a package.
pub struct Package {
    archive: tar::Builder<GzEncoder<Parts>>,
}

impl Package {
    /// An empty package in `folder`, which is made and must hold no part yet.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create(folder: &Path, key: &SymmetricKey, part_bytes: u64) -> Result<Self> {
        create_folder(folder, Access::Owner)?;
        let parts = Parts {
            folder: folder.to_owned(),
            key: key.clone(),
            part_bytes,
            whole: Hasher::default(),
            open: None,
            done: Vec::new(),
        };
        Ok(Self { archive: tar::Builder::new(GzEncoder::new(parts, Compression::default())) })
    }

    /// Adds one invoice.
    ///
    /// # Errors
    /// When the disk refuses, or there would be more than fifty parts.
    pub fn add(&mut self, invoice: &Digest, xml: &[u8]) -> Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(xml.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(0);
        header.set_cksum();
        let name = format!("{invoice}.xml");
        self.archive.append_data(&mut header, name, xml).map_err(failed)
    }

    /// Ends it; returns its description for KSeF.
    ///
    /// # Errors
    /// As [`Package::add`].
    pub fn finish(self) -> Result<BatchFile> {
        let mut parts = self.archive.into_inner().and_then(GzEncoder::finish).map_err(failed)?;
        parts.close().map_err(failed)?;
        let (file_hash, file_size) = parts.whole.finish();
        Ok(BatchFile {
            file_size,
            file_hash,
            compression_type: Some(CompressionType::TarGz),
            file_parts: parts.done,
        })
    }
}

impl std::fmt::Debug for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Package").finish_non_exhaustive()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn failed(error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Exhausted,
        io::ErrorKind::FileTooLarge => ErrorKind::InvalidInput,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("the batch cannot be packed: {error}"))
}

/// Where one encrypted part stands.
pub fn part_path(folder: &Path, ordinal: u32) -> PathBuf {
    folder.join(format!("part-{ordinal}.bin"))
}

struct Part {
    file: BufWriter<File>,
    encryptor: Encryptor,
    hash: Hasher,
    plain: u64,
}

/// Cuts what is written into parts, hashes the whole, encrypts each part by itself.
struct Parts {
    folder: PathBuf,
    key: SymmetricKey,
    part_bytes: u64,
    whole: Hasher,
    open: Option<Part>,
    done: Vec<BatchFilePart>,
}

impl Parts {
    fn part(&mut self) -> io::Result<&mut Part> {
        if self.open.is_none() {
            if self.done.len() == MOST_PARTS {
                return Err(io::Error::new(
                    io::ErrorKind::FileTooLarge,
                    format!(
                        "it has more than {MOST_PARTS} parts of {} bytes; make part_bytes larger, or \
                         two batches",
                        self.part_bytes
                    ),
                ));
            }
            let ordinal = u32::try_from(self.done.len() + 1).unwrap_or(u32::MAX);
            let path = part_path(&self.folder, ordinal);
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(path)?;
            self.open = Some(Part {
                file: BufWriter::new(file),
                encryptor: self.key.encryptor(),
                hash: Hasher::default(),
                plain: 0,
            });
        }
        self.open.as_mut().ok_or_else(|| io::Error::other("no part is open"))
    }

    fn close(&mut self) -> io::Result<()> {
        let Some(mut part) = self.open.take() else { return Ok(()) };
        let mut end = Vec::new();
        part.encryptor.finish(&mut end);
        part.hash.update(&end);
        part.file.write_all(&end)?;
        part.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        let (file_hash, file_size) = part.hash.finish();
        let ordinal_number = u32::try_from(self.done.len() + 1).unwrap_or(u32::MAX);
        self.done.push(BatchFilePart { ordinal_number, file_size, file_hash });
        Ok(())
    }
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let most = self.part_bytes;
        let part = self.part()?;
        let room = usize::try_from(most - part.plain).unwrap_or(usize::MAX);
        let piece = &bytes[..bytes.len().min(room)];
        let mut sealed = Vec::with_capacity(piece.len() + 16);
        part.encryptor.update(piece, &mut sealed);
        part.hash.update(&sealed);
        part.file.write_all(&sealed)?;
        part.plain += piece.len() as u64;
        let full = part.plain >= most;
        self.whole.update(piece);
        if full {
            self.close()?;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |part| part.file.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::{Package, part_path};
    use flate2::read::GzDecoder;
    use flowcontrol_contract::Digest;
    use flowcontrol_ksef_wire::crypto::{SymmetricKey, sha256_base64};
    use std::io::Read;

    #[test]
    fn what_is_packed_in_parts_is_unpacked_as_it_was() {
        let scratch = tempfile::tempdir().unwrap();
        let key = SymmetricKey::generate();
        // Noise does not shrink, so that there are several parts.
        let noise = |n: u8| -> Vec<u8> { (0..40u8).flat_map(|k| Digest::of([n, k]).0).collect() };
        let mut package = Package::create(scratch.path(), &key, 3_000).unwrap();
        for n in 0..10 {
            package.add(&Digest::of(noise(n)), &noise(n)).unwrap();
        }
        let file = package.finish().unwrap();
        assert!(file.file_parts.len() > 3, "{file:?}");
        let mut whole = Vec::new();
        for part in &file.file_parts {
            let sealed = std::fs::read(part_path(scratch.path(), part.ordinal_number)).unwrap();
            assert_eq!(
                (sealed.len() as u64, sha256_base64(&sealed)),
                (part.file_size, part.file_hash.clone())
            );
            whole.extend(key.decrypt(&sealed).unwrap());
        }
        assert_eq!((whole.len() as u64, sha256_base64(&whole)), (file.file_size, file.file_hash));
        let mut archive = tar::Archive::new(GzDecoder::new(&*whole));
        for (n, entry) in (0..).zip(archive.entries().unwrap()) {
            let mut entry = entry.unwrap();
            let mut xml = Vec::new();
            entry.read_to_end(&mut xml).unwrap();
            assert_eq!(xml, noise(n));
            assert_eq!(
                entry.path().unwrap().to_str().unwrap(),
                format!("{}.xml", Digest::of(&xml))
            );
        }
    }

    #[test]
    fn a_package_of_too_many_parts_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let mut package = Package::create(scratch.path(), &SymmetricKey::generate(), 10).unwrap();
        let noise: Vec<u8> = (0..250u8).flat_map(|k| Digest::of([k]).0).collect();
        let outcome =
            package.add(&Digest::of("a"), &noise).and_then(|()| package.finish().map(drop));
        assert!(outcome.unwrap_err().message().contains("more than 50 parts"));
    }
}
