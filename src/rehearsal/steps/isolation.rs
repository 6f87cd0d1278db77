//! Step 6: probes the tenants' isolation.

use super::store;
use super::{snapshot, workspace};
use crate::registry::Purpose;
use crate::rehearsal::prefetch::Prefetch;
use crate::rehearsal::{Rehearsal, StepOutcome, journal};
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::sql::{identifier, qualified};
use flowcontrol_contract::store::Expected;
use flowcontrol_contract::{CallCx, Roster, TenantId};
use flowcontrol_database::Workspace;
use flowcontrol_demo::{Size, Story, rosters};
use flowcontrol_gates::outcome::{IsolationCase, IsolationPart, Leak, Scope, StepId, Unproved};
use flowcontrol_isolation::{
    self as probes, Attack, Fixture, ProbeSettings, ProbeVerdict, Sessions,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection};

/// The titles of the probes' cases, by number.
const CASES: [(u8, &str); 11] = [
    (0, "The database is as it was before the probes"),
    (1, "The logins own nothing, bypass nothing and cannot become a role that does"),
    (2, "Row-level security is enabled and forced on every table"),
    (3, "A session without a tenant sees nothing, fresh or used"),
    (4, "The empty tenant can be neither written nor read"),
    (5, "A tenant that an earlier session left behind does not stay"),
    (7, "No SQL command reaches, changes or moves another tenant's rows"),
    (8, "Keys and references neither reveal nor reach another tenant's rows"),
    (9, "Nothing bypasses the policies: TRUNCATE, DDL, partitions, SET ROLE"),
    (10, "No policy, view, function or table opens a way to another tenant's rows"),
    (11, "Hostile tenant ids are values, not SQL"),
];

/// The most unproved probes that are named; all are counted.
const NAMED: usize = 20;

/// Runs the probes generated from the live catalog, each in a transaction that is rolled back.
pub async fn isolation(run: &mut Rehearsal<'_>) -> Result<StepOutcome> {
    // From here on the database holds the probes' rows, so a later run must not continue in it.
    journal::write_probed(run)?;
    let workspace = workspace(run)?;
    let step = run.progress.step(StepId::Isolation.name(), None);
    let (tenants, settings) = match run.report.scope {
        Scope::Scenario => {
            let pair = pair(run).await?;
            ((pair[0].tenant.clone(), pair[1].tenant.clone()), settings(run, &pair))
        }
        Scope::Migrations => {
            let settings = settings(run, &[]);
            (fixture_tenants(&settings)?, settings)
        }
    };
    let sessions = run.resources.sessions.take();
    let sessions = async {
        match sessions {
            Some(sessions) => sessions.done().await,
            None => Sessions::open(&workspace, &settings.tenant_setting).await,
        }
    };
    let (sessions, ()) = tokio::try_join!(sessions, plant(&workspace, &settings))?;
    if run.report.scope == Scope::Scenario {
        let auditor = store::opening(run, &workspace.logins.auditor, Purpose::Auditor)?;
        run.resources.store = Some(Prefetch::start(auditor));
    }
    let attack = Attack {
        workspace: &workspace,
        settings: &settings,
        roles: &run.settings.config.roles,
        tenants,
    };
    let found =
        Box::pin(probes::run_over(&attack, sessions, &|at| step.message(at.object))).await?;
    step.done("");
    let case = |(number, title): (u8, &str)| {
        let of = || found.probes.iter().filter(move |p| p.case == number);
        IsolationCase {
            id: format!("case-{number:02}"),
            title: title.to_owned(),
            probes: of().count() as u64,
            leaks: of().filter(|p| matches!(p.verdict, ProbeVerdict::Leak(_))).count() as u64,
        }
    };
    let leaks: Vec<Leak> = found
        .leaks()
        .map(|p| Leak {
            case: format!("case-{:02}", p.case),
            object: p.object.clone(),
            message: match &p.verdict {
                ProbeVerdict::Leak(why) => format!("{} as {}: {why}", p.id, p.login),
                ProbeVerdict::Held | ProbeVerdict::Unproved(_) => p.id.clone(),
            },
            hint: None,
            file: None,
            line: None,
        })
        .collect();
    let unproved = found.unproved().count();
    for probe in found.unproved().take(NAMED) {
        if let ProbeVerdict::Unproved(why) = &probe.verdict {
            run.report.unproved.push(Unproved {
                what: format!("isolation probe {} as {}", probe.id, probe.login),
                why: why.clone(),
            });
        }
    }
    if unproved > NAMED {
        run.report.unproved.push(Unproved {
            what: format!("{} more isolation probes", unproved - NAMED),
            why: "for reasons such as those above".to_owned(),
        });
    }
    let count = found.probes.len();
    let part = IsolationPart { probes: count as u64, cases: CASES.map(case).into(), leaks };
    let leaking = part.leaks.len();
    run.report.isolation = Some(part);
    Ok(match (leaking, unproved) {
        (0, 0) => StepOutcome::proved(format!("{count} probes found no leak between tenants")),
        (0, n) => StepOutcome::found(format!("{n} of {count} probes proved nothing")),
        (n, _) => {
            StepOutcome::found(format!("{n} of {count} probes reached another tenant's rows"))
        }
    })
}

/// Two tenants of the scenario that have records; if it has only one, a second is added.
async fn pair(run: &Rehearsal<'_>) -> Result<Vec<Roster>> {
    let (_, summary) = snapshot(run)?;
    let with_records = |r: &&Roster| summary.counts.contains_key(&r.tenant);
    let tenants = &summary.header.tenants;
    let mut pair: Vec<Roster> = tenants.iter().filter(with_records).take(2).cloned().collect();
    while pair.len() < 2 {
        pair.push(Box::pin(neighbour(run)).await?);
    }
    Ok(pair)
}

/// The first two tenants that the configured fixtures name.
fn fixture_tenants(settings: &ProbeSettings) -> Result<(TenantId, TenantId)> {
    let rows = settings.fixtures.iter().flat_map(|f| &f.rows);
    let mut named: Vec<&str> =
        rows.filter_map(|row| row.get(&settings.tenant_column)?.as_str()).collect();
    named.sort_unstable();
    named.dedup();
    match named[..] {
        [a, b, ..] => Ok((TenantId::new(a)?, TenantId::new(b)?)),
        _ => Err(Failure::usage("the isolation probes need rows of two tenants")
            .hint("add [[migrations.fixtures]] with rows of two tenants for each table")),
    }
}

/// Adds a second tenant, so that isolation can be probed. The
/// database is this run's own, and the rollback exports the snapshot's tenants alone.
async fn neighbour(run: &Rehearsal<'_>) -> Result<Roster> {
    let login = workspace(run)?.logins.replayer;
    let store = store::open(run, &login, Purpose::Replayer).await?;
    let some = rosters(Size { records: 1, tenants: 1, seed: 1 })?;
    let actors = some.into_iter().flat_map(|r| r.actors).collect();
    let tenant = TenantId::new(format!("flowcontrol-probe-{}", clock::random_hex(4)))?;
    let roster = Roster::new(tenant.clone(), "Neighbour of the isolation probes", actors)?;
    let cx = CallCx::tenant(tenant);
    store.enroll(&cx, &roster).await?;
    let records = Story::new(&roster, 1, 0).take(40).collect::<Result<Vec<_>, _>>()?;
    store.append(&cx, Expected::Head(0), &records).await?;
    Ok(roster)
}

/// Inserts fixture rows into tables that the replay left empty, so that logins which may only read
/// are probed on them too. The database is this run's own; rows that no login may insert stay fixtures
/// that the probes insert temporarily, or are reported as unproved.
async fn plant(workspace: &Workspace, settings: &ProbeSettings) -> Result<()> {
    let logins = &workspace.logins;
    let mut left: Vec<(String, &serde_json::Value)> = Vec::new();
    for fixture in &settings.fixtures {
        let table = qualified(&settings.schema, &fixture.table);
        left.extend(fixture.rows.iter().map(|row| {
            // Only the columns in the row: the others have defaults, or are generated by the server.
            let names: Vec<String> =
                row.as_object().into_iter().flatten().map(|(name, _)| identifier(name)).collect();
            let names = names.join(", ");
            let insert = format!(
                "insert into {table} ({names}) overriding system value \
                 select {names} from jsonb_populate_record(null::{table}, $1::jsonb)"
            );
            (insert, row)
        }));
    }
    let failed = |e: sqlx::Error| Failure::environment(format!("cannot insert a fixture row: {e}"));
    let planters = [&logins.replayer, &logins.application, &logins.owner];
    let open = planters.map(|login| workspace.endpoint.connect(login));
    for mut connection in futures::future::try_join_all(open).await? {
        let mut refused = Vec::new();
        for (insert, row) in left {
            let tenant = row.get(&settings.tenant_column).and_then(|t| t.as_str()).unwrap_or("");
            let mut transaction = connection.begin().await.map_err(failed)?;
            sqlx::query("select set_config($1, $2, true)")
                .bind(&settings.tenant_setting)
                .bind(tenant)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
            let done = sqlx::query(AssertSqlSafe(insert.clone()))
                .bind(row.to_string())
                .execute(&mut *transaction)
                .await;
            match done {
                Ok(_) => transaction.commit().await.map_err(failed)?,
                // Refused by a privilege, a policy or a key; the next login may be allowed.
                Err(sqlx::Error::Database(_)) => {
                    transaction.rollback().await.map_err(failed)?;
                    refused.push((insert, row));
                }
                Err(e) => return Err(failed(e)),
            }
        }
        connection.close().await.map_err(failed)?;
        left = refused;
    }
    Ok(())
}

fn settings(run: &Rehearsal<'_>, pair: &[Roster]) -> ProbeSettings {
    let migrations = &run.settings.config.migrations;
    let configured = migrations
        .fixtures
        .iter()
        .map(|f| Fixture { table: f.table.clone(), rows: f.rows.clone() });
    let mut fixtures: Vec<Fixture> = configured.collect();
    if migrations.scenario {
        fixtures.extend(built_in(pair));
    }
    ProbeSettings {
        schema: migrations.schema.clone(),
        tenant_setting: migrations.tenant_setting.clone(),
        tenant_column: migrations.tenant_column.clone(),
        shared_tables: migrations.shared_tables.clone(),
        insert_only: migrations.insert_only(),
        fixtures,
    }
}

/// Rows for the built-in tables that a replay does not fill for every tenant: nothing was audited,
/// frozen or cut over yet, and the second tenant was appended, not replayed.
fn built_in(pair: &[Roster]) -> [Fixture; 5] {
    let audit = |r: &Roster| {
        let actor = r.actors.first().map(|a| a.id.clone());
        json!({"tenant_id": r.tenant, "event_id": "probe", "actor_id": actor, "source": "probe",
            "payload": {}, "created_at": "2026-01-01T00:00:00Z"})
    };
    let frozen = |r: &Roster| {
        json!({"tenant_id": r.tenant, "snapshot_id": "probe", "checksum": "probe",
            "schema_version": "probe", "payload": {}, "created_at": "2026-01-01T00:00:00Z"})
    };
    let ledger = |r: &Roster| {
        json!({"tenant_id": r.tenant, "first_seq": 1_000_000_000_u64, "last_seq": 1_000_000_000_u64,
            "snapshot_sha256": "0".repeat(64), "sha256": "0".repeat(64),
            "applied_at": "2026-01-01T00:00:00Z"})
    };
    let part = |r: &Roster| {
        json!({"tenant_id": r.tenant, "batch": "probe", "first_seq": 1, "last_seq": 1, "records": 1,
            "snapshot_sha256": "0".repeat(64), "sha256": "0".repeat(64),
            "applied_at": "2026-01-01T00:00:00Z"})
    };
    // A lifted window refuses nothing.
    let lifted = |r: &Roster| {
        json!({"tenant_id": r.tenant, "window_id": "probe", "reason": "probe",
            "raised_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z",
            "lifted_at": "2026-01-01T00:00:00Z", "refused": 0})
    };
    [
        Fixture { table: "audit_events".into(), rows: pair.iter().map(audit).collect() },
        Fixture { table: "scenario_snapshots".into(), rows: pair.iter().map(frozen).collect() },
        Fixture { table: "replay_chunks".into(), rows: pair.iter().map(ledger).collect() },
        Fixture { table: "freeze_windows".into(), rows: pair.iter().map(lifted).collect() },
        Fixture { table: "cutover_parts".into(), rows: pair.iter().map(part).collect() },
    ]
}
