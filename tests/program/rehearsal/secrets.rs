//! Passwords appear nowhere: not on the screen, not in logs, not in evidence, not in reports.

use crate::external::External;
use crate::support;
use flowcontrol_testkit::place::Ended;
use std::path::Path;

/// Every distinctive word that must not appear.
const CANARIES: [&str; 2] = ["KanarekZolty", "KanarekSrodowiska"];

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Everything that a run showed or wrote is free of the canaries.
fn silent(external: &External, what: &str, ended: &Ended) {
    let mut all = Vec::new();
    files(&external.place.work(), &mut all);
    files(&external.place.temp(), &mut all);
    assert!(all.len() > 2, "{what}: the run leaves files to look into");
    for canary in CANARIES {
        assert!(!ended.out.contains(canary), "{what}: {ended}");
        assert!(!ended.err.contains(canary), "{what}: {ended}");
        for file in &all {
            let bytes = std::fs::read(file).unwrap();
            let held = bytes.windows(canary.len()).any(|part| part == canary.as_bytes());
            assert!(!held, "{what}: {} holds {canary}", file.display());
        }
    }
}

fn rehearse(external: &External) -> Ended {
    let mut command = external.place.command(&[
        "-vv",
        "rehearse",
        "--target",
        "external",
        "--report",
        "json,junit,markdown,sarif,github",
    ]);
    command.env("BFG_REPLAYER_PASSWORD", CANARIES[1]).env("PGPASSWORD", CANARIES[1]);
    let output = command.output().unwrap();
    Ended {
        status: output.status,
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_appears_nowhere() {
    if support::server_or_skip("a_password_appears_nowhere").is_none() {
        return;
    }
    let external = External::new(CANARIES[0]).await;
    external.place.seed(60, 2);
    let good = rehearse(&external).expect(0);
    assert!(good.err.contains("DEBUG") || good.err.contains("begun"), "-vv says something: {good}");
    silent(&external, "a good run", &good);

    let config = external.place.work().join("flowcontrol.toml");
    let healthy = std::fs::read_to_string(&config).unwrap();
    // The replayer's password now comes from the environment, and is wrong.
    let file = external.place.secrets().join("replayer");
    let from_file = format!("password = {{ file = \"{}\" }}", file.display());
    assert!(healthy.contains(&from_file));
    let from_env = healthy.replace(&from_file, "password = { env = \"BFG_REPLAYER_PASSWORD\" }");
    std::fs::write(&config, from_env).unwrap();
    let ended = rehearse(&external).expect(3);
    assert!(ended.out.contains(&external.names.replayer), "it names the login: {ended}");
    silent(&external, "a wrong password from the environment", &ended);

    std::fs::write(&config, &healthy).unwrap();
    for role in ["owner", "admin", "application", "verifier"] {
        let file = external.place.secrets().join(role);
        let right = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{}-is-not-it", CANARIES[0])).unwrap();
        let ended = rehearse(&external).expect(3);
        silent(&external, role, &ended);
        std::fs::write(&file, right).unwrap();
    }

    let port = external.endpoint.port;
    external.configure_at("no-such-host.invalid", port, "postgres", "");
    let ended = rehearse(&external).expect(3);
    assert!(ended.out.contains("no-such-host.invalid"), "{ended}");
    silent(&external, "an unknown host", &ended);

    external.configure_at("127.0.0.1", port, "no_such_database", "");
    let ended = rehearse(&external).expect(3);
    assert!(ended.out.contains("no_such_database"), "{ended}");
    silent(&external, "a missing database", &ended);
    assert_eq!(external.databases().await, Vec::<String>::new());
    external.place.evidence_verifies();
}
