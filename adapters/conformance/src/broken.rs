//! Proves that the suite can fail.
//!
//! The reference store passes every case. Each [`Defect`] breaks it in one way and names the case
//! that must notice; a case that no defect names, or that does not notice its defect, fails here.

mod append;
mod audit;
mod content;
mod defect;
mod fence;
mod import;
mod read;
mod roster;
mod store;
mod view;

use crate::store::{Case, StoreFixture, cases, run};
use async_trait::async_trait;
use defect::Defect;
use flowcontrol_contract::ScenarioStore;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use store::Broken;

/// Creates reference stores with one defect, or none.
struct Fixture {
    defect: Option<Defect>,
    scale: u64,
    made: Mutex<BTreeMap<String, Broken>>,
}

impl Fixture {
    fn new(defect: Option<Defect>, scale: u64) -> Self {
        Self { defect, scale, made: Mutex::default() }
    }
}

#[async_trait]
impl StoreFixture for Fixture {
    async fn fresh(&self) -> Arc<dyn ScenarioStore> {
        let mut made = self.made.lock().unwrap();
        let name = format!("memory {}", made.len());
        let store = Broken::new(&name, self.defect);
        made.insert(name, store.clone());
        Arc::new(store)
    }

    async fn reopen(&self, store: Arc<dyn ScenarioStore>) -> Arc<dyn ScenarioStore> {
        let name = store.info().endpoint;
        // An adapter may hold a lock that only its last handle releases.
        assert_eq!(Arc::strong_count(&store), 1, "the case keeps another handle");
        let store = self.made.lock().unwrap()[&name].clone();
        roster::reopened(&store).await;
        Arc::new(store)
    }

    fn scale(&self) -> u64 {
        self.scale
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_reference_store_passes_at_full_scale() {
    let report = run(&Fixture::new(None, 100_000)).await;
    assert!(report.failed.is_empty(), "{report}");
    assert_eq!(report.passed.len(), cases().len());
}

#[tokio::test]
async fn the_reference_store_passes_on_one_thread() {
    crate::store::assert_all(&Fixture::new(None, 3_000)).await;
}

#[tokio::test]
async fn every_case_notices_its_defects() {
    let by_name: BTreeMap<_, Case> = cases().into_iter().map(|c| (c.name(), c)).collect();
    let mut unnoticed = Vec::new();
    for &defect in Defect::ALL {
        let case = by_name[defect.case()];
        if case.run(&Fixture::new(Some(defect), 3_000)).await.is_ok() {
            unnoticed.push(format!("{} passes although the store {defect:?}", case.name()));
        }
    }
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

#[test]
fn every_case_can_fail() {
    let shown: BTreeSet<_> = Defect::ALL.iter().map(|defect| defect.case()).collect();
    let names: Vec<_> = cases().iter().map(Case::name).collect();
    let never: Vec<_> = names.iter().filter(|name| !shown.contains(*name)).collect();
    assert!(never.is_empty(), "no defect makes these cases fail: {never:?}");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "two cases of one name");
}

#[tokio::test]
async fn a_failure_says_what_was_expected_and_what_came() {
    let report = run(&Fixture::new(Some(Defect::AcceptsAnyActor), 10)).await;
    let (name, why) = report.failed.first().unwrap();
    assert_eq!(*name, "append/refuses_an_unknown_actor");
    assert!(why.contains("expected invalid input, got Appended"), "{why}");
    assert!(report.to_string().contains(why));
}

#[tokio::test]
async fn a_panic_of_the_store_fails_one_case_only() {
    let report = run(&Fixture::new(Some(Defect::PanicsWhenAsked), 10)).await;
    let failed: BTreeMap<_, _> = report.failed.into_iter().collect();
    let why = &failed["read/finds_each_record_by_id"];
    assert!(why.contains("it panicked: deliberately, asked for rec-1"), "{why}");
    assert!(report.passed.contains(&"append/starts_at_one"));
}
