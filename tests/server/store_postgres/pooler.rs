//! Behind PgBouncer in transaction mode, where a session is nobody's.

use crate::database::{Database, run};
use crate::store_postgres::scene::{chunk, cx, drain, enroll, fill, placed, read, record, tenant};
use flowcontrol_contract::store::{Completeness, Expected};
use flowcontrol_contract::{ErrorKind, ScenarioStore};
use flowcontrol_database::{Login, TlsTrust};
use flowcontrol_store_postgres::{Config, PgStore, Tls, TlsMode};
use flowcontrol_testkit::require;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// A PgBouncer of the test's own.
struct Bouncer {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn binary() -> Option<PathBuf> {
    ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
}

/// Starts one in front of `database` with a single server connection for each login.
async fn bouncer(database: &Database) -> Option<Bouncer> {
    let Some(binary) = binary() else {
        require::skip("pooler", "pgbouncer", "there is no pgbouncer (apt-get install pgbouncer)");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = &database.endpoint;
    let mut users = String::new();
    let logins = &database.logins;
    for login in [&logins.application, &logins.replayer].into_iter().chain(&logins.verifier) {
        let password = login.password.as_ref().unwrap().expose();
        users += &format!("\"{}\" \"{password}\"\n", login.user);
    }
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("users"), users).unwrap();
    let text = format!(
        "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {}\n\
         pool_mode = transaction\ndefault_pool_size = 1\nserver_tls_sslmode = require\n\
         logfile = {}\n",
        server.host,
        server.port,
        at("users").display(),
        at("log").display()
    );
    std::fs::write(at("ini"), text).unwrap();
    let mut command = Command::new(binary);
    if rustix::process::geteuid().is_root() {
        // It refuses to run as root and drops to this user, who must read the folder.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        command.args(["-u", "nobody"]);
    }
    let process =
        command.arg(at("ini")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let bouncer = Bouncer { process, port, _folder: folder };
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("pgbouncer listens");
    Some(bouncer)
}

async fn store(
    database: &Database,
    bouncer: &Bouncer,
    login: &Login,
    change: impl FnOnce(&mut Config),
) -> PgStore {
    let pooled = |c: &mut Config| {
        c.host = "127.0.0.1".into();
        c.port = bouncer.port;
        // The pooler listens without TLS; it speaks TLS with the server.
        c.tls = Tls { mode: TlsMode::Off, ca: None };
        c.transaction_pooler = true;
        change(c);
    };
    database.store_with(login, pooled).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_and_tenants_stay_apart_in_transaction_mode() {
    let database = Database::migrated().await;
    let Some(bouncer) = bouncer(&database).await else { return };
    let store = Arc::new(store(&database, &bouncer, &database.logins.replayer, |_| ()).await);
    enroll(&*store, &["a", "b"]).await;
    for from in [1, 51] {
        for id in ["a", "b"] {
            let part = placed(id, from, from + 49);
            assert_eq!(store.import(&cx(id), chunk(&part)).await.unwrap().last, from + 49);
        }
    }
    // Many clients share one server session.
    let tasks: Vec<_> = (0..8)
        .map(|n: u64| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let id = if n.is_multiple_of(2) { "a" } else { "b" };
                for round in 0..25 {
                    let place = 1_000 + n * 100 + round;
                    let new = [record(id, place)];
                    store.append(&cx(id), Expected::Any, &new).await.unwrap();
                    for found in drain(store.read(&cx(id), 90).await.unwrap()).await.unwrap() {
                        let own = format!("\"of\":\"{id}\"");
                        assert!(found.payload.as_str().contains(&own), "{id} saw {found:?}");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.head(&cx("a")).await.unwrap(), 200);
    let export = store.export(&[tenant("a"), tenant("b")]).await.unwrap();
    assert_eq!(drain(export.batches).await.unwrap().len(), 400);
    let verifier = database.logins.verifier.clone().unwrap();
    let verifier = self::store(&database, &bouncer, &verifier, |c| c.verifier = true).await;
    let mut view = verifier.read_back(&[tenant("a")]).await.unwrap();
    assert_eq!(view.completeness(), Completeness::Proved);
    assert!(view.counts().await.unwrap().iter().any(|c| c.table == "records" && c.rows == 200));
}

/// Case 5 behind a pooler: another client set a tenant for the session that is shared.
#[tokio::test]
async fn a_session_tenant_left_by_another_client_is_refused() {
    let database = Database::migrated().await;
    let Some(bouncer) = bouncer(&database).await else { return };
    let store = store(&database, &bouncer, &database.logins.application, |_| ()).await;
    enroll(&store, &["a", "b"]).await;
    fill(&store, "a", 1, 3).await;
    let mut endpoint = database.endpoint.clone();
    endpoint.host = "127.0.0.1".into();
    endpoint.port = bouncer.port;
    endpoint.tls = TlsTrust::Off;
    let options = endpoint.options(&database.logins.application).extra_float_digits(None);
    let mut careless =
        <sqlx::PgConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
    run(&mut careless, "set bfg.tenant_id = 'b'").await;
    let error = store.head(&cx("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert!(error.hint_text().unwrap().contains("pooler"), "{error:?}");
    run(&mut careless, "reset bfg.tenant_id").await;
    assert_eq!(read(&store, "a").await.len(), 3);
}
