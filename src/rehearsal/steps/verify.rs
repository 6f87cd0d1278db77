//! Step 5: reads everything back and compares it.

use super::store;
use super::{snapshot, workspace};
use crate::rehearsal::prefetch::Prefetch;
use crate::rehearsal::{Rehearsal, StepOutcome, verify as compare};
use flowcontrol_base::Result;
use flowcontrol_gates::outcome::{Mismatch, ReplayedTable, StepId, Unproved, VerifyPart};
use flowcontrol_isolation::Sessions;

/// Reads as the verifier, which sees every row; without one, tenant by tenant, and reports
/// that completeness is unproved.
pub async fn verify(run: &mut Rehearsal<'_>) -> Result<StepOutcome> {
    let (path, summary) = snapshot(run)?;
    let workspace = workspace(run)?;
    let (login, _) = store::verifying(&workspace.logins);
    let store = match run.resources.store.take() {
        Some(store) => store.done().await?,
        None => store::opening_verifier(run)?.await?,
    };
    let probed = workspace.clone();
    let setting = run.settings.config.migrations.tenant_setting.clone();
    run.resources.sessions =
        Some(Prefetch::start(async move { Sessions::open(&probed, &setting).await }));
    let mut back = store.read_back(&run.resources.tenants()).await?;
    let step = run.progress.step(StepId::Verify.name(), Some(summary.records));
    let found = compare::verify(&path, summary.sha256, &mut *back, |n| step.inc(n)).await?;
    step.done("");
    if let Some(replay) = &mut run.report.replay {
        let table = |t: &compare::TableDigest| ReplayedTable {
            name: t.name.clone(),
            rows: t.rows,
            sha256: t.sha256,
        };
        replay.tables = found.tables.iter().map(table).collect();
    }
    let method = match &found.unproved {
        None => format!("as {}, which sees every row, with row_security off", login.user),
        Some(_) => format!("tenant by tenant as {}", login.user),
    };
    if let Some(why) = &found.unproved {
        run.report.unproved.push(Unproved { what: "completeness".into(), why: why.clone() });
    }
    let mismatch = |m: &compare::Mismatch| Mismatch {
        table: m.table.clone(),
        tenant: Some(m.tenant.clone()),
        row: Some(m.row.clone()),
        message: m.what.clone(),
        expected: None,
        found: None,
    };
    let rows = found.tables.iter().map(|t| t.rows).sum();
    run.report.verify = Some(VerifyPart {
        matched: found.matched(),
        method: method.clone(),
        tables: found.tables.len() as u64,
        rows,
        mismatches: found.mismatches.iter().map(mismatch).collect(),
    });
    let tables = found.tables.len();
    Ok(match found.mismatch_count {
        0 => StepOutcome::proved(format!(
            "{rows} rows of {tables} tables equal the snapshot, read {method}"
        )),
        n => StepOutcome::found(format!("{n} rows differ from the snapshot, read {method}")),
    })
}
