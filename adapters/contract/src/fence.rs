//! Freeze windows: times in which a store refuses writes, for a rollback drill or a cutover.

mod windows;

use crate::error::{Error, ErrorKind, Result};
use crate::id::TenantId;
use crate::timestamp::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use windows::Windows;

/// Longest id of a window, in characters.
pub const MAX_WINDOW_ID: usize = 64;

/// Longest reason, in characters.
pub const MAX_REASON: usize = 200;

/// A freeze window, validated by [`Window::new`] and when it is read as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Window {
    /// Its id: 1 to 64 of `a-z`, `0-9` and `-`. An id is never used again for the same tenant.
    pub id: String,
    /// The reason, shown to whoever is refused: one line of 1 to 200 characters.
    pub reason: String,
    /// When it was raised, by the clock of whoever raised it.
    pub raised_at: Timestamp,
    /// When it expires, by the clock of the store.
    pub expires_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    id: String,
    reason: String,
    raised_at: Timestamp,
    expires_at: Timestamp,
}

impl TryFrom<Unchecked> for Window {
    type Error = Error;
    fn try_from(w: Unchecked) -> Result<Self> {
        Self::new(w.id, w.reason, w.raised_at, w.expires_at)
    }
}

impl Window {
    /// A validated window.
    ///
    /// # Errors
    /// `InvalidInput` that names the field and states the rule.
    pub fn new(
        id: impl Into<String>,
        reason: impl Into<String>,
        raised_at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Self> {
        let (id, reason) = (id.into(), reason.into());
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=MAX_WINDOW_ID).contains(&id.chars().count()) || !id.chars().all(plain) {
            return Err(Error::invalid(format!(
                "the id of a freeze window must be 1 to {MAX_WINDOW_ID} of a-z, 0-9 and -, not {id:?}"
            )));
        }
        let one_line = !reason.chars().any(|c| c.is_control() || "\u{2028}\u{2029}".contains(c));
        if !(1..=MAX_REASON).contains(&reason.chars().count())
            || !one_line
            || reason.trim().is_empty()
        {
            return Err(Error::invalid(format!(
                "the reason of a freeze window must be one line of 1 to {MAX_REASON} characters"
            )));
        }
        if expires_at <= raised_at {
            return Err(Error::invalid(format!(
                "freeze window {id} would end at {expires_at}, before it begins"
            )));
        }
        Ok(Self { id, reason, raised_at, expires_at })
    }

    /// The error of a write to `tenant` while the window is in force.
    pub fn refusal(&self, tenant: &TenantId) -> Error {
        Error::new(
            ErrorKind::Frozen,
            format!(
                "tenant {tenant} is frozen until {} by window {}: {}",
                self.expires_at, self.id, self.reason
            ),
        )
        .hint(
            "wait until the window ends or whoever raised it lifts it; if nothing uses it any more, \
                         lift it with `flowcontrol scenario thaw`",
        )
    }

    /// The error of raising another window while this one is in force.
    pub fn already_frozen(&self, tenant: &TenantId) -> Error {
        Error::conflict(format!(
            "tenant {tenant} is frozen already, until {} by window {}: {}",
            self.expires_at, self.id, self.reason
        ))
        .hint(
            "wait until that window ends or whoever raised it lifts it; if nothing uses it any \
                         more, lift it with `flowcontrol scenario thaw`",
        )
    }

    /// The error of raising a window whose end has passed.
    pub fn too_late(&self, now: Timestamp) -> Error {
        Error::invalid(format!(
            "freeze window {} ends at {}, and by the store's clock it is {now}",
            self.id, self.expires_at
        ))
        .hint("choose a later end, or set this machine's clock")
    }

    /// The error of raising a window whose id was lifted before.
    pub fn already_lifted(&self, tenant: &TenantId) -> Error {
        Error::conflict(format!("window {} of tenant {tenant} was lifted already", self.id))
            .hint("raise a window with another id")
    }

    /// The error of lifting `id` when it is not in force.
    pub fn not_in_force(id: &str) -> Error {
        Error::new(ErrorKind::NotFound, format!("no freeze window {id:?} is in force"))
            .hint("`flowcontrol scenario show` shows the window in force")
    }
}

/// A window in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Raised {
    /// The window, with its latest end.
    pub window: Window,
    /// Number of writes refused since it was raised, by every process and for the tenants asked
    /// for. Refusals that could not be recorded are missing.
    pub refused: u64,
}

/// Freezes tenants: while a window is in force, every enroll, append and import is refused with
/// `Frozen`, also a repeated append. Reads continue, and so do an append and an import without
/// records. Calls whose [`CallCx::window`](crate::CallCx::window) is the window's id pass.
///
/// A tenant can be frozen before it is enrolled; enrolling it is then refused.
#[async_trait]
pub trait Fence: Send + Sync {
    /// Refuses writes of these tenants from the moment this returns; waits for writes in progress.
    /// Applies to all tenants or none.
    ///
    /// Idempotent by the window's id: an existing window gets the end of `window`, which also
    /// reactivates an expired one, and keeps everything else. Another window in force is a
    /// `Conflict` that names it, and so is an id that was lifted. An end that has passed by the
    /// store's clock, or an empty list of tenants, is `InvalidInput`.
    async fn raise(&self, tenants: &[TenantId], window: &Window) -> Result<()>;

    /// The window in force for any of these tenants; the first in order of their ids. Expired and
    /// lifted windows do not count.
    async fn window(&self, tenants: &[TenantId]) -> Result<Option<Raised>>;

    /// Lifts the window with that id for all of these tenants; `NotFound` when it is in force for
    /// none.
    async fn lift(&self, tenants: &[TenantId], id: &str) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::Window;
    use crate::id::TenantId;
    use crate::timestamp::Timestamp;

    fn window(id: &str, reason: &str, minutes: i64) -> crate::Result<Window> {
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        Window::new(id, reason, at(0), at(minutes * 60_000_000))
    }

    #[test]
    fn what_breaks_a_rule_is_refused_by_name() {
        let long = "x".repeat(65);
        let essay = "ż".repeat(201);
        for (id, reason, minutes, why) in [
            ("", "drill", 1, "the id of"),
            ("Drill", "drill", 1, "the id of"),
            ("drill 1", "drill", 1, "the id of"),
            ("żuraw", "drill", 1, "the id of"),
            (&long, "drill", 1, "the id of"),
            ("drill", "", 1, "the reason of"),
            ("drill", "  ", 1, "the reason of"),
            ("drill", "two\nlines", 1, "the reason of"),
            ("drill", "two\u{2028}lines", 1, "the reason of"),
            ("drill", &essay, 1, "the reason of"),
            ("drill", "drill", 0, "before it begins"),
            ("drill", "drill", -1, "before it begins"),
        ] {
            let error = window(id, reason, minutes).unwrap_err();
            assert!(error.message().contains(why), "{id:?} {reason:?}: {error}");
        }
        assert!(window(&"x".repeat(64), &"ż".repeat(200), 1).is_ok());
    }

    #[test]
    fn json_is_checked_too() {
        let good = serde_json::to_string(&window("drill-1", "Próba", 5).unwrap()).unwrap();
        assert!(serde_json::from_str::<Window>(&good).is_ok());
        for (from, to) in [("drill-1", "Drill"), ("Próba", ""), ("1970", "1980"), ("id", "name")] {
            let bad = good.replacen(from, to, 1);
            assert!(serde_json::from_str::<Window>(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refusal_names_the_reason_the_end_and_the_way_out() {
        let error = window("drill-1", "rollback drill", 5).unwrap();
        let error = error.refusal(&TenantId::new("bfg").unwrap());
        assert!(error.message().contains("rollback drill"), "{error}");
        assert!(error.message().contains("1970-01-01T00:05:00.000000Z"), "{error}");
        assert!(error.hint_text().is_some_and(|way| way.contains("scenario thaw")));
    }
}
