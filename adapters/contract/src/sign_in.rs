//! Sign-in of people: a capability that an auth adapter may have besides [`crate::AuthProvider`].
//!
//! Whoever signs in gets an access token and is authenticated by it like any other caller. This
//! module covers obtaining, renewing and revoking it; storing it is up to the caller.

use crate::auth::Principal;
use crate::error::Result;
use crate::secret::Secret;
use async_trait::async_trait;
use std::time::Duration;

/// The address at which browsers reach the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Scheme, host and port as in the `Origin` header, such as `https://ops.example.org`.
    pub origin: String,
    /// The path that browsers are redirected to after signing out at the provider.
    pub after_logout: String,
}

/// The redirect path below [`Site::origin`] to which the provider sends browsers back.
pub const CALLBACK: &str = "/auth/callback";

/// A browser's attempt to sign in. It is kept on the server until the provider's answer arrives,
/// and is valid for one answer.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The provider's address to redirect the browser to, with state, nonce and all other
    /// parameters.
    pub url: Secret,
    /// The `state` that the answer must repeat.
    pub state: Secret,
    /// The `nonce` that the ID token must repeat.
    pub nonce: Secret,
    /// The PKCE verifier, which proves that whoever redeems the code started the attempt.
    pub verifier: Secret,
}

/// The parameters with which the provider redirected a browser back.
#[derive(Clone, Copy, Default)]
pub struct AuthorizationResponse<'a> {
    /// The authorization code.
    pub code: Option<&'a str>,
    /// The `state`.
    pub state: Option<&'a str>,
    /// The issuer (`iss`, RFC 9207).
    pub issuer: Option<&'a str>,
    /// The error code, if there is no authorization code.
    pub error: Option<&'a str>,
}

/// The tokens that a provider issued for a person.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The issuer's exact name.
    pub issuer: String,
    /// The client they were issued to.
    pub client: String,
    /// The access token.
    pub access: Secret,
    /// The refresh token; `None` where the provider issues none.
    pub refresh: Option<Secret>,
    /// The ID token, which identifies the session when signing out at the provider.
    pub id: Option<Secret>,
    /// The provider's subject.
    pub subject: String,
    /// The provider's session id (`sid`).
    pub session: Option<String>,
}

/// A completed sign-in.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The tokens.
    pub tokens: Tokens,
    /// The principal of the access token, which expires with the token.
    pub principal: Principal,
}

/// What a person must enter on another device (RFC 8628).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePrompt {
    /// The address to open.
    pub address: String,
    /// The code to enter there.
    pub code: String,
    /// The address that includes the code, where the provider offers one.
    pub complete: Option<String>,
    /// How long the code is valid.
    pub lasts: Duration,
}

/// Sessions that the provider ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsEnded {
    /// The issuer.
    pub issuer: String,
    /// The id (`sid`) of the session that ended; `None` means all sessions of the subject.
    pub session: Option<String>,
    /// The subject; `None` where only the session is named.
    pub subject: Option<String>,
    /// The id (`jti`) of the logout token, which is accepted once.
    pub message: String,
}

/// Signs people in at an OpenID Provider.
///
/// No error message repeats a token, a code or a secret. `Unavailable` means that the provider
/// could not be reached, so that the outcome is unknown.
#[async_trait]
pub trait SignIn: Send + Sync + std::fmt::Debug {
    /// The site for browsers; `None` where browsers cannot sign in.
    ///
    /// # Errors
    /// `Configuration` when browsers could not be signed in because a secret cannot be resolved.
    fn site(&self) -> Result<Option<Site>>;

    /// Starts an attempt. Every attempt has its own state, nonce and verifier.
    async fn begin(&self) -> Result<Attempt>;

    /// Completes an attempt with the provider's answer.
    ///
    /// `InvalidInput` when the answer does not belong to this attempt, without asking the provider;
    /// `Unauthenticated` when the provider refuses or its tokens are invalid; `Denied` when the
    /// person is known but has no access to this service.
    async fn complete(
        &self,
        attempt: &Attempt,
        answer: &AuthorizationResponse<'_>,
    ) -> Result<Grant>;

    /// Signs in through another device: `tell` is called once, then this waits for the person.
    ///
    /// `Denied` when they refuse, `Timeout` when they do not answer in time.
    async fn by_device(&self, tell: &(dyn Fn(DevicePrompt) + Send + Sync)) -> Result<Grant>;

    /// Renews the tokens. A provider may accept a refresh token only once, so this must not be
    /// called concurrently with the same tokens.
    ///
    /// `Unauthenticated` when the provider refuses, or returns tokens of another subject.
    async fn renew(&self, tokens: &Tokens) -> Result<Grant>;

    /// Revokes the tokens; idempotent. `false` where the provider does not support it.
    async fn revoke(&self, tokens: &Tokens) -> Result<bool>;

    /// The address at which a browser signs out at the provider; `None` where the provider has
    /// none, or cannot be reached.
    async fn logout_url(&self, tokens: &Tokens) -> Option<String>;

    /// The sessions that a logout token ends (OpenID Connect Back-Channel Logout 1.0). It does not
    /// check whether the token was processed before.
    ///
    /// `InvalidInput` when it is not a valid logout token, `Unavailable` when that cannot be
    /// verified now.
    async fn verify_logout_token(&self, logout_token: &str) -> Result<SessionsEnded>;
}
