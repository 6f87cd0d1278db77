//! `[adapters.oidc-rbac]`, checked once.

use super::client::Client;
use super::error::refuse;
use super::issuer::Issuer;
use flowcontrol_contract::error::Result;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The section as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The issuers whose tokens are accepted.
    pub issuers: Vec<Issuer>,
    /// The permissions of each role. A role that is not here gives none.
    pub roles: BTreeMap<String, BTreeSet<String>>,
    /// Allowed clock skew in seconds: 0 to 120.
    #[serde(default = "default_leeway")]
    pub leeway: u32,
    /// Longest lifetime of a token (`exp` - `iat`) in seconds: 60 to 604,800.
    #[serde(default = "default_max_lifetime")]
    pub max_lifetime: u32,
    /// Longest token in bytes: 256 to 65,536.
    #[serde(default = "default_max_token_bytes")]
    pub max_token_bytes: usize,
    /// When and how keys are fetched.
    #[serde(default)]
    pub keys: Keys,
    /// How people sign in; absent means that they do not.
    #[serde(default)]
    pub client: Option<Client>,
}

/// When and how keys are fetched.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// Seconds after which keys are fetched again, in the background: 1 to 86,400.
    pub refresh: u32,
    /// Least seconds between two fetches, whoever asks for them: 1 to 3,600.
    pub cooldown: u32,
    /// Seconds for which keys are used while they cannot be fetched again: 1 to 604,800.
    pub max_stale: u32,
    /// Timeout of one fetch in milliseconds: 100 to 60,000.
    pub timeout: u32,
}

impl Default for Keys {
    fn default() -> Self {
        Self { refresh: 300, cooldown: 10, max_stale: 3600, timeout: 5_000 }
    }
}

fn default_leeway() -> u32 {
    30
}
fn default_max_lifetime() -> u32 {
    3600
}
fn default_max_token_bytes() -> usize {
    8 * 1024
}

impl Config {
    /// Reads and checks it.
    ///
    /// # Errors
    /// `Configuration` that names what is wrong.
    pub fn read(value: serde_json::Value) -> Result<Self> {
        let config: Self = serde_json::from_value(value).map_err(|e| refuse(e.to_string()))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        if self.issuers.is_empty() {
            return Err(refuse("issuers is empty: no token could be accepted"));
        }
        for (name, value, from, to) in [
            ("leeway", self.leeway as usize, 0, 120),
            ("max_lifetime", self.max_lifetime as usize, 60, 7 * 86_400),
            ("max_token_bytes", self.max_token_bytes, 256, 64 * 1024),
            ("keys.refresh", self.keys.refresh as usize, 1, 86_400),
            ("keys.cooldown", self.keys.cooldown as usize, 1, 3600),
            ("keys.max_stale", self.keys.max_stale as usize, 1, 7 * 86_400),
            ("keys.timeout", self.keys.timeout as usize, 100, 60_000),
        ] {
            if !(from..=to).contains(&value) {
                return Err(refuse(format!("{name} is {value}; it must be {from} to {to}")));
            }
        }
        if self.keys.max_stale < self.keys.refresh {
            return Err(refuse("keys.max_stale is shorter than keys.refresh"));
        }
        if self.roles.is_empty() {
            return Err(refuse("roles is empty: no token could grant a permission"));
        }
        for (role, permissions) in &self.roles {
            if role.is_empty() || permissions.is_empty() || permissions.contains("") {
                return Err(refuse(format!(
                    "the role {role:?} is empty, or a permission of it is empty"
                )));
            }
        }
        self.issuers.iter().try_for_each(Issuer::check)?;
        for (at, one) in self.issuers.iter().enumerate() {
            for other in &self.issuers[..at] {
                one.distinct_from(other)?;
            }
        }
        self.client.as_ref().map_or(Ok(()), |client| client.check(&self.issuers))
    }
}
