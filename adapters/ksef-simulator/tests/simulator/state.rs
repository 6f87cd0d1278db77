//! What outlives a restart, and what is said of state that is half-written.

use crate::batch::{package, zip};
use crate::caller::{Caller, config};
use flowcontrol_contract::ErrorKind;
use flowcontrol_ksef_simulator::{Config, Simulator};
use flowcontrol_ksef_testkit::invoices::{another_of, invoice};
use flowcontrol_ksef_wire::crypto::SymmetricKey;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write as _;

#[tokio::test]
async fn sessions_passes_numbers_and_duplicates_survive() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let session = caller.open(&key).await;
    let first = caller.sent(&session, &key, &invoice("FV/1")).await;
    let number = caller.invoice(&session, &first).await["ksefNumber"].clone();

    let caller = caller.restarted(|_| {}).await;
    assert_eq!(caller.invoice(&session, &first).await["ksefNumber"], number);
    let again = caller.sent(&session, &key, &another_of("FV/1")).await;
    let told = caller.invoice(&session, &again).await;
    assert_eq!((&told["status"]["code"], &told["ordinalNumber"]), (&json!(440), &json!(2)));
    let second = caller.sent(&session, &key, &invoice("FV/2")).await;
    assert_ne!(caller.invoice(&session, &second).await["ksefNumber"], number);
    let template = "/invoices/ksef/{ksefNumber}";
    let fetched = caller.get(template, &[number.as_str().unwrap()]).await;
    assert_eq!(fetched.text.as_bytes(), invoice("FV/1"));
    assert_eq!(caller.close("online", &session).await.status, 204);
    assert_eq!(caller.session(&session).await["status"]["code"], 200);
}

#[tokio::test]
async fn a_batch_that_was_being_taken_apart_begins_anew() {
    let caller = Caller::signed_in().await;
    let key = SymmetricKey::generate();
    let archive = zip(&[("a.xml", invoice("FV/1")), ("b.xml", invoice("FV/2"))]);
    let (file, parts) = package(&archive, None, 10_000, &key);
    let opened = caller.open_batch(&key, &file).await;
    let session = opened.text("referenceNumber");
    caller.upload(&opened.json["partUploadRequests"][0], parts[0].clone(), "").await;
    // What a kill leaves: the close is written down, half of the invoices are, the end is not.
    let folder = caller.folder.path().join("simulator");
    let spare = std::fs::read(folder.join("sessions").join(&session).join("part-01")).unwrap();
    assert_eq!(caller.close("batch", &session).await.status, 204);
    caller.done(&session).await;
    let journal = folder.join("journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    let kept: Vec<_> = text.lines().filter(|line| !line.contains("\"judged\"")).collect();
    assert_eq!(kept.len() + 1, text.lines().count());
    let sessions = folder.join("sessions").join(&session);
    let half = std::fs::read_to_string(sessions.join("invoices.jsonl")).unwrap();
    let Caller { simulator, .. } = &caller;
    assert_eq!(simulator.received(), 2);
    std::fs::write(&journal, kept.join("\n") + "\n").unwrap();
    std::fs::write(sessions.join("invoices.jsonl"), half.lines().next().unwrap().to_owned() + "\n")
        .unwrap();
    std::fs::write(sessions.join("part-01"), spare).unwrap();

    let caller = caller.restarted(|_| {}).await;
    let told = caller.done(&session).await;
    assert_eq!(
        (&told["status"]["code"], &told["successfulInvoiceCount"]),
        (&json!(200), &json!(2))
    );
    assert_eq!(caller.simulator.received(), 2);
}

#[tokio::test]
async fn half_a_line_is_set_aside_and_damage_is_named() {
    let caller = Caller::signed_in().await;
    let folder = caller.folder.clone();
    let clock = caller.clock.clone();
    let journal = folder.path().join("simulator/journal.jsonl");
    caller.simulator.stop().await;
    let mut file = OpenOptions::new().append(true).open(&journal).unwrap();
    file.write_all(b"{\"event\":\"chall").unwrap();
    let simulator = Simulator::start(config(folder.path(), &clock)).await.unwrap();
    assert!(simulator.repairs()[0].contains("journal.jsonl ended in half a line"), "{simulator:?}");
    simulator.stop().await;

    let whole = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, whole.replacen("{", "[", 1)).unwrap();
    let error = Simulator::start(config(folder.path(), &clock)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("journal.jsonl is damaged in line 1"), "{error}");
    std::fs::write(&journal, whole).unwrap();

    let keys = folder.path().join("simulator/keys.json");
    let half = std::fs::read(&keys).unwrap();
    std::fs::write(&keys, &half[..half.len() / 2]).unwrap();
    let error = Simulator::start(config(folder.path(), &clock)).await.unwrap_err();
    assert!(error.to_string().contains("keys.json is half-written or damaged"), "{error}");
}

#[tokio::test]
async fn a_folder_serves_one_simulator_and_only_loopback_is_served() {
    let caller = Caller::new().await;
    let error = Simulator::start(config(caller.folder.path(), &caller.clock)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let mut open = Config::new(caller.folder.path().join("other"));
    open.listen = "0.0.0.0:0".parse().unwrap();
    let error = Simulator::start(open).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("loopback only"));
}

#[tokio::test]
async fn the_keys_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let caller = Caller::signed_in().await;
    for (name, mode) in [("", 0o700), ("keys.json", 0o600), ("journal.jsonl", 0o600)] {
        let path = caller.folder.path().join("simulator").join(name);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
}
