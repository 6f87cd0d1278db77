//! A KSeF of our own with a clock that moves when somebody waits, and the live client before it.

use flowcontrol_contract::ksef::{InvoiceState, Submission, Submitted};
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::secret::Secrets;
use flowcontrol_contract::{
    CallCx, Clock, Digest, KsefProvider, Result, Secret, SecretRef, TenantId, Timestamp,
};
use flowcontrol_ksef::Ksef;
use flowcontrol_ksef_invoice::nip::Nip;
use flowcontrol_ksef_simulator::{Config, Planned, Simulator, SimulatorClock, Tempo};
use flowcontrol_ksef_testkit::invoices::SELLER;
use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The simulator's clock as the client's: who waits moves it. What would wait for longer than any
/// call does waits for ever.
#[derive(Clone, Debug)]
pub struct Shared(pub SimulatorClock);

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        if pause >= Duration::from_secs(1000) {
            return pending().boxed();
        }
        self.0.advance(pause);
        tokio::task::yield_now().boxed()
    }
}

/// Knows one token, by whatever reference it is asked for.
pub struct OneToken(pub String);

impl Secrets for OneToken {
    fn resolve(&self, _: &SecretRef) -> Result<Secret> {
        Ok(Secret::new(self.0.clone()))
    }
}

/// When everything begins.
pub fn morning() -> Timestamp {
    Timestamp::parse("2026-11-27T09:00:00Z").unwrap()
}

pub struct Scene {
    pub simulator: Simulator,
    pub clock: SimulatorClock,
    pub folder: tempfile::TempDir,
    pub token: String,
}

impl Scene {
    /// A KSeF that decides at once.
    pub async fn new() -> Self {
        Self::with(Tempo::INSTANT, morning()).await
    }

    pub async fn with(tempo: Tempo, now: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = SimulatorClock::stopped_at(now);
        let config =
            Config { clock: clock.clone(), tempo, ..Config::new(folder.path().join("simulator")) };
        let simulator = Simulator::start(config).await.unwrap();
        let token =
            simulator.issue_token(&Nip::parse(SELLER).unwrap()).unwrap().expose().to_owned();
        Self { simulator, clock, folder, token }
    }

    /// A KSeF that goes by the machine's clock.
    pub async fn of_today() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = SimulatorClock::system();
        let config = Config {
            clock: clock.clone(),
            tempo: Tempo::INSTANT,
            ..Config::new(folder.path().join("simulator"))
        };
        let simulator = Simulator::start(config).await.unwrap();
        let token =
            simulator.issue_token(&Nip::parse(SELLER).unwrap()).unwrap().expose().to_owned();
        Self { simulator, clock, folder, token }
    }

    pub fn config(&self) -> Value {
        json!({"base_url": self.simulator.base_url(), "tenant": "bfg-control", "nip": SELLER,
            "token": {"env": "KSEF_TOKEN"}, "state": "client", "timeout": 600, "patience": 500,
            "part_bytes": 2000})
    }

    /// The client, as new as after a restart.
    pub fn client(&self) -> Ksef {
        self.client_of(self.config(), &self.token).unwrap()
    }

    pub fn client_of(&self, config: Value, token: &str) -> Result<Ksef> {
        let secrets = OneToken(token.to_owned());
        let cx = BuildCx { secrets: &secrets, base: self.folder.path() };
        Ksef::new(config, cx, Arc::new(Shared(self.clock.clone())))
    }

    /// Something goes wrong, in the spelling of the simulator's scripts.
    pub fn plan(&self, fault: &str) {
        self.simulator.faults().plan(fault.parse::<Planned>().unwrap());
    }

    pub fn faults_left(&self) -> usize {
        self.simulator.faults().planned().len()
    }

    /// How many invoices KSeF has been sent.
    pub fn received(&self) -> usize {
        self.simulator.received()
    }

    /// Waits until KSeF has taken a package apart, which it does beside everything else.
    pub async fn received_all(&self, wanted: usize) {
        for _ in 0..1000 {
            if self.received() >= wanted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.received(), wanted);
    }

    pub async fn submit(&self, client: &Ksef, xml: &[u8]) -> Result<Submitted> {
        let submission = Submission { invoice: xml, offline: false, corrects: None };
        client.submit(&cx(), &submission).await
    }

    pub async fn status(&self, client: &Ksef, xml: &[u8]) -> Result<Submitted> {
        client.status(&cx(), &Digest::of(xml)).await
    }
}

pub fn cx() -> CallCx {
    CallCx::tenant(TenantId::new("bfg-control").unwrap())
}

/// The number of an accepted invoice.
pub fn number(told: &Submitted) -> String {
    match &told.state {
        InvoiceState::Accepted { number, .. } => number.to_string(),
        other => panic!("not accepted: {other:?}"),
    }
}
