//! Help, versions and mistyped lines.

use super::place::Place;

const COMMANDS: &[&str] = &[
    "init",
    "demo seed",
    "scenario show",
    "scenario append",
    "scenario tail",
    "scenario trail",
    "scenario freeze",
    "scenario thaw",
    "snapshot freeze",
    "snapshot verify",
    "snapshot diff",
    "snapshot import",
    "adapters list",
    "adapters check",
    "adapters plan",
    "migrate plan",
    "migrate up",
    "migrate down",
    "migrate status",
    "migrate verify",
    "migrate lint",
    "migrate runbook",
    "migrate roles",
    "rehearse",
    "connect",
    "evidence list",
    "evidence show",
    "evidence verify",
    "evidence export",
    "evidence import",
    "gates",
    "cutover plan",
    "cutover run",
    "cutover abort",
    "release env",
    "rollback env",
    "rollback drill",
    "accept",
    "serve",
    "dossier",
    "auth login",
    "auth whoami",
    "auth logout",
    "ksef build",
    "ksef validate",
    "ksef submit",
    "ksef status",
    "ksef upo",
    "ksef limits",
    "ksef serve",
    "ksef qr",
    "keys new",
    "keys show",
    "completions",
];

#[test]
fn help_of_the_program() {
    insta::assert_snapshot!("help", Place::new().run("--help").fine());
}

#[test]
fn help_of_every_command() {
    let place = Place::new();
    let mut all = String::new();
    for command in COMMANDS {
        let help = place.run(&format!("{command} -h")).fine();
        // The options of every command are in the program's own help.
        let (own, rest) = help.split_once("Options of every command:").unwrap();
        let foot = rest.split_once("\n\n").map_or("", |(_, foot)| foot);
        all.push_str(&format!("== {command}\n{}\n{foot}\n", own.trim_end()));
    }
    insta::assert_snapshot!("help_of_every_command", all);
}

#[test]
fn every_command_of_the_program_has_its_help_looked_at() {
    let place = Place::new();
    let names = |line: &str| -> Vec<String> {
        let help = place.run(&format!("{line} -h")).fine();
        let section = help.split("Commands:\n").nth(1).unwrap_or("");
        let section = section.split("\n\n").next().unwrap();
        let named = section.lines().filter(|l| l.starts_with("  ") && !l.starts_with("   "));
        named.map(|l| l.split_whitespace().next().unwrap().to_owned()).collect()
    };
    for command in names("").iter().filter(|name| !["help", "doctor"].contains(&name.as_str())) {
        let below = names(command);
        let lines = match below.is_empty() {
            true => vec![command.clone()],
            false => {
                below.iter().filter(|n| *n != "help").map(|n| format!("{command} {n}")).collect()
            }
        };
        for line in lines {
            assert!(COMMANDS.contains(&line.as_str()), "{line} is missing in this test's list");
        }
    }
}

#[test]
fn the_version_is_one_line() {
    let version = format!("flowcontrol {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(Place::new().run("--version").fine(), version);
}

#[test]
fn a_line_without_a_command_shows_the_help_and_is_wrong_usage() {
    let said = Place::new().run("");
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("Usage: flowcontrol"), "{}", said.err);
}

#[test]
fn mistyped_lines_say_what_is_known() {
    let place = Place::new();
    let mut all = String::new();
    for line in [
        "frobnicate",
        "rehears",
        "demo sed",
        "demo seed --recods 5",
        "demo seed --records -5",
        "demo seed --records many",
        "demo seed --records 0",
        "demo seed --tenants 0",
        "demo seed --tenants 4000000000",
        "demo seed --records 2 --tenants 3",
        "snapshot freeze",
        "snapshot verify a b",
        "--format yaml adapters list",
        "--color sometimes adapters list",
        "rehearse --target docker",
        "rehearse --report json,html",
        "rehearse --resume",
        "connect --target vm",
        "migrate lint --report html",
        "migrate down",
        "completions tcsh",
        "evidence verify --head abc",
        "evidence show 7",
        "evidence export",
        "evidence export --out e.tar.zst",
        "evidence import e.tar.zst",
        "evidence verify --archive e.tar.zst",
        "gates conection",
        "gates --require everything",
        "gates --for stagin",
        "--profile stagin adapters list",
        "accept",
        "dossier",
        "accept checklist/role-header --as user_dispatcher_marek",
        "accept role-header --as user_dispatcher_marek",
        "accept connection/tls-fingerprint --as user_md_anna",
        "accept rbac-claims --as user_md_anna",
        "accept checklist/role-headers --as user_dispatcher_mark",
        "accept hosting --as user_md_anna",
        "accept hosting --as user_md_anna --value provider",
        "accept hosting --as user_md_anna --value password=tajne",
        "accept hosting --as user_md_anna --value provider=a --value provider=b",
        "accept role-headers --as user_dispatcher_marek --value provider=a",
    ] {
        all.push_str(&format!("$ flowcontrol {line}\n{}", place.run(line).refused(2)));
    }
    insta::assert_snapshot!("mistyped_lines", all);
    assert!(place.names().is_empty(), "a mistyped line leaves nothing: {:?}", place.names());
}

#[test]
fn a_mistyped_line_is_json_where_that_was_asked_for() {
    let place = Place::new();
    for line in [
        "frob --format json",
        "--format=json demo seed --records x",
        "--format json --profile x adapters list",
    ] {
        let said = place.run(line);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
        let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
        assert_eq!(error["error"]["exit"], 2);
        assert!(!error["error"]["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_wrong_variable_is_named() {
    let said = Place::new().with("FLOWCONTROL_TARGET", "docker", "rehearse").refused(2);
    assert!(said.contains("environment variable FLOWCONTROL_TARGET"), "{said}");
    let said =
        Place::new().with("FLOWCONTROL_TARGET", "local", "rehearse --target docker").refused(2);
    assert!(!said.contains("environment variable"), "{said}");
}
