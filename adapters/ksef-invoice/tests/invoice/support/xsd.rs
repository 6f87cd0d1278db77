//! The judge of structure that is not ours: `xmllint` with the official schema.

use flowcontrol_ksef_testkit::judges::{official, skip};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The official schema and a program that judges by it.
pub struct Schema {
    folder: PathBuf,
}

impl Schema {
    /// Both of them, or a skip by name.
    ///
    /// # Panics
    /// When one is required and absent.
    pub fn find(test: &str) -> Option<Self> {
        let folder = official(test)?;
        if Command::new("xmllint").arg("--version").output().is_err() {
            skip(test, "xmllint", "xmllint is not installed");
            return None;
        }
        Some(Self { folder })
    }

    /// Judges files, all at once.
    ///
    /// # Panics
    /// When the program cannot be run.
    pub fn judge(&self, files: &[PathBuf]) -> Output {
        // Relative names in the catalog are those of this folder.
        Command::new("xmllint")
            .current_dir(&self.folder)
            .env("XML_CATALOG_FILES", "catalog.xml")
            .args(["--nonet", "--noout", "--schema", "xsd/FA/schemat_FA(3)_v1-0E.xsd"])
            .args(files)
            .output()
            .unwrap()
    }

    /// Accepts all of these documents.
    ///
    /// # Panics
    /// When one is refused.
    pub fn accepts(&self, documents: &[Vec<u8>]) {
        let folder = tempfile::tempdir().unwrap();
        for (chunk, documents) in documents.chunks(200).enumerate() {
            let files: Vec<PathBuf> = documents
                .iter()
                .enumerate()
                .map(|(index, bytes)| written(folder.path(), chunk * 200 + index, bytes))
                .collect();
            let out = self.judge(&files);
            let said = String::from_utf8_lossy(&out.stderr);
            assert!(out.status.success(), "{said}");
            assert_eq!(said.matches(" validates").count(), files.len(), "{said}");
        }
    }
}

fn written(folder: &Path, index: usize, bytes: &[u8]) -> PathBuf {
    let path = folder.join(format!("{index}.xml"));
    std::fs::write(&path, bytes).unwrap();
    path
}
