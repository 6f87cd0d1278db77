//! Production stays NO-GO on the command line, and each case says why.

use crate::rehearsal::site::{CONTRACTS, Judged, NOT_BUILT, Site, WORDS};
use crate::support;
use flowcontrol_evidence::{Draft, EvidenceStore, KnownSecrets};
use serde_json::{Value, json};

/// The owners.
const PEOPLE: [&str; 3] = ["user_md_anna", "user_dispatcher_marek", "user_accountant_olena"];

/// Every further decision, with its values.
const FURTHER: [(&str, &str); 8] = [
    ("infrastructure/hosting", "--value provider=Hetzner --value account=bfg"),
    ("infrastructure/region", "--value region=eu-central-1"),
    ("infrastructure/runtime-owner", "--value runtime_owner=Marek"),
    ("infrastructure/secrets-and-backup", "--value rpo=15m --value restore_owner=Anna"),
    ("provider-acceptance/live-provider", ""),
    ("provider-acceptance/auth-owner", ""),
    ("provider-acceptance/tenant-secrets", ""),
    ("provider-acceptance/live-wiring", ""),
];

fn production(site: &Site) -> Judged {
    let judged = site.judged("--for production");
    assert_eq!(judged.0["production"]["decision"], "NO-GO");
    assert_eq!(judged.0["production"]["traffic"], "production_traffic_disabled");
    judged
}

fn rehearse(site: &Site, target: &str) {
    let line = "--profile production rehearse --snapshot frozen.jsonl.zst --target";
    site.run(&format!("{line} {target}")).expect(0);
}

/// Seals what a rehearsal on a container would have sealed: the newest packets, from there.
fn on_a_container(site: &Site) {
    let store = EvidenceStore::at(&site.place().state());
    let packets = store.list().unwrap().packets;
    let packets: Vec<_> = packets.into_iter().map(|listed| listed.read.unwrap()).collect();
    for schema in ["ProductionAdapterConnection.v1", "ProductionAdapterDryRun.v1"] {
        let found = packets.iter().rev().find(|p| p.packet().schema == schema).unwrap();
        let packet = found.packet().clone();
        let draft = Draft {
            schema: packet.schema,
            created_at: packet.created_at,
            tool_version: packet.tool_version,
            ran: "rehearse --target container".into(),
            profile: packet.profile,
            snapshot_sha256: packet.snapshot_sha256,
            target: Some(json!({"kind": "container"})),
            checks: packet.checks,
            outcome: packet.outcome,
            body: packet.body,
        };
        store.append(draft, &KnownSecrets::new()).unwrap();
    }
}

/// A key for each owner, named in the configuration.
fn keys(site: &Site) {
    let public = PEOPLE.map(|who| {
        let made = site.run(&format!("keys new --out {who}.pem")).expect(0);
        format!("{who} = \"{}\"\n", made.out.trim())
    });
    site.amend(|text| format!("{text}\n[keys]\n{}", public.concat()));
    site.run("keys new --out stranger.pem").expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn production_is_no_go_for_every_reason_that_there_is() {
    let test = "production_is_no_go_for_every_reason_that_there_is";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("production").await;
    keys(&site);
    site.place().seed(60, 2);
    site.run("snapshot freeze --out frozen.jsonl.zst").expect(0);

    // A local kind is refused before anything is judged.
    let configuration = site.configuration();
    site.amend(|text| text.replace("ksef = \"ksef-api\"", "ksef = \"mock-ksef\""));
    let refused = site.run("gates --for production").expect(2);
    assert!(refused.err.contains("ksef names the local kind"), "{refused}");
    site.amend(|_| configuration);

    // Evidence from a throw-away target.
    rehearse(&site, "local");
    let weak = "comes from a local target; profile production needs an external server";
    for check in ["connection/endpoint-reachability", "dry-run/schema-map"] {
        let judged = production(&site);
        assert!(judged.reason(check).ends_with(weak), "{}", judged.reason(check));
    }
    on_a_container(&site);
    let judged = production(&site);
    let weak = "comes from a container target; profile production needs an external server";
    for check in ["connection/endpoint-reachability", "dry-run/schema-map"] {
        assert!(judged.reason(check).ends_with(weak), "{}", judged.reason(check));
    }
    rehearse(&site, "external");
    let judged = production(&site);
    assert_eq!(
        (judged.figure("connection"), judged.figure("dry-run")),
        ("4/4".into(), "5/5".into())
    );

    the_word_of_a_mock_login_or_a_stranger(&site);
    signed_by_their_owners(&site);
    let whole = production(&site);
    only_what_is_not_built_is_missing(&site, &whole);

    // A new record makes all of it stale, and names both digests.
    let then = format!("bfg-{}", &whole.0["snapshot"].as_str().unwrap()[..8]);
    site.append("one-more").expect(0);
    let stale = production(&site);
    let now = format!("bfg-{}", &stale.0["snapshot"].as_str().unwrap()[..8]);
    for check in ["dry-run/rbac-claims", "rollback-drill/freeze-window", "checklist/role-headers"] {
        let reason = stale.reason(check);
        assert!(reason.contains(&then) && reason.contains(&now), "{reason}");
    }
    assert_eq!(stale.figure("checklist"), "0/6");
    site.place().evidence_verifies();
}

/// The configuration names a key for everybody, so that a word without it proves nobody.
fn the_word_of_a_mock_login_or_a_stranger(site: &Site) {
    let (check, actor) = WORDS[1];
    let typed = site.run(&format!("accept {check} --as {actor} --for production")).expect(2);
    assert!(typed.err.contains("an acceptance without their signature would not count"), "{typed}");
    // Given before there was a key for them, it counts no more than that.
    let configuration = site.configuration();
    site.amend(|text| {
        text.lines().filter(|l| !l.starts_with(actor)).map(|l| format!("{l}\n")).collect()
    });
    site.accepts(actor, check, "--for production");
    let mock = "Marek Zielinski accepted it through a mock login, which production does not accept";
    assert_eq!(production(site).reason(check), mock);
    site.amend(|_| configuration);
    let judged = production(site);
    assert_eq!(judged.figure("checklist"), "0/6");
    let command = judged.check(check)["command"].as_str().unwrap();
    assert!(command.contains(" --key FILE"), "{command}");
    for key in ["stranger", "user_md_anna"] {
        let line = format!("accept {check} --as {actor} --for production --key {key}.pem");
        let refused = site.run(&line).expect(2);
        assert!(refused.err.contains("[keys] in"), "{refused}");
    }
}

fn signed_by_their_owners(site: &Site) {
    for (check, actor) in WORDS {
        site.accepts(actor, check, &format!("--for production --key {actor}.pem"));
    }
    site.run("rollback drill --target external --for production --watch 1").expect(0);
    for (check, values) in FURTHER {
        let anna = PEOPLE[0];
        site.accepts(anna, check, &format!("--for production --key {anna}.pem {values}"));
    }
    site.run("--profile production adapters check secrets").expect(0);
}

fn only_what_is_not_built_is_missing(site: &Site, whole: &Judged) {
    assert_eq!(
        whole.figures(),
        format!("{CONTRACTS} 4/4 5/5 6/6 5/5 4/4 5/5 6/6 5/5 4/4 4/4 5/7 7/7 8/9"),
        "signed words count"
    );
    for gate in ["release", "rollback-drill", "runbook", "cutover", "provider-acceptance"] {
        assert_eq!(whole.decision(gate), Some("READY"));
        site.run(&format!("gates --for production --require {gate}")).expect(0);
    }
    for gate in ["wiring", "readiness"] {
        site.run(&format!("gates --for production --require {gate}")).expect(1);
    }
    let credentials = whole.reason("wiring/live-credentials");
    for kind in NOT_BUILT {
        let absent = format!("this version has no adapter {kind}");
        assert!(credentials.contains(&absent), "{credentials}");
    }
    for kind in ["postgres-rls", "oidc-rbac", "ksef-api"] {
        assert!(credentials.contains(&format!("[adapters.{kind}] is missing in")), "{credentials}");
    }
    let claims = whole.reason("wiring/oidc-claims");
    assert_eq!(claims, "[adapters.oidc-rbac] is missing in the configuration");
    assert_eq!(whole.0["readiness"]["next_action"]["command"], Value::Null);
    // What is handed over is ready, and the decision on traffic is another one.
    let env = site.run("release env --for production").expect(0);
    assert!(env.out.contains("BFG_RELEASE_DECISION=READY\n"), "{env}");
    let said = site.run("gates --for production").expect(0);
    assert!(said.out.contains("Production NO-GO, production_traffic_disabled"), "{said}");
}
