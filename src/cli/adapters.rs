//! `adapters list / check / plan`.

use super::args::Adapters;
use super::{Cx, gates, out};
use crate::config::nearest;
use crate::probe::adapter as probe;
use crate::registry::{open_auth, open_ksef};
use crate::report::adapters as views;
use flowcontrol_base::clock;
use flowcontrol_base::{Exit, Failure, Result};
use flowcontrol_contract::Port;
use flowcontrol_contract::registry::Registration;
use flowcontrol_evidence::{
    CheckResult, Draft, KnownSecrets, Outcome, ProfileRef, Verdict, schema,
};
use flowcontrol_gates::adapters::SECRETS;
use flowcontrol_gates::judge;
use flowcontrol_gates::swap::{Swap, swap};

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
    let registry = &cx.settings.adapters;
    let row = |port: Port| {
        let kind = profile.kind(port).to_owned();
        let built = registry.find(port, &kind).filter(|known| known.is_built());
        views::Row {
            port: port.name(),
            mode: built.map(|known| known.mode),
            built: built.is_some(),
            known: registry.kinds(port).iter().map(|known| known.kind).collect(),
            kind,
        }
    };
    let rows: Vec<views::Row> = Port::ALL.map(row).into();
    let name = &cx.settings.config.profile;
    let value = serde_json::json!({"profile": name, "ports": rows});
    out::either(cx.format, &value, || views::list(name, &rows))?;
    Ok(Exit::Done)
}

/// Probes the named ports, or all ports and the secrets; the packet is sealed whatever the result.
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
        tool_version: flowcontrol_base::VERSION.to_owned(),
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

/// The result of one port's probe; an adapter that cannot be opened is a failed check.
async fn one(cx: &Cx, port: Port) -> Result<CheckResult> {
    let kind = cx.settings.profile()?.kind(port).to_owned();
    if !cx.settings.adapters.find(port, &kind).is_some_and(Registration::is_built) {
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
        // These ports have no adapters yet.
        Port::Ocr | Port::Eta | Port::Sync => probe::absent(port, &kind),
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
