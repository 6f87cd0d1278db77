//! What is signed here verifies, and what is changed does not. Judges that are not ours are in
//! `tests/xades.rs`.

use super::{
    AuthTokenRequest, Context, Credential, Purpose, Refused, Subject, purpose, sign, verify,
};
use flowcontrol_contract::Timestamp;
use rcgen::{CertificateParams, KeyPair, KeyUsagePurpose};

fn now() -> Timestamp {
    Timestamp::parse("2026-11-27T10:00:00Z").unwrap()
}

fn request() -> AuthTokenRequest {
    AuthTokenRequest {
        challenge: "20251127-CR-20F5EE4000-DA48AE4124-46".into(),
        context: Context::Nip("5265877635".into()),
        subject: Subject::CertificateSubject,
    }
}

fn made(usage: &[KeyUsagePurpose], from: i32, until: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.key_usages = usage.to_vec();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn credential() -> Credential {
    let (certificate, key) = made(&[KeyUsagePurpose::DigitalSignature], 2025, 2027);
    Credential::read(&certificate, &key, now(), false).unwrap()
}

#[test]
fn what_is_signed_is_verified() {
    let by = credential();
    let signed = sign(&request(), &by, now()).unwrap();
    let verified = verify(signed.as_bytes()).unwrap();
    assert_eq!((verified.request, &*verified.certificate), (request(), by.certificate()));
}

#[test]
fn no_byte_of_what_is_signed_can_be_changed() {
    let signed = sign(&request(), &credential(), now()).unwrap();
    let changed: [(&str, &str, Refused); 4] = [
        ("<Nip>5265877635<", "<Nip>5265877636<", Refused::Changed("the document")),
        ("T10:00:00Z", "T10:00:01Z", Refused::Changed("the signed properties")),
        (" URI=\"\">", " URI=\"\" x=\"\">", Refused::Changed("what is signed, or its signature,")),
        ("certificateSubject", "certificateFingerprint", Refused::Changed("the document")),
    ];
    for (from, to, why) in changed {
        let other = signed.replacen(from, to, 1);
        assert_ne!(other, signed, "{from}");
        assert_eq!(verify(other.as_bytes()), Err(why));
    }
    // One character of base64 in the value changes the signature itself.
    let at = signed.find("<ds:SignatureValue>").unwrap() + 30;
    let mut bytes = signed.into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    assert!(verify(&bytes).is_err());
}

#[test]
fn a_signature_cannot_be_wrapped_doubled_or_pointed_elsewhere() {
    let signed = sign(&request(), &credential(), now()).unwrap();
    let signature = &signed[signed.find("<ds:Signature ").unwrap()..];
    let signature = &signature[..signature.rfind("</AuthTokenRequest>").unwrap()];
    for (other, why) in [
        (signed.replacen(signature, &signature.repeat(2), 1), "exactly one signature"),
        (signed.replacen(signature, "", 1), "exactly one signature"),
        (signed.replacen(" URI=\"\"", " URI=\"#Signature\"", 1), "of nothing else"),
        (signed.replacen(" URI=\"\"", " URI=\"http://x\"", 1), "outside the document"),
        (
            signed.replacen("<ds:KeyInfo>", "<ds:KeyInfo Id=\"SignedProperties\">", 1),
            "2 elements have the id",
        ),
        (
            signed.replacen("#rsa-sha256", "#rsa-sha1", 9).replacen(
                "#ecdsa-sha256",
                "#ecdsa-sha1",
                9,
            ),
            "signature algorithm",
        ),
        (signed.replacen("<?xml", "<!DOCTYPE a [<!ENTITY b \"c\">]><?xml", 1), "cannot be read"),
        (format!("\u{feff}{signed}\0"), "cannot be read"),
    ] {
        assert_ne!(other, signed);
        let refused = verify(other.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains(why), "{why}: {refused}");
    }
    let wrapped = signed.replacen(
        "<AuthTokenRequest ",
        "<AuthTokenRequest xmlns=\"http://ksef.mf.gov.pl/auth/token/2.1\"><AuthTokenRequest ",
        1,
    ) + "</AuthTokenRequest>";
    let refused = verify(wrapped.as_bytes()).unwrap_err().to_string();
    assert!(refused.contains("not enveloped"), "{refused}");
}

#[test]
fn a_certificate_that_cannot_sign_in_is_named_before_anything_is_signed() {
    let authentication = [KeyUsagePurpose::DigitalSignature];
    let good = made(&authentication, 2025, 2027);
    let other = made(&authentication, 2025, 2027);
    for ((certificate, key), why) in [
        ((good.0.clone(), other.1.clone()), "does not belong to the certificate"),
        (made(&authentication, 2024, 2026), "expired at 2026-01-01"),
        (made(&authentication, 2027, 2028), "valid from 2027-01-01"),
        (made(&[KeyUsagePurpose::ContentCommitment], 2025, 2027), "an Offline certificate"),
        (made(&[KeyUsagePurpose::CrlSign], 2025, 2027), "neither signing in nor QR"),
        (made(&[], 2025, 2027), "does not say what it is for"),
        ((good.0.clone(), good.0.clone()), "private key is not PEM"),
        ((good.1.clone(), good.1.clone()), "certificate is not PEM"),
        (
            (good.0.clone(), good.1.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")),
            "encrypted with a password",
        ),
    ] {
        let refused = Credential::read(&certificate, &key, now(), false).unwrap_err();
        assert!(refused.message().contains(why), "{why}: {refused}");
        assert!(!refused.chain().contains("MII"), "{refused}");
    }
    let (certificate, key) = made(&[], 2025, 2027);
    assert!(Credential::read(&certificate, &key, now(), true).is_ok());
    let shown = format!("{:?}", Credential::read(&good.0, &good.1, now(), false).unwrap());
    assert!(!shown.contains("key") && !shown.contains("certificate"), "{shown}");
}

#[test]
fn the_purpose_of_a_certificate_is_its_key_usage() {
    let (pem, _) = made(&[KeyUsagePurpose::ContentCommitment], 2025, 2027);
    let der = rcgen_der(&pem);
    assert_eq!(purpose(&der).unwrap(), Purpose::Offline);
    assert!(purpose(b"no certificate").is_err());
}

fn rcgen_der(pem: &str) -> Vec<u8> {
    use rustls_pki_types::pem::PemObject;
    rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}
