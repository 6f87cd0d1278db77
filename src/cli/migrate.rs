//! `migrate plan / up / down / status / verify / lint / runbook / roles`.

use super::args::{LintReport, Migrate};
use super::{Cx, interrupted, out};
use crate::rehearsal::steps::{findings, report_finding};
use crate::report::{github, sarif};
use flowcontrol_base::clock;
use flowcontrol_base::text::counted;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_gates::outcome::RehearsalReport;
use flowcontrol_gates::{Inputs, Judgement, judge, runbook as gate};
use flowcontrol_runbook as runbook;
use flowcontrol_runbook::render::{RunbookHeader, render};
use flowcontrol_runbook::{
    self, Finding, Goal, Layout, MigrationLimits, Severity, Site, Source, Version, lint, waiver,
};
use flowcontrol_servers::{ExternalSettings, Target, TargetChoice, roles};
use serde_json::json;

/// Works on the configured external database, on a throw-away target, or on the files only.
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
            Migrate::Runbook => runbook_text(cx).await,
            Migrate::Roles => {
                // Without a configured server, the runbook has a placeholder that its reader
                // replaces.
                let config = &cx.settings.config;
                let database = config.target.external.as_ref().map_or("DATABASE", |e| &e.database);
                let sql = roles::provision_sql(&config.roles, database);
                out::either(cx.format, &json!({"database": database, "sql": sql}), || sql.clone())?;
                Ok(Exit::Done)
            }
        }
    };
    // A migration that is dropped rolls back and releases its lock; a target that is dropped
    // removes itself.
    tokio::select! {
        // Signals are caught from here on, before the work begins.
        biased;
        () = interrupted() => Err(Failure::interrupted()),
        done = work => done,
    }
}

/// The configured external database, as its owner.
struct Database {
    server: ExternalSettings,
    layout: Layout,
    limits: MigrationLimits,
}

impl Database {
    /// `None` when none is configured; an invalid section is an error.
    fn configured(cx: &Cx) -> Result<Option<Self>> {
        let server = cx.settings.target_settings()?.external;
        Ok(server.map(|server| Self {
            server,
            layout: cx.settings.layout(),
            limits: cx.settings.limits(),
        }))
    }

    fn required(cx: &Cx) -> Result<Self> {
        Self::configured(cx)?.ok_or_else(|| {
            Failure::usage("no external server is configured, so there is no database to migrate")
                .hint(
                    "fill in [target.external] in flowcontrol.toml; `flowcontrol rehearse` needs \
                     none",
                )
        })
    }

    fn site(&self) -> Site<'_> {
        Site {
            endpoint: &self.server.endpoint,
            login: &self.server.logins.owner,
            layout: &self.layout,
            limits: &self.limits,
        }
    }
}

async fn plan(cx: &Cx) -> Result<Exit> {
    let source = cx.settings.migrations()?;
    let (place, plan) = match Database::configured(cx)? {
        Some(database) => {
            let (_, plan) = runbook::status(database.site(), &source, Goal::Latest).await?;
            (database.server.endpoint.redacted(), plan)
        }
        None => ("an empty database".to_owned(), runbook::plan(&source, &[], Goal::Latest)),
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
            text.push_str(&format!("  NO-GO {}\n    hint: {}\n", problem.message, problem.hint));
        }
        if plan.steps.is_empty() && plan.is_go() {
            text.push_str("  nothing to do\n");
        }
        text
    })?;
    Ok(if plan.is_go() { Exit::Done } else { Exit::Check })
}

async fn up(cx: &Cx, to: Option<Version>) -> Result<Exit> {
    let (database, source) = (Database::required(cx)?, cx.settings.migrations()?);
    let site = database.site();
    let step = cx.progress.step("migrate up", None);
    let applied = Box::pin(runbook::up(site, &source, to)).await?;
    step.done("");
    out::either(cx.format, &json!({"applied": applied}), || {
        let mut text = format!(
            "{} applied to {}\n",
            counted(applied.len() as u64, "migration", "migrations"),
            site.endpoint.redacted()
        );
        for a in &applied {
            text.push_str(&format!("  {} {:<24} {:.3} s\n", a.version, a.name, a.seconds));
        }
        text
    })?;
    Ok(Exit::Done)
}

async fn down(cx: &Cx, to: Version) -> Result<Exit> {
    let (database, source) = (Database::required(cx)?, cx.settings.migrations()?);
    let site = database.site();
    let reverted = Box::pin(runbook::down(site, &source, to)).await?;
    out::either(cx.format, &json!({"reverted": reverted}), || {
        let mut text = format!(
            "{} reverted on {}\n",
            counted(reverted.len() as u64, "migration", "migrations"),
            site.endpoint.redacted()
        );
        for r in &reverted {
            text.push_str(&format!("  {} {:<24} {:.3} s\n", r.version, r.name, r.seconds));
        }
        text
    })?;
    Ok(Exit::Done)
}

async fn status(cx: &Cx) -> Result<Exit> {
    let (database, source) = (Database::required(cx)?, cx.settings.migrations()?);
    let site = database.site();
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
            text.push_str(&format!("NO-GO {}\n  hint: {}\n", problem.message, problem.hint));
        }
        text
    })?;
    Ok(if plan.is_go() { Exit::Done } else { Exit::Check })
}

async fn verify(cx: &Cx) -> Result<Exit> {
    let (database, source) = (Database::required(cx)?, cx.settings.migrations()?);
    let site = database.site();
    let verified = runbook::verify(site, &source).await?;
    out::either(cx.format, &json!({"verified": verified}), || {
        let mut text = format!(
            "{} verified on {}\n",
            counted(verified.len() as u64, "migration", "migrations"),
            site.endpoint.redacted()
        );
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
    let (layout, limits) = (cx.settings.layout(), cx.settings.limits());
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
        None => out::either(cx.format, &found, || text(&found, cx.verbose))?,
        Some(form) => {
            let mut report = RehearsalReport::begin(
                flowcontrol_base::VERSION,
                &cx.settings.config.profile,
                clock::now(),
            );
            let folder = cx.settings.migrations_folder();
            report.findings = Some(found.into_iter().map(|f| report_finding(f, &folder)).collect());
            out::text(&match form {
                LintReport::Sarif => sarif::render_lint(&report)?,
                LintReport::Github => github::render(&report),
            })?;
        }
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Check })
}

/// Errors and warnings with their hints; infos are counted, and listed when asked for.
fn text(found: &[Finding], verbose: bool) -> String {
    let mut text = String::new();
    let open: Vec<_> = found.iter().filter(|f| f.waived.is_none()).collect();
    for f in open.iter().filter(|f| verbose || f.severity != Severity::Info) {
        let place = match (&f.file, f.line, &f.object) {
            (Some(file), Some(line), _) => format!("{file}:{line}"),
            (Some(file), None, _) => file.clone(),
            (None, _, Some(object)) => object.clone(),
            _ => String::new(),
        };
        let severity = format!("{:?}", f.severity).to_lowercase();
        text.push_str(&format!(
            "{severity} {} {place}\n  {}\n  hint: {}\n",
            f.rule, f.message, f.hint
        ));
    }
    let of = |severity| open.iter().filter(|f| f.severity == severity).count() as u64;
    let infos = of(Severity::Info);
    text.push_str(&format!(
        "{}, {}, {}{}; {} waived with a reason\n",
        counted(of(Severity::Error), "error", "errors"),
        counted(of(Severity::Warning), "warning", "warnings"),
        counted(infos, "info", "infos"),
        if infos > 0 && !verbose { " (-v lists them)" } else { "" },
        found.len() - open.len(),
    ));
    text
}

async fn runbook_text(cx: &Cx) -> Result<Exit> {
    let source = cx.settings.migrations()?;
    let inputs = Box::pin(super::gates::gather(cx, None, false)).await?;
    let sql = runbook_of(&source, &inputs, &judge(&inputs));
    let value = json!({"sha256": source.digest(), "session": inputs.scenario.session,
        "migrations": source.migrations.len(), "sql": sql});
    out::either(cx.format, &value, || sql.clone())?;
    Ok(Exit::Done)
}

/// The printed runbook. Its header shows the current scenario, and the gate's decision on it.
pub fn runbook_of(source: &Source, inputs: &Inputs, judgement: &Judgement) -> String {
    let decision = judgement.gate(gate::ID).and_then(|gate| gate.decision);
    let snapshot = inputs.scenario.snapshot;
    let header = RunbookHeader {
        source: flowcontrol_snapshot::SCHEMA.to_owned(),
        target: inputs.profile.target().unwrap_or("none").to_owned(),
        session: inputs.scenario.session.to_string(),
        checksum: snapshot.map_or_else(|| "none".to_owned(), |digest| digest.short()),
        rows: inputs.scenario.total(),
        runbook_decision: decision.unwrap_or(gate::PENDING).to_owned(),
    };
    render(source, &header)
}
