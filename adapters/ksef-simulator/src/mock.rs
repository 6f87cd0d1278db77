//! `mock-ksef`: a simulator in this process, and the same client before it over loopback.

use crate::Simulator;
use async_trait::async_trait;
use flowcontrol_contract::error::{Error, ErrorKind, Result};
use flowcontrol_contract::ksef::{Invoices, KsefLimits, KsefProbe, Submission, Submitted, Upo};
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::{AdapterInfo, CallCx, Digest, KsefProvider, Mode, Secret, TenantId};
use flowcontrol_ksef::{ClientSettings, Ksef, SignIn, SystemClock};
use flowcontrol_ksef_invoice::nip::Nip;
use futures::future::BoxFuture;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Its name in the configuration.
pub const KIND: &str = "mock-ksef";

/// `[adapters.mock-ksef]`; everything has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The one tenant that is served; without it each has a folder of its own.
    #[serde(default)]
    tenant: Option<TenantId>,
    /// The context: the taxpayer's NIP.
    #[serde(default = "default_nip")]
    nip: String,
    /// The folder of the simulator's state and of the client's.
    #[serde(default = "default_state")]
    state: PathBuf,
    /// What goes wrong, as `flowcontrol ksef serve --fault` writes it.
    #[serde(default)]
    faults: Vec<String>,
}

/// The one that the ministry's samples use.
fn default_nip() -> String {
    "5265877635".to_owned()
}
fn default_state() -> PathBuf {
    PathBuf::from(".flowcontrol/mock-ksef")
}

fn refuse(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, why).in_operation(KIND, "configuration")
}

/// The client, and the KSeF that lives as long as it does.
#[derive(Debug)]
struct Mock {
    client: Ksef,
    _simulator: Simulator,
}

/// Starts the simulator and builds the client before it.
pub fn build<'a>(
    config: serde_json::Value,
    cx: BuildCx<'a>,
) -> BoxFuture<'a, Result<Arc<dyn KsefProvider>>> {
    Box::pin(async move { Ok(Arc::new(start(config, cx).await?) as Arc<dyn KsefProvider>) })
}

async fn start(config: serde_json::Value, cx: BuildCx<'_>) -> Result<Mock> {
    let config: Config = serde_json::from_value(config).map_err(|e| refuse(e.to_string()))?;
    let nip = Nip::parse(&config.nip).map_err(|e| refuse(format!("nip: {e}")))?;
    let faults = config.faults.iter().map(|text| text.parse().map_err(refuse));
    let faults = faults.collect::<Result<_>>()?;
    let folder = cx.base.join(&config.state);
    let started = crate::Config { faults, ..crate::Config::new(folder.join("simulator")) };
    let simulator = Simulator::start(started).await.map_err(|e| e.in_operation(KIND, "start"))?;
    let token = simulator.issue_token(&nip)?;
    let base = Url::parse(&simulator.base_url()).map_err(|e| refuse(e.to_string()))?;
    let client = Ksef::with_settings(ClientSettings {
        kind: KIND,
        mode: Mode::Local,
        environment: "simulator".to_owned(),
        tenant: config.tenant,
        nip: config.nip,
        base,
        sign_in: SignIn::Token(Secret::new(token.expose())),
        state: folder.join("client"),
        clock: Arc::new(SystemClock),
        timeout: Duration::from_secs(60),
        patience: Duration::from_secs(60),
        part_bytes: 50_000_000,
    })?;
    Ok(Mock { client, _simulator: simulator })
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl KsefProvider for Mock {
    fn info(&self) -> AdapterInfo {
        self.client.info()
    }

    async fn submit(&self, cx: &CallCx, submission: &Submission<'_>) -> Result<Submitted> {
        self.client.submit(cx, submission).await
    }

    async fn submit_batch(
        &self,
        cx: &CallCx,
        invoices: &mut Invoices<'_>,
        offline: bool,
    ) -> Result<Vec<Submitted>> {
        self.client.submit_batch(cx, invoices, offline).await
    }

    async fn status(&self, cx: &CallCx, invoice: &Digest) -> Result<Submitted> {
        self.client.status(cx, invoice).await
    }

    async fn upo(&self, cx: &CallCx, invoice: &Digest) -> Result<Upo> {
        self.client.upo(cx, invoice).await
    }

    async fn find(&self, cx: &CallCx, invoice: &Digest) -> Result<Option<Submitted>> {
        self.client.find(cx, invoice).await
    }

    async fn close(&self, cx: &CallCx) -> Result<()> {
        self.client.close(cx).await
    }

    async fn limits(&self, cx: &CallCx) -> Result<KsefLimits> {
        self.client.limits(cx).await
    }

    async fn probe(&self) -> Result<KsefProbe> {
        self.client.probe().await
    }
}
