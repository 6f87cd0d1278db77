//! Dossiers of a fresh scenario, of one where everything is there, and of one full of hostile text.

use flowcontrol::report::dossier::{Dossier, Sources, build, html};
use flowcontrol_contract::{Digest, Timestamp};
use flowcontrol_evidence::{
    Anchors, Authentication, ChainVerification, CheckResult, Outcome, Packet, ProfileRef, Verdict,
    chain, schema,
};
use flowcontrol_gates::inputs::{Acceptance, Evidence};
use flowcontrol_gates::{Check, Inputs, Judgement, Production, judge, testing};
use serde_json::json;
use std::collections::BTreeMap;

/// Markup, quotes, marks that turn text around, what no document may hold, another script.
pub const HOSTILE: &str = "</pre></td><script src=//evil.example>alert(1)</script> <!-- \"'>&amp; \
    | ` \u{202e}dlrow\u{2066}\u{61c} \0\u{1b}[2J\u{feff}\u{fffe} שלום مرحبا\r\n-- ]]> <img src=x>";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_772_346_600_000_000 + seconds * 1_000_000).unwrap()
}

fn inputs() -> Inputs {
    Inputs { as_of: at(0), ..testing::fresh(testing::every) }
}

fn packet(inputs: &Inputs, sequence: u64, text: &str) -> Evidence {
    let previous = (sequence > 1).then(|| Digest::of((sequence - 1).to_string()));
    Evidence {
        sha256: Digest::of(sequence.to_string()),
        packet: Packet {
            schema: schema::DRY_RUN.into(),
            sequence,
            previous,
            created_at: at(-10),
            tool_version: "0".into(),
            ran: format!("rehearse {text}"),
            profile: ProfileRef {
                name: inputs.profile.name.clone(),
                sha256: inputs.profile.sha256,
            },
            snapshot_sha256: inputs.scenario.snapshot,
            target: Some(json!({"kind": format!("local{text}"), "server_version": text})),
            checks: vec![CheckResult {
                id: "snapshot-export".into(),
                title: "Snapshot export".into(),
                verdict: Verdict::Ready,
                reason: format!("it was seen {text}"),
                figures: Default::default(),
            }],
            outcome: Outcome::Passed,
            body: json!({"note": text}),
        },
    }
}

/// An empty chain as it is found sound.
fn nothing_wrong() -> ChainVerification {
    chain::verify(&[], &Anchors { recorded: chain::Head::Absent, kept: None, trusted: Vec::new() })
}

fn dossier(
    inputs: &Inputs,
    judgement: &Judgement,
    found: &ChainVerification,
    sql: &str,
) -> Dossier {
    build(&Sources {
        tool_version: "0.1.0",
        inputs,
        judgement,
        verification: found,
        migrations: Digest::of("migrations"),
        runbook: sql,
    })
}

/// Nothing is there yet.
pub fn fresh() -> Dossier {
    let inputs = inputs();
    dossier(&inputs, &judge(&inputs), &nothing_wrong(), "create table a ();\n")
}

/// As it will look when no check of any gate is open.
pub fn complete() -> Dossier {
    let mut inputs = inputs();
    inputs.profile.name = "production".into();
    inputs.scenario.snapshot = Some(Digest::of("snapshot"));
    inputs.packets = (1..=3).map(|n| packet(&inputs, n, "fine")).collect();
    let mut judgement = judge(&inputs);
    for gate in &mut judgement.gates {
        let ready =
            |c: &Check| Check::ready(c.id, c.title, "it is", vec![inputs.packets[0].sha256]);
        gate.checks = gate.checks.iter().map(ready).collect();
        gate.decision = gate.decision.map(|_| "READY");
    }
    judgement.production = Production::PERMITTED;
    judgement.readiness.next_action = None;
    let mut found = nothing_wrong();
    found.head = inputs.packets.last().map(|e| e.sha256);
    dossier(&inputs, &judgement, &found, "create table a ();\n")
}

/// Every text that comes from outside is hostile, and one reason is very long.
pub fn hostile() -> Dossier {
    let mut inputs = inputs();
    inputs.profile.name = HOSTILE.into();
    inputs.profile.program = format!("flowcontrol --config '{HOSTILE}'");
    inputs.scenario.snapshot = Some(Digest::of("snapshot"));
    for actor in &mut inputs.scenario.actors {
        actor.display_name = HOSTILE.into();
    }
    inputs.packets = (1..=2).map(|n| packet(&inputs, n, HOSTILE)).collect();
    inputs.packets[0].packet.schema = HOSTILE.into();
    inputs.acceptances = vec![Acceptance {
        key: None,
        check: HOSTILE.into(),
        actor: HOSTILE.into(),
        authentication: Authentication::Mock,
        profile: ProfileRef { name: HOSTILE.into(), sha256: Digest::of("p") },
        snapshot: inputs.scenario.snapshot,
        evidence: vec![Digest::of("unknown"), inputs.packets[0].sha256],
        values: BTreeMap::from([(HOSTILE.to_owned(), HOSTILE.to_owned())]),
        as_of: at(-5),
        revoked: false,
        sha256: inputs.packets[1].sha256,
    }];
    let mut judgement = judge(&inputs);
    let reasons = [HOSTILE.to_owned(), format!("{HOSTILE}{}", "ż".repeat(10_000))];
    for (gate, reason) in judgement.gates.iter_mut().zip(reasons) {
        let check = &gate.checks[0];
        gate.checks[0] = Check::blocked(check.id, check.title, reason)
            .supplied_by(Some(format!("flowcontrol {HOSTILE}")));
    }
    let mut found = nothing_wrong();
    found.notes.push(HOSTILE.to_owned());
    dossier(&inputs, &judgement, &found, &format!("-- {HOSTILE}\n\tcreate table a ();\n"))
}

/// All of them as pages, by name.
pub fn pages() -> [(&'static str, String); 3] {
    let page = |dossier: Dossier| html::page(&dossier, Digest::of("the document"));
    [("fresh", page(fresh())), ("complete", page(complete())), ("hostile", page(hostile()))]
}
