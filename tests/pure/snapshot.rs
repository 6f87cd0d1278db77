//! Snapshots: what was frozen is accepted, anything else is refused by line.

use flowcontrol_contract::{Record, SessionId};
use flowcontrol_demo::{Size, Story, rosters};
use flowcontrol_snapshot::{Header, Reader, Summary, Writer, diff, verify};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SIZE: Size = Size { records: 60, tenants: 2, seed: 7 };

fn records() -> Vec<Record> {
    let mut all = Vec::new();
    for (index, roster) in (0..).zip(rosters(SIZE).unwrap()) {
        let story = Story::new(&roster, SIZE.seed, index);
        for (seq, record) in (1..=30).zip(story) {
            all.push(record.unwrap().placed(roster.tenant.clone(), seq));
        }
    }
    all
}

fn write(path: &Path, records: &[Record]) -> Summary {
    let session = SessionId::new("grant-demo-local").unwrap();
    let header = Header::new(session, rosters(SIZE).unwrap()).unwrap();
    let mut writer = Writer::create(path, header).unwrap();
    for record in records {
        writer.push(record).unwrap();
    }
    writer.finish().unwrap()
}

fn frozen() -> (TempDir, PathBuf, Summary) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.jsonl");
    let summary = write(&path, &records());
    (dir, path, summary)
}

#[test]
fn what_was_frozen_is_accepted_and_equal_scenarios_have_equal_bytes() {
    let (dir, path, summary) = frozen();
    assert_eq!(verify(&path, |_| {}).unwrap(), summary);
    assert_eq!(summary.records, 60);
    let again = dir.path().join("again.jsonl");
    write(&again, &records());
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
}

#[test]
fn compression_does_not_change_the_digest() {
    let (dir, path, summary) = frozen();
    let zst = dir.path().join("s.jsonl.zst");
    assert_eq!(write(&zst, &records()), summary);
    assert_eq!(verify(&zst, |_| {}).unwrap(), summary);
    let (plain, packed) = (std::fs::metadata(&path).unwrap(), std::fs::metadata(&zst).unwrap());
    assert!(packed.len() < plain.len() / 2, "{} of {}", packed.len(), plain.len());
}

#[test]
fn every_cut_is_refused() {
    let (dir, path, _) = frozen();
    let whole = std::fs::read(&path).unwrap();
    let cut = dir.path().join("cut.jsonl");
    // Every cut of the last lines, and cuts all over the rest.
    let ends = (0..whole.len()).filter(|end| *end > whole.len() - 700 || end % 41 == 0);
    for end in ends {
        std::fs::write(&cut, &whole[..end]).unwrap();
        assert!(verify(&cut, |_| {}).is_err(), "cut after byte {end} of {}", whole.len());
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let (dir, path, _) = frozen();
    let whole = std::fs::read(&path).unwrap();
    let edited = dir.path().join("edited.jsonl");
    // Every byte of the trailer, and bytes all over the rest.
    let step = |i: usize| if i > whole.len() - 300 { 1 } else { 23 };
    let mut at = 0;
    while at < whole.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            std::fs::write(&edited, &bytes).unwrap();
            assert!(verify(&edited, |_| {}).is_err(), "byte {at} ^ {flip:#x}");
        }
        at += step(at);
    }
}

#[test]
fn refusals_name_the_file_the_line_and_the_reason() {
    let (dir, path, _) = frozen();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let rest = |from: usize| lines[from..].join("\n") + "\n";
    let bad = dir.path().join("bad.jsonl");
    for (content, why) in [
        (String::new(), "line 1: the file is empty"),
        ("hello\n".into(), "it is not a BFGScenarioSnapshot.v1"),
        (
            text.replacen("Snapshot.v1", "Snapshot.v2", 1),
            "this version reads BFGScenarioSnapshot.v1",
        ),
        (format!("{}\n{}", lines[0], rest(2)), "line 2: tenant bfg-control: sequence 2 follows 0"),
        (
            rest(0).replacen("user_dispatcher_marek\",\"id", "user_nobody\",\"id", 1),
            "actor user_nobody is not in the header",
        ),
        (format!("{}{}\n", text, lines[1]), "data after the trailer"),
        (
            text.replacen("\"seq\":1,", "\"seq\":1, ", 1),
            "line 2: record: the line is not in canonical form",
        ),
        (text[..text.len() - 1].to_owned(), "it is truncated"),
        (lines[..lines.len() - 1].join("\n") + "\n", "without its trailer"),
    ] {
        std::fs::write(&bad, &content).unwrap();
        let failure = verify(&bad, |_| {}).unwrap_err();
        assert!(failure.message.contains(why), "{} should say {why}", failure.message);
        assert!(failure.message.contains("bad.jsonl"), "{}", failure.message);
        assert!(failure.hint.is_some());
    }
    let gone = verify(&dir.path().join("gone.jsonl"), |_| {}).unwrap_err();
    assert!(gone.message.contains("gone.jsonl"), "{}", gone.message);
}

#[test]
fn a_damaged_compressed_file_is_refused() {
    let (dir, _, _) = frozen();
    let zst = dir.path().join("s.jsonl.zst");
    write(&zst, &records());
    let whole = std::fs::read(&zst).unwrap();
    for end in [4, 10, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&zst, &whole[..end]).unwrap();
        assert!(verify(&zst, |_| {}).is_err(), "cut after byte {end}");
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let header = Header::new(SessionId::new("s").unwrap(), rosters(SIZE).unwrap()).unwrap();
    let mut writer = Writer::create(&dir.path().join("s.jsonl"), header).unwrap();
    writer.push(&records()[0]).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn differences_are_named() {
    let (dir, path, _) = frozen();
    let mut other = records();
    let removed = other.pop().unwrap();
    other[3].occurred_at = flowcontrol_contract::Timestamp::from_micros(1).unwrap();
    let changed = dir.path().join("changed.jsonl");
    write(&changed, &other);
    let found = diff(&path, &changed, 10).unwrap();
    assert_eq!((found.removed, found.added, found.changed, found.same), (1, 0, 1, 58));
    assert!(found.first[0].starts_with("~ bfg-control/4 "), "{:?}", found.first);
    assert!(found.first[1].ends_with(removed.id.as_str()), "{:?}", found.first);
    assert!(diff(&path, &path, 10).unwrap().is_empty());
}

#[test]
fn a_reader_gives_the_records_that_were_written() {
    let (_dir, path, _) = frozen();
    let mut reader = Reader::open(&path).unwrap();
    let mut read = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        read.push(record);
    }
    assert_eq!(read, records());
}
