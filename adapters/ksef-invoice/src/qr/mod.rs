//! The QR codes of an invoice: KOD I and KOD II.
//!
//! KOD I leads to the invoice; KOD II, on invoices issued offline, proves who issued it by a
//! signature with an `Offline` certificate. Both are links, made without KSeF.

mod certificate;
mod picture;

pub use certificate::{CertificateError, OfflineCertificate};
pub use picture::Picture;

use crate::nip::Nip;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use time::Date;

/// Which KSeF an invoice belongs to. Its codes lead there and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// TEST, for made-up data.
    Test,
    /// DEMO, for made-up data.
    Demo,
    /// Production.
    Prd,
}

impl Place {
    /// The host of the codes.
    pub const fn host(self) -> &'static str {
        match self {
            Self::Test => "qr-test.ksef.mf.gov.pl",
            Self::Demo => "qr-demo.ksef.mf.gov.pl",
            Self::Prd => "qr.ksef.mf.gov.pl",
        }
    }
}

/// In whose name an invoice is issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// A firm, by its NIP.
    Nip(String),
    /// A part of a firm: NIP, dash, five digits.
    InternalId(String),
    /// A NIP joined with a VAT number of the Union.
    NipVatUe(String),
    /// A Peppol provider.
    PeppolId(String),
}

impl Issuer {
    /// Reads `Nip:5265877635` and its likes; a bare NIP is one too.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, value) = text.split_once(':').unwrap_or(("Nip", text));
        // It becomes a part of a path: nothing but these may stand in it.
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if value.is_empty() || !value.chars().all(plain) {
            return None;
        }
        let value = value.to_owned();
        match kind {
            "Nip" => crate::nip::check(&value).ok().map(|()| Self::Nip(value)),
            "InternalId" => Some(Self::InternalId(value)),
            "NipVatUe" => Some(Self::NipVatUe(value)),
            "PeppolId" => Some(Self::PeppolId(value)),
            _ => None,
        }
    }

    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Nip(value) => ("Nip", value),
            Self::InternalId(value) => ("InternalId", value),
            Self::NipVatUe(value) => ("NipVatUe", value),
            Self::PeppolId(value) => ("PeppolId", value),
        }
    }
}

/// The link in a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// KOD I: where an invoice is found. `sha256` is the digest of its bytes as they are sent.
pub fn code_one(place: Place, seller: &Nip, issued: Date, sha256: &[u8; 32]) -> Link {
    let (day, month, year) = (issued.day(), u8::from(issued.month()), issued.year());
    let digest = URL_SAFE_NO_PAD.encode(sha256);
    Link(format!(
        "https://{}/invoice/{seller}/{day:02}-{month:02}-{year:04}/{digest}",
        place.host()
    ))
}

/// KOD II: who issued an invoice offline, with the signature that proves it.
///
/// # Errors
/// When the key cannot sign.
pub fn code_two(
    place: Place,
    issuer: &Issuer,
    seller: &Nip,
    sha256: &[u8; 32],
    certificate: &OfflineCertificate,
) -> Result<Link, CertificateError> {
    let (kind, value) = issuer.parts();
    let digest = URL_SAFE_NO_PAD.encode(sha256);
    let serial = certificate.serial();
    // What is signed has neither the scheme nor a slash at its end.
    let signed = format!("{}/certificate/{kind}/{value}/{seller}/{serial}/{digest}", place.host());
    let signature = URL_SAFE_NO_PAD.encode(certificate.sign(signed.as_bytes())?);
    Ok(Link(format!("https://{signed}/{signature}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn code_one_is_the_documented_link() {
        let digest = URL_SAFE_NO_PAD.decode("UtQp9Gpc51y-u3xApZjIjgkpZ01js-J8KflSPW8WzIE").unwrap();
        let seller = Nip::parse("1111111111").unwrap();
        let link =
            code_one(Place::Test, &seller, date!(2026 - 02 - 01), &digest.try_into().unwrap());
        assert_eq!(
            link.as_str(),
            "https://qr-test.ksef.mf.gov.pl/invoice/1111111111/01-02-2026/UtQp9Gpc51y-u3xApZjIjgkpZ01js-J8KflSPW8WzIE"
        );
    }

    #[test]
    fn an_issuer_cannot_break_out_of_the_link() {
        assert_eq!(Issuer::parse("Nip:5265877635"), Some(Issuer::Nip("5265877635".into())));
        assert_eq!(Issuer::parse("5265877635"), Some(Issuer::Nip("5265877635".into())));
        assert!(Issuer::parse("InternalId:5265877635-12345").is_some());
        for text in [
            "Nip:5265877636",
            "Nip:",
            "InternalId:../x",
            "PeppolId:a/b",
            "Pesel:123",
            "NipVatUe:a b",
        ] {
            assert_eq!(Issuer::parse(text), None, "{text}");
        }
    }
}
