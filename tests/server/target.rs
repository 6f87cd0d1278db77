//! Targets are started for real, and leave nothing behind.

use crate::support;
use flowcontrol_base::{Exit, Result};
use flowcontrol_database::{Endpoint, Login, RoleNames, TlsTrust};
use flowcontrol_servers::{ExternalSettings, Target, TargetChoice, TargetKind, TargetSettings};
use flowcontrol_testkit::require;
use sqlx::{Connection, Row};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

fn postgres_or_skip(test: &str) -> bool {
    support::server_or_skip(test).is_some()
}

fn quiet(_: &str) {}

async fn start(choice: TargetChoice, settings: &TargetSettings) -> Result<Target> {
    Box::pin(Target::start(choice, settings, &quiet)).await
}

/// Settings with a temporary folder of the test's own, so that what is left in it is the test's.
/// Any user may enter it: the server of a root run is another user.
fn own_folder() -> (tempfile::TempDir, TargetSettings) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o1777)).unwrap();
    let settings = TargetSettings { temp: folder.path().to_owned(), ..support::settings() };
    (folder, settings)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Processes whose command line names the folder.
fn processes_naming(folder: &Path) -> Vec<String> {
    let output = Command::new("ps").args(["-eo", "pid=,args="]).output().unwrap();
    assert!(output.status.success());
    let name = folder.display().to_string();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| line.contains(&name))
        .map(str::to_owned)
        .collect()
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn a_local_target_works_and_leaves_nothing() {
    if !postgres_or_skip("a_local_target_works_and_leaves_nothing") {
        return;
    }
    let (folder, settings) = own_folder();
    let target = start(TargetChoice::Local, &settings).await.unwrap();
    assert_eq!(target.kind, TargetKind::Local);
    assert!(target.identity.server_version_num >= 150_000);
    assert!(!processes_naming(folder.path()).is_empty());

    let workspace = target.workspace(&RoleNames::default(), "grant-demo-local").await.unwrap();
    for login in [
        &workspace.logins.owner,
        &workspace.logins.application,
        &workspace.logins.replayer,
        &workspace.logins.auditor,
        workspace.logins.verifier.as_ref().unwrap(),
    ] {
        let mut connection = workspace.endpoint.connect(login).await.unwrap();
        let row = sqlx::query(
            "select current_user::text as name, ssl, rolsuper or rolinherit or rolcreaterole as power,
                    rolbypassrls, current_setting('default_transaction_read_only') as read_only,
                    has_database_privilege(current_database(), 'temporary') as temporary,
                    current_setting('server_encoding') as encoding
             from pg_stat_ssl, pg_roles where pid = pg_backend_pid() and rolname = current_user",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        let name: String = row.get("name");
        assert_eq!(name, login.user);
        assert!(row.get::<bool, _>("ssl"), "{name}");
        assert!(!row.get::<bool, _>("power"), "{name}");
        assert_eq!(row.get::<bool, _>("rolbypassrls"), name == "bfg_verifier");
        assert_eq!(row.get::<String, _>("read_only") == "on", name == "bfg_verifier");
        assert_eq!(
            row.get::<bool, _>("temporary"),
            ["bfg_owner", "bfg_application", "bfg_replayer"].contains(&name.as_str()),
            "{name}"
        );
        assert_eq!(row.get::<String, _>("encoding"), "UTF8");
        connection.close().await.unwrap();
    }

    // A second workspace does not change the first one's passwords.
    let second = target.workspace(&RoleNames::default(), "second").await.unwrap();
    assert_ne!(second.endpoint.database, workspace.endpoint.database);
    workspace.endpoint.connect(&workspace.logins.owner).await.unwrap();
    target.drop_workspace(&workspace).await.unwrap();
    assert!(workspace.endpoint.connect(&workspace.logins.owner).await.is_err());

    target.dispose().await.unwrap();
    assert_eq!(entries(folder.path()), Vec::<PathBuf>::new());
    assert_eq!(processes_naming(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_local_target_answers_over_tls_alone() {
    if !postgres_or_skip("a_local_target_answers_over_tls_alone") {
        return;
    }
    let (_folder, settings) = own_folder();
    let target = start(TargetChoice::Local, &settings).await.unwrap();
    let plain = Endpoint { tls: TlsTrust::Off, ..target.endpoint.clone() };
    let failure = plain.connect(&target.admin).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Environment);
    let wrong = Login { password: None, ..target.admin.clone() };
    assert!(target.endpoint.connect(&wrong).await.is_err());
    target.dispose().await.unwrap();
}

#[tokio::test]
async fn a_dropped_target_leaves_nothing() {
    if !postgres_or_skip("a_dropped_target_leaves_nothing") {
        return;
    }
    let (folder, settings) = own_folder();
    let target = start(TargetChoice::Local, &settings).await.unwrap();
    drop(target);
    assert_eq!(entries(folder.path()), Vec::<PathBuf>::new());
    assert_eq!(processes_naming(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_start_given_up_half_way_leaves_nothing() {
    if !postgres_or_skip("a_start_given_up_half_way_leaves_nothing") {
        return;
    }
    let (folder, settings) = own_folder();
    let began = tokio::sync::Notify::new();
    let progress = |_: &str| began.notify_one();
    tokio::select! {
        _ = Target::start(TargetChoice::Local, &settings, &progress) => panic!("too fast to give up"),
        () = began.notified() => {}
    }
    eventually("the given up cluster is gone", || {
        entries(folder.path()).is_empty() && processes_naming(folder.path()).is_empty()
    });
}

#[tokio::test]
async fn two_local_targets_live_side_by_side() {
    if !postgres_or_skip("two_local_targets_live_side_by_side") {
        return;
    }
    let (folder, settings) = own_folder();
    let (one, two) =
        tokio::join!(start(TargetChoice::Local, &settings), start(TargetChoice::Local, &settings));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(one.endpoint.port, two.endpoint.port);
    assert_ne!(one.identity.certificate_sha256, two.identity.certificate_sha256);
    // Neither's password opens the other.
    assert!(one.endpoint.connect(&two.admin).await.is_err());
    one.dispose().await.unwrap();
    two.endpoint.connect(&two.admin).await.unwrap();
    two.dispose().await.unwrap();
    assert_eq!(entries(folder.path()), Vec::<PathBuf>::new());
}

/// Not a test by itself: starts a local target, says so and waits to be killed.
#[tokio::test]
#[ignore = "the child process of the kill tests"]
async fn child_that_holds_a_local_target() {
    let temp = std::env::var_os("FLOWCONTROL_TEST_TEMP").expect("the parent names a folder");
    let settings = TargetSettings { temp: temp.into(), ..support::settings() };
    match start(TargetChoice::Local, &settings).await {
        Ok(_target) => {
            println!("\nstarted");
            std::future::pending::<()>().await;
        }
        Err(failure) => {
            println!("\nfailed {failure} | {}", failure.hint.as_deref().unwrap_or_default());
        }
    }
}

/// Runs [`child_that_holds_a_local_target`] and waits until its target is up.
fn child_with_target(temp: &Path, user: Option<u32>) -> Child {
    let mut program = std::env::current_exe().unwrap();
    if user.is_some() {
        // The build folder may be closed to others.
        let copy = temp.join("test-program");
        std::fs::copy(&program, &copy).unwrap();
        program = copy;
    }
    let mut command = Command::new(program);
    command
        .args(["--exact", "target::child_that_holds_a_local_target", "--ignored", "--nocapture"])
        .env("FLOWCONTROL_TEST_TEMP", temp)
        .current_dir("/")
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    if let Some(uid) = user {
        command.uid(uid).gid(uid);
    }
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap() == "started"),
        "the child ended before its target was up"
    );
    child
}

fn killed_child_leaves_nothing(user: Option<u32>) {
    let (folder, _) = own_folder();
    let mut child = child_with_target(folder.path(), user);
    let clusters = || {
        entries(folder.path())
            .into_iter()
            .filter(|path| path.file_name().unwrap() != "test-program")
            .collect::<Vec<_>>()
    };
    let [cluster] = clusters().try_into().expect("one cluster");
    // The server, its watchdog, and perhaps background workers.
    assert!(processes_naming(&cluster).len() >= 2);
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the killed run's server and folder are gone", || {
        processes_naming(&cluster).is_empty() && clusters().is_empty()
    });
}

#[test]
fn a_killed_run_leaves_nothing() {
    if !postgres_or_skip("a_killed_run_leaves_nothing") {
        return;
    }
    killed_child_leaves_nothing(None);
}

#[test]
fn a_killed_run_of_another_user_leaves_nothing() {
    let test = "a_killed_run_of_another_user_leaves_nothing";
    if !postgres_or_skip(test) {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        require::skip(test, "root", "only root can become another user");
        return;
    }
    killed_child_leaves_nothing(Some(65534));
}

#[test]
fn a_cluster_whose_watchdog_was_killed_too_is_swept_by_the_next_run() {
    if !postgres_or_skip("a_cluster_whose_watchdog_was_killed_too_is_swept_by_the_next_run") {
        return;
    }
    let (folder, settings) = own_folder();
    let mut child = child_with_target(folder.path(), None);
    let [cluster] = entries(folder.path()).try_into().expect("one cluster");
    let watchdog = std::fs::read_to_string(cluster.join("watchdog.pid")).unwrap();
    let killed = Command::new("kill").args(["-KILL", watchdog.trim()]).status().unwrap();
    assert!(killed.success());
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the watchdog is gone", || {
        !processes_naming(&cluster).iter().any(|line| line.contains("flowcontrol-watchdog"))
    });
    assert!(cluster.exists() && !processes_naming(&cluster).is_empty());

    let next =
        flowcontrol_servers::local::start_blocking(&settings, &quiet).expect("the next run starts");
    assert_eq!(next.swept.len(), 1, "{:?}", next.swept);
    assert!(!cluster.exists());
    eventually("the swept server has ended", || processes_naming(&cluster).is_empty());
    next.cluster.dispose().unwrap();
    assert_eq!(entries(folder.path()), Vec::<PathBuf>::new());
}

/// In mounts of the child's own: a temporary folder of 16 MB, too small for a cluster.
#[test]
fn a_full_disk_is_named() {
    let test = "a_full_disk_is_named";
    if !postgres_or_skip(test) {
        return;
    }
    let may_mount = Command::new("unshare").args(["-m", "true"]).output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        require::skip(test, "root", "a small disk takes the right to mount one");
        return;
    }
    let (folder, _) = own_folder();
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c"])
        .arg(
            "mount -t tmpfs -o size=16m,mode=1777 none \"$FLOWCONTROL_TEST_TEMP\" && \"$@\" && \
             find \"$FLOWCONTROL_TEST_TEMP\" -mindepth 1 | sed 's/^/left /'",
        )
        .arg("sh")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "target::child_that_holds_a_local_target", "--ignored", "--nocapture"])
        .env("FLOWCONTROL_TEST_TEMP", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let place = folder.path().display();
    assert!(said.contains(&format!("failed the disk that holds {place} is full")), "{said}");
    assert!(said.contains("free some space"), "{said}");
    assert!(!said.contains("left "), "{said}");
}

#[tokio::test]
async fn binaries_that_are_not_there_are_named() {
    let settings =
        TargetSettings { pg_bin: Some("/nonexistent/pg/bin".into()), ..support::settings() };
    let failure = start(TargetChoice::Local, &settings).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.message.contains("FLOWCONTROL_PG_BIN is /nonexistent/pg/bin"), "{failure}");
    assert!(failure.hint.is_some());
}

#[tokio::test]
async fn a_temporary_folder_that_is_not_there_is_named() {
    if !postgres_or_skip("a_temporary_folder_that_is_not_there_is_named") {
        return;
    }
    let settings = TargetSettings { temp: "/nonexistent/tmp".into(), ..support::settings() };
    let failure = start(TargetChoice::Local, &settings).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Environment);
    assert!(failure.message.contains("/nonexistent/tmp"), "{failure}");
    assert!(failure.hint.unwrap().contains("TMPDIR"));
}

/// An external target on the shared server, with roles of the test's own.
async fn external(
    test: &str,
    server: &(Endpoint, Login),
    tag: &str,
) -> (TargetSettings, RoleNames) {
    let names = RoleNames {
        owner: format!("{tag}_owner"),
        application: format!("{tag}_application"),
        replayer: format!("{tag}_replayer"),
        auditor: format!("{tag}_auditor"),
        verifier: format!("{tag}_verifier"),
    };
    let login = |user: &str| Login {
        user: user.to_owned(),
        password: Some(flowcontrol_contract::Secret::new(format!("pw '\\ {test}"))),
    };
    let logins = flowcontrol_database::Logins {
        owner: login(&names.owner),
        application: login(&names.application),
        replayer: login(&names.replayer),
        auditor: login(&names.auditor),
        verifier: Some(login(&names.verifier)),
    };
    let (endpoint, admin) = server.clone();
    let mut connection = endpoint.connect(&admin).await.unwrap();
    for _ in 0..2 {
        // Twice: running it again changes nothing.
        flowcontrol_servers::roles::provision(&mut connection, &names, &logins).await.unwrap();
    }
    let settings = TargetSettings {
        external: Some(ExternalSettings { endpoint, admin, logins }),
        ..support::settings()
    };
    (settings, names)
}

#[tokio::test]
async fn an_external_target_gets_a_database_and_loses_it_again() {
    let test = "an_external_target_gets_a_database_and_loses_it_again";
    let Some(server) = support::server_or_skip(test) else { return };
    let (settings, names) = external(test, &server, "ext_one").await;
    let target = start(TargetChoice::External, &settings).await.unwrap();
    assert!(target.identity.system_identifier.is_some());
    assert_eq!(target.identity.database.as_deref(), Some(target.endpoint.redacted().as_str()));
    let workspace = target.workspace(&names, "s").await.unwrap();
    workspace.endpoint.connect(&workspace.logins.application).await.unwrap();
    target.drop_workspace(&workspace).await.unwrap();

    // The configured database itself is never dropped.
    let configured = flowcontrol_database::Workspace {
        endpoint: target.endpoint.clone(),
        logins: workspace.logins.clone(),
    };
    let failure = target.drop_workspace(&configured).await.unwrap_err();
    assert!(failure.message.contains("not dropped"), "{failure}");

    let other = RoleNames { auditor: "somebody_else".into(), ..names };
    let failure = target.workspace(&other, "s").await.unwrap_err();
    assert_eq!(failure.exit, Exit::Usage, "{failure}");
    target.dispose().await.unwrap();
    server.0.connect(&server.1).await.unwrap();
}

#[tokio::test]
async fn an_administrator_who_cannot_hand_over_databases_is_enough() {
    let test = "an_administrator_who_cannot_hand_over_databases_is_enough";
    // On the shared server other tests take the right to connect away from everybody unnamed.
    let Some(local) = support::own_or_skip(test) else { return };
    let server = support::way_in(&local);
    let (mut settings, names) = external(test, &server, "ext_two").await;
    let mut connection = server.0.connect(&server.1).await.unwrap();
    sqlx::raw_sql("create role ext_two_admin login createdb password 'x'")
        .execute(&mut connection)
        .await
        .unwrap();
    let admin = Login {
        user: "ext_two_admin".into(),
        password: Some(flowcontrol_contract::Secret::new("x")),
    };
    settings.external.as_mut().unwrap().admin = admin;
    let target = start(TargetChoice::External, &settings).await.unwrap();
    let workspace = target.workspace(&names, "s").await.unwrap();
    let mut owner = workspace.endpoint.connect(&workspace.logins.owner).await.unwrap();
    sqlx::raw_sql("create schema mine").execute(&mut owner).await.unwrap();
    // This administrator may not end the owner's connection either, and says what would help.
    let failure = target.drop_workspace(&workspace).await.unwrap_err();
    assert!(failure.hint.unwrap().contains("pg_signal_backend"), "{}", failure.message);
    owner.close().await.unwrap();
    target.drop_workspace(&workspace).await.unwrap();
}

#[tokio::test]
async fn wrong_passwords_and_unknown_hosts_are_told_apart_and_show_no_secret() {
    let test = "wrong_passwords_and_unknown_hosts_are_told_apart_and_show_no_secret";
    let Some(server) = support::server_or_skip(test) else { return };
    let (mut settings, _) = external(test, &server, "ext_three").await;
    let canary = "canary-7f3a";
    let external = settings.external.as_mut().unwrap();
    external.admin.password = Some(flowcontrol_contract::Secret::new(canary));
    let failure = start(TargetChoice::External, &settings).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Environment);
    assert!(failure.message.contains("password authentication failed"), "{failure}");
    assert!(!format!("{failure:?} {settings:?}").contains(canary));

    settings.external.as_mut().unwrap().endpoint.host = "no-such-host.invalid".into();
    let failure = start(TargetChoice::External, &settings).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Environment);
    assert!(failure.message.contains("no-such-host.invalid"), "{failure}");
}

#[tokio::test]
async fn a_killed_rehearsals_database_is_dropped_after_a_day_and_reported_before() {
    let test = "a_killed_rehearsals_database_is_dropped_after_a_day_and_reported_before";
    let Some(server) = support::server_or_skip(test) else { return };
    let (settings, names) = external(test, &server, "ext_four").await;
    let target = start(TargetChoice::External, &settings).await.unwrap();
    let old = target.workspace(&names, "s").await.unwrap().endpoint.database;
    let young = target.workspace(&names, "s").await.unwrap().endpoint.database;
    let mut connection = server.0.connect(&server.1).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "comment on database {old} is 'FlowControl rehearsal, created 2020-01-01T00:00:00.000000Z, session s'"
    )))
    .execute(&mut connection)
    .await
    .unwrap();
    let next = start(TargetChoice::External, &settings).await.unwrap();
    assert!(
        next.notes.contains(&format!("dropped {old}, left by a killed rehearsal")),
        "{:?}",
        next.notes
    );
    assert!(next.notes.iter().any(|note| note.starts_with(&young)), "{:?}", next.notes);
    let left: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where datname = any($1)")
            .bind(vec![old, young.clone()])
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert_eq!(left, [young]);
}

#[tokio::test]
async fn the_printed_roles_run_twice_by_psql() {
    let test = "the_printed_roles_run_twice_by_psql";
    let Some((endpoint, admin)) = support::server_or_skip(test) else { return };
    let mut connection = endpoint.connect(&admin).await.unwrap();
    sqlx::raw_sql("create database odd").execute(&mut connection).await.unwrap();
    let names = RoleNames {
        owner: "odd \"owner\"".into(),
        application: "odd $role$ it's \\".into(),
        replayer: "odd_replayer".into(),
        auditor: "odd_auditor".into(),
        verifier: "odd_verifier".into(),
    };
    let sql = flowcontrol_servers::roles::provision_sql(&names, "odd");
    for _ in 0..2 {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(&mut connection).await.unwrap();
    }
    // What must not be is taken away again.
    sqlx::raw_sql(
        "alter role odd_auditor bypassrls createrole; alter role odd_verifier nobypassrls",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    let powers: Vec<(String, bool, bool)> = sqlx::query_as(
        "select rolname::text, rolbypassrls, rolcreaterole or rolsuper or rolinherit
         from pg_roles where starts_with(rolname::text, 'odd') order by rolname collate \"C\"",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(
        powers,
        [
            ("odd \"owner\"".to_owned(), false, false),
            ("odd $role$ it's \\".to_owned(), false, false),
            ("odd_auditor".to_owned(), false, false),
            ("odd_replayer".to_owned(), false, false),
            ("odd_verifier".to_owned(), true, false),
        ]
    );
}
