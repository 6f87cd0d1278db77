//! The messages of KSeF API 2.9, as its OpenAPI document names their fields.
//!
//! Requests refuse unknown fields when they are read, which only the simulator does; responses
//! tolerate them, because KSeF adds fields without notice. Text that opens something (tokens,
//! pre-signed addresses) is hidden from `Debug`.

mod auth;
mod error;
mod limits;
mod reference;
mod sealed;
mod security;
mod session;
mod status;
mod tokens;

pub use auth::{
    AllowedIps, AuthenticationChallenge, AuthenticationInit, AuthenticationMethodInfo,
    AuthenticationStatus, AuthenticationTokens, AuthorizationPolicy, ContextIdentifier,
    ContextIdentifierType, InitTokenAuthentication, RefreshedToken, TokenInfo,
};
pub use error::{
    ApiError, ExceptionDetails, ExceptionInfo, ExceptionResponse, Problem, TooManyRequests,
    TooManyRequestsStatus,
};
pub use limits::{
    BatchSessionLimits, CertificateLimits, CollectiveIdentifierLimits, ContextLimits,
    EnrollmentLimits, OnlineSessionLimits, RateLimit, RateLimits, SubjectLimits,
};
pub use reference::{ReferenceError, ReferenceNumber};
pub use sealed::Sealed;
pub use security::{PublicKeyCertificate, PublicKeyUsage};
pub use session::{
    BatchFile, BatchFilePart, CompressionType, EncryptionInfo, FormCode, OpenBatchSession,
    OpenOnlineSession, OpenedBatchSession, OpenedOnlineSession, PartUploadRequest, SendInvoice,
    SentInvoice,
};
pub use status::{
    InvoiceStatus, InvoiceStatusInfo, InvoicingMode, SessionInvoices, SessionListItem,
    SessionStatus, SessionsList, StatusInfo, UpoPage, UpoPages,
};
pub use tokens::{GenerateToken, GeneratedToken, TokenIdentifier, TokenList, TokenStatus};

/// The header that pages through lists, in requests and responses.
pub const CONTINUATION: &str = "x-continuation-token";
/// The header that carries a document's base64 SHA-256.
pub const META_HASH: &str = "x-ms-meta-hash";
/// The header that asks for problem documents.
pub const ERROR_FORMAT: &str = "x-error-format";
/// The value of [`ERROR_FORMAT`] that asks for them.
pub const PROBLEM_DETAILS: &str = "problem-details";
/// The header by which KSeF warns an integrator without failing the call.
pub const SYSTEM_WARNING: &str = "x-system-warning";

#[cfg(test)]
mod tests;
