//! The report's forms: what they show of healthy and broken rehearsals. That each is valid in the
//! eyes of a judge that is not ours is shown by `tests/judges.rs`.

pub mod samples;

use flowcontrol::report::style::Paint;
use flowcontrol::report::terminal::View;
use flowcontrol::report::{
    ReportFormat, check_secrets, evidence, gates, github, json, junit, markdown, sarif, terminal,
    write_reports,
};
use flowcontrol_contract::{Digest, Secret, Timestamp};
use flowcontrol_evidence::{
    CheckResult, Draft, EvidenceStore, KnownSecrets, Outcome, ProfileRef, Verdict, schema,
};
use flowcontrol_gates::outcome::{RehearsalDecision, RehearsalReport, StepId, StepStatus, verdict};
use flowcontrol_gates::{judge, testing};
use proptest::prelude::proptest;
use serde_json::{Value, json};
use std::fs;

fn plain(columns: usize) -> View {
    View { columns, paint: Paint { on: false } }
}

#[test]
fn terminal_reports() {
    for (name, report) in samples::all() {
        insta::assert_snapshot!(format!("terminal_{name}"), terminal::render(&report, plain(100)));
    }
    insta::assert_snapshot!("terminal_narrow", terminal::render(&samples::leaking(), plain(60)));
}

#[test]
fn markdown_reports() {
    for (name, report) in samples::all() {
        insta::assert_snapshot!(format!("markdown_{name}"), markdown::render(&report));
    }
}

#[test]
fn junit_reports() {
    for (name, report) in samples::all() {
        insta::assert_snapshot!(format!("junit_{name}"), junit::render(&report).unwrap());
    }
}

#[test]
fn sarif_reports() {
    for (name, report) in samples::all() {
        insta::assert_snapshot!(format!("sarif_{name}"), sarif::render(&report).unwrap());
    }
}

#[test]
fn github_annotations() {
    for (name, report) in samples::all() {
        let text = github::render(&report);
        assert!(text.lines().all(|line| line.starts_with("::")), "{name}: {text}");
        insta::assert_snapshot!(format!("github_{name}"), text);
    }
}

#[test]
fn json_report_has_the_members_of_the_specification() {
    for (name, report) in samples::all() {
        let text = json::render(&report).unwrap();
        let again: RehearsalReport = serde_json::from_str(&text).unwrap();
        assert_eq!(again, report, "{name}");
    }
    insta::assert_snapshot!("json_healthy", json::render(&samples::healthy()).unwrap());
    let fresh: Value = serde_json::from_str(&json::render(&samples::fresh()).unwrap()).unwrap();
    for part in [
        "snapshot",
        "target",
        "migrations",
        "findings",
        "replay",
        "verify",
        "isolation",
        "rollback",
    ] {
        assert_eq!(fresh.get(part), Some(&Value::Null), "{part} is there, and null");
    }
    assert_eq!(fresh["decision"], "NO-GO");
}

#[test]
fn colour_changes_no_word() {
    for (name, report) in samples::all() {
        let coloured = terminal::render(&report, View { columns: 100, paint: Paint { on: true } });
        assert!(coloured.contains("\u{1b}["), "{name}");
        let stripped = anstream::adapter::strip_str(&coloured).to_string();
        // A trailing space may stand inside a colour, where no trimming reaches it.
        let tidy = |text: &str| text.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(tidy(&stripped), tidy(&terminal::render(&report, plain(100))), "{name}");
    }
}

#[test]
fn plain_text_is_free_of_control_characters_and_fits_the_width() {
    for (name, report) in samples::all() {
        for columns in [60, 80, 100, 140] {
            let text = terminal::render(&report, plain(columns));
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{name}");
            assert!(text.ends_with('\n') && !text.contains(" \n"), "{name}");
        }
        let wide = terminal::render(&report, plain(100));
        if name != "hostile" {
            let longest = wide.lines().map(|l| l.chars().count()).max().unwrap();
            assert!(longest <= 100, "{name}: {longest}");
        }
        let last: Vec<&str> = wide.lines().rev().take(8).collect();
        let decision = format!("{}: ", report.decision.name());
        assert!(last.iter().any(|l| l.starts_with(&decision)), "{name}");
        assert!(last.iter().any(|l| l.starts_with("Next: ")), "{name}");
    }
}

/// Takes a healthy report and spoils one thing at a time: each must turn GO into NO-GO, and be
/// named by every form that people or machines read.
#[test]
fn one_spoilt_thing_is_enough_for_no_go() {
    type Spoil = fn(&mut RehearsalReport);
    let spoils: [(&str, Spoil); 20] = [
        ("step replay did not run", |r| {
            r.step_mut(StepId::Replay).unwrap().status = StepStatus::Skipped
        }),
        ("step freeze failed", |r| r.step_mut(StepId::Freeze).unwrap().status = StepStatus::Failed),
        ("step verify was interrupted", |r| {
            r.step_mut(StepId::Verify).unwrap().status = StepStatus::Interrupted;
        }),
        ("step evidence did not run", |r| drop(r.steps.pop())),
        ("no snapshot is reported", |r| r.snapshot = None),
        ("no target is reported", |r| r.target = None),
        ("no lint result is reported", |r| r.findings = None),
        ("2 of 3 replayed tables were read back", |r| r.verify.as_mut().unwrap().tables = 2),
        ("no migration is reported", |r| r.migrations = None),
        ("migration 0002_harden_tenant_isolation failed", |r| {
            r.migrations.as_mut().unwrap()[1].error = Some("lock timeout".into());
        }),
        ("1 lint error", |r| r.findings.as_mut().unwrap()[0].waived = None),
        ("no replay is reported", |r| r.replay = None),
        ("replay wrote 11,999 of the snapshot's 12,000", |r| {
            r.replay.as_mut().unwrap().records = 11_999
        }),
        ("no verification is reported", |r| r.verify = None),
        ("the rows read back differ from the snapshot", |r| {
            r.verify.as_mut().unwrap().matched = false
        }),
        ("no isolation probe is reported", |r| r.isolation = None),
        ("no isolation probe", |r| r.isolation.as_mut().unwrap().probes = 0),
        ("no rollback is reported", |r| r.rollback = None),
        ("the restored store differs from the snapshot", |r| {
            r.rollback.as_mut().unwrap().equal = false
        }),
        // `equal` alone is not believed.
        ("the restored store differs from the snapshot", |r| {
            r.rollback.as_mut().unwrap().sha256 = Digest::of("other");
        }),
    ];
    for (says, spoil) in spoils {
        let mut report = samples::healthy();
        spoil(&mut report);
        assert_eq!(verdict::decide(&report), RehearsalDecision::NoGo, "{says}");
        report.decision = verdict::decide(&report);
        let reasons = verdict::reasons(&report);
        assert!(reasons.iter().any(|r| r.contains(says)), "{says}: {reasons:?}");
        let junit = junit::render(&report).unwrap();
        assert!(!junit.contains(r#"failures="0" errors="0">"#) || junit.contains("<failure"));
        assert!(junit.contains("type=\"decision\""), "{says}");
        // Lines break anywhere in the terminal's form.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&terminal::render(&report, plain(100))).contains(says), "{says}");
        assert!(github::render(&report).contains("title=Rehearsal NO-GO"), "{says}");
    }
}

#[test]
fn every_leak_and_mismatch_is_named_in_every_form() {
    let (leaking, mismatching) = (samples::leaking(), samples::mismatching());
    for render in [
        |r: &RehearsalReport| terminal::render(r, plain(100)),
        |r: &RehearsalReport| json::render(r).unwrap(),
        |r: &RehearsalReport| junit::render(r).unwrap(),
        |r: &RehearsalReport| markdown::render(r).replace("&#95;", "_"),
        |r: &RehearsalReport| github::render(r),
    ] {
        let text = render(&leaking);
        assert!(text.contains("bfg_flowcontrol.orders"), "{text}");
        assert!(text.contains("bfg_flowcontrol.order_totals"), "{text}");
        let text = render(&mismatching);
        for name in ["records", "seq 118", "orders", "tenant-02", "one row is missing"] {
            assert!(text.contains(name), "{name}: {text}");
        }
    }
}

#[test]
fn sarif_does_not_call_a_run_clean_that_looked_at_nothing() {
    let log = |r: &RehearsalReport| -> Value {
        serde_json::from_str(&sarif::render(r).unwrap()).unwrap()
    };
    let fresh = log(&samples::fresh());
    assert_eq!(fresh["runs"][0]["invocations"][0]["executionSuccessful"], false);
    let healthy = log(&samples::healthy());
    assert_eq!(healthy["runs"][0]["invocations"][0]["executionSuccessful"], true);
    assert_eq!(healthy["runs"][0]["results"][0]["suppressions"][0]["kind"], "external");
    for (name, report) in samples::all() {
        let log = log(&report);
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        for result in log["runs"][0]["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"], "{name}");
        }
    }
}

#[test]
fn reports_are_written_whole_and_replace_older_ones() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("a/b");
    let all = ReportFormat::ALL;
    let written = write_reports(&out, &all, &samples::leaking()).unwrap();
    let names: Vec<_> = written.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["rehearsal.json", "rehearsal.junit.xml", "rehearsal.md", "rehearsal.sarif"]);
    write_reports(&out, &all, &samples::healthy()).unwrap();
    let text = fs::read_to_string(out.join("rehearsal.json")).unwrap();
    assert_eq!(text, json::render(&samples::healthy()).unwrap());
    assert_eq!(fs::read_dir(&out).unwrap().count(), 4, "no temporary file stays");

    let nothing = folder.path().join("nothing");
    assert!(
        write_reports(&nothing, &[ReportFormat::Github], &samples::fresh()).unwrap().is_empty()
    );
    assert!(!nothing.exists());

    let blocked = folder.path().join("file");
    fs::write(&blocked, "").unwrap();
    let refused = write_reports(&blocked, &all, &samples::fresh()).unwrap_err();
    assert_eq!(refused.exit, flowcontrol_base::Exit::Environment);
    assert!(refused.message.contains("/file"), "{refused}");
}

#[test]
fn a_report_with_a_secret_is_refused_by_its_place() {
    let mut known = KnownSecrets::new();
    known.add(Secret::new("kanarek-5f1c"));
    assert!(check_secrets(&samples::healthy(), &known).is_ok());
    let mut leaky = samples::interrupted();
    leaky.steps[2].detail = Some("FATAL: kanarek-5f1c".into());
    let refused = check_secrets(&leaky, &known).unwrap_err();
    assert!(refused.message.contains("/steps/2/detail"), "{refused}");
    assert!(!refused.message.contains("kanarek"), "{refused}");
}

fn store(packets: i64) -> (tempfile::TempDir, EvidenceStore) {
    let state = tempfile::tempdir().unwrap();
    let store = EvidenceStore::at(state.path());
    for n in 0..packets {
        let figures = json!({"rows": 12_000 + n});
        let Value::Object(figures) = figures else { unreachable!() };
        let draft = Draft {
            schema: schema::STEP.into(),
            created_at: Timestamp::from_micros(1_772_346_600_000_000 + n * 1_000_000).unwrap(),
            tool_version: "0.1.0".into(),
            ran: "rehearse --target local".into(),
            profile: ProfileRef { name: "local-demo".into(), sha256: Digest::of("profile") },
            snapshot_sha256: Some(Digest::of("snapshot")),
            target: Some(json!({"kind": "local", "server_version": "17.6"})),
            checks: vec![CheckResult {
                id: "replay".into(),
                title: "Replay".into(),
                verdict: if n == 1 { Verdict::Blocked } else { Verdict::Ready },
                reason: "every chunk is in the ledger".into(),
                figures,
            }],
            outcome: if n == 1 { Outcome::Failed } else { Outcome::Passed },
            body: json!({"step": "replay"}),
        };
        store.append(draft, &KnownSecrets::new()).unwrap();
    }
    (state, store)
}

#[test]
fn evidence_views() {
    let (_state, store) = store(3);
    fs::write(store.folder().join(".partial-00004-abc"), "{").unwrap();
    let listing = store.list().unwrap();
    let sound = store.verify(None).unwrap();
    let kept = store.verify(sound.head).unwrap();
    insta::assert_snapshot!("evidence_list", evidence::list(&listing, plain(100)));
    insta::assert_snapshot!("evidence_list_json", evidence::list_json(&listing).unwrap());
    insta::assert_snapshot!("evidence_show", evidence::show(&store.load("2").unwrap()));
    insta::assert_snapshot!("evidence_verify", evidence::verify(&sound, plain(100)));
    insta::assert_snapshot!("evidence_verify_kept", evidence::verify(&kept, plain(100)));
    insta::assert_snapshot!("evidence_verify_json", evidence::verify_json(&sound).unwrap());
    let shown: Value =
        serde_json::from_str(&evidence::show_json(&store.load("2").unwrap())).unwrap();
    assert_eq!(shown["sequence"], 2);

    // One byte of the second packet, and the third one gone.
    let file = |n: usize| store.folder().join(&listing.packets[n].file);
    let edited = fs::read_to_string(file(1)).unwrap().replace("12001", "12002");
    fs::remove_file(file(1)).unwrap();
    fs::write(file(1), edited).unwrap();
    fs::remove_file(file(2)).unwrap();
    let broken = store.verify(sound.head).unwrap();
    insta::assert_snapshot!("evidence_verify_broken", evidence::verify(&broken, plain(100)));
    insta::assert_snapshot!(
        "evidence_list_broken",
        evidence::list(&store.list().unwrap(), plain(100))
    );
}

#[test]
fn empty_evidence_views() {
    let (_state, store) = store(0);
    let text = evidence::list(&store.list().unwrap(), plain(100));
    assert_eq!(text, "0 packets\n");
    insta::assert_snapshot!(evidence::verify(&store.verify(None).unwrap(), plain(100)));
}

#[test]
fn a_judgement_names_whose_decision_is_next() {
    let inputs = testing::rehearsed(testing::fresh(testing::every), "local");
    let view = View { columns: 200, paint: Paint { on: false } };
    let said = gates::text(&judge(&inputs), None, view);
    let whose = "Next       checklist/contracts-frozen, Anna Kowalska decides: flowcontrol accept";
    assert!(said.contains(whose), "{said}");
}

proptest! {
    /// Whatever is judged has a form in text and in JSON.
    #[test]
    fn every_judgement_can_be_shown(inputs in testing::arbitrary_inputs()) {
        let judgement = judge(&inputs);
        let view = View { columns: 60, paint: Paint { on: false } };
        assert!(!gates::text(&judgement, None, view).is_empty());
        gates::json(&judgement, None).unwrap();
    }
}
