//! Identifiers: parsed once, then trusted.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest identifier, in bytes of UTF-8. Keys in Postgres indexes stay far below its limit of
/// about 2,700 bytes even when three of them stand in one key.
pub const MAX_ID_BYTES: usize = 200;

fn parse(what: &str, text: &str) -> Result<Arc<str>> {
    let refuse = |why: String| Err(Error::invalid(format!("{what} {why}")));
    if text.is_empty() {
        return refuse("is empty".into());
    }
    if text.len() > MAX_ID_BYTES {
        return refuse(format!("is {} bytes long; the limit is {MAX_ID_BYTES}", text.len()));
    }
    if let Some(c) = text.chars().find(|c| c.is_control()) {
        return refuse(format!("holds the control character U+{:04X}", c as u32));
    }
    if text.trim() != text {
        return refuse("starts or ends with white space".into());
    }
    Ok(Arc::from(text))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses an identifier: 1 to [`MAX_ID_BYTES`] bytes of UTF-8, no control
            /// characters, no white space at either end. Case and look-alike letters are kept
            /// apart: two identifiers are equal only byte for byte.
            ///
            /// # Errors
            /// `InvalidInput` that names the rule.
            pub fn new(text: impl AsRef<str>) -> Result<Self> {
                parse($what, text.as_ref()).map(Self)
            }
        }

        crate::text::checked!($name);
    };
}

id!(
    /// Whose data it is. Ordered byte by byte, which is also the order of a snapshot.
    TenantId,
    "tenant id"
);
id!(
    /// Who did it; unique within a tenant.
    ActorId,
    "actor id"
);
id!(
    /// Which record; unique within a tenant, and the key of idempotency.
    RecordId,
    "record id"
);
id!(
    /// Which event of the evidence chain; unique within a tenant.
    EventId,
    "event id"
);
id!(
    /// One scenario's life, for example `grant-demo-local`.
    SessionId,
    "session id"
);
