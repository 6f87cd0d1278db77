//! What happened, as the journal keeps it.

use flowcontrol_contract::Timestamp;
use flowcontrol_ksef_wire::messages::{
    BatchFile, ContextIdentifier, FormCode, ReferenceNumber, Sealed, TokenIdentifier,
};
use serde::{Deserialize, Serialize};

/// One line of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    Challenge { challenge: String, at: Timestamp },
    Token(KsefToken),
    TokenRevoked { reference: ReferenceNumber, at: Timestamp },
    Login(Login),
    Redeemed { login: ReferenceNumber, at: Timestamp },
    Refreshed { login: ReferenceNumber, at: Timestamp },
    LoginRevoked { login: ReferenceNumber, at: Timestamp },
    Session(Opened),
    Part { session: ReferenceNumber, ordinal: u32, size: u64, hash: String },
    Closed { session: ReferenceNumber, closed: Closed },
    Judged { session: ReferenceNumber, judged: Judged },
}

/// A KSeF token; its text is not kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KsefToken {
    pub reference: ReferenceNumber,
    /// Base64 SHA-256 of the text.
    pub digest: String,
    pub context: ContextIdentifier,
    pub permissions: Vec<String>,
    pub description: String,
    pub author: TokenIdentifier,
    pub at: Timestamp,
}

/// How a login was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    /// With a KSeF token.
    Token(ReferenceNumber),
    /// With a signed document; base64 SHA-256 of the document.
    Document(String),
}

/// A login, decided when it was received and shown later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Login {
    pub reference: ReferenceNumber,
    pub challenge: String,
    pub context: ContextIdentifier,
    pub method: Method,
    pub permissions: Vec<String>,
    pub at: Timestamp,
    /// Why it fails; `None` when it succeeds.
    pub failure: Option<(i32, String)>,
}

/// A session as it was opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Opened {
    pub reference: ReferenceNumber,
    pub form: FormCode,
    pub context: ContextIdentifier,
    pub login: ReferenceNumber,
    /// The session's key as it came, wrapped.
    pub wrapped: Sealed,
    pub iv: Sealed,
    pub at: Timestamp,
    /// The package, for a batch.
    pub package: Option<BatchFile>,
    pub offline: bool,
}

/// A session's close.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Closed {
    pub at: Timestamp,
    /// A scripted fate of a batch's invoices.
    pub script: Script,
}

/// What a fault makes of invoices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Script {
    /// Nothing.
    #[default]
    None,
    /// Never decided.
    Pending,
    /// Refused with this code.
    #[serde(rename = "verdict")]
    Decision(i32),
}

/// What became of a package.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Judged {
    pub at: Timestamp,
    /// 200 when it could be unpacked; the decisions on its invoices follow separately.
    pub code: i32,
    pub details: Vec<String>,
}
