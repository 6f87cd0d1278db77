//! Inputs for tests: the fresh state and what follows it. For the tests of this package and of
//! packages that render judgements.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod arbitrary;

pub use arbitrary::inputs as arbitrary_inputs;

use crate::inputs::{
    Acceptance, Authentication, Evidence, Judged, OwnerRoles, PortKind, PortState, Scenario, Stage,
};
use crate::values::Value;
use crate::{Inputs, decision};
use flowcontrol_contract::{Digest, Kind, Mode, Port, SessionId, Timestamp};
use flowcontrol_demo as demo;
use flowcontrol_evidence::keys::PrivateKey;
use flowcontrol_evidence::{CheckResult, Outcome, Packet, ProfileRef, Verdict, schema};
use serde_json::{Map, json};
use std::collections::BTreeMap;

/// Which kinds this program was built with, by port.
pub type Built = fn(Port) -> bool;

/// What is built today: both kinds of store, of auth and of KSeF.
pub fn today(port: Port) -> bool {
    matches!(port, Port::Store | Port::Auth | Port::Ksef)
}

/// Every kind of every port.
pub fn every(_: Port) -> bool {
    true
}

/// The local and the live kind of each port.
const KINDS: [(Port, &str, &str); 6] = [
    (Port::Store, "file-local", "postgres-rls"),
    (Port::Auth, "mock-auth-header", "oidc-rbac"),
    (Port::Ocr, "local-ocr", "document-ai"),
    (Port::Ksef, "mock-ksef", "ksef-api"),
    (Port::Eta, "local-eta", "maps-eta"),
    (Port::Sync, "service-worker", "background-sync"),
];

/// The six ports, each with its local kind.
pub fn ports(built: Built) -> Vec<PortState> {
    let state = |(port, local, live): (Port, &str, &str)| PortState {
        port,
        kind: local.to_owned(),
        kinds: [(local, Mode::Local), (live, Mode::Live)]
            .map(|(name, mode)| PortKind { name: name.to_owned(), mode, built: built(port) })
            .into(),
        configured: true,
    };
    KINDS.map(state).into()
}

/// The port's kind of another mode.
pub fn kind_of(port: &PortState, mode: Mode) -> String {
    port.of_mode(mode).next().unwrap().name.clone()
}

/// A moment.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

/// The built-in demo profile, without a record, a packet or an acceptance.
pub fn fresh(built: Built) -> Inputs {
    let rosters = demo::rosters(demo::Size { tenants: 1, ..demo::Size::default() }).unwrap();
    Inputs {
        profile: Judged {
            name: "local-demo".into(),
            sha256: Digest::of("local-demo"),
            ports: ports(built),
            residency: None,
            acceptance_days: None,
            keys: BTreeMap::new(),
            vouchers: Vec::new(),
            owners: OwnerRoles::default(),
            external: false,
            program: "flowcontrol".into(),
            active: String::new(),
            switch: String::new(),
        },
        scenario: Scenario {
            session: SessionId::new("grant-demo-local").unwrap(),
            snapshot: None,
            records: BTreeMap::new(),
            actors: rosters[0].actors.clone(),
            enrolled: 5,
            filled_on_demand: true,
            seedable: true,
        },
        migrations: Digest::of("migrations"),
        packets: Vec::new(),
        acceptances: Vec::new(),
        as_of: at(1_000),
    }
}

/// A packet whose checks are all ready.
pub fn packet(inputs: &Inputs, schema: &str, ids: &[&str], kind: &str) -> Evidence {
    let checks = ids.iter().map(|id| {
        let mut figures = Map::new();
        if *id == "tls-fingerprint" {
            figures.insert("generated".into(), json!(kind != "external"));
        }
        CheckResult {
            id: (*id).into(),
            title: (*id).into(),
            verdict: Verdict::Ready,
            reason: "it was seen".into(),
            figures,
        }
    });
    let checks: Vec<_> = checks.collect();
    Evidence {
        sha256: Digest::of(format!("{schema} {kind}")),
        packet: Packet {
            schema: schema.into(),
            sequence: 1,
            previous: None,
            created_at: at(500),
            tool_version: "0".into(),
            ran: "rehearse".into(),
            profile: ProfileRef {
                name: inputs.profile.name.clone(),
                sha256: inputs.profile.sha256,
            },
            snapshot_sha256: inputs.scenario.snapshot,
            target: Some(json!({ "kind": kind })),
            checks,
            outcome: Outcome::Passed,
            body: json!({ "migrations_sha256": inputs.migrations }),
        },
    }
}

/// Checks of a connection packet.
pub const CONNECTION: [&str; 4] =
    ["endpoint-reachability", "tls-fingerprint", "rbac-session", "write-probe"];
/// Checks of a dry run.
pub const DRY_RUN: [&str; 5] = [
    "snapshot-export",
    "schema-map",
    "rbac-claims",
    "adapter-replay-transcript",
    "rollback-checkpoint",
];
/// Checks of a drill.
pub const DRILL: [&str; 3] = ["freeze-window", "storage-fallback", "audit-packet"];

/// With ten records of each kind.
pub fn filled(mut inputs: Inputs) -> Inputs {
    inputs.scenario.snapshot = Some(Digest::of("snapshot"));
    inputs.scenario.records = Kind::ALL.into_iter().map(|k| (k, 10)).collect();
    inputs
}

/// After `connect` and `rehearse` on a target of `kind`.
pub fn rehearsed(inputs: Inputs, kind: &str) -> Inputs {
    let mut inputs = filled(inputs);
    inputs.packets = vec![
        packet(&inputs, schema::CONNECTION, &CONNECTION, kind),
        packet(&inputs, schema::DRY_RUN, &DRY_RUN, kind),
    ];
    inputs
}

/// With the profile name and the kinds of `stage`.
pub fn staged(mut inputs: Inputs, stage: Stage) -> Inputs {
    inputs.profile.name = format!("{stage:?}").to_lowercase();
    for port in &mut inputs.profile.ports {
        let live = match stage {
            Stage::Demo => false,
            Stage::Staging => matches!(port.port, Port::Store | Port::Auth),
            Stage::Production => true,
        };
        if live {
            port.kind = kind_of(port, Mode::Live);
        }
    }
    assert_eq!(inputs.profile.stage(), stage);
    inputs
}

/// A value that an owner may name.
pub fn example(value: Value) -> &'static str {
    match value {
        Value::Provider => "Hetzner Online",
        Value::Account => "bfg-1234",
        Value::Region => "eu-central-1",
        Value::RuntimeOwner => "Marek Zielinski",
        Value::Rpo => "15m",
        Value::RestoreOwner => "Anna Kowalska",
    }
}

/// An actor's own key.
pub fn key(actor: &str) -> PrivateKey {
    PrivateKey::from_seed(&Digest::of(actor).0).unwrap()
}

/// Every acceptance that any gate asks for, and a drill.
pub fn accepted(mut inputs: Inputs, authentication: Authentication) -> Inputs {
    let words = [
        ("checklist/contracts-frozen", "user_md_anna"),
        ("checklist/role-headers", "user_dispatcher_marek"),
        ("checklist/scenario-store", "user_dispatcher_marek"),
        ("checklist/db-schema", "user_accountant_olena"),
        ("checklist/secrets-and-auth", "user_accountant_olena"),
        ("checklist/migration-rollback", "user_md_anna"),
        ("rollback-drill/owner-confirmation", "user_md_anna"),
        ("provider-acceptance/live-provider", "user_md_anna"),
        ("provider-acceptance/auth-owner", "user_md_anna"),
        ("provider-acceptance/tenant-secrets", "user_md_anna"),
        ("provider-acceptance/live-wiring", "user_md_anna"),
        ("infrastructure/hosting", "user_md_anna"),
        ("infrastructure/region", "user_md_anna"),
        ("infrastructure/runtime-owner", "user_md_anna"),
        ("infrastructure/secrets-and-backup", "user_md_anna"),
    ];
    let value = |v: &Value| (v.name().to_owned(), example(*v).to_owned());
    let signs = authentication == Authentication::Signature;
    let owners = inputs.scenario.actors.iter().filter(|_| signs);
    if authentication == Authentication::Oidc {
        inputs.profile.vouchers = vec![key("service").public()];
    }
    inputs.profile.keys = owners.map(|a| (a.id.clone(), key(a.id.as_str()).public())).collect();
    inputs.acceptances = words
        .map(|(check, actor)| {
            let decision = decision::find(check).unwrap();
            Acceptance {
                check: check.into(),
                actor: actor.into(),
                authentication,
                key: match authentication {
                    Authentication::Mock => None,
                    Authentication::Oidc => Some(key("service").public()),
                    Authentication::Signature => Some(key(actor).public()),
                },
                profile: ProfileRef {
                    name: inputs.profile.name.clone(),
                    sha256: inputs.profile.sha256,
                },
                snapshot: inputs.scenario.snapshot,
                evidence: decision.evidence(&inputs),
                values: decision.values.iter().map(value).collect(),
                as_of: at(600),
                revoked: false,
                sha256: Digest::of(check),
            }
        })
        .into();
    let kind = inputs.packets[0].packet.target.as_ref().unwrap()["kind"].as_str().unwrap();
    let drill = packet(&inputs, crate::rollback::PACKET, &DRILL, kind);
    inputs.packets.push(drill);
    inputs
}
