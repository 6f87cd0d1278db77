//! The error type between the engine and its adapters.

use serde::{Deserialize, Serialize};
use std::error::Error as StdError;
use std::fmt;

/// A result with an adapter's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// The kind of an error, by which callers decide what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input breaks a rule of the contract; repeating the call cannot help.
    InvalidInput,
    /// Another writer was first, or the same id already names something else.
    Conflict,
    /// A freeze window refuses writes until it is lifted or expires; see [`crate::fence`].
    Frozen,
    /// It does not exist, or belongs to another tenant: the two are indistinguishable on purpose.
    NotFound,
    /// The caller is not authenticated: no valid credentials were presented.
    Unauthenticated,
    /// The caller, or the adapter's own login, is not authorised.
    Denied,
    /// The adapter's configuration is invalid or unsafe, so it refuses to work.
    Configuration,
    /// The service behind the adapter cannot be reached or is not ready.
    Unavailable,
    /// It took longer than the deadline.
    Timeout,
    /// Stored data can no longer be read as it was written.
    Corrupt,
    /// A disk, a quota or a limit is exhausted.
    Exhausted,
    /// The other side broke its own contract, or an unexpected case.
    Unexpected,
}

impl ErrorKind {
    /// The kind's stable name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid input",
            Self::Conflict => "conflict",
            Self::Frozen => "frozen",
            Self::NotFound => "not found",
            Self::Unauthenticated => "unauthenticated",
            Self::Denied => "denied",
            Self::Configuration => "configuration",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Corrupt => "corrupt",
            Self::Exhausted => "exhausted",
            Self::Unexpected => "unexpected",
        }
    }
}

/// Whether repeating a call is sensible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same call fails in the same way.
    Permanent,
    /// It did not happen and may succeed later.
    Temporary,
    /// It may have happened: look it up before sending it again.
    Ambiguous,
}

/// An outside service's own error report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// The HTTP status; 0 where the error was in the body of a successful response.
    #[serde(default)]
    pub status: u16,
    /// The service's error code; 0 where it gave none.
    pub code: i64,
    /// The service's message.
    pub description: String,
    /// Further details, one an entry.
    #[serde(default)]
    pub details: Vec<String>,
    /// Seconds to wait before the next call, where the service said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.status) {
            (0, status) => write!(f, "{status}")?,
            (code, 0) => write!(f, "{code}")?,
            (code, status) => write!(f, "{status}/{code}")?,
        }
        if !self.description.is_empty() {
            write!(f, " {}", self.description)?;
        }
        if !self.details.is_empty() {
            write!(f, " ({})", self.details.join("; "))?;
        }
        Ok(())
    }
}

/// An adapter's failure. `Display` is one line without the source; [`Error::chain`] prints all.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    retry: Retry,
    adapter: &'static str,
    operation: &'static str,
    message: String,
    hint: Option<String>,
    reported: Option<Box<Reported>>,
    source: Option<Source>,
}

impl Error {
    /// A permanent failure of `kind`; `message` names the object and must hold no secret.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            retry: match kind {
                ErrorKind::Unavailable | ErrorKind::Timeout => Retry::Temporary,
                _ => Retry::Permanent,
            },
            adapter: "",
            operation: "",
            message: message.into(),
            hint: None,
            reported: None,
            source: None,
        }
    }

    /// An `InvalidInput` error.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// A `Conflict` error.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// Adds where it happened: the adapter's kind and the contract's operation.
    #[must_use]
    pub fn in_operation(mut self, adapter: &'static str, operation: &'static str) -> Self {
        self.adapter = adapter;
        self.operation = operation;
        self
    }

    /// Adds a hint: what the user can do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Overrides the kind's default for repeating the call.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Adds the outside service's report; it must hold no secret either.
    #[must_use]
    pub fn because(mut self, reported: Reported) -> Self {
        self.reported = Some(Box::new(reported));
        self
    }

    /// Adds the underlying error; it must hold no secret either.
    #[must_use]
    pub fn source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether repeating the call is sensible.
    pub fn retryable(&self) -> Retry {
        self.retry
    }

    /// The message without the place where it happened.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The outside service's report, if there is one.
    pub fn reported(&self) -> Option<&Reported> {
        self.reported.as_deref()
    }

    /// The hint, if there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The whole story in one line: this error, then each source ([`chain`]).
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error's message and those of its sources in one line, joined by `: `. What the message says
/// already is not repeated: many libraries put the source into it.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.adapter.is_empty() {
            write!(f, "{} {}: ", self.adapter, self.operation)?;
        }
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|s| &**s as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, ErrorKind, chain};

    #[test]
    fn a_chain_says_each_cause_once() {
        let io = |text: &str| std::io::Error::other(text.to_owned());
        let error = Error::new(ErrorKind::Unavailable, "cannot write x: disk full");
        assert_eq!(error.source(io("disk full")).chain(), "cannot write x: disk full");
        let inner = Error::new(ErrorKind::Timeout, "no answer").source(io("reset by peer"));
        let outer = Error::new(ErrorKind::Unavailable, "the store is away").source(inner);
        assert_eq!(outer.chain(), "the store is away: no answer: reset by peer");
        assert_eq!(chain(&io("alone")), "alone");
    }
}
