//! The calls of the API that are used: where they go, and which limit counts them.

use flowcontrol_client::{Limit, Request, Target};
use flowcontrol_contract::Effect;
use http::Method;

/// KSeF's groups of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Opening interactive sessions.
    OnlineSession,
    /// Closing them.
    OnlineSessionClose,
    /// Sending invoices.
    InvoiceSend,
    /// Opening batches.
    BatchSession,
    /// Closing them.
    BatchSessionClose,
    /// One invoice's status.
    InvoiceStatus,
    /// A session's invoices.
    SessionInvoiceList,
    /// The list of sessions.
    SessionList,
    /// Everything else of a session.
    SessionMisc,
    /// Signing in and public keys.
    Anonymous,
    /// Everything else.
    Other,
    /// Pre-signed URLs, which no limit counts.
    Presigned,
}

impl Group {
    /// Every group.
    #[cfg(test)]
    pub const ALL: [Self; 12] = [
        Self::OnlineSession,
        Self::OnlineSessionClose,
        Self::InvoiceSend,
        Self::BatchSession,
        Self::BatchSessionClose,
        Self::InvoiceStatus,
        Self::SessionInvoiceList,
        Self::SessionList,
        Self::SessionMisc,
        Self::Anonymous,
        Self::Other,
        Self::Presigned,
    ];

    /// The documented limits: requests in a second, a minute and an hour; 0 is unlimited.
    pub const fn documented(self) -> [u32; 3] {
        match self {
            Self::OnlineSession | Self::Other => [10, 30, 120],
            Self::OnlineSessionClose => [20, 60, 240],
            Self::InvoiceSend => [10, 30, 180],
            Self::BatchSession => [10, 20, 60],
            Self::BatchSessionClose => [20, 40, 120],
            Self::InvoiceStatus => [30, 120, 1200],
            Self::SessionInvoiceList => [10, 20, 200],
            Self::SessionList => [5, 10, 60],
            Self::SessionMisc => [10, 120, 1200],
            Self::Anonymous => [60, 0, 0],
            Self::Presigned => [0, 0, 0],
        }
    }
}

impl flowcontrol_client::Group for Group {
    fn documented(self) -> Vec<Limit> {
        Limit::second_minute_hour(Self::documented(self)).into()
    }
}

/// One call.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name in errors.
    pub name: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path under the base, which holds nothing but parsed references and numbers.
    pub path: String,
    /// What it counts to.
    pub group: Group,
    /// What it does.
    pub effect: Effect,
}

impl Route {
    /// A call that reads.
    pub fn get(name: &'static str, group: Group, path: impl Into<String>) -> Self {
        Self { name, method: Method::GET, path: path.into(), group, effect: Effect::Repeatable }
    }

    /// A call that must happen once.
    pub fn post(name: &'static str, group: Group, path: impl Into<String>) -> Self {
        Self { name, method: Method::POST, path: path.into(), group, effect: Effect::Once }
    }

    /// The request of this call, without headers and body.
    pub fn request(&self) -> Request<Group> {
        let target = Target::Path(self.path.clone());
        Request::new(self.name, self.method.clone(), target, self.effect, self.group)
    }

    /// The same call, of which a second does no harm.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.effect = Effect::Repeatable;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Group;
    use flowcontrol_client::{Limit, Windows};
    use flowcontrol_contract::Timestamp;
    use std::time::Duration;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_764_000_000_000_000 + millis * 1000).unwrap()
    }

    #[test]
    fn as_many_as_are_documented_and_not_one_more() {
        let mut windows = Windows::default();
        for n in 0..10 {
            windows.take(Group::InvoiceSend, at(n)).unwrap();
        }
        let wait = windows.take(Group::InvoiceSend, at(10)).unwrap_err();
        assert_eq!(wait, Duration::from_millis(990));
        // Another group has its own place.
        windows.take(Group::InvoiceStatus, at(10)).unwrap();
        for n in 0..20 {
            windows.take(Group::InvoiceSend, at(1000 + n * 110)).unwrap();
        }
        let wait = windows.take(Group::InvoiceSend, at(10_000)).unwrap_err();
        assert_eq!(wait, Duration::from_millis(50_000));
    }

    #[test]
    fn an_hour_of_sends_is_counted() {
        let mut windows = Windows::default();
        for n in 0..180 {
            windows.take(Group::InvoiceSend, at(n * 2001)).unwrap();
        }
        let wait = windows.take(Group::InvoiceSend, at(500_000)).unwrap_err();
        assert_eq!(wait, Duration::from_secs(3600 - 500));
        windows.take(Group::InvoiceSend, at(3_600_000)).unwrap();
    }

    #[test]
    fn silence_is_kept_by_every_group_and_limits_can_be_told() {
        let mut windows = Windows::default();
        windows.silence(at(0), Duration::from_secs(30));
        windows.silence(at(0), Duration::from_secs(3));
        for group in Group::ALL {
            assert_eq!(windows.take(group, at(1000)), Err(Duration::from_secs(29)));
            windows.take(group, at(30_000)).unwrap();
        }
        windows.set(Group::Other, Limit::second_minute_hour([1, 0, 0]));
        windows.take(Group::Other, at(40_000)).unwrap();
        assert!(windows.take(Group::Other, at(40_001)).is_err());
    }
}
