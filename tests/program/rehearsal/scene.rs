//! A small scenario, frozen and replayed into a migrated database.

use crate::database::{Database, run};
use flowcontrol::registry;
use flowcontrol::rehearsal::verify::{StoreVerification, verify};
use flowcontrol_contract::registry::BuildCx;
use flowcontrol_contract::{NewRecord, Result, ScenarioStore, SessionId, TenantId};
use flowcontrol_database::{Login, TlsTrust};
use flowcontrol_demo::{Size, Story, rosters};
use flowcontrol_snapshot::{Header, Summary, Writer, import};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Two texts with the same `hashtext`.
pub const COLLIDING: [&str; 2] = ["row-231267", "row-284963"];
/// Records of each tenant from the story; one record with [`COLLIDING`]`[0]` follows.
pub const EACH: u64 = 120;

/// Writes a snapshot of two tenants; another seed gives another one.
pub fn freeze(path: &Path, seed: u64) -> Summary {
    let size = Size { records: 2 * EACH, tenants: 2, seed };
    let rosters = rosters(size).unwrap();
    let session = SessionId::new("grant-demo-local").unwrap();
    let header = Header::new(session, rosters.clone()).unwrap();
    let mut writer = Writer::create(path, header).unwrap();
    for (index, roster) in (0..).zip(&rosters) {
        let colliding = NewRecord::from_json(
            &json!({"id": "colliding", "kind": "risk", "actor": roster.actors[0].id,
                "occurred_at": "2026-03-01T06:30:00.123456Z", "payload": {"note": COLLIDING[0]}})
            .to_string(),
        );
        let story = Story::new(roster, seed, index).take(usize::try_from(EACH).unwrap());
        let all = story.map(|record| record.unwrap()).chain([colliding.unwrap()]);
        for (seq, record) in (1..).zip(all) {
            writer.push(&record.placed(roster.tenant.clone(), seq)).unwrap();
        }
    }
    writer.finish().unwrap()
}

/// How a login reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// As the verifier.
    Everything,
    /// Under row-level security.
    TenantByTenant,
    /// Under row-level security, and writes.
    AndWrites,
}

/// The scenario in a database.
pub struct Scene {
    pub database: Database,
    pub snapshot: PathBuf,
    pub summary: Summary,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// Freezes the scenario beside a migrated database.
    pub async fn frozen() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let snapshot = folder.path().join("snapshot.jsonl.zst");
        let summary = freeze(&snapshot, 7);
        Self { database: Database::migrated().await, snapshot, summary, _folder: folder }
    }

    /// The same, replayed by the replayer.
    pub async fn replayed() -> Self {
        let scene = Self::frozen().await;
        let replayer = &scene.database.logins.replayer;
        let store = scene.open(replayer, Reads::AndWrites).await.unwrap();
        let done = import(&scene.snapshot, scene.summary.sha256, &*store, |_| {}).await.unwrap();
        assert_eq!(done.written, 2 * (EACH + 1));
        scene
    }

    /// The tenants of the snapshot.
    pub fn tenants(&self) -> Vec<TenantId> {
        self.summary.header.tenant_ids()
    }

    /// The store as `login`.
    pub async fn open(&self, login: &Login, reads: Reads) -> Result<Arc<dyn ScenarioStore>> {
        let endpoint = &self.database.endpoint;
        let tls = match &endpoint.tls {
            TlsTrust::Off => json!({"mode": "off"}),
            TlsTrust::VerifyFull { ca } => json!({"mode": "verify-full", "ca": ca}),
        };
        let config = json!({
            "host": endpoint.host, "port": endpoint.port, "database": endpoint.database,
            "user": login.user, "password": {"held": login.user}, "tls": tls,
            "tenants": self.tenants(), "pool_size": 2,
            "verifier": reads == Reads::Everything, "read_only": reads != Reads::AndWrites,
        });
        let secrets = self.database.passwords();
        let cx = BuildCx { secrets: &secrets, base: Path::new("") };
        registry::built_in().build_store(registry::POSTGRES, config, cx).await
    }

    /// Compares the database with the snapshot as `login`.
    pub async fn verify_as(&self, login: &Login, reads: Reads) -> StoreVerification {
        let store = self.open(login, reads).await.unwrap();
        let mut back = store.read_back(&self.tenants()).await.unwrap();
        verify(&self.snapshot, self.summary.sha256, &mut *back, |_| {}).await.unwrap()
    }

    /// Compares as the verifier.
    pub async fn verify(&self) -> StoreVerification {
        let login = self.database.logins.verifier.as_ref().unwrap();
        self.verify_as(login, Reads::Everything).await
    }

    /// Runs SQL as a superuser for whom no trigger or foreign key stands in the way.
    pub async fn tamper(&self, sql: &str) {
        let mut conn = self.database.superuser().await;
        run(&mut conn, "set session_replication_role = replica; set search_path = bfg_flowcontrol")
            .await;
        run(&mut conn, sql).await;
    }
}
