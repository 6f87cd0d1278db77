//! Signing in and out: the authorization code flow with PKCE for browsers, the device flow for a command
//! line, renewal, and front- and back-channel logout. openidconnect implements the protocols; what it
//! does not check, `checks` does.

mod checks;
mod endpoints;
mod grant;
mod wire;

use super::client::Client;
use super::error::{KIND, denied, unauthenticated};
use super::source::Http;
use super::verify::Verifier;
use async_trait::async_trait;
use endpoints::Directory;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::sign_in::{
    Attempt, AuthorizationResponse, CALLBACK, DevicePrompt, Grant, SessionsEnded, SignIn, Site,
    Tokens,
};
use flowcontrol_contract::{Secret, Timestamp};
use grant::Granted;
use openidconnect::core::{CoreDeviceAuthorizationResponse, CoreIdToken, CoreResponseType};
use openidconnect::{
    AsyncHttpClient, AuthenticationFlow, AuthorizationCode, ClientId, CsrfToken,
    DeviceAuthorizationUrl, DeviceCodeErrorResponseType, EndSessionUrl, LogoutRequest, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl, RedirectUrl, RefreshToken,
    RequestTokenError, Scope,
};
use std::sync::Arc;
use wire::Ready;

/// Signs people in at one of the issuers.
#[derive(Debug)]
pub struct Login {
    verifier: Arc<Verifier>,
    /// The issuer's index in the configuration.
    issuer: usize,
    client: Client,
    /// The client's secret: none, one, or why it cannot be read.
    secret: Option<Result<Secret, String>>,
    directory: Directory,
}

impl Login {
    /// `None` where no client is configured. No provider is asked.
    ///
    /// # Errors
    /// `Configuration` when the issuer's CA is wrong.
    pub fn new(verifier: &Arc<Verifier>, cx: BuildCx<'_>) -> Result<Option<Self>> {
        let config = &verifier.config;
        let Some(client) = config.client.clone() else { return Ok(None) };
        let issuer = client.issuer_index(&config.issuers)?;
        let http = Http::new(&config.issuers[issuer], &config.keys, cx.base)?;
        let secret = client.client_secret.as_ref();
        let secret = secret.map(|s| cx.secrets.resolve(s).map_err(|e| e.chain()));
        let directory = Directory::new(http, &config.keys);
        Ok(Some(Self { verifier: verifier.clone(), issuer, client, secret, directory }))
    }

    fn issuer(&self) -> &str {
        &self.verifier.config.issuers[self.issuer].issuer
    }

    /// The secret of a client of ours; the command line's own is public.
    fn secret_of(&self, client: &str) -> Result<Option<&Secret>> {
        if client != self.client.client_id {
            return Ok(None);
        }
        match &self.secret {
            None => Ok(None),
            Some(Ok(secret)) => Ok(Some(secret)),
            Some(Err(why)) => Err(Error::new(ErrorKind::Configuration, why.clone())),
        }
    }

    /// What a response to `client` must be.
    fn granted<'a>(&'a self, client: &'a str, nonce: Option<&'a str>) -> Granted<'a> {
        Granted { verifier: &self.verifier, issuer: self.issuer, client, nonce }
    }

    async fn ready(&self, client: &str) -> Result<Ready> {
        let endpoints = self.directory.endpoints().await?;
        wire::client(self.issuer(), client, self.secret_of(client)?, &endpoints)
    }

    fn scopes(&self) -> impl Iterator<Item = Scope> + '_ {
        self.client.scopes.iter().cloned().map(Scope::new)
    }

    fn resource(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        self.client.resource.iter().map(|resource| ("resource", resource.clone()))
    }

    fn callback(&self) -> Result<RedirectUrl> {
        let site = self.client.site()?;
        let site = site.ok_or_else(|| {
            Error::new(
                ErrorKind::Configuration,
                "public_url is missing: browsers cannot sign in here",
            )
        })?;
        RedirectUrl::new(format!("{}{CALLBACK}", site.origin))
            .map_err(|e| Error::new(ErrorKind::Configuration, format!("public_url: {e}")))
    }
}

#[async_trait]
impl SignIn for Login {
    fn site(&self) -> Result<Option<Site>> {
        let site = self.client.site()?;
        if site.is_some() {
            self.secret_of(&self.client.client_id).map_err(|e| e.in_operation(KIND, "sign in"))?;
        }
        Ok(site)
    }

    async fn begin(&self) -> Result<Attempt> {
        let client =
            self.ready(&self.client.client_id).await.map_err(|e| e.in_operation(KIND, "begin"))?;
        let client = client.set_redirect_uri(self.callback()?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.scopes())
            .set_pkce_challenge(challenge);
        for (name, value) in self.resource() {
            request = request.add_extra_param(name, value);
        }
        let (url, state, nonce) = request.url();
        Ok(Attempt {
            url: Secret::new(url),
            state: Secret::new(state.secret()),
            nonce: Secret::new(nonce.secret()),
            verifier: Secret::new(verifier.secret()),
        })
    }

    async fn complete(
        &self,
        attempt: &Attempt,
        answer: &AuthorizationResponse<'_>,
    ) -> Result<Grant> {
        let refuse = |why: &str| Err(Error::invalid(why).in_operation(KIND, "complete"));
        if answer.state != Some(attempt.state.expose()) {
            return refuse("the answer belongs to another sign-in attempt (`state`)");
        }
        let names_issuer = self.directory.endpoints().await?.names_issuer;
        match answer.issuer {
            None if !names_issuer => {}
            Some(issuer) if issuer == self.issuer() => {}
            _ => {
                return refuse(
                    "the answer is from another issuer, or does not name its issuer (`iss`)",
                );
            }
        }
        if answer.error.is_some() {
            return Err(denied("the provider refused the sign-in").in_operation(KIND, "complete"));
        }
        let Some(code) = answer.code.filter(|code| !code.is_empty()) else {
            return refuse("the answer has no `code`");
        };
        let client = self.ready(&self.client.client_id).await?.set_redirect_uri(self.callback()?);
        let mut request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.expose().to_owned()));
        for (name, value) in self.resource() {
            request = request.add_extra_param(name, value);
        }
        let answer = request.request_async(&self.directory.http).await;
        let answer = answer.map_err(|e| wire::refused(&e).in_operation(KIND, "complete"))?;
        let nonce = Some(attempt.nonce.expose());
        let granted = self.granted(&self.client.client_id, nonce).grant(&answer).await;
        granted.map_err(|e| e.in_operation(KIND, "complete"))
    }

    async fn by_device(&self, tell: &(dyn Fn(DevicePrompt) + Send + Sync)) -> Result<Grant> {
        let name = self.client.device_client_id.as_ref().unwrap_or(&self.client.client_id);
        let endpoints =
            self.directory.endpoints().await.map_err(|e| e.in_operation(KIND, "sign in"))?;
        let device = endpoints.device.clone().ok_or_else(|| {
            Error::new(ErrorKind::Configuration, "the provider does not support the device flow")
                .hint("enable it there; its metadata must name a device_authorization_endpoint")
        })?;
        let client = self.ready(name).await?;
        let client = client.set_device_authorization_url(DeviceAuthorizationUrl::from_url(device));
        let mut request = client.exchange_device_code().add_scopes(self.scopes());
        for (name, value) in self.resource() {
            request = request.add_extra_param(name, value);
        }
        let begun: Result<CoreDeviceAuthorizationResponse, _> =
            request.request_async(&self.directory.http).await;
        let begun = begun.map_err(|e| wire::refused(&e).in_operation(KIND, "sign in"))?;
        tell(DevicePrompt {
            address: begun.verification_uri().to_string(),
            code: begun.user_code().secret().clone(),
            complete: begun.verification_uri_complete().map(|uri| uri.secret().clone()),
            lasts: begun.expires_in(),
        });
        let mut request = client.exchange_device_access_token(&begun);
        for (name, value) in self.resource() {
            request = request.add_extra_param(name, value);
        }
        let answer = request.request_async(&self.directory.http, tokio::time::sleep, None).await;
        let answer = answer.map_err(|e| match &e {
            RequestTokenError::ServerResponse(said) => match said.error() {
                DeviceCodeErrorResponseType::AccessDenied => {
                    denied("the sign-in was refused at the provider")
                }
                DeviceCodeErrorResponseType::ExpiredToken => {
                    Error::new(ErrorKind::Timeout, "the code was not entered in time")
                }
                _ => wire::refused(&e),
            },
            _ => wire::refused(&e),
        });
        let answer = answer.map_err(|e| e.in_operation(KIND, "sign in"))?;
        self.granted(name, None).grant(&answer).await.map_err(|e| e.in_operation(KIND, "sign in"))
    }

    async fn renew(&self, tokens: &Tokens) -> Result<Grant> {
        let refresh = tokens.refresh.as_ref().filter(|_| tokens.issuer == self.issuer());
        let Some(refresh) = refresh else {
            return Err(unauthenticated("there is no refresh token of this issuer")
                .in_operation(KIND, "renew"));
        };
        let client = self.ready(&tokens.client).await.map_err(|e| e.in_operation(KIND, "renew"))?;
        let refresh = RefreshToken::new(refresh.expose().to_owned());
        let mut request = client.exchange_refresh_token(&refresh);
        for (name, value) in self.resource() {
            request = request.add_extra_param(name, value);
        }
        let answer = request.request_async(&self.directory.http).await;
        let answer = answer.map_err(|e| wire::refused(&e).in_operation(KIND, "renew"))?;
        let mut grant = self.granted(&tokens.client, None).grant(&answer).await?;
        let renewed = &mut grant.tokens;
        if renewed.subject != tokens.subject {
            return Err(unauthenticated("the renewed tokens have another subject (`sub`)")
                .in_operation(KIND, "renew"));
        }
        // What the provider does not issue again stays valid.
        renewed.refresh = renewed.refresh.take().or_else(|| tokens.refresh.clone());
        renewed.id = renewed.id.take().or_else(|| tokens.id.clone());
        renewed.session = renewed.session.take().or_else(|| tokens.session.clone());
        Ok(grant)
    }

    async fn revoke(&self, tokens: &Tokens) -> Result<bool> {
        if tokens.issuer != self.issuer() {
            return Ok(false);
        }
        let endpoints =
            self.directory.endpoints().await.map_err(|e| e.in_operation(KIND, "revoke"))?;
        let Some(revocation) = &endpoints.revocation else { return Ok(false) };
        let secret = self.secret_of(&tokens.client)?;
        let (token, kind) = match &tokens.refresh {
            Some(token) => (token, "refresh_token"),
            None => (&tokens.access, "access_token"),
        };
        let request = wire::revocation(revocation, &tokens.client, secret, token, kind)?;
        let answer = self.directory.http.call(request).await;
        let answer = answer.map_err(|why| {
            Error::new(ErrorKind::Unavailable, why.to_string()).in_operation(KIND, "revoke")
        })?;
        Ok(answer.status().is_success())
    }

    async fn logout_url(&self, tokens: &Tokens) -> Option<String> {
        let address = self.directory.endpoints().await.ok()?.end_session.clone()?;
        let site = self.client.site().ok()??;
        let back = format!("{}{}", site.origin, site.after_logout);
        let mut request = LogoutRequest::from(EndSessionUrl::from_url(address))
            .set_client_id(ClientId::new(tokens.client.clone()))
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(back).ok()?);
        if let Some(id) = &tokens.id {
            request = request.set_id_token_hint(&id.expose().parse::<CoreIdToken>().ok()?);
        }
        Some(request.http_get_url().into())
    }

    async fn verify_logout_token(&self, logout_token: &str) -> Result<SessionsEnded> {
        let judged = async {
            let types = ["logout+jwt", "application/logout+jwt", "jwt"];
            let (claims, _) = self.verifier.other(self.issuer, logout_token, &types).await?;
            let leeway = self.verifier.config.leeway;
            checks::logout_token(&claims, &self.client.client_id, leeway, Timestamp::now())
        };
        judged.await.map_err(|e| match e.kind() {
            ErrorKind::Unauthenticated => {
                Error::invalid(e.message()).in_operation(KIND, "sign out")
            }
            _ => e.in_operation(KIND, "sign out"),
        })
    }
}
