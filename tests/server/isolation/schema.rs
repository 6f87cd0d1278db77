//! The migrated schema with rows of two tenants in every table, and a twin with other names.

use flowcontrol_database::RoleNames;

pub const TENANTS: (&str, &str) = ("bfg-demo", "bfg-lviv-farma");

/// The repository's own migrations, run by the owner, then rows.
pub fn migrated(names: &RoleNames) -> Vec<(bool, String)> {
    let mut folder: Vec<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
        .expect("migrations")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".up.sql"))
        .collect();
    folder.sort();
    assert!(!folder.is_empty());
    let roles = format!(
        "select set_config('bfg.owner_role', '{}', false), set_config('bfg.application_role', '{}', false), \
         set_config('bfg.replayer_role', '{}', false), set_config('bfg.auditor_role', '{}', false), \
         set_config('bfg.verifier_role', '{}', false);",
        names.owner, names.application, names.replayer, names.auditor, names.verifier
    );
    let mut steps: Vec<(bool, String)> = folder
        .iter()
        .map(|path| (true, format!("{roles}\n{}", std::fs::read_to_string(path).expect("file"))))
        .collect();
    for tenant in [TENANTS.0, TENANTS.1] {
        steps.push((false, rows(tenant)));
    }
    steps
}

/// The same actor ids and sequence numbers in both tenants, as real tenants have them.
fn rows(tenant: &str) -> String {
    let digest = "0123456789abcdef".repeat(4);
    let mut text = format!(
        "set search_path = bfg_flowcontrol;
         insert into tenants (tenant_id, name) values ('{tenant}', 'A');
         insert into organisations values ('{tenant}', 'Dispatch desk');
         insert into users (tenant_id, user_id, role_key, display_name, permissions, organisation)
           values ('{tenant}', 'user_marek', 'dispatcher', 'Marek', '{{a,b}}', 'Dispatch desk');
         insert into permissions values ('{tenant}', 'user_marek', 'a');
         insert into scenario_snapshots (tenant_id, snapshot_id, checksum, schema_version, payload)
           values ('{tenant}', 'snapshot-1', 'bfg-01234567', 'v1', '{{}}');
         insert into audit_events (tenant_id, event_id, actor_id, source, payload)
           values ('{tenant}', 'event-1', 'user_marek', 'console', '{{\"o''k\": [1, null]}}');
         insert into replay_chunks (tenant_id, first_seq, last_seq, snapshot_sha256, sha256)
           values ('{tenant}', 1, 4, '{digest}', '{digest}');
         insert into cutover_parts
             (tenant_id, batch, first_seq, last_seq, records, snapshot_sha256, sha256)
           values ('{tenant}', 'finance', 3, 4, 2, '{digest}', '{digest}');
         insert into freeze_windows (tenant_id, window_id, reason, raised_at, expires_at)
           values ('{tenant}', 'drill-1', 'drill', '2026-01-01Z', '2026-01-02Z');"
    );
    for (seq, kind) in (1..).zip(["order", "document", "invoice", "payment"]) {
        text.push_str(&format!(
            "insert into records values ('{tenant}', {seq}, 'record-{seq}', '{kind}', 'user_marek', now(), '{{}}');"
        ));
    }
    text.push_str(&format!(
        "insert into orders values ('{tenant}', 1, 'N1', 'Київ', 'Lviv', 'Łódź', 'new', 10.50, 'EUR');
         insert into documents values ('{tenant}', 2, 'D1', 'CMR', 'N1', 'CMR');
         insert into invoices values ('{tenant}', 3, 'F1', 'N1', 'Farma', 10.50, 'EUR', null);
         insert into payments values ('{tenant}', 4, 'P1', 'F1', 'transfer', 10.50, 'EUR');"
    ));
    text
}

pub const ORGS: (&str, &str) =
    ("0b0d2f0e-6f1e-4b1e-9d0a-000000000001", "0b0d2f0e-6f1e-4b1e-9d0a-000000000002");

/// Other names, another tenant column of another type, another setting; a partitioned table, an
/// identity, a generated column, a view, a self-reference, FOR ALL policies to PUBLIC, and a
/// table without rows.
pub fn twin(names: &RoleNames) -> Vec<(bool, String)> {
    let RoleNames { application: app, replayer, auditor, verifier, .. } = names;
    let mut text = String::from(
        r#"
        create schema "Depot";
        set search_path = "Depot";
        create function current_org() returns uuid language sql stable
          as $$ select nullif(current_setting('app.org', true), '')::uuid $$;
        create table org (org_id uuid primary key, title text not null);
        create table truck (org_id uuid not null references org, plate varchar(8) not null,
          axles int not null check (axles between 2 and 9), towed_by varchar(8),
          label text generated always as (plate || '!') stored,
          primary key (org_id, plate),
          constraint truck_tow foreign key (org_id, towed_by) references truck (org_id, plate));
        create table "Trip Log" (org_id uuid not null, trip bigint generated always as identity, plate varchar(8) not null,
          tags text[] not null, started timestamptz not null, cost numeric(10, 2), ref uuid not null,
          primary key (org_id, trip), unique (org_id, ref),
          constraint trip_truck foreign key (org_id, plate) references truck (org_id, plate) on delete cascade);
        create table ping (org_id uuid not null, at timestamptz not null, place text not null, primary key (org_id, at))
          partition by range (at);
        create table ping_old partition of ping for values from (minvalue) to ('2020-01-01');
        create table ping_new partition of ping for values from ('2020-01-01') to ('2030-01-01');
        create table note (org_id uuid not null references org, day date not null, body jsonb not null, primary key (org_id, day));
        create view trips with (security_invoker = true) as select org_id, trip, plate from "Trip Log";
        create table country (code text primary key);
        "#,
    );
    for table in ["org", "truck", "\"Trip Log\"", "ping", "ping_old", "ping_new", "note"] {
        text.push_str(&format!(
            "alter table {table} enable row level security; alter table {table} force row level security;
             create policy mine on {table} using (org_id = current_org()) with check (org_id = current_org());"
        ));
    }
    text.push_str(&format!(
        r#"alter table country enable row level security; alter table country force row level security;
        create policy all_read on country for select using (true);
        grant usage on schema "Depot" to {app}, {replayer}, {auditor}, {verifier};
        grant select on all tables in schema "Depot" to {app}, {replayer}, {auditor}, {verifier};
        revoke all on ping_old, ping_new from {app}, {replayer}, {auditor};
        grant insert, update, delete on org, truck, "Trip Log", ping, note to {app}, {replayer};"#
    ));
    let mut steps = vec![(true, text)];
    for org in [ORGS.0, ORGS.1] {
        steps.push((
            false,
            format!(
                r#"set search_path = "Depot";
                insert into org values ('{org}', 'A');
                insert into truck (org_id, plate, axles) values ('{org}', 'RZ 1234', 3);
                insert into "Trip Log" (org_id, plate, tags, started, cost, ref)
                  values ('{org}', 'RZ 1234', '{{"a b",c}}', now(), 10.5, gen_random_uuid());
                insert into ping values ('{org}', '2019-05-05', 'Lviv'), ('{org}', '2024-05-05', 'Lublin');
                insert into country values ('PL') on conflict do nothing;"#
            ),
        ));
    }
    steps
}
