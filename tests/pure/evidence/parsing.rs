//! Whatever stands in a file: it is read without a panic, and what is read is what stands there.
//! The fuzz targets under `fuzz/` go on from here.

use super::archive::{exported, packed, unpacked};
use super::edits::mixed;
use flowcontrol_contract::Digest;
use flowcontrol_evidence::canonical::canonical;
use flowcontrol_evidence::manifest::Manifest;
use flowcontrol_evidence::seal::ChainLink;
use flowcontrol_evidence::{
    Archive, Flaw, KnownSecrets, Packet, RecordedAcceptance, Sealed, schema,
};
use flowcontrol_evidence::{archive, text};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// One packet of every schema, as JSON without its seal.
fn documents() -> Vec<Value> {
    let unsealed = |bytes: &[u8]| {
        let mut value: Value = serde_json::from_slice(bytes).unwrap();
        value.as_object_mut().unwrap().remove("sha256");
        value
    };
    mixed(schema::KNOWN.len(), 0).iter().map(|e| unsealed(&e.bytes)).collect()
}

fn anything() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,9}".prop_map(Value::from),
        prop::sample::select(vec!["ready", "passed", "mock", "oidc", "gate/check", "2026-03-01"])
            .prop_map(Value::from),
        Just(json!(Digest::of("another"))),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
    .boxed()
}

/// Every place in `value`, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{i}"), found);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(member, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

/// A change of a document: where, how, and with what.
type Change = (prop::sample::Index, u8, Value);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, anything()), 1..4)
}

fn changed(mut value: Value, changes: &[Change]) -> Value {
    for (index, how, with) in changes {
        let mut all = Vec::new();
        places(&value, "", &mut all);
        let place = value.pointer_mut(&all[index.index(all.len())]).unwrap();
        match (how, place) {
            (0, Value::Object(members)) => {
                members.insert("further".into(), with.clone());
            }
            (1, Value::Object(members)) => {
                let first = members.keys().next().cloned();
                first.and_then(|key| members.remove(&key));
            }
            (2, Value::Array(items)) => items.extend(items.first().cloned()),
            (_, place) => *place = with.clone(),
        }
    }
    value
}

/// As somebody who knows the format would seal it; `None` when it cannot be.
fn sealed(value: &Value) -> Option<Vec<u8>> {
    let mut members = value.as_object()?.clone();
    members.remove("sha256");
    let sha256 = Digest::of(canonical(&members).ok()?);
    members.insert("sha256".into(), json!(sha256));
    Some(format!("{}\n", canonical(&members).unwrap()).into_bytes())
}

/// A packet file is read as what it is, or not at all.
fn read(bytes: &[u8]) -> Result<Packet, Flaw> {
    let found = Sealed::parse(bytes)?;
    assert_eq!(format!("{}\n", found.text()).as_bytes(), bytes);
    assert!(text::text(found.packet()).starts_with(&found.packet().schema));
    let broken = schema::judge(found.packet());
    match Sealed::seal(found.packet().clone(), &KnownSecrets::new()) {
        Ok(again) => assert_eq!((again, broken), (found.clone(), Vec::new())),
        // Beside the rules of its schema, what shows itself to be a secret is never sealed.
        Err(refused) => {
            assert!(!broken.is_empty() || refused.message.contains("refusing to record"))
        }
    }
    match RecordedAcceptance::read(found.packet()) {
        Ok(Some(word)) => assert_eq!(json!(word), found.packet().body),
        Ok(None) => assert_ne!(found.packet().schema, schema::ACCEPTANCE),
        Err(why) => assert!(schema::judge(found.packet()).contains(&why)),
    }
    Ok(found.packet().clone())
}

/// What is read as an archive is written as what was read.
fn unpack(bytes: &[u8]) -> bool {
    let Ok(Archive { manifest, book }) = archive::read(bytes) else { return false };
    let _ = book.verify(Some(manifest.head));
    let last = ChainLink {
        sequence: manifest.packets,
        previous: None,
        sha256: manifest.head,
        signed_by: None,
    };
    let again = archive::write(&book, last, &manifest.tool_version).unwrap();
    assert_eq!(archive::read(&again).unwrap(), Archive { manifest, book });
    true
}

/// `tar` with each header's checksum put right, so that more than the first check is reached.
fn summed(mut tar: Vec<u8>) -> Vec<u8> {
    for at in (0..tar.len()).step_by(512) {
        let Some(header) = tar.get_mut(at..at + 512) else { break };
        if &header[257..262] == b"ustar" {
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
            header[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
        }
    }
    tar
}

#[test]
fn what_is_not_changed_is_read() {
    for document in documents() {
        assert_eq!(json!(read(&sealed(&document).unwrap()).unwrap()), document);
    }
    let (_state, _, file) = exported(2);
    let bytes = std::fs::read(file).unwrap();
    assert!(unpack(&bytes) && unpack(&packed(&summed(unpacked(&bytes)))));
}

#[test]
fn what_sealing_never_writes_is_refused_though_its_digest_holds() {
    type Spell = fn(&mut Value);
    let spellings: [(&str, Spell); 5] = [
        ("no snapshot", |d| drop(d.as_object_mut().unwrap().remove("snapshot_sha256"))),
        ("no target", |d| drop(d.as_object_mut().unwrap().remove("target"))),
        ("no previous", |d| drop(d.as_object_mut().unwrap().remove("previous"))),
        ("zone", |d| d["created_at"] = json!("2026-03-01T07:30:00.000000+01:00")),
        ("decimals", |d| d["created_at"] = json!("2026-03-01T06:30:00Z")),
    ];
    for document in documents() {
        for (what, spell) in spellings {
            let mut other = document.clone();
            spell(&mut other);
            let Err(Flaw::Edited(why)) = read(&sealed(&other).unwrap()) else { panic!("{what}") };
            assert!(why.contains("not written in the form that sealing writes"), "{what}: {why}");
        }
    }
    let mut word = documents().into_iter().find(|d| d["schema"] == schema::ACCEPTANCE).unwrap();
    word["body"]["revoked"] = json!(true);
    word["checks"][0]["verdict"] = json!("next");
    word["outcome"] = json!("failed");
    word["snapshot_sha256"] = Value::Null;
    word["body"]["bound"]["snapshot"] = Value::Null;
    let whole = read(&sealed(&word).unwrap()).unwrap();
    assert!(RecordedAcceptance::read(&whole).unwrap().unwrap().revoked);
    word["body"]["bound"].as_object_mut().unwrap().remove("snapshot");
    let refused = RecordedAcceptance::read(&read(&sealed(&word).unwrap()).unwrap()).unwrap_err();
    assert!(refused.contains("a member is missing"), "{refused}");
}

/// Numbers come back as they were written, to the last digit.
#[test]
fn a_figure_is_read_as_it_was_sealed() {
    for figure in [2.878_923_099_261_315e-35, 0.1, 1e-7, 8.41e21, f64::MIN_POSITIVE, f64::MAX] {
        let mut document = documents().remove(0);
        document["body"] = json!({ "figure": figure });
        let packet = read(&sealed(&document).unwrap()).unwrap();
        assert_eq!(packet.body["figure"].as_f64(), Some(figure));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_changed_packet_is_read_as_it_stands_or_refused(
        index in any::<prop::sample::Index>(),
        changes in changes(),
    ) {
        let document = changed(index.get(&documents()).clone(), &changes);
        if let Some(bytes) = sealed(&document) {
            match read(&bytes) {
                // Canonical JSON has one spelling for equal numbers.
                Ok(packet) => prop_assert_eq!(
                    canonical(&packet).unwrap(),
                    canonical(&document).unwrap()
                ),
                Err(flaw) => prop_assert!(!matches!(flaw, Flaw::Digest { .. }), "{}", flaw),
            }
        }
    }

    #[test]
    fn a_changed_word_is_read_as_it_stands_or_refused(changes in changes()) {
        let word = documents().into_iter().find(|d| d["schema"] == schema::ACCEPTANCE).unwrap();
        let mut document = word.clone();
        document["body"] = changed(word["body"].clone(), &changes);
        if let Some(bytes) = sealed(&document) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn a_changed_manifest_is_read_as_it_stands_or_refused(changes in changes()) {
        let files = vec![("HEAD".to_owned(), b"1 x\n".to_vec())];
        let last = ChainLink { sequence: 1, previous: None, sha256: Digest::of("last"), signed_by: None };
        let whole = json!(Manifest::of(&files, last, "0.1.0"));
        if let Ok(text) = canonical(&changed(whole, &changes)) {
            let bytes = format!("{text}\n").into_bytes();
            if let Ok(manifest) = Manifest::parse(&bytes) {
                prop_assert_eq!(manifest.render().unwrap(), bytes);
                let _ = manifest.differs(&files);
            }
        }
    }

    #[test]
    fn any_bytes_are_no_archive_no_manifest_and_no_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000)
    ) {
        prop_assert!(!unpack(&bytes) && !unpack(&packed(&bytes)));
        prop_assert!(Manifest::parse(&bytes).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_changed_archive_is_read_as_it_stands_or_refused(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..512_usize, any::<u8>()), 1..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let (_state, _, file) = exported(2);
        let sound = unpacked(&std::fs::read(file).unwrap());
        let headers: Vec<usize> = (0..sound.len())
            .step_by(512)
            .filter(|at| sound.get(at + 257..at + 262) == Some(b"ustar"))
            .collect();
        let mut tar = sound.clone();
        for (header, offset, byte) in edits {
            tar[header.get(&headers) + offset] = byte;
        }
        let mut tar = summed(tar);
        if let Some(cut) = cut {
            tar.truncate(cut.index(sound.len()));
        }
        prop_assert_eq!(unpack(&packed(&tar)), tar == sound);
    }
}
