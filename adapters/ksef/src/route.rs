//! The calls of the API that are used: where they go, and which limit counts them.

use flowcontrol_contract::Effect;
use reqwest::Method;

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
}

impl Group {
    /// Every group.
    #[cfg(test)]
    pub const ALL: [Self; 11] = [
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
        }
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

    /// The same call, of which a second does no harm.
    #[must_use]
    pub fn repeatable(mut self) -> Self {
        self.effect = Effect::Repeatable;
        self
    }
}
