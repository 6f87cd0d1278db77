//! The few values that identify an invoice.

use super::finding::Finding;
use super::reader::Reader;
use crate::nip::Nip;
use rust_decimal::Decimal;
use time::Date;

/// What a file says of itself. It is read without judging the rest: [`check`](super::check) does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Who sells (`Podmiot1`).
    pub seller: Nip,
    /// Their name.
    pub seller_name: String,
    /// The buyer's NIP, where they have one (`Podmiot2`).
    pub buyer: Option<Nip>,
    /// Their name.
    pub buyer_name: Option<String>,
    /// The seller's own number of the invoice (`P_2`).
    pub number: String,
    /// `VAT`, `KOR`, `ZAL`, `ROZ`, `UPR`, `KOR_ZAL` or `KOR_ROZ` (`RodzajFaktury`).
    pub kind: String,
    /// The date of issue (`P_1`).
    pub issued: Date,
    /// The currency (`KodWaluty`).
    pub currency: String,
    /// What is to be paid in all (`P_15`).
    pub gross: Decimal,
    /// Whether it has an attachment (`Zalacznik`).
    pub attachment: bool,
}

/// Reads the values of an invoice.
///
/// # Errors
/// The first thing without which they cannot be read.
pub fn summary(bytes: &[u8]) -> Result<Summary, Finding> {
    let reader = Reader::open(bytes)?;
    let missing = |path: &[&str], why: &str| Finding {
        path: format!("/Faktura/{}", path.join("/")),
        line: None,
        rule: "structure.missing",
        message: why.to_owned(),
        severity: super::Severity::Error,
    };
    let value = |path: &[&str]| Some(reader.text(path)).filter(|text| !text.is_empty());
    let needed = |path: &[&str]| value(path).ok_or_else(|| missing(path, "is missing"));
    let seller = ["Podmiot1", "DaneIdentyfikacyjne", "NIP"];
    let (issued, gross) = (["Fa", "P_1"], ["Fa", "P_15"]);
    Ok(Summary {
        seller: Nip::parse(&needed(&seller)?).map_err(|e| missing(&seller, &e.to_string()))?,
        seller_name: needed(&["Podmiot1", "DaneIdentyfikacyjne", "Nazwa"])?,
        buyer: value(&["Podmiot2", "DaneIdentyfikacyjne", "NIP"]).and_then(|n| Nip::parse(&n).ok()),
        buyer_name: value(&["Podmiot2", "DaneIdentyfikacyjne", "Nazwa"]),
        number: needed(&["Fa", "P_2"])?,
        kind: needed(&["Fa", "RodzajFaktury"])?,
        issued: super::schema::day(&needed(&issued)?)
            .ok_or_else(|| missing(&issued, "is not a valid date"))?,
        currency: needed(&["Fa", "KodWaluty"])?,
        gross: super::amount::read(&needed(&gross)?)
            .ok_or_else(|| missing(&gross, "is no amount"))?,
        attachment: !reader.all(&["Zalacznik"]).is_empty(),
    })
}
