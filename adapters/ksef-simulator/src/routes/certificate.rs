//! Logins with a signed document.

use super::super::clock::moment;
use super::super::event::{Method, Script};
use super::super::refusal::Refusal;
use super::super::shared::Shared;
use super::admin::all_permissions;
use super::auth::{begin, identifier, usable};
use super::{Answer, SMALL};
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, header};
use flowcontrol_ksef_wire::crypto::sha256_base64;
use flowcontrol_ksef_wire::messages::{ContextIdentifier, ContextIdentifierType};
use flowcontrol_ksef_wire::xades::{Context, Purpose, Refused, Subject, purpose, verify};
use std::sync::Arc;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, X509Certificate};

pub(super) async fn login(
    State(shared): State<Arc<Shared>>,
    Extension(script): Extension<Script>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let xml = kind.is_some_and(|kind| kind.split(';').next() == Some("application/xml"));
    if !xml {
        return Err(Refusal::bad(21001, "Content-Type must be application/xml"));
    }
    let too_long = |_| Refusal::bad(21001, format!("longer than {SMALL} bytes"));
    let signed = to_bytes(body, SMALL).await.map_err(too_long)?;
    if std::str::from_utf8(&signed).is_err() {
        return Err(Refusal::Bad { code: 21217, details: Vec::new() });
    }
    let verified = verify(&signed).map_err(|refused| refusal(&refused))?;
    let asked = verified.request;
    let context = context(&asked.context);
    identifier(&context)?;
    usable(&shared, &asked.challenge)?;
    let chain = query.iter().any(|(n, v)| n == "verifyCertificateChain" && v == "true");
    let now = moment(shared.clock.now());
    let failure = failure(&verified.certificate, asked.subject, &context, chain, now);
    let permissions = if failure.is_none() { all_permissions() } else { Vec::new() };
    let method = Method::Document(sha256_base64(&signed));
    begin(&shared, asked.challenge, context, (method, permissions), failure, script)
}

fn refusal(refused: &Refused) -> Refusal {
    let code = match refused {
        Refused::Document(_) => 9101,
        Refused::Form(_) | Refused::Changed(_) => 9105,
        Refused::Certificate(_) => 21115,
    };
    Refusal::bad(code, refused.to_string())
}

fn context(context: &Context) -> ContextIdentifier {
    let kind = match context {
        Context::Nip(_) => ContextIdentifierType::Nip,
        Context::InternalId(_) => ContextIdentifierType::InternalId,
        Context::NipVatUe(_) => ContextIdentifierType::NipVatUe,
        Context::PeppolId(_) => ContextIdentifierType::PeppolId,
    };
    ContextIdentifier { kind, value: context.value().to_owned() }
}

/// Why a certificate does not open a context; `None` when it does. As on TEST a certificate need not
/// come from anybody known, unless the caller wants its chain verified.
fn failure(
    der: &[u8],
    subject: Subject,
    context: &ContextIdentifier,
    chain: bool,
    now: OffsetDateTime,
) -> Option<(i32, String)> {
    let refuse = |code, why: &str| Some((code, why.to_owned()));
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return refuse(460, "Niepoprawny certyfikat");
    };
    let validity = certificate.validity();
    let now = now.unix_timestamp();
    if now < validity.not_before.timestamp() || now > validity.not_after.timestamp() {
        return refuse(460, "Nieważny certyfikat");
    }
    if matches!(purpose(der), Ok(Purpose::Offline)) {
        return refuse(460, "Niepoprawny certyfikat");
    }
    if chain {
        return refuse(460, "Niezaufany łańcuch certyfikatów");
    }
    // The simulator knows no fingerprints: no permission is granted to one.
    let named = subject == Subject::CertificateSubject && names(&certificate, context);
    if named { None } else { refuse(415, "Brak przypisanych uprawnień") }
}

/// Whether a certificate names the context's taxpayer: as `organizationIdentifier` of a seal or as
/// `serialNumber` of a signature.
fn names(certificate: &X509Certificate<'_>, context: &ContextIdentifier) -> bool {
    let nip = context.value.split('-').next().unwrap_or_default();
    certificate.subject().iter_attributes().any(|attribute| {
        let prefix = match attribute.attr_type().to_id_string().as_str() {
            "2.5.4.97" => "VATPL-",
            "2.5.4.5" => "TINPL-",
            _ => return false,
        };
        attribute.as_str().is_ok_and(|value| value.strip_prefix(prefix) == Some(nip))
    })
}
