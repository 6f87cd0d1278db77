//! Reference numbers and challenges: `YYYYMMDD-KK-10HEX-10HEX-2HEX`.

use super::clock::moment;
use flowcontrol_contract::Timestamp;
use flowcontrol_ksef_invoice::number::crc8;
use flowcontrol_ksef_wire::messages::ReferenceNumber;
use sha2::{Digest as _, Sha256};

/// What a reference names; its two letters.
pub(super) const CHALLENGE: &str = "CR";
pub(super) const LOGIN: &str = "AU";
pub(super) const TOKEN: &str = "EC";
pub(super) const ONLINE: &str = "SO";
pub(super) const BATCH: &str = "SB";
pub(super) const INVOICE: &str = "EE";
pub(super) const PAGE: &str = "EU";

/// 36 characters of a kind, dated on the day in UTC.
pub(super) fn name(kind: &str, at: Timestamp, first: u64, second: u64) -> String {
    let at = moment(at);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (first, second) = (first & 0xFF_FFFF_FFFF, second & 0xFF_FFFF_FFFF);
    let body = format!("{year:04}{month:02}{day:02}-{kind}-{first:010X}-{second:010X}");
    format!("{body}-{:02X}", crc8(body.as_bytes()))
}

/// A fresh one.
pub(super) fn fresh(kind: &str, at: Timestamp) -> String {
    name(kind, at, rand::random(), rand::random())
}

/// The name of the `index`-th thing within another; the same question gives the same name.
pub(super) fn within(kind: &str, at: Timestamp, parent: &ReferenceNumber, index: u64) -> String {
    let digest = Sha256::digest(format!("{parent}/{kind}/{index}"));
    let second = digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    name(kind, at, index, second)
}

/// The index in a name that [`within`] made.
pub(super) fn index(name: &ReferenceNumber) -> Option<u64> {
    u64::from_str_radix(name.as_str().get(12..22)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_reference_number_and_tells_its_index() {
        let at = Timestamp::parse("2026-11-27T08:00:00Z").unwrap();
        let session: ReferenceNumber = fresh(ONLINE, at).parse().unwrap();
        assert!(session.as_str().starts_with("20261127-SO-"));
        assert_ne!(session.as_str(), fresh(ONLINE, at));
        let invoice: ReferenceNumber = within(INVOICE, at, &session, 9_999).parse().unwrap();
        assert_eq!(index(&invoice), Some(9_999));
        assert_eq!(invoice.as_str(), within(INVOICE, at, &session, 9_999));
    }
}
