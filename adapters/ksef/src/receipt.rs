//! Receipts (UPO): from KSeF into the folder, once they are verified against the invoice.

use super::api::Api;
use super::state::{Entry, Folder};
use flowcontrol_client::Response;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::ksef::{InvoiceState, Upo};
use flowcontrol_contract::{Digest, KsefNumber, Reference};
use flowcontrol_ksef_wire::crypto;
use flowcontrol_ksef_wire::messages::META_HASH;

/// The namespace of UPO 4.3 without its version, which grows.
const NAMESPACE: &str = "http://upo.schematy.mf.gov.pl/KSeF/";

/// The receipt of a submission, kept or fetched now; one that fails verification is set aside.
///
/// # Errors
/// When there is none, or KSeF cannot be asked, or the receipt is not what it should be.
pub async fn of(api: &Api, folder: &Folder, mut entry: Entry) -> Result<Upo> {
    let invoice = entry.invoice;
    let InvoiceState::Accepted { number, earlier, .. } = entry.state.clone() else {
        return Err(Error::conflict(format!(
            "there is no receipt: the invoice is {}",
            entry.state.name()
        ))
        .hint("`flowcontrol ksef status` asks KSeF for its state"));
    };
    if let Some(digest) = entry.receipt {
        let xml = folder.receipt(&invoice)?;
        if Digest::of(&xml) != digest {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("the stored receipt of {number} was changed"),
            ));
        }
        return Ok(Upo { number, invoice, xml, digest });
    }
    let Some(session) = earlier.or_else(|| entry.session.clone()) else {
        return Err(Error::new(
            ErrorKind::Corrupt,
            "the state of an accepted invoice names no session",
        ));
    };
    let answer = fetched(api, &entry, &session, &number).await?;
    if let Err(why) = judge(&answer.body, answer.header(META_HASH), &number, &invoice) {
        let place = folder.quarantine(&invoice, &answer.body)?;
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("the receipt of {number} failed verification: {why}"),
        )
        .hint(format!("it was set aside as {}; ask again later", place.display())));
    }
    let digest = Digest::of(&answer.body);
    folder.keep_receipt(&invoice, &answer.body)?;
    entry.receipt = Some(digest);
    folder.keep(&entry)?;
    Ok(Upo { number, invoice, xml: answer.body.into(), digest })
}

/// From the pre-signed address where KSeF gives one, which no limit counts; else by the API.
async fn fetched(
    api: &Api,
    entry: &Entry,
    session: &Reference,
    number: &KsefNumber,
) -> Result<Response> {
    if let Some(reference) = &entry.reference
        && entry.session.as_ref() == Some(session)
        && let Some(address) = api.invoice(session, reference).await?.upo_download_url
    {
        match api.http.download(&address).await {
            Ok(answer) => return Ok(answer),
            Err(e) => tracing::debug!(reason = e.message(), "the pre-signed address failed"),
        }
    }
    api.receipt(session, number).await
}

/// Judges a receipt: it is what was sent (`header`, the base64 SHA-256 of the answer's header), it is
/// a UPO, and it names exactly this invoice under exactly this number.
///
/// # Errors
/// What is wrong with it, in words.
fn judge(
    xml: &[u8],
    header: Option<&str>,
    number: &KsefNumber,
    invoice: &Digest,
) -> std::result::Result<(), String> {
    if let Some(header) = header
        && header != crypto::sha256_base64(xml)
    {
        return Err("it is not what KSeF sent: its hash differs from the answer's header".into());
    }
    let text = std::str::from_utf8(xml).map_err(|_| "it is not UTF-8")?;
    let tree = roxmltree::Document::parse(text).map_err(|e| format!("it is not XML: {e}"))?;
    let root = tree.root_element();
    let known = root.tag_name().namespace().is_some_and(|n| n.starts_with(NAMESPACE));
    if !known || root.tag_name().name() != "Potwierdzenie" {
        return Err("it is not a UPO".into());
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
        format!("it does not mention {number}")
    })
}

#[cfg(test)]
mod tests {
    use super::judge;
    use flowcontrol_contract::{Digest, KsefNumber};
    use flowcontrol_ksef_wire::crypto::{encode, sha256_base64};

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
        let hashed = sha256_base64(&xml);
        assert_eq!(judge(xml.as_bytes(), Some(&hashed), &number, &invoice), Ok(()));
        assert_eq!(judge(xml.as_bytes(), None, &number, &invoice), Ok(()));
        let judged = |xml: &str, header: Option<&str>| {
            judge(xml.as_bytes(), header, &number, &invoice).unwrap_err()
        };
        assert!(judged(&xml, Some(&hash)).contains("header"));
        assert!(judged(&xml.replace(&hash, &hashed), None).contains("other bytes"));
        assert!(judged(&xml.replace("-C2", "-C3"), None).contains("does not mention"));
        assert!(judged(&xml.replace("KSeF/v4-3", "KSeF"), None).contains("not a UPO"));
        assert!(judged("<Potwierdzenie/>", None).contains("not a UPO"));
        assert!(judged(&xml[..xml.len() - 9], None).contains("not XML"));
        let declared = format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{xml}");
        assert!(judged(&declared, None).contains("not XML"));
    }
}
