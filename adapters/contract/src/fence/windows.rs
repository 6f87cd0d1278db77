//! All freeze windows of a store, and the decisions by them. Pure, for stores that keep them in one
//! place.

use super::{Raised, Window};
use crate::call::CallCx;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// A tenant's window. It is kept after its end, so that its id stays taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowEntry {
    tenant: TenantId,
    window: Window,
    lifted: bool,
    refused: u64,
}

impl WindowEntry {
    fn in_force(&self, now: Timestamp) -> bool {
        !self.lifted && now < self.window.expires_at
    }
}

/// The windows of all tenants. The caller holds the store's write lock while it reads, changes and
/// writes them back, and passes the time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Windows(Vec<WindowEntry>);

impl Windows {
    /// Raises a window, see [`Fence::raise`](super::Fence::raise).
    ///
    /// # Errors
    /// As the contract says; nothing is changed then.
    pub fn raise(&mut self, tenants: &[TenantId], window: &Window, now: Timestamp) -> Result<()> {
        if tenants.is_empty() {
            return Err(Error::invalid("a freeze window without a tenant refuses nothing"));
        }
        if window.expires_at <= now {
            return Err(window.too_late(now));
        }
        let mut next = self.clone();
        for tenant in tenants {
            next.raise_for(tenant, window, now)?;
        }
        *self = next;
        Ok(())
    }

    fn raise_for(&mut self, tenant: &TenantId, window: &Window, now: Timestamp) -> Result<()> {
        let mut known = None;
        for entry in self.0.iter_mut().filter(|e| e.tenant == *tenant) {
            if entry.window.id == window.id {
                known = Some(entry);
            } else if entry.in_force(now) {
                return Err(entry.window.already_frozen(tenant));
            }
        }
        match known {
            Some(entry) if entry.lifted => Err(window.already_lifted(tenant)),
            Some(entry) => {
                let Window { id, reason, raised_at, .. } = entry.window.clone();
                entry.window = Window::new(id, reason, raised_at, window.expires_at)?;
                Ok(())
            }
            None => {
                let (tenant, window) = (tenant.clone(), window.clone());
                self.0.push(WindowEntry { tenant, window, lifted: false, refused: 0 });
                Ok(())
            }
        }
    }

    /// The window in force, see [`Fence::window`](super::Fence::window).
    pub fn in_force(&self, tenants: &[TenantId], now: Timestamp) -> Option<Raised> {
        let asked = |e: &&WindowEntry| e.in_force(now) && tenants.contains(&e.tenant);
        let first = self.0.iter().filter(asked).min_by(|a, b| a.tenant.cmp(&b.tenant))?;
        let of_it = self.0.iter().filter(asked).filter(|e| e.window.id == first.window.id);
        Some(Raised { window: first.window.clone(), refused: of_it.map(|e| e.refused).sum() })
    }

    /// Lifts a window, see [`Fence::lift`](super::Fence::lift).
    ///
    /// # Errors
    /// `NotFound` when it is not in force.
    pub fn lift(&mut self, tenants: &[TenantId], id: &str, now: Timestamp) -> Result<()> {
        let mut lifted = false;
        for entry in &mut self.0 {
            if entry.window.id == id && entry.in_force(now) && tenants.contains(&entry.tenant) {
                entry.lifted = true;
                lifted = true;
            }
        }
        if lifted { Ok(()) } else { Err(Window::not_in_force(id)) }
    }

    /// Permits a write, or refuses and counts it; the caller must write the count back.
    ///
    /// # Errors
    /// `Frozen` when a window of the tenant is in force that is not the call's own.
    pub fn admit(&mut self, cx: &CallCx, now: Timestamp) -> Result<()> {
        let own = |e: &WindowEntry| cx.window.as_ref() == Some(&e.window.id);
        let closed = |e: &&mut WindowEntry| e.tenant == cx.tenant && e.in_force(now) && !own(e);
        match self.0.iter_mut().find(closed) {
            Some(entry) => {
                entry.refused += 1;
                Err(entry.window.refusal(&cx.tenant))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Windows;
    use crate::fence::Window;
    use crate::{CallCx, ErrorKind, TenantId, Timestamp};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000).unwrap()
    }

    fn window(id: &str, from: i64, to: i64) -> Window {
        Window::new(id, "drill", at(from), at(to)).unwrap()
    }

    fn tenants(ids: &[&str]) -> Vec<TenantId> {
        ids.iter().map(|id| TenantId::new(id).unwrap()).collect()
    }

    fn admits(windows: &mut Windows, tenant: &str, own: Option<&str>, now: i64) -> bool {
        let mut cx = CallCx::tenant(TenantId::new(tenant).unwrap());
        cx.window = own.map(str::to_owned);
        windows.admit(&cx, at(now)).is_ok()
    }

    #[test]
    fn a_window_refuses_until_its_end_and_counts() {
        let mut windows = Windows::default();
        windows.raise(&tenants(&["a", "b"]), &window("one", 0, 10), at(0)).unwrap();
        assert!(!admits(&mut windows, "a", None, 9));
        assert!(!admits(&mut windows, "b", Some("two"), 9));
        assert!(admits(&mut windows, "b", Some("one"), 9));
        assert!(admits(&mut windows, "c", None, 9));
        assert!(admits(&mut windows, "a", None, 10), "the end itself is free");
        let raised = windows.in_force(&tenants(&["c", "b", "a"]), at(9)).unwrap();
        assert_eq!(raised.refused, 2);
        assert_eq!(windows.in_force(&tenants(&["a"]), at(10)), None);
        assert_eq!(windows.in_force(&tenants(&["c"]), at(9)), None);
    }

    #[test]
    fn an_id_is_one_window_whose_end_may_move_until_it_is_lifted() {
        let (a, mut windows) = (tenants(&["a"]), Windows::default());
        windows.raise(&a, &window("one", 0, 10), at(0)).unwrap();
        assert!(!admits(&mut windows, "a", None, 1));
        windows.raise(&a, &window("one", 1, 20), at(15)).unwrap();
        let raised = windows.in_force(&a, at(15)).unwrap();
        assert_eq!((raised.window, raised.refused), (window("one", 0, 20), 1));
        let kinds = |w: &mut Windows, id: &str| w.lift(&a, id, at(16)).unwrap_err().kind();
        assert_eq!(kinds(&mut windows, "two"), ErrorKind::NotFound);
        windows.lift(&a, "one", at(16)).unwrap();
        assert_eq!(kinds(&mut windows, "one"), ErrorKind::NotFound);
        let again = windows.raise(&a, &window("one", 17, 30), at(17)).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict);
        assert!(again.message().contains("was lifted"), "{again}");
    }

    #[test]
    fn a_raise_that_is_refused_changes_nothing() {
        let mut windows = Windows::default();
        windows.raise(&tenants(&["b"]), &window("one", 0, 10), at(0)).unwrap();
        let before = windows.clone();
        let two = window("two", 0, 10);
        for (tenants, window, kind) in [
            (tenants(&["a", "b"]), &two, ErrorKind::Conflict),
            (tenants(&[]), &two, ErrorKind::InvalidInput),
            (tenants(&["a"]), &window("two", -9, 0), ErrorKind::InvalidInput),
        ] {
            assert_eq!(windows.raise(&tenants, window, at(0)).unwrap_err().kind(), kind);
            assert_eq!(windows, before);
        }
        windows.raise(&tenants(&["a", "b"]), &window("two", 0, 30), at(10)).unwrap();
    }
}
