//! `KsefProvider.v1`: structured invoices to the Polish tax authority's system and proof back.

mod name;

pub use name::{KsefNumber, Reference};

use crate::adapter::AdapterInfo;
use crate::call::CallCx;
use crate::digest::Digest;
use crate::error::{Reported, Result};
use crate::timestamp::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The contract's versioned name.
pub const CONTRACT: &str = "KsefProvider.v1";

/// One invoice on its way.
#[derive(Clone, Copy)]
pub struct Submission<'a> {
    /// The invoice, FA(3) XML. These very bytes are sent, and their SHA-256 names them everywhere.
    pub invoice: &'a [u8],
    /// Whether the taxpayer declares that it was issued offline.
    pub offline: bool,
    /// For a technical correction, the SHA-256 of the offline invoice whose file was refused.
    pub corrects: Option<Digest>,
}

/// An invoice holds what is nobody else's business.
impl fmt::Debug for Submission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("invoice", &Digest::of(self.invoice))
            .field("bytes", &self.invoice.len())
            .field("offline", &self.offline)
            .field("corrects", &self.corrects)
            .finish()
    }
}

/// Invoices of one batch, read one after the other: a batch may be larger than memory. Each is
/// called for once; a failure to read one ends the batch before anything is sent.
pub type Invoices<'a> = dyn Iterator<Item = Result<Vec<u8>>> + Send + 'a;

/// What is known of one invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Submitted {
    /// The SHA-256 of its bytes.
    pub invoice: Digest,
    /// The session that it was sent in; `None` while none was opened for it.
    pub session: Option<Reference>,
    /// Its own reference within the session; `None` while the answer is outstanding.
    pub reference: Option<Reference>,
    /// What became of it.
    pub state: State,
}

/// What became of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// It is written down here and was not sent yet.
    Kept,
    /// It may have been sent: the answer was lost, and the system has not been asked since.
    Unknown,
    /// KSeF has it and has not decided. This may take hours; it is never sent again meanwhile.
    Pending {
        /// KSeF's status code, 100 or 150.
        code: i64,
    },
    /// KSeF has given it a number.
    Accepted {
        /// The number.
        number: KsefNumber,
        /// When the number was given.
        at: Option<Timestamp>,
        /// Whether KSeF takes it as issued offline, by declaration or by its date.
        offline: bool,
        /// The session in which these very bytes had been accepted before, when a later sending
        /// was answered as a duplicate of them.
        earlier: Option<Reference>,
    },
    /// KSeF has refused it: it has no legal effect, and must be mended and sent as another file.
    Refused {
        /// Why, by KSeF's code and details.
        because: Reported,
    },
    /// Another invoice, with other bytes, bears its number: a person decides.
    NumberTaken {
        /// The other invoice.
        by: KsefNumber,
        /// The session in which the other one was sent.
        session: Option<Reference>,
    },
}

impl State {
    /// Whether KSeF will not change it any more.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Refused { .. } | Self::NumberTaken { .. })
    }

    /// The stable name in reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Unknown => "unknown",
            Self::Pending { .. } => "pending",
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::NumberTaken { .. } => "number_taken",
        }
    }
}

/// KSeF's official receipt of one invoice, the proof that it exists.
#[derive(Clone, PartialEq, Eq)]
pub struct Upo {
    /// The invoice's number.
    pub number: KsefNumber,
    /// The SHA-256 of the invoice that it speaks of.
    pub invoice: Digest,
    /// The receipt's XML, byte for byte as it came.
    pub xml: Vec<u8>,
    /// The SHA-256 of `xml`.
    pub digest: Digest,
}

impl fmt::Debug for Upo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upo")
            .field("number", &self.number)
            .field("invoice", &self.invoice)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// What KSeF allows this context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Largest invoice, in bytes.
    pub invoice_bytes: u64,
    /// Largest invoice with an attachment, in bytes.
    pub invoice_with_attachment_bytes: u64,
    /// Most invoices of one interactive session.
    pub invoices_in_session: u64,
    /// Most invoices of one batch.
    pub invoices_in_batch: u64,
    /// Most requests of each kind, in sliding windows.
    pub rates: Vec<Rate>,
}

/// Most requests of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// KSeF's name of the kind.
    pub of: String,
    /// In any second.
    pub per_second: u64,
    /// In any minute.
    pub per_minute: u64,
    /// In any hour.
    pub per_hour: u64,
}

/// What an adapter found out about its KSeF, for evidence. It holds no token and no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KsefProbe {
    /// Which KSeF: `simulator`, `test`, `demo` or `prd`.
    pub environment: String,
    /// Whose invoices: the context's NIP.
    pub context: String,
    /// How it signed in: `token` or `certificate`.
    pub signed_in_by: String,
    /// How many of KSeF's public keys can be used now.
    pub keys: usize,
    /// When the certificate that signs in ends; `None` for a token.
    pub certificate_until: Option<Timestamp>,
}

/// Sends invoices to KSeF and brings back what became of them.
///
/// An invoice is named by the SHA-256 of its bytes. What an adapter is about to send it writes down
/// first, so that after a kill at any moment the same call goes on and no invoice is sent twice.
/// The context that a call speaks for follows from the configuration and from `cx.tenant`; what one
/// tenant submitted another neither sees nor sends.
#[async_trait]
pub trait KsefProvider: Send + Sync + fmt::Debug {
    /// The adapter's name, mode and endpoint.
    fn info(&self) -> AdapterInfo;

    /// Sends one invoice in an interactive session, and returns when KSeF has taken it for
    /// processing, which is not yet an acceptance. Idempotent by the invoice's bytes: what was sent
    /// before is looked up and never sent again, whatever became of it.
    ///
    /// `InvalidInput` when the file breaks a rule that KSeF would refuse it for, before any request;
    /// `Conflict` when the same bytes were kept with another `offline` or `corrects`; a failure
    /// with [`crate::Retry::Ambiguous`] when KSeF may have it and the look-up failed too: call
    /// again, which looks it up first. What KSeF said stands in [`crate::Error::reported`].
    async fn submit(&self, cx: &CallCx, submission: &Submission<'_>) -> Result<Submitted>;

    /// Sends many invoices as one batch and returns when KSeF has taken the package. Idempotent as
    /// [`KsefProvider::submit`]: the same invoices in the same order are one batch.
    async fn submit_batch(
        &self,
        cx: &CallCx,
        invoices: &mut Invoices<'_>,
        offline: bool,
    ) -> Result<Vec<Submitted>>;

    /// What became of an invoice that was submitted here: asks KSeF once, unless it is final.
    ///
    /// `NotFound` when the tenant submitted no such invoice.
    async fn status(&self, cx: &CallCx, invoice: &Digest) -> Result<Submitted>;

    /// The receipt of an accepted invoice, kept after the first call.
    ///
    /// `NotFound` when it was not submitted here, `Conflict` when it is not accepted, `Corrupt` when
    /// the receipt speaks of another invoice; such a receipt is set aside and proves nothing.
    async fn upo(&self, cx: &CallCx, invoice: &Digest) -> Result<Upo>;

    /// Looks an invoice up by its bytes in the sessions that KSeF knows of this context, whoever
    /// sent it; `None` when none of them has it. It changes nothing.
    async fn find(&self, cx: &CallCx, invoice: &Digest) -> Result<Option<Submitted>>;

    /// Ends the interactive session that is open, if one is; its invoices are still followed.
    async fn close(&self, cx: &CallCx) -> Result<()>;

    /// What KSeF allows this context now.
    async fn limits(&self, cx: &CallCx) -> Result<Limits>;

    /// Signs in and asks for what every submission relies on. It submits nothing.
    async fn probe(&self) -> Result<KsefProbe>;
}

#[cfg(test)]
mod tests {
    use super::{State, Submission};
    use crate::error::Reported;

    #[test]
    fn an_invoice_is_not_shown() {
        let submission = Submission { invoice: b"<Faktura/>", offline: false, corrects: None };
        assert!(!format!("{submission:?}").contains("Faktura"));
    }

    #[test]
    fn a_state_reads_back_as_it_was_written() {
        let refused = State::Refused {
            because: Reported {
                code: 450,
                description: "Błąd weryfikacji semantyki dokumentu faktury".into(),
                details: vec!["P_1".into()],
                ..Reported::default()
            },
        };
        for state in [State::Kept, State::Unknown, State::Pending { code: 150 }, refused] {
            let text = serde_json::to_string(&state).unwrap();
            assert!(text.contains(state.name()), "{text}");
            assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
        }
    }
}
