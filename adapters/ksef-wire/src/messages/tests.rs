//! Requests are strict, responses tolerant, secrets hidden.

use super::*;
use serde_json::{from_value, json, to_value};

const REFERENCE: &str = "20250625-EE-319D7EE000-B67F415CDC-2C";

#[test]
fn a_reference_that_could_change_a_path_is_none() {
    assert_eq!(REFERENCE.parse::<ReferenceNumber>().unwrap().as_str(), REFERENCE);
    for bad in
        ["", "..", &REFERENCE[1..], &REFERENCE.replace('-', "/"), &REFERENCE.replace('2', "é")]
    {
        assert_eq!(bad.parse::<ReferenceNumber>(), Err(ReferenceError), "{bad}");
        assert!(from_value::<SentInvoice>(json!({"referenceNumber": bad})).is_err());
    }
}

#[test]
fn a_request_refuses_what_it_does_not_know() {
    let good = json!({"formCode": {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"},
        "encryption": {"encryptedSymmetricKey": "AA==", "initializationVector": "AA=="}});
    assert_eq!(from_value::<OpenOnlineSession>(good.clone()).unwrap().form_code, FormCode::fa3());
    let mut outer = good.clone();
    outer["FormCode"] = json!({});
    let mut inner = good;
    inner["encryption"]["key"] = json!(1);
    for bad in [outer, inner] {
        let error = from_value::<OpenOnlineSession>(bad).unwrap_err().to_string();
        assert!(error.starts_with("unknown field"), "{error}");
    }
}

#[test]
fn a_response_tolerates_what_is_new() {
    let status = json!({"startDate": "2026-11-23T10:00:00.1234567+00:00", "new": 1,
        "status": {"code": 200, "description": "ok", "new": []}});
    let status: AuthenticationStatus = from_value(status).unwrap();
    assert_eq!((status.authentication_method, status.status.code), (None, 200));
    let key = json!({"certificate": "", "certificateId": "", "publicKeyId": "",
        "validFrom": "2026-01-01T00:00:00Z", "validTo": "2027-01-01T00:00:00Z",
        "usage": ["SymmetricKeyEncryption", "Later"]});
    let key: PublicKeyCertificate = from_value(key).unwrap();
    assert_eq!(key.usage, [PublicKeyUsage::SymmetricKeyEncryption, PublicKeyUsage::Unknown]);
}

#[test]
fn names_are_those_of_the_document() {
    let sent = SendInvoice {
        invoice_hash: "h".into(),
        invoice_size: 1,
        encrypted_invoice_hash: "e".into(),
        encrypted_invoice_size: 16,
        encrypted_invoice_content: Sealed::new("c"),
        offline_mode: false,
        hash_of_corrected_invoice: None,
    };
    let expected = json!({"invoiceHash": "h", "invoiceSize": 1, "encryptedInvoiceHash": "e",
        "encryptedInvoiceSize": 16, "encryptedInvoiceContent": "c", "offlineMode": false});
    assert_eq!(to_value(&sent).unwrap(), expected);
    assert!(!format!("{sent:?}").contains("\"c\""));
}
