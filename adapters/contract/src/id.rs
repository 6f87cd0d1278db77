//! Identifiers, validated once when they are parsed.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest identifier, in bytes of UTF-8. Three of them in one index key stay far below Postgres'
/// limit of about 2,700 bytes.
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
            /// Parses an identifier: 1 to [`MAX_ID_BYTES`] bytes of UTF-8, no control characters,
            /// no white space at either end. Identifiers are equal only byte for byte; case and
            /// look-alike letters matter.
            ///
            /// # Errors
            /// `InvalidInput` that states the rule.
            pub fn new(text: impl AsRef<str>) -> Result<Self> {
                parse($what, text.as_ref()).map(Self)
            }
        }

        crate::text::checked!($name);
    };
}

id!(
    /// A tenant. Ordered byte by byte, which is also the order in a snapshot.
    TenantId,
    "tenant id"
);
id!(
    /// An actor; unique within a tenant.
    ActorId,
    "actor id"
);
id!(
    /// A record; unique within a tenant, and the key for idempotent appends.
    RecordId,
    "record id"
);
id!(
    /// An event of the audit trail; unique within a tenant.
    EventId,
    "event id"
);
id!(
    /// A scenario's session, for example `grant-demo-local`.
    SessionId,
    "session id"
);
