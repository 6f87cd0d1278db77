//! What KSeF decides of one invoice by itself: pure, without a look at the others.

use super::config::{ATTACHED_BYTES, INVOICE_BYTES};
use super::entry::{Decision, Facts};
use flowcontrol_ksef_invoice::{self as invoice, Severity};
use flowcontrol_ksef_wire::crypto::sha256_base64;
use flowcontrol_ksef_wire::messages::{ContextIdentifier, ContextIdentifierType};
use time::{Date, OffsetDateTime};

/// What KSeF refuses by itself, by the first word of a rule's name. It adds up nothing, looks at no
/// line and follows no reference of a correction; what this program's own validator says beyond
/// these is not KSeF's word.
const JUDGED: [&str; 4] = ["encoding", "xml", "structure", "value"];
/// Single rules that it judges too.
const ALSO: [&str; 1] = ["date.future"];

/// What an invoice is judged by.
pub(super) struct Terms<'a> {
    /// Size and base64 SHA-256 that the sender declared; a batch declares none for single invoices.
    pub declared: Option<(u64, &'a str)>,
    /// Whose session it is.
    pub context: &'a ContextIdentifier,
    /// When it counts as accepted, for its date.
    pub accepted_at: OffsetDateTime,
    /// Whether attachments are taken.
    pub attachments: bool,
}

/// The judgement of one invoice.
#[derive(Debug)]
pub(super) struct Judgement {
    pub verdict: Decision,
    pub facts: Option<Facts>,
    pub issued: Option<Date>,
}

impl Judgement {
    fn refused(code: i32, details: Vec<String>) -> Self {
        Self { verdict: Decision::of(code, details), facts: None, issued: None }
    }

    /// The bytes did not decrypt.
    pub fn undecrypted() -> Self {
        Self::refused(435, Vec::new())
    }

    /// A file of a package that is larger than any invoice.
    pub fn too_large(most: u64) -> Self {
        let why = format!("Rozmiar faktury przekracza dozwolony limit {most} bajtów.");
        Self::refused(430, vec![why])
    }
}

/// Judges the decrypted bytes.
pub(super) fn judge(xml: &[u8], terms: &Terms<'_>) -> Judgement {
    if let Some((size, hash)) = terms.declared {
        let right = sha256_base64(xml) == hash;
        let text = xml.starts_with(b"<") || xml.starts_with(b"\xEF\xBB\xBF");
        if !right && !text {
            // A foreign IV spoils the first block alone: it decrypts, but is not a document.
            return Judgement::undecrypted();
        }
        if xml.len() as u64 != size {
            return Judgement::refused(
                430,
                vec![format!(
                    "Rozmiar przesłanego pliku faktury nie zgadza się z zadeklarowaną wartością: {size}."
                )],
            );
        }
        if !right {
            let why = "Skrót przesłanego pliku faktury nie zgadza się z zadeklarowaną wartością.";
            return Judgement::refused(430, vec![why.to_owned()]);
        }
    }
    if xml.len() as u64 > ATTACHED_BYTES {
        return Judgement::too_large(ATTACHED_BYTES);
    }
    let summary = invoice::summary(xml);
    let facts = summary.as_ref().ok().map(|summary| Facts {
        seller: summary.seller.to_string(),
        number: summary.number.clone(),
        issued: summary.issued.to_string(),
        kind: summary.kind.clone(),
    });
    let attached = summary.as_ref().is_ok_and(|summary| summary.attachment);
    let issued = summary.as_ref().ok().map(|summary| summary.issued);
    let verdict = if xml.len() as u64 > INVOICE_BYTES && !attached {
        Judgement::too_large(INVOICE_BYTES).verdict
    } else {
        let mut found = found(xml, terms.accepted_at);
        if let (Err(finding), true) = (&summary, found.is_empty()) {
            found.push(finding.to_string());
        }
        match &facts {
            _ if !found.is_empty() => Decision::of(450, found),
            Some(facts) if !speaks_for(terms.context, &facts.seller) => {
                let why = "Identyfikator sprzedawcy nie odpowiada kontekstowi uwierzytelnienia.";
                Decision::of(410, vec![why.to_owned()])
            }
            _ if attached && !terms.attachments => Decision::of(415, Vec::new()),
            _ => Decision::accepted(),
        }
    };
    Judgement { verdict, facts, issued }
}

fn found(xml: &[u8], accepted_at: OffsetDateTime) -> Vec<String> {
    let judged = |rule: &str| {
        let first = rule.split('.').next().unwrap_or(rule);
        JUDGED.contains(&first) || ALSO.contains(&rule)
    };
    invoice::check(xml, &invoice::Context::at(accepted_at))
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error && judged(finding.rule))
        .map(|finding| finding.to_string())
        .collect()
}

/// Whether a context may send this seller's invoices. Units and composite contexts begin with the
/// taxpayer's NIP.
fn speaks_for(context: &ContextIdentifier, seller: &str) -> bool {
    match context.kind {
        ContextIdentifierType::Nip => context.value == seller,
        ContextIdentifierType::InternalId | ContextIdentifierType::NipVatUe => {
            context.value.split('-').next() == Some(seller)
        }
        ContextIdentifierType::PeppolId => false,
    }
}
