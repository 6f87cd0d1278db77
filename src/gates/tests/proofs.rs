//! That a decision is exactly as good as its evidence: what each gate needs stands in a table of
//! its own, written from the specification, and every state between nothing and everything is
//! compared with it.

use super::*;
use proptest::prelude::{ProptestConfig, any, prop};
use std::collections::BTreeSet;

/// A packet by its schema, or an owner's word by its check.
type Piece = String;

/// What the specification lets a gate read.
struct Reads {
    gate: &'static str,
    packets: &'static [&'static str],
    words: &'static [&'static str],
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

const PROBES: &str = "ProductionAdapterConnection.v1";
const REPLAY: &str = "ProductionAdapterDryRun.v1";
const DRILLED: &str = "ProductionRollbackDrill.v1";

/// Section 7, "what reads what". A word stands for what was signed as well: the packets that it is
/// given on.
const ORACLE: [Reads; 14] = [
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
fn needs(gate: &str) -> BTreeSet<Piece> {
    let row = ORACLE.iter().find(|r| r.gate == gate).unwrap_or_else(|| panic!("{gate}?"));
    let own = row.packets.iter().chain(row.words).map(|piece| (*piece).to_owned());
    own.chain(row.gates.iter().flat_map(|gate| needs(gate))).collect()
}

/// Everything there is, on the weakest target and by the weakest login that the stage admits.
fn whole(stage: Stage) -> Inputs {
    let (kind, login) = match stage {
        Stage::Demo => ("local", Authentication::Mock),
        Stage::Staging => ("container", Authentication::Mock),
        Stage::Production => ("external", Authentication::Signature),
    };
    accepted(rehearsed(staged(fresh(every), stage), kind), login)
}

const STAGES: [Stage; 3] = [Stage::Demo, Stage::Staging, Stage::Production];

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

    /// Packets of different kinds and words on different checks may stand in any order, and a
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

/// A change of a packet, by name, and whether it matters to what was made of records.
type Change = (&'static str, fn(&mut Evidence), Scope);

/// What a change of a packet takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// It counts no more.
    Packet,
    /// It proves nothing more; the words given on it stay, as long as its digest does.
    Content,
    /// The same, where it is bound to a snapshot.
    Snapshot,
    /// It still counts, and the words that were given on it do not.
    Words,
    /// It still counts where the stage admits any target.
    Target,
}

/// The connection says something of a server and nothing of records.
fn of_records(schema: &str) -> bool {
    schema != PROBES
}

fn other() -> Digest {
    Digest::of("another")
}

const CHANGES: [Change; 11] = [
    ("profile digest", |e| e.packet.profile.sha256 = other(), Scope::Packet),
    ("profile name", |e| e.packet.profile.name.push('x'), Scope::Packet),
    ("schema", |e| e.packet.schema = "ProductionAdapterDryRun.v2".into(), Scope::Packet),
    ("version", |e| e.packet.schema = e.packet.schema.replace(".v1", ".v2"), Scope::Packet),
    ("date", |e| e.packet.created_at = at(1_001), Scope::Packet),
    ("checks", |e| e.packet.checks.clear(), Scope::Content),
    ("failed", |e| e.packet.outcome = Outcome::Failed, Scope::Content),
    ("interrupted", |e| e.packet.outcome = Outcome::Interrupted, Scope::Content),
    ("snapshot", |e| e.packet.snapshot_sha256 = Some(other()), Scope::Snapshot),
    ("no snapshot", |e| e.packet.snapshot_sha256 = None, Scope::Snapshot),
    ("digest", |e| e.sha256 = other(), Scope::Words),
];

const TARGETS: [Change; 3] = [
    ("weak target", |e| e.packet.target = Some(json!({"kind": "local"})), Scope::Target),
    ("no target", |e| e.packet.target = None, Scope::Target),
    ("other target", |e| e.packet.target = Some(json!({"kind": ["external"]})), Scope::Target),
];

/// Gates that read of a packet no more than the digest that their words name.
const WORDS_ALONE: [&str; 3] = ["checklist", "board", "provider-acceptance"];

/// No gate that reads `piece` is ready in `now`, and production is not GO.
fn turned_back(now: &Judgement, piece: &str, what: &str, spared: &[&str]) {
    consistent(now);
    assert_eq!(now.production, Production::DISABLED, "{piece} with another {what}");
    for gate in now.gates.iter().filter(|g| !spared.contains(&g.id)) {
        let reads = needs(gate.id).contains(piece);
        assert!(!(reads && gate.is_complete()), "{} stands on {piece}: {what}", gate.id);
    }
}

#[test]
fn any_change_of_any_packet_turns_back_what_rests_on_it() {
    for stage in STAGES {
        let whole = whole(stage);
        for at in 0..whole.packets.len() {
            let schema = whole.packets[at].packet.schema.clone();
            for (what, change, scope) in CHANGES.iter().chain(&TARGETS) {
                let mut inputs = whole.clone();
                change(&mut inputs.packets[at]);
                let counts = match scope {
                    Scope::Packet | Scope::Content => false,
                    Scope::Snapshot => !of_records(&schema),
                    Scope::Words => true,
                    Scope::Target => stage == Stage::Demo,
                };
                let now = judge(&inputs);
                if !counts {
                    let spared = if *scope == Scope::Content { &WORDS_ALONE[..] } else { &[] };
                    turned_back(&now, &schema, what, spared);
                } else if *scope == Scope::Words {
                    for row in ORACLE.iter().filter(|r| !r.words.is_empty()) {
                        // The drill's word comes before the drill, on the dry run.
                        let given_on = match row.gate {
                            "rollback-drill" => schema == REPLAY,
                            _ => row.packets.contains(&schema.as_str()),
                        };
                        let stands = gate(&now, row.gate).is_complete();
                        assert!(!(given_on && stands), "{stage:?} {} {schema}", row.gate);
                    }
                }
            }
        }
    }
}

#[test]
fn any_change_of_any_check_turns_back_what_rests_on_it() {
    type Touch = fn(&mut Packet, usize);
    let touches: [(&str, Touch); 4] = [
        ("next", |p, at| p.checks[at].verdict = Verdict::Next),
        ("blocked", |p, at| p.checks[at].verdict = Verdict::Blocked),
        ("removed", |p, at| drop(p.checks.remove(at))),
        ("renamed", |p, at| p.checks[at].id.push('x')),
    ];
    for stage in STAGES {
        let whole = whole(stage);
        for packet in 0..whole.packets.len() {
            let schema = whole.packets[packet].packet.schema.clone();
            for at in 0..whole.packets[packet].packet.checks.len() {
                for (what, touch) in touches {
                    let mut inputs = whole.clone();
                    touch(&mut inputs.packets[packet].packet, at);
                    // Wiring reads single checks of it.
                    let spared = [&WORDS_ALONE[..], &["wiring"]].concat();
                    turned_back(&judge(&inputs), &schema, what, &spared);
                }
            }
        }
    }
}

/// A change of a word; one that changes nothing does not apply to it.
type Spoil = fn(&mut Acceptance, Stage);

const SPOILS: [(&str, Spoil); 14] = [
    ("check", |a, _| a.check.push('x')),
    ("actor", |a, _| a.actor = "driver_tarasenko".into()),
    ("spelling of the actor", |a, _| a.actor = a.actor.to_uppercase()),
    ("login", |a, stage| {
        if stage == Stage::Production {
            a.authentication = Authentication::Mock;
        }
    }),
    ("profile digest", |a, _| a.profile.sha256 = other()),
    ("profile name", |a, _| a.profile.name.push('x')),
    ("snapshot", |a, _| a.snapshot = Some(other())),
    ("no snapshot", |a, _| a.snapshot = None),
    ("evidence", |a, _| a.evidence.push(other())),
    ("no evidence", |a, _| a.evidence.clear()),
    ("date", |a, _| a.as_of = at(1_001)),
    ("revoked", |a, _| a.revoked = true),
    ("no values", |a, _| a.values.clear()),
    ("further value", |a, _| drop(a.values.insert("further".into(), "value".into()))),
];

#[test]
fn any_change_of_any_word_turns_back_what_rests_on_it() {
    for stage in STAGES {
        let whole = whole(stage);
        for at in 0..whole.acceptances.len() {
            let check = whole.acceptances[at].check.clone();
            for (what, spoil) in SPOILS {
                let mut inputs = whole.clone();
                spoil(&mut inputs.acceptances[at], stage);
                if inputs != whole {
                    turned_back(&judge(&inputs), &check, what, &[]);
                }
            }
            for (name, text) in whole.acceptances[at].values.clone() {
                for wrong in ["", " ", "password=tajne", "a\nb", &name.to_uppercase()] {
                    assert_ne!(wrong, text);
                    let mut inputs = whole.clone();
                    inputs.acceptances[at].values.insert(name.clone(), wrong.to_owned());
                    turned_back(&judge(&inputs), &check, &name, &[]);
                }
            }
        }
    }
}

#[test]
fn a_later_word_or_packet_replaces_an_earlier_one_whatever_its_date() {
    // The chain's order counts: a clock that was set back revives nothing that was taken back.
    for date in [100, 500, 600, 1_000] {
        let whole = whole(Stage::Production);
        for acceptance in &whole.acceptances {
            let mut inputs = whole.clone();
            let back = Acceptance { revoked: true, as_of: at(date), ..acceptance.clone() };
            inputs.acceptances.push(back.clone());
            turned_back(&judge(&inputs), &acceptance.check, "revocation", &[]);
            // Nobody takes back what another one said.
            let mut inputs = whole.clone();
            inputs.acceptances.push(Acceptance { actor: "driver_tarasenko".into(), ..back });
            assert_eq!(judge(&inputs), judge(&whole), "{}", acceptance.check);
        }
        for evidence in &whole.packets {
            let mut inputs = whole.clone();
            let mut failed = evidence.clone();
            failed.sha256 = other();
            failed.packet.created_at = at(date);
            failed.packet.outcome = Outcome::Failed;
            failed.packet.checks.iter_mut().for_each(|c| c.verdict = Verdict::Next);
            inputs.packets.push(failed);
            turned_back(&judge(&inputs), &evidence.packet.schema, "failure", &[]);
        }
    }
}

#[test]
fn facts_of_the_configuration_and_the_scenario_count_like_evidence() {
    type Lose = fn(&mut Inputs);
    let lost: [(&str, Lose); 7] = [
        ("snapshot", |i| i.scenario.snapshot = None),
        ("records", |i| i.scenario.records.clear()),
        ("actors", |i| i.scenario.actors.clear()),
        ("permissions", |i| i.scenario.actors[0].permissions.clear()),
        ("director", |i| i.scenario.actors.retain(|a| a.role != "managing_director")),
        ("an adapter", |i| i.profile.ports[0].built.clear()),
        ("a port", |i| drop(i.profile.ports.remove(1))),
    ];
    for stage in STAGES {
        for (what, lose) in &lost {
            let mut inputs = whole(stage);
            lose(&mut inputs);
            let now = judge(&inputs);
            consistent(&now);
            assert_eq!(now.production, Production::DISABLED);
            assert!(!gate(&now, "readiness").is_complete(), "{stage:?} without {what}");
        }
    }
}
