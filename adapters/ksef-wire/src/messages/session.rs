//! Opening sessions and sending invoices.

use super::{ReferenceNumber, Sealed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::serde::rfc3339;

/// Which schema a session's invoices follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FormCode {
    /// Such as `FA (3)`.
    pub system_code: String,
    /// Such as `1-0E`.
    pub schema_version: String,
    /// Such as `FA`.
    pub value: String,
}

impl FormCode {
    /// FA(3), the only schema this project writes.
    pub fn fa3() -> Self {
        Self { system_code: "FA (3)".into(), schema_version: "1-0E".into(), value: "FA".into() }
    }
}

/// A session's key, wrapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncryptionInfo {
    /// Base64 of RSA-OAEP over the 32 bytes of the key.
    pub encrypted_symmetric_key: Sealed,
    /// Base64 of the 16 bytes of the IV.
    pub initialization_vector: Sealed,
    /// Which of KSeF's keys wrapped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key_id: Option<String>,
}

/// `OpenOnlineSessionRequest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenOnlineSession {
    /// The invoices' schema.
    pub form_code: FormCode,
    /// The session's key.
    pub encryption: EncryptionInfo,
}

/// `OpenOnlineSessionResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedOnlineSession {
    /// The session.
    pub reference_number: ReferenceNumber,
    /// When KSeF closes it by itself.
    #[serde(with = "rfc3339")]
    pub valid_until: OffsetDateTime,
}

/// `SendInvoiceRequest`. Sizes in bytes, hashes base64 SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendInvoice {
    /// Of the XML.
    pub invoice_hash: String,
    /// Of the XML.
    pub invoice_size: u64,
    /// Of the ciphertext.
    pub encrypted_invoice_hash: String,
    /// Of the ciphertext.
    pub encrypted_invoice_size: u64,
    /// The ciphertext in base64.
    pub encrypted_invoice_content: Sealed,
    /// The taxpayer's declaration that it was issued offline.
    #[serde(default)]
    pub offline_mode: bool,
    /// Technical correction: the hash of the refused offline invoice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_of_corrected_invoice: Option<String>,
}

/// `SendInvoiceResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SentInvoice {
    /// The invoice's number within the session, not its KSeF number.
    pub reference_number: ReferenceNumber,
}

/// `OpenBatchSessionRequest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenBatchSession {
    /// The invoices' schema.
    pub form_code: FormCode,
    /// The package.
    pub batch_file: BatchFile,
    /// The session's key.
    pub encryption: EncryptionInfo,
    /// The taxpayer's declaration that all were issued offline.
    #[serde(default)]
    pub offline_mode: bool,
}

/// The package before it is cut and encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchFile {
    /// Bytes of the archive, at most 5,000,000,000.
    pub file_size: u64,
    /// Its hash.
    pub file_hash: String,
    /// How it is packed; a ZIP when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression_type: Option<CompressionType>,
    /// One to fifty parts.
    pub file_parts: Vec<BatchFilePart>,
}

/// How a package is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CompressionType {
    /// A ZIP archive.
    #[default]
    Zip,
    /// A tar archive under gzip.
    TarGz,
}

/// One part as it is uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchFilePart {
    /// From 1.
    pub ordinal_number: u32,
    /// Bytes of the encrypted part.
    pub file_size: u64,
    /// Hash of the encrypted part.
    pub file_hash: String,
}

/// `OpenBatchSessionResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedBatchSession {
    /// The session.
    pub reference_number: ReferenceNumber,
    /// Where the parts go.
    pub part_upload_requests: Vec<PartUploadRequest>,
}

/// How one part is uploaded: exactly so, and without the access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartUploadRequest {
    /// Which part.
    pub ordinal_number: u32,
    /// The HTTP method.
    pub method: String,
    /// The pre-signed address.
    pub url: Sealed,
    /// The headers to send.
    pub headers: BTreeMap<String, Option<String>>,
}
