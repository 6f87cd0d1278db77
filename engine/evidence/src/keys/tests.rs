//! Keys and signatures: one encoding, no weak key, and nothing verifies but what was signed.

use super::{PrivateKey, PublicKey, Signature, SignedKind, Value};

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed(&[seed; 32]).unwrap()
}

#[test]
fn a_signature_is_for_its_key_subject_and_content_alone() {
    let signature = key(1).sign(SignedKind::Packet, "content");
    assert!(signature.verifies(SignedKind::Packet, "content"));
    assert!(!signature.verifies(SignedKind::Head, "content"));
    assert!(!signature.verifies(SignedKind::Acceptance, "content"));
    assert!(!signature.verifies(SignedKind::Packet, "content "));
    let other = Signature { key: key(2).public(), ..signature };
    assert!(!other.verifies(SignedKind::Packet, "content"));
}

#[test]
fn a_flipped_bit_of_key_or_signature_is_found() {
    let signature = key(1).sign(SignedKind::Head, "7 abc");
    for bit in 0..512 {
        let mut value = signature.value;
        value.0[bit / 8] ^= 1 << (bit % 8);
        assert!(!Signature { value, ..signature }.verifies(SignedKind::Head, "7 abc"), "bit {bit}");
    }
    for bit in 0..256 {
        let mut bytes = *signature.key.bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(key) = PublicKey::from_bytes(bytes) {
            assert!(
                !Signature { key, ..signature }.verifies(SignedKind::Head, "7 abc"),
                "bit {bit}"
            );
        }
    }
}

/// Adding the group's order to a signature's second half gives another one that lax verifiers take.
#[test]
fn a_signature_has_one_form() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let signature = key(3).sign(SignedKind::Packet, "x");
    let (mut value, mut carry) = (signature.value, 0);
    for (byte, add) in value.0[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(carry, 0);
    assert!(!Signature { value, ..signature }.verifies(SignedKind::Packet, "x"));
}

#[test]
fn a_key_under_which_anything_verifies_is_none() {
    // The neutral element, two points of order 8, and the neutral element encoded as p + 1.
    for weak in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let refused = PublicKey::parse(&format!("ed25519:{weak}")).unwrap_err();
        assert!(refused.contains("no private key"), "{weak}: {refused}");
    }
}

#[test]
fn keys_and_signatures_have_one_encoding_and_a_refused_one_is_not_repeated() {
    let public = key(1).public();
    let text = public.to_string();
    assert_eq!(PublicKey::parse(&text), Ok(public));
    assert_eq!(serde_json::to_value(public).unwrap(), text.as_str());
    assert_eq!(public.short(), text[..16]);
    let digits = &text["ed25519:".len()..];
    for wrong in [
        digits.to_owned(),
        text.to_uppercase(),
        format!("ed25519:{}", digits.to_uppercase()),
        format!("{text} "),
        format!("{text}00"),
        text[..70].to_owned(),
        "ed25519:".to_owned(),
        "-----BEGIN PRIVATE KEY-----\nkanarek\n-----END PRIVATE KEY-----\n".to_owned(),
    ] {
        let refused = PublicKey::parse(&wrong).unwrap_err();
        assert!(!refused.contains(digits) && !refused.contains("kanarek"), "{refused}");
        assert!(refused.contains("keys show"), "{refused}");
        let json = serde_json::to_string(&wrong).unwrap();
        let refused = serde_json::from_str::<PublicKey>(&json).unwrap_err().to_string();
        assert!(!refused.contains(digits) && !refused.contains("kanarek"), "{refused}");
    }
    for wrong in ["20241123", "[20241123]", "{\"a\": 20241123}", "null"] {
        let refused = serde_json::from_str::<PublicKey>(wrong).unwrap_err().to_string();
        assert!(!refused.contains("20241123"), "{refused}");
    }
    let value = key(1).sign(SignedKind::Packet, "x").value;
    assert_eq!(Value::parse(&value.to_string()), Ok(value));
    assert!(Value::parse(&value.to_string().to_uppercase()).is_err());
    assert!(Value::parse(&value.to_string()[1..]).is_err());
}

#[test]
fn a_private_key_shows_its_public_one_and_reads_back() {
    let key = key(9);
    let pem = key.pem().unwrap();
    assert_eq!(PrivateKey::from_pem(pem.expose()).unwrap(), key);
    let shown = format!("{key:?}");
    assert!(shown.contains(&key.public().to_string()), "{shown}");
    let forms = key.forms();
    assert_eq!(forms.len(), 3);
    assert!(forms.iter().all(|form| !shown.contains(form.expose())));
    for (why, text) in [
        ("encrypted", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nkanarek\n"),
        ("public key", "-----BEGIN PUBLIC KEY-----\nkanarek\n"),
        (
            "not a valid Ed25519",
            "-----BEGIN PRIVATE KEY-----\nkanarek\n-----END PRIVATE KEY-----\n",
        ),
        ("not a valid Ed25519", "kanarek"),
    ] {
        let refused = PrivateKey::from_pem(text).unwrap_err();
        assert!(refused.contains(why) && !refused.contains("kanarek"), "{refused}");
    }
}
