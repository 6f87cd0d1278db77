//! `AuthTokenRequest`: who wants to sign in to which context.

use std::fmt;

/// The namespaces of schemas 2.0 and 2.1, which KSeF takes both.
pub(super) const NAMESPACES: [&str; 2] =
    ["http://ksef.mf.gov.pl/auth/token/2.1", "http://ksef.mf.gov.pl/auth/token/2.0"];

/// The context to sign in to: whose invoices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Context {
    /// A NIP.
    Nip(String),
    /// An internal identifier, `NIP-XXXXX`.
    InternalId(String),
    /// A NIP with an EU VAT number.
    NipVatUe(String),
    /// A Peppol provider.
    PeppolId(String),
}

impl Context {
    /// The element's name.
    pub const fn element(&self) -> &'static str {
        match self {
            Self::Nip(_) => "Nip",
            Self::InternalId(_) => "InternalId",
            Self::NipVatUe(_) => "NipVatUe",
            Self::PeppolId(_) => "PeppolId",
        }
    }

    /// The identifier.
    pub fn value(&self) -> &str {
        match self {
            Self::Nip(v) | Self::InternalId(v) | Self::NipVatUe(v) | Self::PeppolId(v) => v,
        }
    }

    pub(super) fn read(element: &str, value: String) -> Option<Self> {
        Some(match element {
            "Nip" => Self::Nip(value),
            "InternalId" => Self::InternalId(value),
            "NipVatUe" => Self::NipVatUe(value),
            "PeppolId" => Self::PeppolId(value),
            _ => return None,
        })
    }
}

/// How KSeF finds out who signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// From the certificate's subject.
    CertificateSubject,
    /// From the certificate's fingerprint, which must be known to KSeF.
    CertificateFingerprint,
}

impl Subject {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CertificateSubject => "certificateSubject",
            Self::CertificateFingerprint => "certificateFingerprint",
        }
    }
}

/// The document that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthTokenRequest {
    /// The challenge, as KSeF gave it.
    pub challenge: String,
    /// The context.
    pub context: Context,
    /// How the signer is found.
    pub subject: Subject,
}

/// Text content, where the five characters that could end it are escaped as canonical XML does.
pub(super) struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '\r' => f.write_str("&#xD;")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

impl AuthTokenRequest {
    /// The document with `signature` as its last element; without one where it is empty.
    pub(super) fn document(&self, signature: &str) -> String {
        let name = self.context.element();
        format!(
            "<AuthTokenRequest xmlns=\"{}\"><Challenge>{}</Challenge><ContextIdentifier><{name}>{}\
             </{name}></ContextIdentifier><SubjectIdentifierType>{}</SubjectIdentifierType>\
             {signature}</AuthTokenRequest>",
            NAMESPACES[0],
            Text(&self.challenge),
            Text(self.context.value()),
            self.subject.name(),
        )
    }
}
