//! The fingerprint and its differences, and the rules on the catalog: each breaks for one change
//! to a schema that breaks none.

use crate::migrations::scratch::{Folder, Scratch, depot, execute};
use flowcontrol_runbook::catalog::{self, Catalog, TableKind, diff};
use flowcontrol_runbook::{embedded, lint, prove, up, waiver};
use sqlx::PgConnection;

async fn read(scratch: &Scratch) -> Catalog {
    catalog::read(&mut scratch.connect().await, &[&scratch.layout.schema]).await.unwrap()
}

/// What the made-up team's schema is after `sql`, which is undone.
async fn changed(connection: &mut PgConnection, sql: &str) -> Catalog {
    execute(connection, "begin").await;
    execute(connection, sql).await;
    let catalog = catalog::read_within(connection, &["depot"]).await.unwrap();
    execute(connection, "rollback").await;
    catalog
}

#[tokio::test]
async fn up_down_up_is_equal_for_a_team_of_its_own_names() {
    let scratch = Scratch::depot().await;
    let proof = prove(scratch.site(), &depot(), &["depot"]).await.unwrap();
    assert!(proof.holds(), "{:#?} {:#?}", proof.unreverted, proof.differing);
    assert_eq!((proof.applied.len(), proof.reverted.len()), (3, 3));
    let again = prove(scratch.site(), &depot(), &["depot"]).await.unwrap_err();
    assert!(again.message.contains("is applied to"), "{again}");
}

#[tokio::test]
async fn a_down_file_that_forgets_something_is_told_by_name() {
    let scratch = Scratch::depot().await;
    let folder = Folder::depot().with(
        "0004_forgets",
        "create table if not exists depot.extra (a int);
         alter default privileges in schema depot grant usage on sequences to public;
         create operator depot.=== (leftarg = int, rightarg = int, function = int4eq);
         alter table depot.parcels alter column note set default 'x';",
        "drop table if exists depot.extra; drop operator depot.=== (int, int);",
        "select true;",
    );
    // The second way up cannot go through where an operator was forgotten, so that one is dropped.
    let proof = prove(scratch.site(), &folder.scan(), &["depot"]).await.unwrap();
    assert!(!proof.holds());
    // 0003 and below took away what was left of it, but for what belongs to the role.
    let first = &proof.unreverted[0];
    assert_eq!(first.version.0, 4);
    let objects: Vec<&str> = first.changes.iter().map(|c| c.object.as_str()).collect();
    assert_eq!(objects.len(), 2, "{objects:?}");
    assert_eq!(objects[0], "column depot.parcels.note");
    assert!(objects[1].starts_with("default privileges of"), "{objects:?}");
}

#[tokio::test]
async fn the_catalog_is_typed() {
    let scratch = Scratch::depot().await;
    up(scratch.site(), &depot(), None).await.unwrap();
    let catalog = read(&scratch).await;
    let names: Vec<&str> = catalog.tables.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["firms", "parcels", "scans", "scans_0", "waiting"]);
    let parcels = catalog.table("depot", "parcels").unwrap();
    assert_eq!(parcels.kind, TableKind::Table);
    assert!(parcels.rls && parcels.force && parcels.partition_of.is_none());
    assert_eq!(parcels.primary_key.as_ref().unwrap().columns, ["firm", "parcel"]);
    assert_eq!(parcels.uniques[0].columns, ["firm", "note"]);
    assert_eq!(parcels.foreign_keys[0].target_columns, ["firm"]);
    assert_eq!(parcels.policies[0].roles.join(","), scratch.layout.roles.application);
    let scans = catalog.table("depot", "scans_0").unwrap();
    assert_eq!(scans.partition_of.as_deref(), Some("depot.scans"));
    let keys: Vec<_> = scans.foreign_keys.iter().map(|k| (&k.columns, &k.target)).collect();
    assert_eq!(keys.len(), 1, "{keys:?}");
    // Whoever reads, with whatever path: the same text.
    let mut admin = scratch.connect_as_superuser().await;
    execute(&mut admin, "set search_path = depot; set quote_all_identifiers = on").await;
    let other = catalog::read(&mut admin, &["depot"]).await.unwrap();
    assert_eq!(diff(&catalog, &other), []);
    assert_eq!(catalog.fingerprint(), other.fingerprint());
}

/// One change, the objects whose lines differ by it.
const MUTATIONS: &[(&str, &[&str])] = &[
    ("alter table depot.parcels no force row level security", &["table depot.parcels"]),
    ("alter table depot.parcels disable row level security", &["table depot.parcels"]),
    ("alter table depot.parcels set (fillfactor = 50)", &["table depot.parcels"]),
    ("alter table depot.firms alter column label drop not null", &["column depot.firms.label"]),
    ("alter table depot.firms alter column label set default 'x'", &["column depot.firms.label"]),
    ("alter table depot.firms alter column label type varchar", &["column depot.firms.label"]),
    (
        "alter table depot.parcels alter column note type text collate \"default\"",
        &["column depot.parcels.note"],
    ),
    ("alter table depot.firms add column more int", &["column depot.firms.more"]),
    ("alter table depot.firms add check (label <> 'x')", &["check depot.firms firms_label_check"]),
    (
        "alter table depot.parcels drop constraint parcels_firm_fkey",
        &["foreign key depot.parcels parcels_firm_fkey"],
    ),
    ("drop index depot.parcels_by_state", &["index depot.parcels parcels_by_state"]),
    (
        "update pg_index set indisvalid = false where indexrelid = 'depot.parcels_by_state'::regclass",
        &["index depot.parcels parcels_by_state"],
    ),
    ("alter policy of_firm on depot.firms using (true)", &["policy depot.firms of_firm"]),
    ("alter policy of_firm on depot.firms to public", &["policy depot.firms of_firm"]),
    (
        "alter policy of_firm on depot.firms rename to other",
        &["policy depot.firms of_firm", "policy depot.firms other"],
    ),
    ("grant delete on depot.firms to public", &["grant DELETE on table depot.firms to public"]),
    (
        "grant update (label) on depot.firms to public",
        &["grant UPDATE on column depot.firms.label to public"],
    ),
    ("grant usage on schema depot to public", &["schema depot"]),
    (
        "grant select on sequence depot.ticket to public",
        &["grant SELECT on sequence depot.ticket to public"],
    ),
    (
        "grant execute on function depot.tickets_left() to public",
        &["grant EXECUTE on function depot.tickets_left() to public"],
    ),
    (
        "alter default privileges in schema depot grant insert on tables to public",
        &[
            "default privileges of OWNER on r in depot",
            "default privileges of postgres on r in depot",
        ],
    ),
    ("alter function depot.tickets_left() reset search_path", &["function depot.tickets_left()"]),
    ("alter function depot.tickets_left() security invoker", &["function depot.tickets_left()"]),
    (
        "create or replace function depot.stamp() returns trigger language plpgsql as 'begin return new; end'",
        &["function depot.stamp()"],
    ),
    ("alter view depot.waiting reset (security_invoker)", &["table depot.waiting"]),
    (
        "create materialized view depot.copied as select 1 as one",
        &["table depot.copied", "column depot.copied.one"],
    ),
    ("alter sequence depot.ticket increment 2", &["sequence depot.ticket"]),
    ("alter table depot.parcels disable trigger stamp", &["trigger depot.parcels stamp"]),
    ("alter type depot.state add value 'lost'", &["type depot.state"]),
    ("alter domain depot.weight set not null", &["type depot.weight"]),
    (
        "comment on column depot.parcels.note is 'other'",
        &["comment on table column depot.parcels.note"],
    ),
    ("create statistics depot.both on firm, state from depot.parcels", &["statistics depot.both"]),
    (
        "create text search configuration depot.words (copy = simple)",
        &["text search configuration depot.words"],
    ),
    (
        "create rule nothing as on delete to depot.firms do instead nothing",
        &["trigger depot.firms nothing"],
    ),
];

#[tokio::test]
async fn every_mutation_is_told_by_name() {
    let scratch = Scratch::depot().await;
    up(scratch.site(), &depot(), None).await.unwrap();
    let before = read(&scratch).await;
    let mut admin = scratch.connect_as_superuser().await;
    for (sql, objects) in MUTATIONS {
        let after = changed(&mut admin, sql).await;
        assert_ne!(before.fingerprint(), after.fingerprint(), "{sql}");
        let told: Vec<String> = diff(&before, &after).into_iter().map(|c| c.object).collect();
        assert!(told.iter().any(|object| objects.contains(&object.as_str())), "{sql}: {told:?}");
        for object in objects.iter().filter(|o| !o.starts_with("default")) {
            assert!(told.iter().any(|c| c == object), "{sql}: {object} not in {told:?}");
        }
    }
}

/// A rule, the change that breaks it, and the object the finding names. `APP` is the application
/// role.
const BREACHES: &[(&str, &str, &str)] = &[
    (
        "table-rls",
        "alter table depot.firms no force row level security; alter table depot.firms disable row level security",
        "depot.firms",
    ),
    ("table-force", "alter table depot.firms no force row level security", "depot.firms"),
    ("force-without-enable", "alter table depot.firms disable row level security", "depot.firms"),
    ("partition-rls", "alter table depot.scans_0 disable row level security", "depot.scans_0"),
    ("partition-rls", "alter table depot.scans_0 no force row level security", "depot.scans_0"),
    (
        "foreign-table",
        "create foreign data wrapper w; create server s foreign data wrapper w; create foreign table depot.far (firm text) server s",
        "depot.far",
    ),
    ("no-policy", "drop policy of_firm on depot.firms", "depot.firms"),
    (
        "no-policy",
        "drop policy of_firm on depot.firms; create policy p on depot.firms as restrictive to APP using (firm = (select depot.current_firm())) with check (true)",
        "depot.firms",
    ),
    ("policy-public", "alter policy of_firm on depot.firms to public", "depot.firms of_firm"),
    (
        "policy-tenant",
        "create policy wide on depot.firms for select to APP using (true)",
        "depot.firms wide",
    ),
    (
        "policy-tenant",
        "alter policy of_firm on depot.firms with check (true)",
        "depot.firms of_firm",
    ),
    (
        "policy-tenant",
        "alter policy of_firm on depot.firms using (firm = current_setting('other.firm', true))",
        "depot.firms of_firm",
    ),
    (
        "policy-tenant",
        "alter policy of_firm on depot.firms using (nullif(current_setting('yard.firm', true), '') is not null)",
        "depot.firms of_firm",
    ),
    (
        "policy-check",
        "create policy loose on depot.firms for update to APP using (firm = (select depot.current_firm()))",
        "depot.firms loose",
    ),
    (
        "policy-nullif",
        "alter policy of_firm on depot.firms using (firm = current_setting('yard.firm', true))",
        "depot.firms of_firm",
    ),
    (
        "policy-nullif",
        "create or replace function depot.current_firm() returns text language sql stable as 'select current_setting(''yard.firm'', true)'",
        "depot.firms of_firm",
    ),
    (
        "policy-or",
        "alter policy of_firm on depot.firms using (firm = (select depot.current_firm()) or label = 'x')",
        "depot.firms of_firm",
    ),
    ("tenant-column", "create table depot.colours (name text primary key)", "depot.colours"),
    (
        "tenant-nullable",
        "create table depot.loose (firm text check (firm <> ''))",
        "depot.loose.firm",
    ),
    ("tenant-empty", "create table depot.loose (firm text not null)", "depot.loose.firm"),
    (
        "tenant-empty",
        "alter table depot.firms drop constraint firms_firm_check",
        "depot.parcels.firm",
    ),
    (
        "tenant-empty",
        "alter table depot.firms drop constraint firms_firm_check, add check (firm <> '') not valid",
        "depot.firms.firm",
    ),
    (
        "key-tenant-first",
        "alter table depot.firms add unique (label)",
        "depot.firms firms_label_key",
    ),
    (
        "key-tenant-first",
        "create unique index upside on depot.parcels (parcel, firm)",
        "depot.parcels upside",
    ),
    (
        "key-tenant-first",
        "create unique index upside on depot.parcels (lower(firm), parcel)",
        "depot.parcels upside",
    ),
    (
        "index-tenant-first",
        "create index by_state on depot.parcels (state, firm)",
        "depot.parcels by_state",
    ),
    (
        "index-invalid",
        "update pg_index set indisvalid = false where indexrelid = 'depot.parcels_by_state'::regclass",
        "depot.parcels parcels_by_state",
    ),
    (
        "foreign-key-tenant",
        "alter table depot.parcels add column of_firm text references depot.firms (firm)",
        "depot.parcels parcels_of_firm_fkey",
    ),
    (
        "foreign-key-tenant",
        "alter table depot.parcels add unique (firm, parcel, note), add column a text, add column b bigint, add foreign key (a, b) references depot.parcels (firm, parcel)",
        "depot.parcels parcels_a_b_fkey",
    ),
    ("privilege-excess", "grant truncate on depot.firms to APP", "depot.firms"),
    ("privilege-excess", "grant references (firm) on depot.firms to APP", "depot.firms"),
    ("privilege-excess", "grant trigger on depot.firms to APP", "depot.firms"),
    ("privilege-public", "grant select on depot.firms to public", "depot.firms"),
    ("privilege-public", "grant select (label) on depot.firms to public", "depot.firms"),
    ("privilege-public", "grant usage on sequence depot.ticket to public", "depot.ticket"),
    ("role-owns", "alter table depot.firms owner to APP", "depot.firms"),
    ("view-invoker", "alter view depot.waiting set (security_invoker = false)", "depot.waiting"),
    ("view-invoker", "alter view depot.waiting reset (security_invoker)", "depot.waiting"),
    ("matview", "create materialized view depot.copied as select 1", "depot.copied"),
    (
        "definer-path",
        "alter function depot.tickets_left() reset search_path",
        "depot.tickets_left()",
    ),
    ("definer-path", "alter function depot.stamp() security definer", "depot.stamp()"),
    (
        "definer-public",
        "grant execute on function depot.tickets_left() to public",
        "depot.tickets_left()",
    ),
    ("sequence-select", "grant select on sequence depot.ticket to APP", "depot.ticket"),
];

#[tokio::test]
async fn every_rule_on_the_catalog_finds_its_breach_and_nothing_in_a_clean_schema() {
    let scratch = Scratch::depot().await;
    up(scratch.site(), &depot(), None).await.unwrap();
    let clean = lint::catalog(&read(&scratch).await, &scratch.layout);
    assert_eq!(clean, []);
    let application = scratch.layout.roles.application.clone();
    let mut admin = scratch.connect_as_superuser().await;
    for (rule, sql, object) in BREACHES {
        let broken = changed(&mut admin, &sql.replace("APP", &application)).await;
        let found = lint::catalog(&broken, &scratch.layout);
        let told = found.iter().any(|f| f.rule == *rule && f.object.as_deref() == Some(object));
        assert!(told, "{rule} after {sql}: {found:#?}");
    }
    for rule in lint::RULES.iter().filter(|rule| rule.catalog) {
        assert!(
            BREACHES.iter().any(|(name, _, _)| *name == rule.name),
            "{} has no case",
            rule.name
        );
    }
}

#[tokio::test]
async fn the_real_schema_stands_before_the_rules() {
    let scratch = Scratch::new("bfg_flowcontrol", "tenant_id", "bfg.tenant_id").await;
    let source = embedded().unwrap();
    up(scratch.site(), &source, None).await.unwrap();
    let mut findings = lint::files(&source, &scratch.layout);
    findings.extend(lint::catalog(&read(&scratch).await, &scratch.layout));
    let findings = waiver::settle(findings, &source.waivers, true);
    let standing: Vec<_> = findings.iter().filter(|f| f.stands()).collect();
    assert!(standing.is_empty(), "{standing:#?}");
}
