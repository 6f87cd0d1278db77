//! What ID and logout tokens must claim, beyond issuer and signature. Pure.

use crate::oidc::decide::{not_yet, second};
use crate::oidc::error::unauthenticated;
use crate::oidc::token::Claims;
use flowcontrol_contract::Timestamp;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::sign_in::SessionsEnded;
use serde_json::Value;

/// The event that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Seconds after its `iat` for which a logout token is accepted.
pub const LOGOUT_AGE: f64 = 300.0;

/// What an ID token is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The client that requested it.
    pub client: &'a str,
    /// The nonce that it must repeat; `None` where none was sent.
    pub nonce: Option<&'a str>,
    /// The subject of the access token beside it.
    pub subject: &'a str,
    /// Allowed clock skew in seconds.
    pub leeway: u32,
    /// The time now.
    pub now: Timestamp,
}

/// The provider's session id (`sid`), if the ID token is as expected.
///
/// # Errors
/// `Unauthenticated` that says what is not.
pub fn id_token(claims: &Claims, expected: &Expected<'_>) -> Result<Option<String>> {
    let refuse = |why: &str| Err(unauthenticated(format!("the ID token {why}")));
    check_times(claims, expected.now, expected.leeway)?;
    if second(claims, "exp")?.is_none() {
        return refuse("has no `exp` claim");
    }
    if !for_client(claims, expected.client) {
        return refuse("is for another client (`aud`)");
    }
    // `azp`, where there is one, must be this client, even where it is the only audience.
    match claims.get("azp") {
        None => {}
        Some(Value::String(azp)) if azp == expected.client => {}
        Some(_) => return refuse("was issued to another client (`azp`)"),
    }
    if let Some(nonce) = expected.nonce
        && claims.get("nonce").and_then(Value::as_str) != Some(nonce)
    {
        return refuse("does not repeat the `nonce`");
    }
    if claims.get("sub").and_then(Value::as_str) != Some(expected.subject) {
        return refuse("has another subject (`sub`) than the access token");
    }
    if claims.contains_key("events") {
        return refuse("is a logout token");
    }
    text(claims, "sid")
}

/// The sessions that a logout token ends.
///
/// # Errors
/// `Unauthenticated` that says why it is not a valid logout token.
pub fn logout_token(
    claims: &Claims,
    client: &str,
    leeway: u32,
    now: Timestamp,
) -> Result<SessionsEnded> {
    let refuse = |why: &str| Err(unauthenticated(format!("the logout token {why}")));
    check_times(claims, now, leeway)?;
    let Some(issued) = second(claims, "iat")? else { return refuse("has no `iat` claim") };
    if seconds(now) > issued + LOGOUT_AGE + f64::from(leeway) {
        return refuse("is too old (`iat`)");
    }
    if !for_client(claims, client) {
        return refuse("is for another client (`aud`)");
    }
    if claims.contains_key("nonce") {
        return refuse("has a `nonce`, as an ID token has");
    }
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return refuse("has no back-channel logout event (`events`)");
    }
    let (session, subject) = (text(claims, "sid")?, text(claims, "sub")?);
    if session.is_none() && subject.is_none() {
        return refuse("has neither `sid` nor `sub`");
    }
    let Some(message) = text(claims, "jti")? else { return refuse("has no `jti` claim") };
    let Some(issuer) = text(claims, "iss")? else { return refuse("has no `iss` claim") };
    Ok(SessionsEnded { issuer, session, subject, message })
}

fn seconds(now: Timestamp) -> f64 {
    now.micros() as f64 / 1e6
}

fn check_times(claims: &Claims, now: Timestamp, leeway: u32) -> Result<()> {
    let (now, leeway) = (seconds(now), f64::from(leeway));
    if second(claims, "exp")?.is_some_and(|ends| now >= ends + leeway) {
        return Err(unauthenticated("the token has expired (`exp`)"));
    }
    for name in ["iat", "nbf"] {
        if second(claims, name)?.is_some_and(|from| from > now + leeway) {
            return Err(unauthenticated(not_yet(name)));
        }
    }
    Ok(())
}

/// Whether the client is the only audience: no other holder of the token is trusted.
fn for_client(claims: &Claims, client: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => one == client,
        Some(Value::Array(several)) => several.len() == 1 && several[0] == client,
        _ => false,
    }
}

fn text(claims: &Claims, name: &str) -> Result<Option<String>> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.len() <= 512 => {
            Ok(Some(text.clone()))
        }
        Some(_) => {
            Err(unauthenticated(format!("the token's `{name}` is not a string of 1 to 512 bytes")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Expected, id_token, logout_token};
    use flowcontrol_contract::Timestamp;
    use serde_json::{Value, json};

    const NOW: i64 = 1_800_000_000;

    fn now() -> Timestamp {
        Timestamp::from_micros(NOW * 1_000_000).unwrap()
    }

    /// The claims with one member set; removed for `null`.
    fn with(mut claims: Value, member: &str, value: Value) -> super::Claims {
        let members = claims.as_object_mut().unwrap();
        match value {
            Value::Null => drop(members.remove(member)),
            value => drop(members.insert(member.to_owned(), value)),
        }
        members.clone()
    }

    #[test]
    fn an_id_token_must_bear_out_everything_that_was_expected() {
        let good = json!({"iss": "i", "aud": "portal", "azp": "portal", "sub": "5f0c",
            "nonce": "n", "sid": "s", "iat": NOW, "exp": NOW + 600});
        let expected = Expected {
            client: "portal",
            nonce: Some("n"),
            subject: "5f0c",
            leeway: 30,
            now: now(),
        };
        let judged =
            |member: &str, value: Value| id_token(&with(good.clone(), member, value), &expected);
        assert_eq!(judged("x", json!(1)).unwrap().as_deref(), Some("s"));
        assert_eq!(judged("sid", Value::Null).unwrap(), None);
        assert!(judged("azp", Value::Null).is_ok());
        assert!(judged("aud", json!(["portal"])).is_ok());
        assert!(judged("exp", json!(NOW - 29)).is_ok());
        for (member, value) in [
            ("azp", json!("other")),
            ("azp", json!(["portal"])),
            ("aud", json!("other")),
            ("aud", json!(["portal", "other"])),
            ("aud", Value::Null),
            ("nonce", json!("m")),
            ("nonce", Value::Null),
            ("sub", json!("other")),
            ("sub", Value::Null),
            ("exp", json!(NOW - 31)),
            ("exp", Value::Null),
            ("iat", json!(NOW + 3600)),
            ("nbf", json!(NOW + 3600)),
            ("sid", json!(1)),
            ("events", json!({})),
        ] {
            assert!(judged(member, value.clone()).is_err(), "{member} {value}");
        }
    }

    #[test]
    fn a_logout_token_says_whose_sessions_end_and_is_no_other_token() {
        let good = json!({"iss": "i", "aud": "portal", "sub": "5f0c", "sid": "s", "jti": "1",
            "iat": NOW, "events": {super::EVENT: {}}});
        let judged = |member: &str, value: Value| {
            logout_token(&with(good.clone(), member, value), "portal", 30, now())
        };
        let ended = judged("x", json!(1)).unwrap();
        assert_eq!((ended.session.as_deref(), ended.subject.as_deref()), (Some("s"), Some("5f0c")));
        assert_eq!(judged("sid", Value::Null).unwrap().session, None);
        assert_eq!(judged("sub", Value::Null).unwrap().subject, None);
        for (member, value) in [
            ("nonce", json!("n")),
            ("nonce", json!("")),
            ("aud", json!("other")),
            ("aud", json!(["portal", "other"])),
            ("events", Value::Null),
            ("events", json!({})),
            ("events", json!([super::EVENT])),
            ("events", json!({super::EVENT: null})),
            ("jti", Value::Null),
            ("jti", json!("")),
            ("iat", Value::Null),
            ("iat", json!(NOW - 400)),
            ("iat", json!(NOW + 3600)),
            ("exp", json!(NOW - 31)),
            ("sid", json!(1)),
        ] {
            assert!(judged(member, value.clone()).is_err(), "{member} {value}");
        }
        let mut nobody = with(good.clone(), "sid", Value::Null);
        nobody.remove("sub");
        assert!(logout_token(&nobody, "portal", 30, now()).is_err());
    }
}
