//! Loads the gates' inputs: the judged profile, the evidence and the scenario as they are
//! now, for the command line and the HTTP service.

use crate::config::{FILE, Settings};
use crate::progress::Progress;
use crate::rehearsal::scratch::Scratch;
use flowcontrol_base::clock;
use flowcontrol_base::text::shell::quoted;
use flowcontrol_base::{Failure, Result};
use flowcontrol_contract::{CallCx, Mode, Port, ScenarioStore};
use flowcontrol_demo as demo;
use flowcontrol_evidence::{ChainProblemKind, EvidenceStore, Packet};
use flowcontrol_files::{self as files, Access};
use flowcontrol_gates::Inputs;
use flowcontrol_gates::inputs::{Acceptance, Evidence, Judged, PortKind, PortState, Scenario};
use flowcontrol_snapshot as snapshot;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The gates' inputs for the profile `wanted`, or for the active profile. `store` is opened when the rest
/// was read; `named` says that the command line or the environment chose the profile. Leaves nothing
/// behind.
///
/// # Errors
/// When the profile is unknown, the evidence chain does not verify, or the store cannot be read.
pub async fn load(
    settings: &Settings,
    store: impl Future<Output = Result<Arc<dyn ScenarioStore>>>,
    progress: &Progress,
    wanted: Option<&str>,
    named: bool,
) -> Result<Inputs> {
    let own = settings.clone();
    // Off the executor, so that a service handles other requests while a long chain is verified.
    let packets = tokio::task::spawn_blocking(move || evidence(&own)).await.map_err(|e| {
        Failure::environment(format!("the task that reads the evidence failed: {e}"))
    })??;
    Ok(Inputs {
        profile: judged(settings, wanted, named)?,
        acceptances: acceptances(&packets)?,
        packets,
        scenario: scenario(settings, &*store.await?, progress).await?,
        migrations: settings.migrations()?.digest(),
        as_of: clock::now(),
    })
}

/// The judged profile: `wanted`, else the active one.
fn judged(active: &Settings, wanted: Option<&str>, named: bool) -> Result<Judged> {
    let settings = active.with_profile(wanted)?;
    let (profile, name) = (settings.profile()?, settings.config.profile.clone());
    let kinds = |port| {
        let known = settings.adapters.kinds(port).into_iter();
        known.map(|k| PortKind { name: k.kind.to_owned(), mode: k.mode, built: k.is_built() })
    };
    let ports = Port::ALL.map(|port| PortState {
        port,
        kind: profile.kind(port).to_owned(),
        kinds: kinds(port).collect(),
        configured: settings.config.adapters.contains_key(profile.kind(port)),
    });
    let mut program = "flowcontrol".to_owned();
    if let Some(file) = settings.file.as_deref().filter(|file| *file != Path::new(FILE)) {
        program.push_str(&format!(" --config {}", quoted(&file.display().to_string())));
    }
    let other = name != active.config.profile;
    let option = |name: &str| format!("--profile {}", quoted(name));
    Ok(Judged {
        sha256: settings.digest()?,
        ports: ports.into(),
        owners: settings.config.owners.clone(),
        residency: profile.residency,
        acceptance_days: profile.acceptance_days,
        keys: settings.config.keys.clone(),
        vouchers: settings.config.vouching.trusted.clone(),
        external: settings.config.target.external.is_some(),
        program,
        active: if named { option(&active.config.profile) } else { String::new() },
        switch: if other { option(&name) } else { String::new() },
        name,
    })
}

/// The chain's packets; a failure if the chain does not verify.
fn evidence(settings: &Settings) -> Result<Vec<Evidence>> {
    let store = EvidenceStore::at(&settings.state());
    let verification = store.verify_signed(None, &settings.config.evidence.trusted)?;
    if let Some(problem) = verification.problems.first() {
        let hint = match problem.kind {
            ChainProblemKind::Signature => {
                "[evidence] trusted requires signatures: with its signing_key set, what is sealed \
                 from now on is signed; flowcontrol evidence verify shows everything that is wrong"
            }
            _ => "flowcontrol evidence verify shows everything that is wrong with it",
        };
        return Err(Failure::check(format!(
            "the evidence chain does not verify, so no gate is judged: {}: {}",
            problem.file, problem.message
        ))
        .hint(hint));
    }
    let packets = store.list()?.packets.into_iter().map(|listed| {
        let sealed = listed.read.map_err(|flaw| {
            Failure::check(format!("evidence packet {} is damaged: {flaw}", listed.file))
                .hint("flowcontrol evidence verify shows what else is wrong")
        })?;
        Ok(Evidence { sha256: sealed.sha256(), packet: sealed.packet().clone() })
    });
    packets.collect()
}

/// The acceptances among the packets.
fn acceptances(packets: &[Evidence]) -> Result<Vec<Acceptance>> {
    let read = |evidence: &Evidence| {
        Acceptance::read(evidence).map_err(|why| {
            let Packet { sequence, schema, .. } = &evidence.packet;
            Failure::check(format!(
                "evidence packet {sequence} ({schema} {}) cannot be judged: {why}",
                evidence.sha256.short()
            ))
            .hint(format!("flowcontrol evidence show {sequence} shows what it says"))
        })
    };
    packets.iter().filter_map(|evidence| read(evidence).transpose()).collect()
}

/// The facts about the active profile's store; it is frozen into a temporary file for its digest.
async fn scenario(
    settings: &Settings,
    store: &dyn ScenarioStore,
    progress: &Progress,
) -> Result<Scenario> {
    let built_in = settings.file.is_none();
    let mut scenario = Scenario {
        session: settings.config.session.clone(),
        snapshot: None,
        records: BTreeMap::new(),
        actors: Vec::new(),
        enrolled: 0,
        filled_on_demand: built_in,
        seedable: store.info().mode == Mode::Local,
    };
    let tenants = store.tenants().await?;
    let mut rosters = Vec::new();
    for tenant in &tenants {
        rosters.extend(store.roster(&CallCx::tenant(tenant.clone())).await?);
    }
    if rosters.is_empty() {
        if built_in {
            // The roster of the demo that a rehearsal would seed.
            let size = demo::Size { tenants: 1, ..demo::Size::default() };
            rosters = demo::rosters(size)?;
        }
    } else {
        let summary = freeze(settings, store, progress).await?;
        scenario.snapshot = Some(summary.sha256);
        for (kind, n) in summary.counts.values().flatten() {
            *scenario.records.entry(*kind).or_default() += n;
        }
    }
    scenario.enrolled = rosters.iter().map(|r| r.actors.len() as u64).sum();
    scenario.actors = match settings.config.deployment.among(&tenants)? {
        Some(own) => rosters.into_iter().find(|r| r.tenant == own),
        None => rosters.into_iter().next(),
    }
    .map(|r| r.actors)
    .unwrap_or_default();
    Ok(scenario)
}

const WRITABLE: &str =
    "the state folder must be writable: the scenario is frozen there for its digest";

/// Freezes the store into a file that is removed when this returns: in the state folder, since a
/// scenario must not be copied to a folder that other users share.
async fn freeze(
    settings: &Settings,
    store: &dyn ScenarioStore,
    progress: &Progress,
) -> Result<snapshot::Summary> {
    let state = settings.state();
    files::create_folder(&state, Access::Shared).map_err(|e| Failure::from(e).hint(WRITABLE))?;
    let folder = Scratch::new(&state, "gates-").map_err(|e| e.hint(WRITABLE))?;
    let step = progress.step("freeze", None);
    let session = settings.config.session.clone();
    let path = folder.path().join("snapshot.jsonl.zst");
    let tenants = store.tenants().await?;
    let summary = snapshot::freeze(store, session, &tenants, &path, |n| step.inc(n)).await?;
    step.done("");
    Ok(summary)
}
