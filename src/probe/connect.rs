//! `connect`: the connection probes without a rehearsal.

use crate::config::Settings;
use crate::probe::target::Probe;
use crate::progress::Progress;
use crate::registry;
use flowcontrol_base::clock;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::{CallCx, Roster};
use flowcontrol_database::Logins;
use flowcontrol_evidence::{Draft, KnownSecrets, Outcome, ProfileRef, Verdict, schema};
use flowcontrol_gates::connection;
use flowcontrol_servers::{Target, TargetChoice, TargetKind};
use serde_json::json;

/// The result of the probes.
#[derive(Debug)]
pub struct Connected {
    /// The packet, not sealed yet.
    pub draft: Draft,
    /// Secrets that must not be in it.
    pub secrets: KnownSecrets,
}

/// Probes `choice`: the configured database of an external server, or a database on a temporary
/// one. Temporary targets are removed before this returns, also when `stopped` completes.
///
/// # Errors
/// When the target cannot be started or reached.
pub async fn connect(
    settings: &Settings,
    choice: TargetChoice,
    progress: &Progress,
    stopped: impl Future<Output = ()>,
) -> Result<Connected> {
    let rosters = rosters(settings).await?;
    let step = progress.step("connect", None);
    let targets = settings.target_settings()?;
    let mut secrets = KnownSecrets::new();
    let mut made = None;
    let work = async {
        if choice == TargetChoice::External {
            let external = targets.external.clone().ok_or_else(|| {
                Failure::usage("no external server is configured")
                    .hint("fill in [target.external] in flowcontrol.toml, or probe --target local")
            })?;
            hold(&mut secrets, &external.logins);
            let pin = settings.config.target.external.as_ref().and_then(|e| e.tls.fingerprint);
            return Ok((
                external.endpoint,
                external.logins,
                pin,
                json!({"kind": TargetKind::External}),
            ));
        }
        let target = Target::start(choice, &targets, &|what| step.message(what)).await?;
        let identity = json!(target.identity);
        let target = made.insert(target);
        let workspace =
            target.workspace(&settings.config.roles, settings.config.session.as_str()).await?;
        hold(&mut secrets, &workspace.logins);
        Ok::<_, Failure>((workspace.endpoint, workspace.logins, None, identity))
    };
    let found = async {
        let (endpoint, logins, pin, identity) = Box::pin(work).await?;
        let probe = Probe {
            endpoint: &endpoint,
            owner: &logins.owner,
            application: &logins.application,
            schema: &settings.config.migrations.schema,
            pin,
            generated: choice != TargetChoice::External,
            rosters: &rosters,
            trusted: false,
        };
        Ok::<_, Failure>((Box::pin(probe.run()).await, identity))
    };
    let found = tokio::select! {
        biased;
        () = stopped => Err(Failure::interrupted()),
        found = found => found,
    };
    if let Some(target) = made {
        target.dispose().await?;
    }
    step.done("");
    let (facts, mut identity) = found?;
    if choice == TargetChoice::External {
        identity["server"] = json!(facts.server());
    }
    let checks = connection::checks(&facts);
    let ready = checks.iter().all(|c| c.verdict == Verdict::Ready);
    let draft = Draft {
        schema: schema::CONNECTION.to_owned(),
        created_at: clock::now(),
        tool_version: flowcontrol_base::VERSION.to_owned(),
        ran: format!("connect --target {choice}"),
        profile: ProfileRef { name: settings.config.profile.clone(), sha256: settings.digest()? },
        snapshot_sha256: None,
        target: Some(identity),
        checks,
        outcome: if ready { Outcome::Passed } else { Outcome::Failed },
        body: json!({ "endpoint": facts.endpoint }),
    };
    Ok(Connected { draft, secrets })
}

fn hold(secrets: &mut KnownSecrets, logins: &Logins) {
    for password in logins.all().filter_map(|l| l.password.clone()) {
        secrets.add(password);
    }
}

/// The tenants and actors of the configured scenario.
async fn rosters(settings: &Settings) -> Result<Vec<Roster>> {
    let store = registry::open_store(settings).await?;
    let mut rosters = Vec::new();
    for tenant in store.tenants().await? {
        rosters.extend(store.roster(&CallCx::tenant(tenant)).await?);
    }
    if rosters.is_empty() && settings.file.is_none() {
        return Ok(flowcontrol_demo::rosters(flowcontrol_demo::Size::default())?);
    }
    Ok(rosters)
}
