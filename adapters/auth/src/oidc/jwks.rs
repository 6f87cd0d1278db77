//! The key set that a provider publishes, and which of its keys can be used.

use super::signature::Key;
use super::token::MAX_KID_BYTES;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flowcontrol_contract::json;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most keys of one set.
pub const MAX_KEYS: usize = 100;

/// A provider's usable keys by their names.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: BTreeMap<String, Arc<Key>>,
    text: Arc<[u8]>,
}

impl KeySet {
    /// The key of that name.
    pub fn get(&self, kid: &str) -> Option<Arc<Key>> {
        self.keys.get(kid).cloned()
    }

    /// As it was published, for another reader.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// What they verify, by name.
    pub fn algorithms(&self) -> BTreeSet<String> {
        self.keys.values().map(|key| format!("{:?}", key.algorithm)).collect()
    }
}

/// Reads a JSON Web Key Set. A key that is for something else, of an algorithm that is not in
/// `allowed`, too weak or malformed is left out; so are all of one name, which would be ambiguous.
///
/// # Errors
/// Why the text is not a key set, or that none of its keys can be used.
pub fn read(text: &[u8], allowed: &[Algorithm]) -> Result<KeySet, String> {
    let set = json::object(text).map_err(|why| format!("the key set {why}"))?;
    let Some(Value::Array(listed)) = set.get("keys") else {
        return Err("the key set has no `keys` array".into());
    };
    if listed.len() > MAX_KEYS {
        return Err(format!("the key set lists more than {MAX_KEYS} keys"));
    }
    let mut keys = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for jwk in listed.iter().filter_map(Value::as_object) {
        let Some(kid) = text_of(jwk, "kid") else { continue };
        if kid.is_empty() || kid.len() > MAX_KID_BYTES {
            continue;
        }
        if keys.contains_key(kid) {
            twice.insert(kid.to_owned());
        }
        keys.insert(kid.to_owned(), usable(jwk, allowed).map(Arc::new));
    }
    keys.retain(|kid, _| !twice.contains(kid));
    let keys: BTreeMap<_, _> =
        keys.into_iter().filter_map(|(kid, key)| Some((kid, key?))).collect();
    if keys.is_empty() {
        return Err(format!("none of the {} keys in the key set can be used", listed.len()));
    }
    Ok(KeySet { keys, text: text.into() })
}

fn text_of<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    jwk.get(name).and_then(Value::as_str)
}

fn usable(jwk: &Map<String, Value>, allowed: &[Algorithm]) -> Option<Key> {
    if jwk.get("use").is_some_and(|u| u != "sig") {
        return None;
    }
    if let Some(operations) = jwk.get("key_ops")
        && !operations.as_array()?.iter().any(|o| o == "verify")
    {
        return None;
    }
    let fits = |algorithm: &&Algorithm| match (text_of(jwk, "kty"), text_of(jwk, "crv")) {
        (Some("RSA"), _) => algorithm.family() == AlgorithmFamily::Rsa,
        (Some("EC"), Some("P-256")) => **algorithm == Algorithm::ES256,
        (Some("EC"), Some("P-384")) => **algorithm == Algorithm::ES384,
        (Some("OKP"), Some("Ed25519")) => **algorithm == Algorithm::EdDSA,
        _ => false,
    };
    let mut candidates = allowed.iter().filter(fits);
    let algorithm = match jwk.get("alg") {
        // What a key is for follows from the key and the configuration, never from a token.
        None => candidates.next()?,
        Some(named) => candidates.find(|a| named.as_str() == Some(&format!("{a:?}")))?,
    };
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text_of(jwk, name)?).ok();
    let key = match algorithm.family() {
        AlgorithmFamily::Rsa => {
            // Some publish a leading zero byte, which is not part of the number.
            let (n, e) = (bytes("n")?, bytes("e")?);
            let n = &n[n.iter().take_while(|b| **b == 0).count()..];
            if !(256..=1024).contains(&n.len()) {
                return None;
            }
            DecodingKey::from_rsa_raw_components(n, &e)
        }
        AlgorithmFamily::Ec => {
            let wanted = if *algorithm == Algorithm::ES256 { 32 } else { 48 };
            let (x, y) = (coordinate(&bytes("x")?, wanted)?, coordinate(&bytes("y")?, wanted)?);
            DecodingKey::from_ec_der(&[&[4][..], &x, &y].concat())
        }
        AlgorithmFamily::Ed => {
            let x = bytes("x")?;
            if x.len() != 32 {
                return None;
            }
            DecodingKey::from_ed_der(&x)
        }
        AlgorithmFamily::Hmac => return None,
    };
    Some(Key::new(*algorithm, key))
}

/// A coordinate in exactly `wanted` bytes: some publish it with a zero byte more or fewer.
fn coordinate(bytes: &[u8], wanted: usize) -> Option<Vec<u8>> {
    let digits = &bytes[bytes.iter().take_while(|b| **b == 0).count()..];
    let zeros = wanted.checked_sub(digits.len())?;
    Some([&vec![0; zeros][..], digits].concat())
}
