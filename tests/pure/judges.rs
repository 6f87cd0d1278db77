//! Programs we did not write judge what we made: the snapshot's digest and the
//! report's forms for other tools.
//!
//! `ci/test` installs them into `target/judges`; without it these tests skip by name.

use crate::report::samples;
use flowcontrol::report::{junit, sarif};
use flowcontrol_contract::{NewRecord, SessionId};
use flowcontrol_demo::{Size, Story, rosters};
use flowcontrol_snapshot::{Header, Writer, verify};
use flowcontrol_testkit::judges::{self, said};
use flowcontrol_testkit::{require, root};
use std::path::Path;
use std::process::{Command, Output};

/// A demo snapshot with records that stress the canonical form.
fn snapshot(path: &Path) {
    let size = Size { records: 900, tenants: 3, seed: 11 };
    let all = rosters(size).unwrap();
    let header = Header::new(SessionId::new("judged").unwrap(), all.clone()).unwrap();
    let mut writer = Writer::create(path, header).unwrap();
    let odd = r#"{"n":[1e2,-0,0.1,1e21,1e-7,9007199254740991,5e-324,1.7976931348623157e308],
        "\u20ac":"\u0001\u007f\u2028/\\\"","דּ":1,"🚚":2,"ö":"ö","":{"b":[],"a":{}}}"#;
    for (index, roster) in (0..).zip(&all) {
        let story = Story::new(roster, size.seed, index).take(299).map(Result::unwrap);
        let actor = &roster.actors[0].id;
        let line = format!(
            r#"{{"id":"odd","kind":"risk","actor":"{actor}","occurred_at":"2026-03-01T06:30:00.000001Z","payload":{odd}}}"#
        );
        let odd = NewRecord::from_json(&line).unwrap();
        for (seq, record) in (1..).zip(std::iter::once(odd).chain(story)) {
            writer.push(&record.placed(roster.tenant.clone(), seq)).unwrap();
        }
    }
    writer.finish().unwrap();
}

#[test]
fn an_independent_canonicaliser_computes_the_same_digest() {
    let Some(judges) = judges::folder("snapshot digest") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.jsonl");
    snapshot(&path);
    let judge = |path: &Path| {
        Command::new(judges.join("bin/python"))
            .arg(root().join("tests/judges/digest.py"))
            .arg(path)
            .output()
            .unwrap()
    };
    let out = judge(&path);
    assert!(out.status.success(), "{}", said(&out));
    let ours = verify(&path, |_| {}).unwrap().sha256.to_string();
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), ours);

    // The judge can say no: one letter of a payload, without touching the trailer.
    let text = std::fs::read_to_string(&path).unwrap();
    let edited = folder.path().join("edited.jsonl");
    std::fs::write(&edited, text.replacen("Transport", "Tranzport", 1)).unwrap();
    let out = judge(&edited);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
}

/// Has the script judge `texts` by the schema in the judges' folder; `None` is a skip by name.
fn judge(script: &str, schema: &str, texts: &[(&str, String)]) -> Option<Output> {
    let judges = judges::folder(script)?;
    let schema = judges.join(schema);
    if !schema.is_file() {
        let reason = format!("{} is not there; ./ci/test fetches it", schema.display());
        require::skip(script, "judges", &reason);
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in texts {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut command = Command::new(judges.join("bin/python"));
    command.arg(root().join("tests/judges").join(script)).arg(schema);
    Some(command.args(texts.iter().map(|(name, _)| folder.path().join(name))).output().unwrap())
}

/// All forms are accepted, and every spoilt one is refused in words of its own.
fn judge_form(
    script: &str,
    schema: &str,
    texts: &[(&str, String)],
    sound: &str,
    spoils: &[(&str, &str, &str)],
) {
    let Some(out) = judge(script, schema, texts) else { return };
    assert!(out.status.success(), "{}", said(&out));
    assert!(said(&out).contains(&format!("judged {}", texts.len())), "{}", said(&out));
    for (from, to, word) in spoils {
        let spoilt = sound.replacen(from, to, 1);
        assert_ne!(spoilt, sound, "there is no {from}");
        let out = judge(script, schema, &[("spoilt", spoilt)]).unwrap();
        assert_eq!(out.status.code(), Some(1), "{to}: {}", said(&out));
        assert!(said(&out).contains(word), "{word}: {}", said(&out));
    }
}

#[test]
fn the_official_sarif_schema_accepts_every_log() {
    let logs = samples::all().map(|(name, report)| (name, sarif::render(&report).unwrap()));
    judge_form(
        "sarif.py",
        "sarif-2.1.0.json",
        &logs,
        &sarif::render(&samples::healthy()).unwrap(),
        &[
            (r#""name": "FlowControl""#, r#""names": "FlowControl""#, "$.runs[0].tool.driver"),
            (r#""version": "2.1.0""#, r#""version": "2.2.0""#, "$.version"),
            (r#""level": ""#, r#""level": "very "#, ".level"),
            (r#""startLine": "#, r#""startLine": -"#, ".startLine"),
            // Strings have formats, and this judge looks at them.
            (r#""uri": ""#, r#""uri": "a space "#, "uri-reference"),
            (r#""startTimeUtc": ""#, r#""startTimeUtc": "on "#, "date-time"),
        ],
    );
}

#[test]
fn the_common_junit_schema_accepts_every_report() {
    let reports = samples::all().map(|(name, report)| (name, junit::render(&report).unwrap()));
    judge_form(
        "junit.py",
        "junit-10.xsd",
        &reports,
        &junit::render(&samples::healthy()).unwrap(),
        &[
            ("<testcase name=", "<testcase nom=", "missing required attribute 'name'"),
            ("<testcase name=", "<probe name=", "probe"),
            (r#" time=""#, r#" time="about "#, "about "),
        ],
    );
}
