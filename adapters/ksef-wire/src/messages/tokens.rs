//! KSeF tokens: making, listing and revoking them.

use super::{ContextIdentifier, ReferenceNumber, Sealed};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

/// `GenerateTokenRequest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenerateToken {
    /// Such as `InvoiceWrite`.
    pub permissions: Vec<String>,
    /// 5 to 256 characters.
    pub description: String,
}

/// `GenerateTokenResponse`; the token is shown once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GeneratedToken {
    /// Its own number.
    pub reference_number: ReferenceNumber,
    /// The token.
    pub token: Sealed,
}

/// Who made a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIdentifier {
    /// `Nip`, `Pesel` or `Fingerprint`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The identifier.
    pub value: String,
}

/// `TokenStatusResponse` and `QueryTokensResponseItem`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenStatus {
    /// Its own number.
    pub reference_number: ReferenceNumber,
    /// Who made it.
    pub author_identifier: TokenIdentifier,
    /// Whose data it opens.
    pub context_identifier: ContextIdentifier,
    /// As its author put it.
    pub description: String,
    /// What it may do.
    pub requested_permissions: Vec<String>,
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub date_created: OffsetDateTime,
    /// When it last logged in.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub last_use_date: Option<OffsetDateTime>,
    /// `Pending`, `Active`, `Revoking`, `Revoked` or `Failed`.
    pub status: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_details: Option<Vec<String>>,
}

/// `QueryTokensResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenList {
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuation_token: Option<String>,
    /// The latest first.
    pub tokens: Vec<TokenStatus>,
}
