//! UPO v4-3: the receipt of one invoice or of a session, made anew each time from what is kept, and
//! always the same.

use super::clock::{moment, rfc3339};
use super::entry::Entry;
use super::event::{Login, Method, Opened};
use flowcontrol_contract::{Result, Timestamp};
use flowcontrol_ksef_invoice::offset_at;
use flowcontrol_ksef_wire::messages::{ContextIdentifier, ContextIdentifierType, InvoicingMode};
use time::format_description::well_known::Rfc3339;

/// Most documents on a page.
pub(super) const PAGE: usize = 10_000;

/// Which page of how many a receipt is.
pub(super) struct Page {
    /// From 1.
    pub number: usize,
    pub pages: usize,
    /// Ordinal of its first document, from 1.
    pub first: usize,
    /// Documents in all.
    pub documents: usize,
}

/// Writes a receipt.
///
/// # Errors
/// What reading an entry fails with.
pub(super) fn write(
    opened: &Opened,
    login: &Login,
    page: Option<&Page>,
    entries: impl Iterator<Item = Result<Entry>>,
) -> Result<String> {
    let mut documents = String::new();
    let mut count = 0;
    for entry in entries {
        documents.push_str(&document(&entry?));
        count += 1;
    }
    let described = page.map_or_else(String::new, |page| {
        format!(
            "  <OpisPotwierdzenia>\n    <Strona>{}</Strona>\n    <LiczbaStron>{}</LiczbaStron>\n    \
             <ZakresDokumentowOd>{}</ZakresDokumentowOd>\n    \
             <ZakresDokumentowDo>{}</ZakresDokumentowDo>\n    \
             <CalkowitaLiczbaDokumentow>{}</CalkowitaLiczbaDokumentow>\n  </OpisPotwierdzenia>\n",
            page.number,
            page.pages,
            page.first,
            page.first + count,
            page.documents
        )
    });
    let form = &opened.form;
    let structure =
        format!("Schemat_{}_v{}.xsd", form.system_code.replace(' ', ""), form.schema_version);
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <Potwierdzenie xmlns=\"http://upo.schematy.mf.gov.pl/KSeF/v4-3\">\n  \
         <NazwaPodmiotuPrzyjmujacego>Ministerstwo Finansów</NazwaPodmiotuPrzyjmujacego>\n  \
         <NumerReferencyjnySesji>{}</NumerReferencyjnySesji>\n  \
         <Uwierzytelnienie>\n    <IdKontekstu>{}</IdKontekstu>\n    {}\n  </Uwierzytelnienie>\n\
         {described}  <NazwaStrukturyLogicznej>{}</NazwaStrukturyLogicznej>\n  \
         <KodFormularza>{}</KodFormularza>\n{documents}</Potwierdzenie>\n",
        opened.reference,
        context(&opened.context),
        proof(&login.method),
        escaped(&structure),
        escaped(&form.system_code),
    ))
}

fn document(entry: &Entry) -> String {
    let facts = entry.facts.as_ref();
    let text = |value: Option<&str>| escaped(value.unwrap_or_default());
    let mode = match entry.mode {
        Some(InvoicingMode::Offline) => "Offline",
        _ => "Online",
    };
    format!(
        "  <Dokument>\n    <NipSprzedawcy>{}</NipSprzedawcy>\n    \
         <NumerKSeFDokumentu>{}</NumerKSeFDokumentu>\n    <NumerFaktury>{}</NumerFaktury>\n    \
         <DataWystawieniaFaktury>{}</DataWystawieniaFaktury>\n    \
         <DataPrzeslaniaDokumentu>{}</DataPrzeslaniaDokumentu>\n    \
         <DataNadaniaNumeruKSeF>{}</DataNadaniaNumeruKSeF>\n    \
         <SkrotDokumentu>{}</SkrotDokumentu>\n    <TrybWysylki>{mode}</TrybWysylki>\n  </Dokument>\n",
        text(facts.map(|f| f.seller.as_str())),
        text(entry.ksef_number.as_deref()),
        text(facts.map(|f| f.number.as_str())),
        text(facts.map(|f| f.issued.as_str())),
        in_warsaw(entry.received),
        in_warsaw(entry.decided.unwrap_or(entry.received)),
        escaped(&entry.hash),
    )
}

fn context(context: &ContextIdentifier) -> String {
    let name = match context.kind {
        ContextIdentifierType::Nip => "Nip",
        ContextIdentifierType::InternalId => "IdWewnetrzny",
        ContextIdentifierType::NipVatUe => "IdZlozonyVatUE",
        ContextIdentifierType::PeppolId => "IdDostawcyUslugPeppol",
    };
    format!("<{name}>{}</{name}>", escaped(&context.value))
}

fn proof(method: &Method) -> String {
    match method {
        Method::Token(reference) => {
            format!("<NumerReferencyjnyTokenaKSeF>{reference}</NumerReferencyjnyTokenaKSeF>")
        }
        Method::Document(hash) => {
            format!("<SkrotDokumentuUwierzytelniajacego>{hash}</SkrotDokumentuUwierzytelniajacego>")
        }
    }
}

/// KSeF writes the times of a receipt as they are in Warsaw.
fn in_warsaw(at: Timestamp) -> String {
    let moment = moment(at);
    let there = moment.to_offset(offset_at(moment));
    there.format(&Rfc3339).unwrap_or_else(|_| rfc3339(at))
}

/// Text inside an element.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
