//! Gates and owners' words over HTTP are those of the command line.

use super::site::{Site, answer};
use flowcontrol_evidence::{EvidenceStore, RecordedAcceptance};
use serde_json::{Value, json};

const GATES: &str = "/api/v1/gates";
const WORDS: &str = "/api/v1/acceptances";

fn score(gates: &Value, id: &str) -> (u64, u64) {
    let gate = gates["gates"].as_array().unwrap().iter().find(|g| g["id"] == id).unwrap();
    (gate["passed"].as_u64().unwrap(), gate["total"].as_u64().unwrap())
}

#[tokio::test]
async fn gates_are_those_that_the_command_line_prints() {
    let site = Site::new().await;
    let mut over_http = site.get("user_dispatcher_marek", GATES).await.expect(200).json();
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_flowcontrol"))
        .args(["gates", "--format", "json"])
        .current_dir(site.folder.path())
        .output()
        .unwrap();
    let mut printed: Value = serde_json::from_slice(&program.stdout).unwrap();
    for value in [&mut over_http, &mut printed] {
        assert!(value.as_object_mut().unwrap().remove("as_of").is_some());
    }
    assert_eq!(over_http, printed);
    assert!(!over_http.to_string().contains(&site.folder.path().display().to_string()));
    let staging = site.get("user_md_anna", &format!("{GATES}?for=staging")).await.expect(200);
    assert_eq!(staging.json()["profile"], "staging");
    let unknown = site.get("user_md_anna", &format!("{GATES}?for=nowhere")).await.expect(404);
    assert!(unknown.json()["detail"].as_str().unwrap().contains("profile"), "{unknown:?}");
    site.get("driver_tarasenko", GATES).await.expect(403);
}

#[tokio::test]
async fn an_owners_word_turns_their_check_and_names_the_request() {
    let site = Site::new().await;
    let marek = "user_dispatcher_marek";
    let word = json!({"check": "checklist/role-headers"});
    let request = site.posting(marek, WORDS, &word).header("x-request-id", "req-42");
    let done = answer(request).await.expect(201);
    let accepted = done.json();
    assert_eq!(accepted["authentication"], "mock");
    assert_eq!(accepted["gate"], json!({"id": "checklist", "passed": 1, "total": 6}));
    let path = done.header("location").to_owned();
    let packet = site.get("user_md_anna", &path).await.expect(200).json();
    assert_eq!(packet["sha256"], accepted["sha256"]);
    assert_eq!(
        packet["ran"],
        "accept checklist/role-headers --as user_dispatcher_marek, by request req-42"
    );
    assert_eq!(score(&site.get(marek, GATES).await.json(), "checklist"), (1, 6));
    let back = json!({"check": "checklist/role-headers", "revoke": true});
    site.post(marek, WORDS, &back).await.expect(201);
    assert_eq!(score(&site.get(marek, GATES).await.json(), "checklist"), (0, 6));
    let chain = EvidenceStore::at(&site.settings.state());
    assert!(chain.verify(None).unwrap().passed());
    let sealed = chain.load("2").unwrap();
    assert!(RecordedAcceptance::read(sealed.packet()).unwrap().unwrap().revoked);
}

#[tokio::test]
async fn a_word_is_its_owners_alone_and_nothing_is_sealed_for_another() {
    let site = Site::new().await;
    let word = json!({"check": "checklist/role-headers"});
    let refused = site.post("user_md_anna", WORDS, &word).await.expect(409).json();
    assert!(refused["detail"].as_str().unwrap().contains("Marek"), "{refused}");
    site.post("driver_tarasenko", WORDS, &word).await.expect(409);
    site.post("managing_director_00001", WORDS, &word).await.expect(403);
    let unknown = json!({"check": "checklist/nothing"});
    site.post("user_md_anna", WORDS, &unknown).await.expect(422);
    let secret = json!({"check": "checklist/role-headers", "values": {"x": "hunter2"}});
    let refused = site.post("user_dispatcher_marek", WORDS, &secret).await.expect(422);
    assert!(!refused.text.contains("hunter2"), "{refused:?}");
    assert!(EvidenceStore::at(&site.settings.state()).list().unwrap().packets.is_empty());
}

#[tokio::test]
async fn the_same_word_sent_many_times_at_once_is_sealed_once() {
    let site = Site::new().await;
    let word = json!({"check": "checklist/role-headers"});
    let send = |_| {
        let request = site.posting("user_dispatcher_marek", WORDS, &word);
        answer(request.header("idempotency-key", "word-1"))
    };
    let answers = futures::future::join_all((0..6).map(send)).await;
    let first = answers[0].json();
    for one in answers {
        assert_eq!(one.expect(201).json(), first);
    }
    assert_eq!(EvidenceStore::at(&site.settings.state()).list().unwrap().packets.len(), 1);
}
