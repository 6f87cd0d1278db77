//! A batch's package: parts decrypted into one archive on the disk, its files read one after the
//! other. Memory is one file, however long the package is.

use super::config::{ATTACHED_BYTES, INVOICES};
use flate2::bufread::{DeflateDecoder, GzDecoder};
use flowcontrol_contract::{Error, Result};
use flowcontrol_files::{AtPath as _, FileError};
use flowcontrol_ksef_wire::crypto::{Hasher, SymmetricKey};
use flowcontrol_ksef_wire::messages::{BatchFile, CompressionType};
use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive};
use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

/// Bytes read at once.
const PIECE: usize = 64 * 1024;

/// What is wrong with a package.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The session ends with this code.
    Session(i32, String),
    /// This machine fails.
    Machine(Error),
}

impl From<FileError> for Trouble {
    fn from(error: FileError) -> Self {
        Self::Machine(error.into())
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Machine(error)
    }
}

fn archive(why: impl std::fmt::Display) -> Trouble {
    Trouble::Session(430, why.to_string())
}

/// Decrypts the parts into `into` and compares them with the package's description.
pub(super) fn assemble(
    package: &BatchFile,
    key: &SymmetricKey,
    part: impl Fn(u32) -> PathBuf,
    into: &Path,
) -> Result<(), Trouble> {
    let mut out = File::create(into).at_path("write", into)?;
    let mut declared: Vec<_> = package.file_parts.iter().collect();
    declared.sort_by_key(|part| part.ordinal_number);
    let mut whole = Hasher::default();
    let mut piece = vec![0; PIECE];
    for declared in declared {
        let path = part(declared.ordinal_number);
        let mut file = File::open(&path).at_path("read", &path)?;
        let (mut stream, mut sealed) = (key.decryptor(), Hasher::default());
        let mut open = Vec::with_capacity(2 * PIECE);
        loop {
            let read = file.read(&mut piece).at_path("read", &path)?;
            if read == 0 {
                break;
            }
            sealed.update(&piece[..read]);
            open.clear();
            stream.update(&piece[..read], &mut open);
            whole.update(&open);
            out.write_all(&open).at_path("write", into)?;
        }
        let ordinal = declared.ordinal_number;
        if sealed.finish() != (declared.file_hash.clone(), declared.file_size) {
            let why = format!("Skrót części {ordinal} nie zgadza się z zadeklarowanym.");
            return Err(Trouble::Session(405, why));
        }
        open.clear();
        let end = stream.finish(&mut open);
        end.map_err(|_| {
            Trouble::Session(435, format!("Część {ordinal} nie daje się odszyfrować."))
        })?;
        whole.update(&open);
        out.write_all(&open).at_path("write", into)?;
    }
    if whole.finish() != (package.file_hash.clone(), package.file_size) {
        let why = "Skrót lub rozmiar paczki nie zgadza się z zadeklarowanym.";
        return Err(Trouble::Session(405, why.to_owned()));
    }
    Ok(())
}

/// One file of a package: its name and its bytes, or `None` for one larger than any invoice.
pub(super) type Each<'a> = dyn FnMut(String, Option<&[u8]>) -> Result<()> + 'a;

/// Reads every file of an archive. A damaged one may have handed over some before it says so.
pub(super) fn read(path: &Path, kind: CompressionType, each: &mut Each<'_>) -> Result<(), Trouble> {
    match kind {
        CompressionType::Zip => zip(path, each),
        CompressionType::TarGz => tar_gz(path, each),
    }
}

fn zip(path: &Path, each: &mut Each<'_>) -> Result<(), Trouble> {
    let file = File::open(path).at_path("read", path)?;
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let zip = ZipArchive::from_file(file, &mut buffer).map_err(archive)?;
    let mut entries = zip.entries(&mut buffer);
    let mut files = Files::default();
    while let Some(entry) = entries.next_entry().map_err(archive)? {
        if entry.is_dir() {
            continue;
        }
        let name = entry.file_path().try_normalize().map_err(archive)?.as_ref().to_owned();
        let method = entry.compression_method();
        let found = zip.get_entry(entry.wayfinder()).map_err(archive)?;
        let packed = BufReader::new(found.reader());
        if method == CompressionMethod::STORE {
            files.take(name, &mut found.verifying_reader(packed), each)?;
        } else if method == CompressionMethod::DEFLATE {
            files.take(name, &mut found.verifying_reader(DeflateDecoder::new(packed)), each)?;
        } else {
            return Err(archive(format!("{name}: a compression other than deflate")));
        }
    }
    Ok(())
}

fn tar_gz(path: &Path, each: &mut Each<'_>) -> Result<(), Trouble> {
    let file = File::open(path).at_path("read", path)?;
    let mut tar = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    let mut files = Files::default();
    for entry in tar.entries().map_err(archive)? {
        let mut entry = entry.map_err(archive)?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        let name = entry.path().map_err(archive)?.to_string_lossy().into_owned();
        if !kind.is_file() {
            return Err(archive(format!("{name} is not a file")));
        }
        files.take(name, &mut entry, each)?;
    }
    Ok(())
}

#[derive(Default)]
struct Files {
    count: usize,
    content: Vec<u8>,
}

impl Files {
    /// Reads one, at most as much as an invoice may have: what an archive says of itself is not
    /// believed.
    fn take(
        &mut self,
        name: String,
        reader: &mut dyn Read,
        each: &mut Each<'_>,
    ) -> Result<(), Trouble> {
        self.count += 1;
        if self.count > INVOICES {
            return Err(Trouble::Session(
                420,
                format!("Paczka zawiera więcej niż {INVOICES} faktur."),
            ));
        }
        if name.chars().count() > 128 {
            return Err(archive("Nazwa pliku faktury jest dłuższa niż 128 znaków."));
        }
        self.content.clear();
        let most = ATTACHED_BYTES + 1;
        reader.take(most).read_to_end(&mut self.content).map_err(archive)?;
        let whole = (self.content.len() as u64) < most;
        Ok(each(name, whole.then_some(&*self.content))?)
    }
}
