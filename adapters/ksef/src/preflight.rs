//! Checks before any request.

use super::state::{Entry, Folder};
use flowcontrol_contract::Timestamp;
use flowcontrol_contract::error::{Error, Result};
use flowcontrol_contract::ksef::InvoiceState;
use flowcontrol_ksef_invoice::{self as invoice, Reader, Severity};
use time::OffsetDateTime;

/// What the state keeps of an invoice's content.
#[derive(Debug)]
pub struct InvoiceKey {
    /// The seller's NIP.
    pub seller: String,
    /// `P_2`.
    pub number: String,
}

/// Judges a file as it would be sent.
///
/// # Errors
/// `InvalidInput` that names the first finding and its place.
pub fn judge(xml: &[u8], now: Timestamp) -> Result<InvoiceKey> {
    let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now.micros()) * 1000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let findings = invoice::check(xml, &invoice::Context::at(instant));
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    if let Some(first) = errors.first() {
        let more = match errors.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        return Err(Error::invalid(format!("the invoice is not sent: {first}{more}"))
            .hint("`flowcontrol ksef validate FILE` lists everything that is wrong with it"));
    }
    let summary = invoice::summary(xml).map_err(|f| Error::invalid(f.to_string()))?;
    Ok(InvoiceKey { seller: summary.seller.to_string(), number: summary.number })
}

/// A correction may say of an original that it has no KSeF number only where that is so for good: one
/// that was submitted here gets its number first.
///
/// # Errors
/// `Conflict` that names the original.
pub fn originals(xml: &[u8], seller: &str, folder: &Folder) -> Result<()> {
    for original in unnumbered(xml) {
        for entry in folder.numbered(seller, &original)? {
            refuse(&original, &entry)?;
        }
    }
    Ok(())
}

fn refuse(original: &str, entry: &Entry) -> Result<()> {
    let why = match &entry.state {
        InvoiceState::Refused { .. } | InvoiceState::NumberTaken { .. } => return Ok(()),
        InvoiceState::Accepted { number, .. } => {
            return Err(Error::conflict(format!(
                "the correction says that {original} has no KSeF number, and it has {number}"
            ))
            .hint("refer to it by that number"));
        }
        other => other.name(),
    };
    Err(Error::conflict(format!(
        "the correction of {original} waits for the original's KSeF number: it is {why}"
    ))
    .hint("`flowcontrol ksef status` shows when the original is accepted"))
}

/// The originals that a correction refers to without a KSeF number, by their own numbers.
fn unnumbered(xml: &[u8]) -> Vec<String> {
    let Ok(invoice) = Reader::open(xml) else { return Vec::new() };
    let originals = invoice.all(&["Fa", "DaneFaKorygowanej"]);
    let unnumbered = originals.iter().filter(|original| original.has("NrKSeFN"));
    unnumbered.map(|original| original.text(&["NrFaKorygowanej"])).collect()
}
