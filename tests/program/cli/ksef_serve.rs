//! `ksef serve`: the simulator as a program.

use super::place::Place;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Child;

/// Starts it and reads what it says once it listens.
fn serving(place: &Place, more: &str) -> (Child, Value) {
    let line = format!("ksef serve --listen 127.0.0.1:0 --state ksef --format json {more}");
    let mut child = place.start(&line);
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    while !said.trim_end().ends_with('}') {
        assert_ne!(out.read_line(&mut said).unwrap(), 0, "it ended: {said}");
    }
    (child, serde_json::from_str(&said).unwrap())
}

fn ended(mut child: Child, signal: Signal) -> Option<i32> {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    child.wait().unwrap().code()
}

fn asked(listening: &Value, path: &str) -> String {
    let mut stream = TcpStream::connect(listening.as_str().unwrap()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_says_where_it_listens_and_keeps_its_token_over_restarts() {
    let place = Place::new();
    let (child, said) = serving(&place, "--fault keys:status=503");
    assert!(asked(&said["listening"], "/simulator").contains("keys:status=503"));
    let keys = "/v2/security/public-key-certificates";
    assert!(asked(&said["listening"], keys).starts_with("HTTP/1.1 503"));
    assert!(asked(&said["listening"], keys).contains("KsefTokenEncryption"));
    let file = said["token_file"].as_str().unwrap();
    let token = place.read(file);
    assert!(token.len() > 100 && !said.to_string().contains(std::str::from_utf8(&token).unwrap()));
    assert_eq!(ended(child, Signal::SIGTERM), Some(0));
    let (child, said) = serving(&place, "");
    assert_eq!(place.read(said["token_file"].as_str().unwrap()), token);
    assert_eq!(ended(child, Signal::SIGINT), Some(0));
}

#[test]
fn what_is_wrong_is_named() {
    let place = Place::new();
    let said = place.run("ksef serve --fault send:losst").refused(2);
    assert!(said.contains("unknown fault \"losst\""), "{said}");
    let said = place.run("ksef serve --context 5265877636").refused(2);
    assert!(said.contains("checksum"), "{said}");
    let said = place.run("ksef serve --listen 0.0.0.0:0").refused(2);
    assert!(said.contains("loopback only"), "{said}");
    let (child, _) = serving(&place, "");
    let said = place.run("ksef serve --listen 127.0.0.1:0 --state ksef").refused(1);
    assert!(said.contains("another simulator uses ksef"), "{said}");
    assert_eq!(ended(child, Signal::SIGTERM), Some(0));
}
