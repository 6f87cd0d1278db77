//! Verifies a signed authentication request, as the simulator does.
//!
//! Only what the signature covers is trusted: exactly one signature, a child of the document's
//! element; a reference to the whole document without it; a reference to its own signed properties,
//! which name the certificate. Anything else is refused.

use super::request::{AuthTokenRequest, Context, NAMESPACES, Subject};
use super::{DS, ECDSA_SHA256, ENVELOPED, RSA_SHA256, SHA256, SIGNED_PROPERTIES, XADES};
use crate::crypto;
use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::NodeSet;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use uppsala::{Document, NodeId, Parser};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Longest document, in bytes; real ones have about 5,000.
const MAX_BYTES: usize = 100_000;

/// Why a signed document is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It cannot be read, or not unambiguously.
    #[error("the document cannot be read: {0}")]
    Document(String),
    /// The signature is not of the form that is verified, or does not cover what it must.
    #[error("the signature has an unsupported form: {0}")]
    Form(String),
    /// Something that is signed was changed.
    #[error("{0} was changed after it was signed")]
    Changed(&'static str),
    /// The certificate in it cannot be used.
    #[error("the certificate in the signature {0}")]
    Certificate(&'static str),
}

/// A document that is what its signer signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What was signed.
    pub request: AuthTokenRequest,
    /// The signer's certificate in DER. Whether it is trusted is the reader's question.
    pub certificate: Vec<u8>,
}

fn form<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Form(why.into()))
}

/// Verifies a signed request.
///
/// # Errors
/// [`Refused`], which names what is wrong.
pub fn verify(signed: &[u8]) -> Result<Verified, Refused> {
    let unread = |why: &str| Refused::Document(why.to_owned());
    if signed.len() > MAX_BYTES {
        return Err(unread("it is longer than 100,000 bytes"));
    }
    let text = std::str::from_utf8(signed).map_err(|_| unread("it is not UTF-8"))?;
    let doc = document(text)?;
    let parts = parts(&doc)?;
    let request = request(&doc, &parts)?;
    let certificate = certificate(&doc, &parts)?;
    let covered = references(&doc, &parts)?;
    if !covered.whole {
        return form("no reference covers the whole document");
    }
    if !covered.properties {
        return form("no reference covers its signed properties");
    }
    let named = properties_name(&doc, &parts)?;
    if named != crypto::sha256_base64(&certificate) {
        return Err(Refused::Certificate("is not the one that its signed properties name"));
    }
    let method = algorithm_of(&doc, parts.info, "CanonicalizationMethod")?;
    let canonical = canonical(&doc, method, Canonical::Part(parts.info))?;
    check(&doc, &parts, &certificate, &canonical)?;
    Ok(Verified { request, certificate })
}

/// Reads a document without a DTD.
pub(super) fn document(text: &str) -> Result<Document<'_>, Refused> {
    let parser = Parser::new().with_forbid_dtd(true).with_max_depth(32);
    parser.parse(text).map_err(|e| Refused::Document(e.to_string()))
}

/// Where everything stands.
pub(super) struct Parts {
    root: NodeId,
    signature: NodeId,
    pub(super) info: NodeId,
    pub(super) properties: Option<NodeId>,
}

pub(super) fn parts(doc: &Document<'_>) -> Result<Parts, Refused> {
    let Some(root) = doc.document_element() else { return form("it has no element") };
    let [signature] = doc.get_elements_by_tag_name_ns(DS, "Signature")[..] else {
        return form("it must hold exactly one signature");
    };
    if doc.parent(signature) != Some(root) {
        return form("the signature is not enveloped by the document's own element");
    }
    let info = only(doc, signature, DS, "SignedInfo")?;
    let mut properties = doc.get_elements_by_tag_name_ns(XADES, "SignedProperties");
    properties.retain(|p| doc.ancestors(*p).contains(&signature));
    let properties = match properties[..] {
        [] => None,
        [one] => Some(one),
        _ => return form("it holds signed properties more than once"),
    };
    Ok(Parts { root, signature, info, properties })
}

fn only(doc: &Document<'_>, parent: NodeId, space: &str, name: &str) -> Result<NodeId, Refused> {
    match doc.child_elements_by_name_ns(parent, space, name)[..] {
        [one] => Ok(one),
        _ => form(format!("{name} must occur exactly once")),
    }
}

fn algorithm_of<'d>(doc: &'d Document<'_>, parent: NodeId, name: &str) -> Result<&'d str, Refused> {
    let element = only(doc, parent, DS, name)?;
    match doc.get_attribute(element, "Algorithm") {
        Some(algorithm) => Ok(algorithm),
        None => form(format!("{name} names no algorithm")),
    }
}

/// What is put into canonical form.
#[derive(Clone, Copy)]
pub(super) enum Canonical {
    /// The document, comments left out.
    Whole,
    /// The document without a part.
    Without(NodeId),
    /// A part, where it stands.
    Part(NodeId),
}

pub(super) fn canonical(
    doc: &Document<'_>,
    algorithm: &str,
    what: Canonical,
) -> Result<Vec<u8>, Refused> {
    let Some(mode) = C14nMode::from_uri(algorithm).filter(|m| !m.with_comments()) else {
        return form(format!("canonical form {algorithm:?}"));
    };
    let set = match what {
        Canonical::Whole => NodeSet::all_without_comments(doc),
        Canonical::Part(part) => NodeSet::tree_without_comments(part, doc),
        Canonical::Without(part) => {
            let mut set = NodeSet::all_without_comments(doc);
            set.remove_id(part);
            doc.descendants(part).into_iter().for_each(|id| set.remove_id(id));
            set
        }
    };
    canonicalize_doc::<&str>(doc, mode, Some(&set), &[])
        .map_err(|e| Refused::Document(e.to_string()))
}

#[derive(Default)]
struct Covered {
    whole: bool,
    properties: bool,
}

/// Compares every reference's digest with what it refers to.
fn references(doc: &Document<'_>, parts: &Parts) -> Result<Covered, Refused> {
    let mut covered = Covered::default();
    let all = doc.child_elements_by_name_ns(parts.info, DS, "Reference");
    if all.len() > 8 {
        return form("it refers to more than eight things");
    }
    for reference in all {
        let Some(uri) = doc.get_attribute(reference, "URI") else {
            return form("a reference without a URI");
        };
        let (enveloped, mode) = transforms(doc, reference)?;
        let target = match uri.strip_prefix('#') {
            None if uri.is_empty() => parts.root,
            None => return form("a reference to something outside the document"),
            Some(id) => by_id(doc, id)?,
        };
        let whole = target == parts.root;
        if whole != enveloped {
            return form("the enveloped signature is left out of the document and of nothing else");
        }
        let what = if whole && uri.is_empty() {
            Canonical::Without(parts.signature)
        } else if whole {
            return form("the whole document is referred to by an empty URI");
        } else {
            Canonical::Part(target)
        };
        let digest = algorithm_of(doc, reference, "DigestMethod")?;
        if digest != SHA256 {
            return form(format!("digest {digest:?}; SHA-256 is taken"));
        }
        let stated = doc.text_content_deep(only(doc, reference, DS, "DigestValue")?);
        let typed = doc.get_attribute(reference, "Type") == Some(SIGNED_PROPERTIES);
        let properties = typed && Some(target) == parts.properties;
        if stated.trim() != crypto::sha256_base64(canonical(doc, mode, what)?) {
            return Err(Refused::Changed(if whole {
                "the document"
            } else if properties {
                "the signed properties"
            } else {
                "a part of the signature"
            }));
        }
        covered.whole |= whole;
        covered.properties |= properties;
    }
    Ok(covered)
}

/// Whether the signature is left out, and the canonical form; Canonical XML 1.0 where none is named.
fn transforms<'d>(doc: &'d Document<'_>, reference: NodeId) -> Result<(bool, &'d str), Refused> {
    let mut enveloped = false;
    let mut mode = None;
    if let Some(list) = doc.first_child_element_by_name_ns(reference, DS, "Transforms") {
        for transform in doc.child_elements_by_name_ns(list, DS, "Transform") {
            // A prefix list changes what exclusive canonical form means.
            if doc.children_iter(transform).any(|child| doc.element(child).is_some()) {
                return form("a transform with parameters");
            }
            match doc.get_attribute(transform, "Algorithm") {
                Some(ENVELOPED) if !enveloped && mode.is_none() => enveloped = true,
                Some(other) if other != ENVELOPED && mode.is_none() => mode = Some(other),
                _ => return form("its transforms are unsupported or in the wrong order"),
            }
        }
    }
    Ok((enveloped, mode.unwrap_or(C14nMode::Inclusive.uri())))
}

/// The one element of an id: two of one id would let a signature speak of another element.
fn by_id(doc: &Document<'_>, id: &str) -> Result<NodeId, Refused> {
    let is = |node: &NodeId| {
        doc.element(*node).is_some_and(|element| {
            element.attributes.iter().any(|a| {
                a.name.namespace_uri.is_none()
                    && a.name.local_name.eq_ignore_ascii_case("id")
                    && *a.value == *id
            })
        })
    };
    let found: Vec<NodeId> = doc.descendants(doc.root()).into_iter().filter(is).collect();
    match found[..] {
        [one] => Ok(one),
        _ => form(format!("{} elements have the id that a reference names", found.len())),
    }
}

fn request(doc: &Document<'_>, parts: &Parts) -> Result<AuthTokenRequest, Refused> {
    let wrong = |why: &str| Refused::Document(why.to_owned());
    let root = doc.element(parts.root).ok_or_else(|| wrong("it has no element"))?;
    let space = root.name.namespace_uri.as_deref().unwrap_or("");
    if root.name.local_name != "AuthTokenRequest" || !NAMESPACES.contains(&space) {
        return Err(wrong("it is not an AuthTokenRequest of schema 2.0 or 2.1"));
    }
    let child = |name: &str| match doc.child_elements_by_name_ns(parts.root, space, name)[..] {
        [one] => Ok(one),
        _ => Err(Refused::Document(format!("{name} must occur exactly once"))),
    };
    let challenge = doc.text_content_deep(child("Challenge")?).trim().to_owned();
    let context = child("ContextIdentifier")?;
    let context = doc
        .children_iter(context)
        .find_map(|id| Some((id, doc.element(id)?.name.local_name.as_ref().to_owned())))
        .and_then(|(id, name)| Context::read(&name, doc.text_content_deep(id)))
        .ok_or_else(|| wrong("ContextIdentifier names no context"))?;
    let subject = match doc.text_content_deep(child("SubjectIdentifierType")?).trim() {
        "certificateSubject" => Subject::CertificateSubject,
        "certificateFingerprint" => Subject::CertificateFingerprint,
        _ => return Err(wrong("SubjectIdentifierType is neither of the two")),
    };
    Ok(AuthTokenRequest { challenge, context, subject })
}

fn certificate(doc: &Document<'_>, parts: &Parts) -> Result<Vec<u8>, Refused> {
    let info = only(doc, parts.signature, DS, "KeyInfo")?;
    let data = only(doc, info, DS, "X509Data")?;
    // More may follow: the chain up to an authority.
    let Some(first) = doc.first_child_element_by_name_ns(data, DS, "X509Certificate") else {
        return Err(Refused::Certificate("is missing"));
    };
    let text: String = doc.text_content_deep(first).split_ascii_whitespace().collect();
    crypto::decode(&text).ok_or(Refused::Certificate("is not base64"))
}

/// The certificate's digest in the signed properties.
fn properties_name(doc: &Document<'_>, parts: &Parts) -> Result<String, Refused> {
    let inside = |name: &str| -> Vec<NodeId> {
        let properties = parts.properties.into_iter();
        properties
            .flat_map(|p| doc.descendants(p))
            .filter(|id| doc.element(*id).is_some_and(|e| e.matches_name_ns(XADES, name)))
            .collect()
    };
    let named = [inside("SigningCertificateV2"), inside("SigningCertificate")].concat();
    let digest = match (&named[..], &inside("CertDigest")[..]) {
        ([_], [first, ..]) => *first,
        _ => return Err(Refused::Certificate("is not named in its signed properties")),
    };
    if algorithm_of(doc, digest, "DigestMethod")? != SHA256 {
        return form("the certificate is named by another digest than SHA-256");
    }
    Ok(doc.text_content_deep(only(doc, digest, DS, "DigestValue")?).trim().to_owned())
}

fn check(
    doc: &Document<'_>,
    parts: &Parts,
    certificate: &[u8],
    message: &[u8],
) -> Result<(), Refused> {
    let method = algorithm_of(doc, parts.info, "SignatureMethod")?;
    let algorithm: &dyn VerificationAlgorithm = match method {
        RSA_SHA256 => &RSA_PKCS1_2048_8192_SHA256,
        ECDSA_SHA256 => &ECDSA_P256_SHA256_FIXED,
        other => return form(format!("signature algorithm {other:?}")),
    };
    let Ok(([], parsed)) = X509Certificate::from_der(certificate) else {
        return Err(Refused::Certificate("is not X.509"));
    };
    let value = doc.text_content_deep(only(doc, parts.signature, DS, "SignatureValue")?);
    let value: String = value.split_ascii_whitespace().collect();
    let Some(value) = crypto::decode(&value) else {
        return form("its value is not base64");
    };
    let key = &parsed.public_key().subject_public_key.data;
    UnparsedPublicKey::new(algorithm, key)
        .verify(message, &value)
        .map_err(|_| Refused::Changed("what is signed, or its signature,"))
}
