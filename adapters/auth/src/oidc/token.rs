//! From an `Authorization` header to the parts of a token, none of them verified yet.

use super::error::unauthenticated;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flowcontrol_contract::error::Result;
use flowcontrol_contract::{Presented, json};
use serde_json::{Map, Value};

/// Longest name of a key, in bytes.
pub const MAX_KID_BYTES: usize = 256;

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// A token's parts as they came; no signature was checked.
#[derive(Debug)]
pub struct Unverified<'a> {
    /// Its header.
    pub header: Header,
    /// Its claims.
    pub claims: Claims,
    /// The signed bytes.
    pub signed: &'a str,
    /// The signature, in base64url without padding.
    pub signature: &'a str,
}

/// The header parameters that matter. Others, such as `jku` and `jwk`, would let the
/// token name its own key, and are not looked at.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// The algorithm.
    pub alg: String,
    /// The media type it declares.
    pub typ: Option<String>,
    /// The name of the key that it was signed with.
    pub kid: String,
}

/// The bearer token; the scheme's case does not matter, everything else does.
///
/// # Errors
/// `InvalidInput` for two headers, else `Unauthenticated`.
pub fn bearer<'a>(presented: &Presented<'a>, limit: usize) -> Result<&'a str> {
    let value = presented.single("authorization")?;
    let value = value.ok_or_else(|| unauthenticated("the Authorization header is missing"))?;
    let (scheme, token) = value
        .iter()
        .position(|b| *b == b' ')
        .map(|at| (&value[..at], &value[at + 1..]))
        .ok_or_else(|| unauthenticated("the Authorization header has no token"))?;
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(unauthenticated("the Authorization scheme is not Bearer"));
    }
    // Before anything is decoded: what is decoded takes memory and time.
    if token.len() > limit {
        return Err(unauthenticated(format!("the token is longer than {limit} bytes")));
    }
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    match std::str::from_utf8(token) {
        Ok(text) if token.iter().all(plain) => Ok(text),
        _ => Err(unauthenticated("the token is not base64url parts separated by dots")),
    }
}

/// The parts of a signed token in compact form.
///
/// # Errors
/// `Unauthenticated` that names the first thing wrong and quotes nothing of the token.
pub fn parse(token: &str) -> Result<Unverified<'_>> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(unauthenticated("the token does not have three parts"));
    };
    let object = |what: &str, part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part);
        let bytes =
            bytes.map_err(|_| unauthenticated(format!("the {what} is not valid base64url")))?;
        json::object(&bytes).map_err(|why| unauthenticated(format!("the {what} {why}")))
    };
    Ok(Unverified {
        header: read_header(&object("token's header", header)?)?,
        claims: object("token's claims", claims)?,
        signed: &token[..header.len() + 1 + claims.len()],
        signature,
    })
}

fn read_header(header: &Map<String, Value>) -> Result<Header> {
    // No critical extension is supported. `b64` changes what is signed, even where a careless signer
    // does not list it in `crit`.
    for extension in ["crit", "b64"] {
        if header.contains_key(extension) {
            return Err(unauthenticated(format!(
                "the token's header has `{extension}`, which is not supported"
            )));
        }
    }
    let text = |name: &str| match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(unauthenticated(format!("the token's `{name}` is not a string"))),
    };
    let needed = |name: &str| {
        text(name)?.ok_or_else(|| unauthenticated(format!("the token's header has no `{name}`")))
    };
    let kid = needed("kid")?;
    if kid.is_empty() || kid.len() > MAX_KID_BYTES {
        return Err(unauthenticated("the token's `kid` is empty or too long"));
    }
    Ok(Header { alg: needed("alg")?, typ: text("typ")?, kid })
}
