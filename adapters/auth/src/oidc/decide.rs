//! From a token's header and claims to a principal, or to the reason why not.

use super::config::{Config, Form, Issuer, List};
use super::provider::KIND;
use super::token::Header;
use super::{denied, unauthenticated};
use flowcontrol_contract::error::Result;
use flowcontrol_contract::{ActorId, Authenticated, Principal, TenantId, Timestamp};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The latest second of the year 9999.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Claims that only a token for signing in or out holds: it is no key to a service.
const NOT_FOR_ACCESS: [&str; 5] = ["nonce", "at_hash", "c_hash", "s_hash", "events"];

/// The issuer that a token names, by its exact spelling.
pub fn issuer<'a>(
    claims: &Map<String, Value>,
    issuers: impl IntoIterator<Item = &'a Issuer>,
) -> Result<usize> {
    let Some(Value::String(named)) = claims.get("iss") else {
        return Err(unauthenticated("the token names no issuer as a text"));
    };
    let place = issuers.into_iter().position(|i| i.issuer == *named);
    place.ok_or_else(|| unauthenticated("the token's issuer is none that is configured"))
}

/// The algorithm of a token that says it is an access token.
pub fn header(header: &Header, issuer: &Issuer) -> Result<Algorithm> {
    let algorithm = algorithm(header, issuer)?;
    let accepted = match &header.typ {
        None => issuer.untyped,
        Some(typ) => {
            // RFC 7515 lets the prefix be left out, and media types know no case.
            let short = |t: &str| {
                let t = t.to_ascii_lowercase();
                t.strip_prefix("application/").map(str::to_owned).unwrap_or(t)
            };
            issuer.types.iter().any(|t| short(t) == short(typ))
        }
    };
    if accepted {
        Ok(algorithm)
    } else {
        Err(unauthenticated("the token's type is none that is accepted"))
    }
}

/// A token's algorithm, if it is one that is accepted from its issuer.
pub fn algorithm(header: &Header, issuer: &Issuer) -> Result<Algorithm> {
    let algorithm = issuer.algorithms.iter().find(|a| format!("{a:?}") == header.alg);
    algorithm
        .copied()
        .ok_or_else(|| unauthenticated("the token's algorithm is none that is accepted"))
}

/// Who the claims of a verified token of `issuer` speak of, at `now`.
pub fn principal(
    claims: &Map<String, Value>,
    issuer: &Issuer,
    config: &Config,
    now: Timestamp,
) -> Result<Principal> {
    let expires_at = in_time(claims, config, now)?;
    for_us(claims, issuer)?;
    if let Some(name) = NOT_FOR_ACCESS.iter().find(|name| claims.contains_key(**name)) {
        return Err(unauthenticated(format!("a token with {name} is no access token")));
    }
    let subject = match claims.get("sub") {
        Some(Value::String(subject)) if !subject.is_empty() => subject,
        _ => return Err(unauthenticated("the token names no subject as a text")),
    };
    let tenant = tenant(claims, issuer)?;
    let actor = actor(claims, issuer)?;
    let (roles, permissions) = powers(claims, issuer, config)?;
    let how = Authenticated {
        kind: KIND,
        issuer: Some(issuer.issuer.clone()),
        subject: Some(subject.clone()),
        expires_at: Some(expires_at),
    };
    Ok(Principal { tenant, actor, roles, permissions, how })
}

/// A NumericDate.
pub fn second(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(second) if (0.0..=LAST_SECOND).contains(&second) => Ok(Some(second)),
            _ => Err(unauthenticated(format!("the token's {name} is no time"))),
        },
    }
}

/// When the token ends, if it is neither over nor to come nor too long.
fn in_time(claims: &Map<String, Value>, config: &Config, now: Timestamp) -> Result<Timestamp> {
    let now = now.micros() as f64 / 1e6;
    let leeway = f64::from(config.leeway);
    let ends = second(claims, "exp")?.ok_or_else(|| unauthenticated("the token has no end"))?;
    if now >= ends + leeway {
        return Err(unauthenticated("the token is over"));
    }
    for name in ["nbf", "iat"] {
        if second(claims, name)?.is_some_and(|from| from > now + leeway) {
            return Err(unauthenticated(format!("the token's {name} is to come")));
        }
    }
    let begins = second(claims, "iat")?.unwrap_or(now);
    if ends - begins > f64::from(config.max_lifetime) {
        return Err(unauthenticated("the token lives longer than it may"));
    }
    Timestamp::from_micros((ends * 1e6) as i64)
        .map_err(|_| unauthenticated("the token's exp is no time"))
}

/// One of this service's names stands in `aud`.
fn for_us(claims: &Map<String, Value>, issuer: &Issuer) -> Result<()> {
    let ours = match claims.get("aud") {
        Some(Value::String(audience)) => issuer.audiences.contains(audience),
        Some(Value::Array(several)) => {
            let names: Option<Vec<&str>> = several.iter().map(Value::as_str).collect();
            names.is_some_and(|names| names.iter().any(|n| issuer.audiences.contains(*n)))
        }
        _ => false,
    };
    if ours { Ok(()) } else { Err(unauthenticated("the token is for another service")) }
}

fn tenant(claims: &Map<String, Value>, issuer: &Issuer) -> Result<TenantId> {
    let named = issuer.claims.tenant.find(claims).and_then(Value::as_str);
    let named = named.ok_or_else(|| denied("the token names no tenant as a text"))?;
    let tenant = issuer.tenants.iter().find(|t| t.as_str() == named);
    tenant.cloned().ok_or_else(|| denied("the token's tenant is none that its issuer vouches for"))
}

fn actor(claims: &Map<String, Value>, issuer: &Issuer) -> Result<ActorId> {
    let named = issuer.claims.actor.find(claims).and_then(Value::as_str);
    let named = named.ok_or_else(|| denied("the token names no actor as a text"))?;
    if named.is_empty() {
        return Err(denied("the token's actor is empty"));
    }
    ActorId::new(format!("{}{named}", issuer.actor_prefix))
        .map_err(|_| denied("the token's actor is no identifier"))
}

/// The known roles, and what they allow as far as the token asks for it.
fn powers(
    claims: &Map<String, Value>,
    issuer: &Issuer,
    config: &Config,
) -> Result<(Vec<String>, BTreeSet<String>)> {
    let named = words(claims, &issuer.claims.roles, "roles")?;
    let known: BTreeSet<&str> =
        named.into_iter().filter(|role| config.roles.contains_key(*role)).collect();
    if known.is_empty() {
        return Err(denied("the token gives no role that is known"));
    }
    let allowed = known.iter().filter_map(|role| config.roles.get(*role)).flatten();
    let mut permissions: BTreeSet<String> = allowed.cloned().collect();
    if let Some(list) = &issuer.claims.permissions {
        let asked: BTreeSet<&str> = words(claims, list, "permissions")?.into_iter().collect();
        permissions.retain(|p| asked.contains(p.as_str()));
    }
    if permissions.is_empty() {
        return Err(denied("the token's roles and permissions leave nothing that it may do"));
    }
    Ok((known.into_iter().map(str::to_owned).collect(), permissions))
}

/// The words of a list, in the one spelling that is configured.
fn words<'a>(claims: &'a Map<String, Value>, list: &List, what: &str) -> Result<Vec<&'a str>> {
    let wrong = || denied(format!("the token's {what} are not spelled as configured"));
    let found = list.at.find(claims).ok_or_else(|| denied(format!("the token has no {what}")))?;
    let words: Vec<&str> = match (list.form, found) {
        (Form::Array, Value::Array(items)) => {
            items.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(wrong)?
        }
        (Form::Comma, Value::String(text)) => text.split(',').collect(),
        (Form::Space, Value::String(text)) => text.split(' ').collect(),
        _ => return Err(wrong()),
    };
    if words.iter().any(|word| word.is_empty() || word.trim() != *word) {
        return Err(wrong());
    }
    Ok(words)
}
