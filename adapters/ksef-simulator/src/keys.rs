//! The simulator's own keys: RSA for tokens and session keys, and one that signs passes and
//! addresses. Kept in a file that only its owner reads.

use super::clock::{later, moment};
use super::disk::{damaged, replace};
use flowcontrol_contract::{Error, ErrorKind, Result, Timestamp};
use flowcontrol_ksef_wire::crypto::{EnvelopeError, PrivateKey, decode, encode, sha256_base64};
use flowcontrol_ksef_wire::messages::{PublicKeyCertificate, PublicKeyUsage};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// One key pair as it is kept.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    usage: PublicKeyUsage,
    pkcs8: String,
    certificate: String,
    from: Timestamp,
    until: Timestamp,
    retired: bool,
}

/// The file.
#[derive(Clone, Serialize, Deserialize)]
struct Ring {
    signing: String,
    pairs: Vec<Kept>,
}

struct Pair {
    kept: Kept,
    private: PrivateKey,
    id: String,
}

/// All keys.
pub(super) struct Keys {
    path: PathBuf,
    signing: ring::hmac::Key,
    secret: String,
    pairs: Vec<Pair>,
}

/// Why something could not be unwrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unwrap {
    /// No such key, or it is retired.
    UnknownKey(String),
    /// Not encrypted for it.
    Sealed,
}

impl Keys {
    /// Reads the keys of a folder, or makes them.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Self> {
        let path = folder.join("keys.json");
        let ring = match flowcontrol_files::read(&path)? {
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| damaged(&path, &format!("is half-written or damaged: {e}")))?,
            None => {
                let ring = Ring {
                    signing: encode(rand::random::<[u8; 32]>()),
                    pairs: vec![
                        make(PublicKeyUsage::KsefTokenEncryption, now)?,
                        make(PublicKeyUsage::SymmetricKeyEncryption, now)?,
                    ],
                };
                write(&path, &ring)?;
                ring
            }
        };
        let wrong = || damaged(&path, "holds a key that cannot be read");
        let secret = decode(&ring.signing).ok_or_else(wrong)?;
        let pairs = ring.pairs.into_iter().map(|kept| Pair::read(kept).ok_or_else(wrong));
        Ok(Self {
            signing: ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret),
            secret: ring.signing,
            pairs: pairs.collect::<Result<_>>()?,
            path,
        })
    }

    /// What signs passes and addresses.
    pub fn signing(&self) -> &ring::hmac::Key {
        &self.signing
    }

    /// `GET /security/public-key-certificates`.
    pub fn published(&self, now: Timestamp) -> Vec<PublicKeyCertificate> {
        let current = self.pairs.iter().filter(|pair| pair.usable(now));
        current
            .map(|pair| PublicKeyCertificate {
                certificate_id: decode(&pair.kept.certificate)
                    .map(sha256_base64)
                    .unwrap_or_default(),
                certificate: pair.kept.certificate.clone(),
                public_key_id: pair.id.clone(),
                valid_from: moment(pair.kept.from),
                valid_to: moment(pair.kept.until),
                usage: vec![pair.kept.usage],
            })
            .collect()
    }

    /// Decrypts with the key of that id, or with any of the usage when none is named.
    pub fn unwrap(
        &self,
        usage: PublicKeyUsage,
        id: Option<&str>,
        sealed: &str,
        now: Timestamp,
    ) -> Result<Vec<u8>, Unwrap> {
        let mut usable = self.pairs.iter().filter(|p| p.kept.usage == usage && p.usable(now));
        match id {
            Some(id) => usable
                .find(|pair| pair.id == id)
                .ok_or_else(|| Unwrap::UnknownKey(id.to_owned()))?
                .private
                .unwrap(sealed)
                .map_err(|_| Unwrap::Sealed),
            None => usable.find_map(|pair| pair.private.unwrap(sealed).ok()).ok_or(Unwrap::Sealed),
        }
    }

    /// Decrypts what was taken earlier, when its key may have been retired since.
    pub fn unwrap_again(&self, sealed: &str) -> Option<Vec<u8>> {
        self.pairs.iter().find_map(|pair| pair.private.unwrap(sealed).ok())
    }

    /// Adds a key of a usage, valid from now; with `retire` the earlier ones are taken back.
    pub fn rotate(&mut self, usage: PublicKeyUsage, retire: bool, now: Timestamp) -> Result<()> {
        let fresh = make(usage, now)?;
        let fresh = Pair::read(fresh).ok_or_else(|| damaged(&self.path, "takes no new key"))?;
        for pair in self.pairs.iter_mut().filter(|pair| pair.kept.usage == usage) {
            pair.kept.retired |= retire;
        }
        self.pairs.push(fresh);
        let pairs = self.pairs.iter().map(|pair| pair.kept.clone()).collect();
        write(&self.path, &Ring { signing: self.secret.clone(), pairs })
    }
}

impl Pair {
    fn read(kept: Kept) -> Option<Self> {
        let private = PrivateKey::from_pkcs8(&decode(&kept.pkcs8)?).ok()?;
        let id = private.public().ok()?.id().to_owned();
        Some(Self { kept, private, id })
    }

    fn usable(&self, now: Timestamp) -> bool {
        !self.kept.retired && self.kept.from <= now && now < self.kept.until
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("pairs", &self.pairs.len()).finish_non_exhaustive()
    }
}

fn write(path: &Path, ring: &Ring) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(ring)
        .map_err(|e| damaged(path, &format!("cannot be serialized: {e}")))?;
    replace(path, &bytes)
}

/// A key pair with a self-signed certificate, good for two years.
fn make(usage: PublicKeyUsage, now: Timestamp) -> Result<Kept> {
    let fail = |why: String| Error::new(ErrorKind::Unexpected, format!("cannot make a key: {why}"));
    let until = later(now, DAY * 730);
    let private = PrivateKey::generate().map_err(|e: EnvelopeError| fail(e.to_string()))?;
    let pkcs8 = private.to_pkcs8().map_err(|e| fail(e.to_string()))?;
    let pair = rcgen::KeyPair::try_from(pkcs8.as_slice()).map_err(|e| fail(e.to_string()))?;
    let mut request = rcgen::CertificateParams::default();
    let mut name = rcgen::DistinguishedName::new();
    name.push(rcgen::DnType::CommonName, format!("KSeF simulator, {usage:?}"));
    name.push(rcgen::DnType::CountryName, "PL");
    request.distinguished_name = name;
    (request.not_before, request.not_after) = (moment(now), moment(until));
    let certificate = request.self_signed(&pair).map_err(|e| fail(e.to_string()))?;
    Ok(Kept {
        usage,
        pkcs8: encode(&pkcs8),
        certificate: encode(certificate.der()),
        from: now,
        until,
        retired: false,
    })
}
