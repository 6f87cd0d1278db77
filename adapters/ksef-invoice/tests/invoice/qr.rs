//! Codes and the printed page: what is signed verifies, pictures are read back, nothing is loaded.

use crate::support::{build, payload};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flowcontrol_ksef_invoice::key::KeyError;
use flowcontrol_ksef_invoice::nip::Nip;
use flowcontrol_ksef_invoice::print::{Codes, page};
use flowcontrol_ksef_invoice::qr::{
    CertificateError, Issuer, Link, OfflineCertificate, Picture, Place, code_one, code_two,
};
use flowcontrol_ksef_invoice::summary;
use flowcontrol_ksef_testkit::judges;
use rcgen::{
    CertificateParams, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    SerialNumber,
};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use std::process::Command;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const NOW: OffsetDateTime = datetime!(2026-11-27 12:00 UTC);

/// A certificate for these purposes and the key that it is for.
fn certificate(key: &KeyPair, usages: &[KeyUsagePurpose]) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.serial_number =
        Some(SerialNumber::from_slice(&[1, 0xF2, 0x0A, 0x5D, 0x35, 0x2A, 0xE5, 0x90]));
    params.not_before = NOW - Duration::DAY;
    params.not_after = NOW + Duration::DAY;
    params.key_usages = usages.to_vec();
    params.self_signed(key).unwrap().pem()
}

fn offline(key: &KeyPair) -> Result<OfflineCertificate, CertificateError> {
    OfflineCertificate::read(
        &certificate(key, &[KeyUsagePurpose::ContentCommitment]),
        &key.serialize_pem(),
        NOW,
    )
}

fn linked(certificate: &OfflineCertificate) -> Link {
    let seller = Nip::parse("5265877635").unwrap();
    let issuer = Issuer::Nip("5265877635".into());
    code_two(Place::Demo, &issuer, &seller, &[7; 32], certificate).unwrap()
}

/// Splits a link into what is signed and the signature.
fn parts(link: &Link) -> (String, Vec<u8>) {
    let (signed, signature) = link.as_str().rsplit_once('/').unwrap();
    let signed = signed.strip_prefix("https://").unwrap();
    (signed.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

#[test]
fn code_two_verifies_with_an_elliptic_key() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let (signed, signature) = parts(&linked(&offline(&key).unwrap()));
    let digest = URL_SAFE_NO_PAD.encode([7; 32]);
    assert_eq!(
        signed,
        format!(
            "qr-demo.ksef.mf.gov.pl/certificate/Nip/5265877635/5265877635/01F20A5D352AE590/{digest}"
        )
    );
    assert_eq!(signature.len(), 64, "R||S");
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key_raw());
    public.verify(signed.as_bytes(), &signature).unwrap();
    assert!(public.verify(signed.replace("demo", "test").as_bytes(), &signature).is_err());
}

/// OpenSSL makes the key, since ring makes none, and judges salt and padding.
#[test]
fn openssl_verifies_code_two_with_an_rsa_key() {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |line: &str| {
        Command::new("openssl").args(line.split(' ')).current_dir(folder.path()).output()
    };
    let made = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem";
    let Ok(made) = openssl(made) else {
        judges::skip("KOD II with RSA", "openssl", "openssl is not installed");
        return;
    };
    assert!(made.status.success());
    let pem = std::fs::read_to_string(folder.path().join("key.pem")).unwrap();
    let key = KeyPair::from_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256).unwrap();
    let (signed, signature) = parts(&linked(&offline(&key).unwrap()));
    std::fs::write(folder.path().join("public.pem"), key.public_key_pem()).unwrap();
    std::fs::write(folder.path().join("signature"), signature).unwrap();
    let verify = |text: &str, salt: &str| {
        std::fs::write(folder.path().join("signed"), text).unwrap();
        let line = format!(
            "dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:{salt} \
             -verify public.pem -signature signature signed"
        );
        openssl(&line).unwrap().status.success()
    };
    assert!(verify(&signed, "32"));
    assert!(!verify(&signed, "20"));
    assert!(!verify(&format!("{signed}/"), "32"));
}

#[test]
fn only_an_offline_certificate_with_its_own_key_signs() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let (pem, other) = (key.serialize_pem(), KeyPair::generate().unwrap());
    let read = |usages: &[KeyUsagePurpose], pem: &str, now| {
        OfflineCertificate::read(&certificate(&key, usages), pem, now).map(drop)
    };
    let offline = &[KeyUsagePurpose::ContentCommitment][..];
    assert_eq!(read(offline, &pem, NOW), Ok(()));
    let signing_in = read(&[KeyUsagePurpose::DigitalSignature], &pem, NOW).unwrap_err();
    assert_eq!(signing_in, CertificateError::Authentication);
    assert!(signing_in.to_string().contains("one of the kind Offline"), "{signing_in}");
    assert_eq!(read(&[], &pem, NOW), Err(CertificateError::Unsaid));
    assert_eq!(read(&[KeyUsagePurpose::KeyCertSign], &pem, NOW), Err(CertificateError::Unsaid));
    assert_eq!(read(offline, &other.serialize_pem(), NOW), Err(CertificateError::Pair));
    assert_eq!(read(offline, "no key", NOW), Err(CertificateError::Key(KeyError::Pem)));
    assert!(matches!(
        read(offline, &pem, NOW + Duration::days(2)),
        Err(CertificateError::Time { .. })
    ));
    assert!(matches!(
        read(offline, &pem, NOW - Duration::days(2)),
        Err(CertificateError::Time { .. })
    ));
    assert_eq!(
        OfflineCertificate::read("no certificate", &pem, NOW).map(drop),
        Err(CertificateError::Certificate)
    );
    let shown = format!("{:?}", self::offline(&key).unwrap());
    assert!(!shown.contains("key") && shown.contains("01F20A5D352AE590"), "{shown}");
}

/// Reads the code in a PNG with a reader that is not ours.
fn read_back(png: &[u8]) -> String {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let (width, height) = (info.width as usize, info.height as usize);
    let grey = |x: usize, y: usize| {
        let bit = pixels[y * info.line_size + x / 8] >> (7 - x % 8) & 1;
        bit * 255
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

#[test]
fn pictures_hold_their_links() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let seller = Nip::parse("5265877635").unwrap();
    let one = code_one(Place::Prd, &seller, time::macros::date!(2026 - 02 - 01), &[9; 32]);
    for link in [one, linked(&offline(&key).unwrap())] {
        let picture = Picture::of(&link).unwrap();
        let png = picture.png().unwrap();
        assert_eq!(read_back(&png), link.as_str());
        let svg = picture.svg();
        let tree = roxmltree::Document::parse(&svg).unwrap();
        assert_eq!(tree.root_element().tag_name().name(), "svg");
        assert_eq!(svg, picture.svg());
    }
}

#[test]
fn the_page_shows_the_invoice_and_loads_nothing() {
    let mut payload = payload();
    payload["lines"][0]["name"] = "<script>alert(1)</script> & co".into();
    let xml = build(&payload).unwrap();
    let said = summary(&xml).unwrap();
    let sha256: [u8; 32] = Sha256::digest(&xml).into();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let codes = Codes {
        one: code_one(Place::Test, &said.seller, said.issued, &sha256),
        ksef_no: None,
        two: Some(linked(&offline(&key).unwrap())),
    };
    let html = page(&xml, &codes).unwrap();
    for part in [
        "Faktura FV/2026/000012",
        "BFG Control sp. z o.o.",
        "5265877635",
        "Karpaty Trans",
        "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co",
        "1537.50 PLN",
        "1250.00",
        "287.50",
        ">OFFLINE<",
        ">CERTYFIKAT<",
        codes.one.as_str(),
    ] {
        assert!(html.contains(part), "{part} is not in {html}");
    }
    assert!(!html.contains("<script") && !html.contains("src="), "{html}");
    let numbered =
        Codes { ksef_no: Some("5265877635-20260201-000000000000-00".into()), two: None, ..codes };
    let html = page(&xml, &numbered).unwrap();
    assert!(!html.contains("OFFLINE") && !html.contains("CERTYFIKAT"));
    assert_eq!(html.matches("5265877635-20260201-000000000000-00").count(), 2);
    assert!(page(b"<a/>", &numbered).is_err());
}
