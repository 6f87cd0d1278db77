//! `migrate plan / up / down / status / verify / lint / runbook / roles`.

use super::args::{LintReport, Migrate};
use super::{Cx, interrupted, out};
use crate::clock;
use crate::error::{Exit, Failure, Result};
use crate::rehearsal::steps::{findings, report_finding};
use crate::report::{RehearsalReport, github, sarif};
use crate::runbook::render::{Header, render};
use crate::runbook::{self, Finding, Goal, Limits, Severity, Site, Version, lint, waiver};
use crate::target::{ExternalSettings, Target, TargetChoice, roles};
use serde_json::json;

/// Works on the configured external database, on a throw-away target, or on the files alone.
pub async fn run(cx: &Cx, args: Migrate) -> Result<Exit> {
    let work = async {
        match args {
            Migrate::Plan => plan(cx).await,
            Migrate::Up { to } => up(cx, to.map(Version)).await,
            Migrate::Down { to } => down(cx, Version(to)).await,
            Migrate::Status => status(cx).await,
            Migrate::Verify => verify(cx).await,
            Migrate::Lint { files_only, target, report } => {
                Box::pin(lint(cx, files_only, target, report)).await
            }
            Migrate::Runbook => runbook_text(cx),
            Migrate::Roles => {
                let database =
                    external(cx).map_or_else(|_| "DATABASE".to_owned(), |e| e.endpoint.database);
                out::text(&roles::provision_sql(&cx.settings.config.roles, &database))?;
                Ok(Exit::Done)
            }
        }
    };
    // A dropped migration rolls back and gives up its lock; a dropped target removes itself.
    tokio::select! {
        done = work => done,
        () = interrupted() => Err(Failure::interrupted()),
    }
}

fn external(cx: &Cx) -> Result<ExternalSettings> {
    cx.settings.target_settings()?.external.ok_or_else(|| {
        Failure::usage("no external server is configured, so there is no database to migrate").hint(
            "fill in [target.external] in flowcontrol.toml; `flowcontrol rehearse` needs none",
        )
    })
}

fn limits(cx: &Cx) -> Limits {
    cx.settings.limits()
}

async fn plan(cx: &Cx) -> Result<Exit> {
    let source = cx.settings.migrations()?;
    let (layout, limits) = (cx.settings.layout(), limits(cx));
    let (place, plan) = match external(cx) {
        Ok(external) => {
            let site = Site {
                endpoint: &external.endpoint,
                login: &external.logins.owner,
                layout: &layout,
                limits: &limits,
            };
            let (_, plan) = runbook::status(site, &source, Goal::Latest).await?;
            (external.endpoint.redacted(), plan)
        }
        Err(_) => ("an empty database".to_owned(), runbook::plan(&source, &[], Goal::Latest)),
    };
    let value = json!({"database": place, "plan": plan});
    out::either(cx.format, &value, || {
        let mut text = format!("plan for {place}\n");
        for step in &plan.steps {
            text.push_str(
                &format!("  {:?} {} {}\n", step.direction, step.version, step.name).to_lowercase(),
            );
        }
        for problem in &plan.problems {
            text.push_str(&format!("  NO-GO {}\n    way out: {}\n", problem.message, problem.hint));
        }
        if plan.steps.is_empty() && plan.is_go() {
            text.push_str("  nothing to do\n");
        }
        text
    })?;
    Ok(if plan.is_go() { Exit::Done } else { Exit::Check })
}

async fn up(cx: &Cx, to: Option<Version>) -> Result<Exit> {
    let (external, source) = (external(cx)?, cx.settings.migrations()?);
    let (layout, limits) = (cx.settings.layout(), limits(cx));
    let site = Site {
        endpoint: &external.endpoint,
        login: &external.logins.owner,
        layout: &layout,
        limits: &limits,
    };
    let step = cx.progress.step("migrate up", None);
    let applied = Box::pin(runbook::up(site, &source, to)).await?;
    step.done("");
    out::either(cx.format, &json!({"applied": applied}), || {
        let mut text =
            format!("{} migrations applied to {}\n", applied.len(), site.endpoint.redacted());
        for a in &applied {
            text.push_str(&format!("  {} {:<24} {:.3} s\n", a.version, a.name, a.seconds));
        }
        text
    })?;
    Ok(Exit::Done)
}

async fn down(cx: &Cx, to: Version) -> Result<Exit> {
    let (external, source) = (external(cx)?, cx.settings.migrations()?);
    let (layout, limits) = (cx.settings.layout(), limits(cx));
    let site = Site {
        endpoint: &external.endpoint,
        login: &external.logins.owner,
        layout: &layout,
        limits: &limits,
    };
    let reverted = Box::pin(runbook::down(site, &source, to)).await?;
    out::either(cx.format, &json!({"reverted": reverted}), || {
        let mut text =
            format!("{} migrations reverted on {}\n", reverted.len(), site.endpoint.redacted());
        for r in &reverted {
            text.push_str(&format!("  {} {:<24} {:.3} s\n", r.version, r.name, r.seconds));
        }
        text
    })?;
    Ok(Exit::Done)
}

async fn status(cx: &Cx) -> Result<Exit> {
    let (external, source) = (external(cx)?, cx.settings.migrations()?);
    let (layout, limits) = (cx.settings.layout(), limits(cx));
    let site = Site {
        endpoint: &external.endpoint,
        login: &external.logins.owner,
        layout: &layout,
        limits: &limits,
    };
    let (rows, plan) = runbook::status(site, &source, Goal::Latest).await?;
    out::either(cx.format, &json!({"ledger": rows, "plan": plan}), || {
        let mut text = String::new();
        for migration in &source.migrations {
            let state = rows
                .iter()
                .find(|r| r.version == migration.version)
                .map_or_else(|| "missing".to_owned(), |r| format!("{:?}", r.state).to_lowercase());
            text.push_str(&format!("{} {:<24} {state}\n", migration.version, migration.name));
        }
        for problem in &plan.problems {
            text.push_str(&format!("NO-GO {}\n  way out: {}\n", problem.message, problem.hint));
        }
        text
    })?;
    Ok(if plan.is_go() { Exit::Done } else { Exit::Check })
}

async fn verify(cx: &Cx) -> Result<Exit> {
    let (external, source) = (external(cx)?, cx.settings.migrations()?);
    let (layout, limits) = (cx.settings.layout(), limits(cx));
    let site = Site {
        endpoint: &external.endpoint,
        login: &external.logins.owner,
        layout: &layout,
        limits: &limits,
    };
    let verified = runbook::verify(site, &source).await?;
    out::either(cx.format, &json!({"verified": verified}), || {
        let mut text =
            format!("{} migrations verified on {}\n", verified.len(), site.endpoint.redacted());
        for v in &verified {
            text.push_str(&format!("  {} {:<24} {:.3} s\n", v.version, v.name, v.seconds));
        }
        text
    })?;
    Ok(Exit::Done)
}

async fn lint(
    cx: &Cx,
    files_only: bool,
    choice: TargetChoice,
    report: Option<LintReport>,
) -> Result<Exit> {
    let source = cx.settings.migrations()?;
    let (layout, limits) = (cx.settings.layout(), limits(cx));
    let found: Vec<Finding> = if files_only {
        waiver::settle(lint::files(&source, &layout), &source.waivers, false)
    } else {
        let targets = cx.settings.target_settings()?;
        let step = cx.progress.step("lint", None);
        let target = Target::start(choice, &targets, &|what| step.message(what)).await?;
        let judged = async {
            let workspace =
                target.workspace(&layout.roles, cx.settings.config.session.as_str()).await?;
            let site = Site {
                endpoint: &workspace.endpoint,
                login: &workspace.logins.owner,
                layout: &layout,
                limits: &limits,
            };
            let judged = async {
                runbook::up(site, &source, None).await?;
                findings(site, &source).await
            }
            .await;
            target.drop_workspace(&workspace).await?;
            judged
        };
        let judged = Box::pin(judged).await;
        target.dispose().await?;
        step.done("");
        judged?
    };
    let errors =
        found.iter().filter(|f| f.waived.is_none() && f.severity == Severity::Error).count();
    match report {
        None => out::either(cx.format, &found, || text(&found))?,
        Some(form) => {
            let mut report = RehearsalReport::begin(
                env!("CARGO_PKG_VERSION"),
                &cx.settings.config.profile,
                clock::now(),
            );
            report.findings = Some(found.into_iter().map(report_finding).collect());
            out::text(&match form {
                LintReport::Sarif => sarif::render(&report)?,
                LintReport::Github => github::render(&report),
            })?;
        }
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Check })
}

fn text(found: &[Finding]) -> String {
    let mut text = String::new();
    for f in found.iter().filter(|f| f.waived.is_none()) {
        let place = match (&f.file, f.line, &f.object) {
            (Some(file), Some(line), _) => format!("{file}:{line}"),
            (Some(file), None, _) => file.clone(),
            (None, _, Some(object)) => object.clone(),
            _ => String::new(),
        };
        text.push_str(&format!(
            "{:?} {} {place}\n  {}\n  way out: {}\n",
            f.severity, f.rule, f.message, f.hint
        ));
    }
    let waived = found.iter().filter(|f| f.waived.is_some()).count();
    text.push_str(&format!(
        "{} findings, {waived} more waived with a reason\n",
        found.len() - waived
    ));
    text
}

fn runbook_text(cx: &Cx) -> Result<Exit> {
    let source = cx.settings.migrations()?;
    let header = Header {
        source: crate::snapshot::SCHEMA.to_owned(),
        target: "db-auth-session-adapter".to_owned(),
        session: cx.settings.config.session.to_string(),
        checksum: "none".to_owned(),
        rows: 0,
        runbook_decision: "BLOCKED_PENDING_PREFLIGHT".to_owned(),
    };
    out::text(&render(&source, &header))?;
    Ok(Exit::Done)
}
