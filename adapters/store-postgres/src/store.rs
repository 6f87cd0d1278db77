//! The store: opens a transaction for each call and ends it.

use crate::config::Config;
use crate::export::{self, View};
use crate::pool::Pool;
use crate::powers::{self, Powers};
use crate::readback::Reader;
use crate::refusal::{self, Refusal};
use crate::sql::{Sql, TABLES};
use crate::work::{Access, Core, until_deadline};
use crate::{KIND, append, chain, import, lookup, read, roster};
use async_trait::async_trait;
use flowcontrol_contract::fence::Fence;
use flowcontrol_contract::secret::Secrets;
use flowcontrol_contract::store::{Appended, Batches, Chunk, Expected, Export, Imported, ReadBack};
use flowcontrol_contract::{
    AdapterInfo, AuditEvent, BatchImport, CallCx, Error, ErrorKind, Mode, NewRecord, Port, Record,
    RecordId, Result, Roster, ScenarioStore, TenantId,
};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// `ScenarioStore.v1` on Postgres with row-level security.
pub struct PgStore {
    pub(crate) core: Arc<Core>,
    endpoint: String,
    user: String,
    verifier: bool,
    read_only: bool,
    tenants: Mutex<BTreeSet<TenantId>>,
}

impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore")
            .field("endpoint", &self.endpoint)
            .field("user", &self.user)
            .field("schema", &self.core.schema)
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}

impl PgStore {
    /// Connects, and refuses a login, server or schema that is unsafe to work with.
    ///
    /// # Errors
    /// `Configuration` for an invalid configuration or a refused login, with every reason by name;
    /// `Denied` for wrong credentials or a verifier without BYPASSRLS; `Unavailable` for a server
    /// that cannot be reached or written to.
    pub async fn connect(config: Config, secrets: &dyn Secrets) -> Result<Self> {
        let at = |e: Error| e.in_operation(KIND, "connect");
        let options = config.options(secrets)?;
        let endpoint = config.endpoint();
        let timeout = Duration::from_millis(config.connect_timeout);
        let pool = Pool::new(options, config.pool_size, timeout, endpoint.clone());
        let core = Core {
            pool,
            sql: Sql::new(&config.schema, config.transaction_pooler),
            schema: config.schema,
            setting: config.tenant_setting,
            statement_timeout: config.statement_timeout,
            lock_timeout: config.lock_timeout,
            transaction_pooler: config.transaction_pooler,
        };
        let powers = read_rights(&core).await.map_err(at)?;
        let read_only = config.read_only || config.verifier;
        if let Some(refused) =
            refusal::refuse(&config.user, &reasons(&powers, config.verifier, read_only))
        {
            return Err(refused);
        }
        Ok(Self {
            core: Arc::new(core),
            endpoint,
            user: config.user,
            verifier: config.verifier,
            read_only,
            tenants: Mutex::new(config.tenants.into_iter().collect()),
        })
    }

    pub(crate) fn require_writable(&self) -> Result<()> {
        if !self.read_only {
            return Ok(());
        }
        let why = if self.verifier { "the verifier" } else { "read-only" };
        Err(Error::new(
            ErrorKind::Denied,
            format!("login {} is configured as {why}; it must not write", self.user),
        ))
    }

    pub(crate) fn require_row_security(&self) -> Result<()> {
        if !self.verifier {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Denied,
            format!(
                "login {} is the verifier, to which no policy applies; it may only export and read \
                                 back",
                self.user
            ),
        ))
    }
}

/// Reads the login's rights in one transaction, so that one session of a pooler answers all
/// queries.
async fn read_rights(core: &Core) -> Result<Powers> {
    let mut lease = core.pool.lease().await?;
    let conn = &mut lease.seat()?.conn;
    let run = |sql: &'static str| sqlx::raw_sql(sql);
    run("begin read only").execute(&mut *conn).await.map_err(crate::failure::sql)?;
    let powers = powers::read_powers(conn, &core.schema).await?;
    run("rollback").execute(&mut *conn).await.map_err(crate::failure::sql)?;
    lease.give_back();
    Ok(powers)
}

fn reasons(powers: &Powers, verifier: bool, read_only: bool) -> Vec<Refusal> {
    let mut found =
        if verifier { refusal::verifier_refusals(powers) } else { refusal::refusals(powers) };
    if read_only {
        found.retain(|r| *r != Refusal::Standby);
    }
    let missing = TABLES.iter().find(|t| !powers.tables.iter().any(|p| p.table == **t));
    if let Some(table) = missing
        && powers.schema_exists
    {
        found.push(Refusal::NoTable(format!("{}.{table}", powers.schema)));
    }
    found
}

#[async_trait]
impl ScenarioStore for PgStore {
    fn info(&self) -> AdapterInfo {
        AdapterInfo {
            port: Port::Store,
            kind: KIND,
            mode: Mode::Live,
            endpoint: self.endpoint.clone(),
        }
    }

    async fn tenants(&self) -> Result<Vec<TenantId>> {
        Ok(self.tenants.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect())
    }

    async fn enroll(&self, cx: &CallCx, roster: &Roster) -> Result<()> {
        let run = async {
            self.require_writable()?;
            if roster.tenant != cx.tenant {
                return Err(Error::invalid(format!(
                    "the roster is of tenant {}, but the call of tenant {}",
                    roster.tenant, cx.tenant
                )));
            }
            let mut work = self.core.begin(&cx.tenant, Access::Write, cx.deadline).await?;
            let done =
                until_deadline(cx.deadline, roster::enroll(&self.core, &mut work, cx, roster))
                    .await;
            work.finish(done).await?;
            let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
            tenants.insert(roster.tenant.clone());
            Ok(())
        };
        run.await.map_err(|e| e.in_operation(KIND, "enroll"))
    }

    async fn roster(&self, cx: &CallCx) -> Result<Option<Roster>> {
        let run = async {
            self.require_row_security()?;
            let mut work = self.core.begin(&cx.tenant, Access::Read, cx.deadline).await?;
            let done = until_deadline(cx.deadline, async {
                roster::roster(&self.core, work.conn()?, &cx.tenant).await
            })
            .await;
            work.finish(done).await
        };
        run.await.map_err(|e| e.in_operation(KIND, "roster"))
    }

    async fn append(
        &self,
        cx: &CallCx,
        expected: Expected,
        batch: &[NewRecord],
    ) -> Result<Appended> {
        let run = async {
            self.require_writable()?;
            if batch.is_empty() {
                return Ok(Appended { first: 0, last: 0, replayed: false });
            }
            let mut work = self.core.begin(&cx.tenant, Access::Write, cx.deadline).await?;
            let append = append::append(&self.core, &mut work, cx, expected, batch);
            let done = until_deadline(cx.deadline, append).await;
            work.finish(done).await
        };
        run.await.map_err(|e| e.in_operation(KIND, "append"))
    }

    async fn get(&self, cx: &CallCx, id: &RecordId) -> Result<Option<Record>> {
        let run = async {
            self.require_row_security()?;
            lookup::get(&self.core, cx, id).await
        };
        run.await.map_err(|e| e.in_operation(KIND, "get"))
    }

    async fn head(&self, cx: &CallCx) -> Result<u64> {
        let run = async {
            self.require_row_security()?;
            let mut work = self.core.begin(&cx.tenant, Access::Read, cx.deadline).await?;
            let head = read::head(&self.core, &mut work, &cx.tenant);
            let done = until_deadline(cx.deadline, head).await;
            work.finish(done).await
        };
        run.await.map_err(|e| e.in_operation(KIND, "head"))
    }

    async fn read(&self, cx: &CallCx, after: u64) -> Result<Batches> {
        let run = async {
            self.require_row_security()?;
            read::stream(Arc::clone(&self.core), cx.tenant.clone(), cx.deadline, after).await
        };
        run.await.map_err(|e| e.in_operation(KIND, "read"))
    }

    async fn trail(&self, cx: &CallCx, after: u64) -> Result<Vec<AuditEvent>> {
        let run = async {
            self.require_row_security()?;
            let mut work = self.core.begin(&cx.tenant, Access::Read, cx.deadline).await?;
            let trail = chain::trail(&self.core, &mut work, cx, after);
            let done = until_deadline(cx.deadline, trail).await;
            work.finish(done).await
        };
        run.await.map_err(|e| e.in_operation(KIND, "trail"))
    }

    async fn export(&self, tenants: &[TenantId]) -> Result<Export> {
        let export = export::export(Arc::clone(&self.core), tenants, self.verifier);
        export.await.map_err(|e| e.in_operation(KIND, "export"))
    }

    async fn import(&self, cx: &CallCx, chunk: Chunk<'_>) -> Result<Imported> {
        let run = async {
            self.require_writable()?;
            let mut work = self.core.begin(&cx.tenant, Access::Write, cx.deadline).await?;
            let import = import::import(&self.core, &mut work, cx, chunk);
            let done = until_deadline(cx.deadline, import).await;
            work.finish(done).await
        };
        run.await.map_err(|e| e.in_operation(KIND, "import"))
    }

    async fn read_back(&self, tenants: &[TenantId]) -> Result<Box<dyn ReadBack>> {
        let view = View::open(Arc::clone(&self.core), self.verifier)
            .await
            .map_err(|e| e.in_operation(KIND, "read back"))?;
        Ok(Box::new(Reader::new(view, tenants)))
    }

    fn fence(&self) -> &dyn Fence {
        self
    }

    fn batches(&self) -> Option<&dyn BatchImport> {
        Some(self)
    }
}
