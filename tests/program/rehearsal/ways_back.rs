//! Each way in which a staging that is ready turns back, with the digests of then and now.

use crate::external::External;
use crate::rehearsal::site::{Judged, Site, WORDS};
use crate::support;
use flowcontrol_database::TlsTrust;
use flowcontrol_servers::local;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;

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
    assert!(reason.contains(what) && reason.contains("but the current one"), "{reason}");
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
    names_both(&now, "dry-run/schema-map", "was made for migrations", None);
    names_both(&now, "rollback-drill/storage-fallback", "was made for migrations", None);
    assert_eq!(now.figure("connection"), "4/4", "no migration is about a server");
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

    // Another target in it.
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
    assert_eq!(now.reason(check), "Marek Zielinski revoked the acceptance");
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
        ("dry-run/snapshot-export", "was made for snapshot"),
        ("rollback-drill/audit-packet", "was made for snapshot"),
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

/// An address behind which another server can come to stand.
struct Address {
    port: u16,
    behind: Arc<AtomicU16>,
}

impl Address {
    fn of(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = Arc::new(AtomicU16::new(server));
        let now = Arc::clone(&behind);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, now.load(Ordering::SeqCst)));
                let Ok(server) = server else { continue };
                for (mut from, mut to) in
                    [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
                {
                    thread::spawn(move || {
                        // Whoever hangs up ends both ways.
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(std::net::Shutdown::Both);
                    });
                }
            }
        });
        Self { port, behind }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_behind_the_same_address_makes_a_dry_run_stale() {
    let test = "another_server_behind_the_same_address_makes_a_dry_run_stale";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let other = local::start_blocking(&support::settings(), &|_| {}).unwrap();
    let (second, superuser) = support::way_in(&other);
    let external = External::new("moved").await;
    external.provision(&second, &superuser).await;
    let place = &external.place;
    let [first_ca, second_ca] = [&external.endpoint, &second].map(|endpoint| match &endpoint.tls {
        TlsTrust::VerifyFull { ca: Some(ca) } => ca.clone(),
        tls => panic!("{tls:?}"),
    });
    let both = place.secrets().join("authorities.pem");
    let authorities = [&first_ca, &second_ca].map(|ca| std::fs::read_to_string(ca).unwrap());
    std::fs::write(&both, authorities.concat()).unwrap();
    let address = Address::of(external.endpoint.port);
    external.configure_at("127.0.0.1", address.port, "postgres", "");
    let file = place.work().join("flowcontrol.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace(&first_ca.display().to_string(), &both.display().to_string());
    std::fs::write(&file, text).unwrap();

    place.seed(60, 1);
    place.run(&["rehearse", "--target", "external"]).expect(0);
    place.run(&["gates", "--require", "dry-run"]).expect(0);
    // The same machine again is the same server, whatever is connected anew.
    place.run(&["connect", "--target", "external"]).expect(0);
    place.run(&["gates", "--require", "dry-run"]).expect(0);

    address.behind.store(second.port, Ordering::SeqCst);
    place.run(&["connect", "--target", "external"]).expect(0);
    let now = Judged(place.run(&["--format", "json", "gates"]).expect(0).json());
    assert_eq!((now.figure("connection"), now.figure("dry-run")), ("4/4".into(), "0/5".into()));
    let reason = now.reason("dry-run/adapter-replay-transcript");
    assert!(reason.contains("was made on server bfg-"), "{reason}");
    assert!(reason.contains("but the current connection is to bfg-"), "{reason}");
    assert_eq!(now.decision("release"), Some("BLOCKED_PENDING_DRY_RUN"));
    place.run(&["rehearse", "--target", "external"]).expect(0);
    place.run(&["gates", "--require", "dry-run"]).expect(0);
    drop(other);
}
