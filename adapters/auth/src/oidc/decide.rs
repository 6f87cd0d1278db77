//! From a token's header and claims to a principal, or to the reason for refusal.

use super::config::Config;
use super::error::{KIND, denied, unauthenticated};
use super::issuer::{Issuer, ListClaim, ListForm};
use super::token::{Claims, Header};
use flowcontrol_contract::error::Result;
use flowcontrol_contract::{ActorId, Authenticated, Principal, TenantId, Timestamp};
use jsonwebtoken::Algorithm;
use serde_json::Value;
use std::collections::BTreeSet;

/// The latest second of the year 9999.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Claims that only ID and logout tokens have; neither is an access token.
const NOT_FOR_ACCESS: [&str; 5] = ["nonce", "at_hash", "c_hash", "s_hash", "events"];

/// The index of the issuer that a token names, compared byte by byte.
pub fn issuer<'a>(claims: &Claims, issuers: impl IntoIterator<Item = &'a Issuer>) -> Result<usize> {
    let Some(Value::String(named)) = claims.get("iss") else {
        return Err(unauthenticated("the token has no `iss` claim, or it is not a string"));
    };
    let place = issuers.into_iter().position(|i| i.issuer == *named);
    place.ok_or_else(|| {
        unauthenticated("the token's issuer (`iss`) is not one of the configured issuers")
    })
}

/// The algorithm of a token whose type says that it is an access token.
pub fn header(header: &Header, issuer: &Issuer) -> Result<Algorithm> {
    let algorithm = algorithm(header, issuer)?;
    let accepted = match &header.typ {
        None => issuer.untyped,
        Some(typ) => {
            // RFC 7515 lets the prefix be left out, and media types are case-insensitive.
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
        Err(unauthenticated("the token's type (`typ`) is not in `types` of its issuer"))
    }
}

/// A token's algorithm, if it is in `algorithms` of its issuer.
pub fn algorithm(header: &Header, issuer: &Issuer) -> Result<Algorithm> {
    let algorithm = issuer.algorithms.iter().find(|a| format!("{a:?}") == header.alg);
    algorithm.copied().ok_or_else(|| {
        unauthenticated("the token's algorithm (`alg`) is not in `algorithms` of its issuer")
    })
}

/// Why a token whose `name`, `nbf` or `iat`, lies in the future is refused.
pub fn not_yet(name: &str) -> String {
    format!("the token is not valid yet (`{name}` is in the future)")
}

/// The principal of the claims of a verified token of `issuer`, at `now`.
pub fn principal(
    claims: &Claims,
    issuer: &Issuer,
    config: &Config,
    now: Timestamp,
) -> Result<Principal> {
    let expires_at = check_times(claims, config, now)?;
    check_audience(claims, issuer)?;
    if let Some(name) = NOT_FOR_ACCESS.iter().find(|name| claims.contains_key(**name)) {
        return Err(unauthenticated(format!(
            "a token with the claim `{name}` is not an access token"
        )));
    }
    let subject = match claims.get("sub") {
        Some(Value::String(subject)) if !subject.is_empty() => subject,
        _ => {
            return Err(unauthenticated(
                "the token has no `sub` claim, or it is not a non-empty string",
            ));
        }
    };
    let tenant = tenant(claims, issuer)?;
    let actor = actor(claims, issuer)?;
    let (roles, permissions) = grants(claims, issuer, config)?;
    let how = Authenticated {
        kind: KIND,
        issuer: Some(issuer.issuer.clone()),
        subject: Some(subject.clone()),
        expires_at: Some(expires_at),
    };
    Ok(Principal { tenant, actor, roles, permissions, how })
}

/// A NumericDate claim, in seconds since 1970.
pub fn second(claims: &Claims, name: &str) -> Result<Option<f64>> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(second) if (0.0..=LAST_SECOND).contains(&second) => Ok(Some(second)),
            _ => Err(unauthenticated(format!("the token's `{name}` is not a valid time"))),
        },
    }
}

/// When the token expires, if it is valid now and its lifetime is not too long.
fn check_times(claims: &Claims, config: &Config, now: Timestamp) -> Result<Timestamp> {
    let now = now.micros() as f64 / 1e6;
    let leeway = f64::from(config.leeway);
    let ends =
        second(claims, "exp")?.ok_or_else(|| unauthenticated("the token has no `exp` claim"))?;
    if now >= ends + leeway {
        return Err(unauthenticated("the token has expired (`exp`)"));
    }
    for name in ["nbf", "iat"] {
        if second(claims, name)?.is_some_and(|from| from > now + leeway) {
            return Err(unauthenticated(not_yet(name)));
        }
    }
    let begins = second(claims, "iat")?.unwrap_or(now);
    if ends - begins > f64::from(config.max_lifetime) {
        return Err(unauthenticated("the token's lifetime is longer than `max_lifetime`"));
    }
    Timestamp::from_micros((ends * 1e6) as i64)
        .map_err(|_| unauthenticated("the token's `exp` is not a valid time"))
}

/// Checks that `aud` names one of this service's audiences.
fn check_audience(claims: &Claims, issuer: &Issuer) -> Result<()> {
    let ours = match claims.get("aud") {
        Some(Value::String(audience)) => issuer.audiences.contains(audience),
        Some(Value::Array(several)) => {
            let names: Option<Vec<&str>> = several.iter().map(Value::as_str).collect();
            names.is_some_and(|names| names.iter().any(|n| issuer.audiences.contains(*n)))
        }
        _ => false,
    };
    if ours { Ok(()) } else { Err(unauthenticated("the token is for another service (`aud`)")) }
}

fn tenant(claims: &Claims, issuer: &Issuer) -> Result<TenantId> {
    let named = issuer.claims.tenant.find(claims).and_then(Value::as_str);
    let named =
        named.ok_or_else(|| denied("the token has no tenant claim, or it is not a string"))?;
    let tenant = issuer.tenants.iter().find(|t| t.as_str() == named);
    tenant.cloned().ok_or_else(|| denied("the token's tenant is not in `tenants` of its issuer"))
}

fn actor(claims: &Claims, issuer: &Issuer) -> Result<ActorId> {
    let named = issuer.claims.actor.find(claims).and_then(Value::as_str);
    let named =
        named.ok_or_else(|| denied("the token has no actor claim, or it is not a string"))?;
    if named.is_empty() {
        return Err(denied("the token's actor claim is empty"));
    }
    ActorId::new(format!("{}{named}", issuer.actor_prefix))
        .map_err(|_| denied("the token's actor claim is not a valid identifier"))
}

/// The known roles, and their permissions as far as the token does not limit them.
fn grants(
    claims: &Claims,
    issuer: &Issuer,
    config: &Config,
) -> Result<(Vec<String>, BTreeSet<String>)> {
    let named = list_of(claims, &issuer.claims.roles, "roles")?;
    let known: BTreeSet<&str> =
        named.into_iter().filter(|role| config.roles.contains_key(*role)).collect();
    if known.is_empty() {
        return Err(denied("none of the token's roles is in `roles` of the configuration"));
    }
    let allowed = known.iter().filter_map(|role| config.roles.get(*role)).flatten();
    let mut permissions: BTreeSet<String> = allowed.cloned().collect();
    if let Some(list) = &issuer.claims.permissions {
        let asked: BTreeSet<&str> = list_of(claims, list, "permissions")?.into_iter().collect();
        permissions.retain(|p| asked.contains(p.as_str()));
    }
    if permissions.is_empty() {
        return Err(denied("the token's roles and permissions grant nothing"));
    }
    Ok((known.into_iter().map(str::to_owned).collect(), permissions))
}

/// The strings of a list claim, in the configured form.
fn list_of<'a>(claims: &'a Claims, list: &ListClaim, what: &str) -> Result<Vec<&'a str>> {
    let wrong = || denied(format!("the token's {what} claim does not have the configured form"));
    let found =
        list.at.find(claims).ok_or_else(|| denied(format!("the token has no {what} claim")))?;
    let listed: Vec<&str> = match (list.form, found) {
        (ListForm::Array, Value::Array(items)) => {
            items.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(wrong)?
        }
        (ListForm::Comma, Value::String(text)) => text.split(',').collect(),
        (ListForm::Space, Value::String(text)) => text.split(' ').collect(),
        _ => return Err(wrong()),
    };
    if listed.iter().any(|text| text.is_empty() || text.trim() != *text) {
        return Err(wrong());
    }
    Ok(listed)
}
