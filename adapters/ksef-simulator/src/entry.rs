//! One invoice as the simulator keeps it.

use super::clock::{later, moment};
use super::config::Tempo;
use flowcontrol_contract::Timestamp;
use flowcontrol_ksef_wire::messages::{
    InvoiceStatus, InvoiceStatusInfo, InvoicingMode, ReferenceNumber,
};
use serde::{Deserialize, Serialize};

/// What KSeF decides of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Decision {
    pub code: i32,
    pub details: Vec<String>,
    /// With 440: the number and the session of the first one.
    pub original: Option<(String, ReferenceNumber)>,
}

impl Decision {
    /// With a code and its details.
    pub fn of(code: i32, details: Vec<String>) -> Self {
        Self { code, details, original: None }
    }

    /// Accepted.
    pub fn accepted() -> Self {
        Self::of(200, Vec::new())
    }
}

/// An invoice: decided when it is received, the decision visible later. Never changed afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// From 1.
    pub ordinal: u32,
    pub reference: ReferenceNumber,
    pub hash: String,
    pub file: Option<String>,
    pub received: Timestamp,
    /// When the decision becomes visible; `None` is never.
    pub decided: Option<Timestamp>,
    pub verdict: Decision,
    pub mode: Option<InvoicingMode>,
    pub corrects: Option<String>,
    /// What the file says of itself, where it could be read.
    pub facts: Option<Facts>,
    pub ksef_number: Option<String>,
    /// Where its bytes stand in the session's `content`; accepted ones only.
    pub content: Option<(u64, u64)>,
}

/// The values by which KSeF knows an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// `Podmiot1`'s NIP.
    pub seller: String,
    /// `P_2`.
    pub number: String,
    /// `P_1`.
    pub issued: String,
    /// `RodzajFaktury`.
    pub kind: String,
}

impl Entry {
    /// Whether the decision is visible by now.
    pub fn is_decided(&self, now: Timestamp) -> bool {
        self.decided.is_some_and(|at| at <= now)
    }

    /// What a caller sees now; `address` is the UPO's, for an accepted one.
    pub fn view(&self, now: Timestamp, tempo: Tempo) -> InvoiceStatus {
        let decided = self.is_decided(now);
        let accepted = decided && self.verdict.code == 200;
        let (code, details, original) = if decided {
            (self.verdict.code, self.verdict.details.clone(), self.verdict.original.clone())
        } else if now < later(self.received, tempo.queue) {
            (100, Vec::new(), None)
        } else {
            (150, Vec::new(), None)
        };
        let stored = self.decided.map(|at| later(at, tempo.storage)).filter(|at| *at <= now);
        InvoiceStatus {
            ordinal_number: self.ordinal,
            invoice_number: self.facts.as_ref().filter(|_| decided).map(|f| f.number.clone()),
            ksef_number: self.ksef_number.clone().filter(|_| accepted),
            reference_number: self.reference.clone(),
            invoice_hash: self.hash.clone(),
            invoice_file_name: self.file.clone(),
            acquisition_date: self.decided.filter(|_| accepted).map(moment),
            invoicing_date: moment(self.received),
            permanent_storage_date: stored.filter(|_| accepted).map(moment),
            upo_download_url: None,
            upo_download_url_expiration_date: None,
            invoicing_mode: self.mode.filter(|_| accepted),
            status: InvoiceStatusInfo {
                code,
                description: described(code).to_owned(),
                details: (!details.is_empty()).then_some(details),
                extensions: original.map(|(number, session)| {
                    [
                        ("originalKsefNumber".to_owned(), Some(number)),
                        ("originalSessionReferenceNumber".to_owned(), Some(session.to_string())),
                    ]
                    .into()
                }),
            },
        }
    }
}

/// What an invoice's status means, in the words of the API document.
pub(super) fn described(code: i32) -> &'static str {
    match code {
        100 => "Faktura przyjęta do dalszego przetwarzania",
        150 => "Trwa przetwarzanie",
        200 => "Sukces",
        405 => "Przetwarzanie anulowane z powodu błędu sesji",
        410 => "Nieprawidłowy zakres uprawnień",
        415 => "Brak możliwości wysyłania faktury z załącznikiem",
        430 => "Błąd weryfikacji pliku faktury",
        435 => "Błąd odszyfrowania pliku",
        440 => "Duplikat faktury",
        450 => "Błąd weryfikacji semantyki dokumentu faktury",
        550 => "Operacja została anulowana przez system",
        _ => "Nieznany błąd",
    }
}
