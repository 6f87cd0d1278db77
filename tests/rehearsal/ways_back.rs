//! Each way in which a staging that is ready turns back, with the digests of then and now.

use crate::site::{Judged, Site, WORDS};
use crate::support;
use std::path::Path;

/// What a cutover to staging rests on.
const RESTING: [&str; 6] =
    ["dry-run", "checklist", "release", "rollback-drill", "preflight", "runbook"];

/// None of `gates` is ready, what is open names a command, and no cutover begins.
#[track_caller]
fn turned_back(site: &Site, gates: &[&str]) -> Judged {
    let now = site.judged("--for staging");
    for gate in gates.iter().chain(&["cutover"]) {
        assert!(now.open().contains(gate), "{gate}: {}", now.figures());
    }
    let refused = site.run("cutover run --for staging").expect(1);
    assert!(refused.err.contains("NO-GO for a cutover to profile staging"), "{refused}");
    now
}

/// A check that is next, and whose reason names two digests: `then` and another.
#[track_caller]
fn names_both(judged: &Judged, check: &str, what: &str, then: Option<&str>) {
    let found = judged.check(check);
    assert_eq!(found["verdict"], "next", "{found}");
    let reason = found["reason"].as_str().unwrap();
    assert!(reason.contains(what) && reason.contains("in force is"), "{reason}");
    let digests: Vec<&str> =
        reason.split([' ', ',', ';']).filter(|w| w.starts_with("bfg-")).collect();
    let [.., before, now] = digests[..] else { panic!("{reason}") };
    assert_ne!(before, now, "{reason}");
    assert!(then.is_none_or(|then| then == before), "{reason}");
    // A drill before the handoff that it drills would be for nothing.
    assert!(found["command"].is_string() || check.starts_with("rollback-drill/"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_back_turns_what_relied_on_it_and_names_both_digests() {
    let test = "each_way_back_turns_what_relied_on_it_and_names_both_digests";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let site = Site::new("ways_back").await;
    let folder = site.place().work().join("migrations");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"), &folder);
    site.amend(|text| text.replacen("# dir = \"migrations\"", "dir = \"migrations\"", 1));
    site.place().seed(60, 1);
    site.made_ready();
    let ready = site.judged("--for staging");

    // An edited migration, put back again.
    let last = newest(&folder);
    let text = std::fs::read_to_string(&last).unwrap();
    std::fs::write(&last, format!("{text}-- edited\n")).unwrap();
    let now = turned_back(&site, &RESTING);
    names_both(&now, "dry-run/schema-map", "was made of migrations", None);
    names_both(&now, "rollback-drill/storage-fallback", "was made of migrations", None);
    assert_eq!(now.figure("connection"), "4/4", "no migration speaks of a server");
    std::fs::write(&last, text).unwrap();
    assert_eq!(site.judged("--for staging").figures(), ready.figures());

    // Another configuration.
    let configuration = site.configuration();
    site.amend(|text| text.replacen("lock_timeout_ms = 2000", "lock_timeout_ms = 3000", 1));
    let now = turned_back(&site, &[&RESTING[..], &["connection"]].concat());
    for check in
        ["connection/tls-fingerprint", "dry-run/rbac-claims", "rollback-drill/freeze-window"]
    {
        names_both(&now, check, "was made for configuration", None);
    }
    names_both(&now, "checklist/db-schema", "accepted configuration", None);
    site.amend(|_| configuration.clone());
    assert_eq!(site.judged("--for staging").figures(), ready.figures());

    // A new target: what was proved on the one says nothing of the other.
    let other = format!("host = \"{}\"", "localhost");
    site.amend(|text| {
        let host = format!("host = \"{}\"", site.external.endpoint.host);
        let (before, target) = text.split_once("[target.external]").unwrap();
        format!("{before}[target.external]{}", target.replacen(&host, &other, 1))
    });
    let now = turned_back(&site, &[&RESTING[..], &["connection"]].concat());
    names_both(&now, "connection/endpoint-reachability", "was made for configuration", None);
    names_both(&now, "dry-run/adapter-replay-transcript", "was made for configuration", None);
    site.amend(|_| configuration);

    // A word that is taken back, and given again.
    let (check, actor) = WORDS[1];
    site.accepts(actor, check, "--for staging --revoke");
    let now = turned_back(&site, &["checklist", "board", "release", "rollback-drill", "runbook"]);
    assert_eq!(now.reason(check), "Marek Zielinski took the acceptance back");
    assert_eq!(now.check(check)["verdict"], "next");
    assert_eq!(now.figure("dry-run"), "5/5", "what ran has run");
    site.accepts(actor, check, "--for staging");
    assert_eq!(site.judged("--for staging").figures(), ready.figures());

    // A new record.
    let then = format!("bfg-{}", &ready.0["snapshot"].as_str().unwrap()[..8]);
    site.append("one-more").expect(0);
    let now = turned_back(&site, &[&RESTING[..], &["board"]].concat());
    let short = format!("bfg-{}", &now.0["snapshot"].as_str().unwrap()[..8]);
    for (check, what) in [
        ("dry-run/snapshot-export", "was made of snapshot"),
        ("rollback-drill/audit-packet", "was made of snapshot"),
        ("checklist/contracts-frozen", "accepted snapshot"),
    ] {
        names_both(&now, check, what, Some(&then));
        assert!(now.reason(check).ends_with(&short), "{}", now.reason(check));
    }
    assert_eq!(now.figure("connection"), "4/4", "it says nothing of records");
    assert!(!site.migrated().await, "nothing of all this reached the database");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// The last `up` of a folder of migrations.
fn newest(folder: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.to_string_lossy().ends_with(".up.sql")).max().unwrap()
}
