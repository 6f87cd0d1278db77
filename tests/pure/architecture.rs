//! The house's arrows: who may depend on whom.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The project's own packages that a manifest depends on, outside tests.
fn own_dependencies(manifest: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(manifest).unwrap();
    let value: toml::Table = text.parse().unwrap();
    let Some(dependencies) = value.get("dependencies").and_then(|d| d.as_table()) else {
        return Vec::new();
    };
    dependencies.keys().filter(|k| k.starts_with("flowcontrol")).cloned().collect()
}

#[test]
fn packages_depend_towards_the_contract() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("adapters/contract", &[][..]),
        ("adapters/conformance", &["flowcontrol-contract"]),
        // Its own failures as the contract's error, for those that ask for it.
        ("adapters/files", &["flowcontrol-contract"]),
        ("adapters/client", &["flowcontrol-contract"]),
        ("adapters/standin", &[]),
        ("adapters/auth", &["flowcontrol-client", "flowcontrol-contract"]),
        (
            "adapters/ksef",
            &[
                "flowcontrol-client",
                "flowcontrol-contract",
                "flowcontrol-files",
                "flowcontrol-ksef-invoice",
                "flowcontrol-ksef-wire",
            ],
        ),
        ("adapters/ksef-invoice", &[]),
        (
            "adapters/ksef-simulator",
            &[
                "flowcontrol-contract",
                "flowcontrol-files",
                // The kind `mock-ksef`: the client connected to a simulator of its own.
                "flowcontrol-ksef",
                "flowcontrol-ksef-invoice",
                "flowcontrol-ksef-wire",
                "flowcontrol-standin",
            ],
        ),
        ("adapters/ksef-testkit", &["flowcontrol-testkit"]),
        ("adapters/ksef-wire", &["flowcontrol-contract", "flowcontrol-ksef-invoice"]),
        ("adapters/store-file", &["flowcontrol-contract", "flowcontrol-files"]),
        ("adapters/store-postgres", &["flowcontrol-contract"]),
        ("examples/custom-adapter", &["flowcontrol-contract"]),
    ]);
    for (package, may) in &allowed {
        let has = own_dependencies(&root().join(package).join("Cargo.toml"));
        assert_eq!(has, may.to_vec(), "{package}");
    }
    let adapters = std::fs::read_dir(root().join("adapters")).unwrap();
    for entry in adapters {
        let name = format!("adapters/{}", entry.unwrap().file_name().to_string_lossy());
        assert!(allowed.contains_key(name.as_str()), "{name} is not in this test's list");
    }
}

#[test]
fn only_the_registry_names_adapters() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    assert!(files.len() > 20, "only {} files found", files.len());
    for file in files {
        if file.ends_with("src/registry.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.split("//").next().unwrap_or("");
            // The log filter names crates as text; that is no dependency.
            let names = ["flowcontrol_store_", "flowcontrol_auth", "flowcontrol_ksef"];
            // A library of functions on data, which the command line may use.
            let code = code.replace("flowcontrol_ksef_invoice", "");
            let named = names.iter().any(|n| code.contains(n)) && !code.contains("=info");
            assert!(!named, "{}:{number} names an adapter crate", file.display());
        }
    }
}

/// Modules of the root package that decide: no clock, no environment, no files, no network.
const PURE: [&str; 2] = ["src/gates", "src/runbook/plan.rs"];

#[test]
fn what_decides_has_no_effects() {
    for place in PURE {
        let path = root().join(place);
        let mut files = Vec::new();
        if path.is_dir() {
            rust_files(&path, &mut files)
        } else {
            files.push(path)
        }
        assert!(!files.is_empty(), "{place} is gone");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for word in [
                "std::env",
                "std::fs",
                "tokio::",
                "sqlx::",
                "SystemTime",
                "Timestamp::now",
                "Instant::now",
            ] {
                assert!(!text.contains(word), "{} uses {word}", file.display());
            }
        }
    }
}

#[test]
fn clocks_randomness_and_the_environment_are_read_in_one_place_each() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let place = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        for (word, homes) in [
            ("SystemTime::now", &[][..]),
            ("Timestamp::now", &["src/clock.rs"]),
            ("Instant::now", &["src/clock.rs"]),
            ("OffsetDateTime::now", &[]),
            ("rand::", &["src/clock.rs"]),
            ("env::var", &["src/config/", "src/cli/"]),
        ] {
            let used = text.contains(word);
            assert!(!used || homes.iter().any(|h| place.starts_with(h)), "{place} uses {word}");
        }
    }
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let mut files = Vec::new();
    for dir in ["src", "adapters", "examples"] {
        rust_files(&root().join(dir), &mut files);
    }
    for file in files {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 800, "{} has {lines} lines; split it by noun", file.display());
    }
}

#[test]
fn nothing_but_tests_and_checks_points_outside_the_project() {
    let mut files = Vec::new();
    for dir in ["src", "adapters", "examples", "migrations"] {
        rust_files(&root().join(dir), &mut files);
    }
    let is_test = |file: &Path| file.components().any(|part| part.as_os_str() == "tests");
    for file in files.iter().filter(|file| !is_test(file)) {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(!text.contains("../shared"), "{}", file.display());
    }
}
