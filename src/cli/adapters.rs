//! `adapters list / check / plan`.

use super::args::Adapters;
use super::{Cx, gates, out};
use crate::clock;
use crate::config::{PORT_KINDS, nearest};
use crate::error::{Exit, Failure, Result};
use crate::evidence::{CheckResult, Draft, KnownSecrets, Outcome, ProfileRef, Verdict, schema};
use crate::gates::adapters::SECRETS;
use crate::gates::judge;
use crate::gates::swap::{Swap, swap};
use crate::probe;
use crate::registry::{built, open_auth, open_ksef, registry};
use crate::report::adapters as views;
use flowcontrol_contract::{Mode, Port};

/// Lists, probes or compares.
pub async fn run(cx: &Cx, args: &Adapters) -> Result<Exit> {
    match args {
        Adapters::List => list(cx),
        Adapters::Check { ports } => check(cx, ports).await,
        Adapters::Plan { to } => plan(cx, to).await,
    }
}

/// Each port's kind in the active profile, and whether this build has it.
fn list(cx: &Cx) -> Result<Exit> {
    let profile = cx.settings.profile()?;
    let registry = registry();
    let rows: Vec<views::Row> = PORT_KINDS
        .iter()
        .map(|(port, known)| {
            let kind = profile.kind(*port).to_owned();
            let built: Option<(_, Mode)> =
                registry.kinds(*port).into_iter().find(|(k, _)| *k == kind);
            views::Row {
                port: port.name(),
                kind,
                mode: built.map(|(_, mode)| mode),
                built: built.is_some(),
                known: known.to_vec(),
            }
        })
        .collect();
    let name = &cx.settings.config.profile;
    let value = serde_json::json!({"profile": name, "ports": rows});
    out::either(cx.format, &value, || views::list(name, &rows))?;
    Ok(Exit::Done)
}

/// Probes what is named, or all ports and the secrets; the packet is sealed whatever was found.
async fn check(cx: &Cx, names: &[String]) -> Result<Exit> {
    names.iter().try_for_each(|name| known(name))?;
    let asked = |id: &str| names.is_empty() || names.iter().any(|name| name == id);
    let evidence = cx.settings.evidence()?;
    let mut known = KnownSecrets::new();
    let secrets = probe::secrets(&cx.settings, &mut known)?;
    let mut checks = Vec::new();
    for port in Port::ALL.into_iter().filter(|port| asked(port.name())) {
        checks.push(one(cx, port).await?);
    }
    if asked(SECRETS) {
        checks.push(secrets);
    }
    let ready = checks.iter().all(|c| c.verdict == Verdict::Ready);
    let draft = Draft {
        schema: schema::ADAPTERS.to_owned(),
        created_at: clock::now(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        ran: format!("adapters check {}", names.join(" ")).trim_end().to_owned(),
        profile: ProfileRef {
            name: cx.settings.config.profile.clone(),
            sha256: cx.settings.digest()?,
        },
        snapshot_sha256: None,
        target: None,
        checks,
        outcome: if ready { Outcome::Passed } else { Outcome::Failed },
        body: serde_json::json!({}),
    };
    let stored = evidence.append(draft, &known)?;
    out::either(cx.format, stored.sealed.packet(), || {
        views::verdicts("adapters", &stored, cx.view)
    })?;
    Ok(if ready { Exit::Done } else { Exit::Check })
}

fn known(name: &str) -> Result<()> {
    let names: Vec<&str> = Port::ALL.map(Port::name).into_iter().chain([SECRETS]).collect();
    if names.contains(&name) {
        return Ok(());
    }
    let near = nearest(name, names.iter().copied());
    let meant = near.map_or_else(String::new, |near| format!("did you mean {near}? "));
    Err(Failure::usage(format!("unknown port {name:?}"))
        .hint(format!("{meant}known are {}", names.join(", "))))
}

/// An adapter that cannot be opened is a finding of its probe.
async fn one(cx: &Cx, port: Port) -> Result<CheckResult> {
    let kind = cx.settings.profile()?.kind(port).to_owned();
    if !built(port).contains(&kind) {
        return Ok(probe::absent(port, &kind));
    }
    Ok(match port {
        Port::Store => match cx.store().await {
            Ok(store) => probe::store(&kind, &*store).await,
            Err(failure) => probe::unopened(port, &kind, failure.message),
        },
        Port::Auth => match open_auth(&cx.settings).await {
            Ok(provider) => probe::auth(&kind, &*provider).await,
            Err(failure) => probe::unopened(port, &kind, failure.message),
        },
        Port::Ksef => match open_ksef(&cx.settings).await {
            Ok(provider) => probe::ksef(&kind, &*provider).await,
            Err(failure) => probe::unopened(port, &kind, failure.message),
        },
        // Another port's probe comes with its adapters.
        _ => probe::absent(port, &kind),
    })
}

async fn plan(cx: &Cx, to: &str) -> Result<Exit> {
    let now = gates::gather(cx, None, false).await?;
    let then = gates::gather(cx, Some(to), false).await?;
    let config = &cx.settings.config;
    let configured = |kind: &str| config.adapters.contains_key(kind);
    let plan: Swap = swap(&now, &judge(&now), &then, &judge(&then), configured);
    out::either(cx.format, &plan, || views::plan(&plan, cx.view))?;
    Ok(Exit::Done)
}
