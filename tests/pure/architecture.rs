//! Who may depend on whom, where Cargo cannot say it: which of the project's packages a package
//! may name, and the order of the root package's folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const BASE: &str = "flowcontrol-base";

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
        // Its program runs with a store more; the adapter itself knows the contract alone.
        ("examples/custom-adapter", &["flowcontrol", "flowcontrol-contract"]),
        ("testkit", &[]),
        ("engine/base", &["flowcontrol-contract", "flowcontrol-files"]),
        ("engine/database", &[BASE, "flowcontrol-contract"]),
        ("engine/demo", &[BASE, "flowcontrol-contract"]),
        ("engine/evidence", &[BASE, "flowcontrol-contract", "flowcontrol-files"]),
        // The demo's rosters are in tests' inputs alone.
        (
            "engine/gates",
            &[BASE, "flowcontrol-contract", "flowcontrol-demo", "flowcontrol-evidence"],
        ),
        ("engine/isolation", &[BASE, "flowcontrol-contract", "flowcontrol-database"]),
        ("engine/runbook", &[BASE, "flowcontrol-contract", "flowcontrol-database"]),
        ("engine/snapshot", &[BASE, "flowcontrol-contract", "flowcontrol-files"]),
        ("engine/servers", &[BASE, "flowcontrol-contract", "flowcontrol-database"]),
    ]);
    for (package, may) in &allowed {
        let has = own_dependencies(&root().join(package).join("Cargo.toml"));
        assert_eq!(has, may.to_vec(), "{package}");
    }
    for folder in ["adapters", "engine"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
            assert!(allowed.contains_key(name.as_str()), "{name} is not in this test's list");
        }
    }
}

/// What depends on `package`'s features alone cannot be reached from it: gates are pure because
/// nothing below them opens a socket or a database.
#[test]
fn nothing_below_the_gates_is_a_runtime_or_a_database() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let lock: toml::Table = lock.parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let below = |name: &str| -> Vec<String> {
        let package = packages.iter().find(|p| p["name"].as_str() == Some(name)).unwrap();
        let found = package.get("dependencies").and_then(|d| d.as_array()).into_iter().flatten();
        found.map(|d| d.as_str().unwrap().split(' ').next().unwrap().to_owned()).collect()
    };
    let (mut seen, mut next) = (Vec::new(), vec!["flowcontrol-gates".to_owned()]);
    while let Some(package) = next.pop() {
        if !seen.contains(&package) {
            next.extend(below(&package));
            seen.push(package);
        }
    }
    assert!(seen.len() > 20, "{seen:?}");
    for effect in ["tokio", "sqlx", "sqlx-core", "reqwest", "hyper", "axum"] {
        assert!(!seen.iter().any(|s| s == effect), "flowcontrol-gates depends on {effect}");
    }
}

/// The folders of the root package, each using those before it alone.
const ROOMS: [&str; 12] = [
    "scenario",
    "config",
    "registry",
    "progress",
    "probe",
    "rehearsal",
    "decide",
    "cutover",
    "report",
    "sign_in",
    "api",
    "cli",
];

/// A file's text without its module of tests.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

#[test]
fn the_folders_of_the_program_make_no_circle() {
    for (at, room) in ROOMS.iter().enumerate() {
        let folder = root().join("src").join(room);
        let mut files = Vec::new();
        match folder.is_dir() {
            true => rust_files(&folder, &mut files),
            false => files.push(folder.with_extension("rs")),
        }
        assert!(!files.is_empty(), "src/{room} is gone");
        for file in files.iter().filter(|f| f.file_name().is_some_and(|n| n != "tests.rs")) {
            let text = std::fs::read_to_string(file).unwrap();
            let text = without_tests(&text);
            for later in &ROOMS[at + 1..] {
                for way in ["crate::", "crate::{"] {
                    let used = text.contains(&format!("{way}{later}::"));
                    assert!(!used, "{} uses {later}, which is above it", file.display());
                }
            }
        }
    }
    let mut rooms: Vec<String> = std::fs::read_dir(root().join("src"))
        .unwrap()
        .map(|e| e.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| name != "main" && name != "lib")
        .collect();
    rooms.sort();
    let mut known = ROOMS.map(str::to_owned);
    known.sort();
    assert_eq!(rooms, known);
}

#[test]
fn only_the_registry_names_adapters() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    assert!(files.len() > 20, "only {} files found", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // A re-export would hand an adapter to everybody; the program's own names are meant here.
        let handed = text.lines().find(|line| line.trim_start().starts_with("pub use flowcontrol"));
        assert_eq!(handed, None, "{}", file.display());
        if file.ends_with("src/registry.rs") {
            continue;
        }
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

/// What decides: no clock, no environment, no files, no network.
const PURE: [&str; 3] =
    ["engine/gates/src", "engine/runbook/src/plan.rs", "engine/runbook/src/lint"];

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
    for folder in ["src", "engine"] {
        rust_files(&root().join(folder), &mut files);
    }
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let place = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        for (word, homes) in [
            ("SystemTime::now", &[][..]),
            ("Timestamp::now", &["engine/base/src/clock.rs"]),
            ("Instant::now", &["engine/base/src/clock.rs"]),
            ("OffsetDateTime::now", &[]),
            ("rand::", &["engine/base/src/clock.rs"]),
            ("env::var", &["src/config/", "src/cli/", "engine/runbook/build.rs"]),
        ] {
            let used = text.contains(word);
            assert!(!used || homes.iter().any(|h| place.starts_with(h)), "{place} uses {word}");
        }
    }
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let mut files = Vec::new();
    for dir in ["src", "engine", "adapters", "examples", "testkit"] {
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
    for dir in ["src", "engine", "adapters", "examples", "migrations"] {
        rust_files(&root().join(dir), &mut files);
    }
    let is_test = |file: &Path| file.components().any(|part| part.as_os_str() == "tests");
    for file in files.iter().filter(|file| !is_test(file)) {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(!text.contains("../shared"), "{}", file.display());
    }
}
