//! Step 2: starts or reaches a server, creates the workspace, and probes the connection.

use super::snapshot;
use crate::probe::target::{Probe, pinned};
use crate::rehearsal::prefetch::Prefetch;
use crate::rehearsal::{Rehearsal, StepOutcome, journal};
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::Digest;
use flowcontrol_database::{Login, Logins, RoleNames, TlsTrust, Workspace};
use flowcontrol_evidence::Verdict;
use flowcontrol_gates::connection;
use flowcontrol_gates::outcome::{Scope, StepId, TargetPart, Unproved};
use flowcontrol_runbook::Connections;
use flowcontrol_runbook::Site;
use flowcontrol_servers::{Target, TargetChoice, TargetKind, TargetSettings};
use sqlx::Connection;
use tokio::sync::mpsc;

/// Starts or reaches the target and probes it. Nothing is migrated when a probe fails.
pub async fn target(run: &mut Rehearsal<'_>) -> Result<StepOutcome> {
    // A rehearsal of migrations alone has no scenario and so no actors to map.
    let scenario = run.report.scope == Scope::Scenario;
    let rosters = if scenario { snapshot(run)?.1.header.tenants } else { Vec::new() };
    let settings = run.settings.target_settings()?;
    let step = run.progress.step(StepId::Target.name(), None);
    if run.order.target == TargetChoice::External {
        // Without a configured server, starting the target reports it.
        if let Some(external) = &settings.external {
            pinned(&external.endpoint, pin(run)).await?;
        }
    }
    let made =
        make(run, settings, run.settings.config.session.to_string(), |what| step.message(what))
            .await;
    // Described also when its database could not be created.
    let Some(started) = &run.resources.target else {
        made?;
        return Err(Failure::environment("no target was started"));
    };
    let (admin, notes) = (started.admin.clone(), started.notes.clone());
    let (kind, tls) = (started.kind, started.endpoint.tls.clone());
    let part = describe(started);
    run.report.target = Some(part);
    let workspace = made?;
    // Only a whole rehearsal can be resumed.
    if kind == TargetKind::External && scenario && run.order.without.is_empty() {
        journal::write(run)?;
        if let Some(earlier) = run.order.resume.as_ref().filter(|e| e.journal.probed) {
            journal::forget(&run.settings.state(), &earlier.journal.database)?;
        }
    }
    hold_secrets(run, &admin, &workspace);
    let (site, layout, limits) = (workspace.clone(), run.settings.layout(), run.settings.limits());
    run.resources.migrators = Some(Prefetch::start(async move {
        let (endpoint, login) = (&site.endpoint, &site.logins.owner);
        let site = Site { endpoint, login, layout: &layout, limits: &limits };
        Connections::open(site).await
    }));
    let probe = Probe {
        endpoint: &workspace.endpoint,
        owner: &workspace.logins.owner,
        application: &workspace.logins.application,
        schema: &run.settings.config.migrations.schema,
        pin: pin(run).filter(|_| kind == TargetKind::External),
        generated: kind != TargetKind::External,
        rosters: &rosters,
        // The database was created over a verified connection, with the pinned certificate.
        trusted: true,
    };
    let (facts, others) = Box::pin(probe.run_beside(others_log_in(&workspace))).await;
    step.done("");
    let checks = connection::checks(&facts);
    let without_tls = tls == TlsTrust::Off;
    if without_tls {
        run.report.unproved.push(Unproved {
            what: "TLS fingerprint".into(),
            why: "TLS is turned off for this server; production needs it".into(),
        });
    }
    let failed = checks
        .iter()
        .filter(|c| scenario || c.id != "rbac-session")
        .find(|c| c.verdict != Verdict::Ready && !(without_tls && c.id == "tls-fingerprint"));
    let failure = failed.map(|c| Failure::environment(format!("{}: {}", c.title, c.reason)));
    if kind == TargetKind::External
        && let Some(part) = &mut run.report.target
    {
        part.server = facts.server();
    }
    run.resources.facts = Some(facts);
    if let Some(failure) = failure {
        return Err(failure.hint("nothing was written; correct this and rehearse again"));
    }
    others.unwrap_or(Ok(()))?;
    let part = run.report.target.as_ref();
    let mut detail = format!(
        "PostgreSQL {}, {kind}, {}",
        part.map_or("?", |p| p.server_version.as_str()),
        part.and_then(|p| p.chosen_because.as_deref()).unwrap_or("")
    );
    for note in notes {
        detail.push_str("; ");
        detail.push_str(&note);
    }
    Ok(StepOutcome::proved(detail))
}

/// The configured fingerprint of the external server's certificate.
fn pin(run: &Rehearsal<'_>) -> Option<Digest> {
    run.settings.config.target.external.as_ref().and_then(|e| e.tls.fingerprint)
}

/// Starts the target and creates the database, or opens the one that an earlier run left. The work
/// continues when this future is dropped, and the cleanup waits for it, so there is no moment at
/// which a server or a database exists that will not be removed.
async fn make(
    run: &mut Rehearsal<'_>,
    settings: TargetSettings,
    session: String,
    tell: impl Fn(&str) + Send,
) -> Result<Workspace> {
    let choice = run.order.target;
    let earlier = run.order.resume.as_ref().map(|u| u.journal.clone());
    let roles = run.settings.config.roles.clone();
    let (say, mut said) = mpsc::unbounded_channel();
    run.resources.start_task = Some(tokio::spawn(async move {
        // The receiver is dropped when the step was cancelled.
        let progress = move |what: &str| drop(say.send(what.to_owned()));
        let started = Box::pin(Target::start(choice, &settings, &progress)).await?;
        drop(progress);
        let workspace = match earlier {
            Some(j) if j.probed => Box::pin(anew(&started, &j.database, &roles, &session)).await,
            Some(j) => Box::pin(started.reopen(&j.database)).await,
            None => Box::pin(started.workspace(&roles, &session)).await,
        };
        Ok((started, workspace))
    }));
    while let Some(what) = said.recv().await {
        tell(&what);
    }
    run.resources.await_start().await?;
    super::workspace(run)
}

/// Replaces a database that holds rows of an earlier run's probes by a new one.
async fn anew(target: &Target, old: &str, roles: &RoleNames, session: &str) -> Result<Workspace> {
    let workspace = target.workspace(roles, session).await?;
    // It may not exist any more: a resumed run can be killed at this point.
    let left =
        Workspace { endpoint: target.endpoint.database(old), logins: workspace.logins.clone() };
    if let Err(failure) = target.drop_workspace(&left).await {
        target.drop_workspace(&workspace).await?;
        return Err(failure);
    }
    Ok(workspace)
}

/// Logs in as the roles that the probes did not use, so that a wrong password is
/// reported before the migrations.
async fn others_log_in(workspace: &Workspace) -> Result<()> {
    let Logins { replayer, auditor, verifier, .. } = &workspace.logins;
    let all = [replayer, auditor].into_iter().chain(verifier);
    futures::future::try_join_all(all.map(async |login| {
        let connection = workspace.endpoint.connect(login).await.map_err(|failure| {
            failure.hint("nothing was written; check the login's name and password")
        })?;
        // The login works; an error when closing changes nothing.
        drop(connection.close().await);
        Ok(())
    }))
    .await
    .map(drop)
}

fn describe(target: &Target) -> TargetPart {
    let id = &target.identity;
    let identity = [
        id.system_identifier.as_ref().map(|v| format!("system {v}")),
        id.database.as_ref().map(|v| format!("database {v}")),
        id.certificate_sha256.as_ref().map(|v| format!("certificate {v}")),
    ];
    let identity: Vec<String> = identity.into_iter().flatten().collect();
    let image = id.image.as_ref().map(|image| match &id.image_digest {
        Some(digest) => format!("{image} {digest}"),
        None => image.clone(),
    });
    TargetPart {
        kind: target.kind.to_string(),
        server_version: id.server_version.clone(),
        image,
        identity: (!identity.is_empty()).then(|| identity.join(", ")),
        server: None,
        chosen_because: Some(target.chosen_because.clone()),
    }
}

/// Registers the passwords of this run, which must not reach evidence.
fn hold_secrets(run: &mut Rehearsal<'_>, admin: &Login, workspace: &Workspace) {
    for password in workspace.logins.all().chain([admin]).filter_map(|l| l.password.clone()) {
        run.secrets.add(password);
    }
}
