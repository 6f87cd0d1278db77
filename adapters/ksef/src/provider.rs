//! The adapter: one call at a time for each tenant, over the state folder and the API.

use super::api::Api;
use super::config::{Config, refuse};
use super::decide;
use super::http::Http;
use super::keys::Keys;
use super::login::{Login, SignIn};
use super::state::{Entry, Folder, FolderLock};
use super::{batch, interactive, limits, look_up, preflight, receipt};
use async_trait::async_trait;
use flowcontrol_client::SystemClock;
use flowcontrol_contract::error::{Error, ErrorKind, Reported, Result};
use flowcontrol_contract::ksef::{
    InvoiceState, Invoices, KsefLimits, KsefProbe, Submission, Submitted, Upo,
};
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::{
    AdapterInfo, CallCx, Clock, Digest, KsefProvider, Mode, Port, Reference, TenantId,
};
use flowcontrol_ksef_wire::xades::Credential;
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};
use url::Url;

/// Its name in the configuration.
pub const KIND: &str = "ksef-api";

/// What a client is built from: [`Ksef::new`] fills it from the configuration, `mock-ksef` with the
/// address and token of its simulator.
#[derive(Debug)]
pub struct ClientSettings {
    /// The adapter kind that it reports.
    pub kind: &'static str,
    /// Whether that kind is local or live.
    pub mode: Mode,
    /// The environment's name in reports.
    pub environment: String,
    /// The one tenant that is served; `None` serves each in a folder of its own.
    pub tenant: Option<TenantId>,
    /// The context: the taxpayer's NIP.
    pub nip: String,
    /// The URL that every path is under, without a slash at its end.
    pub base: Url,
    /// How it signs in.
    pub sign_in: SignIn,
    /// The state folder.
    pub state: PathBuf,
    /// Time and waiting.
    pub clock: Arc<dyn Clock>,
    /// The longest that one request may take.
    pub timeout: Duration,
    /// The longest that one call waits for rate limits and for the folder's lock.
    pub patience: Duration,
    /// The largest part of a batch package, in bytes before encryption.
    pub part_bytes: u64,
}

/// A client of one KSeF in one context.
#[derive(Debug)]
pub struct Ksef {
    kind: &'static str,
    mode: Mode,
    environment: String,
    tenant: Option<TenantId>,
    nip: String,
    state: PathBuf,
    patience: Duration,
    part_bytes: u64,
    api: Api,
    /// One submission at a time within the process; between processes a lock in the folder.
    busy: Mutex<()>,
}

/// Builds `ksef-api`. It sends no request; a certificate that cannot sign in is refused here.
pub fn build<'a>(
    config: serde_json::Value,
    cx: BuildCx<'a>,
) -> BoxFuture<'a, Result<Arc<dyn KsefProvider>>> {
    Box::pin(async move {
        Ok(Arc::new(Ksef::new(config, cx, Arc::new(SystemClock))?) as Arc<dyn KsefProvider>)
    })
}

impl Ksef {
    /// From `[adapters.ksef-api]`, going by `clock`.
    ///
    /// # Errors
    /// `Configuration` that names what is wrong.
    pub fn new(config: serde_json::Value, cx: BuildCx<'_>, clock: Arc<dyn Clock>) -> Result<Self> {
        let config = Config::read(config)?;
        let secret = |reference| cx.secrets.resolve(reference);
        let sign_in = match (&config.token, &config.certificate, &config.key) {
            (Some(token), ..) => SignIn::Token(secret(token)?),
            (None, Some(certificate), Some(key)) => {
                let (certificate, key) = (secret(certificate)?, secret(key)?);
                let unsaid = config.unsaid_purpose();
                Credential::read(certificate.expose(), key.expose(), clock.now(), unsaid)
                    .map(|credential| SignIn::Certificate(Box::new(credential)))
                    .map_err(|e| e.in_operation(KIND, "configuration"))?
            }
            _ => return Err(refuse("no sign-in method is configured")),
        };
        Self::with_settings(ClientSettings {
            kind: KIND,
            mode: Mode::Live,
            environment: config.environment_name().to_owned(),
            tenant: Some(config.tenant.clone()),
            nip: config.nip.clone(),
            base: config.base()?,
            sign_in,
            state: cx.base.join(&config.state),
            clock,
            timeout: Duration::from_secs(config.timeout.into()),
            patience: Duration::from_secs(config.patience.into()),
            part_bytes: config.part_bytes,
        })
    }

    /// From settings that are known already.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn with_settings(settings: ClientSettings) -> Result<Self> {
        let http = Http::new(
            settings.base,
            settings.kind,
            settings.clock,
            settings.timeout,
            settings.patience,
        )?;
        let http = Arc::new(http);
        let keys = Arc::new(Keys::new(http.clone()));
        let login = Login::new(http.clone(), keys.clone(), settings.nip.clone(), settings.sign_in);
        Ok(Self {
            kind: settings.kind,
            mode: settings.mode,
            environment: settings.environment,
            tenant: settings.tenant,
            nip: settings.nip,
            state: settings.state,
            patience: settings.patience,
            part_bytes: settings.part_bytes,
            api: Api { http, keys, login },
            busy: Mutex::new(()),
        })
    }

    fn folder(&self, cx: &CallCx) -> Result<Folder> {
        match &self.tenant {
            Some(tenant) if *tenant != cx.tenant => Err(Error::new(
                ErrorKind::Denied,
                format!("tenant {} has no KSeF context in this configuration", cx.tenant),
            )),
            _ => Ok(Folder::of(&self.state, &cx.tenant)),
        }
    }

    /// Waits for exclusive use of the tenant's folder.
    async fn exclusive(&self, cx: &CallCx) -> Result<Exclusive<'_>> {
        let folder = self.folder(cx)?;
        let here = self.busy.lock().await;
        let everywhere = folder.lock(&**self.api.http.clock(), self.patience).await?;
        Ok(Exclusive { folder, _everywhere: everywhere, _here: here })
    }

    /// Says where a failure happened.
    fn located<T>(&self, operation: &'static str, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|e| e.in_operation(self.kind, operation))
    }

    async fn do_submit(&self, folder: &Folder, submission: &Submission<'_>) -> Result<Submitted> {
        let invoice = Digest::of(submission.invoice);
        let mut entry = match folder.entry(&invoice)? {
            Some(entry) => {
                if (entry.offline, entry.corrects) != (submission.offline, submission.corrects) {
                    return Err(Error::conflict(
                        "the same invoice was submitted before with another `offline` or \
                         `corrects`",
                    ));
                }
                entry
            }
            None => self.fresh(folder, submission, invoice)?,
        };
        interactive::submit(&self.api, folder, &mut entry, submission.invoice).await?;
        Ok(entry.view())
    }

    fn fresh(
        &self,
        folder: &Folder,
        submission: &Submission<'_>,
        invoice: Digest,
    ) -> Result<Entry> {
        let named = preflight::judge(submission.invoice, self.api.http.clock().now())?;
        preflight::originals(submission.invoice, &named.seller, folder)?;
        if submission.corrects.is_some() && !submission.offline {
            return Err(Error::invalid("only an offline invoice can have a technical correction")
                .hint("submit it with `offline`"));
        }
        let entry = Entry {
            invoice,
            seller: named.seller,
            number: named.number,
            offline: submission.offline,
            corrects: submission.corrects,
            session: None,
            reference: None,
            state: InvoiceState::Kept,
            undecrypted: 0,
            receipt: None,
        };
        folder.keep(&entry)?;
        Ok(entry)
    }

    async fn do_status(&self, folder: &Folder, invoice: &Digest) -> Result<Submitted> {
        let mut entry = known(folder, invoice)?;
        if entry.state.is_final() || entry.state == InvoiceState::Kept {
            return Ok(entry.view());
        }
        let Some(session) = entry.session.clone() else { return Ok(entry.view()) };
        let status = match &entry.reference {
            Some(reference) => Some(self.api.invoice(&session, reference).await?),
            None => look_up::in_session(&self.api, &session, invoice).await?,
        };
        let mut failed = false;
        let mut outcome = Ok(());
        if let Some(status) = &status {
            match look_up::apply(&self.api, &mut entry, status).await {
                Ok(key_failed) => failed = key_failed,
                Err(e) => {
                    failed = entry.state == InvoiceState::Kept;
                    outcome = Err(e);
                }
            }
        }
        if outcome.is_ok()
            && matches!(entry.state, InvoiceState::Pending { .. } | InvoiceState::Unknown)
        {
            outcome = self.apply_session_failure(&mut entry, &session, &mut failed).await;
        }
        folder.keep(&entry)?;
        if failed && folder.session()?.is_some_and(|s| s.reference == session) {
            folder.keep_session(None)?;
        }
        outcome.map(|()| entry.view())
    }

    /// An undecided invoice stays undecided where its whole session failed.
    async fn apply_session_failure(
        &self,
        entry: &mut Entry,
        session: &Reference,
        failed: &mut bool,
    ) -> Result<()> {
        let status = self.api.session(session).await?.status;
        if !decide::session_failed(status.code) {
            return Ok(());
        }
        let because = Reported {
            code: status.code.into(),
            description: status.description,
            details: status.details.unwrap_or_default(),
            ..Reported::default()
        };
        *failed = true;
        tracing::warn!(session = %session, reason = %because, "KSeF gave up on a session");
        look_up::mark_for_resend(entry, because).map(drop)
    }

    async fn do_probe(&self) -> Result<KsefProbe> {
        let keys = self.api.keys.count().await?;
        self.api.login.access().await?;
        let (by, until) = match self.api.login.method() {
            SignIn::Token(_) => ("token", None),
            SignIn::Certificate(credential) => ("certificate", Some(credential.until())),
        };
        Ok(KsefProbe {
            environment: self.environment.clone(),
            context: self.nip.clone(),
            signed_in_by: by.to_owned(),
            keys,
            certificate_until: until,
        })
    }
}

/// A tenant's folder that no other process and no other call changes meanwhile.
struct Exclusive<'a> {
    folder: Folder,
    _everywhere: FolderLock,
    _here: MutexGuard<'a, ()>,
}

fn known(folder: &Folder, invoice: &Digest) -> Result<Entry> {
    folder.entry(invoice)?.ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("no invoice {invoice} was submitted here"))
            .hint("`flowcontrol ksef status --find FILE` looks it up in KSeF")
    })
}

#[async_trait]
impl KsefProvider for Ksef {
    fn info(&self) -> AdapterInfo {
        AdapterInfo {
            port: Port::Ksef,
            kind: self.kind,
            mode: self.mode,
            endpoint: self.api.http.endpoint(),
        }
    }

    async fn submit(&self, cx: &CallCx, submission: &Submission<'_>) -> Result<Submitted> {
        let work = async {
            let alone = self.exclusive(cx).await?;
            self.do_submit(&alone.folder, submission).await
        };
        self.located("submit", work.await)
    }

    async fn submit_batch(
        &self,
        cx: &CallCx,
        invoices: &mut Invoices<'_>,
        offline: bool,
    ) -> Result<Vec<Submitted>> {
        let work = async {
            let alone = self.exclusive(cx).await?;
            batch::submit(&self.api, &alone.folder, invoices, offline, self.part_bytes).await
        };
        self.located("submit_batch", work.await)
    }

    async fn status(&self, cx: &CallCx, invoice: &Digest) -> Result<Submitted> {
        let work = async {
            let alone = self.exclusive(cx).await?;
            self.do_status(&alone.folder, invoice).await
        };
        self.located("status", work.await)
    }

    async fn upo(&self, cx: &CallCx, invoice: &Digest) -> Result<Upo> {
        let work = async {
            let alone = self.exclusive(cx).await?;
            receipt::of(&self.api, &alone.folder, known(&alone.folder, invoice)?).await
        };
        self.located("upo", work.await)
    }

    async fn find(&self, cx: &CallCx, invoice: &Digest) -> Result<Option<Submitted>> {
        let work = async {
            self.folder(cx)?;
            look_up::find(&self.api, invoice).await
        };
        self.located("find", work.await)
    }

    async fn close(&self, cx: &CallCx) -> Result<()> {
        let work = async {
            let alone = self.exclusive(cx).await?;
            interactive::close(&self.api, &alone.folder).await
        };
        self.located("close", work.await)
    }

    async fn limits(&self, cx: &CallCx) -> Result<KsefLimits> {
        let work = async {
            self.folder(cx)?;
            limits::ask(&self.api).await
        };
        self.located("limits", work.await)
    }

    async fn probe(&self) -> Result<KsefProbe> {
        self.located("probe", self.do_probe().await)
    }
}
