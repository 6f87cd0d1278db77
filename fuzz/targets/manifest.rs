//! The manifest of an archive: as it is, and in the form that an export writes.
#![no_main]

use flowcontrol_evidence::canonical::canonical;
use flowcontrol_evidence::manifest::Manifest;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    read(data);
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    if let Ok(text) = canonical(&value) {
        read(format!("{text}\n").as_bytes());
    }
});

fn read(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes) else { return };
    assert_eq!(manifest.render().unwrap(), bytes);
    let files: Vec<_> = manifest.files.iter().map(|f| (f.name.clone(), Vec::new())).collect();
    let differs = manifest.differs(&files);
    let empty = manifest.files.iter().all(|f| f.bytes == 0);
    assert!(differs.is_some() || empty);
}
