//! Arbitrary inputs, also such as no command would collect.

use super::{CONNECTION, DRILL, DRY_RUN, at, every, fresh};
use crate::inputs::{Acceptance, Authentication, Evidence, Residency};
use crate::{Inputs, decision};
use flowcontrol_contract::{Digest, Kind, Mode, Timestamp};
use flowcontrol_evidence::{CheckResult, Outcome, Packet, ProfileRef, Verdict, schema as schemas};
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop, prop_oneof};
use proptest::sample::select;
use serde_json::json;

/// Mostly one of `known`, sometimes another text.
fn text(known: Vec<String>) -> impl Strategy<Value = String> {
    prop_oneof![8 => select(known), 1 => ".{0,12}", 1 => Just(String::new())]
}

/// Few, so that they are equal often.
fn digest() -> impl Strategy<Value = Digest> {
    select(["snapshot", "production", "staging", "demo", "else"].map(Digest::of).to_vec())
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![(490..510_i64), (995..1_005_i64), Just(-62_135_596_800), Just(253_402_300_799)]
        .prop_map(at)
}

fn value() -> BoxedStrategy<serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        ".{0,8}".prop_map(|s| json!(s)),
        select(vec!["external", "container", "local"]).prop_map(|kind| json!({ "kind": kind })),
    ];
    let branch = |inner: BoxedStrategy<_>| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|items| json!(items)),
            prop::collection::btree_map("kind|generated|check|[a-z]", inner, 0..3)
                .prop_map(|members| json!(members)),
        ]
    };
    leaf.boxed().prop_recursive(2, 8, 3, move |inner| branch(inner.boxed())).boxed()
}

fn words() -> Vec<String> {
    decision::all().map(|d| d.path.to_owned()).collect()
}

fn checks() -> impl Strategy<Value = Vec<CheckResult>> {
    let ids = [&CONNECTION[..], &DRY_RUN[..], &DRILL[..]].concat();
    let ids = ids.into_iter().map(String::from).chain(words()).collect();
    let verdict = select(vec![Verdict::Ready, Verdict::Ready, Verdict::Next, Verdict::Blocked]);
    let check = (text(ids), verdict, ".{0,6}", value());
    let check = check.prop_map(|(id, verdict, reason, figures)| CheckResult {
        title: id.clone(),
        id,
        verdict,
        reason,
        figures: figures.as_object().cloned().unwrap_or_default(),
    });
    prop::collection::vec(check, 0..8)
}

fn stages() -> impl Strategy<Value = String> {
    text(["production", "staging", "demo"].map(String::from).to_vec())
}

/// A body that is an acceptance, or nearly one, or anything.
fn body() -> BoxedStrategy<serde_json::Value> {
    let evidence = prop::collection::vec(digest(), 0..3);
    let word = (text(words()), actor(), any::<bool>(), digest(), digest(), evidence, value());
    let word = word.prop_map(|(check, actor, revoked, profile, snapshot, evidence, values)| {
        json!({"check": check, "actor": actor, "authentication": "mock", "revoked": revoked,
            "values": if values.is_object() { values } else { json!({}) },
            "bound": {"profile": profile, "snapshot": snapshot, "evidence": evidence}})
    });
    prop_oneof![word, value(), Just(json!({}))].boxed()
}

fn packets() -> impl Strategy<Value = Evidence> {
    let known = schemas::KNOWN.iter().map(|s| format!("{}.v{}", s.name, s.version));
    let known: Vec<_> = known.chain([crate::rollback::PACKET.to_owned()]).collect();
    let outcome = select(vec![Outcome::Passed, Outcome::Failed, Outcome::Interrupted]);
    let target = prop::option::of(value());
    let what = (text(known), checks(), outcome, target, body());
    let bound = (stages(), digest(), prop::option::of(digest()), time(), digest(), any::<u64>());
    (what, bound).prop_map(|(what, bound)| {
        let (schema, checks, outcome, target, body) = what;
        let (name, profile, snapshot_sha256, created_at, sha256, sequence) = bound;
        let packet = Packet {
            schema,
            sequence,
            previous: None,
            created_at,
            tool_version: "0".into(),
            ran: "rehearse".into(),
            profile: ProfileRef { name, sha256: profile },
            snapshot_sha256,
            target,
            checks,
            outcome,
            body,
        };
        Evidence { sha256, packet }
    })
}

fn actor() -> impl Strategy<Value = String> {
    let ids = ["user_md_anna", "user_dispatcher_marek", "user_accountant_olena", "nobody"];
    text(ids.map(String::from).to_vec())
}

fn acceptances() -> impl Strategy<Value = Acceptance> {
    let login = select(vec![Authentication::Mock, Authentication::Oidc, Authentication::Signature]);
    let values = prop::collection::btree_map("provider|account|region|rpo|.{0,4}", ".{0,30}", 0..4);
    let what = (text(words()), actor(), login, values, prop::bool::weighted(0.2));
    let bound = (stages(), digest(), prop::option::of(digest()), time(), digest());
    let evidence = prop::collection::vec(digest(), 0..3);
    (what, bound, evidence).prop_map(|(what, bound, evidence)| {
        let (check, actor, authentication, values, revoked) = what;
        let (name, profile, snapshot, as_of, sha256) = bound;
        Acceptance {
            key: None,
            check,
            actor,
            authentication,
            profile: ProfileRef { name, sha256: profile },
            snapshot,
            evidence,
            values,
            as_of,
            revoked,
            sha256,
        }
    })
}

/// Any profile, scenario, chain and moment.
pub fn inputs() -> impl Strategy<Value = Inputs> {
    let ports = prop::collection::vec((0..6_usize, 0..3_usize, any::<bool>()), 0..8);
    let profile = (stages(), digest(), ports, any::<[bool; 3]>());
    let actors = prop::collection::vec((0..5_usize, text(vec!["approve_release".into()])), 0..7);
    let records = prop::collection::vec((select(Kind::ALL.to_vec()), 0..1_u64 << 40), 0..9);
    let scenario = (prop::option::of(digest()), actors, records, 0..1_u64 << 40);
    let chain = (
        prop::collection::vec(packets(), 0..12),
        prop::collection::vec(acceptances(), 0..24),
        time(),
    );
    (profile, scenario, chain).prop_map(|(profile, scenario, chain)| {
        let mut inputs = fresh(every);
        let (name, sha256, ports, [eu, external, switch]) = profile;
        let all = std::mem::take(&mut inputs.profile.ports);
        inputs.profile.ports = ports
            .into_iter()
            .map(|(at, kind, built)| {
                let mut port = all[at].clone();
                let named = |mode| super::kind_of(&port, mode);
                port.kind = match kind {
                    0 => named(Mode::Local),
                    1 => named(Mode::Live),
                    _ => "custom".to_owned(),
                };
                if !built {
                    port.kinds.iter_mut().for_each(|known| known.built = false);
                }
                port
            })
            .collect();
        inputs.profile.name = name;
        inputs.profile.sha256 = sha256;
        inputs.profile.residency = eu.then_some(Residency::Eu);
        inputs.profile.external = external;
        inputs.profile.switch = if switch { "--profile x".into() } else { String::new() };
        let (snapshot, actors, records, enrolled) = scenario;
        let known = inputs.scenario.actors.clone();
        inputs.scenario.snapshot = snapshot;
        inputs.scenario.enrolled = enrolled;
        inputs.scenario.records = records.into_iter().collect();
        inputs.scenario.filled_on_demand = !switch;
        inputs.scenario.seedable = external;
        inputs.scenario.actors = actors
            .into_iter()
            .map(|(at, permission)| {
                let mut actor = known[at].clone();
                actor.permissions.push(permission);
                actor
            })
            .collect();
        (inputs.packets, inputs.acceptances, inputs.as_of) = chain;
        inputs
    })
}
