//! Batches before the simulator: parts, resumption, and what fails as a whole.

use crate::scene::{Scene, cx};
use flowcontrol_contract::KsefProvider;
use flowcontrol_contract::error::{ErrorKind, Result};
use flowcontrol_contract::ksef::{InvoiceState, Submitted};
use flowcontrol_ksef::Ksef;
use flowcontrol_ksef_testkit::invoices::{another_of, invoice};

fn files() -> Vec<Vec<u8>> {
    (0..8).map(|n| invoice(&format!("FV/{n}"))).collect()
}

async fn submit(client: &Ksef, files: &[Vec<u8>]) -> Result<Vec<Submitted>> {
    client.submit_batch(&cx(), &mut files.iter().cloned().map(Ok), false).await
}

async fn accepted(scene: &Scene, client: &Ksef) {
    scene.received_all(8).await;
    for xml in files() {
        let told = scene.status(client, &xml).await.unwrap();
        assert!(matches!(told.state, InvoiceState::Accepted { .. }), "{told:?}");
    }
}

#[tokio::test]
async fn a_batch_in_parts_is_accepted_and_leaves_no_part_behind() {
    let scene = Scene::new().await;
    let client = scene.client();
    let told = submit(&client, &files()).await.unwrap();
    assert_eq!(told.len(), 8);
    accepted(&scene, &client).await;
    let upo = client.upo(&cx(), &told[3].invoice).await.unwrap();
    assert_eq!(upo.invoice, told[3].invoice);
    let mut folders = vec![scene.folder.path().join("client")];
    while let Some(path) = folders.pop() {
        if path.is_dir() {
            folders.extend(std::fs::read_dir(&path).unwrap().map(|f| f.unwrap().path()));
        }
        assert!(path.extension().is_none_or(|e| e != "bin"), "{}", path.display());
    }
}

#[tokio::test]
async fn a_batch_goes_on_where_it_stopped() {
    for fault in [
        "open-batch:status=504*9",
        "upload:status=500*9",
        "upload:status=403*9",
        "close-batch:status=504*9",
        "close-batch:status-after=504*9",
        "close-batch:refuse=21208*2",
    ] {
        let scene = Scene::new().await;
        scene.plan(fault);
        let error = submit(&scene.client(), &files()).await.unwrap_err();
        assert!(!error.message().is_empty());
        scene.simulator.faults().clear();
        // Another process, the same files.
        let client = scene.client();
        submit(&client, &files()).await.unwrap_or_else(|e| panic!("{fault}: {e:?}"));
        accepted(&scene, &client).await;
    }
}

#[tokio::test]
async fn what_was_sent_before_is_left_out_by_name() {
    let scene = Scene::new().await;
    let client = scene.client();
    scene.submit(&client, &files()[2]).await.unwrap();
    let error = submit(&client, &files()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("FV/2 was submitted already"), "{error}");
    assert_eq!(scene.received(), 1);
    let twice = [files(), files()].concat();
    let error = submit(&client, &twice).await.unwrap_err();
    assert!(error.message().contains("is in the batch twice"), "{error}");
}

#[tokio::test]
async fn a_mixed_batch_keeps_each_invoices_own_reason() {
    let scene = Scene::new().await;
    let client = scene.client();
    // The number of one of them is taken already, by other bytes.
    scene.submit(&client, &another_of("FV/5")).await.unwrap();
    submit(&client, &files()).await.unwrap();
    scene.received_all(9).await;
    for (n, xml) in files().iter().enumerate() {
        let state = scene.status(&client, xml).await.unwrap().state;
        match n {
            5 => assert!(matches!(state, InvoiceState::NumberTaken { .. }), "{state:?}"),
            _ => assert!(matches!(state, InvoiceState::Accepted { .. }), "{state:?}"),
        }
    }
}
