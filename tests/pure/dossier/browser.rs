//! The page in a browser: it prints as a whole, with what is folded away on the screen.

use super::samples;
use flowcontrol_testkit::require;
use std::path::{Path, PathBuf};
use std::process::Command;

const LACKS: &str = "no chromium is on the PATH; ./ci/test installs it as root on Debian";

fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut folders = std::env::split_paths(&path);
    folders.find_map(|folder| {
        let names = ["chromium", "chromium-browser", "google-chrome"].map(|n| folder.join(n));
        names.into_iter().find(|file| file.is_file())
    })
}

#[test]
fn it_prints_with_every_packet_open_and_loads_nothing() {
    let Some(chromium) = chromium() else { return require::skip("print", "browser", LACKS) };
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/judges/bin/python");
    if !python.exists() {
        return require::skip(
            "print",
            "judges",
            "target/judges is not there; ./ci/test installs it",
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let (page, pdf) = (folder.path().join("dossier.html"), folder.path().join("dossier.pdf"));
    std::fs::write(&page, &samples::pages()[2].1).unwrap();
    let out = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"])
        .args(["--enable-logging=stderr", "--timeout=30000"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && pdf.is_file(), "{said}");
    // What the page's own policy stopped is told on the console.
    for never in ["violates", "CONSOLE"] {
        assert!(!said.contains(never), "{said}");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges/pdf.py");
    let read = Command::new(python).arg(script).arg(&pdf).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let text = String::from_utf8(read.stdout).unwrap();
    let squeezed: String = text.split_whitespace().collect();
    for shown in [
        "ProductionNO-GO",
        "check.snapshot-export.reason=itwasseen",
        "createtablea",
        "sha256sumdossier.json",
    ] {
        assert!(squeezed.contains(shown), "{shown}: {text}");
    }
    let pages = text.matches('\u{c}').count();
    assert!((5..60).contains(&pages), "{pages} pages");
    let heads = squeezed.matches("GateReadyDecisionOpen,andwhy").count();
    assert!(heads >= 2, "a table's head stands on each of its pages: {heads}");
}
