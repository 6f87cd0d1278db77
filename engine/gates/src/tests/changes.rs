//! That every change of the evidence, the acceptances and the facts opens what rests on it again.

use super::proofs::{ORACLE, PROBES, REPLAY, STAGES, consistent, needs, whole};
use super::*;

/// A change of a packet, by name, and whether it matters to what was made of records.
type Change = (&'static str, fn(&mut Evidence), Scope);

/// What a change of a packet takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// It counts no more.
    Packet,
    /// It proves nothing more; the acceptances that refer to it stay, as long as its digest does.
    Content,
    /// The same, where it is bound to a snapshot.
    Snapshot,
    /// It still counts, but the acceptances that refer to it do not.
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

/// Gates that use only the digest of a packet, which their acceptances name.
const ACCEPTANCES_ALONE: [&str; 3] = ["checklist", "board", "provider-acceptance"];

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
                    let spared =
                        if *scope == Scope::Content { &ACCEPTANCES_ALONE[..] } else { &[] };
                    turned_back(&now, &schema, what, spared);
                } else if *scope == Scope::Words {
                    for row in ORACLE.iter().filter(|r| !r.words.is_empty()) {
                        // The drill's confirmation precedes the drill and refers to the dry run.
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
                    let spared = [&ACCEPTANCES_ALONE[..], &["wiring"]].concat();
                    turned_back(&judge(&inputs), &schema, what, &spared);
                }
            }
        }
    }
}

/// A change of an acceptance; one that changes nothing does not apply to it.
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
fn any_change_of_any_acceptance_turns_back_what_rests_on_it() {
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
fn a_later_acceptance_or_packet_replaces_an_earlier_one_whatever_its_date() {
    // The chain's order counts: a clock that was set back revives nothing that was taken back.
    for date in [100, 500, 600, 1_000] {
        let whole = whole(Stage::Production);
        for acceptance in &whole.acceptances {
            let mut inputs = whole.clone();
            let back = Acceptance { revoked: true, as_of: at(date), ..acceptance.clone() };
            inputs.acceptances.push(back.clone());
            turned_back(&judge(&inputs), &acceptance.check, "revocation", &[]);
            // An actor cannot revoke another actor's acceptance.
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
        ("an adapter", |i| i.profile.ports[0].kinds.iter_mut().for_each(|k| k.built = false)),
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
