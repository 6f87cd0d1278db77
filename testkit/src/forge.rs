//! Keys and tokens that a test makes itself, byte by byte where it must.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{self as ring_signature, KeyPair};
use serde_json::{Value, json};
use std::process::Command;

/// Base64url without padding.
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

enum Pair {
    Rsa { pair: ring_signature::RsaKeyPair, integers: Vec<Vec<u8>> },
    Ec(ring_signature::EcdsaKeyPair),
    Ed(ring_signature::Ed25519KeyPair),
}

/// A key pair with its name.
pub struct Signer {
    /// Its name (`kid`).
    pub kid: String,
    pair: Pair,
}

impl Signer {
    /// An ECDSA key on P-256.
    pub fn es256(kid: &str) -> Self {
        let algorithm = &ring_signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let random = SystemRandom::new();
        let der = ring_signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair =
            ring_signature::EcdsaKeyPair::from_pkcs8(algorithm, der.as_ref(), &random).unwrap();
        Self { kid: kid.into(), pair: Pair::Ec(pair) }
    }

    /// An Ed25519 key.
    pub fn ed25519(kid: &str) -> Self {
        let der = ring_signature::Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = ring_signature::Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
        Self { kid: kid.into(), pair: Pair::Ed(pair) }
    }

    /// 2048 bits, made by OpenSSL: ring makes no RSA keys.
    pub fn rsa(kid: &str) -> Self {
        let shell = "openssl genrsa -traditional 2048 2>/dev/null | openssl rsa -traditional -outform DER 2>/dev/null";
        let der = Command::new("sh").args(["-c", shell]).output().unwrap().stdout;
        let pair = ring_signature::RsaKeyPair::from_der(&der).unwrap();
        Self { kid: kid.into(), pair: Pair::Rsa { pair, integers: integers(&der) } }
    }

    /// What a provider publishes.
    pub fn jwk(&self) -> Value {
        match &self.pair {
            Pair::Rsa { integers, .. } => json!({"kty": "RSA", "kid": self.kid, "alg": "RS256",
                "use": "sig", "n": b64(&integers[0]), "e": b64(&integers[1])}),
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "kid": self.kid, "alg": "ES256", "crv": "P-256",
                    "x": b64(x), "y": b64(y)})
            }
            Pair::Ed(pair) => json!({"kty": "OKP", "kid": self.kid, "alg": "EdDSA",
                "crv": "Ed25519", "x": b64(pair.public_key())}),
        }
    }

    /// What a provider signs with; RSA alone.
    pub fn private_jwk(&self) -> Value {
        let Pair::Rsa { integers, .. } = &self.pair else { panic!("no RSA key") };
        let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
        let mut jwk = json!({"kty": "RSA", "kid": self.kid, "alg": "RS256"});
        for (name, integer) in names.iter().zip(integers) {
            jwk[*name] = json!(b64(integer));
        }
        jwk
    }

    /// The public key's modulus as a secret, for a verifier that confuses the two.
    pub fn public_bytes(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa { pair, .. } => pair.public_key().as_ref().to_vec(),
            Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// The name of its algorithm.
    pub fn alg(&self) -> &'static str {
        match self.pair {
            Pair::Rsa { .. } => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// An access token's header.
    pub fn header(&self) -> Value {
        json!({"alg": self.alg(), "typ": "at+jwt", "kid": self.kid})
    }

    fn sign(&self, message: &[u8], rsa: &'static dyn ring_signature::RsaEncoding) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa { pair, .. } => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(rsa, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token of exactly these texts, validly signed.
    pub fn text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", b64(header), b64(claims));
        let signature = self.sign(message.as_bytes(), &ring_signature::RSA_PKCS1_SHA256);
        format!("{message}.{}", b64(signature))
    }

    /// A token of these values.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        self.text(&header.to_string(), &claims.to_string())
    }

    /// The same with another hash than the key is for; RSA alone.
    pub fn rs512(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        let signature = self.sign(message.as_bytes(), &ring_signature::RSA_PKCS1_SHA512);
        format!("{message}.{}", b64(signature))
    }
}

/// A token whose "signature" is a keyed hash.
pub fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    format!("{message}.{}", b64(ring::hmac::sign(&key, message.as_bytes())))
}

/// The integers of a PKCS#1 private key after its version, without sign bytes.
fn integers(der: &[u8]) -> Vec<Vec<u8>> {
    fn element(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, header) = match der[1] {
            short @ 0..=127 => (usize::from(short), 2),
            long => {
                let count = usize::from(long & 0x7f);
                let length = der[2..2 + count].iter().fold(0, |n, b| n << 8 | usize::from(*b));
                (length, 2 + count)
            }
        };
        der[header..].split_at(length)
    }
    let (mut rest, _) = element(der);
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (integer, after) = element(rest);
        found.push(integer.strip_prefix(&[0]).unwrap_or(integer).to_vec());
        rest = after;
    }
    found.remove(0);
    found
}
