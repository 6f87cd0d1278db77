//! Whether a receipt (UPO) speaks of the invoice that it was asked for.

use crate::crypto;
use flowcontrol_contract::{Digest, KsefNumber};

/// The namespace of UPO 4.3 without its version, which grows.
const NAMESPACE: &str = "http://upo.schematy.mf.gov.pl/KSeF/";

/// Judges a receipt: it is what was sent (`told`, the base64 SHA-256 of the answer's header), it is
/// an UPO, and it names exactly this invoice under exactly this number.
///
/// # Errors
/// What is wrong with it, in words.
pub fn judge(
    xml: &[u8],
    told: Option<&str>,
    number: &KsefNumber,
    invoice: &Digest,
) -> Result<(), String> {
    if let Some(told) = told
        && told != crypto::sha256_base64(xml)
    {
        return Err("it is not what KSeF sent: its hash differs from the answer's header".into());
    }
    let text = std::str::from_utf8(xml).map_err(|_| "it is not UTF-8")?;
    let tree = roxmltree::Document::parse(text).map_err(|e| format!("it is not XML: {e}"))?;
    let root = tree.root_element();
    let known = root.tag_name().namespace().is_some_and(|n| n.starts_with(NAMESPACE));
    if !known || root.tag_name().name() != "Potwierdzenie" {
        return Err("it is no UPO".into());
    }
    let hash = crypto::encode(invoice.0);
    let documents = root.children().filter(|n| n.tag_name().name() == "Dokument");
    let mut names_number = false;
    for document in documents {
        let value = |name: &str| {
            let child = document.children().find(|n| n.tag_name().name() == name);
            child.and_then(|n| n.text()).unwrap_or("").trim()
        };
        if value("NumerKSeFDokumentu") == number.as_str() {
            if value("SkrotDokumentu") == hash {
                return Ok(());
            }
            names_number = true;
        }
    }
    Err(if names_number {
        format!("it gives {number} to an invoice with other bytes")
    } else {
        format!("it does not speak of {number}")
    })
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::crypto::{encode, sha256_base64};
    use flowcontrol_contract::{Digest, KsefNumber};

    #[test]
    fn a_receipt_of_another_invoice_proves_nothing() {
        let number = KsefNumber::new("5265877635-20250916-0200A0D6723E-C2").unwrap();
        let invoice = Digest::of("an invoice");
        let hash = encode(invoice.0);
        let xml = format!(
            "<Potwierdzenie xmlns=\"http://upo.schematy.mf.gov.pl/KSeF/v4-3\"><Dokument>\
             <NumerKSeFDokumentu>{number}</NumerKSeFDokumentu><SkrotDokumentu>{hash}\
             </SkrotDokumentu></Dokument></Potwierdzenie>"
        );
        let told = sha256_base64(&xml);
        assert_eq!(judge(xml.as_bytes(), Some(&told), &number, &invoice), Ok(()));
        assert_eq!(judge(xml.as_bytes(), None, &number, &invoice), Ok(()));
        let judged = |xml: &str, told: Option<&str>| {
            judge(xml.as_bytes(), told, &number, &invoice).unwrap_err()
        };
        assert!(judged(&xml, Some(&hash)).contains("header"));
        assert!(judged(&xml.replace(&hash, &told), None).contains("other bytes"));
        assert!(judged(&xml.replace("-C2", "-C3"), None).contains("does not speak"));
        assert!(judged(&xml.replace("KSeF/v4-3", "KSeF"), None).contains("no UPO"));
        assert!(judged("<Potwierdzenie/>", None).contains("no UPO"));
        assert!(judged(&xml[..xml.len() - 9], None).contains("not XML"));
        let declared = format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{xml}");
        assert!(judged(&declared, None).contains("not XML"));
    }
}
