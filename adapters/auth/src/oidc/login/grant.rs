//! From a provider's answer to somebody who signed in, or to the reason why not.

use super::Login;
use super::judge::{self, Expected};
use crate::oidc::unauthenticated;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::sign_in::{Grant, Tokens};
use flowcontrol_contract::{Secret, Timestamp};
use openidconnect::core::{
    CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm, CoreTokenResponse,
};
use openidconnect::{ClientId, IssuerUrl, Nonce, OAuth2TokenResponse, TokenResponse};

impl Login {
    /// Everything that a provider's answer must bear out, for a client of ours.
    pub(super) async fn granted(
        &self,
        client: &str,
        answer: &CoreTokenResponse,
        nonce: Option<&str>,
    ) -> Result<Grant> {
        let access = answer.access_token().secret();
        if access.len() > self.verifier.config.max_token_bytes {
            return Err(unauthenticated("the access token is too long"));
        }
        let (principal, claims) = self.verifier.access(access).await?;
        if principal.how.issuer.as_deref() != Some(self.issuer()) {
            return Err(unauthenticated("the access token is of another issuer"));
        }
        let subject = claims.get("sub").and_then(|sub| sub.as_str()).unwrap_or_default();
        let session = match answer.id_token() {
            Some(id) => self.id_token(client, id, nonce, subject).await?,
            None if nonce.is_some() => return Err(unauthenticated("there is no ID token")),
            None => None,
        };
        let tokens = Tokens {
            issuer: self.issuer().to_owned(),
            client: client.to_owned(),
            access: Secret::new(access),
            refresh: answer.refresh_token().map(|token| Secret::new(token.secret())),
            id: answer.id_token().map(|token| Secret::new(token.to_string())),
            subject: subject.to_owned(),
            session,
        };
        Ok(Grant { tokens, principal })
    }

    /// The provider's name for the session. The library judges the token, and then we do.
    async fn id_token(
        &self,
        client: &str,
        token: &CoreIdToken,
        nonce: Option<&str>,
        subject: &str,
    ) -> Result<Option<String>> {
        let config = &self.verifier.config;
        let (claims, keys) = self.verifier.other(self.place, &token.to_string(), &["jwt"]).await?;
        let keys: CoreJsonWebKeySet = serde_json::from_slice(keys.text())
            .map_err(|_| unauthenticated("the key set cannot be read"))?;
        let issuer = IssuerUrl::new(self.issuer().to_owned())
            .map_err(|_| unauthenticated("the issuer is no address"))?;
        let allowed = config.issuers[self.place].algorithms.iter().filter_map(|algorithm| {
            serde_json::from_value::<CoreJwsSigningAlgorithm>(format!("{algorithm:?}").into()).ok()
        });
        let verifier =
            CoreIdTokenVerifier::new_public_client(ClientId::new(client.to_owned()), issuer, keys)
                .set_allowed_algs(allowed);
        let wanted = nonce.map(|nonce| Nonce::new(nonce.to_owned()));
        let judged = match &wanted {
            Some(wanted) => token.claims(&verifier, wanted).map(drop),
            None => token.claims(&verifier, |_: Option<&Nonce>| Ok(())).map(drop),
        };
        // The library's reasons repeat what stands in the token.
        judged.map_err(|_| unauthenticated("the ID token is not what was asked for"))?;
        let now = Timestamp::now();
        judge::id_token(&claims, &Expected { client, nonce, subject, leeway: config.leeway, now })
    }
}
