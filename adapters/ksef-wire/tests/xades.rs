//! Programs we did not write judge our signatures: `xmlsec1` and `signxml`; and a signature that we
//! did not make is verified.

#![allow(clippy::unwrap_used, reason = "tests")]

use flowcontrol_contract::Timestamp;
use flowcontrol_ksef_testkit::judges::{answers, python, root, said, skip};
use flowcontrol_ksef_wire::xades::{AuthTokenRequest, Context, Credential, Subject, sign, verify};
use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose};
use std::path::Path;
use std::process::Command;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-27T10:00:00Z").unwrap()
}

/// The certificate and a signed document of an RSA key of 2048 bits and of an EC key on P-256.
fn signed() -> Vec<(&'static str, String, String)> {
    let rsa = flowcontrol_ksef_wire::crypto::PrivateKey::generate().unwrap().to_pkcs8().unwrap();
    let rsa = KeyPair::try_from(&*rsa).unwrap();
    [("RSA", rsa), ("EC", KeyPair::generate().unwrap())]
        .into_iter()
        .map(|(name, key)| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::OrganizationName, "Zażółć & Söhne");
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.not_before = rcgen::date_time_ymd(2025, 1, 1);
            params.not_after = rcgen::date_time_ymd(2036, 1, 1);
            let certificate = params.self_signed(&key).unwrap().pem();
            let by = Credential::read(&certificate, &key.serialize_pem(), now(), false).unwrap();
            let request = AuthTokenRequest {
                challenge: "20251127-CR-20F5EE4000-DA48AE4124-46".into(),
                context: Context::Nip("5265877635".into()),
                subject: Subject::CertificateSubject,
            };
            (name, certificate, sign(&request, &by, now()).unwrap())
        })
        .collect()
}

/// Whether `judge` takes our documents and refuses each with one byte changed.
fn judged(judge: impl Fn(&Path, &Path) -> std::process::Output) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    for (name, certificate, document) in signed() {
        let certificate = file("certificate.pem", &certificate);
        let verdict = judge(&certificate, &file("signed.xml", &document));
        assert!(verdict.status.success(), "{name}: {}", said(&verdict));
        for (from, to) in [("<Nip>5265877635<", "<Nip>5265877636<"), ("10:00:00Z", "10:00:01Z")] {
            let changed = document.replacen(from, to, 1);
            assert_ne!(changed, document);
            let verdict = judge(&certificate, &file("changed.xml", &changed));
            assert!(!verdict.status.success(), "{name}: {from} was changed unseen");
        }
    }
}

#[test]
fn xmlsec1_verifies_our_signatures_and_sees_one_changed_byte() {
    let program = Path::new("xmlsec1");
    if !answers(program, &["--version"]) {
        return skip("our XAdES", "xmlsec1", "it is not installed");
    }
    judged(|certificate, document| {
        Command::new(program)
            .arg("--verify")
            .args(["--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"])
            .arg("--pubkey-cert-pem")
            .args([certificate, document])
            .output()
            .unwrap()
    });
}

#[test]
fn signxml_verifies_our_signatures_and_sees_one_changed_byte() {
    let Some(python) = python("our XAdES", "signxml") else { return };
    judged(|certificate, document| {
        let script = root().join("tests/judges/xades.py");
        Command::new(&python).arg(script).args([certificate, document]).output().unwrap()
    });
}

#[test]
fn what_another_program_signed_is_verified() {
    let sample =
        root().join("../shared/ksef/samples/auth/authtokenrequest-xades-signed-by-ksef2-1.1.0.xml");
    let Ok(signed) = std::fs::read_to_string(&sample) else {
        return skip("a signature of ksef2", "samples", "the samples are not there");
    };
    let verified = verify(signed.as_bytes()).unwrap();
    assert_eq!(verified.request.context, Context::Nip("5265877635".into()));
    assert_eq!(verified.request.challenge, "20261123-CR-BFE3D8D8E8-A1952F351F-7B");
    assert!(verify(signed.replacen("5265877635", "5265877636", 1).as_bytes()).is_err());
}

#[test]
fn the_schema_takes_the_request() {
    let schema = root().join("../shared/ksef/xsd/auth/schemat_auth_v2-1.xsd");
    if !schema.exists() {
        return skip("the request's schema", "samples", "the schema is not there");
    }
    let program = Path::new("xmllint");
    if !answers(program, &["--version"]) {
        return skip("the request's schema", "xmllint", "it is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("request.xml");
    let (_, _, document) = signed().remove(1);
    // The schema knows no signature, which is enveloped in the document all the same.
    let from = document.find("<ds:Signature ").unwrap();
    let until = document.find("</AuthTokenRequest>").unwrap();
    std::fs::write(&path, document[..from].to_owned() + &document[until..]).unwrap();
    let verdict = Command::new(program)
        .args(["--nonet", "--noout", "--schema"])
        .args([&schema, &path])
        .output()
        .unwrap();
    assert!(verdict.status.success(), "{}", said(&verdict));
}
