//! Who is signed in on this command line: by the device flow, kept in the state folder.

mod kept;

use crate::config::Settings;
use crate::registry::open_auth;
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::auth::{Presented, Principal};
use flowcontrol_contract::sign_in::{Prompt, SignIn, Tokens};
use flowcontrol_contract::{AuthProvider, Error, ErrorKind, Port};
use kept::Kept;
use std::sync::Arc;

/// A token that ends within this many microseconds is renewed first.
const EARLY: i64 = 30_000_000;

/// How a sign-out went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedOut {
    /// Whether somebody was signed in.
    pub was: bool,
    /// Whether the provider takes the tokens no more.
    pub revoked: bool,
}

/// Signs in on another device, and keeps the tokens; `tell` says what the person has to do.
///
/// # Errors
/// A usage failure where the profile has no client to sign in with; a failed check when they do not
/// come, refuse, or may not come in.
pub async fn sign_in(
    settings: &Settings,
    tell: &(dyn Fn(Prompt) + Send + Sync),
) -> Result<Principal> {
    let (_, sign_in) = opened(settings).await?;
    let kept = Kept::at(&settings.state());
    let grant = sign_in.by_device(tell).await.map_err(|e| refused(&e))?;
    let lock = kept.lock().await?;
    // A file that cannot be used is no reason to stay out.
    let before = kept.read().ok().flatten();
    kept.write(&grant.tokens, &lock)?;
    if let Some(before) = before {
        // They end by themselves where the provider does not take them back.
        drop(sign_in.revoke(&before).await);
    }
    Ok(grant.principal)
}

/// Who is signed in. A token that is over, or soon will be, is renewed and kept.
///
/// # Errors
/// A failed check when nobody is signed in any more.
pub async fn current(settings: &Settings) -> Result<Principal> {
    let (auth, sign_in) = opened(settings).await?;
    let kept = Kept::at(&settings.state());
    // Held until the end: a provider may take a refresh token once only.
    let lock = kept.lock().await?;
    let tokens = kept.read()?.ok_or_else(nobody)?;
    let soon = clock::now().micros() + EARLY;
    let outcome = match of(&*auth, &tokens).await {
        Ok(who) if who.how.expires_at.is_none_or(|ends| ends.micros() > soon) => return Ok(who),
        Ok(who) if tokens.refresh.is_none() => return Ok(who),
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::Unauthenticated => Some(error),
        Err(error) => return Err(refused(&error)),
    };
    match sign_in.renew(&tokens).await {
        Ok(grant) => {
            kept.write(&grant.tokens, &lock)?;
            Ok(grant.principal)
        }
        Err(error) if error.kind() == ErrorKind::Unavailable => Err(refused(&error)),
        Err(error) => {
            kept.remove(&lock)?;
            Err(refused(outcome.as_ref().unwrap_or(&error)))
        }
    }
}

/// Gives the tokens up at the provider, and deletes them here whatever it says.
///
/// # Errors
/// When they cannot be deleted.
pub async fn sign_out(settings: &Settings) -> Result<SignedOut> {
    let kept = Kept::at(&settings.state());
    let lock = kept.lock().await?;
    let Some(tokens) = kept.read()? else { return Ok(SignedOut { was: false, revoked: false }) };
    kept.remove(&lock)?;
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
            "the profile {profile} signs nobody in: {kind} has no client of a provider"
        ))
        .hint("take a profile with auth = \"oidc-rbac\" and fill in [adapters.oidc-rbac.client]"));
    };
    Ok((auth, sign_in))
}

async fn of(auth: &dyn AuthProvider, tokens: &Tokens) -> flowcontrol_contract::Result<Principal> {
    let value = format!("Bearer {}", tokens.access.expose());
    auth.authenticate(&Presented { headers: &[("authorization", value.as_bytes())] }).await
}

fn nobody() -> Failure {
    Failure::check("nobody is signed in").hint("flowcontrol auth login")
}

/// The adapter's refusal in the command line's terms.
fn refused(error: &Error) -> Failure {
    match error.kind() {
        ErrorKind::Unauthenticated => {
            Failure::check(format!("nobody is signed in: {error}")).hint("flowcontrol auth login")
        }
        ErrorKind::Denied => Failure::check(error.chain()).hint(
            "whoever runs the provider gives tenant, actor and roles; see [adapters.oidc-rbac]",
        ),
        ErrorKind::Timeout => Failure::check(error.chain()).hint("flowcontrol auth login"),
        ErrorKind::Configuration | ErrorKind::InvalidInput => {
            Failure { hint: error.way_out().map(str::to_owned), ..Failure::usage(error.chain()) }
        }
        _ => Failure::environment(error.chain()).hint("look whether the provider can be reached"),
    }
}
