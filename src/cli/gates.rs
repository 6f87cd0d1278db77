//! `gates`: gathers what the gates look at, asks them, prints the answer.

use super::args::{Format, Gates, GatesReport};
use super::{Cx, out};
use crate::clock;
use crate::config::{FILE, PORT_KINDS, Settings, nearest};
use crate::error::{Exit, Failure, Result};
use crate::evidence::{EvidenceStore, KnownSecrets, Packet, Stored};
use crate::gates::inputs::{Acceptance, Evidence, Judged, PortState, Scenario};
use crate::gates::{IDS, Inputs, Judgement, judge, record};
use crate::registry::built;
use crate::rehearsal::scratch::Scratch;
use crate::report::gates as views;
use crate::report::shell::quoted;
use crate::{demo, snapshot};
use flowcontrol_contract::{CallCx, Mode, ScenarioStore};
use std::collections::BTreeMap;
use std::path::Path;

/// Judges; nothing is written. `named` says that the line or the environment chose the profile.
pub async fn run(cx: &Cx, args: &Gates, named: bool) -> Result<Exit> {
    for id in args.gate.iter().chain(&args.require) {
        known(id)?;
    }
    if args.report.is_some() && cx.format == Format::Json {
        return Err(Failure::usage(
            "--report markdown and --format json ask for two forms at once",
        )
        .hint("give one of them"));
    }
    let inputs = gather(cx, args.judged.as_deref(), named).await?;
    let judgement = judge(&inputs);
    if let Some(gate) = args.gate.as_deref().filter(|_| args.record) {
        let sealed = seal(cx, &inputs, &judgement, gate, format!("gates {gate} --record"))?;
        out::note(&format!("sealed {}", sealed.path.display()));
    }
    let only = args.gate.as_deref();
    let text = match (args.report, cx.format) {
        (Some(GatesReport::Markdown), _) => views::markdown::render(&judgement, only),
        (None, Format::Json) => views::json(&judgement, only)?,
        (None, Format::Text) => views::text(&judgement, only, cx.view),
    };
    out::text(&text)?;
    let required = args.require.as_deref().and_then(|id| judgement.gate(id));
    Ok(if required.is_some_and(|gate| !gate.is_complete()) { Exit::Check } else { Exit::Done })
}

/// Seals the answer of `gate` as its packet; `ran` is the command.
pub fn seal(
    cx: &Cx,
    inputs: &Inputs,
    judgement: &Judgement,
    gate: &str,
    ran: String,
) -> Result<Stored> {
    let draft = record::draft(inputs, judgement, gate, ran).map_err(|why| {
        Failure::usage(format!("nothing to record for {gate}: {why}")).hint(format!(
            "`flowcontrol gates {gate}` names the command that supplies what is missing"
        ))
    })?;
    cx.settings.evidence()?.append(draft, &KnownSecrets::new())
}

/// What the gates look at: `wanted` or the active profile, the scenario and the evidence as they
/// are now. Leaves nothing behind.
pub async fn gather(cx: &Cx, wanted: Option<&str>, named: bool) -> Result<Inputs> {
    let packets = evidence(&cx.settings)?;
    Ok(Inputs {
        profile: judged(&cx.settings, wanted, named)?,
        acceptances: acceptances(&packets)?,
        packets,
        scenario: scenario(cx).await?,
        migrations: cx.settings.migrations()?.digest(),
        as_of: clock::now(),
    })
}

fn known(id: &str) -> Result<()> {
    if IDS.contains(&id) {
        return Ok(());
    }
    let meant = nearest(id, IDS).map_or_else(String::new, |near| format!("did you mean {near}? "));
    Err(Failure::usage(format!("unknown gate {id:?}"))
        .hint(format!("{meant}known gates: {}", IDS.join(", "))))
}

/// The profile that is judged: `wanted`, else the active one.
fn judged(active: &Settings, wanted: Option<&str>, named: bool) -> Result<Judged> {
    let settings = active.of_profile(wanted)?;
    let (profile, name) = (settings.profile()?, settings.config.profile.clone());
    let ports = PORT_KINDS
        .iter()
        .map(|(port, known)| PortState {
            port: *port,
            kind: profile.kind(*port).to_owned(),
            local: known.first().copied().unwrap_or_default(),
            live: known.last().copied().unwrap_or_default(),
            built: built(*port),
        })
        .collect();
    let mut program = "flowcontrol".to_owned();
    if let Some(file) = settings.file.as_deref().filter(|file| *file != Path::new(FILE)) {
        program.push_str(&format!(" --config {}", quoted(&file.display().to_string())));
    }
    let other = name != active.config.profile;
    let option = |name: &str| format!("--profile {}", quoted(name));
    Ok(Judged {
        sha256: settings.digest()?,
        ports,
        residency: profile.residency,
        acceptance_days: profile.acceptance_days,
        keys: settings.config.keys.clone(),
        external: settings.config.target.external.is_some(),
        program,
        active: if named { option(&active.config.profile) } else { String::new() },
        switch: if other { option(&name) } else { String::new() },
        name,
    })
}

/// The chain's packets. Nothing is judged on a chain that does not verify.
fn evidence(settings: &Settings) -> Result<Vec<Evidence>> {
    let store = EvidenceStore::at(&settings.state());
    let verification = store.verify_signed(None, &settings.config.evidence.trusted)?;
    if let Some(problem) = verification.problems.first() {
        return Err(Failure::check(format!(
            "the evidence chain does not verify, so no gate is judged: {}: {}",
            problem.file, problem.message
        ))
        .hint("flowcontrol evidence verify shows everything that is wrong with it"));
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

/// The owners' words among the packets.
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

/// What the active profile's store holds, frozen for its digest and forgotten.
async fn scenario(cx: &Cx) -> Result<Scenario> {
    let (settings, store) = (&cx.settings, cx.store().await?);
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
            // The first tenant of the demo, which a rehearsal would seed.
            let size = demo::Size { tenants: 1, ..demo::Size::default() };
            rosters = demo::rosters(size)?;
        }
    } else {
        let summary = freeze(cx, &*store).await?;
        scenario.snapshot = Some(summary.sha256);
        for (kind, n) in summary.counts.values().flatten() {
            *scenario.records.entry(*kind).or_default() += n;
        }
    }
    scenario.enrolled = rosters.iter().map(|r| r.actors.len() as u64).sum();
    scenario.actors = rosters.into_iter().next().map(|r| r.actors).unwrap_or_default();
    Ok(scenario)
}

const WRITABLE: &str =
    "the state folder must be writable: the scenario is frozen there for its digest";

/// The digest comes with a file, which lives as long as this call: in the state folder, since a
/// scenario must not pass through a folder that others share.
async fn freeze(cx: &Cx, store: &dyn ScenarioStore) -> Result<snapshot::Summary> {
    let state = cx.settings.state();
    let cannot = |e: std::io::Error| {
        Failure::environment(format!("cannot make a folder in {}: {e}", state.display()))
            .hint(WRITABLE)
    };
    std::fs::create_dir_all(&state).map_err(cannot)?;
    let folder = Scratch::new(&state, "gates-").map_err(|e| e.hint(WRITABLE))?;
    let step = cx.progress.step("freeze", None);
    let session = cx.settings.config.session.clone();
    let path = folder.path().join("snapshot.jsonl.zst");
    let tenants = store.tenants().await?;
    let summary = snapshot::freeze(store, session, &tenants, &path, |n| step.inc(n)).await?;
    step.done("");
    cx.progress.clear();
    Ok(summary)
}
