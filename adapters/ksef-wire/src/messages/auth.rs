//! Authentication: challenge, start, status, tokens.

use super::{ReferenceNumber, Sealed, StatusInfo};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

/// `AuthenticationChallengeResponse`; good for ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationChallenge {
    /// 36 characters.
    pub challenge: String,
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub timestamp: OffsetDateTime,
    /// The same in milliseconds since 1970; the token is encrypted together with it.
    pub timestamp_ms: i64,
    /// The caller's address as KSeF saw it.
    #[serde(default)]
    pub client_ip: Option<String>,
}

/// Whose data a login is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContextIdentifier {
    /// What kind of identifier it is.
    #[serde(rename = "type")]
    pub kind: ContextIdentifierType,
    /// The identifier.
    pub value: String,
}

/// The kinds of [`ContextIdentifier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContextIdentifierType {
    /// A Polish tax number.
    Nip,
    /// A unit's identifier under a NIP.
    InternalId,
    /// A NIP with an EU VAT number.
    NipVatUe,
    /// A Peppol participant.
    PeppolId,
}

/// `InitTokenAuthenticationRequest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitTokenAuthentication {
    /// As the challenge gave it.
    pub challenge: String,
    /// Whose data.
    pub context_identifier: ContextIdentifier,
    /// Base64 of RSA-OAEP over `token|timestampMs`.
    pub encrypted_token: Sealed,
    /// Which of KSeF's keys encrypted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key_id: Option<String>,
    /// From where the tokens may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_policy: Option<AuthorizationPolicy>,
}

/// Restricts the tokens of one login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthorizationPolicy {
    /// The addresses they may be used from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_ips: Option<AllowedIps>,
}

/// Up to ten entries a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowedIps {
    /// Single addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip4_addresses: Option<Vec<String>>,
    /// `from-to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip4_ranges: Option<Vec<String>>,
    /// `address/bits`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip4_masks: Option<Vec<String>>,
}

/// A JWT and its end. Its lifetime is KSeF's choice: read it, never assume it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenInfo {
    /// The bearer token.
    pub token: Sealed,
    /// When it ends.
    #[serde(with = "rfc3339")]
    pub valid_until: OffsetDateTime,
}

/// `AuthenticationInitResponse`, of both routes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationInit {
    /// The login's own number.
    pub reference_number: ReferenceNumber,
    /// The temporary token that asks for its status and redeems it.
    pub authentication_token: TokenInfo,
}

/// How a login was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationMethodInfo {
    /// `XadesSignature`, `NationalNode`, `Token` or `Other`.
    pub category: String,
    /// A code that KSeF extends freely.
    pub code: String,
    /// The same for people.
    pub display_name: String,
}

/// `AuthenticationOperationStatusResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationStatus {
    /// When it began.
    #[serde(with = "rfc3339")]
    pub start_date: OffsetDateTime,
    /// Deprecated, and announced to disappear: may be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication_method: Option<String>,
    /// Its successor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authentication_method_info: Option<AuthenticationMethodInfo>,
    /// 100 pending, 200 done, from 400 failed.
    pub status: StatusInfo,
    /// Whether the tokens were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_token_redeemed: Option<bool>,
    /// When an access token was last made from the refresh token.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub last_token_refresh_date: Option<OffsetDateTime>,
    /// When the refresh token ends.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub refresh_token_valid_until: Option<OffsetDateTime>,
}

/// `AuthenticationTokensResponse`; given once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationTokens {
    /// For every call.
    pub access_token: TokenInfo,
    /// For new access tokens.
    pub refresh_token: TokenInfo,
}

/// `AuthenticationTokenRefreshResponse`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshedToken {
    /// The new access token.
    pub access_token: TokenInfo,
}
