//! What other programs get: JSON, colours, pipes, completions.

use super::place::Place;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

#[test]
fn every_command_answers_with_one_json_document() {
    let place = Place::seeded(60);
    place.digest();
    for line in [
        "init x",
        "scenario show",
        "scenario tail --tenant bfg-control -n 3",
        "scenario tail --tenant bfg-control -n 0",
        "snapshot freeze --out f",
        "snapshot verify f",
        "snapshot diff f f",
        "snapshot import f",
        "adapters list",
        "migrate plan",
        "migrate lint --files-only",
        "migrate runbook",
        "migrate roles",
        "evidence list",
        "evidence verify",
        "completions bash",
    ] {
        let value = place.run(&format!("{line} --format json -v --no-progress"));
        assert_eq!(value.code, Some(0), "{line}: {}", value.err);
        serde_json::from_str::<serde_json::Value>(&value.out)
            .unwrap_or_else(|e| panic!("{line}: {e}\n{}", value.out));
    }
    let empty = Place::new();
    let seeded = empty.run("demo seed --records 9 --format json").json();
    assert_eq!(seeded["records"], 9);
}

#[test]
fn errors_are_json_on_standard_error_where_that_was_asked_for() {
    let place = Place::new();
    for line in [
        "scenario tail --tenant x",
        "snapshot verify absent",
        "migrate up",
        "connect",
        "evidence show 1",
    ] {
        let said = place.run(&format!("{line} --format json"));
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{line}");
        let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
        assert!(error["error"]["hint"].is_string(), "{line}: {}", said.err);
    }
}

#[test]
fn colour_is_a_choice() {
    let place = Place::new();
    let coloured =
        |line: &str, variable: &str| place.with(variable, "1", line).err.contains('\u{1b}');
    assert!(!coloured("scenario tail --tenant x", "UNUSED"));
    assert!(coloured("--color always scenario tail --tenant x", "UNUSED"));
    assert!(coloured("--color always scenario tail --tenant x", "NO_COLOR"));
    assert!(!coloured("--color never scenario tail --tenant x", "CLICOLOR_FORCE"));
    assert!(!coloured("scenario tail --tenant x", "NO_COLOR"));
}

#[test]
fn a_reader_that_stops_early_is_no_failure() {
    let place = Place::seeded(20_000);
    for line in ["scenario tail --tenant bfg-control -n 20000", "--help", "migrate runbook"] {
        let mut child = place.start(line);
        let mut first = [0; 1];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let said = super::place::Said::from(child.wait_with_output().unwrap());
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{line}");
    }
}

#[test]
fn completions_are_scripts_that_their_shell_accepts() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.run(&format!("completions {shell}")).fine();
        assert!(script.contains("rehearse"), "{shell}");
        let Ok(mut child) = Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn() else {
            eprintln!("skipped: {shell} is not on this machine");
            continue;
        };
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{shell}");
    }
}
