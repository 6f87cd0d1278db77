//! The next action, followed again and again, as somebody would who knows nothing else.

use crate::external::External;
use crate::rehearsal::site::{CONTRACTS, Judged};
use crate::support;
use flowcontrol_testkit::place::Place;
use serde_json::Value;

/// What an owner would fill in.
const VALUES: [(&str, &str); 6] = [
    ("=PROVIDER", "=Hetzner"),
    ("=ACCOUNT", "=bfg-1234"),
    ("=REGION", "=eu-central-1"),
    ("=RUNTIME_OWNER", "=Marek"),
    ("=RPO", "=15m"),
    ("=RESTORE_OWNER", "=Anna"),
];
/// More than there are checks.
const ENOUGH: usize = 80;

/// The way as it was walked.
struct Walk {
    /// Each check with the command that was followed for it.
    steps: Vec<(String, String)>,
    last: Judged,
}

fn judged(place: &Place, options: &[&str]) -> Judged {
    let line = [&["--format", "json", "gates"], options].concat();
    Judged(place.run(&line).expect(0).json())
}

/// Follows what `gates` recommends until it names no command. Every command does what it is
/// recommended for: it ends well, and more checks are ready than before.
fn follow(place: &Place, options: &[&str]) -> Walk {
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut now = judged(place, options);
    for _ in 0..ENOUGH {
        let next = now.0["readiness"]["next_action"].clone();
        let Some(command) = next["command"].as_str() else {
            return Walk { steps, last: now };
        };
        let check = next["check"].as_str().unwrap();
        if let Some((_, rest)) = command.split_once(" accept ") {
            let by = next["owner"]["id"].as_str().unwrap();
            assert!(rest.starts_with(&format!("{check} --as {by}")), "{next}");
            assert!(!next["owner"]["name"].as_str().unwrap().is_empty(), "{next}");
        }
        for line in command.split(" && ") {
            let given = VALUES.iter().fold(line.to_owned(), |l, (name, to)| l.replace(name, to));
            let words: Vec<&str> = given.split_whitespace().collect();
            assert_eq!(words[0], "flowcontrol");
            place.run(&words[1..]).expect(0);
        }
        steps.push((check.to_owned(), command.to_owned()));
        let then = judged(place, options);
        assert!(then.ready() > now.ready(), "{command} moved nothing: {}", then.figures());
        now = then;
    }
    panic!("it never ends: {steps:?}");
}

fn asks_for_a_word(step: &(String, String)) -> bool {
    step.1.contains(" accept ")
}

/// What is still open has no command, and the reason names what this version or the configuration
/// lacks.
fn only_what_is_not_built_is_left(last: &Judged, kind: &str) {
    assert_eq!(last.open(), ["provider-contracts", "wiring", "readiness"]);
    let next = &last.0["readiness"]["next_action"];
    assert_eq!((&next["check"], &next["command"]), (&"wiring/oidc-claims".into(), &Value::Null));
    for gate in last.0["gates"].as_array().unwrap() {
        for check in gate["checks"].as_array().unwrap().iter().filter(|c| c["verdict"] != "ready") {
            assert_eq!(check["command"], Value::Null, "{check}");
            let reason = check["reason"].as_str().unwrap();
            let contracts = format!("provider-contracts is {CONTRACTS}");
            let unset = "] is missing in the configuration";
            let says = ["has no adapter", "is not a live adapter", unset, &contracts];
            assert!(says.iter().any(|s| reason.contains(s)), "{check}");
        }
    }
    assert_eq!(last.figure("wiring"), "5/7");
    assert!(last.reason("wiring/live-credentials").contains(kind));
    assert_eq!(last.0["production"]["decision"], "NO-GO");
}

const OWNERS: [(&str, &str); 6] = [
    ("checklist/contracts-frozen", "user_md_anna"),
    ("checklist/role-headers", "user_dispatcher_marek"),
    ("checklist/scenario-store", "user_dispatcher_marek"),
    ("checklist/db-schema", "user_accountant_olena"),
    ("checklist/secrets-and-auth", "user_accountant_olena"),
    ("checklist/migration-rollback", "user_md_anna"),
];

/// The checks in the order in which they were recommended.
fn expected(before: &[&str], last: &str) -> Vec<String> {
    let after = [
        "rollback-drill/freeze-window",
        "rollback-drill/owner-confirmation",
        "infrastructure/hosting",
        "infrastructure/region",
        "infrastructure/runtime-owner",
        "infrastructure/secrets-and-backup",
        "provider-acceptance/live-provider",
        "provider-acceptance/auth-owner",
        "provider-acceptance/tenant-secrets",
        "provider-acceptance/live-wiring",
        last,
    ];
    let owners = OWNERS.map(|(check, _)| check);
    [before, &owners, &after].concat().into_iter().map(str::to_owned).collect()
}

fn checks(walk: &Walk) -> Vec<String> {
    walk.steps.iter().map(|(check, _)| check.clone()).collect()
}

fn the_first_word_is_annas(walk: &Walk, options: &str) {
    let word = walk.steps.iter().find(|step| asks_for_a_word(step)).unwrap();
    let accept = format!("flowcontrol accept {} --as {}{options}", OWNERS[0].0, OWNERS[0].1);
    assert_eq!(word.1, accept);
    for (check, actor) in OWNERS {
        let (_, command) = walk.steps.iter().find(|(path, _)| path == check).unwrap();
        assert!(command.contains(&format!(" --as {actor}")), "{command}");
    }
}

const SECRETS: &str = "wiring/secrets-backup-boundary";

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_folder_to_the_first_decision_and_on_to_what_is_not_built() {
    let test = "from_an_empty_folder_to_the_first_decision_and_on_to_what_is_not_built";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let place = Place::new();
    let walk = follow(&place, &[]);
    let before = ["connection/endpoint-reachability", "dry-run/snapshot-export"];
    assert_eq!(checks(&walk), expected(&before, SECRETS));
    the_first_word_is_annas(&walk, "");
    only_what_is_not_built_is_left(&walk.last, "file-local");
    place.evidence_verifies();
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_configured_server_to_the_first_decision_and_on_to_what_is_not_built() {
    let test = "from_a_configured_server_to_the_first_decision_and_on_to_what_is_not_built";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let external = External::new("next_demo").await;
    let walk = follow(&external.place, &[]);
    // The scenario of a configuration is filled first: without an actor no connection is complete.
    assert_eq!(walk.steps[0].1, "flowcontrol demo seed");
    assert_eq!(walk.steps[1].1, "flowcontrol connect --target external");
    assert_eq!(walk.steps[2].1, "flowcontrol rehearse --target external");
    let before = [
        "connection/endpoint-reachability",
        "connection/endpoint-reachability",
        "dry-run/snapshot-export",
    ];
    assert_eq!(checks(&walk), expected(&before, SECRETS));
    the_first_word_is_annas(&walk, "");
    only_what_is_not_built_is_left(&walk.last, "file-local");
}

#[tokio::test(flavor = "multi_thread")]
async fn judged_for_staging_every_step_is_one_for_staging() {
    let test = "judged_for_staging_every_step_is_one_for_staging";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let external = External::new("next_staging").await;
    let walk = follow(&external.place, &["--for", "staging"]);
    assert_eq!(walk.steps[0].1, "flowcontrol demo seed");
    let rehearse = "flowcontrol snapshot freeze --out frozen.jsonl.zst && flowcontrol --profile \
                    staging rehearse --target external --snapshot frozen.jsonl.zst";
    assert_eq!(walk.steps[1].1, rehearse);
    let before = ["connection/endpoint-reachability", "connection/endpoint-reachability"];
    assert_eq!(checks(&walk), expected(&before, SECRETS));
    the_first_word_is_annas(&walk, " --for staging");
    let (_, probe) = walk.steps.last().unwrap();
    assert_eq!(probe, "flowcontrol --profile staging adapters check secrets");
    only_what_is_not_built_is_left(&walk.last, "[adapters.oidc-rbac]");
}
