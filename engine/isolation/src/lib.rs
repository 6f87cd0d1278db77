//! Tenant-isolation probes, generated from the live catalog, so that a new table is
//! probed without any configuration.
//!
//! Every attack runs in a transaction that is rolled back, together with a control: the same statement
//! where it must succeed. An attack that fails for an unexpected reason proves
//! nothing and is reported as unproved. No table name is known here.
//!
//! Case 6 (interleaving on one pooled connection) is tested by the store
//! adapter's conformance suite.

mod catalog;
mod context;
mod empty;
mod fresh;
mod hostile;
mod judge;
mod keys;
mod login;
mod posture;
mod powers;
mod report;
mod sample;
mod session;
mod sessions;
mod settings;
mod tally;
mod tenantless;
mod verbs;
mod views;
mod virtual_row;

pub use report::{IsolationReport, ProbeResult, ProbeVerdict};
pub use sessions::Sessions;
pub use settings::{Fixture, ProbeSettings};

use context::{Attacker, ProbeContext};
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::TenantId;
use flowcontrol_database::{RoleNames, Workspace};
use futures::future::try_join_all;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is attacked, and as whom.
#[derive(Clone, Debug)]
pub struct Attack<'a> {
    /// The database and its logins.
    pub workspace: &'a Workspace,
    /// The schema, the tenant setting and column, and fixtures.
    pub settings: &'a ProbeSettings,
    /// The configured role names; the probes try SET ROLE to each of them.
    pub roles: &'a RoleNames,
    /// Two tenants that have data: the attacker's and the one under attack.
    pub tenants: (TenantId, TenantId),
}

/// Progress of a run, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeProgress<'s> {
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
    /// The object that is attacked now.
    pub object: &'s str,
}

/// Attacks the schema and reports. The database is unchanged afterwards, which the run checks
/// itself (`database.unchanged`).
///
/// # Errors
/// Usage for settings that name unknown objects or for two equal tenants; environment when the
/// server cannot be reached. An attack that succeeds is a finding, not an error.
pub async fn run(
    attack: &Attack<'_>,
    progress: &(dyn Fn(ProbeProgress<'_>) + Sync),
) -> Result<IsolationReport> {
    let sessions = Sessions::open(attack.workspace, &attack.settings.tenant_setting).await?;
    run_over(attack, sessions, progress).await
}

/// [`run`] over open connections.
///
/// # Errors
/// As [`run`].
pub async fn run_over(
    attack: &Attack<'_>,
    sessions: Sessions,
    progress: &(dyn Fn(ProbeProgress<'_>) + Sync),
) -> Result<IsolationReport> {
    let Sessions { mut attackers, mut readers } = sessions;
    let tenants = [attack.tenants.0.to_string(), attack.tenants.1.to_string()];
    if tenants[0] == tenants[1] {
        return Err(Failure::usage("isolation probes need two different tenants")
            .hint("seed the scenario with at least two tenants"));
    }
    let mut names: Vec<String> = readers.iter().map(|(name, _)| name.clone()).collect();
    names.sort();
    names.dedup();

    let catalog = read(&mut attackers, attack, &names).await?;
    let samples = sample::read(&catalog, attack.settings, &tenants, &mut readers).await?;
    let base = catalog
        .relations
        .iter()
        .filter(|r| r.schema == attack.settings.schema)
        .find_map(|r| r.column(&attack.settings.tenant_column))
        .map(|c| c.base.clone())
        .ok_or_else(|| {
            Failure::usage(format!(
                "no table of the schema {} has the column {}",
                attack.settings.schema, attack.settings.tenant_column
            ))
            .hint("apply the migrations first, or name the tenant column in the probe settings")
        })?;
    let mut context = ProbeContext {
        attack,
        catalog,
        samples,
        tenants,
        unused_tenant: context::unused_tenant(&base),
        seed: clock::random_hex(16),
        report: IsolationReport::default(),
    };
    let before = tally::count(&context, &mut readers).await?;
    probe(&mut context, &mut attackers, progress).await?;
    let after = tally::count(&context, &mut readers).await?;
    let again = read(&mut attackers, attack, &names).await?;
    let judged = tally::judge(&before, &after, context.catalog == again);
    let schema = attack.settings.schema.as_str();
    context.push(0, "database.unchanged".into(), "catalog", schema, "COUNT", judged);
    for (_, session) in readers {
        session.close().await?;
    }
    for attacker in attackers {
        attacker.session.close().await?;
    }
    Ok(context.report)
}

async fn read(
    attackers: &mut [Attacker],
    attack: &Attack<'_>,
    names: &[String],
) -> Result<catalog::Catalog> {
    match attackers.first_mut() {
        Some(first) => {
            catalog::read(first.session.ready().await?, &attack.settings.schema, names).await
        }
        None => Err(Failure::usage("isolation probes need a login")),
    }
}

async fn probe(
    context: &mut ProbeContext<'_>,
    attackers: &mut [Attacker],
    progress: &(dyn Fn(ProbeProgress<'_>) + Sync),
) -> Result<()> {
    let logins: Vec<(&'static str, String)> =
        attackers.iter().map(|a| (a.key, a.name().to_owned())).collect();
    let found = posture::probes(&context.catalog, context.settings(), &logins);
    context.report.probes.extend(found);
    let tables = context.tables();
    let views = views::readable(context);
    let total = attackers.len() * (tables.len() + 1) + 1;
    let done = AtomicUsize::new(0);
    let tell = |object: &str, steps: usize| {
        let done = done.fetch_add(steps, Ordering::Relaxed) + steps;
        progress(ProbeProgress { done, total, object });
    };
    if let Some(asker) = attackers.first_mut() {
        empty::probe(context, asker, &tables).await?;
    }
    // Concurrently: each has its own connections and keys, and everything is rolled back.
    let shared = &*context;
    let reports = try_join_all(attackers.iter_mut().map(async |attacker| {
        let mut context = shared.fork();
        login::probe(&mut context, attacker).await?;
        for table in &tables {
            verbs::probe(&mut context, attacker, table).await?;
            powers::row_security_off(&mut context, attacker, table).await?;
            if !attacker.is_owner() {
                powers::table(&mut context, attacker, table).await?;
            }
            tell(&table.name, 1);
        }
        for view in &views {
            views::probe(&mut context, attacker, view).await?;
        }
        if !attacker.is_owner() {
            powers::session(&mut context, attacker).await?;
        }
        tenantless::probe(&mut context, attacker, &tables).await?;
        hostile::probe(&mut context, attacker, &tables).await?;
        tell(attacker.key, 1);
        Ok::<_, Failure>(context.report)
    }))
    .await?;
    context.report.probes.extend(reports.into_iter().flat_map(|report| report.probes));
    tell("keys", 0);
    keys::probe(context, attackers, &tables).await?;
    tell("done", 1);
    Ok(())
}
