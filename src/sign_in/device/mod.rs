//! Sign-in on the command line: by the device flow, with the tokens in the state folder.

mod token_store;

use crate::config::Settings;
use crate::registry::open_auth;
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::auth::{Presented, Principal};
use flowcontrol_contract::sign_in::{DevicePrompt, SignIn, Tokens};
use flowcontrol_contract::{AuthProvider, Error, ErrorKind, Port};
use std::sync::Arc;
use token_store::TokenStore;

/// A token that expires within this many microseconds is renewed first.
const RENEW_BEFORE: i64 = 30_000_000;

/// The result of a sign-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedOut {
    /// Whether anybody was signed in.
    pub was: bool,
    /// Whether the provider revoked the tokens.
    pub revoked: bool,
}

/// Signs in through another device and stores the tokens; `tell` receives the address and the code
/// to show.
///
/// # Errors
/// A usage failure when the profile has no client to sign in with; a failed check when the person
/// does not complete the sign-in, refuses, or has no access to this service.
pub async fn sign_in(
    settings: &Settings,
    tell: &(dyn Fn(DevicePrompt) + Send + Sync),
) -> Result<Principal> {
    let (_, sign_in) = opened(settings).await?;
    let store = TokenStore::in_folder(&settings.state());
    let grant = sign_in.by_device(tell).await.map_err(|e| refused(&e))?;
    let lock = store.lock().await?;
    // A token file that cannot be read must not prevent a new sign-in.
    let before = store.read().ok().flatten();
    store.write(&grant.tokens, &lock)?;
    if let Some(before) = before {
        // Tokens that the provider cannot revoke expire by themselves.
        drop(sign_in.revoke(&before).await);
    }
    Ok(grant.principal)
}

/// The signed-in principal. A token that has expired, or soon will, is renewed and stored.
///
/// # Errors
/// A failed check when nobody is signed in.
pub async fn current(settings: &Settings) -> Result<Principal> {
    let (auth, sign_in) = opened(settings).await?;
    let store = TokenStore::in_folder(&settings.state());
    // Held until the end: a provider may accept a refresh token only once.
    let lock = store.lock().await?;
    let tokens = store.read()?.ok_or_else(nobody)?;
    let soon = clock::now().micros() + RENEW_BEFORE;
    let outcome = match principal(&*auth, &tokens).await {
        Ok(who) if who.how.expires_at.is_none_or(|ends| ends.micros() > soon) => return Ok(who),
        Ok(who) if tokens.refresh.is_none() => return Ok(who),
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::Unauthenticated => Some(error),
        Err(error) => return Err(refused(&error)),
    };
    match sign_in.renew(&tokens).await {
        Ok(grant) => {
            store.write(&grant.tokens, &lock)?;
            Ok(grant.principal)
        }
        Err(error) if error.kind() == ErrorKind::Unavailable => Err(refused(&error)),
        Err(error) => {
            store.remove(&lock)?;
            Err(refused(outcome.as_ref().unwrap_or(&error)))
        }
    }
}

/// Revokes the tokens at the provider, and deletes them here whatever it answers.
///
/// # Errors
/// When they cannot be deleted.
pub async fn sign_out(settings: &Settings) -> Result<SignedOut> {
    let store = TokenStore::in_folder(&settings.state());
    let lock = store.lock().await?;
    let Some(tokens) = store.read()? else { return Ok(SignedOut { was: false, revoked: false }) };
    store.remove(&lock)?;
    let revoked = match opened(settings).await {
        Ok((_, sign_in)) => sign_in.revoke(&tokens).await.unwrap_or(false),
        Err(_) => false,
    };
    Ok(SignedOut { was: true, revoked })
}

async fn opened(settings: &Settings) -> Result<(Arc<dyn AuthProvider>, Arc<dyn SignIn>)> {
    let auth = open_auth(settings).await?;
    let Some(sign_in) = auth.sign_in() else {
        let (kind, profile) = (settings.profile()?.kind(Port::Auth), &settings.config.profile);
        return Err(Failure::usage(format!(
            "profile {profile} cannot sign in: no client is configured for {kind}"
        ))
        .hint("use a profile with auth = \"oidc-rbac\", and set device_client_id in [adapters.oidc-rbac.client]"));
    };
    Ok((auth, sign_in))
}

async fn principal(
    auth: &dyn AuthProvider,
    tokens: &Tokens,
) -> flowcontrol_contract::Result<Principal> {
    let value = format!("Bearer {}", tokens.access.expose());
    auth.authenticate(&Presented { headers: &[("authorization", value.as_bytes())] }).await
}

fn nobody() -> Failure {
    Failure::check("nobody is signed in").hint("flowcontrol auth login")
}

/// The adapter's error as a failure of the command line.
fn refused(error: &Error) -> Failure {
    match error.kind() {
        ErrorKind::Unauthenticated => {
            Failure::check(format!("nobody is signed in: {error}")).hint("flowcontrol auth login")
        }
        ErrorKind::Denied => Failure::check(error.chain()).hint(
            "ask the provider's administrator for the tenant, actor and role claims; see [adapters.oidc-rbac]",
        ),
        ErrorKind::Timeout => Failure::check(error.chain()).hint("flowcontrol auth login"),
        ErrorKind::Configuration | ErrorKind::InvalidInput => {
            Failure { hint: error.hint_text().map(str::to_owned), ..Failure::usage(error.chain()) }
        }
        _ => Failure::environment(error.chain()).hint("check that the provider can be reached"),
    }
}
