//! An acceptance: a packet of any content, and any body in a packet that is otherwise right.
#![no_main]

use flowcontrol_evidence::{Outcome, Packet, Sealed, Verdict, RecordedAcceptance, schema};
use flowcontrol_gates::inputs::{Acceptance, Evidence};
use flowcontrol_contract::Digest;
use flowcontrol_fuzz::sealed;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|data: &[u8]| {
    if let Ok(packet) = serde_json::from_slice::<Packet>(data) {
        read(packet);
    }
    if let Some(Ok(packet)) = sealed(data).map(|bytes| Sealed::parse(&bytes)) {
        read(packet.packet().clone());
    }
    let Ok(body) = serde_json::from_slice::<Value>(data) else { return };
    let body = body.get("body").cloned().unwrap_or(body);
    let revoked = body["revoked"] == true;
    let packet = json!({
        "schema": schema::ACCEPTANCE, "sequence": 1, "previous": null,
        "created_at": "2026-03-01T06:30:00.000000Z", "tool_version": "0", "ran": "accept",
        "profile": {"name": "p", "sha256": body["bound"]["profile"]},
        "snapshot_sha256": body["bound"]["snapshot"], "target": null,
        "checks": [{"id": body["check"], "title": "t", "reason": "r", "figures": {},
            "verdict": if revoked { "next" } else { "ready" }}],
        "outcome": if revoked { "failed" } else { "passed" }, "body": body,
    });
    if let Ok(packet) = serde_json::from_value::<Packet>(packet) {
        read(packet);
    }
});

fn read(packet: Packet) {
    let broken = schema::judge(&packet);
    match RecordedAcceptance::read(&packet) {
        Err(why) => assert!(broken.contains(&why)),
        Ok(None) => assert_ne!(packet.schema, schema::ACCEPTANCE),
        Ok(Some(word)) => {
            assert_eq!(serde_json::to_value(&word).unwrap(), packet.body);
            assert_eq!(packet.checks[0].verdict == Verdict::Ready, !word.revoked);
            assert!(!(word.revoked && packet.outcome == Outcome::Passed && broken.is_empty()));
            let evidence = Evidence { sha256: Digest::of("x"), packet };
            let acceptance = Acceptance::read(&evidence).unwrap().unwrap();
            assert_eq!((acceptance.check, acceptance.revoked), (word.check, word.revoked));
        }
    }
}
