//! The live client signs in with a certificate, and says what is wrong with one before any request.

use crate::scene::{Scene, Shared};
use flowcontrol_contract::error::ErrorKind;
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::secret::Secrets;
use flowcontrol_contract::{KsefProvider, Result, Secret, SecretRef};
use flowcontrol_ksef::Ksef;
use flowcontrol_ksef_testkit::invoices::{SELLER, invoice};
use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use std::sync::Arc;

/// A certificate and its key, by the names of files.
pub struct Pair {
    certificate: String,
    key: String,
}

impl Secrets for Pair {
    fn resolve(&self, reference: &SecretRef) -> Result<Secret> {
        Ok(Secret::new(match reference {
            SecretRef::File(name) if name == "certificate" => self.certificate.clone(),
            _ => self.key.clone(),
        }))
    }
}

pub fn pair(nip: &str, usage: KeyUsagePurpose, until: i32, rsa: bool) -> Pair {
    let key = if rsa {
        let der =
            flowcontrol_ksef_wire::crypto::PrivateKey::generate().unwrap().to_pkcs8().unwrap();
        KeyPair::try_from(&*der).unwrap()
    } else {
        KeyPair::generate().unwrap()
    };
    let mut params = CertificateParams::default();
    params.key_usages = vec![usage];
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let organization = DnType::CustomDnType(vec![2, 5, 4, 97]);
    params.distinguished_name.push(organization, format!("VATPL-{nip}"));
    let certificate = params.self_signed(&key).unwrap().pem();
    Pair { certificate, key: key.serialize_pem() }
}

fn client(scene: &Scene, pair: &Pair) -> Result<Ksef> {
    client_of(scene, scene.config(), pair)
}

/// A client that signs in with a certificate and is else as `config` says.
pub fn client_of(scene: &Scene, mut config: Value, pair: &Pair) -> Result<Ksef> {
    config.as_object_mut().unwrap().remove("token");
    config["certificate"] = json!({"file": "certificate"});
    config["key"] = json!({"file": "key"});
    let cx = BuildCx { secrets: pair, base: scene.folder.path() };
    Ksef::new(config, cx, Arc::new(Shared(scene.clock.clone())))
}

#[tokio::test]
async fn a_certificate_signs_in_with_either_kind_of_key() {
    for rsa in [true, false] {
        let scene = Scene::new().await;
        let pair = pair(SELLER, KeyUsagePurpose::DigitalSignature, 2027, rsa);
        let client = client(&scene, &pair).unwrap();
        let probe = client.probe().await.unwrap();
        assert_eq!(probe.signed_in_by, "certificate");
        assert!(probe.certificate_until.is_some());
        scene.submit(&client, &invoice("FV/1")).await.unwrap();
        assert_eq!(scene.received(), 1);
    }
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_turned_away_with_ksefs_code() {
    let scene = Scene::new().await;
    let pair = pair("1111111111", KeyUsagePurpose::DigitalSignature, 2027, false);
    let error = client(&scene, &pair).unwrap().probe().await.unwrap_err();
    assert_eq!((error.kind(), error.reported().unwrap().code), (ErrorKind::Denied, 415));
}

#[tokio::test]
async fn one_that_cannot_sign_in_is_named_before_any_request() {
    let scene = Scene::new().await;
    scene.plan("challenge:status=500");
    for (pair, why) in [
        (pair(SELLER, KeyUsagePurpose::DigitalSignature, 2026, false), "expired"),
        (pair(SELLER, KeyUsagePurpose::ContentCommitment, 2027, false), "an Offline certificate"),
    ] {
        let error = client(&scene, &pair).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains(why), "{error}");
    }
    assert_eq!(scene.faults_left(), 1);
}
