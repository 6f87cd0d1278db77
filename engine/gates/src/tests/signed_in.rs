//! Acceptances of owners who were signed in, for which a service vouches.

use super::*;
use flowcontrol_contract::ActorId;
use flowcontrol_evidence::{RecordedAcceptance, VouchedSignIn};

const CHECK: &str = "checklist/role-headers";
const MAREK: &str = "user_dispatcher_marek";

fn production() -> Inputs {
    rehearsed(staged(fresh(every), Stage::Production), "external")
}

/// A packet with Marek's acceptance, vouched for by the service that holds `key`.
fn given(inputs: &Inputs, key: &PrivateKey) -> Evidence {
    let mut evidence = word(inputs, &json!({}));
    evidence.packet.body["bound"]["evidence"] =
        json!(decision::find(CHECK).unwrap().evidence(inputs));
    evidence.packet.target = None;
    let plain: RecordedAcceptance = serde_json::from_value(evidence.packet.body.clone()).unwrap();
    let by = VouchedSignIn {
        issuer: "https://login.bfg.example",
        subject: "5f0c",
        request: "req-1",
        key,
    };
    let Packet { profile, created_at, previous, .. } = &evidence.packet;
    let vouched = plain.vouched(&by, profile, *created_at, *previous).unwrap();
    evidence.packet.body = serde_json::to_value(vouched).unwrap();
    evidence
}

fn with(inputs: &Inputs, evidence: &Evidence) -> Inputs {
    let mut inputs = inputs.clone();
    inputs.acceptances = Acceptance::read(evidence).unwrap().into_iter().collect();
    inputs
}

fn trusting(mut inputs: Inputs, keys: &[&str]) -> Inputs {
    inputs.profile.vouchers = keys.iter().map(|name| key(name).public()).collect();
    inputs
}

fn reason(inputs: &Inputs) -> String {
    judge(inputs).gate("checklist").unwrap().check("role-headers").unwrap().reason.clone()
}

#[test]
fn production_admits_an_acceptance_that_a_trusted_service_vouches_for() {
    let inputs = trusting(production(), &["other", "service"]);
    let judged = with(&inputs, &given(&inputs, &key("service")));
    assert_eq!(score(&judge(&judged), "checklist"), (1, 6), "{}", reason(&judged));

    // The service is not trusted any more, or never was; an actor's key is no service's.
    for trusted in [&[][..], &["other"], &[MAREK]] {
        let said = reason(&trusting(judged.clone(), trusted));
        assert!(said.contains("[vouching] trusted does not name"), "{said}");
        assert!(said.contains(&key("service").public().short()), "{said}");
    }
    let mut as_actor = trusting(judged.clone(), &[]);
    as_actor.profile.keys.insert(ActorId::new(MAREK).unwrap(), key("service").public());
    assert!(reason(&as_actor).contains("[vouching] trusted does not name"));

    // Who has a key signs with it, here too.
    let mut keyed = judged;
    keyed.profile.keys.insert(ActorId::new(MAREK).unwrap(), key(MAREK).public());
    assert!(reason(&keyed).contains("is not signed with it"), "{}", reason(&keyed));
}

#[test]
fn every_check_of_production_is_satisfied_by_acceptances_that_were_vouched_for() {
    let judgement = judge(&accepted(production(), Authentication::Oidc));
    for decision in decision::all() {
        let (gate, check) = decision.path.split_once('/').unwrap();
        let check = judgement.gate(gate).unwrap().check(check).unwrap();
        assert!(check.is_ready(), "{}: {}", decision.path, check.reason);
    }
}

#[test]
fn what_a_service_vouched_for_is_that_acceptance_of_that_person_and_nothing_else() {
    let inputs = trusting(production(), &["service"]);
    let sound = given(&inputs, &key("service"));
    let said = |evidence: &Evidence| Acceptance::read(evidence).unwrap_err();
    type Change = fn(&mut Packet);
    let changes: [(&str, Change); 10] = [
        ("issuer", |p| p.body["sign_in"]["issuer"] = "https://evil.example".into()),
        ("subject", |p| p.body["sign_in"]["subject"] = "5f0d".into()),
        ("request", |p| p.body["sign_in"]["request"] = "req-2".into()),
        ("key", |p| p.body["sign_in"]["signature"]["key"] = json!(key("new").public())),
        ("actor", |p| p.body["actor"] = "user_md_anna".into()),
        ("values", |p| p.body["values"] = json!({"a": "b"})),
        ("time", |p| p.created_at = at(501)),
        ("place in the chain", |p| p.previous = Some(Digest::of("later"))),
        ("profile's name", |p| p.profile.name = "staging".into()),
        ("evidence", |p| p.body["bound"]["evidence"] = json!([Digest::of("other")])),
    ];
    for (what, change) in changes {
        let mut changed = sound.clone();
        change(&mut changed.packet);
        let said = said(&changed);
        assert!(said.contains("its signature by"), "{what}: {said}");
        assert_eq!(schema::judge(&changed.packet), [said], "{what}: neither sealed nor verified");
    }
}

#[test]
fn a_sign_in_is_not_a_signature_and_a_signature_is_not_a_sign_in() {
    let inputs = trusting(production(), &["service"]);
    let sound = given(&inputs, &key("service"));
    let mut stripped = sound.clone();
    stripped.packet.body.as_object_mut().unwrap().remove("sign_in");
    assert!(Acceptance::read(&stripped).unwrap_err().contains("no service vouches for it"));
    for claimed in ["mock", "signature"] {
        let mut claims = sound.clone();
        claims.packet.body["authentication"] = claimed.into();
        Acceptance::read(&claims).unwrap_err();
        // The service's signature stands for a sign-in alone.
        let signature = claims.packet.body["sign_in"]["signature"].clone();
        claims.packet.body.as_object_mut().unwrap().remove("sign_in");
        claims.packet.body["signature"] = signature;
        Acceptance::read(&claims).unwrap_err();
    }
}
