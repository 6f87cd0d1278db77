//! The conformance suite over the stores that come with the program.

use crate::database::Database;
use async_trait::async_trait;
use flowcontrol_conformance::store::{StoreFixture, assert_all};
use flowcontrol_contract::ScenarioStore;
use flowcontrol_store_postgres::{Config, PgStore};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

/// Postgres stores, each in a copy of one migrated database.
struct Postgres {
    template: Database,
    change: fn(&mut Config),
    scale: u64,
    /// The copies that may still be in use, by their endpoint.
    copies: Mutex<BTreeMap<String, Copy>>,
    made: Mutex<u64>,
}

struct Copy {
    database: String,
    store: Weak<PgStore>,
}

impl Postgres {
    async fn new(scale: u64, change: fn(&mut Config)) -> Self {
        let template = Database::cloned().await;
        Self { template, change, scale, copies: Mutex::default(), made: Mutex::default() }
    }

    async fn open(&self, database: &str) -> Arc<PgStore> {
        let change = |c: &mut Config| {
            database.clone_into(&mut c.database);
            c.tenants.clear();
            (self.change)(c);
        };
        // The replayer may do all that the contract asks for.
        let login = &self.template.logins.replayer;
        let store = Arc::new(self.template.store_with(login, change).await.unwrap());
        let copy = Copy { database: database.to_owned(), store: Arc::downgrade(&store) };
        self.copies.lock().unwrap().insert(store.info().endpoint, copy);
        store
    }

    /// Drops the copies that nobody holds any more.
    async fn sweep(&self) {
        let dead: Vec<_> = {
            let mut copies = self.copies.lock().unwrap();
            let mut dead = Vec::new();
            copies.retain(|_, copy| {
                let keep = copy.store.strong_count() > 0;
                if !keep {
                    dead.push(copy.database.clone());
                }
                keep
            });
            dead
        };
        for database in dead {
            self.template.discard(&database).await;
        }
    }
}

#[async_trait]
impl StoreFixture for Postgres {
    async fn fresh(&self) -> Arc<dyn ScenarioStore> {
        self.sweep().await;
        let number = {
            let mut made = self.made.lock().unwrap();
            *made += 1;
            *made
        };
        let name = format!("{}_{number}", self.template.endpoint.database);
        self.template.copy(&name).await;
        self.open(&name).await
    }

    async fn reopen(&self, store: Arc<dyn ScenarioStore>) -> Arc<dyn ScenarioStore> {
        let endpoint = store.info().endpoint;
        drop(store);
        let database = self.copies.lock().unwrap()[&endpoint].database.clone();
        self.open(&database).await
    }

    fn scale(&self) -> u64 {
        self.scale
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let fixture = Postgres::new(100_000, |_| ()).await;
    assert_all(&fixture).await;
}

/// One connection, and nothing that outlives a transaction.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_on_one_connection_without_session_state() {
    let fixture = Postgres::new(2_000, |c| {
        c.pool_size = 1;
        c.transaction_pooler = true;
    })
    .await;
    assert_all(&fixture).await;
}
