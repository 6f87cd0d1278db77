//! Up, down, status, verify, and what the ledger remembers.

use crate::migrations::scratch::{Folder, Scratch, count, depot, execute};
use flowcontrol_base::Exit;
use flowcontrol_runbook::{
    Goal, LockMode, MigrationState, Source, Version, down, embedded, prove, status, up, verify,
};

async fn states(scratch: &Scratch, source: &Source) -> Vec<(u32, MigrationState)> {
    let (rows, _) = status(scratch.site(), source, Goal::Latest).await.unwrap();
    rows.into_iter().map(|row| (row.version.0, row.state)).collect()
}

#[tokio::test]
async fn the_way_up_and_down_is_recorded() {
    let scratch = Scratch::depot().await;
    let source = depot();
    let (rows, plan) = status(scratch.site(), &source, Goal::Latest).await.unwrap();
    assert!(rows.is_empty() && plan.is_go());
    assert_eq!(plan.steps.len(), 3);
    let mut connection = scratch.connect().await;
    let schemas = "select count(*) from pg_namespace where nspname like 'depot%'";
    assert_eq!(count(&mut connection, schemas).await, 0, "status changes nothing");

    let applied = up(scratch.site(), &source, Some(Version(2))).await.unwrap();
    assert_eq!(applied.iter().map(|a| a.version.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        states(&scratch, &source).await,
        [(1, MigrationState::Applied), (2, MigrationState::Applied)]
    );
    let applied = up(scratch.site(), &source, None).await.unwrap();
    assert_eq!((applied.len(), applied[0].max_lock), (1, None));
    assert!(up(scratch.site(), &source, None).await.unwrap().is_empty());
    let verified = verify(scratch.site(), &source).await.unwrap();
    assert_eq!(verified.len(), 3);
    assert!(verified.iter().all(|v| v.problem.is_none()), "{verified:?}");

    let reverted = down(scratch.site(), &source, Version(1)).await.unwrap();
    assert_eq!(reverted.iter().map(|r| r.version.0).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(
        states(&scratch, &source).await,
        [
            (1, MigrationState::Applied),
            (2, MigrationState::Reverted),
            (3, MigrationState::Reverted)
        ]
    );
    down(scratch.site(), &source, Version(0)).await.unwrap();
    let left = "select count(*) from pg_namespace where nspname = 'depot'";
    assert_eq!(count(&mut connection, left).await, 0);
}

#[tokio::test]
async fn only_the_owner_reads_the_ledger() {
    let scratch = Scratch::depot().await;
    up(scratch.site(), &depot(), None).await.unwrap();
    let roles = &scratch.layout.roles;
    let sql = format!(
        "select count(*) from unnest(array['{}', '{}', '{}', '{}']) r
          where has_schema_privilege(r, 'depot_meta', 'usage')
             or has_table_privilege(r, 'depot_meta.schema_migrations', 'select')",
        roles.application, roles.replayer, roles.auditor, roles.verifier
    );
    assert_eq!(count(&mut scratch.connect().await, &sql).await, 0);
}

#[tokio::test]
async fn the_strongest_lock_on_what_was_there_is_reported() {
    let scratch = Scratch::depot().await;
    let folder = Folder::depot().with(
        "0004_size",
        "alter table depot.parcels add column if not exists size int;",
        "alter table depot.parcels drop column if exists size;",
        "select size from depot.parcels;",
    );
    let applied = up(scratch.site(), &folder.scan(), None).await.unwrap();
    assert_eq!(applied[0].max_lock, Some(LockMode::AccessExclusiveLock));
    assert!(
        applied[0].existing.is_empty(),
        "0001 only makes new tables: {:?}",
        applied[0].existing
    );
    let size = &applied[3].existing;
    assert_eq!(size.len(), 1, "{size:?}");
    assert_eq!(
        (size[0].relation.as_str(), size[0].mode),
        ("depot.parcels", LockMode::AccessExclusiveLock)
    );
}

#[tokio::test]
async fn a_refused_file_is_rolled_back_and_its_line_is_named() {
    let scratch = Scratch::depot().await;
    let folder = Folder::depot().with(
        "0004_wrong",
        "create table depot.half ();\n\n-- żółć\nselect 'ż',\n  nowhere\n  from depot.parcels;\n",
        "drop table if exists depot.half;",
        "select true;",
    );
    let failure = up(scratch.site(), &folder.scan(), None).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Check);
    let said = &failure.message;
    assert!(said.contains("0004_wrong.up.sql line 5: 42703") && said.contains("nowhere"), "{said}");
    let mut connection = scratch.connect().await;
    let half = "select count(*) from pg_class where relname = 'half'";
    assert_eq!(count(&mut connection, half).await, 0);
    let (rows, plan) = status(scratch.site(), &folder.scan(), Goal::Latest).await.unwrap();
    assert_eq!(rows[3].state, MigrationState::Failed);
    assert_eq!(rows[3].note.as_deref(), Some("42703 at 0004_wrong.up.sql line 5"));
    assert!(plan.is_go() && plan.steps.len() == 1, "a corrected file can run");

    let corrected = folder.with(
        "0004_wrong",
        "create table depot.half ();",
        "drop table if exists depot.half;",
        "select true;",
    );
    assert_eq!(up(scratch.site(), &corrected.scan(), None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_line_inside_a_block_is_named() {
    let scratch = Scratch::depot().await;
    let folder = Folder::depot().with(
        "0004_block",
        "select 1;\ndo $$\nbegin\n  perform 1;\n  raise exception 'no further';\nend\n$$;",
        "select 1;",
        "select true;",
    );
    let failure = up(scratch.site(), &folder.scan(), None).await.unwrap_err();
    assert!(failure.message.contains("0004_block.up.sql line 5: P0001 no further"), "{failure}");
}

#[tokio::test]
async fn a_verify_file_that_fails_takes_its_migration_with_it() {
    let scratch = Scratch::depot().await;
    for (verify_file, expected) in [
        (
            "select true;\n\nselect count(*) = 1 from depot.extra;",
            "line 3: the statement did not return true",
        ),
        ("select null::boolean;", "did not return true"),
        ("select 1 / count(*) from depot.extra;", "22012"),
        ("insert into depot.extra default values;", "25006"),
        ("set transaction read write; insert into depot.extra default values;", "25001"),
    ] {
        let folder = Folder::depot().with(
            "0004_extra",
            "create table depot.extra ();",
            "drop table if exists depot.extra;",
            verify_file,
        );
        let failure = up(scratch.site(), &folder.scan(), None).await.unwrap_err();
        assert!(failure.message.contains("verify/0004_extra.sql"), "{failure}");
        assert!(failure.message.contains(expected), "{failure}");
        let extra = "select count(*) from pg_class where relname = 'extra'";
        assert_eq!(count(&mut scratch.connect().await, extra).await, 0);
    }
    let folder = Folder::depot().with(
        "0004_extra",
        "create table depot.extra (); insert into depot.extra default values;",
        "drop table if exists depot.extra;",
        "select count(*) = 1 from depot.extra;",
    );
    up(scratch.site(), &folder.scan(), None).await.unwrap();
    let mut connection = scratch.connect().await;
    execute(&mut connection, "delete from depot.extra").await;
    let verified = verify(scratch.site(), &folder.scan()).await.unwrap();
    let failed: Vec<u32> =
        verified.iter().filter(|v| v.problem.is_some()).map(|v| v.version.0).collect();
    assert_eq!(failed, [4]);
}

#[tokio::test]
async fn a_deferred_constraint_and_a_changed_role_do_not_get_past_the_engine() {
    let scratch = Scratch::depot().await;
    let folder = Folder::depot().with(
        "0004_deferred",
        "create table depot.a (x int primary key deferrable initially deferred);
         insert into depot.a values (1), (1);",
        "drop table if exists depot.a;",
        "select true;",
    );
    let failure = up(scratch.site(), &folder.scan(), None).await.unwrap_err();
    assert!(failure.message.contains("0004_deferred.up.sql at its end: 23505"), "{failure}");

    let mut admin = scratch.connect_as_superuser().await;
    let (owner, other) = (&scratch.layout.roles.owner, &scratch.layout.roles.application);
    execute(&mut admin, &format!("grant {other} to {owner}")).await;
    let folder = folder.with(
        "0004_deferred",
        &format!("set role {other}; set search_path = pg_temp;"),
        "select 1;",
        "select true;",
    );
    up(scratch.site(), &folder.scan(), None).await.unwrap();
}

#[tokio::test]
async fn what_a_file_sets_does_not_reach_the_next() {
    let scratch = Scratch::depot().await;
    let folder = Folder::depot()
        .with(
            "0004_sets",
            "set search_path = public; set lock_timeout = 0; create temp table t ();",
            "select 1;",
            "select true;",
        )
        .with(
            "0005_reads",
            "create table here ();",
            "drop table if exists depot.here;",
            "select to_regclass('depot.here') is not null, to_regclass('pg_temp.t') is null;
             select current_setting('lock_timeout') = '300ms';
             select to_regclass('pg_temp.t') is null;",
        );
    up(scratch.site(), &folder.scan(), None).await.unwrap();
}

#[tokio::test]
async fn an_edited_unknown_or_late_file_is_a_no_go_that_names_it() {
    let scratch = Scratch::depot().await;
    up(scratch.site(), &depot(), None).await.unwrap();
    for path in ["0001_base.up.sql", "0002_access.down.sql", "verify/0001_base.sql"] {
        let folder = Folder::depot();
        let file = folder.path().join(path);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{text}-- a note\n")).unwrap();
        for failure in [
            up(scratch.site(), &folder.scan(), None).await.unwrap_err(),
            down(scratch.site(), &folder.scan(), Version(0)).await.unwrap_err(),
            verify(scratch.site(), &folder.scan()).await.unwrap_err(),
        ] {
            assert_eq!(failure.exit, Exit::Check);
            let said = &failure.message;
            assert!(
                said.contains("NO-GO") && said.contains(&format!("{path} was changed")),
                "{said}"
            );
        }
    }
    let folder = Folder::depot();
    for gone in [
        "0003_parcels_by_state.up.sql",
        "0003_parcels_by_state.down.sql",
        "verify/0003_parcels_by_state.sql",
    ] {
        std::fs::remove_file(folder.path().join(gone)).unwrap();
    }
    let failure = up(scratch.site(), &folder.scan(), None).await.unwrap_err();
    assert!(
        failure.message.contains("migration 0003_parcels_by_state was applied but is not in"),
        "{failure}"
    );

    let mut connection = scratch.connect().await;
    execute(&mut connection, "delete from depot_meta.schema_migrations where version = 2").await;
    let failure = up(scratch.site(), &depot(), None).await.unwrap_err();
    assert!(
        failure.message.contains("0002_access was not applied, but later ones were"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_file_outside_a_transaction_that_stops_half_way_is_cleared_by_going_down() {
    let scratch = Scratch::depot().await;
    let folder = Folder::depot().with(
        "0004_split",
        "-- flowcontrol: no-transaction\nset lock_timeout = '1s';\ncreate table depot.one ();\nselect 1 / 0;\n",
        "drop table if exists depot.one;",
        "select true;",
    );
    let source = folder.scan();
    let failure = up(scratch.site(), &source, None).await.unwrap_err();
    assert!(failure.message.contains("0004_split.up.sql line 4: 22012"), "{failure}");
    assert_eq!(states(&scratch, &source).await[3], (4, MigrationState::Applying));
    let failure = up(scratch.site(), &source, None).await.unwrap_err();
    let said = &failure.message;
    assert!(
        said.contains("0004_split")
            && said.contains("partly applied (22012 at 0004_split.up.sql line 4)"),
        "{said}"
    );
    assert!(failure.hint.is_some_and(|h| h.contains("down --to 0003")));
    down(scratch.site(), &source, Version(3)).await.unwrap();
    assert_eq!(states(&scratch, &source).await[3], (4, MigrationState::Reverted));
    let one = "select count(*) from pg_class where relname = 'one'";
    assert_eq!(count(&mut scratch.connect().await, one).await, 0);
}

#[tokio::test]
async fn unknown_versions_and_unfit_databases_are_refused() {
    let scratch = Scratch::depot().await;
    let failure = up(scratch.site(), &depot(), Some(Version(9))).await.unwrap_err();
    assert!(failure.message.contains("there is no migration 0009"), "{failure}");
    let failure = down(scratch.site(), &depot(), Version(9)).await.unwrap_err();
    assert!(failure.message.contains("there is no migration 0009"), "{failure}");

    let mut admin = scratch.connect_as_superuser().await;
    let database = &scratch.endpoint.database;
    let owner = &scratch.owner.user;
    execute(&mut admin, &format!("alter database {database} owner to postgres; revoke create on database {database} from {owner}")).await;
    let failure = up(scratch.site(), &depot(), None).await.unwrap_err();
    assert!(failure.message.contains("cannot create the ledger"), "{failure}");
    assert!(failure.hint.is_some_and(|h| h.contains("grant create on database")));
}

#[tokio::test]
async fn the_real_migrations_go_up_verify_and_have_a_way_back() {
    let scratch = Scratch::new("bfg_flowcontrol", "tenant_id", "bfg.tenant_id").await;
    let source = embedded().unwrap();
    let proof = prove(scratch.site(), &source, &["bfg_flowcontrol"]).await.unwrap();
    assert!(proof.holds(), "{:#?} {:#?}", proof.unreverted, proof.differing);
    assert_ne!(proof.before, proof.up);
    assert_eq!(proof.applied.len(), source.migrations.len());
    let verified = verify(scratch.site(), &source).await.unwrap();
    assert!(verified.iter().all(|v| v.problem.is_none()), "{verified:#?}");
    assert_eq!(verified.len(), source.migrations.len());
}
