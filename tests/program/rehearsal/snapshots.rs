//! A snapshot that is not the one that was frozen is a NO-GO.

use crate::external::External;
use crate::rehearsal::scene::{self, Reads, Scene};
use crate::support;
use flowcontrol::config::{Overrides, Settings};
use flowcontrol::progress::Progress;
use flowcontrol::rehearsal::{Order, rehearse};
use flowcontrol_base::Exit;
use flowcontrol_contract::Digest;
use flowcontrol_gates::outcome::StepId;
use flowcontrol_servers::TargetChoice;
use flowcontrol_snapshot::import;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;

#[tokio::test]
async fn a_snapshot_replaced_before_the_replay_names_both_digests() {
    let test = "a_snapshot_replaced_before_the_replay_names_both_digests";
    if support::server_or_skip(test).is_none() {
        return;
    }
    let scene = Scene::frozen().await;
    let other = scene::freeze(&scene.snapshot, 8);
    assert_ne!(other.sha256, scene.summary.sha256);
    let store = scene.open(&scene.database.logins.replayer, Reads::AndWrites).await.unwrap();
    let failure = import(&scene.snapshot, scene.summary.sha256, &*store, |_| {}).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Check);
    assert!(failure.message.contains(&scene.summary.sha256.short()), "{failure}");
    assert!(failure.message.contains(&other.sha256.short()), "{failure}");
}

/// Puts another snapshot in the place of the frozen one once the progress says `at`.
struct Swapper {
    runs: PathBuf,
    other: PathBuf,
    at: &'static str,
}

impl Write for Swapper {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if String::from_utf8_lossy(text).contains(self.at) {
            for run in std::fs::read_dir(&self.runs)? {
                let frozen = run?.path().join("snapshot.jsonl.zst");
                let beside = frozen.with_extension("other");
                std::fs::copy(&self.other, &beside)?;
                std::fs::rename(beside, frozen)?;
            }
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_replaced_while_it_is_in_use_is_a_no_go() {
    if support::server_or_skip("a_snapshot_replaced_while_it_is_in_use_is_a_no_go").is_none() {
        return;
    }
    let external = External::new("swap").await;
    external.place.seed(60, 2);
    let other = external.place.secrets().join("other.jsonl.zst");
    let other_digest = scene::freeze(&other, 8).sha256;
    let file = external.place.work().join("flowcontrol.toml");
    let settings = Settings::load(
        &Overrides { file: Some(file), ..Overrides::default() },
        Arc::new(flowcontrol::registry::built_in()),
    )
    .unwrap();
    for (at, step) in [("replay: begun", StepId::Replay), ("verify: begun", StepId::Verify)] {
        let progress = Progress::lines(Swapper {
            runs: settings.state().join("rehearsals"),
            other: other.clone(),
            at,
        });
        let order = Order {
            target: TargetChoice::External,
            snapshot: None,
            resume: None,
            ran: "rehearse --target external".into(),
            without: &[],
        };
        let (_sender, stop) = watch::channel(false);
        let done = Box::pin(rehearse(&settings, &order, &progress, stop)).await.unwrap();
        assert_eq!(done.exit, Exit::Check, "{step}");
        let found = done.report.step(step).unwrap().detail.clone().unwrap();
        let frozen: Digest = done.report.snapshot.as_ref().unwrap().sha256;
        assert!(found.contains(&frozen.short()), "{found}");
        assert!(found.contains(&other_digest.short()), "{found}");
        assert_eq!(external.databases().await, Vec::<String>::new());
    }
    external.place.evidence_verifies();
}

fn damage(from: &Path, to: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(from).unwrap();
    change(&mut bytes);
    std::fs::write(to, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_or_truncated_snapshot_makes_no_database() {
    if support::server_or_skip("an_edited_or_truncated_snapshot_makes_no_database").is_none() {
        return;
    }
    let external = External::new("edited").await;
    let work = external.place.work();
    for (name, suffix) in [("plain", "jsonl"), ("packed", "jsonl.zst")] {
        let good = work.join(format!("{name}.{suffix}"));
        scene::freeze(&good, 7);
        let bad = work.join(format!("bad-{name}.{suffix}"));
        let half = std::fs::metadata(&good).unwrap().len() / 2;
        let half = usize::try_from(half).unwrap();
        type Change = Box<dyn FnOnce(&mut Vec<u8>)>;
        let changes: [(&str, Change); 4] = [
            ("one byte", Box::new(move |b| b[half] ^= 1)),
            ("cut in the middle", Box::new(move |b| b.truncate(half))),
            ("the last byte cut", Box::new(|b| b.truncate(b.len() - 1))),
            ("empty", Box::new(Vec::clear)),
        ];
        for (what, change) in changes {
            damage(&good, &bad, change);
            let file = bad.display().to_string();
            let ended = external
                .place
                .run(&["--format", "json", "rehearse", "--target", "external", "--snapshot", &file])
                .expect(1);
            let report = ended.json();
            assert!(report["target"].is_null(), "{name}, {what}: {report:#}");
            assert!(ended.out.contains(&file), "{name}, {what}: {ended}");
            assert_eq!(external.databases().await, Vec::<String>::new(), "{name}, {what}");
        }
    }
    external.place.evidence_verifies();
}
