//! Step 2: a server, a database of our own on it, and what can be known before writing to it.

use super::snapshot;
use crate::connect::Probe;
use crate::error::{Failure, Result};
use crate::evidence::Verdict;
use crate::gates::connection;
use crate::rehearsal::{Done, Run, journal};
use crate::report::{Scope, TargetPart, Unproved};
use crate::target::{Login, Logins, Target, TargetKind, TlsTrust, Workspace};

/// Starts or reaches the target and probes it. Nothing is migrated when a probe fails.
pub async fn target(run: &mut Run<'_>) -> Result<Done> {
    // A rehearsal of migrations alone has no scenario and so nobody to map.
    let scenario = run.report.scope == Scope::Scenario;
    let rosters = if scenario { snapshot(run)?.1.header.tenants } else { Vec::new() };
    let settings = run.settings.target_settings()?;
    let step = run.progress.step("target", None);
    let started = Target::start(run.order.target, &settings, &|what| step.message(what)).await?;
    let notes = started.notes.clone();
    describe(run, &started);
    let (kind, tls) = (started.kind, started.endpoint.tls.clone());
    let workspace = match &run.order.resume {
        Some(database) => started.reopen(database).await,
        None => {
            started
                .workspace(&run.settings.config.roles, run.settings.config.session.as_str())
                .await
        }
    };
    // Kept before a failure is passed on, so that it is taken down.
    let admin = started.admin.clone();
    run.made.target = Some(started);
    let workspace = workspace?;
    run.made.workspace = Some(workspace.clone());
    if kind == TargetKind::External && scenario {
        journal::write(run)?;
    }
    hold_secrets(run, &admin, &workspace);
    let probe = Probe {
        endpoint: &workspace.endpoint,
        owner: &workspace.logins.owner,
        application: &workspace.logins.application,
        schema: &run.settings.config.migrations.schema,
        pin: run
            .settings
            .config
            .target
            .external
            .as_ref()
            .filter(|_| kind == TargetKind::External)
            .and_then(|e| e.tls.fingerprint),
        generated: kind != TargetKind::External,
        rosters: &rosters,
    };
    let facts = Box::pin(probe.run()).await;
    step.done("");
    let checks = connection::checks(&facts);
    let without_tls = tls == TlsTrust::Off;
    if without_tls {
        run.report.unproved.push(Unproved {
            what: "TLS fingerprint".into(),
            why: "TLS is turned off for this server; a go-live needs it".into(),
        });
    }
    let failed = checks
        .iter()
        .filter(|c| scenario || c.id != "rbac-session")
        .find(|c| c.verdict != Verdict::Ready && !(without_tls && c.id == "tls-fingerprint"));
    let failure = failed.map(|c| Failure::environment(format!("{}: {}", c.title, c.reason)));
    run.made.facts = Some(facts);
    if let Some(failure) = failure {
        return Err(failure.hint("nothing was written; put this right and rehearse again"));
    }
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
    Ok(Done::proved(detail))
}

fn describe(run: &mut Run<'_>, target: &Target) {
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
    run.report.target = Some(TargetPart {
        kind: target.kind.to_string(),
        server_version: id.server_version.clone(),
        image,
        identity: (!identity.is_empty()).then(|| identity.join(", ")),
        chosen_because: Some(target.chosen_because.clone()),
    });
}

/// Whatever this run can log in with must not reach evidence; adapters get it by name.
fn hold_secrets(run: &mut Run<'_>, admin: &Login, workspace: &Workspace) {
    let Logins { owner, application, replayer, auditor, verifier } = &workspace.logins;
    let named = [
        ("admin", Some(admin)),
        ("owner", Some(owner)),
        ("application", Some(application)),
        ("replayer", Some(replayer)),
        ("auditor", Some(auditor)),
        ("verifier", verifier.as_ref()),
    ];
    for (name, login) in named {
        if let Some(password) = login.and_then(|l| l.password.clone()) {
            run.secrets.add(password.clone());
            run.made.passwords.insert(name.to_owned(), password);
        }
    }
}
