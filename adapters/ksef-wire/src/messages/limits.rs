//! Limits: of size and number (`/limits/*`), and of the rate of requests (`/rate-limits`).

use serde::{Deserialize, Serialize};

/// `EffectiveContextLimits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContextLimits {
    /// Interactive sessions.
    pub online_session: OnlineSessionLimits,
    /// Batch sessions.
    pub batch_session: BatchSessionLimits,
    /// Collective identifiers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collective_identifier: Option<CollectiveIdentifierLimits>,
}

/// Megabytes are 1,000,000 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineSessionLimits {
    /// MB of one invoice.
    #[serde(rename = "maxInvoiceSizeInMB")]
    pub max_invoice_size_in_mb: u32,
    /// MB of one with an attachment.
    #[serde(rename = "maxInvoiceWithAttachmentSizeInMB")]
    pub max_invoice_with_attachment_size_in_mb: u32,
    /// Invoices in one session.
    #[serde(rename = "maxInvoices")]
    pub max_invoices: u32,
}

/// The same for batch sessions.
pub type BatchSessionLimits = OnlineSessionLimits;

/// `CollectiveIdentifierEffectiveContextLimits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CollectiveIdentifierLimits {
    /// Invoices under one identifier.
    pub max_invoices: u32,
}

/// `EffectiveSubjectLimits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubjectLimits {
    /// Applications for certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment: Option<EnrollmentLimits>,
    /// Certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateLimits>,
}

/// `EnrollmentEffectiveSubjectLimits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnrollmentLimits {
    /// How many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_enrollments: Option<u32>,
}

/// `CertificateEffectiveSubjectLimits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateLimits {
    /// How many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_certificates: Option<u32>,
}

/// Requests in a sliding window of a second, a minute and an hour; -1 means unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// In one second.
    pub per_second: i32,
    /// In one minute.
    pub per_minute: i32,
    /// In one hour.
    pub per_hour: i32,
}

impl RateLimit {
    /// From the three figures.
    pub const fn new(per_second: i32, per_minute: i32, per_hour: i32) -> Self {
        Self { per_second, per_minute, per_hour }
    }
}

/// `EffectiveApiRateLimits`, group by group. A group that this program does not know is ignored;
/// one that KSeF does not send is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RateLimits {
    /// Opening interactive sessions.
    pub online_session: Option<RateLimit>,
    /// Closing them.
    pub online_session_close: Option<RateLimit>,
    /// Opening batch sessions.
    pub batch_session: Option<RateLimit>,
    /// Closing them.
    pub batch_session_close: Option<RateLimit>,
    /// Sending invoices.
    pub invoice_send: Option<RateLimit>,
    /// The status of one invoice.
    pub invoice_status: Option<RateLimit>,
    /// The list of sessions.
    pub session_list: Option<RateLimit>,
    /// The lists of a session's invoices.
    pub session_invoice_list: Option<RateLimit>,
    /// Everything else of a session.
    pub session_misc: Option<RateLimit>,
    /// Queries over metadata.
    pub invoice_metadata: Option<RateLimit>,
    /// Exports.
    pub invoice_export: Option<RateLimit>,
    /// Their status.
    pub invoice_export_status: Option<RateLimit>,
    /// Downloads by KSeF number.
    pub invoice_download: Option<RateLimit>,
    /// Collective identifiers.
    pub collective_identifier: Option<RateLimit>,
    /// Everything else with a token.
    pub other: Option<RateLimit>,
    /// Everything without one.
    pub anonymous: Option<RateLimit>,
    /// All together.
    pub global: Option<RateLimit>,
}
