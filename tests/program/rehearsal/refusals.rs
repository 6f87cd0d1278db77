//! Servers that must not be written to: nothing is migrated, and nothing is sent too early.

use crate::database::run;
use crate::external::External;
use crate::support;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const REHEARSE: [&str; 5] = ["--format", "json", "rehearse", "--target", "external"];

fn check<'r>(report: &'r Value, id: &str) -> &'r Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id}: {report:#}"))
}

fn nothing_was_migrated(report: &Value) {
    assert_eq!(report["decision"], "NO-GO", "{report:#}");
    for part in ["migrations", "replay", "verify", "rollback"] {
        let part = &report[part];
        assert!(part.is_null() || part.as_array().is_some_and(Vec::is_empty), "{report:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_cannot_write_stops_it_before_the_migrations() {
    let test = "an_owner_who_cannot_write_stops_it_before_the_migrations";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let external = External::new("readonly").await;
    external.place.seed(60, 2);
    let mut conn = external.superuser("postgres").await;
    let set = "set default_transaction_read_only = on";
    run(&mut conn, format!("alter role {} {set}", external.names.owner)).await;
    let report = external.place.run(&REHEARSE).expect(3).json();
    let probe = check(&report, "write-probe");
    assert_ne!(probe["verdict"], "ready");
    assert!(probe["reason"].as_str().unwrap().contains("is read-only"), "{probe}");
    nothing_was_migrated(&report);
    assert_eq!(external.databases().await, Vec::<String>::new());

    // And an administrator who cannot: not even the database is made.
    run(&mut conn, format!("alter role {} {set}", external.admin.user)).await;
    let report = external.place.run(&REHEARSE).expect(3).json();
    nothing_was_migrated(&report);
    assert_eq!(external.databases().await, Vec::<String>::new());
    external.place.evidence_verifies();
}

/// Passes connections on to the server, and counts them.
fn relay(to: (String, u16)) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            let client = client.unwrap();
            let server = TcpStream::connect(&to).unwrap();
            for (mut from, mut into) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                std::thread::spawn(move || {
                    // Either side may hang up at any moment; then the other is hung up on.
                    drop(std::io::copy(&mut from, &mut into));
                    drop(into.shutdown(std::net::Shutdown::Both));
                });
            }
        }
    });
    (port, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_certificate_gets_no_password() {
    if support::server_or_skip("a_changed_certificate_gets_no_password").is_none() {
        return;
    }
    let external = External::new("pin").await;
    external.place.seed(60, 2);
    let (port, connections) = relay((external.endpoint.host.clone(), external.endpoint.port));
    let pin = "0123456789abcdef".repeat(4);
    external.configure_at("127.0.0.1", port, "postgres", &format!(", fingerprint = \"{pin}\""));
    let ended = external.place.run(&REHEARSE).expect(3);
    assert!(ended.out.contains("certificate") && ended.out.contains(&pin), "{ended}");
    nothing_was_migrated(&ended.json());
    // The handshake that shows the certificate; a login would have been another connection.
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert_eq!(external.databases().await, Vec::<String>::new());

    let ended = external.place.run(&["--format", "json", "connect", "--target", "external"]);
    assert_ne!(ended.code(), Some(0), "{ended}");
    assert_eq!(connections.load(Ordering::SeqCst), 2, "connect logs in no more than rehearse");
    external.place.evidence_verifies();
}

/// Answers as a Postgres server without TLS, and keeps what it was sent.
fn plain() -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&sent);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut request = [0; 8];
            if client.read_exact(&mut request).is_err() || client.write_all(b"N").is_err() {
                continue;
            }
            let mut more = Vec::new();
            // A client that goes away is what is wanted.
            drop(client.read_to_end(&mut more));
            kept.lock().unwrap().extend(more);
        }
    });
    (port, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_told_nothing() {
    if support::server_or_skip("a_server_without_tls_is_told_nothing").is_none() {
        return;
    }
    let external = External::new("plain").await;
    external.place.seed(60, 2);
    let (port, sent) = plain();
    for pin in [String::new(), format!(", fingerprint = \"{}\"", "ab".repeat(32))] {
        external.configure_at("127.0.0.1", port, "postgres", &pin);
        let ended = external.place.run(&REHEARSE).expect(3);
        assert!(ended.out.contains("TLS"), "{ended}");
        nothing_was_migrated(&ended.json());
    }
    assert_eq!(*sent.lock().unwrap(), Vec::<u8>::new(), "not a byte after the question for TLS");
    external.place.evidence_verifies();
}
