//! Signing people in: an ability that an auth adapter may have besides [`crate::AuthProvider`].
//!
//! Whoever signs in gets an access token like any other caller's, and is authenticated by it. What
//! is here is how it is come by, renewed and given up; who keeps it meanwhile is the caller's affair.

use crate::auth::Principal;
use crate::error::Result;
use crate::secret::Secret;
use async_trait::async_trait;
use std::time::Duration;

/// Where browsers reach the service that signs them in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Scheme, host and port as browsers spell them in `Origin`, such as `https://ops.example.org`.
    pub origin: String,
    /// The path that a browser is led to once it has signed out at the provider too.
    pub after_logout: String,
}

/// The path below [`Site::origin`] that the provider sends browsers back to.
pub const CALLBACK: &str = "/auth/callback";

/// One attempt of one browser to sign in. It is kept on the server until the answer comes, and
/// serves for one answer.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Where the browser goes: the provider's address with everything that it needs to know,
    /// state and nonce among it.
    pub url: Secret,
    /// What the answer must repeat.
    pub state: Secret,
    /// What the ID token must repeat.
    pub nonce: Secret,
    /// What proves that whoever redeems the code began the attempt (PKCE).
    pub verifier: Secret,
}

/// What the provider sent a browser back with, as it came.
#[derive(Clone, Copy, Default)]
pub struct Answer<'a> {
    /// The code to redeem.
    pub code: Option<&'a str>,
    /// The attempt's state.
    pub state: Option<&'a str>,
    /// Who answers (RFC 9207).
    pub issuer: Option<&'a str>,
    /// Why there is no code.
    pub error: Option<&'a str>,
}

/// What a provider gave for somebody who signed in.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Who gave it: the issuer's exact name.
    pub issuer: String,
    /// To which client.
    pub client: String,
    /// The access token.
    pub access: Secret,
    /// What gets the next access token; `None` where the provider gives none.
    pub refresh: Option<Secret>,
    /// The ID token of the sign-in, which tells the provider later who signs out.
    pub id: Option<Secret>,
    /// The provider's own name for whom it is.
    pub subject: String,
    /// The provider's name for their session there (`sid`).
    pub session: Option<String>,
}

/// Somebody who signed in.
#[derive(Clone, Debug)]
pub struct Grant {
    /// What the provider gave.
    pub tokens: Tokens,
    /// Who the access token speaks of; its end is that of the token.
    pub principal: Principal,
}

/// What a person types in on another device (RFC 8628).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The address to open.
    pub address: String,
    /// The code to type in there.
    pub code: String,
    /// The address with the code in it, where the provider gives one.
    pub complete: Option<String>,
    /// How long it can be typed in.
    pub lasts: Duration,
}

/// Whose sessions the provider ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOut {
    /// The issuer.
    pub issuer: String,
    /// The provider's name for the one session that ended; `None` means all of the subject's.
    pub session: Option<String>,
    /// Whose; `None` where the session alone is named.
    pub subject: Option<String>,
    /// The name of this message, which counts once.
    pub message: String,
}

/// Signs people in at a provider.
///
/// No message of any error repeats a token, a code or a secret. `Unavailable` means that the
/// provider could not be asked, so that nothing is known of the outcome.
#[async_trait]
pub trait SignIn: Send + Sync + std::fmt::Debug {
    /// Where browsers reach the service; `None` where it signs in no browsers.
    ///
    /// # Errors
    /// `Configuration` when browsers could not be signed in: a secret that cannot be had.
    fn site(&self) -> Result<Option<Site>>;

    /// Begins an attempt. Every attempt has a state, a nonce and a verifier of its own.
    async fn begin(&self) -> Result<Attempt>;

    /// Ends an attempt with the answer to it.
    ///
    /// `InvalidInput` when the answer is not one to this attempt, whereupon the provider is not
    /// asked; `Unauthenticated` when the provider, or what it gave, does not bear it out; `Denied`
    /// when it is known who signed in and they may not come in.
    async fn complete(&self, attempt: &Attempt, answer: &Answer<'_>) -> Result<Grant>;

    /// Signs in on another device: `tell` is called once, then this waits for the person.
    ///
    /// `Denied` when they refuse, `Timeout` when they do not come.
    async fn by_device(&self, tell: &(dyn Fn(Prompt) + Send + Sync)) -> Result<Grant>;

    /// Gets new tokens for old ones. A provider may take a refresh token once only, so nobody may
    /// call this twice at once with the same tokens.
    ///
    /// `Unauthenticated` when it gives none any more, or gives them for somebody else.
    async fn renew(&self, tokens: &Tokens) -> Result<Grant>;

    /// Tells the provider that the tokens are not needed any more; idempotent. `false` where the
    /// provider cannot be told.
    async fn revoke(&self, tokens: &Tokens) -> Result<bool>;

    /// Where a browser goes to sign out at the provider too; `None` where the provider offers
    /// nothing, or cannot be asked now.
    async fn way_out(&self, tokens: &Tokens) -> Option<String>;

    /// Whose sessions a logout token ends (OpenID Connect Back-Channel Logout 1.0). It says
    /// nothing of whether the same message came before.
    ///
    /// `InvalidInput` when it is none, `Unavailable` when that cannot be known now.
    async fn signed_out(&self, logout_token: &str) -> Result<SignedOut>;
}
