//! What an operator may configure of a client.

use crate::address;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// A section of an adapter's configuration, such as `[adapters.ocr-docai.http]`. Every member may be
/// left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The address that the service's paths are under: https, or http on loopback.
    pub base_url: Option<String>,
    /// PEM file with a CA to trust beside Mozilla's public roots.
    pub ca: Option<PathBuf>,
    /// Milliseconds for a connection, TLS included: 100 to 60,000.
    pub connect_timeout_ms: u32,
    /// Milliseconds for one attempt, from the connection to the last byte: 100 to 600,000.
    pub timeout_ms: u32,
    /// Milliseconds that a call may wait because of limits and `Retry-After` before it fails and says
    /// so: up to 3,600,000.
    pub patience_ms: u32,
    /// Attempts of a call that may be tried again: 1 to 10.
    pub attempts: u32,
    /// Longest body that is read, in bytes: 1,024 to 1 GiB.
    pub max_body_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            base_url: None,
            ca: None,
            connect_timeout_ms: 10_000,
            timeout_ms: 60_000,
            patience_ms: 120_000,
            attempts: 4,
            max_body_bytes: 16 << 20,
        }
    }
}

impl Options {
    /// Checks every number and the address.
    ///
    /// # Errors
    /// `Configuration` that names the member, its value and what it may be.
    pub fn check(&self) -> Result<()> {
        for (name, value, from, to) in [
            ("connect_timeout_ms", self.connect_timeout_ms as usize, 100, 60_000),
            ("timeout_ms", self.timeout_ms as usize, 100, 600_000),
            ("patience_ms", self.patience_ms as usize, 0, 3_600_000),
            ("attempts", self.attempts as usize, 1, 10),
            ("max_body_bytes", self.max_body_bytes, 1024, 1 << 30),
        ] {
            if !(from..=to).contains(&value) {
                return Err(wrong(format!("{name} is {value}; it must be {from} to {to}")));
            }
        }
        self.base_url.as_ref().map_or(Ok(()), |_| self.base(None).map(drop))
    }

    /// The service's address: the configured one, else `default`.
    ///
    /// # Errors
    /// `Configuration` when there is none or it is unsafe.
    pub fn base(&self, default: Option<&str>) -> Result<Url> {
        let text = self.base_url.as_deref().or(default);
        let text = text.ok_or_else(|| {
            wrong("base_url is missing".into()).hint("name the service's address, https://...")
        })?;
        address::base(text).map_err(|why| wrong(format!("base_url: {why}")))
    }

    /// The time for one attempt.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }

    /// The time for a connection, within [`Options::timeout`].
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms.into()).min(self.timeout())
    }

    /// How long a call may wait.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms.into())
    }
}

fn wrong(why: String) -> Error {
    Error::new(ErrorKind::Configuration, why)
}

#[cfg(test)]
mod tests {
    use super::Options;
    use flowcontrol_contract::ErrorKind;
    use serde_json::json;

    #[test]
    fn defaults_hold_and_wrong_values_are_named() {
        let read = |value| serde_json::from_value::<Options>(value);
        let defaults = read(json!({})).unwrap();
        defaults.check().unwrap();
        assert_eq!(defaults, Options::default());
        assert!(read(json!({"proxy": "http://x"})).is_err());
        for (value, why) in [
            (json!({"timeout_ms": 1}), "timeout_ms is 1; it must be 100 to 600000"),
            (json!({"attempts": 0}), "attempts is 0"),
            (json!({"max_body_bytes": 3}), "max_body_bytes"),
            (json!({"base_url": "http://a.example"}), "base_url: plain http"),
            (json!({"base_url": "https://u:p@a.example"}), "base_url: an address holds no cred"),
        ] {
            let error = read(value).unwrap().check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.message().starts_with(why), "{error}");
        }
        assert!(defaults.base(None).unwrap_err().message().contains("missing"));
        assert_eq!(defaults.base(Some("https://a.example/v2/")).unwrap().path(), "/v2");
    }
}
