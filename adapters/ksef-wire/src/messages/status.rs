//! What became of sessions and invoices.

use super::{ReferenceNumber, Sealed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::serde::rfc3339;

/// A status of a login or a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusInfo {
    /// The code.
    pub code: i32,
    /// What the code means.
    pub description: String,
    /// What it was here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Vec<String>>,
}

/// A status of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceStatusInfo {
    /// The code: 100 and 150 pending, 200 done, from 400 refused.
    pub code: i32,
    /// What the code means.
    pub description: String,
    /// What it was here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Vec<String>>,
    /// With 440: `originalKsefNumber` and `originalSessionReferenceNumber`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<BTreeMap<String, Option<String>>>,
}

/// How KSeF took an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvoicingMode {
    /// Issued on the day KSeF took it.
    Online,
    /// Issued before, or declared so.
    Offline,
    /// Something newer than this program.
    #[serde(other)]
    Unknown,
}

/// `SessionStatusResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionStatus {
    /// Its state.
    pub status: StatusInfo,
    /// When it was opened.
    #[serde(with = "rfc3339")]
    pub date_created: OffsetDateTime,
    /// When something last happened in it.
    #[serde(with = "rfc3339")]
    pub date_updated: OffsetDateTime,
    /// When KSeF closes it by itself.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<OffsetDateTime>,
    /// The session's own UPO, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upo: Option<UpoPages>,
    /// Invoices taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_count: Option<u32>,
    /// Of these, with a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successful_invoice_count: Option<u32>,
    /// Of these, refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_invoice_count: Option<u32>,
}

/// `UpoResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpoPages {
    /// One for every 10,000 invoices.
    pub pages: Vec<UpoPage>,
}

/// `UpoPageResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpoPage {
    /// The page's number.
    pub reference_number: ReferenceNumber,
    /// Its pre-signed address: no token goes there.
    pub download_url: Sealed,
    /// When the address ends.
    #[serde(with = "rfc3339")]
    pub download_url_expiration_date: OffsetDateTime,
}

/// `SessionsQueryResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsList {
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation_token: Option<String>,
    /// The latest first.
    pub sessions: Vec<SessionListItem>,
}

/// `SessionsQueryResponseItem`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionListItem {
    /// The session.
    pub reference_number: ReferenceNumber,
    /// Its state.
    pub status: StatusInfo,
    /// When it was opened.
    #[serde(with = "rfc3339")]
    pub date_created: OffsetDateTime,
    /// When something last happened in it.
    #[serde(with = "rfc3339")]
    pub date_updated: OffsetDateTime,
    /// When KSeF closes it by itself.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<OffsetDateTime>,
    /// Invoices taken.
    pub total_invoice_count: u32,
    /// Of these, with a number.
    pub successful_invoice_count: u32,
    /// Of these, refused.
    pub failed_invoice_count: u32,
}

/// `SessionInvoicesResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionInvoices {
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation_token: Option<String>,
    /// By ordinal number.
    pub invoices: Vec<InvoiceStatus>,
}

/// `SessionInvoiceStatusResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceStatus {
    /// From 1, within the session.
    pub ordinal_number: u32,
    /// `P_2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_number: Option<String>,
    /// Once it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ksef_number: Option<String>,
    /// Its number within the session.
    pub reference_number: ReferenceNumber,
    /// Base64 SHA-256 of the XML.
    pub invoice_hash: String,
    /// Batch only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice_file_name: Option<String>,
    /// When it got its number.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub acquisition_date: Option<OffsetDateTime>,
    /// When KSeF took it in.
    #[serde(with = "rfc3339")]
    pub invoicing_date: OffsetDateTime,
    /// When it was stored for good; later than the number.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub permanent_storage_date: Option<OffsetDateTime>,
    /// The UPO's pre-signed address: no token goes there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upo_download_url: Option<Sealed>,
    /// When the address ends.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub upo_download_url_expiration_date: Option<OffsetDateTime>,
    /// Online or offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoicing_mode: Option<InvoicingMode>,
    /// Its state.
    pub status: InvoiceStatusInfo,
}
