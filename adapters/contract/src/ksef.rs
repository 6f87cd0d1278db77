//! `KsefProvider.v1`: submits structured invoices to the Polish tax authority's system and returns
//! proof.

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

/// An invoice to submit.
#[derive(Clone, Copy)]
pub struct Submission<'a> {
    /// The invoice, FA(3) XML. Exactly these bytes are sent, and their SHA-256 identifies the
    /// invoice.
    pub invoice: &'a [u8],
    /// Whether the taxpayer declares that it was issued offline.
    pub offline: bool,
    /// For a technical correction, the SHA-256 of the offline invoice whose file was refused.
    pub corrects: Option<Digest>,
}

/// Hides the invoice, which is confidential.
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

/// Invoices of one batch, read one after the other, since a batch may be larger than memory. Each
/// is read once; a failure ends the batch before anything is sent.
pub type Invoices<'a> = dyn Iterator<Item = Result<Vec<u8>>> + Send + 'a;

/// What is known of a submitted invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Submitted {
    /// The SHA-256 of its bytes.
    pub invoice: Digest,
    /// The session in which it was sent; `None` while none was opened for it.
    pub session: Option<Reference>,
    /// Its reference within the session; `None` until KSeF has answered.
    pub reference: Option<Reference>,
    /// Its state.
    pub state: InvoiceState,
}

/// The state of a submitted invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum InvoiceState {
    /// It is recorded here and was not sent yet.
    Kept,
    /// It may have been sent: the response was lost, and KSeF has not been asked since.
    Unknown,
    /// KSeF has received it and not decided yet. This can take hours; it is never sent again
    /// meanwhile.
    Pending {
        /// KSeF's status code, 100 or 150.
        code: i64,
    },
    /// KSeF has accepted it and assigned a number.
    Accepted {
        /// The number.
        number: KsefNumber,
        /// When the number was assigned.
        at: Option<Timestamp>,
        /// Whether KSeF treats it as issued offline, by declaration or by its date.
        offline: bool,
        /// The session in which the same bytes were accepted before, if KSeF answered a later
        /// submission as a duplicate.
        earlier: Option<Reference>,
    },
    /// KSeF has refused it: it has no legal effect, and must be corrected and sent as another file.
    Refused {
        /// KSeF's code and details.
        because: Reported,
    },
    /// Another invoice, with other bytes, has the same number: a person must decide.
    NumberTaken {
        /// The number of the other invoice.
        by: KsefNumber,
        /// The session of the other invoice.
        session: Option<Reference>,
    },
}

impl InvoiceState {
    /// Whether KSeF will not change the state any more.
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

/// KSeF's official receipt (UPO) of one invoice, the proof that it exists.
#[derive(Clone, PartialEq, Eq)]
pub struct Upo {
    /// The invoice's number.
    pub number: KsefNumber,
    /// The SHA-256 of the invoice.
    pub invoice: Digest,
    /// The receipt's XML, byte for byte as received.
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

/// The limits of this context at KSeF.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KsefLimits {
    /// Largest invoice, in bytes.
    pub invoice_bytes: u64,
    /// Largest invoice with an attachment, in bytes.
    pub invoice_with_attachment_bytes: u64,
    /// Most invoices of one interactive session.
    pub invoices_in_session: u64,
    /// Most invoices of one batch.
    pub invoices_in_batch: u64,
    /// Most requests of each kind, by sliding window.
    pub rates: Vec<Rate>,
}

/// Request limits of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// KSeF's name of the kind of request.
    pub of: String,
    /// Most requests in any second.
    pub per_second: u64,
    /// Most requests in any minute.
    pub per_minute: u64,
    /// Most requests in any hour.
    pub per_hour: u64,
}

/// The result of probing a KSeF, for evidence. It holds no token and no key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KsefProbe {
    /// The environment: `simulator`, `test`, `demo` or `prd`.
    pub environment: String,
    /// The context's NIP.
    pub context: String,
    /// How it signed in: `token` or `certificate`.
    pub signed_in_by: String,
    /// Number of KSeF's public keys that are usable now.
    pub keys: usize,
    /// When the certificate used to sign in expires; `None` for a token.
    pub certificate_until: Option<Timestamp>,
}

/// Submits invoices to KSeF and reports their state.
///
/// An invoice is identified by the SHA-256 of its bytes. An adapter records what it is about to
/// send before it sends it, so that after a crash at any moment the same call continues and no
/// invoice is sent twice. The context of a call follows from the configuration and `cx.tenant`; a
/// tenant neither sees nor sends invoices of another.
#[async_trait]
pub trait KsefProvider: Send + Sync + fmt::Debug {
    /// The adapter's name, mode and endpoint.
    fn info(&self) -> AdapterInfo;

    /// Sends one invoice in an interactive session, and returns when KSeF has received it for
    /// processing, which is not yet an acceptance. Idempotent by the invoice's bytes: one that was
    /// sent before is looked up and never sent again, whatever its state.
    ///
    /// `InvalidInput`, before any request, when the file breaks a rule for which KSeF would refuse
    /// it; `Conflict` when the same bytes were submitted with another `offline` or `corrects`; a
    /// failure with [`crate::Retry::Ambiguous`] when KSeF may have received it and the look-up
    /// failed too: repeat the call, which looks it up first. KSeF's own message is in
    /// [`crate::Error::reported`].
    async fn submit(&self, cx: &CallCx, submission: &Submission<'_>) -> Result<Submitted>;

    /// Sends many invoices as one batch and returns when KSeF has received the package. Idempotent
    /// as [`KsefProvider::submit`]: the same invoices in the same order are one batch.
    async fn submit_batch(
        &self,
        cx: &CallCx,
        invoices: &mut Invoices<'_>,
        offline: bool,
    ) -> Result<Vec<Submitted>>;

    /// The state of an invoice that was submitted here: asks KSeF once, unless it is final.
    ///
    /// `NotFound` when the tenant submitted no such invoice.
    async fn status(&self, cx: &CallCx, invoice: &Digest) -> Result<Submitted>;

    /// The receipt of an accepted invoice, stored after the first call.
    ///
    /// `NotFound` when it was not submitted here, `Conflict` when it is not accepted, `Corrupt`
    /// when the receipt is for another invoice; such a receipt is set aside and proves nothing.
    async fn upo(&self, cx: &CallCx, invoice: &Digest) -> Result<Upo>;

    /// Looks an invoice up by its bytes in all sessions of this context at KSeF, whoever sent it;
    /// `None` when none of them has it. It changes nothing.
    async fn find(&self, cx: &CallCx, invoice: &Digest) -> Result<Option<Submitted>>;

    /// Closes the open interactive session, if there is one; its invoices can still be followed.
    async fn close(&self, cx: &CallCx) -> Result<()>;

    /// The current limits of this context.
    async fn limits(&self, cx: &CallCx) -> Result<KsefLimits>;

    /// Signs in and checks everything that a submission relies on, without submitting.
    async fn probe(&self) -> Result<KsefProbe>;
}

#[cfg(test)]
mod tests {
    use super::{InvoiceState, Submission};
    use crate::error::Reported;

    #[test]
    fn an_invoice_is_not_shown() {
        let submission = Submission { invoice: b"<Faktura/>", offline: false, corrects: None };
        assert!(!format!("{submission:?}").contains("Faktura"));
    }

    #[test]
    fn a_state_reads_back_as_it_was_written() {
        let refused = InvoiceState::Refused {
            because: Reported {
                code: 450,
                description: "Błąd weryfikacji semantyki dokumentu faktury".into(),
                details: vec!["P_1".into()],
                ..Reported::default()
            },
        };
        for state in [
            InvoiceState::Kept,
            InvoiceState::Unknown,
            InvoiceState::Pending { code: 150 },
            refused,
        ] {
            let text = serde_json::to_string(&state).unwrap();
            assert!(text.contains(state.name()), "{text}");
            assert_eq!(serde_json::from_str::<InvoiceState>(&text).unwrap(), state);
        }
    }
}
