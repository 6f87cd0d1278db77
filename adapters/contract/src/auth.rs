//! `AuthProvider.v1`: who is calling, in which tenant, and what they may do.

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

/// What a caller shows: every header as it came. Names are lower case; a header that came twice
/// stands here twice.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// Name and value, in the order they came.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> Presented<'a> {
    /// The value of a header that may come once; `None` when it did not come.
    ///
    /// # Errors
    /// `InvalidInput` when it came twice: two readers could take two different ones. No value
    /// is repeated in the message.
    pub fn one(&self, name: &str) -> Result<Option<&'a [u8]>> {
        let mut values = self.headers.iter().filter(|(n, _)| *n == name).map(|(_, value)| *value);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(Error::invalid(format!("the header {name} came more than once"))),
        }
    }
}

/// The names alone: a value may be a token.
impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.headers.iter().map(|(name, _)| name)).finish()
    }
}

/// Who is calling, as far as the adapter verified it. It holds no token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Principal {
    /// Whose data they may see; exactly one tenant.
    pub tenant: TenantId,
    /// Who they are within the tenant.
    pub actor: ActorId,
    /// The keys of their roles, as far as they are known, without repetition; never empty.
    pub roles: Vec<String>,
    /// What they may do; never empty.
    pub permissions: BTreeSet<String>,
    /// How it is known.
    pub how: Authenticated,
}

impl Principal {
    /// Whether the caller may do `permission`.
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

    /// Whether the tenant's roster knows the caller, and gives them their role and everything they
    /// say they may do.
    ///
    /// # Errors
    /// `Denied` that names what the roster does not give.
    pub fn within(&self, roster: &Roster) -> Result<()> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Denied, why));
        if roster.tenant != self.tenant {
            return refuse(format!("{} is no actor of {}", self.actor, roster.tenant));
        }
        let Some(actor) = roster.actors.iter().find(|a| a.id == self.actor) else {
            return refuse(format!("{} has no actor {}", self.tenant, self.actor));
        };
        if let Some(role) = self.roles.iter().find(|role| **role != actor.role) {
            return refuse(format!("{} has not the role {role:?}", self.actor));
        }
        match self.permissions.iter().find(|p| !actor.permissions.contains(p)) {
            Some(more) => refuse(format!("{} has not the permission {more:?}", self.actor)),
            None => Ok(()),
        }
    }
}

/// How a principal was authenticated, as an acceptance or an audit event records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Authenticated {
    /// The adapter's kind.
    pub kind: &'static str,
    /// Who vouched; `None` where nobody did, as with plain headers.
    pub issuer: Option<String>,
    /// Whom they know it as; `None` where nobody vouched.
    pub subject: Option<String>,
    /// When it ends; `None` where what was presented has no end.
    pub expires_at: Option<Timestamp>,
}

/// What an adapter found out about its provider, for evidence. It holds no token and no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Each issuer that tokens are accepted from; empty where nobody vouches.
    pub issuers: Vec<ProbedIssuer>,
}

/// One issuer as it was probed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProbedIssuer {
    /// Its exact name, as tokens must spell it.
    pub issuer: String,
    /// The signature algorithms that are accepted from it and that its keys are for, sorted.
    pub algorithms: Vec<String>,
    /// How many of its keys can be used.
    pub keys: usize,
    /// What a real token of its mapped to; `None` when none was at hand.
    pub mapped: Option<Principal>,
    /// Why a token that was at hand maps to nobody.
    pub unmapped: Option<String>,
}

/// Tells who is calling.
///
/// An adapter answers from what is presented and from nothing else, and denies by default: what is
/// absent, repeated, misspelled or unknown is never a reason to let someone in.
#[async_trait]
pub trait AuthProvider: Send + Sync + fmt::Debug {
    /// The adapter's name, mode and redacted endpoint.
    fn info(&self) -> AdapterInfo;

    /// The scheme that an answer 401 names in `WWW-Authenticate`, such as `Bearer`.
    fn challenge(&self) -> &'static str;

    /// Who presents this. Idempotent; it changes nothing.
    ///
    /// `Unauthenticated` when nothing or nothing valid is presented (401), `Denied` when it is
    /// known who calls and they may not come in (403), `InvalidInput` when it cannot be read in
    /// one way only (400), `Unavailable` when it cannot be decided now (503). The message is for
    /// logs: a caller is told the kind and no detail, and no message repeats a token.
    async fn authenticate(&self, presented: &Presented<'_>) -> Result<Principal>;

    /// Whether callers can be told apart now.
    async fn ready(&self) -> Result<()>;

    /// Asks the provider for everything that [`AuthProvider::authenticate`] relies on.
    async fn probe(&self) -> Result<Probe>;

    /// Whether what is presented can be forged by anybody who reaches the service, so that it may
    /// listen on loopback alone.
    fn loopback_only(&self) -> bool;

    /// How people sign in, where the adapter can sign them in and is set up to.
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
        assert_eq!(presented.one("host").unwrap(), Some(&b"a"[..]));
        assert_eq!(presented.one("cookie").unwrap(), None);
        let refused = presented.one("authorization").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        let text = format!("{refused:?} {presented:?}");
        assert!(!text.contains("one\"") && !text.contains("two") && !text.contains("Bearer"));
    }
}
