//! What the targets share. A fuzzer finds no preimage of SHA-256, so what it makes is sealed here
//! before it is read.

use flowcontrol_evidence::canonical::canonical;
use flowcontrol_contract::Digest;
use serde_json::Value;

/// The packet file that `data` becomes once somebody has sealed it; `None` when it is no JSON
/// object or has no canonical form.
pub fn sealed(data: &[u8]) -> Option<Vec<u8>> {
    let Value::Object(mut members) = serde_json::from_slice(data).ok()? else { return None };
    members.remove("sha256");
    let sha256 = Digest::of(canonical(&members).ok()?).to_string();
    members.insert("sha256".to_owned(), Value::String(sha256));
    Some(format!("{}\n", canonical(&members).ok()?).into_bytes())
}

/// `tar` with the checksum of each header put right.
pub fn summed(tar: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 512;
    let mut tar = tar.to_vec();
    let mut at = 0;
    while let Some(header) = tar.get_mut(at..at + BLOCK) {
        if header.iter().all(|b| *b == 0) {
            break;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
        let size = std::str::from_utf8(&header[124..135]).unwrap_or("0");
        let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).unwrap_or(0);
        at += BLOCK + size.div_ceil(BLOCK).saturating_mul(BLOCK).min(tar.len());
    }
    tar
}
