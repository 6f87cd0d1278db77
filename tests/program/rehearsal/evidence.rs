//! A healthy rehearsal: its JSON, its evidence, and what is left of it.

use crate::external::External;
use crate::support;
use serde_json::Value;

fn hex(value: &Value) -> &str {
    let text = value.as_str().unwrap_or_else(|| panic!("no digest: {value}"));
    assert!(text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()), "{text}");
    text
}

fn positive(value: &Value) -> u64 {
    let number = value.as_u64().unwrap_or_else(|| panic!("no count: {value}"));
    assert!(number > 0);
    number
}

/// Every key that the specification names, with a value that makes sense.
fn as_specified(report: &Value) {
    assert!(report["schema"].as_str().unwrap().ends_with(".v1"));
    let sha256 = hex(&report["snapshot"]["sha256"]);
    assert_eq!(report["snapshot"]["short"], format!("bfg-{}", &sha256[..8]));
    let records = positive(&report["snapshot"]["records"]);
    assert_eq!(report["target"]["kind"], "external");
    assert!(!report["target"]["server_version"].as_str().unwrap().is_empty());
    let migrations = report["migrations"].as_array().unwrap();
    assert!(migrations.len() >= 7);
    for migration in migrations {
        assert!(!migration["version"].as_str().unwrap().is_empty());
        assert!(!migration["name"].as_str().unwrap().is_empty());
        assert!(migration["seconds"].as_f64().unwrap() > 0.0);
        assert!(migration.get("max_lock").is_some(), "{migration}");
    }
    assert_eq!(positive(&report["replay"]["records"]), records);
    positive(&report["replay"]["chunks"]);
    assert!(report["replay"]["seconds"].as_f64().unwrap() > 0.0);
    let tables = report["replay"]["tables"].as_array().unwrap();
    let rows_of = |name: &str| {
        let table = tables.iter().find(|table| table["name"] == name).unwrap();
        hex(&table["sha256"]);
        positive(&table["rows"])
    };
    assert_eq!(rows_of("records"), records);
    for table in ["users", "orders", "documents", "invoices", "payments"] {
        rows_of(table);
    }
    assert_eq!(report["verify"]["matched"], true);
    assert_eq!(report["verify"]["mismatches"], serde_json::json!([]));
    positive(&report["isolation"]["probes"]);
    assert_eq!(report["isolation"]["leaks"], serde_json::json!([]));
    assert_eq!(report["rollback"]["sha256"], sha256);
    assert_eq!(report["rollback"]["equal"], true);
    let checks = report["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 9, "4 of connection, 5 of dry run");
    for check in checks {
        assert_eq!(check["verdict"], "ready", "{check}");
        for key in ["gate", "id", "reason"] {
            assert!(!check[key].as_str().unwrap().is_empty(), "{check}");
        }
    }
    assert_eq!(report["decision"], "GO");
    for packet in report["packets"].as_array().unwrap() {
        hex(&packet["sha256"]);
        assert!(packet["schema"].as_str().unwrap().contains(".v"), "{packet}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_run_says_all_and_leaves_only_its_folder() {
    if support::server_or_skip("a_healthy_run_says_all_and_leaves_only_its_folder").is_none() {
        return;
    }
    let external = External::new("healthy").await;
    let place = &external.place;
    place.seed(600, 3);
    // The right pin is accepted.
    let seen = flowcontrol::probe::target::certificate(
        &external.endpoint,
        std::time::Duration::from_secs(60),
    );
    let fingerprint = seen.await.unwrap().unwrap().fingerprint;
    external.configure(&format!(", fingerprint = \"{fingerprint}\""));
    let report =
        place.run(&["--format", "json", "rehearse", "--target", "external"]).expect(0).json();
    as_specified(&report);

    // What was frozen is kept, and anyone can check that it is what the report says.
    let runs = place.state().join("rehearsals");
    let [run] = std::fs::read_dir(runs)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let kept: Vec<_> = std::fs::read_dir(&run)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(kept, ["snapshot.jsonl.zst"]);
    let file = run.join("snapshot.jsonl.zst").display().to_string();
    let checked = place.run(&["--format", "json", "snapshot", "verify", &file]).expect(0).json();
    assert_eq!(checked["sha256"], report["snapshot"]["sha256"]);
    assert_eq!(external.databases().await, Vec::<String>::new());
    assert_eq!(place.left_over(), Vec::<String>::new());

    // The chain holds what the report names, packet by packet.
    place.evidence_verifies();
    let packets = report["packets"].as_array().unwrap();
    assert_eq!(packets.len(), place.packets().len());
    let head = hex(&packets.last().unwrap()["sha256"]).to_owned();
    place.run(&["evidence", "verify", "--head", &head]).expect(0);
    for edited in packets {
        let name = edited["path"].as_str().unwrap();
        let path = place.work().join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let changed = text.replacen("\"passed\"", "\"failed\"", 1);
        assert_ne!(changed, text, "{name} says that something passed");
        std::fs::write(&path, changed).unwrap();
        let found = place.run(&["evidence", "verify"]).expect(1);
        let file = path.file_name().unwrap().to_str().unwrap();
        // A narrow report breaks the line, but not within a word.
        assert!(found.out.contains(file), "{file}: {found}");
        std::fs::write(&path, text).unwrap();
    }
    place.evidence_verifies();
}
