//! That a decision is exactly as good as its evidence: what each gate needs stands in a table of
//! its own, written from the specification, and every state between nothing and everything is
//! compared with it.

use super::*;
use proptest::prelude::{ProptestConfig, any, prop};
use std::collections::BTreeSet;

/// A packet by its schema, or an acceptance by its check.
type Piece = String;

/// What the specification lets a gate read.
pub(super) struct Reads {
    pub gate: &'static str,
    pub packets: &'static [&'static str],
    pub words: &'static [&'static str],
    gates: &'static [&'static str],
}

const fn reads(
    gate: &'static str,
    packets: &'static [&'static str],
    words: &'static [&'static str],
    gates: &'static [&'static str],
) -> Reads {
    Reads { gate, packets, words, gates }
}

pub(super) const PROBES: &str = "ProductionAdapterConnection.v1";
pub(super) const REPLAY: &str = "ProductionAdapterDryRun.v1";
const DRILLED: &str = "ProductionRollbackDrill.v1";

/// Section 7, "what reads what". An acceptance stands for the packets that it
/// refers to as well.
pub(super) const ORACLE: [Reads; 14] = [
    reads("provider-contracts", &[], &[], &[]),
    reads("connection", &[PROBES], &[], &[]),
    reads("dry-run", &[REPLAY], &[], &[]),
    reads(
        "checklist",
        &[REPLAY],
        &[
            "checklist/contracts-frozen",
            "checklist/role-headers",
            "checklist/scenario-store",
            "checklist/db-schema",
            "checklist/secrets-and-auth",
            "checklist/migration-rollback",
        ],
        &[],
    ),
    reads(
        "provider-acceptance",
        &[PROBES, REPLAY],
        &[
            "provider-acceptance/live-provider",
            "provider-acceptance/auth-owner",
            "provider-acceptance/tenant-secrets",
            "provider-acceptance/live-wiring",
        ],
        &[],
    ),
    reads(
        "infrastructure",
        &[],
        &[
            "infrastructure/hosting",
            "infrastructure/region",
            "infrastructure/runtime-owner",
            "infrastructure/secrets-and-backup",
        ],
        &[],
    ),
    reads("board", &[], &[], &["checklist"]),
    reads("release", &[], &[], &["dry-run", "checklist"]),
    reads("rollback-drill", &[DRILLED], &["rollback-drill/owner-confirmation"], &["release"]),
    reads("preflight", &[], &["checklist/db-schema"], &["dry-run", "release", "rollback-drill"]),
    reads(
        "runbook",
        &[],
        &[],
        &["checklist", "connection", "dry-run", "preflight", "release", "rollback-drill"],
    ),
    reads(
        "cutover",
        &[],
        &[],
        &["runbook", "connection", "dry-run", "preflight", "release", "rollback-drill"],
    ),
    reads("wiring", &[PROBES, REPLAY], &[], &["infrastructure"]),
    reads(
        "readiness",
        &[],
        &[],
        &[
            "provider-contracts",
            "preflight",
            "runbook",
            "connection",
            "dry-run",
            "release",
            "infrastructure",
            "rollback-drill",
        ],
    ),
];

/// Every piece that `gate` cannot be ready without.
pub(super) fn needs(gate: &str) -> BTreeSet<Piece> {
    let row = ORACLE.iter().find(|r| r.gate == gate).unwrap_or_else(|| panic!("{gate}?"));
    let own = row.packets.iter().chain(row.words).map(|piece| (*piece).to_owned());
    own.chain(row.gates.iter().flat_map(|gate| needs(gate))).collect()
}

/// Everything there is, on the weakest target and by the weakest login that the stage admits.
pub(super) fn whole(stage: Stage) -> Inputs {
    let (kind, login) = match stage {
        Stage::Demo => ("local", Authentication::Mock),
        Stage::Staging => ("container", Authentication::Mock),
        Stage::Production => ("external", Authentication::Signature),
    };
    accepted(rehearsed(staged(fresh(every), stage), kind), login)
}

pub(super) const STAGES: [Stage; 3] = [Stage::Demo, Stage::Staging, Stage::Production];

fn pieces(inputs: &Inputs) -> BTreeSet<Piece> {
    let packets = inputs.packets.iter().map(|e| e.packet.schema.clone());
    packets.chain(inputs.acceptances.iter().map(|a| a.check.clone())).collect()
}

/// `inputs` with only those of its pieces.
fn only(mut inputs: Inputs, kept: &BTreeSet<Piece>) -> Inputs {
    inputs.packets.retain(|e| kept.contains(&e.packet.schema));
    inputs.acceptances.retain(|a| kept.contains(&a.check));
    inputs
}

fn complete(judgement: &Judgement) -> BTreeSet<&'static str> {
    judgement.gates.iter().filter(|g| g.is_complete()).map(|g| g.id).collect()
}

/// What holds of every judgement, whatever it is of.
pub(super) fn consistent(judgement: &Judgement) {
    let complete = complete(judgement);
    for gate in &judgement.gates {
        if let Some(decision) = gate.decision {
            assert_eq!(decision == "READY", complete.contains(gate.id), "{}", gate.id);
        }
        for check in &gate.checks {
            assert!(!check.reason.is_empty(), "{}/{}", gate.id, check.id);
            assert_eq!(check.is_ready(), check.verdict() == Verdict::Ready);
        }
    }
    let go = judgement.production == Production::PERMITTED;
    assert!(go || judgement.production == Production::DISABLED);
    assert!(!go || complete.len() == judgement.gates.len(), "GO, and only {complete:?}");
    assert!(judgement.readiness.percent <= 100);
    assert_eq!(judgement.readiness.next_action.is_none(), complete.len() == judgement.gates.len());
}

/// A gate is ready exactly when everything that it needs is there, and production is GO only when
/// everything is.
fn agrees(stage: Stage, whole: &Inputs, kept: &BTreeSet<Piece>) {
    let (all, now) = (judge(whole), judge(&only(whole.clone(), kept)));
    consistent(&now);
    let possible = complete(&all);
    for gate in &now.gates {
        let needs = needs(gate.id);
        let expected = possible.contains(gate.id) && needs.is_subset(kept);
        let lacks: Vec<_> = needs.difference(kept).collect();
        assert_eq!(gate.is_complete(), expected, "{stage:?} {}: lacks {lacks:?}", gate.id);
    }
    let everything = kept.is_superset(&pieces(whole));
    assert!(now.production != Production::PERMITTED || everything, "{stage:?} GO with {kept:?}");
}

#[test]
fn the_oracle_knows_every_gate_and_every_piece() {
    for stage in STAGES {
        let whole = whole(stage);
        let judgement = judge(&whole);
        let named: BTreeSet<&str> = ORACLE.iter().map(|r| r.gate).collect();
        assert_eq!(named, judgement.gates.iter().map(|g| g.id).collect());
        let needed: BTreeSet<Piece> = named.iter().flat_map(|gate| needs(gate)).collect();
        assert_eq!(needed, pieces(&whole), "{stage:?}");
        // What no probe of this version supplies is open, and nothing else.
        let open: Vec<_> = judgement.gates.iter().filter(|g| !g.is_complete()).collect();
        assert!(open.iter().all(|g| g.id == "wiring"), "{stage:?}: {open:?}");
        let go = stage == Stage::Production && open.is_empty();
        assert_eq!(judgement.production == Production::PERMITTED, go, "{stage:?}");
    }
}

#[test]
fn without_any_one_or_two_pieces_no_gate_that_needs_them_is_ready() {
    for stage in STAGES {
        let whole = whole(stage);
        let all: Vec<Piece> = pieces(&whole).into_iter().collect();
        for (i, one) in all.iter().enumerate() {
            for two in &all[i..] {
                let mut kept = pieces(&whole);
                kept.remove(one);
                kept.remove(two);
                agrees(stage, &whole, &kept);
            }
        }
        agrees(stage, &whole, &pieces(&whole));
        agrees(stage, &whole, &BTreeSet::new());
    }
}

#[test]
fn a_gate_is_ready_with_what_it_needs_and_nothing_else() {
    for stage in STAGES {
        let whole = whole(stage);
        for row in &ORACLE {
            agrees(stage, &whole, &needs(row.gate));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_subset_of_the_evidence_is_worth_more_than_its_pieces(
        stage in prop::sample::select(STAGES.to_vec()),
        keep in prop::collection::vec(prop::bool::weighted(0.8), 64),
    ) {
        let whole = whole(stage);
        let kept = pieces(&whole).into_iter().zip(keep).filter_map(|(p, keep)| keep.then_some(p));
        agrees(stage, &whole, &kept.collect());
    }

    /// Packets of different kinds and acceptances of different checks may be in any order, and a
    /// second copy of either says nothing new.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        stage in prop::sample::select(STAGES.to_vec()),
        keys in prop::collection::vec(any::<u16>(), 64),
        copies in prop::collection::vec(any::<bool>(), 64),
    ) {
        let inputs = whole(stage);
        let expected = judge(&inputs);
        let mut other = inputs.clone();
        let again = |i: usize| copies.get(i).copied().unwrap_or_default();
        let (packets, words) = (inputs.packets.iter(), inputs.acceptances.iter());
        other.packets.extend(packets.enumerate().filter(|(i, _)| again(*i)).map(|(_, e)| e.clone()));
        other.acceptances.extend(
            words.enumerate().filter(|(i, _)| again(32 + i)).map(|(_, a)| a.clone()));
        let mut keys = keys.into_iter().cycle();
        other.packets.sort_by_cached_key(|_| keys.next());
        other.acceptances.sort_by_cached_key(|_| keys.next());
        assert_eq!(judge(&other), expected);
    }
}
