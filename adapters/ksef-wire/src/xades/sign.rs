//! Signs an authentication request.

use super::request::AuthTokenRequest;
use super::verify::{Canonical, Parts, canonical, document, parts};
use super::{Credential, DS, ENVELOPED, EXCLUSIVE, SHA256, SIGNED_PROPERTIES, XADES};
use crate::crypto;
use flowcontrol_contract::{Error, ErrorKind, Result, Timestamp};
use uppsala::NodeId;

const SIGNATURE_ID: &str = "Signature";
const REFERENCE_ID: &str = "Reference-Document";
const PROPERTIES_ID: &str = "SignedProperties";

/// The signed document, UTF-8 XML: an enveloped XAdES-B signature in `request`'s own document.
///
/// # Errors
/// `Unexpected` when the key cannot sign.
pub fn sign(request: &AuthTokenRequest, by: &Credential, now: Timestamp) -> Result<String> {
    let unsigned = request.document("");
    let unsigned = document(&unsigned).map_err(wrong)?;
    let body = canonical(&unsigned, EXCLUSIVE, Canonical::Whole).map_err(wrong)?;
    let body = crypto::sha256_base64(body);
    let certificate = crypto::encode(by.certificate());
    let properties = properties(&crypto::sha256_base64(by.certificate()), now);
    let signature = |info: &str, value: &str| {
        format!(
            "<ds:Signature xmlns:ds=\"{DS}\" Id=\"{SIGNATURE_ID}\">{info}<ds:SignatureValue>{value}\
             </ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}\
             </ds:X509Certificate></ds:X509Data></ds:KeyInfo><ds:Object>{properties}</ds:Object>\
             </ds:Signature>"
        )
    };
    // What is inside a document is canonical only there: each part is digested where it stands.
    let draft = request.document(&signature("<ds:SignedInfo></ds:SignedInfo>", ""));
    let about = digested(&draft, |parts| parts.properties)?;
    let info = signed_info(by.algorithm(), &body, &crypto::sha256_base64(about));
    let draft = request.document(&signature(&info, ""));
    let signed = digested(&draft, |parts| Some(parts.info))?;
    let value = crypto::encode(by.sign(&signed)?);
    let document = request.document(&signature(&info, &value));
    Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{document}"))
}

fn wrong(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unexpected, format!("the signature cannot be made: {why}"))
}

/// The canonical form of a part of a draft.
fn digested(draft: &str, part: impl FnOnce(&Parts) -> Option<NodeId>) -> Result<Vec<u8>> {
    let parsed = document(draft).map_err(wrong)?;
    let parts = parts(&parsed).map_err(wrong)?;
    let part = part(&parts).ok_or_else(|| wrong("a part of it is missing"))?;
    canonical(&parsed, EXCLUSIVE, Canonical::Part(part)).map_err(wrong)
}

fn properties(certificate: &str, now: Timestamp) -> String {
    // Whole seconds: every reader of XML Schema's dateTime takes them.
    let time = now.to_string();
    let time = time.split('.').next().unwrap_or(&time);
    format!(
        "<xades:QualifyingProperties xmlns:xades=\"{XADES}\" Target=\"#{SIGNATURE_ID}\">\
         <xades:SignedProperties Id=\"{PROPERTIES_ID}\"><xades:SignedSignatureProperties>\
         <xades:SigningTime>{time}Z</xades:SigningTime><xades:SigningCertificateV2><xades:Cert>\
         <xades:CertDigest><ds:DigestMethod Algorithm=\"{SHA256}\"></ds:DigestMethod>\
         <ds:DigestValue>{certificate}</ds:DigestValue></xades:CertDigest></xades:Cert>\
         </xades:SigningCertificateV2></xades:SignedSignatureProperties>\
         <xades:SignedDataObjectProperties><xades:DataObjectFormat \
         ObjectReference=\"#{REFERENCE_ID}\"><xades:MimeType>text/xml</xades:MimeType>\
         </xades:DataObjectFormat></xades:SignedDataObjectProperties></xades:SignedProperties>\
         </xades:QualifyingProperties>"
    )
}

fn signed_info(algorithm: &str, body: &str, properties: &str) -> String {
    format!(
        "<ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\">\
         </ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\"{algorithm}\">\
         </ds:SignatureMethod><ds:Reference Id=\"{REFERENCE_ID}\" URI=\"\"><ds:Transforms>\
         <ds:Transform Algorithm=\"{ENVELOPED}\"></ds:Transform><ds:Transform \
         Algorithm=\"{EXCLUSIVE}\"></ds:Transform></ds:Transforms><ds:DigestMethod \
         Algorithm=\"{SHA256}\"></ds:DigestMethod><ds:DigestValue>{body}</ds:DigestValue>\
         </ds:Reference><ds:Reference Type=\"{SIGNED_PROPERTIES}\" URI=\"#{PROPERTIES_ID}\">\
         <ds:Transforms><ds:Transform Algorithm=\"{EXCLUSIVE}\"></ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"{SHA256}\"></ds:DigestMethod><ds:DigestValue>{properties}\
         </ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
}
