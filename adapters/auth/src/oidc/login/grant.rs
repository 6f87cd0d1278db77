//! From a provider's token response to a grant, or to the reason for refusal.

use super::checks::{self, Expected};
use crate::oidc::error::unauthenticated;
use crate::oidc::verify::Verifier;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::sign_in::{Grant, Tokens};
use flowcontrol_contract::{Secret, Timestamp};
use openidconnect::core::{
    CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm, CoreTokenResponse,
};
use openidconnect::{ClientId, IssuerUrl, Nonce, OAuth2TokenResponse, TokenResponse};

/// A token response and what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Granted<'a> {
    /// Verifies its tokens.
    pub verifier: &'a Verifier,
    /// The index of the issuer that was asked.
    pub issuer: usize,
    /// The client that asked.
    pub client: &'a str,
    /// The nonce that the ID token must repeat; `None` where none was sent.
    pub nonce: Option<&'a str>,
}

impl Granted<'_> {
    fn issuer(&self) -> &str {
        &self.verifier.config.issuers[self.issuer].issuer
    }

    /// The grant, if everything that the response claims can be verified.
    ///
    /// # Errors
    /// `Unauthenticated` that says what is not as expected; those of
    /// [`flowcontrol_contract::AuthProvider::authenticate`] for the access token.
    pub async fn grant(&self, response: &CoreTokenResponse) -> Result<Grant> {
        let access = response.access_token().secret();
        if access.len() > self.verifier.config.max_token_bytes {
            return Err(unauthenticated("the access token is longer than `max_token_bytes`"));
        }
        let (principal, claims) = self.verifier.access(access).await?;
        if principal.how.issuer.as_deref() != Some(self.issuer()) {
            return Err(unauthenticated("the access token is of another issuer"));
        }
        let subject = claims.get("sub").and_then(|sub| sub.as_str()).unwrap_or_default();
        let session = match response.id_token() {
            Some(id) => self.id_token(id, subject).await?,
            None if self.nonce.is_some() => return Err(unauthenticated("there is no ID token")),
            None => None,
        };
        let tokens = Tokens {
            issuer: self.issuer().to_owned(),
            client: self.client.to_owned(),
            access: Secret::new(access),
            refresh: response.refresh_token().map(|token| Secret::new(token.secret())),
            id: response.id_token().map(|token| Secret::new(token.to_string())),
            subject: subject.to_owned(),
            session,
        };
        Ok(Grant { tokens, principal })
    }

    /// The provider's session id. The library checks the token first, then we do.
    async fn id_token(&self, token: &CoreIdToken, subject: &str) -> Result<Option<String>> {
        let (config, client) = (&self.verifier.config, self.client);
        let (claims, keys) = self.verifier.other(self.issuer, &token.to_string(), &["jwt"]).await?;
        let keys: CoreJsonWebKeySet = serde_json::from_slice(keys.text())
            .map_err(|_| unauthenticated("the key set cannot be read"))?;
        let issuer = IssuerUrl::new(self.issuer().to_owned())
            .map_err(|_| unauthenticated("the issuer is not a valid address"))?;
        let allowed = config.issuers[self.issuer].algorithms.iter().filter_map(|algorithm| {
            serde_json::from_value::<CoreJwsSigningAlgorithm>(format!("{algorithm:?}").into()).ok()
        });
        let verifier =
            CoreIdTokenVerifier::new_public_client(ClientId::new(client.to_owned()), issuer, keys)
                .set_allowed_algs(allowed);
        let wanted = self.nonce.map(|nonce| Nonce::new(nonce.to_owned()));
        let judged = match &wanted {
            Some(wanted) => token.claims(&verifier, wanted).map(drop),
            None => token.claims(&verifier, |_: Option<&Nonce>| Ok(())).map(drop),
        };
        // The library's reasons quote the token.
        judged.map_err(|_| unauthenticated("the ID token is not the one that was requested"))?;
        let (nonce, leeway, now) = (self.nonce, config.leeway, Timestamp::now());
        checks::id_token(&claims, &Expected { client, nonce, subject, leeway, now })
    }
}
