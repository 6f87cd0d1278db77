//! `[adapters.ksef-api]`, checked once.

use super::provider::KIND;
use flowcontrol_client::is_loopback;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::{SecretRef, TenantId};
use flowcontrol_ksef_invoice::nip::Nip;
use serde::Deserialize;
use std::path::PathBuf;
use url::Url;

/// Which KSeF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// For tests; never real data.
    Test,
    /// For trying integrations; never real data.
    Demo,
    /// The real one: what is sent there has legal effect.
    Prd,
}

impl Environment {
    const fn base(self) -> &'static str {
        match self {
            Self::Test => "https://api-test.ksef.mf.gov.pl/v2",
            Self::Demo => "https://api-demo.ksef.mf.gov.pl/v2",
            Self::Prd => "https://api.ksef.mf.gov.pl/v2",
        }
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Demo => "demo",
            Self::Prd => "prd",
        }
    }
}

/// The section as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which KSeF; either this or `base_url`.
    #[serde(default)]
    pub environment: Option<Environment>,
    /// A KSeF on loopback, such as `flowcontrol ksef serve` offers.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Confirms `environment = "prd"`.
    #[serde(default)]
    pub production: bool,
    /// The tenant whose invoices go through this context; no other's call is served.
    pub tenant: TenantId,
    /// The context: the taxpayer's NIP.
    pub nip: String,
    /// Signs in with a KSeF token; either this or the two below.
    #[serde(default)]
    pub token: Option<SecretRef>,
    /// Signs in with this KSeF certificate of the kind Authentication, PEM.
    #[serde(default)]
    pub certificate: Option<SecretRef>,
    /// The certificate's private key, PKCS#8 PEM without a password.
    #[serde(default)]
    pub key: Option<SecretRef>,
    /// The folder of what is written down before each send. It holds the keys of sessions.
    #[serde(default = "default_state")]
    pub state: PathBuf,
    /// Seconds for one request.
    #[serde(default = "default_timeout")]
    pub timeout: u32,
    /// Seconds that a call may wait because of KSeF's limits before it fails and says so.
    #[serde(default = "default_patience")]
    pub patience: u32,
    /// Bytes of one part of a batch before encryption.
    #[serde(default = "default_part_bytes")]
    pub part_bytes: u64,
}

fn default_state() -> PathBuf {
    PathBuf::from(".flowcontrol/ksef-api")
}
fn default_timeout() -> u32 {
    60
}
fn default_patience() -> u32 {
    120
}
fn default_part_bytes() -> u64 {
    50_000_000
}

/// A mistake in the configuration.
pub fn refuse(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, why).in_operation(KIND, "configuration")
}

impl Config {
    /// Reads and checks it.
    ///
    /// # Errors
    /// `Configuration` that names what is wrong.
    pub fn read(value: serde_json::Value) -> Result<Self> {
        let config: Self = serde_json::from_value(value).map_err(|e| refuse(e.to_string()))?;
        config.base()?;
        Nip::parse(&config.nip).map_err(|e| refuse(format!("nip: {e}")))?;
        match (&config.token, &config.certificate, &config.key) {
            (Some(_), None, None) | (None, Some(_), Some(_)) => {}
            (None, None, None) => {
                return Err(refuse("no sign-in method is configured").hint(
                    "name token = { env = \"KSEF_TOKEN\" }, or certificate and key, each as \
                     { file = \"...\" }",
                ));
            }
            (None, Some(_), None) => {
                return Err(refuse("a certificate without its key cannot sign in")
                    .hint("name key = { file = \"...\" }, PKCS#8 PEM without a password"));
            }
            (None, None, Some(_)) => {
                return Err(refuse("a key without its certificate cannot sign in")
                    .hint("name certificate = { file = \"...\" }"));
            }
            (Some(_), ..) => {
                return Err(refuse("token and certificate are both configured: choose one"));
            }
        }
        for (name, value, from, to) in [
            ("timeout", u64::from(config.timeout), 1, 600),
            ("patience", u64::from(config.patience), 0, 3600),
            ("part_bytes", config.part_bytes, 1000, 100_000_000),
        ] {
            if !(from..=to).contains(&value) {
                return Err(refuse(format!("{name} is {value}, and may be {from} to {to}")));
            }
        }
        Ok(config)
    }

    /// The address that every path is under, without a slash at its end.
    ///
    /// # Errors
    /// `Configuration` when it is absent, doubled or unsafe.
    pub fn base(&self) -> Result<Url> {
        match (self.environment, &self.base_url) {
            (Some(Environment::Prd), None) if !self.production => {
                Err(refuse("environment = \"prd\" sends invoices that have legal effect")
                    .hint("add production = true when that is what you want"))
            }
            (Some(environment), None) => {
                Url::parse(environment.base()).map_err(|e| refuse(e.to_string()))
            }
            (None, Some(text)) => loopback(text),
            (None, None) => Err(refuse("the KSeF environment is missing")
                .hint("environment = \"test\", \"demo\" or \"prd\"")),
            (Some(_), Some(_)) => {
                Err(refuse("environment and base_url are both configured: choose one"))
            }
        }
    }

    /// The environment's name in reports.
    pub fn environment_name(&self) -> &'static str {
        self.environment.map_or("loopback", Environment::name)
    }

    /// Whether a certificate without a key usage is accepted.
    pub fn unsaid_purpose(&self) -> bool {
        !matches!(self.environment, Some(Environment::Demo | Environment::Prd))
    }
}

fn loopback(text: &str) -> Result<Url> {
    let url =
        Url::parse(text.trim_end_matches('/')).map_err(|e| refuse(format!("base_url: {e}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("base_url holds credentials"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("base_url has a query or a fragment"));
    }
    if !matches!(url.scheme(), "http" | "https") || !is_loopback(&url) {
        return Err(refuse("base_url is allowed for a KSeF on loopback only")
            .hint("KSeF's own URLs follow from environment"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests;
