//! Passes: the bearer tokens as JWTs, and signatures of pre-signed addresses. Neither is kept; what
//! they say is believed because they are signed.

use super::clock::later;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flowcontrol_contract::Timestamp;
use flowcontrol_ksef_wire::messages::{ContextIdentifier, ReferenceNumber, Sealed, TokenInfo};
use ring::hmac;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    /// Asks for a login's status and redeems it.
    #[serde(rename = "AuthenticationToken")]
    Temporary,
    /// Every other call.
    #[serde(rename = "ContextToken")]
    Access,
    /// New access tokens.
    #[serde(rename = "RefreshToken")]
    Refresh,
}

/// What a pass says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    #[serde(rename = "token-type")]
    pub kind: Kind,
    /// The login that it came from.
    #[serde(rename = "ref")]
    pub login: ReferenceNumber,
    /// Whose data; for people who look into a token.
    #[serde(rename = "context")]
    pub context: ContextIdentifier,
    /// Microseconds since 1970.
    #[serde(rename = "exp-us")]
    until: i64,
    /// Two passes of one moment differ.
    jti: u64,
    exp: i64,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Not signed by this simulator, or changed.
    Forged,
    /// Expired.
    Expired,
}

/// Signs a pass.
pub(super) fn issue(
    key: &hmac::Key,
    kind: Kind,
    login: &ReferenceNumber,
    context: &ContextIdentifier,
    (now, lasts): (Timestamp, Duration),
) -> TokenInfo {
    let until = later(now, lasts);
    let claims = Claims {
        kind,
        login: login.clone(),
        context: context.clone(),
        until: until.micros(),
        jti: rand::random(),
        exp: until.micros() / 1_000_000,
    };
    let part = |value: String| URL_SAFE_NO_PAD.encode(value);
    // Claims are plain values; they always have a JSON form.
    let claims = serde_json::to_string(&claims).unwrap_or_default();
    let signed = format!("{}.{}", part(r#"{"alg":"HS256","typ":"JWT"}"#.into()), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(key, signed.as_bytes()));
    TokenInfo {
        token: Sealed::new(format!("{signed}.{signature}")),
        valid_until: super::clock::moment(until),
    }
}

/// Reads a pass.
pub(super) fn read(key: &hmac::Key, token: &str, now: Timestamp) -> Result<Claims, Doubt> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Doubt::Forged)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Doubt::Forged)?;
    hmac::verify(key, signed.as_bytes(), &signature).map_err(|_| Doubt::Forged)?;
    let (_, claims) = signed.split_once('.').ok_or(Doubt::Forged)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| Doubt::Forged)?;
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_| Doubt::Forged)?;
    if now.micros() < claims.until { Ok(claims) } else { Err(Doubt::Expired) }
}

/// The query of a pre-signed address: until when, and the signature over method, path and end.
pub(super) fn sign_address(key: &hmac::Key, method: &str, path: &str, until: Timestamp) -> String {
    let end = until.micros();
    let signature = hmac::sign(key, format!("{method} {path} {end}").as_bytes());
    format!("se={end}&sig={}", URL_SAFE_NO_PAD.encode(signature))
}

/// Whether such a query is good.
pub(super) fn check_address(
    key: &hmac::Key,
    (method, path): (&str, &str),
    query: &str,
    now: Timestamp,
) -> Result<(), Doubt> {
    let (end, signature) =
        query.strip_prefix("se=").and_then(|rest| rest.split_once("&sig=")).ok_or(Doubt::Forged)?;
    let end: i64 = end.parse().map_err(|_| Doubt::Forged)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Doubt::Forged)?;
    hmac::verify(key, format!("{method} {path} {end}").as_bytes(), &signature)
        .map_err(|_| Doubt::Forged)?;
    if now.micros() < end { Ok(()) } else { Err(Doubt::Expired) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowcontrol_ksef_wire::messages::ContextIdentifierType;

    #[test]
    fn a_pass_is_believed_unchanged_and_until_its_end() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"k");
        let now = Timestamp::parse("2026-11-27T08:00:00Z").unwrap();
        let login = "20261127-AU-319D7EE000-B67F415CDC-2C".parse().unwrap();
        let context =
            ContextIdentifier { kind: ContextIdentifierType::Nip, value: "5265877635".into() };
        let minute = Duration::from_secs(60);
        let pass = issue(&key, Kind::Access, &login, &context, (now, minute));
        let token = pass.token.expose();
        assert_eq!(read(&key, token, now).unwrap().login, login);
        assert_eq!(read(&key, token, later(now, minute)), Err(Doubt::Expired));
        let other = hmac::Key::new(hmac::HMAC_SHA256, b"x");
        assert_eq!(read(&other, token, now), Err(Doubt::Forged));
        let mut changed = token.to_owned();
        changed.replace_range(40..41, if &token[40..41] == "A" { "B" } else { "A" });
        assert_eq!(read(&key, &changed, now), Err(Doubt::Forged));
        assert_eq!(read(&key, "x", now), Err(Doubt::Forged));
    }

    #[test]
    fn an_address_is_good_for_its_method_and_path_until_its_end() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"k");
        let now = Timestamp::parse("2026-11-27T08:00:00Z").unwrap();
        let query = sign_address(&key, "PUT", "/a/1", later(now, Duration::from_secs(1)));
        assert_eq!(check_address(&key, ("PUT", "/a/1"), &query, now), Ok(()));
        assert_eq!(check_address(&key, ("PUT", "/a/2"), &query, now), Err(Doubt::Forged));
        assert_eq!(check_address(&key, ("GET", "/a/1"), &query, now), Err(Doubt::Forged));
        let then = later(now, Duration::from_secs(1));
        assert_eq!(check_address(&key, ("PUT", "/a/1"), &query, then), Err(Doubt::Expired));
    }
}
