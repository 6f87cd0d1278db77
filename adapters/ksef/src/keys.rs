//! KSeF's public keys: which of them encrypts what, and when they are fetched anew.

use super::http::{Body, Http};
use super::route::{Group, Route};
use flowcontrol_contract::Timestamp;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_ksef_wire::crypto::{self, PublicKey};
use flowcontrol_ksef_wire::messages::{PublicKeyCertificate, PublicKeyUsage};
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::sync::Mutex;

/// KSeF takes another key away by this code.
pub const WITHDRAWN: i64 = 21470;

/// The keys, fetched once and whenever KSeF says that one is withdrawn.
#[derive(Debug)]
pub struct Keys {
    http: Arc<Http>,
    known: Mutex<Option<Arc<Vec<PublicKeyCertificate>>>>,
}

impl Keys {
    /// None is known yet.
    pub fn new(http: Arc<Http>) -> Self {
        Self { http, known: Mutex::new(None) }
    }

    /// The key for `usage`.
    ///
    /// # Errors
    /// `Unavailable` when KSeF offers none that can be used now, or cannot be reached.
    pub async fn get(&self, usage: PublicKeyUsage) -> Result<PublicKey> {
        choose(&self.all().await?, usage, self.http.clock().now())
    }

    /// Forgets them: KSeF withdrew one.
    pub async fn forget(&self) {
        *self.known.lock().await = None;
    }

    /// How many can be used now.
    ///
    /// # Errors
    /// As [`Keys::get`].
    pub async fn count(&self) -> Result<usize> {
        let now = instant(self.http.clock().now());
        let all = self.all().await?;
        Ok(all.iter().filter(|k| k.valid_from <= now && now < k.valid_to).count())
    }

    async fn all(&self) -> Result<Arc<Vec<PublicKeyCertificate>>> {
        let mut known = self.known.lock().await;
        if let Some(keys) = &*known {
            return Ok(keys.clone());
        }
        let route = Route::get(
            "fetch KSeF's public keys",
            Group::Anonymous,
            "/security/public-key-certificates",
        );
        let answer = self.http.call(&route, None, &[], &Body::Empty).await?;
        let keys = Arc::new(answer.json::<Vec<PublicKeyCertificate>>()?);
        *known = Some(keys.clone());
        Ok(keys)
    }
}

fn instant(now: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(now.micros()) * 1000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Of the keys that are for `usage` and valid now, the one that is valid from latest. One whose
/// names do not fit its certificate is passed over.
///
/// # Errors
/// `Unavailable` when there is none.
pub fn choose(
    keys: &[PublicKeyCertificate],
    usage: PublicKeyUsage,
    now: Timestamp,
) -> Result<PublicKey> {
    let now = instant(now);
    let mut fit: Vec<_> = keys
        .iter()
        .filter(|k| k.usage.contains(&usage) && k.valid_from <= now && now < k.valid_to)
        .collect();
    fit.sort_by_key(|k| std::cmp::Reverse(k.valid_from));
    let usable = |k: &&PublicKeyCertificate| {
        let der = crypto::decode(&k.certificate)?;
        PublicKey::from_certificate(&der).ok().filter(|key| key.id() == k.public_key_id)
    };
    fit.iter().find_map(usable).ok_or_else(|| {
        Error::new(ErrorKind::Unavailable, format!("KSeF has no valid key for {usage:?}"))
            .hint("check this machine's clock")
    })
}

#[cfg(test)]
mod tests {
    use super::choose;
    use flowcontrol_contract::Timestamp;
    use flowcontrol_ksef_wire::crypto::{PrivateKey, encode, sha256_base64};
    use flowcontrol_ksef_wire::messages::{PublicKeyCertificate, PublicKeyUsage};
    use rcgen::{CertificateParams, KeyPair};
    use time::macros::datetime;

    #[test]
    fn the_latest_valid_key_for_the_purpose_is_taken() {
        use PublicKeyUsage::{KsefTokenEncryption, SymmetricKeyEncryption};
        let key = |from, to, usage: PublicKeyUsage| {
            let pair = PrivateKey::generate().unwrap().to_pkcs8().unwrap();
            let pair = KeyPair::try_from(&*pair).unwrap();
            let der = CertificateParams::default().self_signed(&pair).unwrap();
            let id = flowcontrol_ksef_wire::crypto::PublicKey::from_certificate(der.der())
                .unwrap()
                .id()
                .to_owned();
            PublicKeyCertificate {
                certificate: encode(der.der()),
                certificate_id: sha256_base64(der.der()),
                public_key_id: id,
                valid_from: from,
                valid_to: to,
                usage: vec![usage],
            }
        };
        let (y25, y26, y27, y28) = (
            datetime!(2025-01-01 0:00 UTC),
            datetime!(2026-01-01 0:00 UTC),
            datetime!(2027-01-01 0:00 UTC),
            datetime!(2028-01-01 0:00 UTC),
        );
        let mut keys = vec![
            key(y25, y28, SymmetricKeyEncryption),
            key(y26, y28, SymmetricKeyEncryption),
            key(y27, y28, SymmetricKeyEncryption),
            key(y25, y26, KsefTokenEncryption),
        ];
        let now = Timestamp::parse("2026-11-27T10:00:00Z").unwrap();
        let chosen = choose(&keys, SymmetricKeyEncryption, now).unwrap();
        assert_eq!(chosen.id(), keys[1].public_key_id);
        assert!(choose(&keys, KsefTokenEncryption, now).is_err());
        // Another certificate under this name is not taken for it.
        keys[1].certificate = keys[2].certificate.clone();
        let chosen = choose(&keys, SymmetricKeyEncryption, now).unwrap();
        assert_eq!(chosen.id(), keys[0].public_key_id);
    }
}
