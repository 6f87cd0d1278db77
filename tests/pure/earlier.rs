//! What an earlier version sealed and froze still verifies, and still says what it said. See
//! `tests/fixtures/version-0.1.0`.

use flowcontrol_contract::{Digest, Kind};
use flowcontrol_evidence::{EvidenceStore, ImportRequest, RecordedAcceptance, schema};
use flowcontrol_snapshot as snapshot;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The digest that it printed of the snapshot.
const SNAPSHOT: &str = "961be63ef854f9ca439922907fd1a8022b10926986f663ad80b6fafd869b1d9e";
/// The head that the earlier version printed when it exported the chain.
const HEAD: &str = "0211e9acb0b2a379bed3c6be6529bd7bd1a0eee813839c153bc4a173b32d9145";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/version-0.1.0").join(name)
}

#[test]
fn an_earlier_chain_verifies_to_its_head_and_its_acceptances_are_read() {
    let state = tempfile::tempdir().unwrap();
    let store = EvidenceStore::at(state.path());
    let import = ImportRequest {
        file: &fixture("evidence.tar.zst"),
        kept: Some(Digest::parse(HEAD).unwrap()),
        link: None,
        tool_version: "test",
    };
    let imported = store.import(&import).unwrap();
    assert_eq!(imported.added, 31);
    let verification = store.verify(Some(Digest::parse(HEAD).unwrap())).unwrap();
    assert!(verification.problems.is_empty(), "{:?}", verification.problems);
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    let (mut given, mut taken_back) = (0, 0);
    for listed in store.list().unwrap().packets {
        let sealed = listed.read.unwrap();
        *found.entry(sealed.packet().schema.clone()).or_default() += 1;
        if let Some(acceptance) = RecordedAcceptance::read(sealed.packet()).unwrap() {
            if acceptance.revoked { taken_back += 1 } else { given += 1 }
        }
    }
    assert_eq!((given, taken_back), (8, 1));
    assert_eq!(found[schema::DRY_RUN], 1);
    assert_eq!(found[schema::CONNECTION], 3);
    assert_eq!(found[schema::DRILL], 1);
    assert_eq!(found[schema::RELEASE], 1);
    assert_eq!(found[schema::REHEARSAL], 1);
}

#[test]
fn an_earlier_snapshot_verifies_with_its_digest_and_counts() {
    let summary = snapshot::verify(&fixture("frozen.jsonl.zst"), |_| {}).unwrap();
    assert_eq!(summary.records, 120);
    let orders: u64 = summary.counts.values().filter_map(|kinds| kinds.get(&Kind::Order)).sum();
    assert_eq!(orders, 12);
    assert_eq!(summary.sha256.to_string(), SNAPSHOT);
}
