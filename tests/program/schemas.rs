//! `docs/schemas` says exactly what the program prints and seals: real documents are judged by the
//! schemas, and so is every document with one thing wrong in it.
//!
//! The judge is Python's jsonschema, which `ci/test` installs into `target/judges`; without it
//! these tests skip by name.

#[path = "../pure/report/samples.rs"]
mod samples;

use super::rehearsal::site::Site;
use flowcontrol::report::json;
use flowcontrol_testkit::place::Place;
use flowcontrol_testkit::{judges, root};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const REHEARSAL: &str = "rehearsal.schema.json";
const GATES: &str = "gates.schema.json";
const PACKET: &str = "packet.schema.json";

/// What may be changed in a packet without its form being wrong: figures are the check's own, and
/// the decisions that an acceptance names are judged by the gates.
const FREE: [&str; 3] = [" checks.*.figures", " body.checks.*.figures", " body.values."];

/// Members that are left out where they do not apply.
const OPTIONAL: [&str; 9] = [
    "without signature",
    "without target.server",
    "without target.binaries",
    "without target.certificate_sha256",
    "without target.database",
    "without target.image",
    "without target.image_digest",
    "without target.system_identifier",
    "without body.target.server",
];

/// The judge's Python, or a skip by name.
fn python(test: &str) -> Option<PathBuf> {
    judges::folder(test).map(|folder| folder.join("bin/python"))
}

/// What the judge says of `documents`: whether all of them follow `schema`, and its lines.
fn judge(
    python: &Path,
    schema: &str,
    options: &[&str],
    documents: &[Value],
) -> (bool, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(python);
    command.arg(root().join("tests/judges/schemas.py")).arg(root().join("docs/schemas"));
    command.arg(schema).args(options);
    for (number, document) in documents.iter().enumerate() {
        let name = document["schema"].as_str().unwrap_or("document");
        let file = folder.path().join(format!("{number:02}-{name}.json"));
        std::fs::write(&file, document.to_string()).unwrap();
        command.arg(file);
    }
    let out = command.output().unwrap();
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(err.is_empty(), "{err}");
    let lines: Vec<String> =
        String::from_utf8(out.stdout).unwrap().lines().map(Into::into).collect();
    let count = format!("judged {}", documents.len());
    assert!(lines.last().is_some_and(|last| last.starts_with(&count)), "{lines:#?}");
    (out.status.success(), lines)
}

/// All of them follow `schema`, and no change to one of them does but those that may.
fn exact(python: &Path, schema: &str, documents: &[Value]) {
    let (sound, lines) = judge(python, schema, &["--spoil"], documents);
    let through: Vec<&String> = lines
        .iter()
        .filter(|line| !line.starts_with("judged "))
        .filter(|line| !OPTIONAL.contains(&line.as_str()))
        .filter(|line| !FREE.iter().any(|free| line.contains(free)))
        .collect();
    assert!(sound && through.is_empty(), "{schema}: {through:#?}");
}

/// Each is refused.
fn refused(python: &Path, schema: &str, documents: &[Value]) {
    let (_, lines) = judge(python, schema, &[], documents);
    for number in 0..documents.len() {
        let start = format!("{number:02}-");
        let named = lines.iter().any(|line| line.starts_with(&start));
        assert!(named, "number {number} was let through by {schema}: {lines:#?}");
    }
}

/// The document with the value at each pointer replaced.
fn with(document: &Value, changes: &[(&str, Value)]) -> Value {
    let mut document = document.clone();
    for (pointer, value) in changes {
        *document.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value.clone();
    }
    document
}

/// The first packet of each schema with each outcome and each set of the body's members: what there
/// is to see in a chain, once.
fn kinds_of(packets: &[Value]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let unlike = |packet: &&Value| {
        let members: Vec<&String> = packet["body"].as_object().unwrap().keys().collect();
        seen.insert(format!(
            "{} {} {members:?} {}",
            packet["schema"], packet["outcome"], packet["target"]["kind"]
        ))
    };
    packets.iter().filter(unlike).cloned().collect()
}

fn schemas_of(packets: &[Value]) -> BTreeSet<&str> {
    packets.iter().map(|packet| packet["schema"].as_str().unwrap()).collect()
}

/// Whether a local rehearsal can be made and judged here.
fn ready(test: &str) -> Option<PathBuf> {
    let python = python(test)?;
    crate::support::server_or_skip(test)?;
    Some(python)
}

fn local(place: &Place) -> Value {
    place.run(&["--format", "json", "rehearse", "--target", "local"]).json()
}

/// The samples name their cases by what is tried, as no rehearsal does.
fn numbered(mut sample: Value) -> Value {
    let isolation = &mut sample["isolation"];
    for (list, member) in [("cases", "id"), ("leaks", "case")] {
        let entries = isolation.get_mut(list).and_then(Value::as_array_mut);
        for (number, entry) in entries.into_iter().flatten().enumerate() {
            entry[member] = json!(format!("case-{number:02}"));
        }
    }
    sample
}

#[test]
fn reports_follow_their_schema_and_nothing_else_does() {
    let Some(python) = ready("reports_follow_their_schema_and_nothing_else_does") else { return };
    let mut reports: Vec<Value> = samples::all()
        .iter()
        .filter(|(name, _)| *name != "hostile")
        .map(|(_, report)| serde_json::from_str(&json::render(report).unwrap()).unwrap())
        .map(numbered)
        .collect();
    let place = Place::new();
    let real = local(&place);
    assert_eq!(real["decision"], "GO");
    refused(
        &python,
        REHEARSAL,
        &[
            with(&real, &[("/decision", json!("MAYBE"))]),
            with(&real, &[("/schema", json!("FlowControlRehearsal.v2"))]),
            with(&real, &[("/steps/3/status", json!("failed"))]),
            with(&real, &[("/steps/0/id", json!("target"))]),
            with(&real, &[("/scope", json!("migrations"))]),
            with(&real, &[("/rollback/equal", json!(false))]),
            with(&real, &[("/isolation/probes", json!(0))]),
            with(&real, &[("/isolation", Value::Null)]),
            with(&real, &[("/started_at", json!("2026-12-01T16:51:20Z"))]),
            with(&real, &[("/started_at", json!("2026-13-01T16:51:20.000000Z"))]),
            with(&real, &[("/snapshot/sha256", json!("ABC"))]),
            with(&real, &[("/seconds", json!(-1))]),
            with(&real, &[("/target/kind", json!("cloud"))]),
        ],
    );
    reports.push(real);
    // Nothing but the scenario's own tables: four steps and no snapshot.
    let place = Place::new();
    let (config, dir) = (place.work().join("flowcontrol.toml"), place.work().join("db/verify"));
    std::fs::create_dir_all(&dir).unwrap();
    place.run(&["init", "."]).expect(0);
    let text = std::fs::read_to_string(&config).unwrap();
    let own = "[migrations]\ndir = \"db\"\nscenario = false\n";
    std::fs::write(&config, text.replacen("[migrations]\n", own, 1)).unwrap();
    for (file, sql) in [
        ("0001_yards.up.sql", "create schema bfg_flowcontrol;\n"),
        ("0001_yards.down.sql", "drop schema bfg_flowcontrol;\n"),
        ("verify/0001_yards.sql", "select 1;\n"),
    ] {
        std::fs::write(place.work().join("db").join(file), sql).unwrap();
    }
    let migrations = local(&place);
    assert_eq!(migrations["scope"], "migrations", "{migrations}");
    reports.push(migrations);
    exact(&python, REHEARSAL, &reports);
    let packets = kinds_of(&place.packets());
    assert!(schemas_of(&packets).contains("FlowControlMigrationRehearsal.v1"));
    exact(&python, PACKET, &packets);
}

#[test]
fn what_a_demo_folder_seals_and_judges_follows_its_schemas() {
    let test = "what_a_demo_folder_seals_and_judges_follows_its_schemas";
    let Some(python) = ready(test) else { return };
    let place = Place::new();
    let run = |line: &str| place.run(&line.split_whitespace().collect::<Vec<_>>());
    run("init .").expect(0);
    let key = run("keys new --out anna.pem").expect(0).out;
    run("keys new --out machine.pem").expect(0);
    let config = place.work().join("flowcontrol.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    let keys = format!("\n[keys]\nuser_md_anna = \"{}\"\n", key.trim());
    text.push_str(&format!("{keys}[evidence]\nsigning_key = {{ file = \"machine.pem\" }}\n"));
    std::fs::write(&config, text).unwrap();
    let empty = run("--format json gates").expect(0).json();
    place.seed(240, 2);
    run("rehearse --target local").expect(0);
    run("connect --target local").expect(0);
    run("adapters check store auth").expect(0);
    run("accept checklist/contracts-frozen --as user_md_anna --key anna.pem").expect(0);
    run("accept checklist/role-headers --as user_dispatcher_marek").expect(0);
    run(
        "accept infrastructure/region --as user_md_anna --key anna.pem --value region=eu-central-1",
    )
    .expect(0);
    run("accept checklist/contracts-frozen --as user_md_anna --key anna.pem --revoke").expect(0);
    for gate in ["release", "preflight", "runbook", "infrastructure", "wiring"] {
        run(&format!("gates {gate} --record")).expect(0);
    }
    run("cutover plan").expect(0);
    run("rollback drill --target local --watch 1").expect(0);
    let gates = run("--format json gates").expect(0).json();
    let one = run("--format json gates connection").expect(0).json();
    refused(
        &python,
        GATES,
        &[
            with(&gates, &[("/production/decision", json!("GO"))]),
            with(&gates, &[("/gates/0/id", json!("contracts"))]),
            with(&gates, &[("/gates/4/decision", json!("NO-GO"))]),
            with(&gates, &[("/gates/4/packet", json!("ProductionAdapterDryRun.v1"))]),
            with(&gates, &[("/gates/0/checks/0/command", json!("true"))]),
            with(&gates, &[("/readiness/percent", json!(101))]),
            with(&gates, &[("/readiness/next_action/check", json!("release"))]),
        ],
    );
    exact(&python, GATES, &[empty, gates, one]);

    let packets = place.packets();
    let last = |schema: &str| packets.iter().rfind(|p| p["schema"] == schema).unwrap();
    let accepted = packets.iter().find(|p| p["schema"] == "FlowControlAcceptance.v1").unwrap();
    let (step, dry_run) = (&packets[0], last("ProductionAdapterDryRun.v1"));
    let release = last("ProductionReleaseHandoff.v1");
    refused(
        &python,
        PACKET,
        &[
            with(step, &[("/previous", json!("0".repeat(64)))]),
            with(step, &[("/sequence", json!(2))]),
            with(step, &[("/schema", json!("ProductionAdapterDryRun.v1"))]),
            with(step, &[("/schema", json!("SomethingElse.v1"))]),
            with(step, &[("/sha256", json!("0".repeat(63)))]),
            with(dry_run, &[("/checks/0/verdict", json!("next"))]),
            with(dry_run, &[("/checks/0/id", json!("another"))]),
            with(dry_run, &[("/checks/1/id", json!("snapshot-export"))]),
            with(dry_run, &[("/target", Value::Null)]),
            with(dry_run, &[("/snapshot_sha256", Value::Null)]),
            with(release, &[("/body/block/0/0", json!("BFG_RELEASE_TARGET"))]),
            with(release, &[("/body/decision", json!("GO"))]),
            with(accepted, &[("/body/revoked", json!(true))]),
            with(accepted, &[("/body/authentication", json!("mock"))]),
            with(accepted, &[("/body/authentication", json!("oidc"))]),
            with(accepted, &[("/body/bound/snapshot", Value::Null)]),
            with(accepted, &[("/body/check", json!("contracts-frozen"))]),
            with(accepted, &[("/body/signature/key", json!("ed25519:00"))]),
        ],
    );

    // Another machine's chain, linked.
    run("evidence export --out chain.tar.zst").expect(0);
    let other = Place::new();
    other.run(&["connect", "--target", "local"]).expect(0);
    let archive = place.work().join("chain.tar.zst").display().to_string();
    other.run(&["evidence", "import", &archive, "--link"]).expect(0);
    let mut all = packets.clone();
    all.extend(other.packets());
    let (sound, lines) = judge(&python, PACKET, &[], &all);
    assert!(sound, "{lines:#?}");
    let every = kinds_of(&all);
    exact(&python, PACKET, &every);
    let seen = schemas_of(&all);
    // The packets of the reports' test and of the cutover's.
    let elsewhere =
        ["FlowControlMigrationRehearsal", "FlowControlCutoverStep", "FlowControlCutover"];
    for schema in flowcontrol_evidence::schema::KNOWN {
        let name = format!("{}.v{}", schema.name, schema.version);
        let here = seen.contains(name.as_str());
        assert!(here || elsewhere.contains(&schema.name), "no {name} was judged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_packets_of_a_cutover_follow_their_schema() {
    let test = "the_packets_of_a_cutover_follow_their_schema";
    let Some(python) = ready(test) else { return };
    let site = Site::new("schemas").await;
    site.place().seed(240, 2);
    site.made_ready();
    site.run("--profile staging connect --target external");
    site.run("cutover plan --for staging").expect(0);
    site.run("cutover run --for staging --until operations").expect(0);
    site.run("cutover abort").expect(0);
    site.run("cutover run --for staging").expect(0);
    let packets = site.place().packets();
    let (sound, lines) = judge(&python, PACKET, &[], &packets);
    assert!(sound, "{lines:#?}");
    let every = kinds_of(&packets);
    exact(&python, PACKET, &every);
    let ends: Vec<&Value> =
        every.iter().filter(|p| p["schema"] == "FlowControlCutover.v1").collect();
    assert_eq!(ends.len(), 2, "one rolled back, one sealed");
    refused(
        &python,
        PACKET,
        &[
            with(ends[0], &[("/body/rolled_back", json!(false))]),
            with(ends[1], &[("/checks/0/id", json!("tenants"))]),
            with(ends[1], &[("/target/kind", json!("local"))]),
        ],
    );
}

/// Only a service with an OpenID Provider makes such a packet, so this one is written by hand.
#[test]
fn an_acceptance_of_somebody_who_is_signed_in_follows_its_schema() {
    let test = "an_acceptance_of_somebody_who_is_signed_in_follows_its_schema";
    let Some(python) = python(test) else { return };
    let signature =
        json!({"key": format!("ed25519:{}", "1a".repeat(32)), "value": "2b".repeat(64)});
    let acceptance = json!({
        "check": "checklist/contracts-frozen", "actor": "user_md_anna", "authentication": "oidc",
        "values": {}, "revoked": false,
        "bound": {"profile": "3c".repeat(32), "snapshot": "4d".repeat(32), "evidence": []},
        "sign_in": {"issuer": "https://idp.example.org/realms/bfg", "subject": "8e1f",
            "request": "req-1", "signature": signature},
    });
    exact(&python, "acceptance.schema.json", std::slice::from_ref(&acceptance));
    let mut both = acceptance.clone();
    both["signature"] = signature;
    refused(
        &python,
        "acceptance.schema.json",
        &[both, with(&acceptance, &[("/authentication", json!("signature"))])],
    );
}
