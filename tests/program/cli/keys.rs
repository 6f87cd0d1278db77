//! Keys on the command line: made, shown, signed with, and checked by OpenSSL.

use super::place::Place;
use flowcontrol::config::TEMPLATE;
use flowcontrol_contract::json::canonicalize;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const ACCEPT: &str = "accept contracts-frozen --as user_md_anna";

/// A new key in `name` and its public key.
fn key(place: &Place, name: &str) -> String {
    place.run(&format!("keys new --out {name}")).fine().trim().to_owned()
}

/// A configuration with `more` at its end, and a scenario.
fn configured(more: &str) -> Place {
    let place = Place::new();
    place.write("flowcontrol.toml", format!("{TEMPLATE}{more}"));
    place.run("demo seed --records 60").fine();
    place
}

fn configure(place: &Place, more: &str) {
    place.write("flowcontrol.toml", format!("{TEMPLATE}{more}"));
}

fn check(place: &Place, line: &str) -> Value {
    let whole = place.run(&format!("gates checklist {line} --format json")).json();
    whole["gates"][0]["checks"][0].clone()
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs OpenSSL in the place; `None` where there is none.
fn openssl(place: &Place, line: &str) -> Option<std::process::Output> {
    let run = Command::new("openssl").args(line.split(' ')).current_dir(place.path()).output();
    run.ok()
}

#[test]
fn a_new_key_is_its_owners_alone_is_never_overwritten_and_never_shown() {
    let place = Place::new();
    let public = key(&place, "anna.pem");
    assert_eq!((public.len(), &public[..8]), (72, "ed25519:"));
    let path = place.file("anna.pem");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(place.names(), ["anna.pem"]);
    assert_eq!(place.run("keys show anna.pem").fine().trim(), public);
    let before = place.read("anna.pem");
    let said = place.run("keys new --out anna.pem").refused(2);
    assert!(said.contains("already exists") && said.contains("never overwritten"), "{said}");
    assert_eq!(place.read("anna.pem"), before);
    assert_ne!(key(&place, "marek.pem"), public);

    for open in [0o640, 0o604, 0o660] {
        mode(&path, open);
        let said = place.run("keys show anna.pem").refused(2);
        assert!(said.contains("others") && said.contains("chmod 600"), "{said}");
    }
    mode(&path, 0o600);
    let text = String::from_utf8(before).unwrap();
    let body = text.lines().nth(1).unwrap();
    for (name, content) in [
        ("half.pem", text[..60].to_owned()),
        ("other.pem", text.replace("PRIVATE", "EC PRIVATE")),
        ("sealed.pem", text.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE")),
    ] {
        place.write(name, &content);
        mode(&place.file(name), 0o600);
        let said = place.run(&format!("keys show {name}")).refused(2);
        assert!(said.contains(name) && said.contains("hint"), "{said}");
        assert!(!said.contains(&body[..20]), "{said}");
    }
    assert!(place.run("keys show nothing.pem").refused(2).contains("no key file"));
    assert!(place.run("keys new --out nowhere/a.pem").refused(2).contains("folder does not exist"));
    // A private key where a public one is wanted.
    for line in ["evidence verify --signed-by", "keys show", "accept hosting --as a --key"] {
        let said = place.command(line).arg(&text).output().unwrap();
        let said = super::place::Said::from(said).refused(2);
        assert!(said.contains("private key") && !said.contains(body), "{said}");
    }
    let said = place.run(&format!("evidence verify --signed-by {body}")).refused(2);
    assert!(said.contains("keys show FILE") && !said.contains(body), "{said}");
    configure(&place, &format!("[keys]\nuser_md_anna = \"\"\"{text}\"\"\"\n"));
    let said = place.run("gates").refused(2);
    assert!(
        said.contains("private key") && said.contains("line ") && !said.contains(body),
        "{said}"
    );
}

#[test]
fn keys_of_openssl_are_taken_and_ours_are_taken_by_it() {
    let place = Place::new();
    let Some(made) = openssl(&place, "genpkey -algorithm ed25519 -out theirs.pem") else {
        eprintln!("skipped: there is no openssl on this machine");
        return;
    };
    assert!(made.status.success());
    mode(&place.file("theirs.pem"), 0o600);
    openssl(&place, "pkey -in theirs.pem -pubout -out theirs.pub").unwrap();
    let public = place.run("keys show theirs.pem").fine();
    mode(&place.file("theirs.pub"), 0o644);
    assert_eq!(place.run("keys show theirs.pub").fine(), public);
    let ours = key(&place, "ours.pem");
    let read = openssl(&place, "pkey -in ours.pem -pubout -outform DER").unwrap();
    assert!(read.status.success(), "{read:?}");
    assert_eq!(hex::encode(&read.stdout[read.stdout.len() - 32..]), ours["ed25519:".len()..]);
}

#[test]
fn a_signed_word_counts_in_production_until_its_key_is_replaced() {
    let place = configured("");
    let anna = key(&place, "anna.pem");
    let line = format!("{ACCEPT} --for production");
    let said = place.run(&format!("{line} --key anna.pem")).refused(2);
    assert!(said.contains("names no key for user_md_anna") && said.contains(&anna), "{said}");
    place.run(&line).fine();
    assert!(check(&place, "--for production")["reason"].as_str().unwrap().contains("mock login"));
    configure(&place, &format!("[keys]\nuser_md_anna = \"{anna}\"\n"));
    let open = check(&place, "--for production");
    let command = "flowcontrol accept checklist/contracts-frozen --as user_md_anna --key FILE --for production";
    assert_eq!(open["command"], command);
    let said = place.run(&line).refused(2);
    assert!(said.contains("an acceptance without their signature would not count"), "{said}");

    let done = place.run(&format!("{line} --key anna.pem --format json")).json();
    assert_eq!((&done["authentication"], &done["key"]), (&json!("signature"), &json!(anna)));
    assert_eq!(check(&place, "--for production")["verdict"], "ready");
    let said = place.run(&format!("{line} --key anna.pem")).fine();
    assert!(said.contains(&format!("signed    by {anna}")), "{said}");
    place.run("evidence verify").fine();

    let other = key(&place, "other.pem");
    let said = place.run(&format!("{line} --key other.pem")).refused(2);
    assert!(said.contains(&anna[..16]) && said.contains(&other[..16]), "{said}");
    configure(&place, &format!("[keys]\nuser_md_anna = \"{other}\"\n"));
    let back = check(&place, "--for production");
    assert_eq!(back["verdict"], "next");
    let reason = back["reason"].as_str().unwrap();
    assert!(reason.contains(&anna[..16]) && reason.contains(&other[..16]), "{reason}");
    // Taken back, also by signature.
    place.run(&format!("{line} --revoke --key anna.pem")).refused(2);
    place.run(&format!("{line} --revoke --key other.pem")).fine();
    let reason = check(&place, "--for production")["reason"].clone();
    assert_eq!(reason, "Anna Kowalska revoked the acceptance");
    place.run("evidence verify").fine();
}

#[test]
fn keys_and_days_are_checked_before_anything_runs() {
    let place = configured("");
    let anna = key(&place, "anna.pem");
    let twice = format!("[keys]\nuser_md_anna = \"{anna}\"\ndriver_tarasenko = \"{anna}\"\n");
    configure(&place, &twice);
    assert!(
        place.run("gates").refused(2).contains("same key for driver_tarasenko and user_md_anna")
    );
    for days in ["0", "3651"] {
        let toml = TEMPLATE.replace("# acceptance_days = 90", &format!("acceptance_days = {days}"));
        place.write("flowcontrol.toml", toml);
        let said = place.run("gates").refused(2);
        assert!(said.contains(&format!("profile production: acceptance_days is {days}")), "{said}");
    }
    let sync = "sync = \"service-worker\"\n";
    let toml = TEMPLATE.replacen(sync, &format!("{sync}acceptance_days = 1\n"), 1);
    place.write("flowcontrol.toml", toml);
    place.run(ACCEPT).fine();
    let reason = check(&place, "")["reason"].clone();
    assert!(reason.as_str().unwrap().contains(", until "), "{reason}");
}

#[test]
fn a_chain_signed_on_one_machine_is_verified_on_another() {
    let place = configured("");
    let ci = key(&place, "ci.pem");
    configure(&place, "[evidence]\nsigning_key = { file = \"ci.pem\" }\n");
    for _ in 0..2 {
        place.run(ACCEPT).fine();
    }
    place.run("evidence export --out e.tar.zst").fine();
    let desk = Place::new();
    desk.write("e.tar.zst", place.read("e.tar.zst"));
    let verify = |place: &Place, line: &str| {
        let said = place.run(&format!("evidence verify {line} --format json"));
        (said.code, serde_json::from_str::<Value>(&said.out).unwrap())
    };
    let (code, said) = verify(&desk, &format!("--archive e.tar.zst --signed-by {ci}"));
    assert_eq!((code, &said["recomputed_from_root"]["result"]), (Some(0), &json!("sound")));
    desk.run("evidence import e.tar.zst").fine();
    assert_eq!(verify(&desk, &format!("--signed-by {ci}")).0, Some(0));
    let other = key(&desk, "other.pem");
    let (code, said) = verify(&desk, &format!("--signed-by {other}"));
    assert_eq!((code, &said["recomputed_from_root"]["result"]), (Some(1), &json!("found")));
    assert_eq!(verify(&desk, &format!("--signed-by {other} --signed-by {ci}")).0, Some(0));
    let shown = desk.run("evidence show 2").fine();
    assert!(shown.contains(&format!("signed_by={ci}")), "{shown}");

    // Made anew by somebody without the key: gates judge nothing where the key is trusted.
    let forged = configured("");
    forged.run(ACCEPT).fine();
    forged.run("evidence verify").fine();
    configure(&forged, &format!("[evidence]\ntrusted = [\"{ci}\"]\n"));
    assert_eq!(verify(&forged, "").0, Some(1));
    let said = forged.run("gates").refused(1);
    assert!(said.contains("no packet is signed by the trusted key"), "{said}");
    configure(&place, &format!("[evidence]\ntrusted = [\"{ci}\"]\n"));
    place.run("gates").fine();
}

#[test]
fn a_signing_key_that_cannot_be_read_stops_everything_that_would_seal() {
    let place = configured("");
    place.write("bad.pem", "-----BEGIN PRIVATE KEY-----\nkanarek\n");
    for (key, why) in [
        ("{ file = \"nothing.pem\" }", "is not there"),
        ("{ env = \"NO_SUCH_KEY\" }", "is not set"),
        ("{ file = \"bad.pem\" }", "not a valid Ed25519 private key"),
    ] {
        configure(&place, &format!("[evidence]\nsigning_key = {key}\n"));
        let before = place.names();
        for line in [ACCEPT, "rehearse", "connect --target local", "evidence import e.tar.zst"] {
            let said = place.run(line).refused(2);
            assert!(
                said.contains("[evidence] signing_key") && said.contains(why),
                "{line}: {said}"
            );
            assert!(said.contains("hint") && !said.contains("kanarek"), "{said}");
        }
        assert_eq!(place.names(), before);
        assert!(!place.file(".flowcontrol/evidence").exists());
        assert!(!place.file(".flowcontrol/rehearsals").exists());
        // What only reads needs no key.
        place.run("gates").fine();
        place.run("evidence verify").fine();
    }
}

/// The bytes that `docs/decisions/0007-signatures.md` describes, made by hand and judged by OpenSSL.
#[test]
fn openssl_verifies_a_word_and_a_packet_from_the_documented_bytes() {
    let place = configured("");
    let (anna, ci) = (key(&place, "anna.pem"), key(&place, "ci.pem"));
    configure(
        &place,
        &format!(
            "[keys]\nuser_md_anna = \"{anna}\"\n[evidence]\nsigning_key = {{ file = \"ci.pem\" }}\n"
        ),
    );
    place.run(&format!("{ACCEPT} --key anna.pem")).fine();
    place.run("accept hosting --as user_md_anna --value provider=Żubr --value account=b --key anna.pem").fine();
    let packet = place.run("evidence show 2 --format json").json();
    let body = &packet["body"];
    let statement = json!({
        "actor": body["actor"], "check": body["check"], "evidence": body["bound"]["evidence"],
        "previous": packet["previous"], "profile": packet["profile"], "revoked": body["revoked"],
        "snapshot": body["bound"]["snapshot"], "time": packet["created_at"],
        "values": body["values"],
    });
    let statement = canonicalize(&statement.to_string()).unwrap();
    let head = String::from_utf8(place.read(".flowcontrol/evidence/HEAD")).unwrap();
    let [sequence, digest, signature] = head.trim().split(' ').collect::<Vec<_>>()[..] else {
        panic!("{head}")
    };
    assert_eq!((sequence, digest), ("2", packet["sha256"].as_str().unwrap()));
    let (head_key, head_value) = signature.rsplit_once(':').unwrap();
    assert_eq!(head_key, ci);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for (pem, wanted, key, value, message) in [
        (
            "anna.pem",
            &anna,
            text(&body["signature"]["key"]),
            text(&body["signature"]["value"]),
            format!("FlowControlAcceptanceSignature.v1\n{statement}\n"),
        ),
        (
            "ci.pem",
            &ci,
            text(&packet["signature"]["key"]),
            text(&packet["signature"]["value"]),
            format!("FlowControlPacketSignature.v1\n{digest}\n"),
        ),
        (
            "ci.pem",
            &ci,
            head_key.to_owned(),
            head_value.to_owned(),
            format!("FlowControlHeadSignature.v1\n2 {digest}\n"),
        ),
    ] {
        assert_eq!(&key, wanted);
        place.write("message", &message);
        place.write("signature", hex::decode(value).unwrap());
        let Some(public) = openssl(&place, &format!("pkey -in {pem} -pubout -out public.pem"))
        else {
            eprintln!("skipped: there is no openssl on this machine");
            return;
        };
        assert!(public.status.success(), "{public:?}");
        let line = "pkeyutl -verify -rawin -pubin -inkey public.pem -sigfile signature -in message";
        let judged = openssl(&place, line).unwrap();
        assert!(judged.status.success(), "{message}: {judged:?}");
        place.write("message", message.replacen("v1", "v2", 1));
        assert!(!openssl(&place, line).unwrap().status.success(), "it takes any message");
    }
}
