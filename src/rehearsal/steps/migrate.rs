//! Step 3: lints, applies and verifies the migrations, and proves that they are reversible.

use super::workspace;
use crate::rehearsal::{Rehearsal, StepOutcome};
use flowcontrol_base::Result;
use flowcontrol_gates::outcome::{self, MigrationPart, StepId};
use flowcontrol_runbook as runbook;
use flowcontrol_runbook::Connections;
use flowcontrol_runbook::catalog::{self, Catalog};
use flowcontrol_runbook::{Applied, Finding, Layout, Severity, Site, Source, lint, waiver};
use sqlx::Connection;

/// Applies the migrations as the owner. A database that an earlier run migrated is only verified, not
/// reverted, which would destroy the replayed rows.
pub async fn migrate(run: &mut Rehearsal<'_>) -> Result<StepOutcome> {
    let workspace = workspace(run)?;
    let source = run.settings.migrations()?;
    let layout = run.settings.layout();
    let limits = run.settings.limits();
    let site = Site {
        endpoint: &workspace.endpoint,
        login: &workspace.logins.owner,
        layout: &layout,
        limits: &limits,
    };
    let step = run.progress.step(StepId::Migrate.name(), None);
    let count = source.migrations.len();
    let (way_back, broken, findings) = match run.order.goes_on_in() {
        Some(_) => {
            runbook::up(site, &source, None).await?;
            let verified = runbook::verify(site, &source).await?;
            run.report.migrations = Some(
                verified
                    .iter()
                    .map(|v| MigrationPart {
                        version: v.version.to_string(),
                        name: v.name.clone(),
                        seconds: v.seconds,
                        max_lock: None,
                        error: None,
                    })
                    .collect(),
            );
            ("were already applied by the earlier run", None, findings(site, &source).await?)
        }
        None => {
            let connections = match run.resources.migrators.take() {
                Some(connections) => connections.done().await?,
                None => Connections::open(site).await?,
            };
            let schemas = [layout.schema.as_str()];
            let proof = runbook::prove_over(connections, site, &source, &schemas).await?;
            run.report.migrations = Some(proof.applied.iter().map(part).collect());
            let broken = (!proof.holds()).then(|| {
                let left = proof.unreverted.iter().map(|u| {
                    format!(
                        "{} does not revert {}",
                        u.version,
                        u.changes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                    )
                });
                let differing =
                    proof.differing.iter().map(|c| format!("the second up differs in {c}"));
                left.chain(differing).collect::<Vec<_>>().join("; ")
            });
            let findings = judge(&source, &proof.catalog, &layout);
            ("applied and verified; down and up again leave the same catalog", broken, findings)
        }
    };
    step.done("");
    let errors =
        findings.iter().filter(|f| f.waived.is_none() && f.severity == Severity::Error).count();
    let folder = run.settings.migrations_folder();
    run.report.findings = Some(findings.into_iter().map(|f| report_finding(f, &folder)).collect());
    Ok(match (broken, errors) {
        (Some(what), _) => StepOutcome::found(format!("the migrations are not reversible: {what}")),
        (None, 0) => StepOutcome::proved(format!("{count} migrations {way_back}")),
        (None, n) => StepOutcome::found(format!("lint found {n} error(s) without a waiver")),
    })
}

/// Lints the files and the resulting catalog, and applies the waivers.
///
/// # Errors
/// When the catalog cannot be read.
pub async fn findings(site: Site<'_>, source: &Source) -> Result<Vec<Finding>> {
    let mut connection = site.endpoint.connect(site.login).await?;
    let read = catalog::read(&mut connection, &[&site.layout.schema]).await;
    // Everything was read; an error when closing changes nothing.
    drop(connection.close().await);
    Ok(judge(source, &read?, site.layout))
}

fn judge(source: &Source, catalog: &Catalog, layout: &Layout) -> Vec<Finding> {
    let mut findings = lint::files(source, layout);
    findings.extend(lint::catalog(catalog, layout));
    waiver::settle(findings, &source.waivers, true)
}

fn part(applied: &Applied) -> MigrationPart {
    let strongest = applied.existing.iter().map(|l| l.mode).max();
    MigrationPart {
        version: applied.version.to_string(),
        name: applied.name.clone(),
        seconds: applied.seconds,
        max_lock: strongest.map(|mode| mode.name()),
        error: None,
    }
}

/// A finding in the report's form; its file is in `folder`.
pub fn report_finding(finding: Finding, folder: &str) -> outcome::Finding {
    outcome::Finding {
        rule: finding.rule.to_owned(),
        severity: match finding.severity {
            Severity::Info => outcome::Severity::Info,
            Severity::Warning => outcome::Severity::Warning,
            Severity::Error => outcome::Severity::Error,
        },
        file: finding.file.map(|f| format!("{folder}/{f}")),
        line: finding.line.and_then(|l| u32::try_from(l).ok()),
        object: finding.object,
        message: finding.message,
        hint: Some(finding.hint),
        waived: finding.waived,
    }
}
