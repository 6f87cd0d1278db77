//! Production: GO with everything, and NO-GO with the exact reason for each piece that is not there.

use super::*;
use crate::adapters::SECRETS;

/// What `adapters check` would have sealed for a profile whose adapters all answer.
fn probed(inputs: &Inputs) -> Evidence {
    let ids: Vec<&str> = Port::ALL.iter().map(|p| p.name()).chain([SECRETS]).collect();
    let mut evidence = packet(inputs, schema::ADAPTERS, &ids, "external");
    for check in &mut evidence.packet.checks {
        if let Some(port) = inputs.profile.ports.iter().find(|p| p.port.name() == check.id) {
            let mode = if port.is_live() { "live" } else { "local" };
            check.figures = Map::from_iter([
                ("kind".to_owned(), json!(port.kind)),
                ("mode".to_owned(), json!(mode)),
            ]);
        }
    }
    evidence.packet.target = None;
    evidence
}

/// A production profile with live evidence and signed acceptances for everything.
fn production() -> Inputs {
    let inputs = rehearsed(staged(fresh(every), Stage::Production), "external");
    let mut inputs = accepted(inputs, Authentication::Signature);
    let probed = probed(&inputs);
    inputs.packets.push(probed);
    inputs
}

fn refused(inputs: &Inputs) -> String {
    let judgement = judge(inputs);
    assert_eq!(judgement.production, Production::DISABLED);
    let open = judgement.gates.iter().flat_map(|g| &g.checks).filter(|c| !c.is_ready());
    open.map(|c| format!("{}: {}\n", c.id, c.reason)).collect()
}

#[test]
fn production_is_go_with_live_evidence_and_signed_acceptances_for_everything() {
    let judgement = judge(&production());
    let open: Vec<&str> =
        judgement.gates.iter().filter(|g| !g.is_complete()).map(|g| g.id).collect();
    assert_eq!(open, Vec::<&str>::new());
    assert_eq!(judgement.production, Production::PERMITTED);
    assert_eq!((judgement.readiness.passed, judgement.readiness.percent), (9, 100));
    assert_eq!(judgement.readiness.next_action, None);
}

#[test]
fn each_piece_that_is_local_stale_mock_or_unsigned_keeps_production_closed_and_is_named() {
    type Spoil = fn(&mut Inputs);
    let spoils: [(&str, Spoil); 11] = [
        ("a mock login, which production does not accept", |i| {
            i.acceptances[3].authentication = Authentication::Mock;
        }),
        ("has not accepted it", |i| drop(i.acceptances.pop())),
        ("comes from a container target", |i| {
            for packet in &mut i.packets {
                if packet.packet.target.is_some() {
                    packet.packet.target = Some(json!({"kind": "container"}));
                }
            }
        }),
        ("which is not a live adapter", |i| {
            let auth = i.profile.ports.iter_mut().find(|p| p.port == Port::Auth).unwrap();
            auth.kind = kind_of(auth, Mode::Local);
        }),
        ("this version has no adapter oidc-rbac", |i| {
            let auth = i.profile.ports.iter_mut().find(|p| p.port == Port::Auth).unwrap();
            auth.kinds[1].built = false;
        }),
        ("probed an adapter other than ksef-api", |i| {
            let probe = &mut i.packets.last_mut().unwrap().packet;
            let check = probe.checks.iter_mut().find(|c| c.id == "ksef").unwrap();
            check.figures.insert("kind".into(), json!("mock-ksef"));
        }),
        ("probed an adapter other than postgres-rls", |i| {
            let probe = &mut i.packets.last_mut().unwrap().packet;
            probe.checks[0].figures.insert("mode".into(), json!("local"));
        }),
        ("the probe of oidc-rbac failed: no answer", |i| {
            let probe = &mut i.packets.last_mut().unwrap().packet;
            probe.checks[1].verdict = Verdict::Next;
            probe.checks[1].reason = "no answer".into();
        }),
        ("contains check secrets", |i| {
            i.packets.last_mut().unwrap().packet.checks.retain(|c| c.id != SECRETS);
        }),
        ("FlowControlAdapterCheck.v1 bfg", |i| {
            i.packets.last_mut().unwrap().packet.profile.sha256 = Digest::of("another");
        }),
        ("contains check store", |i| {
            i.packets.last_mut().unwrap().packet.created_at = at(5_000);
        }),
    ];
    for (why, spoil) in spoils {
        let mut inputs = production();
        spoil(&mut inputs);
        let said = refused(&inputs);
        assert!(said.contains(why), "{why}\n{said}");
    }
}

#[test]
fn edited_migrations_make_a_dry_run_and_a_drill_stale_and_name_both_digests() {
    let mut inputs = production();
    let (old, new) = (inputs.migrations, Digest::of("edited"));
    inputs.migrations = new;
    let judgement = judge(&inputs);
    assert_eq!(score(&judgement, "dry-run"), (0, 5));
    assert_eq!(score(&judgement, "connection"), (4, 4), "no migration is about a server");
    for gate in ["dry-run", "rollback-drill"] {
        let reasons: String =
            super::gate(&judgement, gate).checks.iter().map(|c| c.reason.clone()).collect();
        assert!(reasons.contains(&old.short()) && reasons.contains(&new.short()), "{reasons}");
    }
    assert_eq!(judgement.production, Production::DISABLED);
}

#[test]
fn a_connection_to_another_server_makes_a_dry_run_stale_and_names_both() {
    let mut inputs = production();
    let [old, new] = ["old server", "new server"].map(Digest::of);
    let on = |server| Some(json!({"kind": "external", "server": server}));
    inputs.packets[0].packet.target = on(old);
    inputs.packets[1].packet.target = on(old);
    assert_eq!(score(&judge(&inputs), "dry-run"), (5, 5));
    inputs.packets[0].packet.target = on(new);
    let judgement = judge(&inputs);
    assert_eq!(score(&judgement, "connection"), (4, 4));
    assert_eq!(score(&judgement, "dry-run"), (0, 5));
    let reason = &gate(&judgement, "dry-run").checks[0].reason;
    assert!(reason.contains(&old.short()) && reason.contains(&new.short()), "{reason}");
    assert_eq!(judgement.production, Production::DISABLED);
}

#[test]
fn the_claims_of_wiring_need_a_live_probe_and_nothing_that_this_version_lacks() {
    let inputs = rehearsed(staged(fresh(today), Stage::Staging), "container");
    let mut inputs = accepted(inputs, Authentication::Signature);
    let judgement = judge(&inputs);
    let claims = gate(&judgement, "wiring").check("oidc-claims").unwrap();
    assert_eq!(claims.verdict(), Verdict::Blocked);
    let command = claims.command.as_deref().unwrap();
    assert!(command.contains("adapters check"), "{command}");
    let probed = probed(&inputs);
    inputs.packets.push(probed);
    let judgement = judge(&inputs);
    let claims = gate(&judgement, "wiring").check("oidc-claims").unwrap();
    assert!(claims.is_ready(), "{}", claims.reason);
}
