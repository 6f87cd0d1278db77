//! The operations of KSeF's API that the simulator knows, and what each counts as.

use axum::http::Method;
use flowcontrol_ksef_wire::messages::{RateLimit, RateLimits};
use std::fmt;
use std::str::FromStr;

macro_rules! operations {
    ($($name:ident $text:literal $method:ident $path:literal $group:ident,)+) => {
        /// One operation. Its text names it in scripts of faults.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Operation {
            $(#[doc = concat!("`", stringify!($method), " ", $path, "`")] $name,)+
        }

        impl Operation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name in scripts.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Method and path, parameters in braces.
            pub fn route(self) -> (Method, &'static str) {
                match self { $(Self::$name => (Method::$method, $path),)+ }
            }

            /// The limit that it counts against, with the name of its group.
            pub(super) fn limit(self, rates: &RateLimits) -> Option<(&'static str, RateLimit)> {
                match self { $(Self::$name => group!($group rates),)+ }
            }
        }
    };
}

macro_rules! group {
    (unlimited $rates:ident) => {
        None
    };
    ($group:ident $rates:ident) => {
        $rates.$group.map(|limit| (stringify!($group), limit))
    };
}

operations! {
    Keys "keys" GET "/v2/security/public-key-certificates" anonymous,
    Challenge "challenge" POST "/v2/auth/challenge" anonymous,
    TokenLogin "ksef-token" POST "/v2/auth/ksef-token" anonymous,
    XadesLogin "xades" POST "/v2/auth/xades-signature" anonymous,
    LoginStatus "auth-status" GET "/v2/auth/{reference}" anonymous,
    Redeem "redeem" POST "/v2/auth/token/redeem" anonymous,
    Refresh "refresh" POST "/v2/auth/token/refresh" anonymous,
    Logins "auth-sessions" GET "/v2/auth/sessions" other,
    Logout "logout" DELETE "/v2/auth/sessions/current" other,
    RevokeLogin "revoke-auth" DELETE "/v2/auth/sessions/{reference}" other,
    OpenOnline "open" POST "/v2/sessions/online" online_session,
    Send "send" POST "/v2/sessions/online/{reference}/invoices" invoice_send,
    CloseOnline "close" POST "/v2/sessions/online/{reference}/close" online_session_close,
    OpenBatch "open-batch" POST "/v2/sessions/batch" batch_session,
    CloseBatch "close-batch" POST "/v2/sessions/batch/{reference}/close" batch_session_close,
    Sessions "sessions" GET "/v2/sessions" session_list,
    Session "session" GET "/v2/sessions/{reference}" session_misc,
    Invoices "invoices" GET "/v2/sessions/{reference}/invoices" session_invoice_list,
    FailedInvoices "failed" GET "/v2/sessions/{reference}/invoices/failed" session_invoice_list,
    Invoice "invoice" GET "/v2/sessions/{reference}/invoices/{invoice}" invoice_status,
    InvoiceUpo "upo" GET "/v2/sessions/{reference}/invoices/{invoice}/upo" session_misc,
    NumberUpo "upo-by-number" GET "/v2/sessions/{reference}/invoices/ksef/{number}/upo" session_misc,
    SessionUpo "session-upo" GET "/v2/sessions/{reference}/upo/{page}" session_misc,
    Download "download" GET "/v2/invoices/ksef/{number}" invoice_download,
    ContextLimits "context-limits" GET "/v2/limits/context" other,
    SubjectLimits "subject-limits" GET "/v2/limits/subject" other,
    RateLimits "rate-limits" GET "/v2/rate-limits" other,
    MakeToken "make-token" POST "/v2/tokens" other,
    Tokens "tokens" GET "/v2/tokens" other,
    Token "token" GET "/v2/tokens/{reference}" other,
    RevokeToken "revoke-token" DELETE "/v2/tokens/{reference}" other,
    Upload "upload" PUT "/storage/batch/{reference}/{part}" unlimited,
    StoredUpo "stored-upo" GET "/storage/upo/{reference}/{name}" unlimited,
}

impl Operation {
    /// By method and matched path.
    pub(super) fn find(method: &Method, path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|operation| operation.route() == (method.clone(), path))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Operation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|operation| operation.name() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|operation| operation.name()).collect();
            format!("unknown operation {text:?}; known are {}", known.join(", "))
        })
    }
}
