//! `AuthProvider.v1`: authenticates callers: their tenant, actor, roles and permissions.

use crate::adapter::AdapterInfo;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ActorId, TenantId};
use crate::roster::Roster;
use crate::sign_in::SignIn;
use crate::timestamp::Timestamp;
use async_trait::async_trait;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// The contract's versioned name.
pub const CONTRACT: &str = "AuthProvider.v1";

/// The request headers that a caller sent. Names are in lower case; a repeated header is listed
/// repeatedly.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// Name and value, in the order received.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> Presented<'a> {
    /// The value of a header that may occur once; `None` when it is absent.
    ///
    /// # Errors
    /// `InvalidInput` when it is repeated: two readers could take different values. The message
    /// holds no value.
    pub fn single(&self, name: &str) -> Result<Option<&'a [u8]>> {
        let mut values = self.headers.iter().filter(|(n, _)| *n == name).map(|(_, value)| *value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => {
                Err(Error::invalid(format!("the header {name} was sent more than once")))
            }
        }
    }
}

/// Shows the names only: a value may be a token.
impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.headers.iter().map(|(name, _)| name)).finish()
    }
}

/// A verified caller. It holds no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Principal {
    /// The tenant whose data they may access.
    pub tenant: TenantId,
    /// The actor within the tenant.
    pub actor: ActorId,
    /// The keys of their roles, as far as known, without duplicates; never empty.
    pub roles: Vec<String>,
    /// Their permissions; never empty.
    pub permissions: BTreeSet<String>,
    /// How they were authenticated.
    pub how: Authenticated,
}

impl Principal {
    /// Checks that the caller has `permission`.
    ///
    /// # Errors
    /// `Denied` that names the permission.
    pub fn require(&self, permission: &str) -> Result<()> {
        if self.permissions.contains(permission) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Denied,
            format!("{} of {} lacks the permission {permission}", self.actor, self.tenant),
        ))
    }

    /// Checks the caller against the tenant's roster: actor, role and every claimed permission.
    ///
    /// # Errors
    /// `Denied` that names what the roster does not grant.
    pub fn check_against(&self, roster: &Roster) -> Result<()> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Denied, why));
        if roster.tenant != self.tenant {
            return refuse(format!("{} is not an actor of {}", self.actor, roster.tenant));
        }
        let Some(actor) = roster.actors.iter().find(|a| a.id == self.actor) else {
            return refuse(format!("{} has no actor {}", self.tenant, self.actor));
        };
        if let Some(role) = self.roles.iter().find(|role| **role != actor.role) {
            return refuse(format!("{} does not have the role {role:?}", self.actor));
        }
        match self.permissions.iter().find(|p| !actor.permissions.contains(p)) {
            Some(more) => refuse(format!("{} does not have the permission {more:?}", self.actor)),
            None => Ok(()),
        }
    }
}

/// How a principal was authenticated, as an acceptance or an audit event records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Authenticated {
    /// The adapter's kind.
    pub kind: &'static str,
    /// The issuer that vouched; `None` where nobody did, as with plain headers.
    pub issuer: Option<String>,
    /// The issuer's subject; `None` where nobody vouched.
    pub subject: Option<String>,
    /// When the authentication expires; `None` where it does not.
    pub expires_at: Option<Timestamp>,
}

/// The result of probing an adapter's providers, for evidence. It holds no token and no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Each accepted issuer; empty where callers are not verified.
    pub issuers: Vec<ProbedIssuer>,
}

/// The probe of one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbedIssuer {
    /// Its exact name, as in the `iss` claim.
    pub issuer: String,
    /// The accepted signature algorithms for which it has keys, sorted.
    pub algorithms: Vec<String>,
    /// Number of its usable keys.
    pub keys: usize,
    /// The principal that a real token of it maps to; `None` when no token was given.
    pub mapped: Option<Principal>,
    /// Why the given token maps to no principal.
    pub unmapped: Option<String>,
}

/// Authenticates callers.
///
/// An adapter decides by the presented headers only, and denies by default: anything absent,
/// repeated, malformed or unknown is refused.
#[async_trait]
pub trait AuthProvider: Send + Sync + fmt::Debug {
    /// The adapter's name, mode and redacted endpoint.
    fn info(&self) -> AdapterInfo;

    /// The authentication scheme for `WWW-Authenticate` of a 401 response, such as `Bearer`.
    fn challenge(&self) -> &'static str;

    /// Authenticates the caller. Idempotent; it changes nothing.
    ///
    /// `Unauthenticated` when nothing valid is presented (401), `Denied` when the caller is known
    /// but has no access to this service (403), `InvalidInput` when the credentials are ambiguous
    /// (400), `Unavailable` when the provider cannot be reached (503). The message is for logs:
    /// callers are told the kind only, and no message repeats a token.
    async fn authenticate(&self, presented: &Presented<'_>) -> Result<Principal>;

    /// Whether callers can be authenticated at present.
    async fn ready(&self) -> Result<()>;

    /// Checks with the provider everything that [`AuthProvider::authenticate`] relies on.
    async fn probe(&self) -> Result<Probe>;

    /// Whether anybody who reaches the service can forge the credentials, so that it may listen on
    /// loopback only.
    fn loopback_only(&self) -> bool;

    /// Sign-in for people, where the adapter supports it and is configured for it.
    fn sign_in(&self) -> Option<Arc<dyn SignIn>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Presented;
    use crate::error::ErrorKind;

    #[test]
    fn a_header_that_came_twice_is_refused_and_no_value_is_shown() {
        let headers: [(&str, &[u8]); 3] =
            [("authorization", b"Bearer one"), ("host", b"a"), ("authorization", b"Bearer two")];
        let presented = Presented { headers: &headers };
        assert_eq!(presented.single("host").unwrap(), Some(&b"a"[..]));
        assert_eq!(presented.single("cookie").unwrap(), None);
        let refused = presented.single("authorization").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        let text = format!("{refused:?} {presented:?}");
        assert!(!text.contains("one\"") && !text.contains("two") && !text.contains("Bearer"));
    }
}
