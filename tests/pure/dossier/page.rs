//! What stands in the page, and what never does.

use super::samples::{self, HOSTILE, pages};
use flowcontrol::report::dossier::{SCHEMA, html};
use flowcontrol_contract::Digest;
use flowcontrol_testkit::require;
use std::path::Path;
use std::process::{Command, Output};

#[test]
fn nothing_is_fetched_run_or_turned_around() {
    for (name, page) in pages() {
        let lower = page.to_lowercase();
        for never in [
            "http://",
            "https://",
            "<script",
            "<img",
            "<link",
            "<iframe",
            "javascript:",
            "@import",
            "url(",
        ] {
            assert!(!lower.contains(never), "{name}: {never}");
        }
        let hidden =
            ['\u{202e}', '\u{2066}', '\u{61c}', '\u{feff}', '\u{fffe}', '\0', '\u{1b}', '\r'];
        assert!(!page.contains(hidden), "{name}");
        assert_eq!(page.matches("<style>").count(), 1, "{name}");
        let policy = "content=\"default-src 'none'; style-src 'unsafe-inline'\"";
        assert!(page.contains(policy), "{name}");
        assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{name}");
    }
}

#[test]
fn the_reviewers_questions_come_in_order() {
    for (name, page) in pages() {
        let order = ["decision", "readiness", "gates", "evidence", "owners", "runbook", "check"];
        let places = order.map(|id| page.find(&format!("<section id=\"{id}\">")).unwrap());
        assert!(places.is_sorted(), "{name}: {places:?}");
        assert!(page.contains(&Digest::of("the document").to_string()), "{name}");
        assert!(page.contains(&format!("content=\"{SCHEMA}\"")), "{name}");
    }
}

/// A NO-GO without a reason is a claim without evidence, and so is a GO with one.
#[test]
fn the_decision_has_its_exact_reasons() {
    let fresh = samples::fresh();
    assert_eq!(fresh.production.decision, "NO-GO");
    assert!(fresh.production.stage.as_ref().unwrap().contains("judged as demo"));
    let open = |d: &flowcontrol::report::dossier::Dossier| -> usize {
        d.gates.iter().flat_map(|g| &g.checks).filter(|c| !c.is_ready()).count()
    };
    let named: usize =
        fresh.production.blockers.iter().flat_map(|b| &b.reasons).map(|r| r.checks.len()).sum();
    assert_eq!(named, open(&fresh), "each open check is named once");
    for gate in &fresh.gates {
        let blocks = fresh.production.blockers.iter().any(|b| b.gate == gate.id);
        assert_eq!(blocks, gate.passed < gate.total, "{}", gate.id);
    }
    let done = samples::complete();
    assert_eq!((done.production.decision, done.production.blockers.len()), ("GO", 0));
    assert_eq!((done.production.stage.as_ref(), open(&done)), (None, 0));
    let page = html::page(&done, Digest::of("d"));
    assert!(page.contains("Every check of every gate is ready.") && !page.contains("NO-GO"));
}

#[test]
fn words_that_no_gate_asks_for_count_for_nothing() {
    let word = &samples::hostile().acceptances[0];
    assert!(!word.counts && word.reason.contains("no gate of this version asks for"), "{word:?}");
    assert_eq!(word.sequence, Some(2));
}

#[test]
fn hostile_text_is_still_there_to_be_read() {
    let (_, page) = &pages()[2];
    for shown in ["&lt;script src=//evil.example&gt;", "\\u{202e}dlrow", "\\u{0}", "שלום"] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(page.contains(&"ż".repeat(10_000)));
    assert!(HOSTILE.contains('\u{202e}'), "the sample still tries");
    let document = serde_json::to_value(samples::hostile()).unwrap();
    assert_eq!(document["subject"]["profile"]["name"], HOSTILE, "the document keeps every byte");
}

fn judge(python: &Path, folder: &Path, texts: &[(&str, String)]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges/page.py");
    for (name, text) in texts {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let files = texts.iter().map(|(name, _)| folder.join(name));
    Command::new(python).arg(script).args(files).output().unwrap()
}

#[test]
fn an_independent_parser_finds_every_page_well_formed() {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/judges/bin/python");
    if !python.exists() {
        return require::skip(
            "page",
            "judges",
            "target/judges is not there; ./ci/test installs it",
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let said = |out: &Output| {
        let both = [&out.stdout, &out.stderr].map(|b| String::from_utf8_lossy(b).into_owned());
        both.concat()
    };
    let out = judge(&python, folder.path(), &pages());
    assert!(out.status.success() && said(&out).contains("judged 3"), "{}", said(&out));
    let (_, sound) = &pages()[0];
    for (from, to, word) in [
        ("<tbody>", "<tbody><p>", "unexpected-start-tag-implies-table-voodoo"),
        ("<h3>", "<h5>x</h5><h3>", "heading"),
        ("href=\"#gates\"", "href=\"#nowhere\"", "#nowhere"),
        ("href=\"#gates\"", "href=\"page.html\"", "page.html"),
        ("id=\"gates\"", "id=\"decision\"", "twice"),
        ("<th scope=\"col\">", "<th>", "scope"),
        ("<main>", "<main><script>1</script>", "script"),
        ("<main>", "<main onclick=\"x\">", "onclick"),
        ("<main>", "<main style=\"color:red\">", "style"),
        ("lang=\"en\"", "", "lang"),
        ("default-src 'none'", "default-src *", "Content-Security-Policy"),
    ] {
        let spoilt = sound.replacen(from, to, 1);
        assert_ne!(&spoilt, sound, "there is no {from}");
        let out = judge(&python, folder.path(), &[("spoilt", spoilt)]);
        assert_eq!(out.status.code(), Some(1), "{to}: {}", said(&out));
        assert!(said(&out).contains(word), "{word}: {}", said(&out));
    }
}
