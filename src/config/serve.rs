//! `[serve]`: where the Scenario API listens, and its limits.

use flowcontrol_base::{Failure, Result};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::ops::RangeInclusive;

/// The format of the service's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `[serve]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeSection {
    /// The address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The format of the log on standard error.
    pub log: LogFormat,
    /// Largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Longest time until a request's headers have arrived, in milliseconds; then the connection is
    /// closed.
    pub head_timeout_ms: u64,
    /// Longest time until a body has arrived, in milliseconds; then the response is 408.
    pub body_timeout_ms: u64,
    /// Write timeout: longest time in which a client reads nothing of its response, in
    /// milliseconds; then the connection is closed.
    pub write_timeout_ms: u64,
    /// Longest time until a response starts, in milliseconds; then it is 504.
    pub request_timeout_ms: u64,
    /// How long requests may continue after the service was asked to stop, in milliseconds.
    pub shutdown_grace_ms: u64,
    /// Most connections at the same time; further ones wait.
    pub max_connections: usize,
    /// Requests a second for each caller, on average.
    pub requests_a_second: u32,
    /// Requests of a caller at once (burst).
    pub burst: u32,
    /// Minutes from a browser's sign-in to the end of its session.
    pub session_minutes: u32,
    /// Minutes from a session's last use to its end.
    pub session_idle_minutes: u32,
}

impl Default for ServeSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8700)),
            log: LogFormat::Text,
            max_body_bytes: 8 * 1024 * 1024,
            head_timeout_ms: 10_000,
            body_timeout_ms: 20_000,
            write_timeout_ms: 30_000,
            request_timeout_ms: 60_000,
            shutdown_grace_ms: 30_000,
            max_connections: 512,
            requests_a_second: 100,
            burst: 200,
            session_minutes: 720,
            session_idle_minutes: 60,
        }
    }
}

impl ServeSection {
    /// Refuses limits that would block every caller, or never apply.
    ///
    /// # Errors
    /// A usage failure with the setting's name.
    pub fn check(&self) -> Result<()> {
        const HOUR: u64 = 3_600_000;
        let limits: [(&str, u64, RangeInclusive<u64>); 11] = [
            ("max_body_bytes", self.max_body_bytes as u64, 1024..=256 * 1024 * 1024),
            ("head_timeout_ms", self.head_timeout_ms, 100..=HOUR),
            ("body_timeout_ms", self.body_timeout_ms, 100..=HOUR),
            ("write_timeout_ms", self.write_timeout_ms, 100..=HOUR),
            ("request_timeout_ms", self.request_timeout_ms, 100..=HOUR),
            ("shutdown_grace_ms", self.shutdown_grace_ms, 0..=HOUR),
            ("max_connections", self.max_connections as u64, 1..=100_000),
            ("requests_a_second", self.requests_a_second.into(), 1..=1_000_000),
            ("burst", self.burst.into(), 1..=1_000_000),
            ("session_minutes", self.session_minutes.into(), 1..=7 * 1440),
            ("session_idle_minutes", self.session_idle_minutes.into(), 1..=7 * 1440),
        ];
        match limits.into_iter().find(|(_, value, range)| !range.contains(value)) {
            None => Ok(()),
            Some((name, value, range)) => Err(Failure::usage(format!(
                "[serve] {name} is {value}, but it must be {} to {}",
                range.start(),
                range.end()
            ))
            .hint(format!("leave {name} out to use the default"))),
        }
    }

    /// Whether all values are the defaults.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::ServeSection;

    #[test]
    fn limits_that_let_nobody_in_are_refused_by_name() {
        assert!(ServeSection::default().check().is_ok());
        for (text, name) in [
            ("max_connections = 0", "max_connections"),
            ("requests_a_second = 0", "requests_a_second"),
            ("body_timeout_ms = 0", "body_timeout_ms"),
            ("max_body_bytes = 1", "max_body_bytes"),
        ] {
            let section: ServeSection = toml::from_str(text).unwrap();
            assert!(section.check().unwrap_err().message.contains(name), "{text}");
        }
    }
}
