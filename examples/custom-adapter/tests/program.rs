//! The program of this example: the README's commands, with the journal as the store.

#![allow(clippy::unwrap_used, reason = "tests")]

use flowcontrol_testkit::place::Place;
use flowcontrol_testkit::require::skip;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

/// What `init` writes, with the journal in the demo's profile.
fn configured() -> Place {
    let place = Place::of(env!("CARGO_BIN_EXE_custom-adapter").into());
    place.run(&["init", "."]).expect(0);
    let file = place.work().join("flowcontrol.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replacen("store = \"file-local\"", "store = \"journal\"", 1);
    std::fs::write(&file, format!("{text}\n[adapters.journal]\npath = \"scenario.jsonl\"\n"))
        .unwrap();
    place
}

#[test]
fn a_profile_names_the_added_store_and_every_command_works_on_it() {
    let place = configured();
    place.seed(200, 2);
    assert!(place.work().join("scenario.jsonl").is_file());
    let list = place.run(&["adapters", "list", "--format", "json"]).expect(0).json();
    let store = &list["ports"][0];
    assert_eq!((&store["kind"], &store["mode"]), (&"journal".into(), &"local".into()));
    let known = store["known"].to_string();
    assert_eq!(known, r#"["file-local","journal","postgres-rls"]"#);
    place.run(&["adapters", "check", "store"]).expect(0);
    let gates = place.run(&["gates", "provider-contracts", "--format", "json"]).expect(0).json();
    let check = &gates["gates"][0]["checks"][0];
    assert_eq!(check["verdict"], "ready", "{check}");
    assert!(check["reason"].as_str().unwrap().ends_with("the profile uses journal"), "{check}");
}

#[test]
fn a_local_kind_of_ones_own_is_refused_in_production() {
    let place = configured();
    let file = place.work().join("flowcontrol.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, production) = text.split_once("[profiles.production]").unwrap();
    let production = production.replacen("store = \"postgres-rls\"", "store = \"journal\"", 1);
    std::fs::write(&file, format!("{before}[profiles.production]{production}")).unwrap();
    let refused = place.run(&["gates"]).expect(2);
    assert!(refused.err.contains("store names the local kind \"journal\""), "{refused}");
}

#[test]
fn the_journal_rehearses_and_serves() {
    let place = configured();
    let there = place.run(&["doctor", "--format", "json"]);
    if std::process::Command::new("sh")
        .args(["-c", "ls /usr/lib/postgresql/1[5-8]/bin/initdb || command -v initdb"])
        .output()
        .is_ok_and(|out| out.stdout.is_empty())
    {
        skip("the_journal_rehearses_and_serves", "postgres", &there.out);
        return;
    }
    place.seed(120, 2);
    let told = place.run(&["rehearse", "--target", "local", "--format", "json"]).expect(0).json();
    assert_eq!(told["decision"], "GO");
    assert_eq!(told["replay"]["records"], 120);
    let mut service = place
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(service.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.0\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    service.kill().unwrap();
    service.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
}
