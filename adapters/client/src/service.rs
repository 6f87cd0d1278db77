//! What a service means by its refusals.

use crate::response::Response;
use flowcontrol_contract::Effect;
use flowcontrol_contract::error::{ErrorKind, Reported, Retry};
use std::fmt;
use std::time::Duration;
use url::Url;

/// One service's ways. Every method but the name has a default that follows HTTP.
pub trait Service: Send + Sync + fmt::Debug + 'static {
    /// Its name in sentences.
    fn name(&self) -> &str;

    /// What the body of a refusal says; `None` where it is nothing that the service documents. Its text
    /// goes into errors and must hold no secret.
    fn reported(&self, refusal: &Response) -> Option<Reported> {
        let _ = refusal;
        None
    }

    /// What kind of failure a refusal is.
    fn kind(&self, reported: &Reported) -> ErrorKind {
        match reported.status {
            401 => ErrorKind::Unauthenticated,
            403 => ErrorKind::Denied,
            404 | 410 => ErrorKind::NotFound,
            409 | 412 => ErrorKind::Conflict,
            400 | 413 | 415 | 422 => ErrorKind::InvalidInput,
            408 | 504 => ErrorKind::Timeout,
            429 | 500.. => ErrorKind::Unavailable,
            _ => ErrorKind::Unexpected,
        }
    }

    /// Whether the request may be sent again: one that was not taken may, one that may have taken
    /// effect may not.
    fn retry(&self, reported: &Reported, effect: Effect) -> Retry {
        match (reported.status, effect) {
            (408 | 429, _) | (500.., Effect::Repeatable) => Retry::Temporary,
            (500.., Effect::Once) => Retry::Ambiguous,
            _ => Retry::Permanent,
        }
    }

    /// What the user can do about a refusal.
    fn hint(&self, reported: &Reported) -> Option<String> {
        match reported.status {
            300..400 => Some("redirects are not followed".into()),
            429 => Some(format!("{} limits how often it is asked; try again later", self.name())),
            _ => None,
        }
    }

    /// What the user can do when the service at `base` cannot be reached.
    fn unreached(&self, base: &Url) -> String {
        let origin = base.origin().ascii_serialization();
        format!("check the network, and that {} answers at {origin}", self.name())
    }

    /// The pause after a 429 or 503 that does not say one; `None` doubles the pause with each attempt.
    fn pause(&self) -> Option<Duration> {
        None
    }

    /// The longest pause that is believed.
    fn longest_pause(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

/// A service that is known by its name alone.
#[derive(Clone, Copy, Debug)]
pub struct Named(pub &'static str);

impl Service for Named {
    fn name(&self) -> &str {
        self.0
    }
}
